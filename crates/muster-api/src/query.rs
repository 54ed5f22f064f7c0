//! Query parameters: each route names those it knows; all that is wrong is told at once.

use std::collections::BTreeSet;

use actix_web::web;
use chrono::{DateTime, Utc};
use muster_dataset::ImportMode;
use muster_model::RunId;
use muster_model::attribute::parse_date_time;
use muster_model::audit::{Act, Subject};
use muster_model::configuration::document::nearest::nearest;
use muster_model::configuration::{ConfigurationKind, Problems};
use muster_model::run::ProgressStatus;
use muster_plan::audit::{Head, NoHead};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::ApiError;

/// The most rows of any list.
pub(crate) const MOST_ROWS: u32 = 1000;

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
    /// `after`: only versions before this one.
    AfterVersion,
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
}

/// Whether an import writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Effect {
    /// It does.
    #[default]
    Written,
    /// It tells what it would do.
    Tried,
}

/// Whether errors are shown one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ErrorDetails {
    /// They are counted only.
    #[default]
    Counted,
    /// They are shown.
    Expanded,
}

/// What a query says. What the route does not know, or the caller did not give, is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Query {
    pub(crate) limit: Option<u32>,
    pub(crate) after_text: Option<String>,
    pub(crate) after_uuid: Option<Uuid>,
    pub(crate) after_number: Option<u32>,
    pub(crate) search: Option<String>,
    pub(crate) status: Option<ProgressStatus>,
    pub(crate) since: Option<DateTime<Utc>>,
    pub(crate) error_details: ErrorDetails,
    pub(crate) effect: Effect,
    pub(crate) mode: ImportMode,
    /// The kinds of configuration; nothing where all are meant.
    pub(crate) kinds: Option<BTreeSet<ConfigurationKind>>,
    pub(crate) after_entry: Option<u64>,
    pub(crate) until: Option<DateTime<Utc>>,
    pub(crate) actor: Option<String>,
    pub(crate) act: Option<Act>,
    pub(crate) subject: Option<Subject>,
    pub(crate) run: Option<RunId>,
    pub(crate) head: Option<Head>,
}

impl Parameter {
    /// Its name in the query.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Limit | Self::LimitOr(_) => "limit",
            Self::AfterText | Self::AfterUuid | Self::AfterNumber | Self::AfterEntry | Self::AfterVersion => {
                "after"
            }
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
        }
    }

    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Limit => "At most so many; all by default.",
            Self::LimitOr(_) => "At most so many.",
            Self::AfterText => "Only what stands after this one in the list: the last of the page before.",
            Self::AfterUuid => "Only what stands after this id in the list: the last of the page before.",
            Self::AfterNumber => "Only changes after this number: the last of the page before.",
            Self::AfterVersion => "Only versions older than this one: the last of the page before.",
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
        }
    }

    pub(crate) fn schema(self) -> Value {
        match self {
            Self::Limit => json!({"type": "integer", "minimum": 1, "maximum": MOST_ROWS}),
            Self::LimitOr(default) => {
                json!({"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": default})
            }
            Self::AfterText | Self::Search => json!({"type": "string"}),
            Self::AfterUuid => json!({"type": "string", "format": "uuid"}),
            Self::AfterNumber => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
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
            Self::Types => {
                let one = ConfigurationKind::ALL.map(ConfigurationKind::element_name).join("|");
                json!({"type": "string", "pattern": format!("^({one})(,({one}))*$")})
            }
        }
    }
}

const OPTIONS: [(&str, ErrorDetails); 2] = [
    ("expandErrorDetails:true", ErrorDetails::Expanded),
    ("expandErrorDetails:false", ErrorDetails::Counted),
];

impl Query {
    /// Reads a query in the light of what the route knows.
    pub(crate) fn read(text: &str, known: &[Parameter]) -> Result<Self, ApiError> {
        let Ok(pairs) = web::Query::<Vec<(String, String)>>::from_query(text) else {
            return Err(ApiError::invalid("?", "the query is not of the form `name=value&name=value`"));
        };
        let mut query = Self { limit: default_limit(known), ..Self::default() };
        let mut problems = Problems::new();
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in pairs.iter() {
            let problem = match known.iter().find(|parameter| parameter.name() == name) {
                None => Err(unknown(known)),
                Some(_) if seen.contains(&name.as_str()) => Err("is given twice".to_owned()),
                Some(parameter) => query.take(*parameter, value),
            };
            if let Err(message) = problem {
                problems.add(format!("?{name}"), message);
            }
            seen.push(name);
        }
        if problems.is_empty() { Ok(query) } else { Err(ApiError::Invalid(problems)) }
    }

    fn take(&mut self, parameter: Parameter, value: &str) -> Result<(), String> {
        match parameter {
            Parameter::Limit | Parameter::LimitOr(_) => {
                let limit = value.parse().ok().filter(|limit| (1..=MOST_ROWS).contains(limit));
                self.limit = Some(limit.ok_or_else(|| format!("is no whole number from 1 to {MOST_ROWS}"))?);
            }
            Parameter::AfterText => self.after_text = Some(value.to_owned()),
            Parameter::AfterUuid => {
                self.after_uuid = Some(Uuid::parse_str(value).map_err(|_| "is no UUID".to_owned())?);
            }
            Parameter::AfterNumber => {
                let number = value.parse().map_err(|_| "is no number of a change".to_owned())?;
                self.after_number = Some(number);
            }
            Parameter::AfterVersion => {
                let number = value.parse().ok().filter(|number| *number > 0);
                self.after_number = Some(number.ok_or_else(|| "is no number of a version".to_owned())?);
            }
            Parameter::Search => self.search = Some(value.to_lowercase()),
            Parameter::Status => {
                let status = ProgressStatus::ALL.into_iter().find(|status| status.as_str() == value);
                self.status = Some(status.ok_or_else(|| none_of(&ProgressStatus::ALL.map(|s| s.as_str())))?);
            }
            Parameter::Since | Parameter::ActedSince => self.since = Some(read_instant(value)?),
            Parameter::Until => self.until = Some(read_instant(value)?),
            Parameter::AfterEntry => {
                let number = value.parse().ok().filter(|number| i64::try_from(*number).is_ok());
                self.after_entry = Some(number.ok_or_else(|| "is no number of an audit entry".to_owned())?);
            }
            Parameter::Actor => self.actor = Some(value.to_owned()),
            Parameter::Act => {
                let words: Vec<_> = Act::ALL.iter().map(|act| act.as_str()).collect();
                self.act = Some(value.parse().map_err(|()| none_of(&words))?);
            }
            Parameter::Subject => {
                let message = "is no subject such as `applications/hr`";
                self.subject = Some(value.parse().map_err(|()| message.to_owned())?);
            }
            Parameter::Run => {
                self.run = Some(RunId(Uuid::parse_str(value).map_err(|_| "is no UUID".to_owned())?));
            }
            Parameter::Head => {
                self.head = Some(value.parse().map_err(|error: NoHead| format!("is no head: {error}"))?);
            }
            Parameter::Option => {
                let option = OPTIONS.into_iter().find(|(text, _)| *text == value);
                let (_, details) = option.ok_or_else(|| none_of(&OPTIONS.map(|(text, _)| text)))?;
                self.error_details = details;
            }
            Parameter::DryRun => {
                self.effect = match value {
                    "true" => Effect::Tried,
                    "false" => Effect::Written,
                    _ => return Err("is neither `true` nor `false`".to_owned()),
                };
            }
            Parameter::Mode => {
                let mode = ImportMode::ALL.into_iter().find(|mode| mode.as_str() == value);
                self.mode = mode.ok_or_else(|| none_of(&ImportMode::ALL.map(ImportMode::as_str)))?;
            }
            Parameter::Types => self.kinds = Some(value.split(',').map(kind).collect::<Result<_, _>>()?),
        }
        Ok(())
    }

    /// How many rows to answer at most.
    pub(crate) fn rows(&self) -> u32 {
        self.limit.unwrap_or(MOST_ROWS)
    }
}

fn default_limit(known: &[Parameter]) -> Option<u32> {
    known.iter().find_map(|parameter| match parameter {
        Parameter::LimitOr(default) => Some(*default),
        Parameter::Limit
        | Parameter::AfterText
        | Parameter::AfterUuid
        | Parameter::AfterNumber
        | Parameter::AfterVersion
        | Parameter::Search
        | Parameter::Status
        | Parameter::Since
        | Parameter::AfterEntry
        | Parameter::ActedSince
        | Parameter::Until
        | Parameter::Actor
        | Parameter::Act
        | Parameter::Subject
        | Parameter::Run
        | Parameter::Head
        | Parameter::Option
        | Parameter::DryRun
        | Parameter::Mode
        | Parameter::Types => None,
    })
}

fn kind(name: &str) -> Result<ConfigurationKind, String> {
    let known = ConfigurationKind::ALL.map(ConfigurationKind::element_name);
    let kind = ConfigurationKind::ALL.into_iter().find(|kind| kind.element_name() == name);
    kind.ok_or_else(|| match nearest(name, known) {
        Some(meant) => format!("`{name}` is no kind of configuration; did you mean `{meant}`?"),
        None => format!("`{name}` {}", none_of(&known)),
    })
}

fn read_instant(value: &str) -> Result<DateTime<Utc>, String> {
    let message = "is no instant of RFC 3339 such as 2026-11-05T06:00:00Z";
    parse_date_time(value).ok_or_else(|| message.to_owned())
}

fn unknown(known: &[Parameter]) -> String {
    let names: Vec<_> = known.iter().map(|parameter| format!("`{}`", parameter.name())).collect();
    if names.is_empty() {
        "unknown parameter; there are none here".to_owned()
    } else {
        format!("unknown parameter; known are {}", names.join(", "))
    }
}

fn none_of(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    format!("is none of {}", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: &[Parameter] =
        &[Parameter::Limit, Parameter::AfterUuid, Parameter::Status, Parameter::Since, Parameter::Option];

    #[test]
    fn the_option_is_read_in_both_spellings() {
        for (text, expected) in [
            ("", ErrorDetails::Counted),
            ("option=expandErrorDetails:true", ErrorDetails::Expanded),
            ("option=expandErrorDetails%3Atrue", ErrorDetails::Expanded),
            ("option=expandErrorDetails%3afalse", ErrorDetails::Counted),
        ] {
            assert_eq!(Query::read(text, RUNS).unwrap().error_details, expected, "{text}");
        }
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let text = "limit=0&status=running&since=now&option=expandErrorDetails:yes&after=1&colour=red";
        let Err(ApiError::Invalid(problems)) = Query::read(text, RUNS) else { panic!("accepted") };
        let places: Vec<_> = problems.iter().map(|(place, _)| place).collect();
        assert_eq!(places, ["?after", "?colour", "?limit", "?option", "?since", "?status"]);
        assert!(Query::read("limit=1&limit=2", RUNS).is_err());
        assert!(Query::read("limit=1001", RUNS).is_err());
        assert!(Query::read("limit=1", &[]).is_err());
    }

    #[test]
    fn imports_are_read() {
        let known = [Parameter::DryRun, Parameter::Mode, Parameter::Types];
        let query = Query::read("", &known).unwrap();
        assert_eq!((query.effect, query.mode, query.kinds), (Effect::Written, ImportMode::Merge, None));
        let text = "dryRun=true&mode=REPLACE&types=Application,ConnectorDefinition,Application";
        let query = Query::read(text, &known).unwrap();
        assert_eq!((query.effect, query.mode), (Effect::Tried, ImportMode::Replace));
        let kinds: Vec<_> = query.kinds.unwrap().into_iter().collect();
        assert_eq!(kinds, [ConfigurationKind::ConnectorDefinition, ConfigurationKind::Application]);
        let Err(ApiError::Invalid(problems)) = Query::read("dryRun=1&mode=merge&types=Aplication", &known)
        else {
            panic!("accepted");
        };
        let told: Vec<_> =
            problems.iter().map(|(place, said)| format!("{place} {}", said.join(";"))).collect();
        assert_eq!(
            told,
            [
                "?dryRun is neither `true` nor `false`",
                "?mode is none of `MERGE`, `REPLACE`",
                "?types `Aplication` is no kind of configuration; did you mean `Application`?",
            ]
        );
        assert!(Query::read("types=", &known).is_err());
    }

    #[test]
    fn what_is_right_is_read() {
        let query = Query::read("limit=7&status=HELD&since=2026-11-05T06:00:00Z", RUNS).unwrap();
        assert_eq!((query.rows(), query.status), (7, Some(ProgressStatus::Held)));
        assert_eq!(query.since.map(|since| since.timestamp()), Some(1_793_858_400));
        assert_eq!(Query::read("", RUNS).unwrap().limit, None);
        let known = [Parameter::LimitOr(9)];
        assert_eq!(Query::read("", &known).unwrap().rows(), 9);
        assert_eq!(Query::read("limit=7", &known).unwrap().rows(), 7);
        assert_eq!(Parameter::LimitOr(9).schema()["default"], 9);
    }
}
