//! `cargo xtask bench`: jobs on data made from a seed, each beside the floor of the same run.
//!
//! Machines differ and drift, so the figure that counts is the ratio: ours to the plainest program that does
//! the same input and output with none of our logic. What is measured runs in a process of its own, the
//! program as it is released; what a job needs beforehand is made in others, so that no figure counts it.

mod api;
mod dataset;
mod directory;
mod directory_writes;
mod idle;
mod job;
mod plan;
mod program;
mod row;
mod served;
mod single;

use std::path::{Path, PathBuf};
use std::{env, io};

use clap::ValueEnum;

use crate::error::Error;
use crate::postgres::{Durability, Server};
use crate::program::{Interruptions, cargo, run as run_program};
use job::{JOBS, Job, Storage};
use row::Row;

/// The seed of all data.
const SEED: u64 = 1;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The job to run, or those whose names begin with it and a hyphen; all when absent
    name: Option<String>,
    /// Entries to work on
    #[arg(long, default_value_t = 10_000)]
    entries: u64,
    /// The store of the jobs that have one; both, one after the other, when absent
    #[arg(long, value_enum)]
    store: Option<Store>,
    /// One JSON object a line instead of the table
    #[arg(long)]
    json: bool,
}

/// A store that a job can work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Store {
    /// A file in the data directory.
    Sqlite,
    /// A server.
    Postgres,
}

/// The database of one job, empty before its preparation.
pub(crate) enum Database {
    /// The job has none.
    None,
    /// A file in the data directory.
    Sqlite,
    /// A server of the job's own.
    Postgres(Server),
}

impl Database {
    /// The database as it is named in figures.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sqlite => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }
}

/// What a job is given.
pub(crate) struct Setup<'a> {
    /// A directory of the job's own, empty before its preparation.
    pub(crate) directory: &'a Path,
    /// The data directory of the program within it.
    pub(crate) data: PathBuf,
    /// Entries to work on.
    pub(crate) entries: u64,
    /// The database to work on.
    pub(crate) database: &'a Database,
    /// Whether somebody wants it all to end.
    pub(crate) interruptions: &'a Interruptions,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    if cfg!(debug_assertions) {
        return run_in_release();
    }
    let jobs = chosen(arguments)?;
    program::build()?;
    let interruptions = Interruptions::catch()?;
    let mut rows = Vec::new();
    let measured = jobs.into_iter().try_for_each(|(job, store)| {
        let row = prepare_and_measure(job, store, arguments.entries, &interruptions)?;
        if arguments.json {
            print_json(&row)?;
        }
        rows.push(row);
        Ok(())
    });
    // What was measured is shown, whatever stopped the rest.
    if !arguments.json {
        print_table(&rows)?;
    }
    measured
}

/// The same command, built with the release profile.
fn run_in_release() -> Result<(), Error> {
    let mut same = cargo();
    same.args(["run", "--release", "--quiet", "--package", "xtask", "--"]);
    run_program(same.args(env::args_os().skip(1)))
}

/// The jobs to run, each with its store.
fn chosen(arguments: &Arguments) -> Result<Vec<(&'static Job, Option<Store>)>, Error> {
    let is_of = |job: &Job, name: &str| {
        job.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let wanted = |job: &Job| arguments.name.as_ref().is_none_or(|name| is_of(job, name));
    let jobs: Vec<_> = JOBS.iter().filter(|job| wanted(job)).collect();
    if let (Some(name), []) = (&arguments.name, jobs.as_slice()) {
        let known = JOBS.iter().map(|job| job.name).collect::<Vec<_>>().join(", ");
        return Err(Error::UnknownJob { name: name.clone(), known });
    }
    let stores = |job: &Job| match (job.storage, arguments.store) {
        (Storage::None, _) => vec![None],
        (Storage::Each, Some(store)) => vec![Some(store)],
        (Storage::Each, None) => vec![Some(Store::Sqlite), Some(Store::Postgres)],
    };
    Ok(jobs.into_iter().flat_map(|job| stores(job).into_iter().map(move |store| (job, store))).collect())
}

fn prepare_and_measure(
    job: &Job,
    store: Option<Store>,
    entries: u64,
    interruptions: &Interruptions,
) -> Result<Row, Error> {
    let directory = tempfile::Builder::new()
        .prefix("muster-bench-")
        .tempdir()
        .map_err(Error::io("make a directory for a benchmark"))?;
    let database = match store {
        None => Database::None,
        Some(Store::Sqlite) => Database::Sqlite,
        Some(Store::Postgres) => Database::Postgres(Server::start(Durability::Full)?),
    };
    let data = directory.path().join("data");
    let setup = Setup { directory: directory.path(), data, entries, database: &database, interruptions };
    (job.prepare)(&setup)?;
    (job.measure)(&setup)
}

/// The top of the workspace.
fn top() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

fn print_json(row: &Row) -> Result<(), Error> {
    let line = serde_json::to_string(row).map_err(|error| Error::io("write figures")(error.into()))?;
    println!("{line}");
    Ok(())
}

fn print_table(rows: &[Row]) -> Result<(), Error> {
    row::write_table(rows, io::stdout().lock()).map_err(Error::io("write the table"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen_names(name: Option<&str>, store: Option<Store>) -> Vec<(&'static str, Option<Store>)> {
        let arguments = Arguments { name: name.map(str::to_owned), entries: 1, store, json: false };
        chosen(&arguments).unwrap().into_iter().map(|(job, store)| (job.name, store)).collect()
    }

    #[test]
    fn jobs_run_on_each_store_they_have() {
        let (sqlite, postgres) = (Some(Store::Sqlite), Some(Store::Postgres));
        assert_eq!(chosen_names(Some("csv-same"), None), [("csv-same", sqlite), ("csv-same", postgres)]);
        assert_eq!(chosen_names(Some("csv-same"), postgres), [("csv-same", postgres)]);
        assert_eq!(chosen_names(Some("expr"), postgres), [("expr", None)]);
        assert_eq!(
            chosen_names(Some("dataset"), sqlite),
            [("dataset-import", sqlite), ("dataset-export", sqlite)]
        );
        assert_eq!(chosen_names(None, sqlite).len(), JOBS.len());
    }

    #[test]
    fn an_unknown_job_is_told_which_there_are() {
        let arguments = Arguments { name: Some("cs".to_owned()), entries: 1, store: None, json: false };
        let error = chosen(&arguments).unwrap_err().to_string();
        assert!(error.contains("`cs`") && error.contains("csv-first"), "{error}");
    }
}
