//! Schemas of parked accounts.

use muster_model::failure::FailureClass;
use serde_json::{Map, Value, json};

use super::disputes::id;
use super::schemas::{count, described, instant, object, or_null, text, words};

pub(super) fn schemas() -> Map<String, Value> {
    let released = object(&[("released", described(count(), "How many accounts were parked."))]);
    [("ParkedAccount", account()), ("Release", release()), ("Released", released)]
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn account() -> Value {
    let next =
        "When runs ask again; null where they wait for another value, another configuration, or a release.";
    object(&[
        ("id", described(id(), "The same as long as the account has its key.")),
        ("applicationId", text()),
        ("objectClassId", text()),
        ("accountKey", described(text(), "Its key in the application.")),
        ("class", words(&FailureClass::ALL.map(FailureClass::as_str))),
        ("cause", described(text(), "What all that are refused for the same reason have in common.")),
        ("message", described(text(), "What the application said.")),
        ("attempts", described(count(), "How often the same was asked.")),
        ("firstAttempt", instant()),
        ("lastAttempt", instant()),
        ("nextAttempt", described(or_null(instant()), next)),
        ("instanceId", json!({"type": "string", "format": "uuid"})),
    ])
}

fn release() -> Value {
    let ids = json!({"type": "array", "items": id(), "minItems": 1, "maxItems": 1000});
    json!({
        "type": "object",
        "description": "Exactly one of the three.",
        "properties": {
            "ids": described(ids, "These accounts."),
            "applicationId": described(json!({"type": "string", "minLength": 1}), "All of the application."),
            "all": {"type": "boolean", "const": true, "description": "All accounts that are parked."},
        },
        "additionalProperties": false,
    })
}
