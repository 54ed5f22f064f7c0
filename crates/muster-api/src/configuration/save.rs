//! Saving: the last checks of a draft, its write, and the answer that shows it with its entity tag.

use std::collections::BTreeSet;

use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpResponse, http::StatusCode};
use muster_model::ConfigurationId;
use muster_model::configuration::ConfigurationKind;
use muster_store::{ResourceWrite, StoreError, StoredResource, Written};

use super::change::{Checked, directories, write};
use super::draft::Draft;
use super::precondition::EntityTag;
use super::{Basis, check, json};
use crate::call::Call;
use crate::error::ApiError;

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
    let after = before.resources.clone().with(draft.resource.clone());
    check::check(call, before, &after, &draft.resource)?;
    let (kind, id) = (draft.resource.kind(), draft.id());
    let checked = Checked {
        before: &before.resources,
        after: &after,
        writes: vec![ResourceWrite::new(kind.number(), id.as_str(), written(draft.body.clone()))],
        directories: directories([&draft.resource]),
        restored: BTreeSet::new(),
        seen_runs: BTreeSet::new(),
    };
    let versions = write(call, before.version, checked).await?;
    let version =
        versions.first().copied().ok_or_else(|| ApiError::internal(StoreError::Absent(id.to_string())))?;
    Ok(Saved { tag: EntityTag::of(version, &draft.body), body: draft.body })
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
