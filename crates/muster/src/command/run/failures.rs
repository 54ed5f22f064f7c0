//! `muster run failures` and `muster run retry`: what failed in a run, and that tried again.

use clap::ValueEnum;
use muster_api::view::{CauseView, FailureView};
use muster_engine::csv_octets;
use muster_model::RunId;
use muster_store::Failures;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Common, DoorArguments, Format, block_on, conclude, own, remote};
use crate::error::{CommandError, Exit};
use crate::print::{cell, complain, say, table};
use crate::summary::Output;

/// The most rows of an answer.
const MOST: i64 = 1000;

#[derive(clap::Args)]
pub(super) struct ListArguments {
    /// The run
    run: Uuid,
    /// Count entries by what they failed for
    #[arg(long, value_name = "WHAT")]
    group_by: Option<GroupBy>,
    /// Only what failed for this cause, as `--group-by cause` shows it
    #[arg(long)]
    cause: Option<String>,
    /// At most so many rows
    #[arg(long, default_value_t = 100, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=MOST))]
    limit: u32,
    /// Only entries after this number: the last of the page before
    #[arg(long, value_name = "NUMBER", conflicts_with = "group_by")]
    after: Option<i64>,
    #[command(flatten)]
    door: DoorArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GroupBy {
    Cause,
}

#[derive(clap::Args)]
#[group(id = "which", required = true, multiple = false, args = ["entries", "cause", "all"])]
pub(super) struct RetryArguments {
    /// The run
    run: Uuid,
    /// Failed entries, by their numbers, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS")]
    entries: Vec<i64>,
    /// All that failed for this cause
    #[arg(long)]
    cause: Option<String>,
    /// All failed entries
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    door: DoorArguments,
}

/// What is to be listed.
pub(super) struct Wanted {
    pub(super) which: Failures,
    pub(super) by_cause: bool,
    pub(super) after: Option<i64>,
    pub(super) limit: u32,
}

impl Wanted {
    /// The query that asks a server for it.
    pub(super) fn query(&self) -> String {
        let cause = match &self.which {
            Failures::OfCause(cause) => format!("&cause={}", encoded(cause)),
            Failures::All | Failures::Entries(_) => String::new(),
        };
        let grouped = if self.by_cause { "&groupBy=cause" } else { "" };
        let after = self.after.map(|after| format!("&after={after}")).unwrap_or_default();
        format!("?limit={}{cause}{grouped}{after}", self.limit)
    }
}

/// A text as it stands in a query: all but letters, digits and `-` by their octets.
fn encoded(text: &str) -> String {
    let one = |octet: u8| match octet {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(octet).to_string(),
        _ => format!("%{octet:02X}"),
    };
    text.bytes().map(one).collect()
}

/// The body that asks a server to try entries again.
pub(super) fn body(which: &Failures) -> Value {
    match which {
        Failures::All => json!({"all": true}),
        Failures::OfCause(cause) => json!({"cause": cause}),
        Failures::Entries(entries) => json!({"entries": entries}),
    }
}

pub(super) fn list(arguments: &ListArguments, common: &Common) -> Result<Exit, CommandError> {
    let (run, door) = (RunId(arguments.run), &arguments.door);
    let wanted = Wanted {
        which: arguments.cause.clone().map_or(Failures::All, Failures::OfCause),
        by_cause: arguments.group_by.is_some(),
        after: arguments.after,
        limit: arguments.limit,
    };
    let rows: Vec<Value> = block_on(async {
        match &door.server {
            Some(server) => remote::Server::new(server, door)?.failures(run, &wanted).await,
            None => own::Process::open(door, common).await?.failures(run, &wanted).await,
        }
    })?;
    if common.output == Output::Json {
        say(Value::from(rows));
        return Ok(Exit::Done);
    }
    let head: &[&str] = if wanted.by_cause { &CauseView::HEAD } else { &FailureView::HEAD };
    print(head, &rows, common.format)?;
    Ok(Exit::Done)
}

/// Prints things that the API lists as lines, with these columns.
pub(super) fn print(head: &[&str], rows: &[Value], format: Format) -> Result<(), CommandError> {
    let lines = rows.iter().map(|row| head.iter().map(|name| cell(&row[*name])).collect()).collect();
    if format == Format::Csv {
        let head = head.iter().map(|name| (*name).to_owned()).collect();
        let lines = [vec![head], lines].concat();
        let octets = csv_octets(&lines).map_err(|error| CommandError::machine("write CSV")(error.into()))?;
        say(String::from_utf8_lossy(&octets).trim_end());
    } else {
        let head: Vec<String> = head.iter().map(|name| name.to_uppercase()).collect();
        say(table(&head.iter().map(String::as_str).collect::<Vec<_>>(), &lines));
    }
    Ok(())
}

pub(super) fn retry(arguments: &RetryArguments, common: &Common) -> Result<Exit, CommandError> {
    let (run, door) = (RunId(arguments.run), &arguments.door);
    let which = match (&arguments.cause, arguments.all) {
        (Some(cause), _) => Failures::OfCause(cause.clone()),
        (None, true) => Failures::All,
        (None, false) => Failures::Entries(arguments.entries.clone()),
    };
    let watched = block_on(async {
        match &door.server {
            Some(server) => remote::Server::new(server, door)?.retry(run, &which).await,
            None => own::Process::open(door, common).await?.retry(run, &which).await,
        }
    })?;
    conclude(&watched, door, common.output)
}

/// Says how many entries a retry cannot ask for.
pub(super) fn left_out(entries: u64) {
    if entries > 0 {
        complain(format_args!(
            "left out {}, which cannot be asked for by a key: a run over all accounts tries them again",
            crate::print::count(entries, "entry", "entries")
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_asked_of_a_server() {
        let all = Wanted { which: Failures::All, by_cause: false, after: Some(7), limit: 10 };
        assert_eq!(all.query(), "?limit=10&after=7");
        let which = Failures::OfCause("MUS-C1-ab &x".to_owned());
        let grouped = Wanted { which, by_cause: true, after: None, limit: 1 };
        assert_eq!(grouped.query(), "?limit=1&cause=MUS-C1-ab%20%26x&groupBy=cause");
    }

    #[test]
    fn cells_are_one_line_each() {
        for (value, expected) in [
            (json!(null), ""),
            (json!("a\nb"), "a b"),
            (json!(7), "7"),
            (json!([{"entry": 1}, {"entry": 2}]), "1 2"),
        ] {
            assert_eq!(cell(&value), expected);
        }
    }
}
