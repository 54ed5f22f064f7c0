//! How the configuration is changed, one resource or a dataset of many: checked against what there is now, looked at
//! beside the runs that are under way, and written in one transaction with all that belongs to it.

use std::collections::{BTreeMap, BTreeSet};

use muster_engine::{LoadedConfiguration, OUTRUN_TRIES};
use muster_model::configuration::{Configuration, Resource};
use muster_model::{DirectoryId, RunId, SecretName};
use muster_store::{BindingRule, ConfigurationVersion, ResourceChanges, ResourceWrite, StoredResource};

use super::uses::{self, Key};
use crate::call::Call;
use crate::error::{ApiError, Conflict};
use crate::query::Effect;
use crate::rights::Permission;

/// How many resources a refusal names.
const MOST_NAMED: usize = 10;

/// What there is when a change is checked.
pub(crate) struct Found {
    pub(crate) version: ConfigurationVersion,
    pub(crate) rows: Vec<StoredResource>,
    /// The secrets that there are.
    pub(crate) secrets: BTreeSet<SecretName>,
}

/// Checks a change and writes it. If another process has changed the configuration between the two, nothing has
/// been written, and the change is checked again against what there is now. So what was there when it was checked
/// is there when it is written, and what was not is not.
pub(crate) async fn change<T>(
    call: &Call,
    effect: Effect,
    checked: impl AsyncFn(Found) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    // What writes nothing is overtaken by nobody, and keeps nobody waiting.
    let _turn = match effect {
        Effect::Written => Some(call.state.turn(call.store.slug()).await?),
        Effect::Tried => None,
    };
    let mut tries = OUTRUN_TRIES;
    loop {
        tries -= 1;
        let now = call.engine().surroundings().now();
        let version = call.store.configuration_version().await?.at(now);
        let rows = call.store.resources().await?;
        let secrets = call.store.secrets().await?.into_iter().map(|secret| secret.name).collect();
        match checked(Found { version, rows, secrets }).await {
            Err(ApiError::Outrun) if tries > 0 => {}
            ended => return ended,
        }
    }
}

/// A change that nothing speaks against.
pub(crate) struct Checked<'a> {
    /// The configuration as it is.
    pub(crate) before: &'a Configuration,
    /// The configuration as it will be.
    pub(crate) after: &'a Configuration,
    pub(crate) writes: Vec<ResourceWrite>,
    pub(crate) directories: BTreeSet<DirectoryId>,
    /// The directories that are made again where they were deleted.
    pub(crate) restored: BTreeSet<DirectoryId>,
    /// The runs that use nothing of what is deleted.
    pub(crate) seen_runs: BTreeSet<RunId>,
}

/// Writes a change over the version that it was checked against. Answers the new version of each resource.
pub(crate) async fn write(
    call: &Call,
    version: ConfigurationVersion,
    checked: Checked<'_>,
) -> Result<Vec<i64>, ApiError> {
    let changes = ResourceChanges {
        writes: checked.writes,
        directories: checked.directories.into_iter().collect(),
        restored: checked.restored.into_iter().collect(),
        bindings: call.engine().new_bindings(checked.before, checked.after),
        rule: binding_rule(call),
        seen_runs: checked.seen_runs,
    };
    let versions = call.store.write_resources(version, &changes).await?;
    call.engine().wake_ticker();
    Ok(versions)
}

/// Whoever may enter secrets knows by that where they go; anybody else can only have one for which none has been
/// named yet.
fn binding_rule(call: &Call) -> BindingRule {
    match call.caller.roles.grant(Permission::Administer) {
        true => BindingRule::Always,
        false => BindingRule::IfUnbound,
    }
}

/// The directories that tasks name. Where one is unknown, the save of its task makes it.
pub(crate) fn directories<'a>(resources: impl IntoIterator<Item = &'a Resource>) -> BTreeSet<DirectoryId> {
    let named = resources.into_iter().filter_map(|resource| match resource {
        Resource::SynchronizationTaskDefinition(task) => Some(task.directory_id.clone()),
        Resource::ConnectorDefinition(_)
        | Resource::Application(_)
        | Resource::ApplicationProfile(_)
        | Resource::SynchronizationTaskPostProcessingDefinition(_)
        | Resource::ProvisioningTaskDefinition(_)
        | Resource::ProvisioningTaskPostProcessingDefinition(_) => None,
    });
    named.collect()
}

/// Refuses to delete what a run uses that has not ended. Answers the runs that were looked at.
pub(crate) async fn refuse_used(call: &Call, gone: &BTreeSet<Key>) -> Result<BTreeSet<RunId>, ApiError> {
    let mut seen = BTreeSet::new();
    if gone.is_empty() {
        return Ok(seen);
    }
    let (mut properties, mut held) = (BTreeMap::new(), BTreeSet::new());
    for (run, body) in call.store.live_runs().await? {
        seen.insert(run.id);
        let frozen = LoadedConfiguration::parse(body)?.resources;
        let used: BTreeSet<Key> = uses::of_run(&frozen, &run).intersection(gone).cloned().collect();
        if !used.is_empty() {
            let says = format!("a run of task `{}`, {}", run.task, run.state.status.as_str());
            properties.insert(run.id.to_string(), says);
        }
        held.extend(used);
    }
    if properties.is_empty() {
        return Ok(seen);
    }
    let named: Vec<_> = held.iter().take(MOST_NAMED).map(|(kind, id)| format!("{kind} `{id}`")).collect();
    let more = if held.len() > MOST_NAMED { " and others" } else { "" };
    Err(ApiError::Conflict(Box::new(Conflict {
        description: format!("runs that have not ended use {}{more}, and cannot lose it", named.join(", ")),
        fix: "wait until the runs that `properties` names have ended, or cancel them".to_owned(),
        properties,
    })))
}
