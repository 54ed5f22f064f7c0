//! All checks of a resource that is to be saved: its connector's, those against all other resources, and
//! whether what depends on it still compiles.

use std::collections::{BTreeMap, BTreeSet};

use muster_engine::{Engine, check_compiles};
use muster_model::configuration::task::SynchronizationTaskDefinition;
use muster_model::configuration::{Configuration, ConfigurationKind, Problems, Resource, SecretReference};
use muster_model::{SecretName, TenantSlug};

use super::Basis;
use super::save::Put;
use crate::call::Call;
use crate::error::ApiError;

/// A change that is to be checked.
pub(crate) struct Proposal<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) tenant: &'a TenantSlug,
    /// The configuration as it is.
    pub(crate) before: &'a Configuration,
    /// The configuration as it would be.
    pub(crate) after: &'a Configuration,
    /// The secrets that there are.
    pub(crate) secrets: &'a BTreeSet<SecretName>,
}

impl Proposal<'_> {
    /// What is wrong with the configuration as it would be, wherever it stands. Pointers are those of
    /// [`Configuration::check`].
    pub(crate) fn problems(&self) -> Problems {
        let mut problems = self.engine.check(self.tenant, self.after);
        problems.merge(check_unique_ids(self.before, self.after));
        problems
    }

    /// Whether the expressions of a resource compile.
    pub(crate) fn check_compiles(&self, resource: &Resource) -> Problems {
        check_compiles(self.after, resource.kind(), &resource.id())
            .placed_under(&Configuration::pointer(resource))
    }

    /// Whether the secrets are there that a resource refers to.
    pub(crate) fn check_secrets(&self, resource: &Resource) -> Problems {
        dangling_secrets(&resource.secrets(), self.secrets).placed_under(&Configuration::pointer(resource))
    }

    /// Of what was found what the change breaks in other resources, under their references. What was broken there
    /// before is none of its business.
    pub(crate) fn elsewhere(&self, found: &Problems, is_inside: impl Fn(&str) -> bool) -> Problems {
        if found.iter().all(|(pointer, _)| is_inside(pointer)) {
            return Problems::new();
        }
        let mut known = self.engine.check(self.tenant, self.before);
        known.merge(check_unique_ids(self.before, self.before));
        new_elsewhere(found, &known, is_inside)
    }
}

/// Of what was found what is new and stands outside, under the references of the others.
fn new_elsewhere(found: &Problems, known: &Problems, is_inside: impl Fn(&str) -> bool) -> Problems {
    let mut elsewhere = Problems::new();
    for (pointer, messages) in found.without(known).iter().filter(|(pointer, _)| !is_inside(pointer)) {
        for message in messages {
            elsewhere.add(as_reference(pointer), message);
        }
    }
    elsewhere
}

/// Whether a pointer leads to a place, or below it.
fn is_below(place: &str, pointer: &str) -> bool {
    pointer.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Refuses drafts that break rules. Pointers are within the request; those of problems that they make
/// elsewhere name the other resource first: `applications/hr#/objectTypes/0`.
pub(super) fn check(call: &Call, basis: &Basis, after: &Configuration, puts: &[Put]) -> Result<(), ApiError> {
    let proposal = Proposal {
        engine: call.engine(),
        tenant: call.store.slug(),
        before: &basis.resources,
        after,
        secrets: &basis.secrets,
    };
    let mut found = proposal.problems();
    for Put { draft, .. } in puts {
        found.merge(proposal.check_compiles(&draft.resource));
        found.merge(proposal.check_secrets(&draft.resource));
    }
    let pointers: Vec<_> = puts.iter().map(|put| Configuration::pointer(&put.draft.resource)).collect();
    let is_inside = |pointer: &str| pointers.iter().any(|own| is_below(own, pointer));
    let mut problems = proposal.elsewhere(&found, is_inside);
    for (put, own) in puts.iter().zip(&pointers) {
        problems.merge(found.below(own).placed_under(&put.place));
    }
    if problems.is_empty() { Ok(()) } else { Err(ApiError::Invalid(problems)) }
}

/// Of references to secrets those that lead nowhere.
pub(super) fn dangling_secrets(references: &[SecretReference], known: &BTreeSet<SecretName>) -> Problems {
    let mut problems = Problems::new();
    for SecretReference { pointer, name } in references.iter().filter(|one| !known.contains(&one.name)) {
        problems.add(pointer.clone(), format!("there is no secret `{name}`; an admin enters it first"));
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

/// Of several tasks of one unique id all but those that had it before are told.
fn check_unique_ids(before: &Configuration, after: &Configuration) -> Problems {
    let mut problems = Problems::new();
    let mut known: BTreeMap<_, _> = BTreeMap::new();
    let had = |task: &SynchronizationTaskDefinition| {
        before.synchronization_task(&task.id).is_some_and(|old| old.unique_id == task.unique_id)
    };
    let (old, new): (Vec<_>, Vec<_>) = after.synchronization_tasks().partition(|task| had(task));
    for task in old.into_iter().chain(new) {
        let Some(unique_id) = task.unique_id else { continue };
        match known.get(&unique_id) {
            Some(other) => {
                let kind = ConfigurationKind::SynchronizationTaskDefinition.path_segment();
                let message = format!("is that of task `{other}` already");
                problems.add(format!("/{kind}/{}/uniqueId", task.id), message);
            }
            None => {
                known.insert(unique_id, &task.id);
            }
        }
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
        let known = problems(&[("/applications/hr2/name", "old")]);
        let others = new_elsewhere(&found, &known, |pointer| is_below("/applications/hr", pointer));
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
