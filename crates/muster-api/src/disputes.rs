//! Disputes: accounts about which runs do not decide by themselves, listed for people, and decided by them.

use std::collections::{BTreeSet, HashMap};

use actix_web::HttpResponse;
use muster_engine::DisputeError;
use muster_model::dispute::DisputeDecision;
use muster_model::text::read_hex;
use muster_model::{ImObject, ObjectId};
use muster_plan::key::KeyHash;
use muster_store::{DisputeFilter, DisputeRecord};
use serde_json::Value;
use uuid::Uuid;

use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Fields, Form};
use crate::routes::DisputeOperation;
use crate::table::{self, Written};
use crate::view::{DISPUTE_COLUMNS, DisputeView};

const FORM: Form = Form {
    such_as: Some(r#"{"decision": "IGNORE"}"#),
    fields: &["decision", "objectId"],
    known: "known are `decision` and `objectId`",
};

pub(crate) async fn perform(operation: DisputeOperation, call: Call) -> Result<HttpResponse, ApiError> {
    match operation {
        DisputeOperation::List => list(&call).await,
        DisputeOperation::Decide => decide(call).await,
        DisputeOperation::Withdraw => withdraw(&call).await,
    }
}

async fn list(call: &Call) -> Result<HttpResponse, ApiError> {
    let query = &call.query;
    let filter = DisputeFilter {
        after: query.after_key.map(KeyHash),
        limit: query.rows(),
        application: query.application.as_ref(),
        situation: query.situation,
        decided: query.decided,
    };
    let records = call.store.disputes(&filter).await?;
    let views = views(call, &records).await?;
    match table::written(&call.request) {
        Written::Json => Ok(HttpResponse::Ok().json(views)),
        Written::Csv => table::answer(&DISPUTE_COLUMNS, views.iter().map(DisputeView::cells)),
    }
}

/// Disputes with the objects that they name, all looked up at once.
async fn views(call: &Call, records: &[DisputeRecord]) -> Result<Vec<DisputeView>, ApiError> {
    let ids: BTreeSet<ObjectId> =
        records.iter().flat_map(|record| record.candidates.iter().copied()).collect();
    let ids: Vec<ObjectId> = ids.into_iter().collect();
    let objects = call.store.objects_of(&ids).await?;
    let objects: HashMap<ObjectId, ImObject> =
        objects.into_iter().map(|object| (object.id, object)).collect();
    Ok(records.iter().map(|record| DisputeView::new(record, &objects)).collect())
}

fn key(call: &Call) -> Result<KeyHash, ApiError> {
    read_hex(call.segment("id")).map(KeyHash).ok_or_else(|| nowhere(call))
}

fn nowhere(call: &Call) -> ApiError {
    ApiError::NotFound(format!("dispute `{}`", call.segment("id")))
}

async fn decide(mut call: Call) -> Result<HttpResponse, ApiError> {
    let body = call.json().await?;
    let decision = read(&body)?;
    let key = key(&call)?;
    let decided = call.engine().decide_dispute(&call.store, key, decision).await;
    let record = decided.map_err(|error| refusal(&call, error))?;
    call.note(format_args!("dispute {} decided", call.segment("id")));
    Ok(HttpResponse::Ok().json(views(&call, std::slice::from_ref(&record)).await?.pop()))
}

async fn withdraw(call: &Call) -> Result<HttpResponse, ApiError> {
    let key = key(call)?;
    let withdrawn = call.engine().withdraw_decision(&call.store, key).await;
    withdrawn.map_err(|error| refusal(call, error))?;
    call.note(format_args!("decision about dispute {} withdrawn", call.segment("id")));
    Ok(HttpResponse::NoContent().finish())
}

/// What somebody decides. An object is named where the account is linked, and nowhere else.
fn read(body: &Value) -> Result<(DisputeDecision, Option<ObjectId>), ApiError> {
    let mut fields = Fields::of(body, &FORM).map_err(ApiError::Invalid)?;
    let word = fields.required("decision").to_owned();
    let decision = word.parse::<DisputeDecision>().ok();
    if decision.is_none() && !word.is_empty() {
        fields.problem("decision", "is none of `LINK`, `NEW`, `IGNORE`");
    }
    let text = fields.text("objectId");
    let object = text.map(Uuid::parse_str);
    match (decision, &object) {
        (_, Some(Err(_))) => fields.problem("objectId", "is no UUID"),
        (Some(DisputeDecision::Link), None) => {
            fields.problem("objectId", "is required: the object that the account belongs to");
        }
        (Some(DisputeDecision::New | DisputeDecision::Ignore), Some(Ok(_))) => {
            fields.problem("objectId", "goes with `LINK` alone");
        }
        (_, Some(Ok(_)) | None) => {}
    }
    let object = object.and_then(Result::ok).map(ObjectId);
    fields.read(decision.map(|decision| (decision, object))).map_err(ApiError::Invalid)
}

/// Why nothing was noted.
pub(crate) fn refusal(call: &Call, error: DisputeError) -> ApiError {
    match error {
        DisputeError::NoDispute => nowhere(call),
        DisputeError::NoObject(_) => ApiError::invalid("/objectId", error.to_string()),
        DisputeError::NotNew(_) => ApiError::invalid("/decision", error.to_string()),
        DisputeError::NoTask { .. } => {
            ApiError::conflict(error.to_string(), "configure a task for them, then send the request again")
        }
        DisputeError::Objection(why) => {
            ApiError::conflict(why, "name another object, or remove what stands against this one")
        }
        DisputeError::Store(error) => error.into(),
        DisputeError::Configuration(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_link_names_an_object_and_nothing_else_does() {
        let id = Uuid::from_u128(7);
        for (body, expected) in [
            (json!({"decision": "IGNORE"}), Ok((DisputeDecision::Ignore, None))),
            (json!({"decision": "NEW", "objectId": null}), Ok((DisputeDecision::New, None))),
            (json!({"decision": "LINK", "objectId": id}), Ok((DisputeDecision::Link, Some(ObjectId(id))))),
            (json!({"decision": "LINK"}), Err(vec!["/objectId"])),
            (json!({"decision": "NEW", "objectId": id}), Err(vec!["/objectId"])),
            (json!({"decision": "LINK", "objectId": "7"}), Err(vec!["/objectId"])),
            (json!({"decision": "link", "why": 1}), Err(vec!["/decision", "/why"])),
            (json!({}), Err(vec!["/decision"])),
            (json!([]), Err(vec![""])),
        ] {
            let places = |error| {
                let ApiError::Invalid(found) = error else { panic!("{error}") };
                found.iter().map(|(place, _)| place.to_owned()).collect::<Vec<_>>()
            };
            let expected =
                expected.map_err(|places| places.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(read(&body).map_err(places), expected, "{body}");
        }
    }
}
