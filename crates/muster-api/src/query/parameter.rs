//! The query parameters that there are: names, descriptions and schemas.

use muster_dataset::ImportMode;
use muster_model::audit::Act;
use muster_model::configuration::ConfigurationKind;
use muster_model::configuration::application::Situation;
use muster_model::run::ProgressStatus;
use muster_plan::change::Action;
use muster_plan::dispute::SITUATIONS;
use serde_json::{Value, json};

use super::{ErrorDetails, ListFormat, MOST_ROWS};
use crate::view::ChangeStanding;

/// A parameter that a route knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// `limit`: at most so many; all where the caller does not say.
    Limit,
    /// `limit`: at most so many; this many where the caller does not say.
    LimitOr(u32),
    /// `after`: only what stands after this id or path.
    AfterText,
    /// `after`: only what stands after the run or object of this UUID.
    AfterUuid,
    /// `after`: only changes after this number.
    AfterNumber,
    /// `after`: only failed entries after this number.
    AfterFailure,
    /// `groupBy`: whether failed entries are listed by their causes.
    GroupBy,
    /// `cause`: only what failed for this cause.
    Cause,
    /// `after`: only what stands after this version in a list whose newest comes first.
    AfterVersion,
    /// `after`: only disputes after this one.
    AfterKey,
    /// `situation`: only disputes in this situation.
    DisputeSituation,
    /// `decided`: only disputes that somebody decided about, or nobody.
    Decided,
    /// `filter`: only objects that this condition holds for.
    Filter,
    /// `directory`: only objects of this population.
    Directory,
    /// `sort`: by `id`, which is the one order there is.
    SortById,
    /// `applicationId`: only accounts of this application.
    Application,
    /// `fetchLiveStatus`: whether accounts are read as they are now.
    LiveStatus,
    /// `q`: only what contains this text.
    Search,
    /// `status`: only runs in this state.
    Status,
    /// `since`: only runs launched at or after this instant.
    Since,
    /// `after`: only audit entries that come after this one in the list, which are older.
    AfterEntry,
    /// `since`: only acts at or after this instant.
    ActedSince,
    /// `until`: only acts at or before this instant.
    Until,
    /// `actor`: only acts of actors of this name.
    Actor,
    /// `act`: only such acts.
    Act,
    /// `subject`: only acts on this subject.
    Subject,
    /// `run`: only acts about this run.
    Run,
    /// `head`: the head of an audit log, as it was noted.
    Head,
    /// `option`: `expandErrorDetails:true` or `expandErrorDetails:false`.
    Option,
    /// `dryRun`: whether an import is only tried.
    DryRun,
    /// `mode`: what an import does with resources that the dataset lacks.
    Mode,
    /// `types`: only these kinds of configuration.
    Types,
    /// `action`: only changes that do this.
    Action,
    /// `situation`: only changes found in this situation.
    Situation,
    /// `status`: only changes of which this has become.
    ChangeStatus,
    /// `uid`: only the change of this account.
    Uid,
    /// `attribute`: only what is about this attribute.
    Attribute,
    /// `format`: how a list is written.
    Format,
    /// `local`: whether the process that took the call works on the sync.
    Local,
    /// `count`: how many results of a sync.
    Count,
}

impl Parameter {
    /// Its name in the query.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Limit | Self::LimitOr(_) => "limit",
            Self::AfterText
            | Self::AfterUuid
            | Self::AfterNumber
            | Self::AfterFailure
            | Self::AfterKey
            | Self::AfterEntry
            | Self::AfterVersion => "after",
            Self::GroupBy => "groupBy",
            Self::Cause => "cause",
            Self::DisputeSituation => "situation",
            Self::Decided => "decided",
            Self::Filter => "filter",
            Self::Directory => "directory",
            Self::SortById => "sort",
            Self::Application => "applicationId",
            Self::LiveStatus => "fetchLiveStatus",
            Self::Search => "q",
            Self::Status => "status",
            Self::Since | Self::ActedSince => "since",
            Self::Until => "until",
            Self::Actor => "actor",
            Self::Act => "act",
            Self::Subject => "subject",
            Self::Run => "run",
            Self::Head => "head",
            Self::Option => "option",
            Self::DryRun => "dryRun",
            Self::Mode => "mode",
            Self::Types => "types",
            Self::Action => "action",
            Self::Situation => "situation",
            Self::ChangeStatus => "status",
            Self::Uid => "uid",
            Self::Attribute => "attribute",
            Self::Format => "format",
            Self::Local => "local",
            Self::Count => "count",
        }
    }

    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Limit => "At most so many; all by default.",
            Self::LimitOr(_) => "At most so many.",
            Self::AfterText => "Only what stands after this one in the list: the last of the page before.",
            Self::AfterKey => "Only accounts after the one of this id: the last of the page before.",
            Self::DisputeSituation => "Only accounts in this situation.",
            Self::Decided => "Only accounts that somebody decided about, or those that nobody did.",
            Self::AfterUuid => "Only what stands after this id in the list: the last of the page before.",
            Self::AfterNumber => "Only changes after this number: the last of the page before.",
            Self::AfterFailure => {
                "Only entries after this number: the last of the page before. Not with `groupBy`."
            }
            Self::GroupBy => "Lists causes with their entries counted, those of most entries first.",
            Self::Cause => "Only what failed for this cause, as `groupBy=cause` shows it.",
            Self::AfterVersion => "Only what came before this version: the last of the page before.",
            Self::Filter => {
                "A condition in the filter grammar of RFC 7644, such as `department eq \"IT\" and not (state pr)`, \
                 over attributes and `id`, `type`, `directory`, `enabled`, `disabledReason`."
            }
            Self::Directory => "Only objects of this directory.",
            Self::SortById => "The order, which is that of the ids: of when the objects were made.",
            Self::Application => "Only accounts of this application.",
            Self::LiveStatus => "Whether the accounts are read in their applications too, as they are now.",
            Self::Search => "Only what has this text in its id, name or description, whatever the case.",
            Self::Status => "Only runs in this state.",
            Self::Since => "Only runs launched at or after this instant.",
            Self::AfterEntry => "Only what stands after the entry of this number in the list: older ones.",
            Self::ActedSince => "Only what was done at or after this instant.",
            Self::Until => "Only what was done at or before this instant.",
            Self::Actor => "Only what was done by actors of this name.",
            Self::Act => "Only such acts.",
            Self::Subject => "Only what was done to this, named as in the entries: `applications/hr`.",
            Self::Run => "Only what is about this run.",
            Self::Head => "The head that an earlier verification answered: the log has to hold it still.",
            Self::Option => "Whether `errorDetails` is part of the answer (false by default).",
            Self::DryRun => "Whether to answer what would be done, and write nothing.",
            Self::Mode => {
                "MERGE creates and updates what the dataset has; REPLACE also deletes what it lacks, of the kinds \
                 that are meant."
            }
            Self::Types => {
                "The kinds of configuration that are meant, by the names of their elements, separated by commas; \
                 all by default."
            }
            Self::Action => "Only changes that do this.",
            Self::Situation => "Only changes found in this situation.",
            Self::ChangeStatus => "Only changes of which this has become.",
            Self::Uid => "Only the change of the account with this key.",
            Self::Attribute => "Only what is about this attribute.",
            Self::Format => {
                "`json` answers a page. `csv` answers all pages as one file for a spreadsheet, a row an attribute \
                 of a change; `limit` is none of it."
            }
            Self::Local => {
                "Whether the process that took the call works on the sync, and not whichever is free."
            }
            Self::Count => "At most so many; -1 for all.",
        }
    }

    pub(crate) fn schema(self) -> Value {
        match self {
            Self::Limit => json!({"type": "integer", "minimum": 1, "maximum": MOST_ROWS}),
            Self::LimitOr(default) => {
                json!({"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": default})
            }
            Self::Action => json!({"type": "string", "enum": Action::ALL.map(Action::as_str)}),
            Self::Situation => json!({"type": "string", "enum": Situation::ALL.map(Situation::as_str)}),
            Self::ChangeStatus => {
                let words: Vec<_> = ChangeStanding::all().map(|standing| standing.as_str()).collect();
                json!({"type": "string", "enum": words})
            }
            Self::Uid | Self::Attribute => json!({"type": "string", "minLength": 1}),
            Self::Format => {
                let words = ListFormat::ALL.map(ListFormat::as_str);
                json!({"type": "string", "enum": words, "default": ListFormat::default().as_str()})
            }
            Self::AfterText | Self::Search | Self::Filter | Self::Directory | Self::Application => {
                json!({"type": "string"})
            }
            Self::AfterKey => json!({"type": "string", "pattern": "^[0-9a-fA-F]{32}$"}),
            Self::DisputeSituation => json!({"type": "string", "enum": SITUATIONS.map(Situation::as_str)}),
            Self::Decided => json!({"type": "boolean"}),
            Self::SortById => json!({"type": "string", "enum": ["id"], "default": "id"}),
            Self::LiveStatus => json!({"type": "boolean", "default": false}),
            Self::AfterUuid => json!({"type": "string", "format": "uuid"}),
            Self::AfterNumber => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
            Self::AfterFailure => json!({"type": "integer", "minimum": i64::MIN, "maximum": i64::MAX}),
            Self::GroupBy => json!({"type": "string", "enum": ["cause"]}),
            Self::Cause => json!({"type": "string", "minLength": 1}),
            Self::AfterVersion => json!({"type": "integer", "minimum": 1, "maximum": u32::MAX}),
            Self::Status => {
                json!({"type": "string", "enum": ProgressStatus::ALL.map(ProgressStatus::as_str)})
            }
            Self::AfterEntry => json!({"type": "integer", "minimum": 0, "maximum": i64::MAX}),
            Self::Actor | Self::Subject => json!({"type": "string", "minLength": 1}),
            Self::Act => {
                json!({"type": "string", "enum": Act::ALL.iter().map(|act| act.as_str()).collect::<Vec<_>>()})
            }
            Self::Run => json!({"type": "string", "format": "uuid"}),
            Self::Head => json!({"type": "string", "pattern": "^[0-9]+:[0-9a-fA-F]{64}$"}),
            Self::Since | Self::ActedSince | Self::Until => json!({"type": "string", "format": "date-time"}),
            Self::Option => json!({"type": "string", "enum": OPTIONS.map(|(text, _)| text)}),
            Self::DryRun => json!({"type": "boolean", "default": false}),
            Self::Mode => {
                let words = ImportMode::ALL.map(ImportMode::as_str);
                json!({"type": "string", "enum": words, "default": ImportMode::default().as_str()})
            }
            Self::Local => json!({"type": "boolean", "default": false}),
            Self::Count => json!({"type": "integer", "minimum": -1, "maximum": u32::MAX, "default": 10}),
            Self::Types => {
                let one = ConfigurationKind::ALL.map(ConfigurationKind::element_name).join("|");
                json!({"type": "string", "pattern": format!("^({one})(,({one}))*$")})
            }
        }
    }
}

pub(super) const OPTIONS: [(&str, ErrorDetails); 2] = [
    ("expandErrorDetails:true", ErrorDetails::Expanded),
    ("expandErrorDetails:false", ErrorDetails::Counted),
];
