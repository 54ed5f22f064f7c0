//! How it goes with an application, as clients see it.

use muster_engine::ApplicationStatus;
use serde::Serialize;

use super::instant;

/// How it goes with an application, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationStatusView {
    application_id: String,
    state: &'static str,
    failures: u32,
    class: Option<&'static str>,
    reason: Option<String>,
    since: Option<String>,
    last_attempt: Option<String>,
    next_attempt: Option<String>,
    instance_id: Option<String>,
    what_to_do: &'static str,
}

impl From<&ApplicationStatus> for ApplicationStatusView {
    fn from(status: &ApplicationStatus) -> Self {
        let failed = status.failed.as_ref();
        Self {
            application_id: status.application.to_string(),
            state: status.state.as_str(),
            failures: failed.map_or(0, |failed| failed.failures),
            class: failed.map(|failed| failed.class.as_str()),
            reason: failed.map(|failed| failed.reason.clone()),
            since: failed.map(|failed| instant(failed.first_at)),
            last_attempt: failed.map(|failed| instant(failed.last_at)),
            next_attempt: failed.and_then(|failed| failed.next_at).map(instant),
            instance_id: failed.map(|failed| failed.run.to_string()),
            what_to_do: status.state.what_to_do(),
        }
    }
}
