//! Schemas of disputes, and of what is decided about them.

use muster_model::configuration::application::Situation;
use muster_model::dispute::DisputeDecision;
use muster_plan::dispute::SITUATIONS;
use serde_json::{Value, json};

use super::schemas::{
    actor, count, described, instant, kinds, list, object, object_with, or_null, text, words,
};

fn uuid() -> Value {
    json!({"type": "string", "format": "uuid"})
}

/// Values by name.
fn values() -> Value {
    json!({"type": "object"})
}

fn decisions() -> Value {
    words(&DisputeDecision::ALL.map(DisputeDecision::as_str))
}

pub(super) fn dispute() -> Value {
    let candidate = object(&[
        ("id", uuid()),
        ("kind", described(or_null(words(&kinds())), "Null where the object is gone.")),
        ("objectType", or_null(text())),
        ("attributes", described(values(), "A few by which people know somebody.")),
    ]);
    let rule = "The correlation rule that found the candidates, from 1.";
    let why = object(&[
        ("message", text()),
        ("rule", described(or_null(count()), rule)),
        ("values", described(values(), "What that rule read of the account.")),
    ]);
    let mut decision = object(&[
        ("decision", decisions()),
        ("objectId", described(or_null(uuid()), "Of LINK, the object that the account belongs to.")),
        ("actor", actor()),
        ("at", instant()),
    ]);
    decision["type"] = json!(["object", "null"]);
    object(&[
        ("id", described(id(), "The same in every run, as long as the account has its key.")),
        ("applicationId", text()),
        ("objectClassId", text()),
        ("accountKey", described(text(), "Its key in the application.")),
        ("situation", words(&SITUATIONS.map(Situation::as_str))),
        ("candidates", described(list(candidate), "Whom it belongs to, or may belong to; at most 20.")),
        ("why", why),
        ("firstSeen", instant()),
        ("lastSeen", instant()),
        ("instanceId", described(or_null(uuid()), "The instance that found it last.")),
        ("decision", described(decision, "What somebody decided, until a run has done it.")),
        ("note", described(or_null(text()), "Why what was decided holds no longer.")),
    ])
}

/// The id of a dispute.
pub(super) fn id() -> Value {
    json!({"type": "string", "pattern": "^[0-9a-fA-F]{32}$"})
}

pub(super) fn decision() -> Value {
    let object = "With LINK the object that the account belongs to, and with it alone.";
    closed(object_with(&[("decision", decisions())], &[("objectId", described(or_null(uuid()), object))]))
}

fn account() -> [(&'static str, Value); 3] {
    let id = || json!({"type": "string", "minLength": 1});
    [
        ("applicationId", id()),
        ("objectClassId", id()),
        ("accountKey", described(id(), "Its key in the application.")),
    ]
}

fn version() -> (&'static str, Value) {
    (
        "version",
        described(or_null(count()), "The version that was looked at: another one is refused with 409."),
    )
}

pub(super) fn unlink() -> Value {
    let ignore = "Whether runs leave the account alone afterwards, which they do by default; false has them decide \
        about it like about any other.";
    let ignore = described(json!({"type": ["boolean", "null"], "default": true}), ignore);
    closed(object_with(&account(), &[version(), ("ignore", ignore)]))
}

pub(super) fn relink() -> Value {
    let object = [("objectId", described(uuid(), "The object that it belongs to from now on."))];
    closed(object_with(&[account().as_slice(), &object].concat(), &[version()]))
}

fn closed(mut schema: Value) -> Value {
    schema["additionalProperties"] = false.into();
    schema
}
