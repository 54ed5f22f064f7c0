//! A directory of files and shorthands for what tests do with them.

use std::fs;
use std::path::PathBuf;

use muster_connector::{
    Account, Connector, ConnectorError, ConnectorKind, Cursor, Entry, FileRoots, Host, Operation, Page,
    Properties, Reads, RemoteAttribute, RemoteClass, Step, SweepEnd, SweepRequest, Writer,
};
use muster_connector_csv::CsvKind;
use muster_model::Field;

/// A tenant's directory.
pub(crate) struct Files {
    _holder: tempfile::TempDir,
    pub(crate) own: PathBuf,
    pub(crate) roots: FileRoots,
}

impl Files {
    pub(crate) fn new() -> Self {
        let holder = tempfile::tempdir().unwrap();
        let own = holder.path().canonicalize().unwrap().join("own");
        fs::create_dir(&own).unwrap();
        let roots = FileRoots { own: own.clone(), further: vec![] };
        Self { _holder: holder, own, roots }
    }

    /// A directory that holds `people.csv`.
    pub(crate) fn with(people: impl AsRef<[u8]>) -> Self {
        let files = Self::new();
        files.put(people);
        files
    }

    pub(crate) fn put(&self, people: impl AsRef<[u8]>) {
        fs::write(self.own.join("people.csv"), people).unwrap();
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        fs::read(self.own.join("people.csv")).unwrap()
    }

    /// The names of all files there are.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.own).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) async fn open(&self, given: &[(&str, &str)]) -> Box<dyn Connector> {
        CsvKind
            .open(&properties(given), &Host::new("acme".parse().unwrap(), self.roots.clone()))
            .await
            .unwrap()
    }
}

pub(crate) fn properties(given: &[(&str, &str)]) -> Properties {
    given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// The class of `people.csv` with the key `id`; a name with `*` is multi-valued, none means all.
pub(crate) fn class(attributes: &[&str]) -> RemoteClass {
    let attributes = attributes.iter().map(|name| RemoteAttribute {
        name: name.trim_end_matches('*').into(),
        multi_valued: name.ends_with('*'),
    });
    RemoteClass { attributes: attributes.collect(), ..RemoteClass::new("people.csv", "id") }
}

pub(crate) fn request(class: &RemoteClass) -> SweepRequest {
    SweepRequest {
        class: class.clone(),
        reads: Reads::All,
        page_size: 100.into(),
        resume: None,
        last_count: None,
    }
}

/// All that a sweep gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Swept {
    pub(crate) pages: Vec<Page>,
    pub(crate) end: SweepEnd,
}

impl Swept {
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.pages.iter().flat_map(|page| page.entries.clone()).collect()
    }

    pub(crate) fn cursors(&self) -> Vec<Cursor> {
        self.pages.iter().map(|page| page.cursor.clone()).collect()
    }

    pub(crate) fn accounts(&self) -> Vec<Account> {
        let account = |entry| match entry {
            Entry::Account(account) => account,
            Entry::Bad(bad) => panic!("{}", bad.message),
            Entry::Gone(gone) => panic!("{} is gone", gone.uid),
        };
        self.entries().into_iter().map(account).collect()
    }

    /// The reason why it was cut short.
    pub(crate) fn reason(&self) -> &str {
        match &self.end {
            SweepEnd::CutShort { reason } => reason,
            SweepEnd::Complete { .. } => panic!("the sweep is complete"),
        }
    }
}

pub(crate) async fn try_sweep(
    connector: &dyn Connector,
    request: SweepRequest,
) -> Result<Swept, ConnectorError> {
    let mut sweep = connector.sweep(request).await?;
    let mut pages = Vec::new();
    loop {
        match sweep.next().await? {
            Step::Page(page) => pages.push(page),
            Step::End(end) => return Ok(Swept { pages, end }),
        }
    }
}

pub(crate) async fn sweep(connector: &dyn Connector, request: SweepRequest) -> Swept {
    try_sweep(connector, request).await.unwrap()
}

/// What a file of this content gives.
pub(crate) async fn read(content: impl AsRef<[u8]>, given: &[(&str, &str)], attributes: &[&str]) -> Swept {
    let files = Files::with(content);
    sweep(&*files.open(given).await, request(&class(attributes))).await
}

/// What becomes of operations that get no keys.
pub(crate) async fn written(
    writer: &mut dyn Writer,
    operations: Vec<Operation>,
) -> Vec<Result<(), ConnectorError>> {
    let outcomes = writer.write(operations).await.into_iter();
    outcomes.map(|outcome| outcome.map(|written| assert_eq!(written.given_uid, None))).collect()
}

/// One session of writes.
pub(crate) async fn write(
    connector: &dyn Connector,
    class: &RemoteClass,
    operations: Vec<Operation>,
) -> Vec<Result<(), ConnectorError>> {
    let mut writer = connector.writer(class).await.unwrap();
    let outcomes = written(writer.as_mut(), operations).await;
    writer.close().await.unwrap();
    outcomes
}

pub(crate) fn create(uid: &str, fields: &[(&str, Field)]) -> Operation {
    let mut attributes = vec![("id".into(), Field::text(uid))];
    attributes.extend(fields.iter().map(|(name, field)| ((*name).into(), field.clone())));
    Operation::Create { uid: uid.to_owned(), attributes, enabled: true }
}

pub(crate) fn replace(uid: &str, name: &str, field: Field) -> Operation {
    let write = muster_connector::AttributeWrite::Replace(field);
    Operation::Update { uid: uid.to_owned(), name: None, writes: vec![(name.into(), write)], enabled: None }
}

pub(crate) fn values(uid: &str, name: &str, add: &[&str], remove: &[&str]) -> Operation {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).into()).collect();
    let write = muster_connector::AttributeWrite::Values { add: texts(add), remove: texts(remove) };
    Operation::Update { uid: uid.to_owned(), name: None, writes: vec![(name.into(), write)], enabled: None }
}

pub(crate) fn delete(uid: &str) -> Operation {
    Operation::Delete { uid: uid.to_owned(), name: None }
}

pub(crate) fn many(texts: &[&str]) -> Field {
    Field::Many(texts.iter().map(|text| (*text).into()).collect())
}
