//! The import of a dataset: all of it or nothing, checked against the configuration that it is written over.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::HttpResponse;
use muster_dataset::{Dataset, Fate};
use muster_model::RunId;
use muster_model::configuration::{ConfigurationKind, Problems};
use muster_store::{ConfigurationVersion, ResourceWrite, Written};

use super::kinds;
use super::weigh::{Verdict, Weighing};
use crate::call::Call;
use crate::configuration::change::{Checked, change, refuse_used, write};
use crate::error::{ApiError, BadDataset};
use crate::query::Effect;
use crate::view::DatasetReportView;

pub(super) async fn import(mut call: Call) -> Result<HttpResponse, ApiError> {
    let octets = call.xml(call.settings().dataset_limit).await?;
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

/// Checks the dataset and writes it, as a change of a single resource is.
async fn settle(
    call: &Call,
    dataset: &Arc<Dataset>,
    kinds: &BTreeSet<ConfigurationKind>,
) -> Result<Verdict, ApiError> {
    change(call, call.query.effect, async |found| {
        let version = found.version;
        let weighing = Weighing {
            dataset: Arc::clone(dataset),
            rows: found.rows,
            secrets: found.secrets,
            kinds: kinds.clone(),
            mode: call.query.mode,
            engine: call.engine().clone(),
            tenant: call.store.slug().clone(),
        };
        let verdict = tokio::task::spawn_blocking(move || weighing.weigh()).await??;
        let seen_runs = refuse_used(call, &verdict.gone()).await?;
        match call.query.effect {
            Effect::Tried => {}
            Effect::Written => carry_out(call, version, (&verdict, seen_runs)).await?,
        }
        Ok(verdict)
    })
    .await
}

async fn carry_out(
    call: &Call,
    version: ConfigurationVersion,
    (verdict, seen_runs): (&Verdict, BTreeSet<RunId>),
) -> Result<(), ApiError> {
    let writes = writes(verdict);
    // Nothing that changes nothing moves the version on.
    if !writes.is_empty() {
        let is_put = writes.iter().any(|write| write.written != Written::Deleted);
        let checked = Checked {
            before: &verdict.before,
            after: &verdict.after,
            writes,
            // A task that names an unknown directory makes it, also one that was there before.
            directories: if is_put { verdict.directories.clone() } else { BTreeSet::new() },
            restored: BTreeSet::new(),
            seen_runs,
        };
        write(call, version, checked).await?;
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

/// What becomes of each resource, what goes first.
fn writes(verdict: &Verdict) -> Vec<ResourceWrite> {
    let (mut deleted, mut put) = (Vec::new(), Vec::new());
    for found in &verdict.found {
        let (kind, id) = &found.key;
        let body = || verdict.documents.get(&found.key).map(ToString::to_string).unwrap_or_default();
        let (list, written) = match found.fate {
            Fate::Created => (&mut put, Written::Created(body())),
            Fate::Updated => (&mut put, Written::Updated(body())),
            Fate::Deleted => (&mut deleted, Written::Deleted),
            Fate::Unchanged => continue,
        };
        list.push(ResourceWrite::new(kind.number(), id.as_str(), written));
    }
    deleted.append(&mut put);
    deleted
}
