//! Accounts as clients see them.

use muster_engine::LiveAccount;
use muster_model::DisabledReason;
use muster_store::AccountRecord;
use serde::Serialize;
use serde_json::{Map, Value};

use super::value;

/// One account of an identity, as it is remembered, and as it is now where that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountView {
    application_id: String,
    object_class_id: String,
    account_key: String,
    state: &'static str,
    enabled: Option<bool>,
    disabled_reason: Option<&'static str>,
    profile_id: Option<String>,
    version: u32,
    attributes: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<LiveView>,
}

/// An account as it is now, or why nobody knows.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum LiveView {
    /// It was looked for.
    Known {
        /// Whether it exists.
        found: bool,
        /// Whether it is enabled; null where it does not exist, or its system has no such notion.
        enabled: Option<bool>,
        /// What it holds.
        attributes: Map<String, Value>,
    },
    /// Its application did not say.
    Unknown {
        /// Why not, and what to do.
        error: String,
    },
}

/// What is remembered of whether an account is enabled.
pub(crate) enum Enabled {
    /// What Muster made of it, which it provisions.
    Provisioned,
    /// Nothing: it is only read.
    NotKept,
}

impl AccountView {
    /// An account as it is remembered.
    pub(crate) fn new(account: &AccountRecord, enabled: &Enabled) -> Self {
        Self {
            application_id: account.application.to_string(),
            object_class_id: account.class.to_string(),
            account_key: account.uid.clone(),
            state: account.state.as_str(),
            enabled: match enabled {
                Enabled::Provisioned => Some(account.disabled.is_none()),
                Enabled::NotKept => None,
            },
            disabled_reason: match enabled {
                Enabled::Provisioned => account.disabled.map(DisabledReason::as_str),
                Enabled::NotKept => None,
            },
            profile_id: account.profile.as_ref().map(ToString::to_string),
            version: account.version,
            attributes: value::attributes(&account.snapshot),
            live: None,
        }
    }

    /// The same, with what it is now.
    pub(crate) fn with_live(self, live: &LiveAccount) -> Self {
        let live = match live {
            LiveAccount::Found { enabled, attributes } => {
                LiveView::Known { found: true, enabled: *enabled, attributes: value::attributes(attributes) }
            }
            LiveAccount::NotFound => LiveView::Known { found: false, enabled: None, attributes: Map::new() },
            LiveAccount::Unknown { reason } => LiveView::Unknown { error: reason.clone() },
        };
        Self { live: Some(live), ..self }
    }
}
