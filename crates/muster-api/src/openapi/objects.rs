//! Schemas of IM objects, their history and their accounts.

use muster_model::DisabledReason;
use muster_model::shadow::ShadowState;
use muster_plan::change::Action;
use serde_json::{Value, json};

use super::schemas::{
    actor, count, described, instant, kinds, list, object, object_with, or_null, text, words,
};

fn uuid() -> Value {
    json!({"type": "string", "format": "uuid"})
}

fn boolean() -> Value {
    json!({"type": "boolean"})
}

fn reason() -> Value {
    or_null(words(&DisabledReason::OF_OBJECTS.map(DisabledReason::as_str)))
}

/// Attributes by name.
fn attributes() -> Value {
    let values = "By name: a text, whole number, true, false or null, a reference \
        `{\"kind\", \"by\", \"key\"}`, or an array of such values; instants as RFC 3339, octets as base64. What is \
        absent has no member.";
    described(json!({"type": "object"}), values)
}

pub(super) fn im_object() -> Value {
    object(&[
        ("id", uuid()),
        ("kind", words(&kinds())),
        ("directoryId", text()),
        ("objectType", or_null(text())),
        ("enabled", boolean()),
        ("disabledReason", reason()),
        ("version", described(count(), "Counts the writes of the object from 1.")),
        ("attributes", attributes()),
    ])
}

pub(super) fn new_im_object() -> Value {
    let typed = "Each of the type that the mappings give it; without a mapping of the type that JSON shows.";
    let stays = "What it is already, or left out.";
    let version = "Left out, or the version that the object has: another one is refused with 409.";
    let mut schema = object_with(
        &[("attributes", described(json!({"type": "object"}), typed))],
        &[
            ("id", described(or_null(uuid()), stays)),
            ("kind", described(or_null(words(&kinds())), stays)),
            ("directoryId", described(or_null(text()), "`main` by default; stays what it is.")),
            ("objectType", or_null(text())),
            ("enabled", described(or_null(boolean()), "True by default.")),
            ("disabledReason", described(reason(), "Of an object that is not enabled; BY_HAND by default.")),
            ("version", described(or_null(count()), version)),
        ],
    );
    schema["additionalProperties"] = false.into();
    schema
}

pub(super) fn history() -> Value {
    let any = json!({"description": "What it held; left out where it was absent."});
    let attribute = object_with(&[("name", text())], &[("before", any)]);
    let types = "The object type, where it was another one.";
    let mut replaced = object_with(
        &[
            ("version", described(count(), "The version before.")),
            ("enabled", boolean()),
            ("disabledReason", reason()),
            ("attributes", described(list(attribute), "Those that were replaced.")),
        ],
        &[("objectType", described(or_null(text()), types))],
    );
    replaced["description"] = "What the version before held; null where there was none.".into();
    replaced["type"] = json!(["object", "null"]);
    object(&[
        ("version", described(count(), "The version that came of it.")),
        ("at", instant()),
        ("action", words(&Action::ALL.map(Action::as_str))),
        ("actor", described(or_null(actor()), "Who did it by hand.")),
        ("instanceId", described(or_null(uuid()), "The instance that did it.")),
        ("synchronizationTaskId", described(or_null(text()), "The task of that instance.")),
        ("replaced", replaced),
    ])
}

pub(super) fn account() -> Value {
    let read = "As it is now in its application: `found`, `enabled` and `attributes`, or `error` where the \
        application did not say. Only with `fetchLiveStatus=true`.";
    let live = object_with(
        &[],
        &[
            ("found", boolean()),
            ("enabled", or_null(boolean())),
            ("attributes", attributes()),
            ("error", described(text(), "Why nobody knows, and what to do.")),
        ],
    );
    let why_disabled =
        "Of an account that is provisioned, why it was disabled: as its owner was, or NOT_ENTITLED.";
    let enabled = "Of an account that is provisioned, what was made of it; null where it is only read.";
    let states = [ShadowState::Live, ShadowState::Gone].map(ShadowState::as_str);
    object_with(
        &[
            ("applicationId", text()),
            ("objectClassId", text()),
            ("accountKey", described(text(), "Its key in the application.")),
            (
                "state",
                described(words(&states), "Whether it exists, as far as the last complete sweep knows."),
            ),
            ("enabled", described(or_null(boolean()), enabled)),
            (
                "disabledReason",
                described(or_null(words(&DisabledReason::ALL.map(DisabledReason::as_str))), why_disabled),
            ),
            ("profileId", described(or_null(text()), "The profile that granted it last.")),
            ("version", described(count(), "Counts the changes of what is remembered from 1.")),
            ("attributes", described(attributes(), "What the rules read of it at the last decision.")),
        ],
        &[("live", described(live, read))],
    )
}
