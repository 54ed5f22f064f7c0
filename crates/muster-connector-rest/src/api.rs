//! How an API is spoken to as its description says, and what its refusals say.

use std::sync::Arc;

use muster_connector::{ConnectorError, Host};
use muster_egress::{Egress, Response};
use muster_http::{Caller, Manners, Refusal, Words, parsed};
use serde_json::Value as Json;

use crate::description::Refusals;
use crate::settings::Settings;
use crate::template::text_of;

pub(crate) const WORDS: Words =
    Words { who: "the API", example: "https://api.example.com/v1", unread: "is not as it is described" };

pub(crate) fn caller(egress: &Egress, host: &Host, settings: &Settings) -> Result<Caller, ConnectorError> {
    let described = &settings.description.headers;
    let accepts = ("Accept".to_owned(), "application/json".to_owned());
    let is_said = described.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept"));
    let headers = (!is_said).then_some(accepts).into_iter().chain(described.iter().cloned()).collect();
    let description = Arc::clone(&settings.description);
    let refusals = Box::new(move |response: &Response| refusal(response, &description.refusals));
    Caller::new(egress, host, &settings.reach, Manners { words: WORDS, headers, refusals })
}

fn refusal(response: &Response, refusals: &Refusals) -> Refusal {
    let body: Json = parsed(&response.body).unwrap_or_default();
    let detail = refusals.message.as_ref().and_then(|message| text_of(message.get(&body)?));
    Refusal { code: None, detail, is_conflict: refusals.is_conflict(response.status, &body) }
}
