//! Schemas of what is done with resources besides their documents: patches, versions, restoring.

use muster_store::Written;
use serde_json::{Value, json};

use super::{count, described, instant, list, object, object_with, reference, text, words};
use crate::patch::MOST_OPERATIONS;

pub(super) fn version() -> Value {
    let value = |description: &str| json!({ "description": description });
    let difference = object_with(
        &[("pointer", described(text(), "Its JSON pointer (RFC 6901) within the resource."))],
        &[
            ("before", value("What stood there; left out where nothing did.")),
            ("after", value("What stands there now; left out where nothing does.")),
        ],
    );
    let differences =
        "Where it differs from the version before; what is not there counts as an empty document.";
    object(&[
        ("version", count()),
        ("at", instant()),
        ("actor", reference("Actor")),
        ("action", words(&Written::ACTIONS)),
        ("differences", described(list(difference), differences)),
    ])
}

pub(super) fn restore() -> Value {
    let version = json!({"type": "integer", "minimum": 1});
    let mut restore = object(&[("version", described(version, "The version whose document it gets."))]);
    restore["additionalProperties"] = false.into();
    restore
}

pub(super) fn json_patch() -> Value {
    let pointer = |description| described(text(), description);
    let operation = object_with(
        &[
            ("op", words(&["add", "remove", "replace", "move", "copy", "test"])),
            ("path", pointer("The JSON pointer (RFC 6901) of what is changed or tested.")),
        ],
        &[
            ("from", pointer("What is moved or copied.")),
            ("value", json!({"description": "What is added, put in the place of, or expected."})),
        ],
    );
    let mut patch = list(operation);
    patch["maxItems"] = MOST_OPERATIONS.into();
    described(patch, "Operations of RFC 6902, one after the other; where one fails, nothing is changed.")
}
