//! Query parameters: each route names those it knows; all that is wrong is told at once.

use actix_web::web;
use chrono::{DateTime, Utc};
use muster_model::attribute::parse_date_time;
use muster_model::condition::Condition;
use muster_model::configuration::Problems;
use muster_model::run::ProgressStatus;
use muster_model::{ApplicationId, DirectoryId};
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
    /// `after`: only what stands after this version in a list whose newest comes first.
    AfterVersion,
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
    /// `option`: `expandErrorDetails:true` or `expandErrorDetails:false`.
    Option,
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

/// Whether accounts are read as they are now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LiveStatus {
    /// What is remembered of them is enough.
    #[default]
    Remembered,
    /// They are read in their applications.
    Fetched,
}

/// What a query says. What the route does not know, or the caller did not give, is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Query {
    pub(crate) limit: Option<u32>,
    pub(crate) after_text: Option<String>,
    pub(crate) after_uuid: Option<Uuid>,
    pub(crate) after_number: Option<u32>,
    pub(crate) filter: Option<Condition>,
    pub(crate) directory: Option<DirectoryId>,
    pub(crate) application: Option<ApplicationId>,
    pub(crate) live_status: LiveStatus,
    pub(crate) search: Option<String>,
    pub(crate) status: Option<ProgressStatus>,
    pub(crate) since: Option<DateTime<Utc>>,
    pub(crate) error_details: ErrorDetails,
}

impl Parameter {
    /// Its name in the query.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Limit | Self::LimitOr(_) => "limit",
            Self::AfterText | Self::AfterUuid | Self::AfterNumber | Self::AfterVersion => "after",
            Self::Filter => "filter",
            Self::Directory => "directory",
            Self::SortById => "sort",
            Self::Application => "applicationId",
            Self::LiveStatus => "fetchLiveStatus",
            Self::Search => "q",
            Self::Status => "status",
            Self::Since => "since",
            Self::Option => "option",
        }
    }

    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Limit => "At most so many; all by default.",
            Self::LimitOr(_) => "At most so many.",
            Self::AfterText => "Only what stands after this one in the list: the last of the page before.",
            Self::AfterUuid => "Only what stands after this id in the list: the last of the page before.",
            Self::AfterNumber => "Only changes after this number: the last of the page before.",
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
            Self::Option => "Whether `errorDetails` is part of the answer (false by default).",
        }
    }

    pub(crate) fn schema(self) -> Value {
        match self {
            Self::Limit => json!({"type": "integer", "minimum": 1, "maximum": MOST_ROWS}),
            Self::LimitOr(default) => {
                json!({"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": default})
            }
            Self::AfterText | Self::Search | Self::Filter | Self::Directory | Self::Application => {
                json!({"type": "string"})
            }
            Self::SortById => json!({"type": "string", "enum": ["id"], "default": "id"}),
            Self::LiveStatus => json!({"type": "boolean", "default": false}),
            Self::AfterUuid => json!({"type": "string", "format": "uuid"}),
            Self::AfterNumber | Self::AfterVersion => {
                json!({"type": "integer", "minimum": 0, "maximum": u32::MAX})
            }
            Self::Status => {
                json!({"type": "string", "enum": ProgressStatus::ALL.map(ProgressStatus::as_str)})
            }
            Self::Since => json!({"type": "string", "format": "date-time"}),
            Self::Option => json!({"type": "string", "enum": OPTIONS.map(|(text, _)| text)}),
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
                self.after_number = Some(value.parse().map_err(|_| "is no version".to_owned())?);
            }
            Parameter::Filter => self.filter = Some(condition(value)?),
            Parameter::Directory => {
                self.directory = Some(DirectoryId::new(value).map_err(|error| error.to_string())?);
            }
            Parameter::SortById => {
                if value != "id" {
                    return Err(none_of(&["id"]));
                }
            }
            Parameter::Application => {
                self.application = Some(ApplicationId::new(value).map_err(|error| error.to_string())?);
            }
            Parameter::LiveStatus => {
                self.live_status = match value {
                    "true" => LiveStatus::Fetched,
                    "false" => LiveStatus::Remembered,
                    _ => return Err(none_of(&["true", "false"])),
                };
            }
            Parameter::Search => self.search = Some(value.to_lowercase()),
            Parameter::Status => {
                let status = ProgressStatus::ALL.into_iter().find(|status| status.as_str() == value);
                self.status = Some(status.ok_or_else(|| none_of(&ProgressStatus::ALL.map(|s| s.as_str())))?);
            }
            Parameter::Since => {
                let message = "is no instant of RFC 3339 such as 2026-11-05T06:00:00Z";
                self.since = Some(parse_date_time(value).ok_or_else(|| message.to_owned())?);
            }
            Parameter::Option => {
                let option = OPTIONS.into_iter().find(|(text, _)| *text == value);
                let (_, details) = option.ok_or_else(|| none_of(&OPTIONS.map(|(text, _)| text)))?;
                self.error_details = details;
            }
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
        | Parameter::Filter
        | Parameter::Directory
        | Parameter::SortById
        | Parameter::Application
        | Parameter::LiveStatus
        | Parameter::Search
        | Parameter::Status
        | Parameter::Since
        | Parameter::Option => None,
    })
}

fn condition(text: &str) -> Result<Condition, String> {
    Condition::parse(text).map_err(|error| {
        let hint = error.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("{error}{hint}")
    })
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

    #[test]
    fn what_is_asked_of_objects_and_accounts_is_read() {
        let known = [Parameter::Filter, Parameter::Directory, Parameter::SortById];
        let query = Query::read("filter=name+sw+%22%C3%84%22&directory=main&sort=id", &known).unwrap();
        assert_eq!(query.filter.unwrap().to_string(), "name sw \"Ä\"");
        assert_eq!(query.directory, Some(DirectoryId::main()));
        let Err(ApiError::Invalid(problems)) = Query::read("filter=name&directory=~&sort=name", &known)
        else {
            panic!("accepted")
        };
        let told: Vec<_> =
            problems.iter().map(|(place, said)| format!("{place} {}", said.join(";"))).collect();
        assert!(
            told[1].starts_with("?filter expected an operator, found the end at position 4; "),
            "{told:?}"
        );
        assert_eq!((told.len(), told[2].as_str()), (3, "?sort is none of `id`"));
        let known = [Parameter::Application, Parameter::LiveStatus];
        let query = Query::read("applicationId=hr&fetchLiveStatus=true", &known).unwrap();
        assert_eq!(query.live_status, LiveStatus::Fetched);
        assert!(Query::read("applicationId=~hr", &known).is_err());
        assert!(Query::read("fetchLiveStatus=1", &known).is_err());
    }
}
