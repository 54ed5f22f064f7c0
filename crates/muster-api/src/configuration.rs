//! The seven kinds of configuration: listed, read, and changed once all checks have passed.

mod check;
mod draft;
mod parts;
mod uses;

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::header;
use actix_web::{HttpResponse, http::StatusCode};
use muster_engine::LoadedConfiguration;
use muster_model::configuration::{Configuration, ConfigurationKind, Problems, Resource};
use muster_model::{ConfigurationId, SecretName};
use muster_store::{BindingRule, ConfigurationVersion, StoredResource};
use serde_json::Value;

use crate::call::Call;
use crate::error::{ApiError, Conflict};
use crate::rights::Permission;
use crate::routes::ConfigurationOperation;
use draft::{Draft, Named};

pub(crate) use check::as_reference;
pub(crate) use draft::read as read_document;

/// How often a change is checked that other processes come before, again and again.
const TRIES: u32 = 10;

pub(crate) async fn perform(
    operation: ConfigurationOperation,
    kind: ConfigurationKind,
    call: Call,
) -> Result<HttpResponse, ApiError> {
    match operation {
        ConfigurationOperation::List => list(kind, &call).await,
        ConfigurationOperation::Create => create(kind, call).await,
        ConfigurationOperation::Read => read(kind, &call).await,
        ConfigurationOperation::Replace => replace(kind, call).await,
        ConfigurationOperation::Delete => delete(kind, &call).await,
    }
}

/// The number under which the store keeps a kind: its place among all kinds.
pub(crate) fn stored_kind(kind: ConfigurationKind) -> u8 {
    kind as u8
}

async fn list(kind: ConfigurationKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let query = &call.query;
    let mut rows = call.store.resources().await?;
    rows.retain(|row| {
        row.kind == stored_kind(kind)
            && query.after_text.as_ref().is_none_or(|after| row.id > *after)
            && query.search.as_ref().is_none_or(|text| contains(row, text))
    });
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    rows.truncate(query.limit.map_or(usize::MAX, |limit| limit as usize));
    let bodies: Vec<_> = rows.into_iter().map(|row| row.body).collect();
    Ok(json(StatusCode::OK, format!("[{}]", bodies.join(","))))
}

/// Whether id, name or description contain a text in small letters.
fn contains(row: &StoredResource, text: &str) -> bool {
    let document: Value = serde_json::from_str(&row.body).unwrap_or_default();
    let said = ["id", "name", "description"].into_iter().filter_map(|field| document[field].as_str());
    said.into_iter().any(|said| said.to_lowercase().contains(text))
}

async fn read(kind: ConfigurationKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let id = call.id("id", kind)?;
    let row = call.store.resource(stored_kind(kind), id.as_str()).await?;
    Ok(json(StatusCode::OK, row.ok_or_else(|| nowhere(kind, &id))?.body))
}

/// The configuration that a change is checked against.
struct Basis {
    version: ConfigurationVersion,
    resources: Configuration,
    /// The secrets that there are.
    secrets: BTreeSet<SecretName>,
}

/// Checks a change and writes it. If another process has changed the configuration between the two, nothing has
/// been written, and the change is checked again against what there is now. So what was there when it was checked
/// is there when it is written, and what was not is not.
async fn change<T>(call: &Call, checked: impl AsyncFn(Basis) -> Result<T, ApiError>) -> Result<T, ApiError> {
    let _turn = call.state.turn().await?;
    let mut tries = TRIES;
    loop {
        tries -= 1;
        let version = call.store.configuration_version().await?;
        let resources = LoadedConfiguration::load(&call.store).await?.resources;
        let secrets = call.store.secrets().await?.into_iter().map(|secret| secret.name).collect();
        match checked(Basis { version, resources, secrets }).await {
            Err(ApiError::Outrun) if tries > 0 => {}
            ended => return ended,
        }
    }
}

async fn create(kind: ConfigurationKind, mut call: Call) -> Result<HttpResponse, ApiError> {
    let body = call.json().await?;
    let draft = change(&call, async |before| {
        let new_id = || call.engine().surroundings().new_id();
        let draft = Draft::of(kind, body.clone(), Named::Freely, new_id)
            .map_err(|problems| broken(&call, &before, (kind, &body), problems))?;
        if before.resources.get(kind, &draft.id()).is_some() {
            return Err(exists(kind, &draft.id()));
        }
        check::check(&call, &before, &draft.resource)?;
        make_directory(&call, &draft.resource).await?;
        let (kind, id) = (stored_kind(kind), draft.id());
        call.store.create_resource(before.version, kind, id.as_str(), &draft.body).await?;
        bind_secrets(&call, before.resources, &draft.resource).await?;
        Ok(draft)
    })
    .await?;
    call.note(format_args!("{kind} `{}` created", draft.id()));
    let location = format!("/{}/api/sync/conf/{}/{}", call.store.slug(), kind.path_segment(), draft.id());
    let mut answer = json(StatusCode::CREATED, draft.body);
    if let Ok(location) = location.parse() {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    Ok(answer)
}

async fn replace(kind: ConfigurationKind, mut call: Call) -> Result<HttpResponse, ApiError> {
    let id = call.id("id", kind)?;
    let body = call.json().await?;
    let draft = change(&call, async |before| {
        let old = before.resources.get(kind, &id).ok_or_else(|| nowhere(kind, &id))?;
        let new_id = || call.engine().surroundings().new_id();
        let draft = Draft::of(kind, body.clone(), Named::AsBefore(old), new_id)
            .map_err(|problems| broken(&call, &before, (kind, &body), problems))?;
        check::check(&call, &before, &draft.resource)?;
        make_directory(&call, &draft.resource).await?;
        call.store.replace_resource(before.version, stored_kind(kind), id.as_str(), &draft.body).await?;
        bind_secrets(&call, before.resources, &draft.resource).await?;
        Ok(draft)
    })
    .await?;
    call.note(format_args!("{kind} `{id}` replaced"));
    Ok(json(StatusCode::OK, draft.body))
}

/// The refusal of a document that is broken, with what else can be told of it.
fn broken(
    call: &Call,
    before: &Basis,
    (kind, body): (ConfigurationKind, &Value),
    mut problems: Problems,
) -> ApiError {
    problems.merge(parts::check_parts(call, before, kind, body));
    ApiError::Invalid(problems)
}

async fn delete(kind: ConfigurationKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let id = call.id("id", kind)?;
    change(call, async |before| {
        if before.resources.get(kind, &id).is_none() {
            return Err(nowhere(kind, &id));
        }
        refuse_referred(&before.resources, kind, &id)?;
        refuse_used(call, kind, &id).await?;
        call.store.delete_resource(before.version, stored_kind(kind), id.as_str()).await?;
        Ok(())
    })
    .await?;
    call.note(format_args!("{kind} `{id}` deleted"));
    Ok(HttpResponse::NoContent().finish())
}

fn refuse_referred(
    before: &Configuration,
    kind: ConfigurationKind,
    id: &ConfigurationId,
) -> Result<(), ApiError> {
    let mut properties: BTreeMap<String, String> = BTreeMap::new();
    for (referrer, pointer) in before.referrers(kind, id) {
        let place = Configuration::pointer(referrer);
        let within = pointer.strip_prefix(&place).unwrap_or(&pointer).to_owned();
        let said = properties.entry(place.trim_start_matches('/').to_owned()).or_default();
        said.push_str(if said.is_empty() { "" } else { "; " });
        said.push_str(&within);
    }
    if properties.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = properties.keys().map(|name| format!("`{name}`")).collect();
    Err(ApiError::Conflict(Box::new(Conflict {
        description: format!("{kind} `{id}` is referred to by {}", names.join(", ")),
        fix: "delete what `properties` names, or have it refer to another one".to_owned(),
        properties,
    })))
}

async fn refuse_used(call: &Call, kind: ConfigurationKind, id: &ConfigurationId) -> Result<(), ApiError> {
    let mut properties = BTreeMap::new();
    for (run, body) in call.store.live_runs().await? {
        let frozen = LoadedConfiguration::parse(body)?.resources;
        if uses::of_run(&frozen, &run).contains(&(kind, id.clone())) {
            let says = format!("a run of task `{}`, {}", run.task, run.state.status.as_str());
            properties.insert(run.id.to_string(), says);
        }
    }
    if properties.is_empty() {
        return Ok(());
    }
    Err(ApiError::Conflict(Box::new(Conflict {
        description: format!("{kind} `{id}` is used by runs that have not ended"),
        fix: "wait until the runs that `properties` names have ended, or cancel them".to_owned(),
        properties,
    })))
}

/// Binds secrets to a definition that refers to them anew. Whoever may enter secrets knows by that where they go;
/// anybody else can only have one for which none has been named yet.
async fn bind_secrets(call: &Call, before: Configuration, saved: &Resource) -> Result<(), ApiError> {
    let rule = match call.caller.roles.grant(Permission::Administer) {
        true => BindingRule::Always,
        false => BindingRule::IfUnbound,
    };
    let after = before.clone().with(saved.clone());
    Ok(call.engine().bind_secrets(&call.store, (&before, &after), rule).await?)
}

/// A task that names an unknown directory makes it.
async fn make_directory(call: &Call, resource: &Resource) -> Result<(), ApiError> {
    if let Resource::SynchronizationTaskDefinition(task) = resource {
        call.store.ensure_directory(&task.directory_id).await?;
    }
    Ok(())
}

fn nowhere(kind: ConfigurationKind, id: &ConfigurationId) -> ApiError {
    ApiError::NotFound(format!("{kind} `{id}`"))
}

fn exists(kind: ConfigurationKind, id: &ConfigurationId) -> ApiError {
    let fix = format!("update it with PUT at conf/{}/{id}, or choose another id", kind.path_segment());
    ApiError::conflict(format!("{kind} `{id}` exists already"), fix)
}

fn json(status: StatusCode, body: String) -> HttpResponse {
    HttpResponse::build(status).content_type("application/json").body(body)
}
