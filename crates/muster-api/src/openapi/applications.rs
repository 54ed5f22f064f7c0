//! Schemas of applications as runs find them.

use muster_engine::ApplicationState;
use muster_model::failure::FailureClass;
use serde_json::{Value, json};

use super::schemas::{count, described, instant, object, or_null, text, words};

pub(super) fn status() -> Value {
    let uuid = json!({"type": "string", "format": "uuid"});
    let class = words(&FailureClass::ALL.map(FailureClass::as_str));
    let next = "When it is tried again; null where it is not in quarantine.";
    object(&[
        ("applicationId", text()),
        ("state", words(&ApplicationState::ALL.map(ApplicationState::as_str))),
        ("failures", described(count(), "How many times in a row it has failed.")),
        ("class", described(or_null(class), "What is to be expected of trying again.")),
        ("reason", described(or_null(text()), "What was seen the last time.")),
        ("since", described(or_null(instant()), "When it failed first.")),
        ("lastAttempt", described(or_null(instant()), "When it failed last.")),
        ("nextAttempt", described(or_null(instant()), next)),
        ("instanceId", described(or_null(uuid), "The instance that saw it last.")),
        ("whatToDo", text()),
    ])
}
