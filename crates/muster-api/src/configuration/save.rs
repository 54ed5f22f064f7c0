//! Saving: the last checks of a draft, its write, and the answer that shows it with its entity tag.

use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpResponse, http::StatusCode};
use muster_model::ConfigurationId;
use muster_model::configuration::{Configuration, ConfigurationKind, Resource};
use muster_store::{BindingRule, ConfigurationVersion, ResourceWrite, StoredResource, Written};

use super::draft::Draft;
use super::precondition::EntityTag;
use super::{Basis, check, json, stored_kind};
use crate::call::Call;
use crate::error::ApiError;
use crate::rights::Permission;

/// A resource as it is now in the store.
pub(super) struct Saved {
    pub(super) body: String,
    pub(super) tag: EntityTag,
}

impl Saved {
    /// One that was to become what it is already: nothing was written, and its version stays.
    pub(super) fn as_before(row: StoredResource) -> Self {
        Self { tag: tag(&row), body: row.body }
    }

    pub(super) fn answer(self, status: StatusCode) -> HttpResponse {
        let mut answer = json(status, self.body);
        insert(&mut answer, header::ETAG, &self.tag.to_string());
        answer
    }

    /// To somebody who has it already.
    pub(super) fn answer_unchanged(self) -> HttpResponse {
        let mut answer = HttpResponse::NotModified().finish();
        insert(&mut answer, header::ETAG, &self.tag.to_string());
        answer
    }

    pub(super) fn answer_created(
        self,
        call: &Call,
        kind: ConfigurationKind,
        id: &ConfigurationId,
    ) -> HttpResponse {
        let mut answer = self.answer(StatusCode::CREATED);
        let location = format!("/{}/api/sync/conf/{}/{id}", call.store.slug(), kind.path_segment());
        insert(&mut answer, header::LOCATION, &location);
        answer
    }
}

/// Checks a draft against all that is there, and writes it.
pub(super) async fn save(
    call: &Call,
    before: &Basis,
    draft: Draft,
    written: fn(String) -> Written,
) -> Result<Saved, ApiError> {
    check::check(call, before, &draft.resource)?;
    make_directory(call, &draft.resource).await?;
    let kind = draft.resource.kind();
    let version = write(call, before.version, (kind, &draft.id()), written(draft.body.clone())).await?;
    let after = before.resources.clone().with(draft.resource);
    bind_secrets(call, (&before.resources, &after)).await?;
    Ok(Saved { tag: EntityTag::of(version, &draft.body), body: draft.body })
}

/// Binds secrets to definitions that refer to them anew. Whoever may enter secrets knows by that where they go;
/// anybody else can only have one for which none has been named yet.
pub(crate) async fn bind_secrets(
    call: &Call,
    (before, after): (&Configuration, &Configuration),
) -> Result<(), ApiError> {
    let rule = match call.caller.roles.grant(Permission::Administer) {
        true => BindingRule::Always,
        false => BindingRule::IfUnbound,
    };
    Ok(call.engine().bind_secrets(&call.store, (before, after), rule).await?)
}

pub(super) async fn write(
    call: &Call,
    checked: ConfigurationVersion,
    (kind, id): (ConfigurationKind, &ConfigurationId),
    written: Written,
) -> Result<i64, ApiError> {
    let write = ResourceWrite::new(stored_kind(kind), id.as_str(), written);
    Ok(call.store.write_resource(checked, write).await?)
}

/// A task that names an unknown directory makes it.
async fn make_directory(call: &Call, resource: &Resource) -> Result<(), ApiError> {
    if let Resource::SynchronizationTaskDefinition(task) = resource {
        call.store.ensure_directory(&task.directory_id).await?;
    }
    Ok(())
}

pub(super) fn tag(row: &StoredResource) -> EntityTag {
    EntityTag::of(row.version, &row.body)
}

/// Adds a header of ours, which is always text that a header may hold.
fn insert(answer: &mut HttpResponse, name: HeaderName, value: &str) {
    if let Ok(value) = value.parse() {
        answer.headers_mut().insert(name, value);
    }
}
