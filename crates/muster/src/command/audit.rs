//! `muster audit`: lists, verifies and exports the audit log of a tenant, on the database itself.

use chrono::{DateTime, Utc};
use clap::Subcommand;
use muster_api::view::{AuditEntryView, AuditVerificationView};
use muster_model::RunId;
use muster_model::attribute::parse_date_time;
use muster_model::audit::{Act, Subject};
use muster_plan::audit::Head;
use muster_store::{AuditFilter, ChainedEntry, TenantStore};
use serde_json::json;
use uuid::Uuid;

use super::user::Of;
use super::{Common, block_on};
use crate::error::{CommandError, Exit};
use crate::print::{complain, count, instant, say, table};
use crate::summary::Output;

/// The most audit entries of a list; who wants more exports them.
const MOST: i64 = 1000;

/// Audit entries exported at a time.
const PAGE: u32 = 1000;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List who has done what, newest first
    List {
        #[command(flatten)]
        filter: FilterArguments,
        #[command(flatten)]
        of: Of,
    },
    /// Look for entries that were changed, removed, inserted or moved; writes the head of a whole log
    Verify {
        /// A head that was noted earlier: the log has to hold it still. Without it nobody can tell whether the end
        /// was cut off, or all of it written anew
        #[arg(long, value_name = "SEQ:HASH")]
        head: Option<Head>,
        #[command(flatten)]
        of: Of,
    },
    /// Write all entries with their hashes, oldest first, one JSON object a line
    Export {
        #[command(flatten)]
        of: Of,
    },
}

#[derive(clap::Args)]
struct FilterArguments {
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=MOST))]
    limit: u32,
    /// Only what stands after the entry of this number in the list: older ones
    #[arg(long, value_name = "NUMBER")]
    after: Option<u32>,
    /// Only acts at or after this instant, as in 2026-11-05T06:00:00Z
    #[arg(long, value_name = "INSTANT", value_parser = read_instant)]
    since: Option<DateTime<Utc>>,
    /// Only acts at or before this instant
    #[arg(long, value_name = "INSTANT", value_parser = read_instant)]
    until: Option<DateTime<Utc>>,
    /// Only acts of actors of this name
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only such acts, as in LAUNCH
    #[arg(long, value_parser = read_act)]
    act: Option<Act>,
    /// Only acts on this, as in applications/hr
    #[arg(long, value_parser = read_subject)]
    subject: Option<Subject>,
    /// Only acts about this run
    #[arg(long, value_name = "ID")]
    run: Option<Uuid>,
}

fn read_instant(text: &str) -> Result<DateTime<Utc>, String> {
    parse_date_time(text).ok_or_else(|| "an instant is written as in 2026-11-05T06:00:00Z".to_owned())
}

fn read_act(text: &str) -> Result<Act, String> {
    let words: Vec<_> = Act::ALL.iter().map(|act| act.as_str()).collect();
    text.parse().map_err(|()| format!("there are {}", words.join(", ")))
}

fn read_subject(text: &str) -> Result<Subject, String> {
    text.parse().map_err(|()| "a subject is written as in applications/hr or users/ann".to_owned())
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, CommandError> {
    block_on(async {
        match &arguments.action {
            Action::List { filter, of } => list(&of.store(common).await?, filter, common.output).await?,
            Action::Verify { head, of } => verify(&of.store(common).await?, *head, common.output).await?,
            Action::Export { of } => export(&of.store(common).await?).await?,
        }
        Ok(Exit::Done)
    })
}

async fn list(store: &TenantStore, filter: &FilterArguments, output: Output) -> Result<(), CommandError> {
    let filter = AuditFilter {
        actor: filter.actor.clone(),
        act: filter.act,
        subject: filter.subject.clone(),
        run: filter.run.map(RunId),
        since: filter.since,
        until: filter.until,
        after: filter.after.map(u64::from),
        limit: filter.limit,
    };
    let entries = store.audit(&filter).await?;
    match output {
        Output::Json => say(json!(entries.iter().map(AuditEntryView::from).collect::<Vec<_>>())),
        Output::Text => {
            let rows: Vec<_> = entries.iter().map(row).collect();
            say(table(&["ENTRY", "AT", "ACTOR", "ORIGIN", "ACT", "SUBJECT", "DETAILS"], &rows));
        }
    }
    Ok(())
}

fn row(ChainedEntry { entry, .. }: &ChainedEntry) -> Vec<String> {
    let run = entry.run.map(|run| format!("run {run}"));
    let outcome = entry.outcome.map(|outcome| outcome.as_str().to_owned());
    let details = entry.details.iter().map(|(name, value)| format!("{name}={value}"));
    vec![
        entry.seq.to_string(),
        instant(entry.at),
        format!("{} {}", entry.actor.kind, entry.actor.name),
        entry.origin.clone(),
        entry.act.to_string(),
        entry.subject.to_string(),
        run.into_iter().chain(outcome).chain(details).collect::<Vec<_>>().join(" "),
    ]
}

async fn verify(store: &TenantStore, noted: Option<Head>, output: Output) -> Result<(), CommandError> {
    let verified = store.verify_audit(noted).await?;
    if output == Output::Json {
        say(json!(AuditVerificationView::from(&verified)));
    }
    if let Some(broken) = verified.broken {
        return Err(CommandError::Broken { tenant: store.slug().clone(), seq: broken.seq, why: broken.why });
    }
    if output == Output::Text {
        // Alone on standard output, for a script that notes it.
        say(verified.head);
        let entries = count(verified.head.seq, "entry", "entries");
        complain(format_args!("the audit log of `{}` is whole: {entries}", store.slug()));
        if noted.is_none() {
            complain(
                "hint: note the head above elsewhere; `--head` with it tells a log that was cut off later",
            );
        }
    }
    Ok(())
}

async fn export(store: &TenantStore) -> Result<(), CommandError> {
    let mut behind = 0;
    loop {
        let entries = store.audit_behind(behind, PAGE).await?;
        let Some(last) = entries.last() else { return Ok(()) };
        behind = last.entry.seq;
        entries.iter().map(AuditEntryView::from).for_each(|entry| say(json!(entry)));
    }
}
