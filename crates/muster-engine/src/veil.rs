//! The veil over a connector that was given secrets: wherever a message of it holds the value of one, the reference to
//! it stands instead. Changes nothing else of what a connector says or does.

use std::sync::Arc;

use async_trait::async_trait;
use muster_connector::{
    BadEntry, Capabilities, Connector, ConnectorError, Entry, OfferedClass, Operation, Page, RemoteClass,
    Snapshot, Step, Sweep, SweepEnd, SweepRequest, TestedStep, WriteResult, Writer,
};
use muster_model::SecretName;
use muster_model::secret::reference;
use secrecy::{ExposeSecret, SecretString};

/// A value of fewer letters may be a part of any word.
const SHORT: usize = 4;

/// The values that are not to be told, the longest first.
#[derive(Clone, Default)]
pub(crate) struct Veil(Arc<[(SecretName, SecretString)]>);

struct Veiled<T> {
    inner: T,
    veil: Veil,
}

impl Veil {
    pub(crate) fn new(mut values: Vec<(SecretName, SecretString)>) -> Self {
        values.sort_by_key(|(_, value)| std::cmp::Reverse(value.expose_secret().len()));
        Self(values.into())
    }

    /// The connector under the veil; where nothing is secret as it is.
    pub(crate) fn over(self, connector: Box<dyn Connector>) -> Box<dyn Connector> {
        if self.0.is_empty() { connector } else { Box::new(Veiled { inner: connector, veil: self }) }
    }

    pub(crate) fn over_error(&self, mut error: ConnectorError) -> ConnectorError {
        let (ConnectorError::Transient { message, .. }
        | ConnectorError::Rejected { message }
        | ConnectorError::Conflict { message }
        | ConnectorError::Missing { message }
        | ConnectorError::Outdated { message }
        | ConnectorError::Unusable { message }) = &mut error;
        self.over_text(message);
        error
    }

    pub(crate) fn over_step(&self, TestedStep { step, result }: TestedStep) -> TestedStep {
        let over_found = |mut found: String| {
            self.over_text(&mut found);
            found
        };
        TestedStep { step, result: result.map(over_found).map_err(|error| self.over_error(error)) }
    }

    fn over_text(&self, text: &mut String) {
        for (name, value) in self.0.iter() {
            *text = replaced(text, value.expose_secret(), &reference(name));
        }
    }

    fn over_entries(&self, entries: &mut [Entry]) {
        for entry in entries {
            match entry {
                Entry::Bad(BadEntry { message, .. }) => self.over_text(message),
                Entry::Account(_) | Entry::Gone(_) => {}
            }
        }
    }
}

/// A text with something else in the place of a value. A short one is a part of many words, and is replaced where it stands
/// alone.
fn replaced(text: &str, value: &str, by: &str) -> String {
    let is_part = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    let is_short = value.chars().count() < SHORT;
    let (mut replaced, mut end) = (String::with_capacity(text.len()), 0);
    for (at, _) in text.match_indices(value) {
        let after = at + value.len();
        if is_short && (is_part(text[..at].chars().next_back()) || is_part(text[after..].chars().next())) {
            continue;
        }
        replaced.push_str(&text[end..at]);
        replaced.push_str(by);
        end = after;
    }
    replaced.push_str(&text[end..]);
    replaced
}

#[async_trait]
impl Connector for Veiled<Box<dyn Connector>> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn probe(&self, class: &RemoteClass) -> Result<(), ConnectorError> {
        self.inner.probe(class).await.map_err(|error| self.veil.over_error(error))
    }

    async fn discover(&self, classes: &[RemoteClass]) -> Result<Vec<OfferedClass>, ConnectorError> {
        self.inner.discover(classes).await.map_err(|error| self.veil.over_error(error))
    }

    async fn sweep(&self, request: SweepRequest) -> Result<Box<dyn Sweep>, ConnectorError> {
        let inner = self.inner.sweep(request).await.map_err(|error| self.veil.over_error(error))?;
        Ok(Box::new(Veiled { inner, veil: self.veil.clone() }))
    }

    async fn read(&self, class: &RemoteClass, uids: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        let mut entries = self.inner.read(class, uids).await.map_err(|error| self.veil.over_error(error))?;
        self.veil.over_entries(&mut entries);
        Ok(entries)
    }

    async fn find(&self, class: &RemoteClass, names: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        let mut entries = self.inner.find(class, names).await.map_err(|error| self.veil.over_error(error))?;
        self.veil.over_entries(&mut entries);
        Ok(entries)
    }

    async fn writer(&self, class: &RemoteClass) -> Result<Box<dyn Writer>, ConnectorError> {
        let inner = self.inner.writer(class).await.map_err(|error| self.veil.over_error(error))?;
        Ok(Box::new(Veiled { inner, veil: self.veil.clone() }))
    }
}

#[async_trait]
impl Sweep for Veiled<Box<dyn Sweep>> {
    fn snapshot(&self) -> Option<Snapshot> {
        self.inner.snapshot()
    }

    async fn next(&mut self) -> Result<Step, ConnectorError> {
        let mut step = self.inner.next().await.map_err(|error| self.veil.over_error(error))?;
        match &mut step {
            Step::Page(Page { entries, .. }) => self.veil.over_entries(entries),
            Step::End(SweepEnd::CutShort { reason }) => self.veil.over_text(reason),
            Step::End(SweepEnd::Complete { .. }) => {}
        }
        Ok(step)
    }
}

#[async_trait]
impl Writer for Veiled<Box<dyn Writer>> {
    async fn write(&mut self, operations: Vec<Operation>) -> Vec<WriteResult> {
        let outcomes = self.inner.write(operations).await.into_iter();
        outcomes.map(|outcome| outcome.map_err(|error| self.veil.over_error(error))).collect()
    }

    async fn close(self: Box<Self>) -> Result<(), ConnectorError> {
        let Self { inner, veil } = *self;
        inner.close().await.map_err(|error| veil.over_error(error))
    }
}

#[cfg(test)]
mod tests {
    use muster_connector::memory::{CAPABLE, MemoryKind, MemorySystem};
    use muster_connector::{ConnectorKind, FileRoots, Host, Properties};

    use super::*;

    const SECRET: &str = "s3cret";

    fn veil() -> Veil {
        let secret = |name: &str, value: &str| (name.parse().unwrap(), SecretString::from(value));
        Veil::new(vec![secret("short", "s3c"), secret("long", SECRET)])
    }

    #[test]
    fn values_are_told_by_their_names() {
        let message = format!("{SECRET} is wrong, so is s3c");
        let retry_after = None;
        let told = "${secret:long} is wrong, so is ${secret:short}";
        for error in [
            ConnectorError::Transient { message: message.clone(), retry_after },
            ConnectorError::Rejected { message: message.clone() },
            ConnectorError::Conflict { message: message.clone() },
            ConnectorError::Missing { message: message.clone() },
            ConnectorError::Outdated { message: message.clone() },
            ConnectorError::Unusable { message: message.clone() },
        ] {
            assert_eq!(veil().over_error(error).to_string(), told);
        }
        let mut entries = [Entry::Bad(BadEntry { place: muster_connector::Place(1), uid: None, message })];
        veil().over_entries(&mut entries);
        assert!(matches!(&entries, [Entry::Bad(BadEntry { message, .. })] if message == told));
    }

    #[test]
    fn short_values_are_no_parts_of_words() {
        for (text, value, told) in [
            ("a bad answer, a", "a", "* bad answer, *"),
            ("bad, and `ba`", "ba", "bad, and `*`"),
            ("1234 and 12345", "1234", "* and *5"),
            ("\u{e9}t\u{e9} t", "t", "\u{e9}t\u{e9} *"),
        ] {
            assert_eq!(replaced(text, value, "*"), told);
        }
    }

    #[tokio::test]
    async fn a_connector_under_the_veil_does_the_same_and_tells_less() {
        let kind = MemoryKind { name: "memory", system: MemorySystem::new(CAPABLE) };
        let files = FileRoots { own: "/nonexistent".into(), further: Vec::new() };
        let host = Host::new("acme".parse().unwrap(), files);
        let bare = kind.open(&Properties::new(), &host).await.unwrap();
        let connector = veil().over(bare);
        let class = RemoteClass::new("person", "id");
        let create = || Operation::Create { uid: SECRET.to_owned(), attributes: Vec::new(), enabled: true };
        let mut writer = connector.writer(&class).await.unwrap();
        let outcomes = writer.write(vec![create(), create()]).await;
        writer.close().await.unwrap();
        assert!(outcomes[0].is_ok());
        assert_eq!(outcomes[1].as_ref().unwrap_err().to_string(), "`${secret:long}` exists already");
        let read = connector.read(&class, &[SECRET.to_owned()]).await.unwrap();
        assert!(matches!(&read[..], [Entry::Account(account)] if account.uid == SECRET));
        assert_eq!(connector.capabilities(), CAPABLE);
    }
}
