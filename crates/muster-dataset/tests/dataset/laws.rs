//! Laws: what is written is read back, and comes out as the same octets again.

use std::fs;
use std::path::Path;

use muster_dataset::{Dataset, keep_unique_ids};
use muster_model::configuration::document::connector_definition::ConnectorDefinitionDocument;
use muster_model::configuration::document::{reader, value::FieldValue as _};
use muster_model::configuration::{ConfigurationKind, Leniency, Problems};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::arbitrary::{document, text};
use crate::{documents, told, write};

/// The documents of the example's tenant.
pub(crate) fn example() -> Vec<(ConfigurationKind, Value)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/conf");
    let mut found = Vec::new();
    for kind in ConfigurationKind::ALL {
        let Ok(folder) = fs::read_dir(top.join(kind.path_segment())) else { continue };
        for file in folder {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            found.push((kind, serde_json::from_str(&text).unwrap()));
        }
    }
    assert!(found.len() > 8);
    found
}

#[test]
fn the_example_is_read_back() {
    let written = write(&example());
    let read = documents(&Dataset::read(written.clone().into_bytes()));
    for (kind, document) in &read {
        let same = example().into_iter().find(|(k, d)| k == kind && d["id"] == document["id"]).unwrap();
        assert_eq!(*document, same.1);
    }
    assert_eq!(read.len(), example().len());
    assert_eq!(write(&read), written);
}

#[test]
fn the_example_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/dataset.xml");
    let stored = fs::read_to_string(path).unwrap();
    assert!(stored == write(&example()), "write examples/dataset.xml anew with `cargo xtask gen dataset`");
}

#[test]
fn a_dataset_is_written_like_this() {
    let documents = [
        (ConfigurationKind::SynchronizationTaskPostProcessingDefinition, json!({ "id": "s" })),
        (
            ConfigurationKind::ConnectorDefinition,
            json!({
                "type": "csv", "id": "b", "name": "B & C",
                "connectorProperties": [{ "name": "quote", "value": "" }, { "name": "x" }], "limits": {},
                "maintenance": false,
            }),
        ),
        (ConfigurationKind::ConnectorDefinition, json!({ "id": "a", "name": " \u{1}", "type": "csv" })),
    ];
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<dataset xmlns="urn:muster:dataset:1">
  <ConnectorDefinition id="a">
    <name escaped="true"> \u0001</name>
    <type>csv</type>
  </ConnectorDefinition>
  <ConnectorDefinition id="b">
    <name>B &amp; C</name>
    <type>csv</type>
    <connectorProperty>
      <name>quote</name>
      <value/>
    </connectorProperty>
    <connectorProperty>
      <name>x</name>
    </connectorProperty>
    <limits/>
    <maintenance>false</maintenance>
  </ConnectorDefinition>
  <SynchronizationTaskPostProcessingDefinition id="s"/>
</dataset>
"#;
    assert_eq!(write(&documents), expected);
    assert_eq!(
        write(&[]),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<dataset xmlns=\"urn:muster:dataset:1\">\n</dataset>\n"
    );
}

#[test]
fn a_task_without_unique_id_is_the_one_that_has_it() {
    let mut before = Dataset::read(write(&example()).into_bytes()).documents();
    let after = before.clone();
    for ((kind, _), document) in &mut before {
        if *kind == ConfigurationKind::SynchronizationTaskDefinition {
            document["uniqueId"] = "0192f3a4-1111-7222-8333-444455556666".into();
        }
    }
    assert_ne!(before, after);
    let mut kept = after;
    keep_unique_ids(&before, &mut kept);
    assert_eq!(before, kept);
}

/// The value of every arbitrary document, as the tree of a dataset holds it.
fn read_back(kind: ConfigurationKind, document: &Value) -> Result<Value, TestCaseError> {
    let written = write(&[(kind, document.clone())]);
    let dataset = Dataset::read(written.clone().into_bytes());
    let [entry] = dataset.entries() else {
        return Err(TestCaseError::fail(format!("{written}\n{:?}", told(&dataset))));
    };
    let value = entry.value();
    prop_assert_eq!(write(&[(kind, value.clone())]), written);
    Ok(value)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_is_read_back(
        (kind, document) in prop::sample::select(&ConfigurationKind::ALL)
            .prop_flat_map(|kind| (Just(kind), document(kind)))
    ) {
        prop_assert_eq!(read_back(kind, &document)?, document);
    }

    #[test]
    fn every_text_of_a_document_in_order_is_read_back(text in text(), other in text()) {
        let document = json!({
            "id": "d", "name": format!("x{text}"), "description": other, "type": "csv",
            "connectorProperties": [{ "name": "a", "value": text }],
        });
        let strict = reader::read::<ConnectorDefinitionDocument>(&document, Leniency::Strict);
        let expected = strict.map(|document| document.write()).map_err(|p| TestCaseError::fail(p.to_string()))?;
        let dataset = Dataset::read(write(&[(ConfigurationKind::ConnectorDefinition, document)]).into_bytes());
        let found: Vec<_> = dataset.documents().into_values().collect();
        prop_assert_eq!(found, [expected]);
    }

    #[test]
    fn no_octets_bring_the_reader_down(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut text = b"<dataset>".to_vec();
        text.extend(octets);
        let dataset = Dataset::read(text);
        prop_assert_eq!(dataset.is_sound(), dataset.problems(&Problems::new()).is_empty());
    }

    #[test]
    fn a_dataset_that_was_damaged_is_read_or_told(
        at in any::<prop::sample::Index>(),
        octet in prop::sample::select(b"<>&;/\"'=x \n\\!?-[]:".to_vec()),
    ) {
        let mut text = write(&example()).into_bytes();
        let at = at.index(text.len());
        text[at] = octet;
        let dataset = Dataset::read(text);
        let found = dataset.problems(&Problems::new());
        prop_assert_eq!(dataset.is_sound(), found.is_empty());
        prop_assert!(found.iter().all(|problem| problem.line > 0 && problem.column > 0));
    }
}
