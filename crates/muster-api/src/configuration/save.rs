//! Saving: the last checks of a draft, its write, and the answer that shows it with its entity tag.

use std::collections::BTreeSet;

use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpResponse, http::StatusCode};
use muster_model::configuration::ConfigurationKind;
use muster_model::{ConfigurationId, DirectoryId};
use muster_store::{ResourceWrite, StoredResource, Written};

use super::change::{Checked, directories, write};
use super::draft::Draft;
use super::precondition::{EntityTag, Preconditions};
use super::{Basis, check, json};
use crate::call::Call;
use crate::error::ApiError;

/// A resource as it is now in the store.
pub(crate) struct Saved {
    pub(crate) body: String,
    pub(crate) tag: EntityTag,
}

impl Saved {
    pub(super) fn of(row: StoredResource) -> Self {
        Self { tag: tag(&row), body: row.body }
    }

    pub(crate) fn answer(self, status: StatusCode) -> HttpResponse {
        let mut answer = json(status, self.body);
        insert(&mut answer, header::ETAG, &self.tag.to_string());
        answer
    }

    /// To whoever asks for it, unless they have it already.
    pub(crate) fn answer_read(self, preconditions: &Preconditions) -> Result<HttpResponse, ApiError> {
        preconditions.allow_read(Some(&self.tag))?;
        if !preconditions.knows(Some(&self.tag)) {
            return Ok(self.answer(StatusCode::OK));
        }
        let mut answer = HttpResponse::NotModified().finish();
        insert(&mut answer, header::ETAG, &self.tag.to_string());
        Ok(answer)
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

/// A draft that is to be saved.
pub(crate) struct Put {
    /// Where the request has it, as a JSON pointer.
    pub(crate) place: String,
    pub(crate) draft: Draft,
    /// What is there now.
    pub(crate) before: Option<StoredResource>,
    pub(crate) written: fn(String) -> Written,
}

impl Put {
    /// Whether it says what is there already.
    fn is_idle(&self) -> bool {
        self.before.as_ref().is_some_and(|row| row.body == self.draft.body)
    }

    fn write(&self) -> ResourceWrite {
        let (kind, id) = (self.draft.resource.kind(), self.draft.id());
        ResourceWrite::new(kind.number(), id.as_str(), (self.written)(self.draft.body.clone()))
    }

    /// The resource as it is afterwards.
    fn into_row(self, version: Option<i64>) -> StoredResource {
        let (kind, id) = (self.draft.resource.kind(), self.draft.id());
        let version = version.or(self.before.map(|row| row.version)).unwrap_or_default();
        StoredResource { kind: kind.number(), id: id.to_string(), version, body: self.draft.body }
    }
}

/// Checks drafts against all that is there, and writes them together, with the directories that are `restored`. What
/// says what is there already is not written, and keeps its version. Answers the resources as they are then.
pub(crate) async fn save(
    call: &Call,
    before: &Basis,
    puts: Vec<Put>,
    restored: BTreeSet<DirectoryId>,
) -> Result<Vec<StoredResource>, ApiError> {
    if puts.iter().all(Put::is_idle) && restored.is_empty() {
        return Ok(puts.into_iter().map(|put| put.into_row(None)).collect());
    }
    let resources = || puts.iter().map(|put| &put.draft.resource);
    let after = resources().fold(before.resources.clone(), |after, resource| after.with(resource.clone()));
    check::check(call, before, &after, &puts)?;
    let checked = Checked {
        before: &before.resources,
        after: &after,
        writes: puts.iter().filter(|put| !put.is_idle()).map(Put::write).collect(),
        directories: directories(resources()),
        restored,
        seen_runs: BTreeSet::new(),
    };
    let mut versions = write(call, before.version, checked).await?.into_iter();
    Ok(puts
        .into_iter()
        .map(|put| {
            let version = if put.is_idle() { None } else { versions.next() };
            put.into_row(version)
        })
        .collect())
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
