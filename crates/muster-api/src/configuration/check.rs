//! All checks of a resource that is to be saved: its connector's, those against all other resources, and
//! whether what depends on it still compiles.

use muster_connector::Properties;
use muster_engine::{Engine, check_compiles};
use muster_model::configuration::connector_definition::ConnectorDefinition;
use muster_model::configuration::task::SynchronizationTaskDefinition;
use muster_model::configuration::{Configuration, Problems, Resource};

use crate::error::ApiError;

/// Refuses a resource that breaks rules. Pointers are within the resource; those of problems that it makes
/// elsewhere name the other resource first: `applications/hr#/objectTypes/0`.
pub(super) fn check(engine: &Engine, before: &Configuration, resource: &Resource) -> Result<(), ApiError> {
    let place = Configuration::pointer(resource);
    let after = before.clone().with(resource.clone());
    let found = after.check();
    let mut problems = found.below(&place);
    problems.merge(elsewhere(&place, &found, &before.check()));
    problems.merge(check_compiles(&after, resource.kind(), &resource.id()));
    match resource {
        Resource::ConnectorDefinition(definition) => problems.merge(check_connector(engine, definition)),
        Resource::SynchronizationTaskDefinition(task) => problems.merge(check_unique_id(before, task)),
        Resource::Application(_)
        | Resource::ApplicationProfile(_)
        | Resource::SynchronizationTaskPostProcessingDefinition(_)
        | Resource::ProvisioningTaskDefinition(_)
        | Resource::ProvisioningTaskPostProcessingDefinition(_) => {}
    }
    if problems.is_empty() { Ok(()) } else { Err(ApiError::Invalid(problems)) }
}

/// What the change breaks in other resources. What was broken there before is none of its business.
fn elsewhere(place: &str, found: &Problems, before: &Problems) -> Problems {
    let known = |pointer: &str, message: &String| {
        before.iter().any(|(at, messages)| at == pointer && messages.contains(message))
    };
    let inside = |pointer: &str| {
        pointer.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mut problems = Problems::new();
    for (pointer, messages) in found.iter().filter(|(pointer, _)| !inside(pointer)) {
        for message in messages.iter().filter(|message| !known(pointer, message)) {
            problems.add(as_reference(pointer), message);
        }
    }
    problems
}

/// `/applications/hr/objectTypes/0` as a reference below `conf/`: `applications/hr#/objectTypes/0`.
fn as_reference(pointer: &str) -> String {
    match pointer.match_indices('/').nth(2) {
        Some((end, _)) => format!("{}#{}", &pointer[1..end], &pointer[end..]),
        None => pointer.trim_start_matches('/').to_owned(),
    }
}

fn check_connector(engine: &Engine, definition: &ConnectorDefinition) -> Problems {
    let mut problems = Problems::new();
    let Some(kind) = engine.connectors().get(definition.connector_type.as_str()) else {
        let known: Vec<_> = engine.connectors().keys().map(|name| format!("`{name}`")).collect();
        problems.add("/type", format!("is none of the types built in: {}", known.join(", ")));
        return problems;
    };
    let properties: Properties = definition
        .properties
        .iter()
        .map(|property| (property.name.clone(), property.value.clone()))
        .collect();
    for problem in kind.check(&properties) {
        let index = definition.properties.iter().position(|property| property.name == problem.name);
        match index {
            Some(index) => problems.add(format!("/connectorProperties/{index}"), problem.message),
            None => problems.add("/connectorProperties", format!("`{}`: {}", problem.name, problem.message)),
        }
    }
    problems
}

fn check_unique_id(before: &Configuration, task: &SynchronizationTaskDefinition) -> Problems {
    let mut problems = Problems::new();
    let same = |other: &&SynchronizationTaskDefinition| {
        other.id != task.id && other.unique_id.is_some() && other.unique_id == task.unique_id
    };
    if let Some(other) = before.synchronization_tasks().find(same) {
        problems.add("/uniqueId", format!("is that of task `{}` already", other.id));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_problems_of_others_are_told() {
        let problems = |list: &[(&str, &str)]| {
            let mut problems = Problems::new();
            for (pointer, message) in list {
                problems.add(*pointer, *message);
            }
            problems
        };
        let found = problems(&[
            ("/applications/hr/name", "own"),
            ("/applications/hr2/name", "new"),
            ("/applications/hr2/name", "old"),
            ("/application-profiles/all", "whole"),
        ]);
        let before = problems(&[("/applications/hr2/name", "old")]);
        let others = elsewhere("/applications/hr", &found, &before);
        let told: Vec<_> = others.iter().map(|(at, said)| (at.to_owned(), said.join(","))).collect();
        assert_eq!(
            told,
            [
                ("application-profiles/all".to_owned(), "whole".to_owned()),
                ("applications/hr2#/name".to_owned(), "new".to_owned()),
            ]
        );
    }
}
