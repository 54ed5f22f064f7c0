//! CSV files, on real files: the first octet chooses the dialect, the rest is the file. Small pages give the same
//! entries and the same end as large ones, and a sweep that is taken up anywhere gives the rest.

use std::fs;
use std::path::Path;

use muster_connector::{
    Connector, ConnectorError, ConnectorKind, Cursor, Entry, FileRoots, Host, Reads, RemoteAttribute,
    RemoteClass, Step, SweepEnd, SweepRequest,
};
use muster_connector_csv::CsvKind;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const FILE: &str = "people.csv";
/// Of a page that holds all.
const MANY: usize = 1000;

/// The properties that the first octet chooses from.
const DIALECTS: [&[(&str, &str)]; 8] = [
    &[],
    &[("separator", ";"), ("quote", "'"), ("escape", "\\")],
    &[("header", "false"), ("columns", "id,name,tags"), ("nullToken", "\\N")],
    &[
        ("encoding", "windows-1252"),
        ("separator", "\\t"),
        ("emptyCell", "NULL"),
        ("quotedEmptyCell", "EMPTY"),
    ],
    &[("encoding", "UTF-16LE")],
    &[("encoding", "UTF-16")],
    &[("trailer", "END"), ("trailerCountColumn", "2")],
    &[("maximumCellBytes", "8"), ("enabledColumn", "name"), ("minimumRows", "2")],
];

/// What a sweep gave: entries, each with the cursor of its page, and the end.
type Swept = Result<(Vec<Entry>, Vec<Cursor>, SweepEnd), ConnectorError>;

pub(crate) fn run(octets: &[u8]) {
    let Some((first, file)) = octets.split_first() else { return };
    PLACE.with(|place| place.check(DIALECTS[usize::from(*first) % DIALECTS.len()], file));
}

thread_local! {
    /// One directory for all files, one after the other.
    static PLACE: Place = Place::make();
}

struct Place {
    runtime: Runtime,
    directory: TempDir,
}

impl Place {
    #[expect(clippy::expect_used, reason = "a machine without a directory cannot be tested on")]
    fn make() -> Self {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        Self { runtime, directory: tempfile::tempdir().expect("a directory") }
    }

    #[expect(clippy::expect_used, reason = "the properties are right, or nothing is tested")]
    fn check(&self, dialect: &[(&str, &str)], file: &[u8]) {
        let own = self.directory.path();
        fs::write(own.join(FILE), file).expect("a file");
        self.runtime.block_on(async {
            let properties =
                dialect.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            let connector = CsvKind.open(&properties, &host(own)).await.expect("a connector");
            compare(&*connector).await;
        });
    }
}

fn host(own: &Path) -> Host {
    Host::new("acme".parse().expect("a slug"), FileRoots { own: own.to_owned(), further: Vec::new() })
}

async fn compare(connector: &dyn Connector) {
    let at_once = sweep(connector, MANY, None).await;
    let bit_by_bit = sweep(connector, 1, None).await;
    let (Ok((entries, _, end)), Ok((same, cursors, same_end))) = (&at_once, &bit_by_bit) else {
        return assert_eq!(at_once, bit_by_bit);
    };
    assert_eq!((entries, end), (same, same_end));
    let middle = cursors.len() / 2;
    if let Some(cursor) = cursors.get(middle) {
        let rest = sweep(connector, MANY, Some(cursor.clone())).await.map(|(rest, _, end)| (rest, end));
        assert_eq!(rest, Ok((entries[middle + 1..].to_vec(), end.clone())));
    }
}

async fn sweep(connector: &dyn Connector, page_size: usize, resume: Option<Cursor>) -> Swept {
    let request = SweepRequest {
        class: class(),
        reads: Reads::All,
        page_size: page_size.into(),
        resume,
        last_count: None,
    };
    let mut sweep = connector.sweep(request).await?;
    let (mut entries, mut cursors) = (Vec::new(), Vec::new());
    loop {
        match sweep.next().await? {
            Step::Page(page) => {
                entries.extend(page.entries);
                cursors.push(page.cursor);
            }
            Step::End(end) => return Ok((entries, cursors, end)),
        }
    }
}

fn class() -> RemoteClass {
    let attribute = |name: &str, multi_valued| RemoteAttribute { name: name.into(), multi_valued };
    RemoteClass {
        attributes: vec![attribute("id", false), attribute("name", false)],
        ..RemoteClass::new(FILE, "id")
    }
}
