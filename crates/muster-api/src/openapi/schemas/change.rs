//! The schema of changes.

use muster_model::configuration::application::{Reaction, Situation};
use muster_plan::change::Action;
use serde_json::{Value, json};

use super::{actor, count, described, instant, kinds, list, object, object_with, or_null, text, words};
use crate::view::ChangeStanding;

pub(super) fn change() -> Value {
    let any = |what| json!({"description": format!("What it {what}; left out where nothing is said of it.")});
    let attribute = object_with(
        &[("name", text()), ("why", described(list(mapping()), "The mappings that it gets its value by."))],
        &[("before", any("held")), ("after", any("is to hold"))],
    );
    let membership = object(&[("attribute", text()), ("add", list(text())), ("remove", list(text()))]);
    let statuses: Vec<_> = ChangeStanding::all().map(ChangeStanding::as_str).collect();
    let status = "PLANNED until its turn, then APPLIED, or how it ended otherwise; NOT_APPLIED when the run \
        ended before its turn.";
    object(&[
        ("number", count()),
        ("action", words(&Action::ALL.map(Action::as_str))),
        ("situation", words(&Situation::ALL.map(Situation::as_str))),
        ("reaction", words(&Reaction::ALL.map(Reaction::as_str))),
        ("why", or_null(text())),
        ("accountKey", text()),
        ("place", described(or_null(count()), "Where the account stood in its source, such as a line.")),
        ("placeInWords", described(or_null(text()), "The same as its source has it.")),
        ("objectId", or_null(json!({"type": "string", "format": "uuid"}))),
        ("objectKind", or_null(words(&kinds()))),
        ("objectName", described(or_null(text()), "What people know it by, where the change says.")),
        ("profileId", or_null(text())),
        ("enabled", described(or_null(json!({"type": "boolean"})), "The new state, where it changes.")),
        ("attributes", list(attribute)),
        ("memberships", list(membership)),
        ("status", described(words(&statuses), status)),
        ("message", or_null(text())),
    ])
}

fn mapping() -> Value {
    object_with(
        &[
            ("strategy", words(&["SIMPLE", "CUSTOM"])),
            ("strength", words(&["STRONG", "NORMAL", "WEAK"])),
            ("text", described(text(), "All of it in words.")),
        ],
        &[
            ("source", text()),
            ("take", words(&["KEY", "ID", "REMOTE_NAME"])),
            ("transformations", list(text())),
            ("rule", text()),
        ],
    )
}

pub(in crate::openapi) fn value_origin() -> Value {
    let by =
        "RUN: a run, by a mapping. HAND: somebody through the IM API. UNKNOWN: nothing says it any more.";
    let uuid = || or_null(json!({"type": "string", "format": "uuid"}));
    object(&[
        ("attribute", text()),
        ("value", json!({"description": "What it holds."})),
        ("writtenBy", described(words(&["RUN", "HAND", "UNKNOWN"]), by)),
        ("at", described(or_null(instant()), "When; where only the run is known, when that was launched.")),
        ("actor", or_null(actor())),
        ("applicationId", or_null(text())),
        ("accountKeys", described(list(text()), "The accounts of the object in that application.")),
        ("instanceId", described(uuid(), "Null where the run has been dropped since.")),
        ("taskId", or_null(text())),
        ("why", described(list(mapping()), "The mappings, as they were configured then.")),
    ])
}
