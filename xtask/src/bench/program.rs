//! The programs that a job runs, each in a process of its own: `muster` itself, and the instruments.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Database, Setup};
use crate::error::Error;
use crate::program::{cargo, expect_success, output_until_interrupted, run, shown, start};

/// The tenant of the jobs that reconcile, and how they do.
pub(crate) const TENANT: &str = "bench";
pub(crate) const RECONCILE: [&str; 5] = ["run", "sync", "hr-reconciliation", "--output", "json"];

/// How many entries are the first of a job, and the last.
pub(crate) const PART: u64 = 100_000;

/// What a program did and what that cost it.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(crate) struct Figures {
    /// Entries it worked on.
    pub(crate) entries: u64,
    /// Time by the clock.
    pub(crate) seconds: f64,
    /// Processor time, of all processors together.
    pub(crate) cpu_seconds: f64,
    /// The most memory the process held, in MiB.
    pub(crate) peak_rss_mib: f64,
    /// Statements sent to the store.
    #[serde(default)]
    pub(crate) statements: u64,
}

impl Figures {
    pub(crate) fn entries_per_second(&self) -> f64 {
        self.entries as f64 / self.seconds
    }
}

/// How fast the first and the last entries of a load went; what was not seen is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pace {
    pub(crate) first_entries_per_second: Option<f64>,
    pub(crate) last_entries_per_second: Option<f64>,
}

/// Builds the programs as they are released.
///
/// # Errors
/// When one cannot be built.
pub(crate) fn build() -> Result<(), Error> {
    run(cargo().args(["build", "--release", "--package", "muster", "--package", "muster-bench"]))
}

/// A call of an instrument.
///
/// # Errors
/// When the machine does not tell where programs are built.
pub(crate) fn instrument(name: &str) -> Result<Command, Error> {
    let mut command = Command::new(built("muster-bench")?);
    command.arg(name);
    Ok(command)
}

/// A call of the released program, with its defaults and not the settings that happen to lie around here.
///
/// # Errors
/// When the machine does not tell where programs are built.
pub(crate) fn released(setup: &Setup<'_>, arguments: &[&str]) -> Result<Command, Error> {
    let mut muster = Command::new(built("muster")?);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MUSTER_")) {
        muster.env_remove(name);
    }
    muster.current_dir(setup.directory).args(arguments);
    Ok(muster)
}

/// What `muster` reports of a run.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    number_of_processed_entries: u64,
    seconds: f64,
    cpu_seconds: f64,
    peak_memory_bytes: u64,
    statements: u64,
    counters: Counters,
}

#[derive(Debug, Deserialize)]
struct Counters {
    actions: BTreeMap<String, u64>,
}

impl Report {
    /// What the run did and what that cost.
    pub(crate) fn figures(&self) -> Figures {
        Figures {
            entries: self.number_of_processed_entries,
            seconds: self.seconds,
            cpu_seconds: self.cpu_seconds,
            peak_rss_mib: self.peak_memory_bytes as f64 / 1024.0 / 1024.0,
            statements: self.statements,
        }
    }

    /// Entries that this became of.
    pub(crate) fn entries(&self, outcome: &str) -> u64 {
        self.counters.actions.get(outcome).copied().unwrap_or_default()
    }
}

/// Reconciles the people of the setup, in the released program.
///
/// # Errors
/// When the run does not succeed.
pub(crate) fn reconcile(setup: &Setup<'_>) -> Result<Report, Error> {
    let mut muster = released(setup, &RECONCILE)?;
    muster.args(["--tenant", TENANT]);
    place(&mut muster, &setup.data, setup.database);
    let printed = output_until_interrupted(&mut muster, setup.interruptions)?;
    parse(&muster, &printed)
}

/// Names the data to a program.
pub(crate) fn place<'a>(command: &'a mut Command, data: &Path, database: &Database) -> &'a mut Command {
    command.arg("--data-dir").arg(data);
    match database {
        Database::None | Database::Sqlite => command,
        Database::Postgres(server) => command.args(["--database-url", &server.url()]),
    }
}

/// Runs a program that prints one JSON object, its figures.
///
/// # Errors
/// When it fails or prints something else.
pub(crate) fn printed<T: DeserializeOwned>(command: &mut Command, setup: &Setup<'_>) -> Result<T, Error> {
    let printed = output_until_interrupted(command, setup.interruptions)?;
    parse(command, &printed)
}

/// Tells whether a job did what it is to measure.
///
/// # Errors
/// When it did something else.
pub(crate) fn expect_outcome(
    job: &'static str,
    outcome: &'static str,
    found: u64,
    expected: u64,
) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Outcome { job, outcome, found, expected }) }
}

/// Watches a first load from outside while it goes on.
///
/// # Errors
/// When the instrument cannot be started.
pub(crate) fn watch(setup: &Setup<'_>) -> Result<Beside, Error> {
    let mut command = instrument("watch")?;
    command.args(["--entries", &setup.entries.to_string(), "--part", &PART.to_string()]);
    place(&mut command, &setup.data, setup.database);
    Beside::start(command)
}

/// An instrument at work beside what is measured.
#[derive(Debug)]
pub(crate) struct Beside {
    command: Command,
    child: Child,
}

impl Beside {
    /// Begins.
    ///
    /// # Errors
    /// When the instrument cannot be started.
    pub(crate) fn start(mut command: Command) -> Result<Self, Error> {
        let child = start(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        Ok(Self { command, child })
    }

    /// Ends, and tells what was seen.
    ///
    /// # Errors
    /// When the instrument failed.
    pub(crate) fn end<T: DeserializeOwned>(mut self) -> Result<T, Error> {
        // It works as long as its input is open.
        drop(self.child.stdin.take());
        let output = self.child.wait_with_output().map_err(Error::io("wait for a program"))?;
        expect_success(&self.command, output.status)?;
        parse(&self.command, &output.stdout)
    }
}

/// A program that was built beside this one.
fn built(name: &str) -> Result<PathBuf, Error> {
    Ok(env::current_exe().map_err(Error::io("find the own program"))?.with_file_name(name))
}

/// Reads what a program printed.
fn parse<T: DeserializeOwned>(command: &Command, printed: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(printed).map_err(|source| Error::Figures {
        program: shown(command),
        printed: String::from_utf8_lossy(printed).into_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_and_figures_are_read() {
        let printed = br#"{"id":"7","progressStatus":"FINISHED","numberOfProcessedEntries":12,"seconds":0.5,
            "entriesPerSecond":24.0,"cpuSeconds":0.25,"peakMemoryBytes":52953088,"statements":9,
            "counters":{"read":12,"actions":{"unchanged":11}},"failure":null}"#;
        let report: Report = parse(&Command::new("muster"), printed).unwrap();
        let figures =
            Figures { entries: 12, seconds: 0.5, cpu_seconds: 0.25, peak_rss_mib: 50.5, statements: 9 };
        assert_eq!(report.figures(), figures);
        assert_eq!((report.entries("unchanged"), report.entries("created")), (11, 0));
        let printed = br#"{"entries":12,"seconds":0.5,"cpu_seconds":0.25,"peak_rss_mib":50.5}"#;
        let floor: Figures = parse(&Command::new("muster-bench"), printed).unwrap();
        assert_eq!(floor, Figures { statements: 0, ..figures });
    }

    #[test]
    fn what_is_no_report_is_shown() {
        let error = parse::<Report>(Command::new("muster").arg("run"), b"help!").unwrap_err();
        assert_eq!(error.to_string(), "cannot read what `muster run` printed: help!");
    }
}
