//! One request: who calls is settled first, then what is asked for is read, then it is done.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::FutureExt as _;
use muster_engine::Engine;
use muster_model::ConfigurationId;
use muster_store::TenantStore;
use tracing::Instrument as _;

use crate::access::{Caller, admit};
use crate::error::ApiError;
use crate::figures::request_answered;
use crate::patch::Patch;
use crate::query::{NUL, Query};
use crate::routes::{Access, AccountOperation, OpenOperation, Route, TenantOperation};
use crate::state::{ApiSettings, ApiState};
use crate::{
    accounts, administration, applications, audit, body, configuration, dataset, disputes, evaluate, file,
    hand_link, health, object, openapi, parked, task, user_sync,
};

/// A request of a caller who is of the tenant and has the right that the route asks for.
pub(crate) struct Call {
    pub(crate) state: ApiState,
    pub(crate) store: TenantStore,
    pub(crate) caller: Caller,
    pub(crate) query: Query,
    pub(crate) request: HttpRequest,
    pub(crate) payload: web::Payload,
}

impl Call {
    pub(crate) fn engine(&self) -> &Engine {
        self.state.engine()
    }

    pub(crate) fn settings(&self) -> &ApiSettings {
        self.state.settings()
    }

    /// Notes in the log what the caller has done, without the names of people.
    pub(crate) fn note(&self, what: std::fmt::Arguments<'_>) {
        // Who that is stands in the audit log: a log for operators is read by more people.
        let by = self.caller.actor.kind;
        tracing::info!(tenant = %self.store.slug(), %by, "{what}");
    }

    /// A segment of the path.
    pub(crate) fn segment(&self, name: &str) -> &str {
        self.request.match_info().query(name)
    }

    /// The configuration id in the path; one that none can have leads nowhere.
    pub(crate) fn id(&self, name: &str, what: impl std::fmt::Display) -> Result<ConfigurationId, ApiError> {
        let text = self.segment(name);
        ConfigurationId::new(text).map_err(|_| ApiError::NotFound(format!("{what} `{text}`")))
    }

    /// The name in the path; one that none can have leads nowhere.
    pub(crate) fn name(&self, what: &str) -> Result<String, ApiError> {
        let text = self.segment("name");
        let name = file::decoded(text).filter(|name| !name.contains(NUL));
        name.ok_or_else(|| ApiError::NotFound(format!("{what} `{text}`")))
    }

    /// The body, a text or JSON.
    pub(crate) async fn text_or_json(&mut self) -> Result<body::Spoken, ApiError> {
        body::text_or_json(&self.request, &mut self.payload, self.state.settings()).await
    }

    /// The JSON body.
    pub(crate) async fn json(&mut self) -> Result<serde_json::Value, ApiError> {
        self.json_of(self.settings().json_limit).await
    }

    /// The JSON body, of so many octets at the most.
    pub(crate) async fn json_of(&mut self, limit: u64) -> Result<serde_json::Value, ApiError> {
        body::json(&self.request, &mut self.payload, (limit, self.state.settings().patience)).await
    }

    /// The XML body, of so many octets at the most.
    pub(crate) async fn xml(&mut self, limit: u64) -> Result<Vec<u8>, ApiError> {
        body::xml(&self.request, &mut self.payload, (limit, self.state.settings().patience)).await
    }

    /// The patch that the body is.
    pub(crate) async fn patch(&mut self) -> Result<Patch, ApiError> {
        body::patch(&self.request, &mut self.payload, self.state.settings()).await
    }

    /// The JSON body, if there is a body.
    pub(crate) async fn optional_json(&mut self) -> Result<Option<serde_json::Value>, ApiError> {
        body::optional_json(&self.request, &mut self.payload, self.state.settings()).await
    }
}

/// Answers a request of a route, whatever happens.
pub(crate) async fn answer(
    route: &'static Route,
    state: ApiState,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let (begun, tracking) = (Instant::now(), new_tracking(&state));
    // All lines that the request leaves in the log can be found by what its error says.
    let span = tracing::info_span!("request", tracking, route = route.id);
    let answer = async {
        let work = AssertUnwindSafe(perform(route, state.clone(), request.clone(), payload)).catch_unwind();
        let outcome = work.await.unwrap_or_else(|panic| Err(ApiError::panicked(&*panic)));
        let mut answer = match outcome {
            Ok(answer) => {
                tracing::debug!(method = %request.method(), path = request.path(), "{}", answer.status());
                answer
            }
            Err(error) => error.answer(&state, &request, tracking),
        };
        harden(&mut answer);
        answer
    };
    let answer = answer.instrument(span).await;
    request_answered(route, answer.status(), begun.elapsed());
    answer
}

/// Answers with an error where there is no route.
pub(crate) fn refuse(error: &ApiError, state: &ApiState, request: &HttpRequest) -> HttpResponse {
    let mut answer = error.answer(state, request, new_tracking(state));
    harden(&mut answer);
    answer
}

fn new_tracking(state: &ApiState) -> String {
    state.engine().surroundings().new_id().to_string()
}

/// What people and browsers must not do with an answer.
fn harden(answer: &mut HttpResponse) {
    let headers = answer.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
}

async fn perform(
    route: &'static Route,
    state: ApiState,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    match route.access {
        Access::Everybody(operation) => {
            Query::read(request.query_string(), route.query)?;
            match operation {
                OpenOperation::Live => Ok(health::live()),
                OpenOperation::Ready => health::ready(&state).await,
                OpenOperation::Describe => Ok(openapi::describe()),
            }
        }
        Access::Tenant(permission, operation) => {
            let (store, caller) = admit(&state, &request, permission).await?;
            let query = Query::read(request.query_string(), route.query)?;
            let call = Call { state, store, caller, query, request, payload };
            match operation {
                TenantOperation::Configuration(operation, kind) => {
                    configuration::perform(operation, kind, call).await
                }
                TenantOperation::Application(operation) => applications::perform(operation, call).await,
                TenantOperation::Evaluate => evaluate::perform(call).await,
                TenantOperation::Dataset(operation) => dataset::perform(operation, call).await,
                TenantOperation::Task(operation, kind) => task::perform(operation, kind, call).await,
                TenantOperation::File(operation) => file::perform(operation, call).await,
                TenantOperation::Object(operation) => object::perform(operation, call).await,
                TenantOperation::Audit(operation) => audit::perform(operation, call).await,
                TenantOperation::Administration(operation) => administration::perform(operation, call).await,
                TenantOperation::Accounts => accounts::perform(&call).await,
                TenantOperation::Account(AccountOperation::Unlink) => hand_link::unlink(call).await,
                TenantOperation::Account(AccountOperation::Relink) => hand_link::relink(call).await,
                TenantOperation::Dispute(operation) => disputes::perform(operation, call).await,
                TenantOperation::Parked(operation) => parked::perform(operation, call).await,
                TenantOperation::Connector(operation) => {
                    user_sync::connectors::perform(operation, call).await
                }
                TenantOperation::Sync(operation) => user_sync::syncs::perform(operation, call).await,
            }
        }
    }
}
