//! `muster run`: runs a task, pauses and resumes it, or decides about its plan, in this process or on a server.

mod bar;
mod changes;
mod failures;
mod own;
mod parked;
mod remote;

use clap::{Subcommand, ValueEnum};
use muster_model::configuration::document::check::parse;
use muster_model::configuration::document::overriding::OverrideDocument;
use muster_model::configuration::guard::{Guarded, Guards, Limit};
use muster_model::run::{Mode, OutcomeStatus, Override, ProgressStatus, TaskKind};
use muster_model::text::{hex, read_hex};
use muster_model::{ConfigurationId, RunId, TenantSlug};
use serde_json::Value;
use uuid::Uuid;

use self::changes::ChangesArguments;
use super::{Common, Format, PlaceArguments, block_on, quoted};
use crate::error::{CommandError, Exit};
use crate::print::{complain, say};
use crate::progress::Progress;
use crate::summary::{Cost, Output, Summary};

/// How many problems of a run are asked for; as many as the API shows.
const PROBLEMS: u32 = 1000;

/// The most keys of a run of single keys.
const MOST_KEYS: usize = 1000;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Run a synchronization task: accounts of an application become IM objects
    Sync(LaunchArguments),
    /// Run a provisioning task: IM objects become accounts
    Prov(LaunchArguments),
    /// Pause a run where it is, until it is resumed
    Pause(RunArguments),
    /// Have a paused run go on where it was
    Resume(RunArguments),
    /// List the entries that failed in a run, or what they failed for
    Failures(failures::ListArguments),
    /// Run the task again for entries that failed in a run
    Retry(failures::RetryArguments),
    /// List the accounts that applications refuse to have as they are asked, and that runs leave alone
    Parked(parked::ListArguments),
    /// Have the next run ask for parked accounts again
    Release(parked::ReleaseArguments),
    /// Have a held or simulated plan carried out
    Approve(DecisionArguments),
    /// End a run whose plan is held, without doing anything
    Reject(DecisionArguments),
    /// Make the plan that undoes what a synchronization run did, and hold it
    Undo(UndoArguments),
    /// Look at the changes of a plan, and at what became of them
    Changes(ChangesArguments),
}

#[derive(clap::Args)]
struct LaunchArguments {
    /// The task definition
    definition: ConfigurationId,
    /// Make the plan and write nothing
    #[arg(long)]
    simulate: bool,
    /// Look at the accounts of these keys only, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "KEYS")]
    keys: Vec<String>,
    /// Let this run make so many changes, whatever limits are configured, as in disable=40; say why with --reason
    #[arg(long, value_parser = allowed, value_name = "GUARD=COUNT", requires = "reason")]
    allow: Vec<(Guarded, Limit)>,
    /// Why this run may do more than others; it stands in the audit log
    #[arg(long, requires = "allow", value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    door: DoorArguments,
}

#[derive(clap::Args)]
struct RunArguments {
    /// The run
    run: Uuid,
    #[command(flatten)]
    door: DoorArguments,
}

#[derive(clap::Args)]
struct DecisionArguments {
    /// The run
    run: Uuid,
    /// The hash of the plan that was looked at
    #[arg(long, value_parser = hash)]
    plan: Hash,
    #[command(flatten)]
    door: DoorArguments,
}

#[derive(clap::Args)]
struct UndoArguments {
    /// The run that is to be undone
    run: Uuid,
    #[command(flatten)]
    door: DoorArguments,
}

#[derive(clap::Args)]
pub(super) struct DoorArguments {
    /// The tenant
    #[arg(long)]
    pub(super) tenant: TenantSlug,
    /// Run it on this server instead of in this process; the token comes from MUSTER_TOKEN
    #[arg(long, value_name = "URL", conflicts_with_all = ["data_dir", "database_url"])]
    pub(super) server: Option<String>,
    #[command(flatten)]
    pub(super) place: PlaceArguments,
}

/// The hash of a plan.
#[derive(Debug, Clone, Copy)]
struct Hash(muster_store::Hash);

/// What is to be run.
struct Wish {
    kind: TaskKind,
    task: ConfigurationId,
    mode: Mode,
    keys: Option<Vec<String>>,
    overriding: Option<Override>,
}

/// What is decided about a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Decision {
    Approve,
    Reject,
}

/// A run that was watched to its end, or until it was held.
struct Watched {
    progress: Progress,
    /// The same as the API shows it, with its problems.
    view: Value,
    cost: Cost,
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, CommandError> {
    match &arguments.action {
        Action::Sync(launch) => run_task(TaskKind::Synchronization, launch, common),
        Action::Prov(launch) => run_task(TaskKind::Provisioning, launch, common),
        Action::Pause(paused) => pause(paused, common),
        Action::Resume(resumed) => resume(resumed, common),
        Action::Failures(list) => failures::list(list, common),
        Action::Retry(retry) => failures::retry(retry, common),
        Action::Parked(list) => parked::list(list, common),
        Action::Release(release) => parked::release(release, common),
        Action::Approve(decision) => decide(Decision::Approve, decision, common),
        Action::Reject(decision) => decide(Decision::Reject, decision, common),
        Action::Undo(undo) => undo_run(undo, common),
        Action::Changes(changes) => show_changes(changes, common),
    }
}

impl Arguments {
    /// Whether there is anything to write as CSV.
    pub(super) fn knows_csv(&self) -> bool {
        match self.action {
            Action::Changes(_) | Action::Failures(_) | Action::Parked(_) => true,
            Action::Sync(_)
            | Action::Prov(_)
            | Action::Pause(_)
            | Action::Resume(_)
            | Action::Retry(_)
            | Action::Release(_)
            | Action::Undo(_)
            | Action::Approve(_)
            | Action::Reject(_) => false,
        }
    }
}

fn show_changes(arguments: &ChangesArguments, common: &Common) -> Result<Exit, CommandError> {
    let door = &arguments.door;
    if common.format == Format::Csv {
        block_on(async {
            match &door.server {
                Some(server) => remote::Server::new(server, door)?.write_changes(arguments).await,
                None => own::Process::open(door, common).await?.write_changes(arguments).await,
            }
        })?;
        return Ok(Exit::Done);
    }
    let found = block_on(async {
        match &door.server {
            Some(server) => remote::Server::new(server, door)?.changes(arguments).await,
            None => own::Process::open(door, common).await?.changes(arguments).await,
        }
    })?;
    match common.output {
        Output::Json => say(Value::Array(found.changes.clone())),
        Output::Text => say(found.text()),
    }
    if let Some(next) = found.next {
        complain(format_args!("there may be more: add --after {next}, or write all with --output csv"));
    }
    Ok(Exit::Done)
}

fn run_task(kind: TaskKind, arguments: &LaunchArguments, common: &Common) -> Result<Exit, CommandError> {
    let wish = Wish {
        kind,
        task: arguments.definition.clone(),
        mode: if arguments.simulate { Mode::Simulate } else { Mode::Apply },
        keys: keys(&arguments.keys)?,
        overriding: overriding(arguments)?,
    };
    let door = &arguments.door;
    let watched = block_on(async {
        match &door.server {
            Some(server) => remote::Server::new(server, door)?.launch(&wish).await,
            None => own::Process::open(door, common).await?.launch(wish).await,
        }
    })?;
    conclude(&watched, door, common.output)
}

fn pause(arguments: &RunArguments, common: &Common) -> Result<Exit, CommandError> {
    let (run, door) = (RunId(arguments.run), &arguments.door);
    block_on(async {
        match &door.server {
            Some(server) => remote::Server::new(server, door)?.pause(run).await,
            None => own::Process::open(door, common).await?.pause(run).await,
        }
    })?;
    complain(format_args!("paused run {run}; `muster run resume {run} {}` lets it go on", door.as_given()));
    Ok(Exit::Done)
}

fn resume(arguments: &RunArguments, common: &Common) -> Result<Exit, CommandError> {
    let (run, door) = (RunId(arguments.run), &arguments.door);
    let watched = block_on(async {
        match &door.server {
            Some(server) => remote::Server::new(server, door)?.resume(run).await,
            None => own::Process::open(door, common).await?.resume(run).await,
        }
    })?;
    conclude(&watched, door, common.output)
}

fn decide(decision: Decision, arguments: &DecisionArguments, common: &Common) -> Result<Exit, CommandError> {
    let (run, hash, door) = (RunId(arguments.run), arguments.plan, &arguments.door);
    let watched = block_on(async {
        match &door.server {
            Some(server) => remote::Server::new(server, door)?.decide(decision, run, hash).await,
            None => own::Process::open(door, common).await?.decide(decision, run, hash).await,
        }
    })?;
    match watched {
        Some(watched) => conclude(&watched, door, common.output),
        None => {
            complain(format_args!("rejected the plan of run {run}; nothing was written"));
            Ok(Exit::Done)
        }
    }
}

fn undo_run(arguments: &UndoArguments, common: &Common) -> Result<Exit, CommandError> {
    let (run, door) = (RunId(arguments.run), &arguments.door);
    let watched = block_on(async {
        match &door.server {
            Some(server) => remote::Server::new(server, door)?.undo(run).await,
            None => own::Process::open(door, common).await?.undo(run).await,
        }
    })?;
    conclude(&watched, door, common.output)
}

/// Says what became of a run.
fn conclude(watched: &Watched, door: &DoorArguments, output: Output) -> Result<Exit, CommandError> {
    let progress = &watched.progress;
    let decision = |word: &str| {
        let hash = progress.plan_hash.as_deref().unwrap_or_default();
        format!("muster run {word} {} --plan {hash} {}", progress.id, door.as_given())
    };
    let changes = format!("muster run changes {} {}", progress.id, door.as_given());
    let (view, cost) = (&watched.view, watched.cost);
    let summary = Summary { progress, view, cost, decision: &decision, changes: &changes };
    match output {
        Output::Json => say(summary.json()),
        Output::Text => say(summary.text()),
    }
    if progress.progress_status == ProgressStatus::Finished
        && progress.outcome_status == Some(OutcomeStatus::Failure)
    {
        let failure = progress.failure.clone().unwrap_or_else(|| "nobody knows why".to_owned());
        return Err(CommandError::Failed { run: progress.id.clone(), failure });
    }
    Ok(progress.exit())
}

/// A run that stands in the way of another.
struct Obstacle {
    run: RunId,
    status: ProgressStatus,
    /// As the API writes it.
    start_date: String,
    plan_hash: Option<String>,
}

impl Obstacle {
    /// The error that says so. `flags` lead back here, `waiting` is what else there is to say to who waits.
    fn error(self, task: &ConfigurationId, flags: &str, waiting: &str) -> CommandError {
        let Self { run, status, start_date, plan_hash } = self;
        let hint = match (status, plan_hash) {
            (ProgressStatus::Held, Some(hash)) => decide_hint(run, &hash, flags),
            (ProgressStatus::Paused, _) => {
                format!("let it go on with `muster run resume {run} {flags}`, or cancel it")
            }
            (
                ProgressStatus::Held
                | ProgressStatus::Pending
                | ProgressStatus::Running
                | ProgressStatus::Finished,
                _,
            ) => format!("wait until it has ended{waiting}"),
        };
        let state = format!("{} since {start_date}", status.as_str());
        CommandError::Running { task: task.to_string(), run, state, hint }
    }
}

/// What is to be done about a held run before another of its task, or one that waits for it, can go on.
fn decide_hint(run: RunId, hash: &str, flags: &str) -> String {
    format!("decide about its plan first, with `muster run approve {run} --plan {hash} {flags}` or `reject`")
}

impl DoorArguments {
    fn as_given(&self) -> String {
        let server = self.server.iter().map(|server| format!(" --server {}", quoted(server)));
        format!("--tenant {}{}{}", self.tenant, server.collect::<String>(), self.place.as_given())
    }
}

impl Decision {
    fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
        }
    }
}

fn keys(given: &[String]) -> Result<Option<Vec<String>>, CommandError> {
    let hint = format!("name 1 to {MOST_KEYS} keys, as in --keys E0000001,E0000002");
    if given.is_empty() {
        return Ok(None);
    }
    if given.len() > MOST_KEYS || given.iter().any(String::is_empty) {
        return Err(CommandError::usage("a key is empty, or there are too many", hint));
    }
    Ok(Some(given.to_vec()))
}

/// A limit for one run: its name and a count.
fn allowed(text: &str) -> Result<(Guarded, Limit), String> {
    let (name, count) = text.split_once('=').ok_or("this is no guard and count, as in disable=40")?;
    let known = || Guarded::ALL.map(Guarded::as_str).join(", ");
    let guarded = Guarded::ALL.into_iter().find(|guarded| guarded.as_str() == name);
    let guarded = guarded.ok_or_else(|| format!("there is no guard `{name}`; known are {}", known()))?;
    let count = count.parse().map_err(|_| format!("`{count}` is no whole number"))?;
    Ok((guarded, Limit { count: Some(count), percent: None, minimum: 0, window_hours: None }))
}

fn overriding(arguments: &LaunchArguments) -> Result<Option<Override>, CommandError> {
    let Some(reason) = &arguments.reason else { return Ok(None) };
    let given = Override { reason: reason.clone(), guards: Guards(arguments.allow.clone()) };
    let checked = parse(&OverrideDocument::from(&given));
    let hint = "say in a sentence why this run may do more than others, as in --reason \"the branch closes\"";
    checked.map(Some).map_err(|problems| CommandError::usage(problems.to_string(), hint.to_owned()))
}

fn hash(text: &str) -> Result<Hash, String> {
    read_hex(text).map(Hash).ok_or_else(|| "a hash has 32 hexadecimal digits".to_owned())
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_and_written() {
        let text = "00ff00ff00ff00ff00ff00ff00ff00ff";
        assert_eq!(hash(text).unwrap().to_string(), text);
        for bad in ["", "ab", &"g".repeat(32), &format!("+{}", "0".repeat(31))] {
            assert!(hash(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_are_none_or_some_that_say_something() {
        assert_eq!(keys(&[]).unwrap(), None);
        assert_eq!(keys(&["a".to_owned()]).unwrap(), Some(vec!["a".to_owned()]));
        assert!(keys(&["a".to_owned(), String::new()]).is_err());
        assert!(keys(&vec!["a".to_owned(); MOST_KEYS + 1]).is_err());
    }
}
