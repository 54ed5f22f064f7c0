//! `cargo xtask bench`: jobs on data made from a seed, each beside the floor of the same run.
//!
//! Machines differ and drift, so the figure that counts is the ratio: ours to the plainest program that does
//! the same input and output with none of our logic. What a job needs is made in this process; the job runs
//! in one of its own, so that no figure counts the preparation.

mod floor;
mod job;
mod row;
mod usage;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, io};

use clap::ValueEnum;

use crate::error::Error;
use crate::program::{cargo, expect_success, run as run_program, start};
use job::{JOBS, Job};
use row::Row;

/// The seed of all data.
const SEED: u64 = 1;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The job to run; all when absent
    name: Option<String>,
    /// Entries to work on
    #[arg(long, default_value_t = 10_000)]
    entries: u64,
    /// The store of the jobs that have one
    #[arg(long, value_enum, default_value_t = Store::Sqlite)]
    store: Store,
    /// One JSON object a line instead of the table
    #[arg(long)]
    json: bool,
    /// Measure the job here, on data that was prepared in this directory, and print its row
    #[arg(long, hide = true)]
    prepared: Option<PathBuf>,
}

/// The store that a job works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Store {
    /// A file in the data directory.
    Sqlite,
    /// A server.
    Postgres,
}

/// What a job is given.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    /// A directory of the job's own, empty before its preparation.
    pub(crate) directory: &'a Path,
    /// Entries to work on.
    pub(crate) entries: u64,
    /// The store to work on.
    pub(crate) store: Store,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    if cfg!(debug_assertions) {
        return run_in_release();
    }
    let jobs = chosen(arguments)?;
    if let Some(directory) = &arguments.prepared {
        return jobs.iter().try_for_each(|job| print_json(&(job.measure)(&setup(arguments, directory))?));
    }
    let mut rows = Vec::new();
    for job in jobs {
        rows.push(prepare_and_measure(job, arguments)?);
    }
    if arguments.json { rows.iter().try_for_each(print_json) } else { print_table(&rows) }
}

/// The same command, built with the release profile.
fn run_in_release() -> Result<(), Error> {
    let mut same = cargo();
    same.args(["run", "--release", "--quiet", "--package", "xtask", "--"]);
    run_program(same.args(env::args_os().skip(1)))
}

fn chosen(arguments: &Arguments) -> Result<Vec<&'static Job>, Error> {
    let Some(name) = &arguments.name else { return Ok(JOBS.iter().collect()) };
    let jobs: Vec<_> = JOBS.iter().filter(|job| job.name == name).collect();
    if jobs.is_empty() {
        let known = JOBS.iter().map(|job| job.name).collect::<Vec<_>>().join(", ");
        return Err(Error::UnknownJob { name: name.clone(), known });
    }
    Ok(jobs)
}

fn setup<'a>(arguments: &Arguments, directory: &'a Path) -> Setup<'a> {
    Setup { directory, entries: arguments.entries, store: arguments.store }
}

fn prepare_and_measure(job: &Job, arguments: &Arguments) -> Result<Row, Error> {
    let directory = tempfile::Builder::new()
        .prefix("muster-bench-")
        .tempdir()
        .map_err(Error::io("make a directory for a benchmark"))?;
    let setup = setup(arguments, directory.path());
    (job.prepare)(&setup)?;
    let mut measured = Command::new(env::current_exe().map_err(Error::io("find the own program"))?);
    measured.args(["bench", job.name, "--entries", &setup.entries.to_string()]);
    measured.args(["--store", setup.store.as_str(), "--prepared"]).arg(setup.directory);
    let output = start(measured.stdout(Stdio::piped()))?.wait_with_output();
    let output = output.map_err(Error::io("wait for a benchmark"))?;
    expect_success(&measured, output.status)?;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Error::io("read the figures of a benchmark")(error.into()))
}

fn print_json(row: &Row) -> Result<(), Error> {
    let line = serde_json::to_string(row).map_err(|error| Error::io("write figures")(error.into()))?;
    println!("{line}");
    Ok(())
}

fn print_table(rows: &[Row]) -> Result<(), Error> {
    row::write_table(rows, io::stdout().lock()).map_err(Error::io("write the table"))
}

impl Store {
    /// The store as it is named on the command line and in figures.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}
