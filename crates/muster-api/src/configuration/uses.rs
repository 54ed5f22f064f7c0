//! Which resources a run uses: its task, and what follows from it.

use std::collections::BTreeSet;

use muster_model::ConfigurationId;
use muster_model::configuration::{Configuration, ConfigurationKind, Resource};
use muster_model::run::TaskKind;
use muster_store::RunRecord;

/// A kind and an id.
pub(crate) type Key = (ConfigurationKind, ConfigurationId);

/// What a run uses of the configuration that it was launched with.
pub(crate) fn of_run(frozen: &Configuration, run: &RunRecord) -> BTreeSet<Key> {
    let kind = match run.task_kind {
        TaskKind::Synchronization => ConfigurationKind::SynchronizationTaskDefinition,
        TaskKind::Provisioning => ConfigurationKind::ProvisioningTaskDefinition,
    };
    of_task(frozen, kind, &run.task)
}

fn of_task(frozen: &Configuration, kind: ConfigurationKind, id: &ConfigurationId) -> BTreeSet<Key> {
    let mut used = BTreeSet::new();
    let Some(task) = frozen.get(kind, id) else { return used };
    follow(frozen, task, &mut used);
    if let Resource::ProvisioningTaskDefinition(task) = task {
        let named = task.application_ids.as_ref();
        for resource in frozen.iter() {
            if let Resource::ApplicationProfile(profile) = resource
                && named.is_none_or(|applications| applications.contains(&profile.application_id))
            {
                follow(frozen, resource, &mut used);
            }
        }
    }
    used
}

/// A resource and what it refers to. Other tasks are launched by their own runs, with what those use.
fn follow(frozen: &Configuration, resource: &Resource, used: &mut BTreeSet<Key>) {
    if !used.insert((resource.kind(), resource.id())) {
        return;
    }
    for reference in resource.references() {
        match frozen.resolve(&reference) {
            Some(Resource::SynchronizationTaskDefinition(_) | Resource::ProvisioningTaskDefinition(_))
            | None => {}
            Some(other) => follow(frozen, other, used),
        }
    }
}
