//! Query parameters: each route names those it knows; all that is wrong is told at once.

mod parameter;

use std::collections::BTreeSet;
use std::str::FromStr;

use actix_web::web;
use chrono::{DateTime, Utc};
use muster_dataset::ImportMode;
use muster_model::attribute::parse_date_time;
use muster_model::audit::{Act, Subject};
use muster_model::condition::Condition;
use muster_model::configuration::application::Situation;
use muster_model::configuration::document::nearest::nearest;
use muster_model::configuration::{ConfigurationKind, Problems};
use muster_model::run::ProgressStatus;
use muster_model::text::read_hex;
use muster_model::{ApplicationId, AttributeName, DirectoryId, RunId};
use muster_plan::audit::{Head, NoHead};
use muster_plan::change::Action;
use muster_plan::dispute::SITUATIONS;
use uuid::Uuid;

use crate::error::ApiError;
use crate::view::ChangeStanding;
use parameter::OPTIONS;
pub use parameter::Parameter;

/// The most rows of any list.
pub(crate) const MOST_ROWS: u32 = 1000;

/// What no database has to take as part of a text.
pub(crate) const NUL: char = '\u{0}';

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

/// Whether failed entries are listed one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Grouping {
    /// They are.
    #[default]
    None,
    /// By the causes for which they failed.
    Cause,
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

/// Where a run is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Node {
    /// By any process.
    #[default]
    Any,
    /// By the one that took the call.
    This,
}

/// How many results of a sync are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// All of them.
    All,
    /// At most so many.
    AtMost(u32),
}

impl Default for Count {
    fn default() -> Self {
        Self::AtMost(10)
    }
}

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ListFormat {
    /// A page, as JSON.
    #[default]
    Json,
    /// All of it, as CSV.
    Csv,
}

impl ListFormat {
    pub(crate) const ALL: [Self; 2] = [Self::Json, Self::Csv];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }
}

/// What a query says. What the route does not know, or the caller did not give, is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Query {
    pub(crate) limit: Option<u32>,
    pub(crate) after_text: Option<String>,
    pub(crate) after_uuid: Option<Uuid>,
    pub(crate) after_number: Option<u32>,
    pub(crate) after_failure: Option<i64>,
    pub(crate) grouping: Grouping,
    pub(crate) cause: Option<String>,
    pub(crate) after_key: Option<[u8; 16]>,
    pub(crate) situation: Option<Situation>,
    pub(crate) decided: Option<bool>,
    pub(crate) filter: Option<Condition>,
    pub(crate) directory: Option<DirectoryId>,
    pub(crate) application: Option<ApplicationId>,
    pub(crate) live_status: LiveStatus,
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
    pub(crate) action: Option<Action>,
    pub(crate) standing: Option<ChangeStanding>,
    pub(crate) uid: Option<String>,
    pub(crate) attribute: Option<AttributeName>,
    pub(crate) format: ListFormat,
    pub(crate) node: Node,
    pub(crate) count: Count,
}

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
                Some(_) if value.contains(NUL) => Err("holds U+0000".to_owned()),
                Some(parameter) => query.take(*parameter, value),
            };
            if let Err(message) = problem {
                problems.add(format!("?{name}"), message);
            }
            seen.push(name);
        }
        if query.format == ListFormat::Csv && seen.contains(&Parameter::Limit.name()) {
            problems.add("?limit", "is of pages, and `format=csv` answers all of them; leave it out");
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
            Parameter::AfterUuid => self.after_uuid = Some(uuid(value)?),
            Parameter::AfterNumber => self.after_number = Some(number(value, "a change")?),
            Parameter::AfterFailure => self.after_failure = Some(number(value, "an entry")?),
            Parameter::GroupBy => self.grouping = one_of(value, &[Grouping::Cause], |_| "cause")?,
            Parameter::Cause => self.cause = Some(value.to_owned()),
            Parameter::AfterVersion => {
                let number = value.parse().ok().filter(|number| *number > 0);
                self.after_number = Some(number.ok_or_else(|| "is no number of a version".to_owned())?);
            }
            Parameter::AfterEntry => {
                let number = value.parse().ok().filter(|number| i64::try_from(*number).is_ok());
                self.after_entry = Some(number.ok_or_else(|| "is no number of an audit entry".to_owned())?);
            }
            Parameter::AfterKey => self.after_key = Some(read_hex(value).ok_or("is no id of an account")?),
            Parameter::DisputeSituation => {
                self.situation = Some(one_of(value, &SITUATIONS, |one| one.as_str())?);
            }
            Parameter::Decided => self.decided = Some(truth(value)?),
            Parameter::Filter => self.filter = Some(condition(value)?),
            Parameter::Directory => self.directory = Some(DirectoryId::new(value).map_err(said)?),
            Parameter::SortById => one_of(value, &[()], |()| "id")?,
            Parameter::Application => self.application = Some(ApplicationId::new(value).map_err(said)?),
            Parameter::LiveStatus => {
                self.live_status = if truth(value)? { LiveStatus::Fetched } else { LiveStatus::Remembered };
            }
            Parameter::Search => self.search = Some(value.to_lowercase()),
            Parameter::Status => {
                self.status = Some(one_of(value, &ProgressStatus::ALL, |one| one.as_str())?);
            }
            Parameter::Since | Parameter::ActedSince => self.since = Some(read_instant(value)?),
            Parameter::Until => self.until = Some(read_instant(value)?),
            Parameter::Actor => self.actor = Some(value.to_owned()),
            Parameter::Act => self.act = Some(one_of(value, Act::ALL, |one| one.as_str())?),
            Parameter::Subject => {
                let subject =
                    value.parse().map_err(|()| "is no subject such as `applications/hr`".to_owned());
                self.subject = Some(subject?);
            }
            Parameter::Run => self.run = Some(RunId(uuid(value)?)),
            Parameter::Head => {
                self.head = Some(value.parse().map_err(|error: NoHead| format!("is no head: {error}"))?);
            }
            Parameter::Option => (_, self.error_details) = one_of(value, &OPTIONS, |(text, _)| text)?,
            Parameter::DryRun => {
                self.effect = if truth(value)? { Effect::Tried } else { Effect::Written };
            }
            Parameter::Action => self.action = Some(one_of(value, &Action::ALL, |one| one.as_str())?),
            Parameter::Situation => {
                self.situation = Some(one_of(value, &Situation::ALL, |one| one.as_str())?);
            }
            Parameter::ChangeStatus => {
                let known: Vec<_> = ChangeStanding::all().collect();
                self.standing = Some(one_of(value, &known, |one| one.as_str())?);
            }
            Parameter::Uid => self.uid = Some(not_empty(value)?.to_owned()),
            Parameter::Attribute => self.attribute = Some(not_empty(value)?.into()),
            Parameter::Format => self.format = one_of(value, &ListFormat::ALL, |one| one.as_str())?,
            Parameter::Local => self.node = if truth(value)? { Node::This } else { Node::Any },
            Parameter::Count => self.count = count(value)?,
            Parameter::Mode => self.mode = one_of(value, &ImportMode::ALL, |one| one.as_str())?,
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
    known
        .iter()
        .find_map(|parameter| if let Parameter::LimitOr(rows) = parameter { Some(*rows) } else { None })
}

fn number<N: FromStr>(value: &str, of: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("is no number of {of}"))
}

fn count(value: &str) -> Result<Count, String> {
    match value {
        "-1" => Ok(Count::All),
        _ => value
            .parse()
            .map(Count::AtMost)
            .map_err(|_| "is neither a whole number nor -1, for all".to_owned()),
    }
}

fn truth(value: &str) -> Result<bool, String> {
    one_of(value, &[true, false], |one| if *one { "true" } else { "false" })
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

/// The one of these that is called so.
fn one_of<T: Copy>(value: &str, known: &[T], name: impl Fn(&T) -> &'static str) -> Result<T, String> {
    let found = known.iter().find(|one| name(one) == value).copied();
    found.ok_or_else(|| none_of(&known.iter().map(name).collect::<Vec<_>>()))
}

fn not_empty(value: &str) -> Result<&str, String> {
    if value.is_empty() { Err("is empty; leave it out".to_owned()) } else { Ok(value) }
}

fn uuid(value: &str) -> Result<Uuid, String> {
    Uuid::parse_str(value).map_err(|_| "is no UUID".to_owned())
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
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
    fn what_no_database_takes_is_refused() {
        let known = [Parameter::Actor, Parameter::AfterText, Parameter::Search, Parameter::Subject];
        let text = "actor=%00&after=a%00&search=%00b&subject=applications/%00";
        let Err(ApiError::Invalid(problems)) = Query::read(text, &known) else { panic!("accepted") };
        let places: Vec<_> = problems.iter().map(|(place, _)| place).collect();
        assert_eq!(places, ["?actor", "?after", "?search", "?subject"]);
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
                "?dryRun is none of `true`, `false`",
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
