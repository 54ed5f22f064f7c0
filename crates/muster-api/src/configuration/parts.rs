//! What can be checked of a document that is broken: its references, its connector's settings, its classes. So the
//! caller gets to know all problems at once.

use muster_model::ConfigurationId;
use muster_model::configuration::document::check;
use muster_model::configuration::document::connector_definition::ConnectorPropertyDocument;
use muster_model::configuration::document::object_class::ObjectClassDocument;
use muster_model::configuration::document::reader;
use muster_model::configuration::document::value::Parse;
use muster_model::configuration::{
    Configuration, ConfigurationKind, Document, Leniency, Problems, SecretReference,
};
use muster_model::secret;
use serde_json::Value;

use super::Basis;
use super::check::dangling_secrets;
use crate::call::Call;

/// Checks what of a broken document can be read. Pointers are within the document.
pub(crate) fn check_parts(call: &Call, basis: &Basis, kind: ConfigurationKind, body: &Value) -> Problems {
    let before = &basis.resources;
    let own = body.get("id").and_then(Value::as_str);
    let mut references = Document::references(kind, body);
    // What refers to itself leads somewhere once it is saved.
    references.retain(|reference| !(reference.kinds.contains(&kind) && own == Some(reference.id.as_str())));
    let mut problems = before.dangling(&references);
    match kind {
        ConfigurationKind::ConnectorDefinition => {
            problems.merge(check_settings(call, body));
            problems.merge(check_secrets(basis, body));
        }
        ConfigurationKind::Application => problems.merge(check_classes(call, before, body)),
        ConfigurationKind::ApplicationProfile
        | ConfigurationKind::SynchronizationTaskDefinition
        | ConfigurationKind::SynchronizationTaskPostProcessingDefinition
        | ConfigurationKind::ProvisioningTaskDefinition
        | ConfigurationKind::ProvisioningTaskPostProcessingDefinition => {}
    }
    problems
}

fn check_settings(call: &Call, body: &Value) -> Problems {
    let Some(connector_type) =
        body.get("type").and_then(Value::as_str).filter(|text| !text.trim().is_empty())
    else {
        return Problems::new();
    };
    let settings = readable::<ConnectorPropertyDocument>(body, "connectorProperties");
    let settings: Vec<_> = settings.iter().map(|(index, setting)| (*index, setting)).collect();
    call.engine().check_settings(connector_type, &settings)
}

fn check_secrets(basis: &Basis, body: &Value) -> Problems {
    let settings = readable::<ConnectorPropertyDocument>(body, "connectorProperties").into_iter();
    let references = settings.flat_map(|(index, setting)| {
        let pointer = format!("/connectorProperties/{index}/value");
        let names = secret::names(&setting.value).into_iter();
        names.map(move |name| SecretReference { pointer: pointer.clone(), name })
    });
    dangling_secrets(&references.collect::<Vec<_>>(), &basis.secrets)
}

fn check_classes(call: &Call, before: &Configuration, body: &Value) -> Problems {
    let mut problems = Problems::new();
    let id = body.get("connectorDefinitionId").and_then(Value::as_str).map(ConfigurationId::new);
    let Some(definition) = id.and_then(Result::ok).and_then(|id| before.connector_definition(&id)) else {
        return problems;
    };
    let classes = readable::<ObjectClassDocument>(body, "objectClasses");
    let known: Vec<_> = classes.iter().map(|(_, class)| class.clone()).collect();
    for (index, class) in classes {
        let found = call.engine().check_class(call.store.slug(), definition, (&known, &class));
        problems.merge(found.placed_under(&format!("/objectClasses/{index}")));
    }
    problems
}

/// The items of a list that are in order by themselves, each with its place.
fn readable<D: Parse>(body: &Value, list: &str) -> Vec<(usize, D::Domain)> {
    let read =
        |item| reader::read::<D>(item, Leniency::Strict).and_then(|document| check::parse(&document)).ok();
    let items = body.get(list).and_then(Value::as_array).into_iter().flatten().enumerate();
    items.filter_map(|(index, item)| Some((index, read(item)?))).collect()
}
