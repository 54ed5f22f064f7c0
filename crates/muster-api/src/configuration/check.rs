//! All checks of a resource that is to be saved: its connector's, those against all other resources, and
//! whether what depends on it still compiles.

use std::collections::BTreeSet;

use muster_engine::check_compiles;
use muster_model::SecretName;
use muster_model::configuration::task::SynchronizationTaskDefinition;
use muster_model::configuration::{Configuration, Problems, Resource, SecretReference};

use super::Basis;
use crate::call::Call;
use crate::error::ApiError;

/// Refuses a resource that breaks rules. Pointers are within the resource; those of problems that it makes
/// elsewhere name the other resource first: `applications/hr#/objectTypes/0`.
pub(super) fn check(call: &Call, basis: &Basis, resource: &Resource) -> Result<(), ApiError> {
    let before = &basis.resources;
    let all = |configuration: &Configuration| {
        let mut problems = configuration.check();
        problems.merge(call.engine().check_connectors(call.store.slug(), configuration));
        problems
    };
    let place = Configuration::pointer(resource);
    let after = before.clone().with(resource.clone());
    let found = all(&after);
    let mut problems = found.below(&place);
    problems.merge(elsewhere(&place, &found, &all(before)));
    problems.merge(check_compiles(&after, resource.kind(), &resource.id()));
    problems.merge(dangling_secrets(&resource.secrets(), &basis.secrets));
    if let Resource::SynchronizationTaskDefinition(task) = resource {
        problems.merge(check_unique_id(before, task));
    }
    if problems.is_empty() { Ok(()) } else { Err(ApiError::Invalid(problems)) }
}

/// Of references to secrets those that lead nowhere.
pub(crate) fn dangling_secrets(references: &[SecretReference], known: &BTreeSet<SecretName>) -> Problems {
    let mut problems = Problems::new();
    for SecretReference { pointer, name } in references.iter().filter(|one| !known.contains(&one.name)) {
        problems.add(pointer.clone(), format!("there is no secret `{name}`; an admin enters it first"));
    }
    problems
}

/// What the change breaks in other resources. What was broken there before is none of its business.
fn elsewhere(place: &str, found: &Problems, before: &Problems) -> Problems {
    let inside = |pointer: &str| {
        pointer.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mut problems = Problems::new();
    for (pointer, messages) in found.without(before).iter().filter(|(pointer, _)| !inside(pointer)) {
        for message in messages {
            problems.add(as_reference(pointer), message);
        }
    }
    problems
}

/// `/applications/hr/objectTypes/0` as a reference below `conf/`: `applications/hr#/objectTypes/0`.
pub(crate) fn as_reference(pointer: &str) -> String {
    match pointer.match_indices('/').nth(2) {
        Some((end, _)) => format!("{}#{}", &pointer[1..end], &pointer[end..]),
        None => pointer.trim_start_matches('/').to_owned(),
    }
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
