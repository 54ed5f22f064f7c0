//! The history of an IM object. That of one that was deleted can still be read.

use actix_web::HttpResponse;
use muster_model::ObjectKind;

use super::{id, nowhere};
use crate::call::Call;
use crate::error::ApiError;
use crate::view::ObjectHistoryView;

pub(super) async fn history(kind: ObjectKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let id = id(kind, call)?;
    let object = call.store.object(id).await?;
    if object.as_ref().is_some_and(|object| object.kind != kind) {
        return Err(nowhere(kind, call));
    }
    let of = (kind, id);
    // The caller counts the versions that came of the writes, the store those that were replaced.
    let before = call.query.after_number.map(|version| version.saturating_sub(1));
    let records = call.store.object_history(of, before, call.query.rows()).await?;
    // One of which nothing is known now was deleted, or never was.
    if object.is_none() && records.is_empty() && call.store.object_history(of, None, 1).await?.is_empty() {
        return Err(nowhere(kind, call));
    }
    Ok(HttpResponse::Ok().json(records.iter().map(ObjectHistoryView::from).collect::<Vec<_>>()))
}
