//! Parked accounts as clients see them.

use muster_model::text::hex;
use muster_store::ParkedRecord;
use serde::Serialize;

use super::instant;

/// An account that its application refuses to have as it is asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParkedView {
    id: String,
    application_id: String,
    object_class_id: String,
    account_key: String,
    class: &'static str,
    cause: String,
    message: String,
    attempts: u32,
    first_attempt: String,
    last_attempt: String,
    next_attempt: Option<String>,
    instance_id: String,
}

impl ParkedView {
    /// The columns of the list as a table.
    pub const HEAD: [&str; 12] = [
        "id",
        "applicationId",
        "objectClassId",
        "accountKey",
        "class",
        "cause",
        "message",
        "attempts",
        "firstAttempt",
        "lastAttempt",
        "nextAttempt",
        "instanceId",
    ];

    /// Its line of the table.
    pub(crate) fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.application_id.clone(),
            self.object_class_id.clone(),
            self.account_key.clone(),
            self.class.to_owned(),
            self.cause.clone(),
            self.message.clone(),
            self.attempts.to_string(),
            self.first_attempt.clone(),
            self.last_attempt.clone(),
            self.next_attempt.clone().unwrap_or_default(),
            self.instance_id.clone(),
        ]
    }
}

impl From<&ParkedRecord> for ParkedView {
    fn from(record: &ParkedRecord) -> Self {
        let parked = &record.parked;
        Self {
            id: hex(&parked.key.0),
            application_id: record.application.to_string(),
            object_class_id: record.class.to_string(),
            account_key: parked.uid.clone(),
            class: parked.failure.as_str(),
            cause: parked.cause.clone(),
            message: parked.message.clone(),
            attempts: parked.attempts,
            first_attempt: instant(parked.first_at),
            last_attempt: instant(parked.last_at),
            next_attempt: parked.retry_at.map(instant),
            instance_id: record.run.to_string(),
        }
    }
}
