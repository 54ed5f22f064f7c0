//! The import of a dataset: all of it or nothing, checked against the configuration that it is written over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix_web::HttpResponse;
use muster_dataset::{Dataset, Fate, Key, limits};
use muster_engine::LoadedConfiguration;
use muster_model::configuration::{ConfigurationKind, Problems};
use muster_store::{ConfigurationVersion, ResourceBody, ResourceChanges};

use super::kinds;
use super::weigh::{Verdict, Weighing};
use crate::call::Call;
use crate::configuration::save::bind_secrets;
use crate::configuration::{TRIES, stored_kind, uses};
use crate::error::{ApiError, BadDataset, Conflict};
use crate::query::Effect;
use crate::view::DatasetReportView;

/// How many resources a refusal names.
const MOST_NAMED: usize = 10;

pub(super) async fn import(mut call: Call) -> Result<HttpResponse, ApiError> {
    let octets = call.xml(limits::OCTETS as u64).await?;
    let dataset = Arc::new(tokio::task::spawn_blocking(move || Dataset::read(octets)).await?);
    if !dataset.is_whole() {
        let problems = dataset.problems(&Problems::new());
        return Err(ApiError::Dataset(Box::new(BadDataset { problems, elsewhere: Problems::new() })));
    }
    let kinds = kinds(&call);
    let verdict = settle(&call, &dataset, &kinds).await?;
    let (mode, effect) = (call.query.mode, call.query.effect);
    let report = DatasetReportView::new(verdict.found, mode, kinds);
    Ok(HttpResponse::Ok().json(match effect {
        Effect::Written => report,
        Effect::Tried => report.of_nothing_written(),
    }))
}

/// Checks the dataset and writes it, as a change of a single resource is: where another process has changed the
/// configuration between the two, it is checked again against what there is now.
async fn settle(
    call: &Call,
    dataset: &Arc<Dataset>,
    kinds: &BTreeSet<ConfigurationKind>,
) -> Result<Verdict, ApiError> {
    // What writes nothing is overtaken by nobody, and keeps nobody waiting.
    let _turn = match call.query.effect {
        Effect::Written => Some(call.state.turn(call.store.slug()).await?),
        Effect::Tried => None,
    };
    let mut tries = TRIES;
    loop {
        tries -= 1;
        let version = call.store.configuration_version().await?;
        let weighing = Weighing {
            dataset: Arc::clone(dataset),
            rows: call.store.resources().await?,
            secrets: call.store.secrets().await?.into_iter().map(|secret| secret.name).collect(),
            kinds: kinds.clone(),
            mode: call.query.mode,
            engine: call.engine().clone(),
            tenant: call.store.slug().clone(),
        };
        let verdict = tokio::task::spawn_blocking(move || weighing.weigh()).await??;
        refuse_used(call, &verdict).await?;
        match call.query.effect {
            Effect::Tried => return Ok(verdict),
            Effect::Written => match write(call, version, &verdict).await {
                Err(ApiError::Outrun) if tries > 0 => {}
                ended => return ended.map(|()| verdict),
            },
        }
    }
}

async fn write(call: &Call, version: ConfigurationVersion, verdict: &Verdict) -> Result<(), ApiError> {
    let changes = changes(verdict);
    // Nothing that changes nothing moves the version on.
    if changes != ResourceChanges::default() {
        call.store.apply_resources(version, changes).await?;
        bind_secrets(call, (&verdict.before, &verdict.after)).await?;
    }
    let of = |fate| verdict.found.iter().filter(|found| found.fate == fate).count();
    call.note(format_args!(
        "dataset imported: {} created, {} updated, {} deleted",
        of(Fate::Created),
        of(Fate::Updated),
        of(Fate::Deleted)
    ));
    Ok(())
}

fn changes(verdict: &Verdict) -> ResourceChanges {
    let mut changes = ResourceChanges::default();
    for found in &verdict.found {
        let (kind, id) = (stored_kind(found.key.0), found.key.1.to_string());
        match found.fate {
            Fate::Created | Fate::Updated => {
                let body = verdict.documents.get(&found.key).map(ToString::to_string).unwrap_or_default();
                changes.put.push(ResourceBody { kind, id, body });
            }
            Fate::Deleted => changes.delete.push((kind, id)),
            Fate::Unchanged => {}
        }
    }
    // A task that names an unknown directory makes it, also one that was there before.
    if !changes.put.is_empty() {
        changes.directories = verdict.directories.iter().cloned().collect();
    }
    changes
}

/// Refuses to delete what a live run uses.
async fn refuse_used(call: &Call, verdict: &Verdict) -> Result<(), ApiError> {
    let gone: BTreeSet<&Key> =
        verdict.found.iter().filter(|found| found.fate == Fate::Deleted).map(|found| &found.key).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let (mut properties, mut held) = (BTreeMap::new(), BTreeSet::new());
    for (run, body) in call.store.live_runs().await? {
        let frozen = LoadedConfiguration::parse(body)?.resources;
        let used = uses::of_run(&frozen, &run);
        let names = used.iter().filter(|key| gone.contains(key)).map(|(kind, id)| format!("{kind} `{id}`"));
        let names: BTreeSet<String> = names.collect();
        if !names.is_empty() {
            let says = format!("a run of task `{}`, {}", run.task, run.state.status.as_str());
            properties.insert(run.id.to_string(), says);
        }
        held.extend(names);
    }
    if properties.is_empty() {
        return Ok(());
    }
    let more = if held.len() > MOST_NAMED { " and others" } else { "" };
    let named: Vec<_> = held.into_iter().take(MOST_NAMED).collect();
    Err(ApiError::Conflict(Box::new(Conflict {
        description: format!(
            "the dataset lacks {}{more}, which runs that have not ended use",
            named.join(", ")
        ),
        fix: "wait until the runs that `properties` names have ended, or cancel them".to_owned(),
        properties,
    })))
}
