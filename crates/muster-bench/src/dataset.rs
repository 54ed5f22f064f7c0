//! A dataset of so many resources, of all kinds, as a large tenant may have them.

use std::fs;
use std::path::Path;

use muster_model::configuration::ConfigurationKind;
use serde_json::{Value, json};

use crate::error::Error;

/// Of so many resources one is a source of people; the others are fed.
const RESOURCES_A_SOURCE: usize = 100;

/// Attributes that every application maps.
const ATTRIBUTES: usize = 8;

/// Writes a dataset of so many resources.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(path: &Path, resources: usize) -> Result<(), Error> {
    let documents: Vec<_> = (0..resources).map(document).collect();
    let text = muster_dataset::write(documents.iter().map(|(kind, document)| (*kind, document)));
    fs::write(path, text).map_err(Error::io("write a dataset"))
}

/// The resource of a number: the kinds take turns, and each refers to what stands before it.
fn document(number: usize) -> (ConfigurationKind, Value) {
    let (kind, turn) = (ConfigurationKind::ALL[number % 7], number / 7);
    let id = |turn: usize| format!("r{turn:05}");
    let document = match kind {
        ConfigurationKind::ConnectorDefinition => json!({
            "id": id(turn), "name": format!("Files {turn}"), "type": "csv",
            "description": "What the department delivers every night.",
            "connectorProperties": [{"name": "separator", "value": ";"}, {"name": "encoding", "value": "UTF-8"}],
        }),
        ConfigurationKind::Application => application(id(turn), turn),
        ConfigurationKind::ApplicationProfile => json!({
            "id": id(turn), "name": format!("Staff {turn}"), "applicationId": target(turn, id),
            "objectKind": "IDENTITY", "objectMatchingCondition": format!("department eq \"D{turn}\""),
        }),
        ConfigurationKind::SynchronizationTaskDefinition => json!({
            "id": id(turn), "name": format!("Import {turn}"), "taskType": "IMPORT",
            "applicationId": id(turn - turn % RESOURCES_A_SOURCE), "objectClassId": "person",
            "directoryId": "main",
            "executionPlan": {"scheduleType": "CRON", "cron": "0 0 2 * * ?", "timeZone": "Europe/Paris"},
        }),
        ConfigurationKind::ProvisioningTaskDefinition => json!({
            "id": id(turn), "name": format!("Accounts {turn}"), "scope": "kind eq \"IDENTITY\"",
            "applicationIds": [target(turn, id)], "provisioningTaskPostProcessingId": "report",
        }),
        ConfigurationKind::SynchronizationTaskPostProcessingDefinition
        | ConfigurationKind::ProvisioningTaskPostProcessingDefinition => json!({
            "id": if turn == 0 { "report".to_owned() } else { id(turn) },
            "reportDefinition": {"errorPublicationDefinition": {
                "errorDetails": ["SHADOW_ID", "ERROR_CODE"], "reportRelativeFilePath": format!("reports/{turn}.csv"),
            }},
        }),
    };
    (kind, document)
}

/// An application that is fed, at or before a turn; the first is a source.
fn target(turn: usize, id: impl Fn(usize) -> String) -> String {
    id(if turn.is_multiple_of(RESOURCES_A_SOURCE) { turn + 1 } else { turn })
}

fn application(id: String, turn: usize) -> Value {
    let is_source = turn.is_multiple_of(RESOURCES_A_SOURCE);
    let direction = if is_source { "INBOUND" } else { "OUTBOUND" };
    let mut mappings: Vec<_> = (0..ATTRIBUTES)
        .map(|index| {
            let authority = if is_source { turn } else { 0 };
            json!({
                "attribute": format!("attribute{index}"), "direction": direction, "strategy": "SIMPLE",
                "source": format!("column{index}"), "transformations": [{"type": "TRIM"}], "strength": "STRONG",
                "authority": authority,
            })
        })
        .collect();
    if !is_source {
        mappings.push(json!({
            "attribute": "display", "direction": direction, "strategy": "CUSTOM",
            "rule": "lower(givenName) + \".\" + lower(trim(surname))",
        }));
    }
    json!({
        "id": id, "name": format!("Application {turn}"), "connectorDefinitionId": id,
        "objectClasses": [{"id": "person", "remoteName": format!("in/{turn}.csv"), "uidAttribute": "attribute0"}],
        "objectTypes": [{
            "objectKind": "IDENTITY", "objectClassId": "person", "direction": direction,
            "correlation": [{"items": [{"accountAttribute": "attribute0", "objectAttribute": "attribute0"}]}],
            "attributeMappings": mappings,
        }],
    })
}

#[cfg(test)]
mod tests {
    use muster_dataset::Dataset;
    use muster_model::configuration::Problems;

    use super::*;

    #[test]
    fn a_dataset_of_any_size_is_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dataset.xml");
        for resources in [14, 1_500] {
            write(&path, resources).unwrap();
            let dataset = Dataset::read(fs::read(&path).unwrap());
            assert_eq!(dataset.entries().len(), resources);
            assert_eq!(dataset.problems(&Problems::new()), []);
            let sound = dataset.entries().iter().filter_map(|entry| entry.sound());
            let configuration = sound.map(|(_, resource)| resource.clone()).collect();
            let problems = muster_model::configuration::Configuration::check(&configuration);
            assert!(problems.is_empty(), "{problems}");
        }
    }
}
