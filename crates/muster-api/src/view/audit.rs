//! The audit log as clients see it.

use std::collections::BTreeMap;

use muster_model::audit::Actor;
use muster_model::run::OutcomeStatus;
use muster_store::{AuditVerification, ChainedEntry};
use serde::Serialize;

use super::instant;

/// One audit entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntryView {
    seq: u64,
    at: String,
    actor: ActorView,
    origin: String,
    act: &'static str,
    subject: String,
    instance_id: Option<String>,
    outcome: Option<&'static str>,
    details: BTreeMap<String, String>,
    hash: String,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActorView {
    kind: &'static str,
    name: String,
}

impl ActorView {
    /// Who.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl From<&Actor> for ActorView {
    fn from(actor: &Actor) -> Self {
        Self { kind: actor.kind.as_str(), name: actor.name.clone() }
    }
}

impl From<&ChainedEntry> for AuditEntryView {
    fn from(ChainedEntry { entry, hash }: &ChainedEntry) -> Self {
        Self {
            seq: entry.seq,
            at: instant(entry.at),
            actor: ActorView::from(&entry.actor),
            origin: entry.origin.clone(),
            act: entry.act.as_str(),
            subject: entry.subject.to_string(),
            instance_id: entry.run.map(|run| run.to_string()),
            outcome: entry.outcome.map(OutcomeStatus::as_str),
            details: entry.details.clone(),
            hash: hash.to_string(),
        }
    }
}

/// What verifying the audit log came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditVerificationView {
    /// How many entries are what was written, from the first on.
    entries: u64,
    /// The last of them and its hash: what is worth noting elsewhere.
    head: String,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl From<&AuditVerification> for AuditVerificationView {
    fn from(AuditVerification { head, broken }: &AuditVerification) -> Self {
        Self {
            entries: head.seq,
            head: head.to_string(),
            valid: broken.is_none(),
            broken_at: broken.as_ref().map(|broken| broken.seq),
            why: broken.as_ref().map(|broken| broken.why.to_string()),
        }
    }
}
