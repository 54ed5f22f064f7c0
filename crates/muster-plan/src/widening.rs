//! What a change of configuration lets a task take away that it did not take away before. The first run after such a
//! change is looked at by a person, however little it would take: what a rule was meant to say shows in its plan.

use muster_model::configuration::Configuration;
use muster_model::configuration::application::{
    Application, Direction, ObjectTypeMapping, Reaction, Reactions, Situation,
};
use muster_model::configuration::document::value::Word as _;
use muster_model::configuration::guard::{Guarded, Guards};
use muster_model::configuration::profile::{ApplicationProfile, Deprovisioning};
use muster_model::configuration::task::{
    Cleanup, CleanupAction, ProvisioningTaskDefinition, SynchronizationTaskDefinition, TaskType,
};
use muster_model::run::TaskKind;
use muster_model::{ApplicationId, ConfigurationId};

use crate::guard::Limits;

/// Each way in which a task may take more away under one configuration than it did under another, as a sentence
/// without its end; none where it may not.
#[must_use]
pub fn widened(
    before: &Configuration,
    after: &Configuration,
    (kind, task): (TaskKind, &ConfigurationId),
) -> Vec<String> {
    let mut found = Vec::new();
    match kind {
        TaskKind::Synchronization => {
            let tasks = (before.synchronization_task(task), after.synchronization_task(task));
            if let (Some(old), Some(new)) = tasks {
                inbound((before, old), (after, new), &mut found);
            }
        }
        TaskKind::Provisioning => {
            let tasks = (before.provisioning_task(task), after.provisioning_task(task));
            if let (Some(old), Some(new)) = tasks {
                outbound((before, old), (after, new), &mut found);
            }
        }
    }
    found
}

type Of<'a, T> = (&'a Configuration, &'a T);

fn inbound(
    (before, old): Of<'_, SynchronizationTaskDefinition>,
    (after, new): Of<'_, SynchronizationTaskDefinition>,
    found: &mut Vec<String>,
) {
    let concludes =
        |task: &SynchronizationTaskDefinition| matches!(task.task_type, TaskType::Reconciliation(_));
    if concludes(new) && !concludes(old) {
        found.push(format!("task `{}` concludes from absence now", new.id));
    }
    if let (TaskType::Cleanup(was), TaskType::Cleanup(is)) = (&old.task_type, &new.task_type) {
        cleanup((&new.id, was, is), found);
    }
    let (Some(was), Some(is)) = (old.task_type.source(), new.task_type.source()) else { return };
    let mapping = |configuration: &'_ Configuration, application: &ApplicationId, class| {
        let application = configuration.application(application)?;
        let serves = |mapping: &&ObjectTypeMapping| {
            mapping.object_class_id == class && mapping.direction.is_none_or(|d| d == Direction::Inbound)
        };
        application.object_types.iter().find(serves).cloned()
    };
    let was = mapping(before, &was.application_id, was.object_class_id.clone());
    let now = mapping(after, &is.application_id, is.object_class_id.clone());
    if let (Some(was), Some(now)) = (was, now) {
        mappings((&was, &old.guards), (&now, &new.guards), (Direction::Inbound, &is.application_id), found);
    }
}

/// Whom a clean-up looks for, and what is done to them.
fn cleanup((task, was, is): (&ConfigurationId, &Cleanup, &Cleanup), found: &mut Vec<String>) {
    if severity_of_cleanup(is.action) > severity_of_cleanup(was.action) {
        let (is, was) = (is.action.word(), was.action.word());
        found.push(format!("the action of task `{task}` is {is}, it was {was}"));
    }
    let days = |cleanup: &Cleanup| cleanup.inactive_days.unwrap_or(0);
    let adds_groups = is.groups.iter().any(|group| !was.groups.contains(group)) || is.groups.is_empty();
    let is_wider = days(is) < days(was)
        || is.include_never_seen && !was.include_never_seen
        || !was.groups.is_empty() && adds_groups;
    if is_wider {
        found.push(format!("task `{task}` looks for more users"));
    }
}

fn outbound(
    (before, old): Of<'_, ProvisioningTaskDefinition>,
    (after, new): Of<'_, ProvisioningTaskDefinition>,
    found: &mut Vec<String>,
) {
    if old.scope != new.scope {
        found.push(format!("the scope of task `{}` is another", new.id));
    }
    let looks_at = |task: &ProvisioningTaskDefinition, application: &ApplicationId| {
        task.application_ids.as_ref().is_none_or(|ids| ids.contains(application))
    };
    for is in after.applications().filter(|application| looks_at(new, &application.id)) {
        let Some(was) = before.application(&is.id).filter(|was| looks_at(old, &was.id)) else { continue };
        profiles(before, after, is, found);
        let writes =
            |mapping: &&ObjectTypeMapping| mapping.direction.is_none_or(|d| d == Direction::Outbound);
        for mapping in is.object_types.iter().filter(writes) {
            let same = |other: &&ObjectTypeMapping| {
                (&other.object_class_id, &other.object_type, other.object_kind)
                    == (&mapping.object_class_id, &mapping.object_type, mapping.object_kind)
            };
            if let Some(other) = was.object_types.iter().find(same) {
                let of = (Direction::Outbound, &is.id);
                mappings((other, &old.guards), (mapping, &new.guards), of, found);
            }
        }
    }
}

/// Who gets accounts and entitlements of an application, and what becomes of those that nobody grants any more.
fn profiles(
    before: &Configuration,
    after: &Configuration,
    application: &Application,
    found: &mut Vec<String>,
) {
    for was in before.application_profiles().filter(|profile| profile.application_id == application.id) {
        let id = &was.id;
        let Some(is) = after.application_profile(id).filter(|is| is.application_id == application.id) else {
            found.push(format!("profile `{id}` is gone"));
            continue;
        };
        if is.object_matching_condition != was.object_matching_condition {
            found.push(format!("profile `{id}` grants accounts to others"));
        }
        if severity_of(is.deprovisioning) > severity_of(was.deprovisioning) {
            let (is, was) = (is.deprovisioning.word(), was.deprovisioning.word());
            found.push(format!("what profile `{id}` does not grant any more is met with {is}, it was {was}"));
        }
        let kept = |profile: &ApplicationProfile| {
            was.entitlement_assignments.iter().all(|one| profile.entitlement_assignments.contains(one))
        };
        if !kept(is) {
            found.push(format!("profile `{id}` grants other entitlements"));
        }
    }
}

/// The reactions, limits and protected objects of a mapping, with the limits of the task.
fn mappings(
    (was, was_task): (&ObjectTypeMapping, &Guards),
    (is, is_task): (&ObjectTypeMapping, &Guards),
    (direction, application): (Direction, &ApplicationId),
    found: &mut Vec<String>,
) {
    let class = &is.object_class_id;
    for situation in Situation::ALL {
        let effective = |reactions: &Reactions| reactions.effective(direction, situation);
        let (Some(old), Some(new)) = (effective(&was.reactions), effective(&is.reactions)) else { continue };
        if severity(new) > severity(old) {
            let (situation, new, old) = (situation.as_str(), new.as_str(), old.as_str());
            found.push(format!(
                "the reaction of `{application}` to {situation} of `{class}` is {new}, it was {old}"
            ));
        }
    }
    let removes = |mapping: &ObjectTypeMapping| {
        mapping.groups.as_ref().is_some_and(|groups| groups.remove_from_missing)
    };
    if direction == Direction::Inbound && removes(is) && !removes(was) {
        found.push(format!("`{application}` takes the groups of those of `{class}` who are gone"));
    }
    let limits = |task, application| Limits { launch: None, task, application };
    let (was_limits, is_limits) = (limits(was_task, &was.guards), limits(is_task, &is.guards));
    for guarded in Guarded::ALL.into_iter().filter(|guarded| guarded.withdraws()) {
        let wider = match (was_limits.effective(guarded), is_limits.effective(guarded)) {
            (Some((_, old)), Some((_, new))) if new < old => true,
            (Some((old, _)), Some((new, _))) => new.is_wider_than(&old),
            (old, new) => old.is_some() && new.is_none(),
        };
        if wider {
            found.push(format!("the limit `{}` of `{application}` for `{class}` is wider", guarded.as_str()));
        }
    }
    if was.protected.is_some() && is.protected != was.protected {
        found.push(format!("`{application}` protects other objects of `{class}`"));
    }
}

/// How much a reaction takes away.
fn severity(reaction: Reaction) -> u8 {
    match reaction {
        Reaction::Synchronize | Reaction::Link | Reaction::Create | Reaction::Ignore | Reaction::Report => 0,
        Reaction::Unlink => 1,
        Reaction::Disable => 2,
        Reaction::Anonymize => 3,
        Reaction::Delete => 4,
    }
}

fn severity_of(deprovisioning: Deprovisioning) -> u8 {
    match deprovisioning {
        Deprovisioning::Keep => 0,
        Deprovisioning::Unlink => severity(Reaction::Unlink),
        Deprovisioning::Disable => severity(Reaction::Disable),
        Deprovisioning::Delete => severity(Reaction::Delete),
    }
}

fn severity_of_cleanup(action: CleanupAction) -> u8 {
    match action {
        CleanupAction::Keep => 0,
        CleanupAction::Disable => severity(Reaction::Disable),
        CleanupAction::Anonymize => severity(Reaction::Anonymize),
        CleanupAction::Delete => severity(Reaction::Delete),
    }
}
