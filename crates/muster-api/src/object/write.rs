//! Objects written by hand: checked against what the configuration says of their attributes, and written only if
//! both are still as they were.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use muster_engine::{HandBasis, OUTRUN_TRIES};
use muster_model::{ImObject, ObjectId, ObjectKind, Provenance};
use muster_plan::by_hand::HandChange;
use serde_json::Value;

use super::draft::{self, Before, Draft};
use super::{Shown, find};
use crate::call::Call;
use crate::configuration::Preconditions;
use crate::error::ApiError;
use crate::view::ObjectView;

pub(super) async fn create(kind: ObjectKind, mut call: Call) -> Result<HttpResponse, ApiError> {
    let body = call.json().await?;
    let id = ObjectId(call.engine().surroundings().new_id());
    let made = decide(&call, async |basis| {
        let before = Before { kind, types: basis.resources.attribute_types(kind), object: None };
        let draft = draft::read(&body, &before)?;
        if !basis.has_directory(&draft.directory) {
            let message = format!("there is no directory `{}`", draft.directory);
            return Err(ApiError::invalid("/directoryId", message));
        }
        let made = new_object((kind, id), draft);
        carry_out(&call, &basis, &basis.create(made.clone())).await?;
        Ok(made)
    })
    .await?;
    call.note(format_args!("{kind} `{id}` created"));
    let mut answer = Shown::of(&made)?.answer(StatusCode::CREATED);
    let location = format!("/{}/api/im/{kind}/{id}", call.store.slug());
    if let Ok(location) = location.parse() {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    Ok(answer)
}

fn new_object((kind, id): (ObjectKind, ObjectId), draft: Draft) -> ImObject {
    ImObject {
        id,
        kind,
        directory: draft.directory,
        object_type: draft.wanted.object_type,
        disabled: draft.wanted.disabled,
        version: 1,
        attributes: draft.wanted.attributes,
        provenance: Provenance::default(),
    }
}

pub(super) async fn replace(kind: ObjectKind, mut call: Call) -> Result<HttpResponse, ApiError> {
    let body = call.json().await?;
    update(kind, &call, |_| Ok(body.clone())).await
}

pub(super) async fn patch(kind: ObjectKind, mut call: Call) -> Result<HttpResponse, ApiError> {
    let patch = call.patch().await?;
    let limit = call.settings().json_limit;
    update(kind, &call, |object| {
        let document = serde_json::to_value(ObjectView::from(object)).map_err(ApiError::internal)?;
        patch.apply(&document, limit)
    })
    .await
}

/// Puts in the place of an object's values what `make` makes of it.
async fn update(
    kind: ObjectKind,
    call: &Call,
    make: impl Fn(&ImObject) -> Result<Value, ApiError>,
) -> Result<HttpResponse, ApiError> {
    let preconditions = Preconditions::of(&call.request)?;
    let shown = decide(call, async |basis| {
        let object = find(kind, call).await?;
        let shown = Shown::of(&object)?;
        preconditions.allow_write(Some(&shown.tag))?;
        let types = basis.resources.attribute_types(kind);
        let draft = draft::read(&make(&object)?, &Before { kind, types, object: Some(&object) })?;
        let Some(change) = basis.replace(object.clone(), draft.wanted.clone()) else { return Ok(shown) };
        carry_out(call, &basis, &change).await?;
        call.note(format_args!("{kind} `{}` written", object.id));
        Shown::of(&ImObject {
            object_type: draft.wanted.object_type,
            disabled: draft.wanted.disabled,
            attributes: draft.wanted.attributes,
            version: object.version + 1,
            ..object
        })
    })
    .await?;
    Ok(shown.answer(StatusCode::OK))
}

pub(super) async fn delete(kind: ObjectKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let preconditions = Preconditions::of(&call.request)?;
    decide(call, async |basis| {
        let object = find(kind, call).await?;
        preconditions.allow_write(Some(&Shown::of(&object)?.tag))?;
        carry_out(call, &basis, &basis.delete(object)).await
    })
    .await?;
    call.note(format_args!("{kind} `{}` deleted", call.segment("id")));
    Ok(HttpResponse::NoContent().finish())
}

/// Decides a write and carries it out. If a run or somebody else has come in between, nothing has been written, and
/// it is decided again on what there is now.
async fn decide<T>(
    call: &Call,
    decided: impl AsyncFn(HandBasis) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let mut tries = OUTRUN_TRIES;
    loop {
        tries -= 1;
        let basis = call.engine().hand_basis(&call.store).await?;
        match decided(basis).await {
            Err(ApiError::Outrun) if tries > 0 => {}
            ended => return ended,
        }
    }
}

async fn carry_out(call: &Call, basis: &HandBasis, change: &HandChange) -> Result<(), ApiError> {
    Ok(call.engine().write_by_hand(&call.store, basis, change).await?)
}
