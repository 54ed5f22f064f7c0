//! The seven kinds of configuration: listed, read, and changed once all checks have passed.

pub(crate) mod change;
mod check;
mod draft;
mod history;
mod parts;
mod precondition;
mod save;
mod uses;

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{HttpResponse, http::StatusCode};
use muster_engine::LoadedConfiguration;
use muster_model::configuration::{Configuration, ConfigurationKind, Problems};
use muster_model::{ConfigurationId, SecretName};
use muster_store::{ConfigurationVersion, ResourceWrite, StoreError, StoredResource, Written};
use serde_json::Value;

use crate::call::Call;
use crate::error::{ApiError, Conflict};
use crate::query::Effect;
use crate::routes::ConfigurationOperation;
use change::{Checked, Found, refuse_used, write};
use save::tag;

pub(crate) use check::{Proposal, as_reference};
pub(crate) use draft::{Draft, Named, read as read_document};
pub(crate) use parts::check_parts;
pub(crate) use precondition::{EntityTag, Preconditions};
pub(crate) use save::{Put, Saved, save};

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
        ConfigurationOperation::Patch => patch(kind, call).await,
        ConfigurationOperation::Delete => delete(kind, &call).await,
        ConfigurationOperation::History => history::list(kind, &call).await,
        ConfigurationOperation::Version => history::read(kind, &call).await,
        ConfigurationOperation::Restore => history::restore(kind, call).await,
    }
}

async fn list(kind: ConfigurationKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let query = &call.query;
    let mut rows = call.store.resources().await?;
    rows.retain(|row| {
        row.kind == kind.number()
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
    let preconditions = Preconditions::of(&call.request)?;
    let row = call.store.resource(kind.number(), id.as_str()).await?.ok_or_else(|| nowhere(kind, &id))?;
    Saved::of(row).answer_read(&preconditions)
}

/// The configuration that a change is checked against.
pub(crate) struct Basis {
    pub(crate) version: ConfigurationVersion,
    pub(crate) rows: Vec<StoredResource>,
    /// What they mean.
    pub(crate) resources: Configuration,
    /// The secrets that there are.
    pub(crate) secrets: BTreeSet<SecretName>,
}

impl Basis {
    pub(crate) fn row(&self, kind: ConfigurationKind, id: &ConfigurationId) -> Option<StoredResource> {
        self.rows.iter().find(|row| row.kind == kind.number() && row.id == id.as_str()).cloned()
    }
}

/// A change of single resources: they are read before it is checked.
pub(crate) async fn change<T>(
    call: &Call,
    checked: impl AsyncFn(Basis) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    change::change(call, Effect::Written, async |found| {
        let resources = LoadedConfiguration::of(&found.rows)?.resources;
        let Found { version, rows, secrets } = found;
        checked(Basis { version, rows, resources, secrets }).await
    })
    .await
}

async fn create(kind: ConfigurationKind, mut call: Call) -> Result<HttpResponse, ApiError> {
    let body = call.json().await?;
    let (id, saved) = change(&call, async |before| {
        let draft = draft(&call, &before, (kind, body.clone()), Named::Freely)?;
        let id = draft.id();
        if before.resources.get(kind, &id).is_some() {
            return Err(exists(kind, &id));
        }
        let saved = save_one(&call, &before, (draft, None), Written::Created).await?;
        Ok((id, saved))
    })
    .await?;
    call.note(format_args!("{kind} `{id}` created"));
    Ok(saved.answer_created(&call, kind, &id))
}

async fn replace(kind: ConfigurationKind, mut call: Call) -> Result<HttpResponse, ApiError> {
    let id = call.id("id", kind)?;
    let body = call.json().await?;
    let saved = update(&call, kind, &id, |_| Ok(body.clone())).await?;
    call.note(format_args!("{kind} `{id}` replaced"));
    Ok(saved.answer(StatusCode::OK))
}

async fn patch(kind: ConfigurationKind, mut call: Call) -> Result<HttpResponse, ApiError> {
    let id = call.id("id", kind)?;
    let patch = call.patch().await?;
    let limit = call.settings().json_limit;
    let saved = update(&call, kind, &id, |body| {
        let document = serde_json::from_str(body).map_err(ApiError::internal)?;
        let patched = patch.apply(&document, limit)?;
        if patched.is_object() && patched.get("id").is_none_or(Value::is_null) {
            return Err(ApiError::invalid("/id", format!("stays `{id}`; a patch does not remove it")));
        }
        Ok(patched)
    })
    .await?;
    call.note(format_args!("{kind} `{id}` patched"));
    Ok(saved.answer(StatusCode::OK))
}

/// Puts in the place of a resource's document what `make` makes of it.
async fn update(
    call: &Call,
    kind: ConfigurationKind,
    id: &ConfigurationId,
    make: impl Fn(&str) -> Result<Value, ApiError>,
) -> Result<Saved, ApiError> {
    let preconditions = Preconditions::of(&call.request)?;
    change(call, async |before| {
        let old = before.resources.get(kind, id).ok_or_else(|| nowhere(kind, id))?;
        let row = before.row(kind, id).ok_or_else(|| nowhere(kind, id))?;
        preconditions.allow_write(Some(&tag(&row)))?;
        let draft = draft(call, &before, (kind, make(&row.body)?), Named::AsBefore(old))?;
        save_one(call, &before, (draft, Some(row)), Written::Updated).await
    })
    .await
}

/// Saves a draft that is all of its request.
async fn save_one(
    call: &Call,
    basis: &Basis,
    (draft, before): (Draft, Option<StoredResource>),
    written: fn(String) -> Written,
) -> Result<Saved, ApiError> {
    let absent = StoreError::Absent(draft.id().to_string());
    let put = Put { place: String::new(), draft, before, written };
    let saved = save(call, basis, vec![put], BTreeSet::new()).await?;
    saved.into_iter().next().map(Saved::of).ok_or_else(|| ApiError::internal(absent))
}

/// A document, read as one that is to be saved.
fn draft(
    call: &Call,
    before: &Basis,
    (kind, body): (ConfigurationKind, Value),
    named: Named<'_>,
) -> Result<Draft, ApiError> {
    let new_id = || call.engine().surroundings().new_id();
    Draft::of(kind, body.clone(), named, new_id)
        .map_err(|problems| broken(call, before, (kind, &body), problems))
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
    let preconditions = Preconditions::of(&call.request)?;
    change(call, async |before| {
        let row = before.row(kind, &id).ok_or_else(|| nowhere(kind, &id))?;
        preconditions.allow_write(Some(&tag(&row)))?;
        refuse_referred(&before.resources, kind, &id)?;
        let seen_runs = refuse_used(call, &[(kind, id.clone())].into()).await?;
        let after = before.resources.iter().filter(|one| (one.kind(), one.id()) != (kind, id.clone()));
        let checked = Checked {
            before: &before.resources,
            after: &after.cloned().collect(),
            writes: vec![ResourceWrite::new(kind.number(), id.as_str(), Written::Deleted)],
            directories: BTreeSet::new(),
            restored: BTreeSet::new(),
            seen_runs,
        };
        write(call, before.version, checked).await
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
