//! Failed entries as clients see them, one by one or by their causes, in JSON and CSV.

use muster_model::error::ErrorCode;
use muster_store::{CauseRecord, FailureRecord};
use serde::Serialize;

/// One failed entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureView {
    entry: i64,
    uid: Option<String>,
    place: Option<u64>,
    step: &'static str,
    code: String,
    label: &'static str,
    message: String,
    class: &'static str,
    cause: String,
    retriable: bool,
}

impl From<&FailureRecord> for FailureView {
    fn from(failure: &FailureRecord) -> Self {
        Self {
            entry: failure.entry,
            uid: failure.uid.clone(),
            place: failure.place,
            step: failure.step.as_str(),
            code: failure.code.clone(),
            label: label(&failure.code),
            message: failure.message.clone(),
            class: failure.class.as_str(),
            cause: failure.cause.clone(),
            retriable: failure.retriable,
        }
    }
}

impl FailureView {
    /// The names of its cells.
    pub const HEAD: [&str; 10] =
        ["entry", "uid", "place", "step", "code", "label", "message", "class", "cause", "retriable"];

    /// Its cells, as [`Self::HEAD`] names them.
    #[must_use]
    pub fn cells(self) -> Vec<String> {
        vec![
            self.entry.to_string(),
            self.uid.unwrap_or_default(),
            self.place.map(|place| place.to_string()).unwrap_or_default(),
            self.step.to_owned(),
            self.code,
            self.label.to_owned(),
            self.message,
            self.class.to_owned(),
            self.cause,
            self.retriable.to_string(),
        ]
    }
}

/// A cause, and how many entries failed for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CauseView {
    cause: String,
    code: String,
    label: &'static str,
    message: String,
    class: &'static str,
    count: u64,
    entries: Vec<FailureView>,
}

impl From<&CauseRecord> for CauseView {
    fn from(cause: &CauseRecord) -> Self {
        let first = cause.samples.first().map(FailureView::from);
        let (code, label, message, class) = first
            .map_or((String::new(), label(""), String::new(), ""), |first| {
                (first.code, first.label, first.message, first.class)
            });
        Self {
            cause: cause.cause.clone(),
            code,
            label,
            message,
            class,
            count: cause.entries,
            entries: cause.samples.iter().map(FailureView::from).collect(),
        }
    }
}

impl CauseView {
    /// The names of its cells.
    pub const HEAD: [&str; 7] = ["cause", "code", "label", "message", "class", "count", "entries"];

    /// Its cells, as [`Self::HEAD`] names them; of its entries their numbers.
    #[must_use]
    pub fn cells(self) -> Vec<String> {
        let entries: Vec<String> = self.entries.iter().map(|entry| entry.entry.to_string()).collect();
        vec![
            self.cause,
            self.code,
            self.label.to_owned(),
            self.message,
            self.class.to_owned(),
            self.count.to_string(),
            entries.join(" "),
        ]
    }
}

fn label(code: &str) -> &'static str {
    ErrorCode::ALL.into_iter().find(|known| known.id() == code).unwrap_or(ErrorCode::Internal).label()
}
