//! Where the values of an object come from, as clients see it.

use chrono::{DateTime, Utc};
use muster_engine::ExplainedMapping;
use muster_model::audit::Actor;
use muster_model::{ApplicationId, AttributeName, Field};
use muster_store::RunRecord;
use serde::Serialize;
use serde_json::Value;

use super::{ActorView, MappingView, instant, value};

/// One attribute, its value, and who wrote that.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueOriginView {
    attribute: String,
    value: Option<Value>,
    /// `RUN`, `HAND`, or `UNKNOWN` where nothing says it any more.
    written_by: &'static str,
    at: Option<String>,
    actor: Option<ActorView>,
    application_id: Option<String>,
    account_keys: Vec<String>,
    instance_id: Option<String>,
    task_id: Option<String>,
    why: Vec<MappingView>,
}

/// Who wrote a value.
pub(crate) enum WrittenBy<'a> {
    /// Somebody by hand.
    Hand { at: DateTime<Utc>, actor: &'a Actor },
    /// A run, which may have been dropped since.
    Run {
        application: &'a ApplicationId,
        /// The accounts of the object in that application, by their keys.
        accounts: Vec<&'a str>,
        run: Option<&'a RunRecord>,
        /// When, where the history says it; else when the run was launched.
        at: Option<DateTime<Utc>>,
        mappings: Vec<ExplainedMapping>,
    },
    /// Nothing says it any more.
    Nobody,
}

impl ValueOriginView {
    pub(crate) fn new(name: &AttributeName, held: &Field, by: WrittenBy<'_>) -> Self {
        let view = Self {
            attribute: name.as_str().to_owned(),
            value: value::field(held),
            written_by: "UNKNOWN",
            at: None,
            actor: None,
            application_id: None,
            account_keys: Vec::new(),
            instance_id: None,
            task_id: None,
            why: Vec::new(),
        };
        match by {
            WrittenBy::Nobody => view,
            WrittenBy::Hand { at, actor } => {
                Self { written_by: "HAND", at: Some(instant(at)), actor: Some(actor.into()), ..view }
            }
            WrittenBy::Run { application, accounts, run, at, mappings } => Self {
                written_by: "RUN",
                at: at.or(run.map(|run| run.started_at)).map(instant),
                application_id: Some(application.to_string()),
                account_keys: accounts.into_iter().map(str::to_owned).collect(),
                instance_id: run.map(|run| run.id.to_string()),
                task_id: run.map(|run| run.task.to_string()),
                why: mappings.iter().map(Into::into).collect(),
                ..view
            },
        }
    }
}
