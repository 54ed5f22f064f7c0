//! Schemas of what is found out about remote systems without a run.

use serde_json::{Value, json};

use super::schemas::{described, list, object, or_null, text, words};
use crate::view::STEPS;

pub(super) fn test() -> Value {
    let flag = || json!({"type": "boolean"});
    let step = object(&[
        ("step", words(&STEPS)),
        ("property", described(or_null(text()), "The property that was looked at.")),
        (
            "class",
            described(or_null(text()), "The class that was looked at, by its name in the remote system."),
        ),
        ("passed", flag()),
        ("message", described(text(), "What was found; or what is wrong and what to do.")),
    ]);
    object(&[
        ("connectorDefinitionId", text()),
        ("passed", described(flag(), "Whether every step went well.")),
        (
            "steps",
            described(
                list(step),
                "In their order; what comes after a failed one is not tried, but every property and class is.",
            ),
        ),
    ])
}

pub(super) fn schema() -> Value {
    let flag = || json!({"type": "boolean"});
    let attribute = object(&[
        ("name", text()),
        ("remoteType", described(or_null(text()), "What it holds, in the system's own word.")),
        ("multiValued", flag()),
        ("required", described(flag(), "Whether an account has to have it.")),
        ("writable", flag()),
        ("unique", described(flag(), "Whether its value is found once, so that it can be the key.")),
    ]);
    let class =
        object(&[("remoteName", text()), ("description", or_null(text())), ("attributes", list(attribute))]);
    object(&[("applicationId", text()), ("objectClasses", list(class))])
}
