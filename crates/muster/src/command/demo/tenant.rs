//! The tenant of the demonstration, as a client of the API sees it: what the story does goes through here.

use std::thread;
use std::time::Duration;

use muster_model::run::ProgressStatus;
use serde::Deserialize;
use serde_json::{Value, json};

use super::example::CONFIGURATION;
use crate::client::Client;
use crate::error::CommandError;
use crate::progress::Progress;

/// The tenant's slug.
pub(super) const TENANT: &str = "acme";
/// How often a run is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Changes that are asked for at a time.
const PAGE: usize = 1000;

/// The tenant, seen by its admin.
pub(super) struct Tenant {
    pub(super) client: Client,
}

/// A task of the example, and the words for what it looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    kind: &'static str,
    pub(super) id: &'static str,
    pub(super) one: &'static str,
    pub(super) many: &'static str,
    pub(super) lacking: &'static str,
}

/// Reads the HR file.
pub(super) const RECONCILIATION: Task = Task {
    kind: "sync-tasks",
    id: "hr-reconciliation",
    one: "line",
    many: "lines",
    lacking: "people not met any more",
};
/// Writes payroll and badges.
pub(super) const PROVISIONING: Task = Task {
    kind: "prov-tasks",
    id: "accounts",
    one: "account",
    many: "accounts",
    lacking: "found to be lacking",
};

/// One change of a plan.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    number: u64,
    pub(super) action: String,
    pub(super) account_key: String,
    pub(super) object_id: Option<String>,
    pub(super) attributes: Vec<AttributeChange>,
    pub(super) memberships: Vec<MembershipChange>,
}

/// One attribute of a change.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct AttributeChange {
    pub(super) name: String,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

/// Memberships that an account gains and loses.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct MembershipChange {
    pub(super) add: Vec<String>,
    pub(super) remove: Vec<String>,
}

impl Tenant {
    /// Saves the configuration of the example.
    pub(super) fn configure(&self) -> Result<(), CommandError> {
        for document in &CONFIGURATION {
            let path = format!("/{TENANT}/api/sync/conf/{}", document.kind.path_segment());
            let body: Value = serde_json::from_str(document.text)?;
            self.client.post(&path, &body)?;
        }
        Ok(())
    }

    /// Delivers a file of the HR department.
    pub(super) fn deliver(&self, people: &[u8]) -> Result<(), CommandError> {
        self.client.put(&file("hr/people.csv"), people)?;
        Ok(())
    }

    /// The text of a file.
    pub(super) fn read(&self, path: &str) -> Result<String, CommandError> {
        Ok(self.client.get_text(&file(path))?)
    }

    /// Runs a task to its end.
    pub(super) fn run(&self, task: Task) -> Result<Progress, CommandError> {
        let instances = format!("/{TENANT}/api/sync/{}/{}/instances", task.kind, task.id);
        let id = self.client.post(&instances, &json!({}))?;
        let instance = format!("{instances}/{id}?option=expandErrorDetails:true");
        loop {
            let progress: Progress = self.client.get(&instance)?;
            if progress.progress_status == ProgressStatus::Finished || !progress.goes_on() {
                return Ok(progress);
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// What a run changed, without what it only remembered.
    pub(super) fn changes(&self, task: Task, run: &Progress) -> Result<Vec<Change>, CommandError> {
        let mut all: Vec<Change> = Vec::new();
        loop {
            let after = all.last().map_or(0, |change| change.number);
            let path = format!(
                "/{TENANT}/api/sync/{}/{}/instances/{}/changes?limit={PAGE}&after={after}",
                task.kind, task.id, run.id
            );
            let page: Vec<Change> = self.client.get(&path)?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                all.retain(|change| change.action != "REFRESH");
                return Ok(all);
            }
        }
    }
}

fn file(path: &str) -> String {
    format!("/{TENANT}/api/sync/files/{path}")
}
