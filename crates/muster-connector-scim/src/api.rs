//! What calls to a service of SCIM look like, and what its refusals say.

use muster_connector::{ConnectorError, Host};
use muster_egress::{Egress, Method, Response};
use muster_http::{Call, Caller, Manners, Reach, Refusal, Words, parsed};
use serde_json::{Map, Value as Json};

/// The type of what is sent and asked for (RFC 7644 §3.1).
const MEDIA_TYPE: &str = "application/scim+json";

pub(crate) const WORDS: Words =
    Words { who: "the service", example: "https://scim.example.com/v2", unread: "is no answer of SCIM" };

pub(crate) fn caller(egress: &Egress, host: &Host, reach: &Reach) -> Result<Caller, ConnectorError> {
    let accepted = format!("{MEDIA_TYPE}, application/json");
    let manners =
        Manners { words: WORDS, headers: vec![("Accept".to_owned(), accepted)], refusals: Box::new(refusal) };
    Caller::new(egress, host, reach, manners)
}

pub(crate) fn get(path: impl Into<String>) -> Call {
    Call::new(Method::Get, path)
}

pub(crate) fn delete(path: impl Into<String>) -> Call {
    Call::new(Method::Delete, path)
}

pub(crate) fn post(path: impl Into<String>, body: &Json) -> Call {
    sending(Method::Post, path, body)
}

pub(crate) fn put(path: impl Into<String>, body: &Json, if_match: Option<String>) -> Call {
    Call { if_match, ..sending(Method::Put, path, body) }
}

pub(crate) fn patch(path: impl Into<String>, body: &Json) -> Call {
    sending(Method::Patch, path, body)
}

fn sending(method: Method, path: impl Into<String>, body: &Json) -> Call {
    let body = (MEDIA_TYPE.to_owned(), body.to_string().into_bytes());
    Call { body: Some(body), ..Call::new(method, path) }
}

/// What a refusal says (RFC 7644 §3.12).
fn refusal(response: &Response) -> Refusal {
    let body: Map<String, Json> = parsed(&response.body).unwrap_or_default();
    let text = |name: &str| body.get(name)?.as_str().map(str::to_owned);
    let code = text("scimType");
    Refusal { is_conflict: is_conflict(response.status, code.as_deref()), code, detail: text("detail") }
}

/// Whether a refusal says that something exists already.
pub(crate) fn is_conflict(status: u16, scim_type: Option<&str>) -> bool {
    matches!((status, scim_type), (409, _) | (400, Some("uniqueness")))
}
