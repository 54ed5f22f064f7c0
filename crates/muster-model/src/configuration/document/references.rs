//! The references of a document that is broken elsewhere: found by their places in the tree, so that what they lead
//! to can be checked even then.

use serde_json::Value;

use crate::configuration::document::Document;
use crate::configuration::kind::ConfigurationKind;
use crate::configuration::problems::push_segment;
use crate::configuration::resource::ConfigurationReference;
use crate::ids::ConfigurationId;

/// Any item of a list.
const EACH: &str = "*";

/// A place at which documents of a kind refer to resources of these kinds.
type Place = (&'static [&'static str], &'static [ConfigurationKind]);

fn places(kind: ConfigurationKind) -> &'static [Place] {
    use ConfigurationKind as Kind;

    const NEXT: Place = (
        &["launch", EACH, "taskDefinitionId"],
        &[Kind::SynchronizationTaskDefinition, Kind::ProvisioningTaskDefinition],
    );
    match kind {
        Kind::ConnectorDefinition => &[],
        Kind::Application => &[(&["connectorDefinitionId"], &[Kind::ConnectorDefinition])],
        Kind::ApplicationProfile => &[(&["applicationId"], &[Kind::Application])],
        Kind::SynchronizationTaskDefinition => &[
            (&["applicationId"], &[Kind::Application]),
            (&["preSynchronization"], &[Kind::SynchronizationTaskDefinition]),
            (&["postProcessingId"], &[Kind::SynchronizationTaskPostProcessingDefinition]),
        ],
        Kind::ProvisioningTaskDefinition => &[
            (&["applicationIds", EACH], &[Kind::Application]),
            (&["provisioningTaskPostProcessingId"], &[Kind::ProvisioningTaskPostProcessingDefinition]),
        ],
        Kind::SynchronizationTaskPostProcessingDefinition
        | Kind::ProvisioningTaskPostProcessingDefinition => &[NEXT],
    }
}

impl Document {
    /// What a document of a kind refers to, as far as that can be read, whatever else is wrong with it.
    #[must_use]
    pub fn references(kind: ConfigurationKind, value: &Value) -> Vec<ConfigurationReference> {
        let mut found = Vec::new();
        for (segments, kinds) in places(kind) {
            walk(value, segments, String::new(), &mut |pointer, id| {
                found.push(ConfigurationReference { pointer, kinds, id });
            });
        }
        found
    }
}

fn walk(value: &Value, segments: &[&str], pointer: String, visit: &mut impl FnMut(String, ConfigurationId)) {
    let Some((segment, rest)) = segments.split_first() else {
        if let Some(Ok(id)) = value.as_str().map(ConfigurationId::new) {
            visit(pointer, id);
        }
        return;
    };
    if *segment == EACH {
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            walk(item, rest, format!("{pointer}/{index}"), visit);
        }
    } else if let Some(field) = value.get(segment) {
        let mut below = pointer;
        push_segment(&mut below, segment);
        walk(field, rest, below, visit);
    }
}
