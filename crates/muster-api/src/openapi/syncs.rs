//! Schemas of syncs and what became of their users.

use muster_model::user_sync::UserOperation;
use serde_json::{Map, Value, json};

use super::schemas::{count, described, instant, list, object, or_null, text, words};

pub(super) fn schemas() -> Map<String, Value> {
    [("SyncStatus", status()), ("UserResult", result())]
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn status() -> Value {
    let held = "RUNNING from its first worker on; a sync whose plan waits for an approval is DONE, and FAILED until then.";
    let uuid = json!({"type": "string", "format": "uuid"});
    object(&[
        ("status", described(words(&["SCHEDULED", "RUNNING", "DONE"]), held)),
        ("addedCount", count()),
        ("resultCount", described(count(), "The sum of the other counts.")),
        ("notModifiedCount", count()),
        ("failedCount", count()),
        ("updatedCount", described(count(), "Users that were disabled or anonymized among them.")),
        ("deletedCount", count()),
        ("filteredCount", count()),
        ("messages", list(text())),
        (
            "clusterNode",
            described(
                or_null(text()),
                "The process that had it last, or `NOT_CLUSTERED` where there can be only one.",
            ),
        ),
        ("connectorUID", or_null(uuid)),
        ("lastModified", instant()),
        ("created", instant()),
        ("duration", described(count(), "How long it has worked, in milliseconds.")),
        ("id", described(json!({"type": "integer", "minimum": 1}), "Its number.")),
        ("resultMessage", described(or_null(text()), "Why it failed, or what its plan is held for.")),
        ("resultFilePath", described(or_null(text()), "Its report, below the tenant's own directory.")),
        ("syncUserResults", json!({"type": "null"})),
        ("connectorSupportInformation", json!({"type": "null"})),
        ("syncStatusResult", or_null(words(&["SUCCESS", "PARTIALLY_FAILED", "FAILED"]))),
        ("_self", text()),
    ])
}

fn result() -> Value {
    let user = || or_null(json!({"type": "object"}));
    object(&[
        ("operation", words(&UserOperation::ALL.map(UserOperation::as_str))),
        ("identifier", described(text(), "The key of the account; empty where it could not be read.")),
        ("inputUser", described(user(), "The user before, where there was one and it is known still.")),
        ("resultingUser", described(user(), "The user afterwards, likewise.")),
        ("message", or_null(text())),
    ])
}
