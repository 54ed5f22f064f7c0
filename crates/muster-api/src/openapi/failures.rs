//! Schemas of failed entries, and of trying them again.

use muster_model::error::ErrorCode;
use muster_model::failure::FailureClass;
use muster_store::ProblemStep;
use serde_json::{Map, Value, json};

use super::schemas::{count, described, list, object, or_null, text, words};

pub(super) fn schemas() -> Map<String, Value> {
    [("Failure", failure()), ("FailureCause", cause()), ("Retry", retry())]
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn class() -> Value {
    let meaning = "TRANSIENT: it may work later. REJECTED: not before the entry, its owner or the rules have changed. \
        UNUSABLE: nothing can be done with the application until somebody changes something.";
    described(words(&FailureClass::ALL.map(FailureClass::as_str)), meaning)
}

fn failure() -> Value {
    let retriable = "Whether a retry can ask for it: its key could be read, and its account is there, not still to be made.";
    let entry = "Its number among all that was noted about the instance: what a retry names it by.";
    object(&[
        ("entry", described(json!({"type": "integer"}), entry)),
        ("uid", described(or_null(text()), "The account's key; null where it could not be read.")),
        ("place", described(or_null(count()), "Where the account stood in its source.")),
        ("step", words(&ProblemStep::ALL.map(ProblemStep::as_str))),
        ("code", words(&ErrorCode::ALL.map(ErrorCode::id))),
        ("label", words(&ErrorCode::ALL.map(ErrorCode::label))),
        ("message", text()),
        ("class", class()),
        ("cause", described(text(), "What all that failed for the same reason have in common.")),
        ("retriable", described(json!({"type": "boolean"}), retriable)),
    ])
}

fn cause() -> Value {
    let cause = "The code, and a short hash of the message without what it says of one entry alone.";
    object(&[
        ("cause", described(text(), cause)),
        ("code", words(&ErrorCode::ALL.map(ErrorCode::id))),
        ("label", words(&ErrorCode::ALL.map(ErrorCode::label))),
        ("message", described(text(), "That of the first entry.")),
        ("class", class()),
        ("count", described(count(), "How many entries failed for it.")),
        ("entries", described(list(super::reference("Failure")), "The first of them, five at the most.")),
    ])
}

fn retry() -> Value {
    let entries = json!({"type": "array", "items": {"type": "integer"}, "minItems": 1});
    json!({
        "type": "object",
        "description": "Exactly one of the three.",
        "properties": {
            "entries": described(entries, "Failed entries, by their numbers. Each has to be `retriable`."),
            "cause": described(json!({"type": "string", "minLength": 1}), "All that failed for this cause."),
            "all": {"type": "boolean", "const": true, "description": "All failed entries."},
        },
        "additionalProperties": false,
    })
}
