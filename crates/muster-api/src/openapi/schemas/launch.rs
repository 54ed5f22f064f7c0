//! Schemas of what a launch says, and of what guards have against a plan.

use muster_model::configuration::ConfigurationKind;
use muster_model::configuration::guard::Guarded;
use serde_json::{Value, json};

use super::{count, described, list, object, object_with, or_null, text, words};
use crate::openapi::reference;

pub(super) fn launch() -> Value {
    let kinds =
        ConfigurationKind::ALL.map(|kind| (kind.path_segment(), list(reference(kind.element_name()))));
    let mut configuration = object_with(&[], &kinds);
    configuration["additionalProperties"] = false.into();
    let unsaved = "Unsaved resources that stand in for the saved ones; with SIMULATE only, and only for who \
        may configure.";
    let keys = "The keys of the only accounts to look at.";
    let mut launch = object_with(
        &[],
        &[
            ("mode", json!({"type": "string", "enum": ["APPLY", "SIMULATE"], "default": "APPLY"})),
            (
                "keys",
                described(
                    json!({
                        "type": "array",
                        "items": {"type": "string", "minLength": 1},
                        "minItems": 1,
                        "maxItems": 1000,
                    }),
                    keys,
                ),
            ),
            ("override", launch_override()),
            ("configuration", described(configuration, unsaved)),
        ],
    );
    launch["additionalProperties"] = false.into();
    launch
}

/// What is said of an override wherever it stands.
fn launch_override() -> Value {
    described(
        reference("Override"),
        "Limits for this run alone, in the place of those of its task and application; for who may launch and approve. \
         It stands in the audit log.",
    )
}

pub(super) fn trip() -> Value {
    let guards: Vec<_> =
        Guarded::ALL.into_iter().map(Guarded::as_str).chain(["configuration", "undo"]).collect();
    let guard = "The limit that is exceeded; `configuration` when it lets the task take away more than the last time \
        that it was carried out; `undo` for an undo, which is always held.";
    object(&[
        ("applicationId", or_null(text())),
        ("guard", described(words(&guards), guard)),
        ("of", described(or_null(text()), "The attribute or group, where the limit counts for each.")),
        ("changes", described(or_null(count()), "How many there are.")),
        ("population", described(or_null(count()), "Of how many.")),
        ("count", or_null(count())),
        ("percent", or_null(count())),
        ("minimum", or_null(count())),
        ("windowHours", described(or_null(count()), "Over how many hours runs are counted together.")),
        ("changesBefore", described(or_null(count()), "How many of them earlier runs made.")),
        ("description", text()),
        ("fix", text()),
    ])
}
