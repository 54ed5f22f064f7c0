//! The connector passes the suite of all connectors, in several dialects.

use std::sync::Mutex;

use async_trait::async_trait;
use muster_connector::conformance::{Fixture, Sample, conforms};
use muster_connector::{Connector, RemoteClass};
use muster_model::AttributeName;

use crate::place::{Files, class, write};

/// Systems are files of their own, made by the connector itself.
struct CsvFiles {
    given: &'static [(&'static str, &'static str)],
    /// Keeps the directories until the end.
    kept: Mutex<Vec<Files>>,
}

#[async_trait]
impl Fixture for CsvFiles {
    async fn system(&self, accounts: &[Sample]) -> Box<dyn Connector> {
        let files = Files::new();
        files.put("");
        let connector = files.open(self.given).await;
        let mut operations: Vec<_> = accounts
            .iter()
            .map(|sample| muster_connector::Operation::Create {
                uid: sample.uid.clone(),
                attributes: sample.attributes.clone(),
                enabled: sample.enabled,
            })
            .collect();
        // A file without accounts needs its header all the same.
        operations.push(crate::place::create("passing", &[]));
        let outcomes = write(&*connector, &self.class(), operations).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(write(&*connector, &self.class(), vec![crate::place::delete("passing")]).await, [Ok(())]);
        self.kept.lock().unwrap().push(files);
        connector
    }

    fn class(&self) -> RemoteClass {
        class(&["id", "name", "manager", "groups*"])
    }

    fn text_attribute(&self) -> AttributeName {
        "name".into()
    }

    fn several_attribute(&self) -> Option<AttributeName> {
        self.given.iter().any(|(name, _)| *name == "multiValueSeparator").then(|| "groups".into())
    }

    fn reference_attribute(&self) -> Option<AttributeName> {
        Some("manager".into())
    }
}

#[tokio::test]
async fn the_connector_conforms_in_many_dialects() {
    let dialects: [&[(&str, &str)]; 6] = [
        &[],
        &[("multiValueSeparator", "|"), ("enabledColumn", "active")],
        &[("separator", "\\t"), ("quote", "'"), ("escape", "\\"), ("multiValueSeparator", "; ")],
        &[("encoding", "UTF-16"), ("multiValueSeparator", "|"), ("nullToken", "\\N")],
        &[
            ("encoding", "windows-1252"),
            ("header", "false"),
            ("columns", "name, id, groups, manager, on"),
            ("multiValueSeparator", ","),
            ("enabledColumn", "on"),
            ("enabledValue", "Y"),
            ("disabledValue", "N"),
        ],
        &[
            ("trailer", "#END"),
            ("trailerCountColumn", "2"),
            ("multiValueSeparator", "|"),
            ("emptyCell", "NULL"),
            ("quotedEmptyCell", "EMPTY"),
        ],
    ];
    for given in dialects {
        conforms(&CsvFiles { given, kept: Mutex::default() }).await;
    }
}
