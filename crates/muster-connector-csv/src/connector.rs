//! The CSV connector behind the contract: every call leaves the async threads for the file.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use muster_connector::paths::check_within;
use muster_connector::{
    Capabilities, ChangeFeed, ClassPart, ClassProblem, Connector, ConnectorError, ConnectorKind, Durable,
    Entry, FileRoots, Host, OfferedAttribute, OfferedClass, Place, Properties, PropertyProblem, RemoteClass,
    Sweep, SweepRequest, Writer,
};
use muster_model::AttributeName;

use crate::body::{Met, beginning, next_record, scanner_at};
use crate::entry::{EntryReader, Judged};
use crate::layout::{Layout, Learned, Wanted, learn};
use crate::settings::{Access, Heading, Settings};
use crate::source::{SourceFile, unreadable};
use crate::sweep::{CsvSweep, stopped};
use crate::whole::ReadThrough;
use crate::writer::CsvWriter;

/// The kind of connector for CSV files, `csv`.
#[derive(Debug, Clone, Copy, Default)]
pub struct CsvKind;

#[async_trait]
impl ConnectorKind for CsvKind {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn check(&self, properties: &Properties) -> Vec<PropertyProblem> {
        Settings::parse(properties).err().unwrap_or_default()
    }

    fn check_class(
        &self,
        properties: &Properties,
        class: &RemoteClass,
        files: &FileRoots,
    ) -> Vec<ClassProblem> {
        let path = check_within(files, &class.remote_name).err();
        let path = path.map(|message| ClassProblem { part: ClassPart::RemoteName, message });
        let key = Settings::parse(properties).ok().and_then(|settings| lacking_key(&settings, class));
        path.into_iter().chain(key).collect()
    }

    fn place(&self, class: &RemoteClass, place: Place) -> String {
        format!("`{}` line {}", class.remote_name, place.0)
    }

    fn file<'a>(&self, class: &'a RemoteClass) -> Option<&'a str> {
        Some(&class.remote_name)
    }

    /// Wrong properties can do nothing: they cannot be opened.
    fn capabilities(&self, properties: &Properties) -> Capabilities {
        match Settings::parse(properties) {
            Ok(settings) => settings.capabilities(),
            Err(_) => Capabilities { write: false, enable: false, ..CAPABLE },
        }
    }

    async fn open(&self, properties: &Properties, host: &Host) -> Result<Box<dyn Connector>, ConnectorError> {
        let settings = Settings::parse(properties)?;
        Ok(Box::new(CsvConnector { settings: Arc::new(settings), roots: host.files.clone() }))
    }
}

/// Without a header it is known beforehand which columns there are.
fn lacking_key(settings: &Settings, class: &RemoteClass) -> Option<ClassProblem> {
    let key = class.uid_attribute.as_str();
    match &settings.heading {
        Heading::Given(columns) if !columns.iter().any(|column| column == key) => {
            let message = format!("`{key}` is not among `columns` of the connector");
            Some(ClassProblem { part: ClassPart::UidAttribute, message })
        }
        Heading::Given(_) | Heading::FirstRecord { .. } => None,
    }
}

/// What every file can do, if it may be written and says who is enabled.
const CAPABLE: Capabilities = Capabilities {
    write: true,
    enable: true,
    rename: false,
    references_must_exist: false,
    create_is_found: true,
    changes: ChangeFeed::None,
    durable: Durable::AtClose,
};

impl Settings {
    fn capabilities(&self) -> Capabilities {
        Capabilities { write: self.access == Access::ReadWrite, enable: self.enabled.is_some(), ..CAPABLE }
    }
}

/// Files read and written by the same rules.
struct CsvConnector {
    settings: Arc<Settings>,
    roots: FileRoots,
}

impl CsvConnector {
    /// Does something with files where blocking is allowed.
    async fn blocking<T: Send + 'static>(
        &self,
        act: impl FnOnce(&FileRoots, &Arc<Settings>) -> Result<T, ConnectorError> + Send + 'static,
    ) -> Result<T, ConnectorError> {
        let (roots, settings) = (self.roots.clone(), self.settings.clone());
        let done = tokio::task::spawn_blocking(move || act(&roots, &settings)).await;
        done.map_err(|_| stopped())?
    }
}

#[async_trait]
impl Connector for CsvConnector {
    fn capabilities(&self) -> Capabilities {
        self.settings.capabilities()
    }

    async fn probe(&self, class: &RemoteClass) -> Result<(), ConnectorError> {
        let class = class.clone();
        self.blocking(move |roots, settings| probe(roots, settings, &class)).await
    }

    /// The columns of the files that are there.
    async fn discover(&self, classes: &[RemoteClass]) -> Result<Vec<OfferedClass>, ConnectorError> {
        let classes = classes.to_vec();
        let offered = move |roots: &FileRoots, settings: &Arc<Settings>| {
            classes.iter().map(|class| offered(roots, settings, class)).collect()
        };
        self.blocking(offered).await
    }

    async fn sweep(&self, request: SweepRequest) -> Result<Box<dyn Sweep>, ConnectorError> {
        Ok(Box::new(CsvSweep::begin(self.roots.clone(), self.settings.clone(), request).await?))
    }

    async fn read(&self, class: &RemoteClass, uids: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        let (class, wanted) = (class.clone(), uids.iter().cloned().collect());
        self.blocking(move |roots, settings| {
            read_records(roots, settings, (&class, &class.uid_attribute), wanted)
        })
        .await
    }

    async fn find(&self, class: &RemoteClass, names: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        let (class, wanted) = (class.clone(), names.iter().cloned().collect());
        self.blocking(move |roots, settings| {
            read_records(roots, settings, (&class, class.naming_attribute()), wanted)
        })
        .await
    }

    async fn writer(&self, class: &RemoteClass) -> Result<Box<dyn Writer>, ConnectorError> {
        if self.settings.access == Access::ReadOnly {
            let message = format!("`{}` is not to be written: `writable` is `false`", class.remote_name);
            return Err(ConnectorError::Unusable { message });
        }
        let class = class.clone();
        let writer = self.blocking(move |roots, settings| CsvWriter::open(roots, settings, &class)).await?;
        Ok(Box::new(writer))
    }
}

fn probe(roots: &FileRoots, settings: &Settings, class: &RemoteClass) -> Result<(), ConnectorError> {
    layout_of(roots, settings, class).map(|_| ())
}

fn layout_of(
    roots: &FileRoots,
    settings: &Settings,
    class: &RemoteClass,
) -> Result<Box<Layout>, ConnectorError> {
    let source = SourceFile::open(roots, &class.remote_name, settings.encoding)?;
    let scanner = scanner_at(&source, settings, beginning(&source));
    let mut scanner = scanner.map_err(|error| unreadable(&source.shown, &error))?;
    match learn(Wanted { shown: &source.shown, class, settings }, &mut scanner)? {
        Learned::Layout(layout) => Ok(layout),
        Learned::Empty => Err(ConnectorError::Unusable {
            message: format!("`{}` is empty; put at least a header there", source.shown),
        }),
    }
}

fn offered(
    roots: &FileRoots,
    settings: &Settings,
    class: &RemoteClass,
) -> Result<OfferedClass, ConnectorError> {
    let layout = layout_of(roots, settings, class)?;
    let is_multi_valued =
        |name: &str| class.attributes.iter().any(|known| known.name.as_str() == name && known.multi_valued);
    let columns = layout.columns.iter().enumerate().filter(|(_, name)| !name.is_empty());
    let attributes = columns.map(|(position, name)| OfferedAttribute {
        multi_valued: is_multi_valued(name),
        required: position == layout.key,
        unique: position == layout.key,
        writable: settings.access == Access::ReadWrite,
        ..OfferedAttribute::new(name.as_str())
    });
    Ok(OfferedClass {
        remote_name: class.remote_name.clone(),
        description: None,
        attributes: attributes.collect(),
    })
}

/// Reads through the file until all keys are met. Of a key that stands there twice the first record counts, as
/// in a sweep. Of other columns all records count that hold what is wanted.
///
/// What is not met is left out only when the file could be read to its end, and together with the first
/// bad record that may be its account.
fn read_records(
    roots: &FileRoots,
    settings: &Settings,
    (class, by): (&RemoteClass, &AttributeName),
    mut wanted: HashSet<String>,
) -> Result<Vec<Entry>, ConnectorError> {
    let mut found = Vec::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let source = SourceFile::open(roots, &class.remote_name, settings.encoding)?;
    let shown = source.shown.as_str();
    let failed = |error| unreadable(shown, &error);
    let not_whole = |message| ConnectorError::Transient { message, retry_after: None };
    let mut scanner = scanner_at(&source, settings, beginning(&source)).map_err(failed)?;
    let Learned::Layout(layout) = learn(Wanted { shown, class, settings }, &mut scanner)? else {
        return Err(not_whole(format!(
            "`{shown}` is empty, not even a header is there; deliver the whole file"
        )));
    };
    let reader = EntryReader { shown, settings, layout: &layout };
    let Some(column) = layout.columns.iter().position(|name| name == by.as_str()) else {
        return Err(ConnectorError::Unusable { message: format!("`{shown}` has no column `{by}`") });
    };
    let is_key = column == layout.key;
    let (mut spans, mut count, mut doubtful) = (Vec::new(), 0, None);
    let ending = loop {
        let record = match next_record(&mut scanner, settings).map_err(failed)? {
            Met::Record(record) => record,
            Met::Ending(ending) => break ending,
        };
        count += 1;
        match reader.judge(&record, scanner.bytes(), &mut spans) {
            Judged::Sound { text } => {
                let cell = settings.cells.dialect.text(text, spans[column]);
                let is_wanted = if is_key { wanted.remove(&*cell) } else { wanted.contains(&*cell) };
                if is_wanted {
                    found.push(Entry::Account(reader.account(&record, text, &spans)));
                }
            }
            Judged::Bad(bad) => match &bad.uid {
                Some(uid) if is_key && wanted.remove(uid) => found.push(Entry::Bad(bad)),
                Some(_) => {}
                None => doubtful = doubtful.or(Some(Entry::Bad(bad))),
            },
        }
        if wanted.is_empty() {
            return source.check_content().map(|()| found).map_err(not_whole);
        }
    };
    source.check_unchanged().map_err(not_whole)?;
    ReadThrough { shown, count, ending: &ending }.check_ending(settings).map_err(not_whole)?;
    found.extend(doubtful);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_checked_before_its_file_is_opened() {
        let files = FileRoots { own: "/data".into(), further: vec!["/srv/shared".into()] };
        let given = [("header", "false"), ("columns", "no,name")];
        let broken = [("header", "perhaps")];
        for (properties, path, key, expected) in [
            (&[][..], "in/hr.csv", "no", &[][..]),
            (&[], "/srv/shared/hr.csv", "no", &[]),
            (&[], "../../etc/passwd", "no", &[ClassPart::RemoteName]),
            (&[], "/etc/passwd", "no", &[ClassPart::RemoteName]),
            (&[], "in/", "no", &[ClassPart::RemoteName]),
            (&given, "hr.csv", "name", &[]),
            (&given, "/hr.csv", "mail", &[ClassPart::RemoteName, ClassPart::UidAttribute]),
            (&broken, "..", "mail", &[ClassPart::RemoteName]),
        ] {
            let properties =
                properties.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            let class = RemoteClass::new(path, key);
            let found: Vec<_> = CsvKind
                .check_class(&properties, &class, &files)
                .into_iter()
                .map(|found| found.part)
                .collect();
            assert_eq!(found, expected, "{path} {key}");
        }
    }
}
