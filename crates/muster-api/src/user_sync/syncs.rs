//! Syncs: runs of synchronization tasks, by their numbers and in the words of User Sync.

use actix_web::HttpResponse;
use muster_engine::{Launch, LoadedConfiguration, counts_of};
use muster_model::ConfigurationId;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, TaskKind};
use muster_store::SyncRecord;
use serde_json::Value;
use uuid::Uuid;

use super::{directories, results};
use crate::call::Call;
use crate::error::ApiError;
use crate::query::Node;
use crate::routes::SyncOperation;
use crate::task::{Asked, refusal};
use crate::view::{SyncCircumstances, SyncStatusView};

/// So many notes about a run as a whole are among its messages.
const MOST_NOTES: u32 = 100;

const TASKS: ConfigurationKind = ConfigurationKind::SynchronizationTaskDefinition;

pub(crate) async fn perform(operation: SyncOperation, call: Call) -> Result<HttpResponse, ApiError> {
    match operation {
        SyncOperation::Start => start(&call).await,
        SyncOperation::Last => last(&call).await,
        SyncOperation::Show => show(&call).await,
        SyncOperation::Results => results::list(&call).await,
        SyncOperation::DeleteDirectory => directories::delete(&call).await,
    }
}

async fn start(call: &Call) -> Result<HttpResponse, ApiError> {
    let task = task(call).await?;
    let launch = Launch::of(TaskKind::Synchronization, task.clone(), Mode::Apply);
    let launched = match call.query.node {
        Node::Any => call.engine().launch(&call.store, launch).await,
        Node::This => call.engine().launch_here(&call.store, launch).await,
    };
    match launched {
        Ok(run) => {
            call.note(format_args!("sync of task `{task}` launched, run {}", run.id));
            let sync = call.store.sync_of(run.id).await?;
            status(call, sync.ok_or_else(|| ApiError::NotFound(format!("run `{}` any more", run.id)))?).await
        }
        Err(error) => Err(refusal(&Asked::saved(TaskKind::Synchronization, task), call, error).await),
    }
}

async fn last(call: &Call) -> Result<HttpResponse, ApiError> {
    let task = task(call).await?;
    let sync = call.store.last_sync(&task).await?;
    let none = || ApiError::NotFound(format!("sync of all users of task `{task}`"));
    status(call, sync.ok_or_else(none)?).await
}

async fn show(call: &Call) -> Result<HttpResponse, ApiError> {
    status(call, find(call).await?).await
}

/// The sync in the path.
pub(super) async fn find(call: &Call) -> Result<SyncRecord, ApiError> {
    let text = call.segment("sync");
    let sync = match text.parse() {
        Ok(number) => call.store.sync(number).await?,
        Err(_) => None,
    };
    sync.ok_or_else(|| ApiError::NotFound(format!("sync `{text}`")))
}

/// The task of the connector in the path, which is known by its unique id or by that of its task.
async fn task(call: &Call) -> Result<ConfigurationId, ApiError> {
    let text = call.segment("id");
    let resources = LoadedConfiguration::load(&call.store).await?.resources;
    let found = resources.connector(text).map(|task| task.id.clone());
    found.ok_or_else(|| ApiError::NotFound(format!("connector `{text}`")))
}

async fn status(call: &Call, sync: SyncRecord) -> Result<HttpResponse, ApiError> {
    let (store, run) = (&call.store, &sync.run);
    let reports = store.reports_of(run.seq).await?;
    let circumstances = SyncCircumstances {
        connector: unique_id(call, &sync).await?,
        counts: counts_of(store, run).await?,
        messages: store.messages(run).await?,
        notes: store.notes(run, MOST_NOTES).await?,
        report: reports.into_iter().next().map(|report| report.path),
        is_clustered: store.is_clustered(),
        now: call.engine().surroundings().now(),
    };
    Ok(HttpResponse::Ok().json(SyncStatusView::new(&sync, circumstances)))
}

/// The unique id of a sync's connector, which it keeps for good; as it was then where the connector is gone.
async fn unique_id(call: &Call, sync: &SyncRecord) -> Result<Option<Uuid>, ApiError> {
    let stored = call.store.resource(TASKS.number(), sync.run.task.as_str()).await?;
    if let Some(stored) = stored {
        let document: Value = serde_json::from_str(&stored.body).map_err(ApiError::internal)?;
        return Ok(document["uniqueId"].as_str().and_then(|text| text.parse().ok()));
    }
    let frozen = LoadedConfiguration::parse(call.store.rules_body(&sync.run.rules).await?)?.resources;
    Ok(frozen.synchronization_task(&sync.run.task).and_then(|task| task.unique_id))
}
