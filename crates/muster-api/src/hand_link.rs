//! Accounts taken from their owners by hand, or given to others.

use actix_web::HttpResponse;
use muster_engine::NamedAccount;
use muster_model::{ApplicationId, ObjectClassId, ObjectId};
use muster_store::{HandLinked, WhenUnlinked};
use serde_json::Value;
use uuid::Uuid;

use crate::call::Call;
use crate::disputes::refusal;
use crate::error::ApiError;
use crate::fields::{Fields, Form};

const UNLINK: Form = Form {
    such_as: Some(r#"{"applicationId": "ad", "objectClassId": "account", "accountKey": "ann"}"#),
    fields: &["applicationId", "objectClassId", "accountKey", "version", "ignore"],
    known: "known are `applicationId`, `objectClassId`, `accountKey`, `version` and `ignore`",
};

const RELINK: Form = Form {
    such_as: Some(
        r#"{"applicationId": "ad", "objectClassId": "account", "accountKey": "ann", "objectId": "…"}"#,
    ),
    fields: &["applicationId", "objectClassId", "accountKey", "version", "objectId"],
    known: "known are `applicationId`, `objectClassId`, `accountKey`, `version` and `objectId`",
};

pub(crate) async fn unlink(mut call: Call) -> Result<HttpResponse, ApiError> {
    let body = call.json().await?;
    let mut fields = Fields::of(&body, &UNLINK).map_err(ApiError::Invalid)?;
    let afterwards = match fields.field("ignore").map(Value::as_bool) {
        None | Some(Some(true)) => WhenUnlinked::Ignored,
        Some(Some(false)) => WhenUnlinked::Decided,
        Some(None) => {
            fields.problem("ignore", "is neither true nor false");
            WhenUnlinked::Ignored
        }
    };
    let account = account(&mut fields);
    let account = fields.read(account).map_err(ApiError::Invalid)?;
    let done = call.engine().unlink_by_hand(&call.store, &account, afterwards).await;
    answer(&call, &account, done.map_err(|error| refusal(&call, error))?)
}

pub(crate) async fn relink(mut call: Call) -> Result<HttpResponse, ApiError> {
    let body = call.json().await?;
    let mut fields = Fields::of(&body, &RELINK).map_err(ApiError::Invalid)?;
    let object = Uuid::parse_str(fields.required("objectId")).ok();
    if object.is_none() && fields.field("objectId").is_some_and(|value| value != "") {
        fields.problem("objectId", "is no UUID");
    }
    let named = account(&mut fields).zip(object);
    let (account, object) = fields.read(named).map_err(ApiError::Invalid)?;
    let done = call.engine().relink_by_hand(&call.store, &account, ObjectId(object)).await;
    answer(&call, &account, done.map_err(|error| refusal(&call, error))?)
}

/// The account that a body names.
fn account(fields: &mut Fields<'_>) -> Option<NamedAccount> {
    let application = ApplicationId::new(fields.required("applicationId"));
    let class = ObjectClassId::new(fields.required("objectClassId"));
    for (name, is_wrong) in [("applicationId", application.is_err()), ("objectClassId", class.is_err())] {
        if is_wrong && fields.field(name).is_some_and(|value| value.is_string() && value != "") {
            fields.problem(name, "is no id");
        }
    }
    let uid = fields.required("accountKey").to_owned();
    let version = fields.field("version").map(|value| value.as_u64().and_then(|v| u32::try_from(v).ok()));
    if version == Some(None) {
        fields.problem("version", "is no version");
    }
    Some(NamedAccount { application: application.ok()?, class: class.ok()?, uid, version: version.flatten() })
}

fn answer(call: &Call, account: &NamedAccount, linked: HandLinked) -> Result<HttpResponse, ApiError> {
    let uid = &account.uid;
    let refused = match linked {
        HandLinked::Done | HandLinked::Linked => {
            call.note(format_args!("owner of an account of {} written", account.application));
            return Ok(HttpResponse::NoContent().finish());
        }
        HandLinked::NoAccount => {
            return Err(ApiError::NotFound(format!("account `{uid}` of `{}`", account.application)));
        }
        HandLinked::NotLinked => {
            (format!("account `{uid}` belongs to nobody"), "nothing; to give it an owner, link it")
        }
        HandLinked::Gone => (format!("account `{uid}` is gone"), "nothing; nobody has such an account"),
        HandLinked::Moved(version) => (
            format!("account `{uid}` has version {version} by now"),
            "look at the account as it is now, then decide again",
        ),
        HandLinked::Planned(run) => (
            format!("run `{run}` has a plan for accounts of application `{}`", account.application),
            "wait until that run has ended, or cancel it",
        ),
        HandLinked::Taken(other) => (
            format!("the object belongs to account `{other}`"),
            "name another object, or take that account from it",
        ),
    };
    Err(ApiError::conflict(refused.0, refused.1))
}
