//! The jobs that can be measured.

use std::fs::File;
use std::path::PathBuf;

use muster_testkit::people::{BadLines, Day, Export, write_csv};

use super::floor::floor_csv_read;
use super::row::Row;
use super::usage::measure;
use super::{SEED, Setup};
use crate::error::Error;

/// One job.
#[derive(Debug)]
pub(crate) struct Job {
    /// Its name on the command line and in the figures.
    pub(crate) name: &'static str,
    /// Makes what the job needs; counted in no figure.
    pub(crate) prepare: fn(&Setup<'_>) -> Result<(), Error>,
    /// Does the job and answers its figures.
    pub(crate) measure: fn(&Setup<'_>) -> Result<Row, Error>,
}

/// All jobs, in the order in which they run.
pub(crate) const JOBS: &[Job] =
    &[Job { name: "csv-floor", prepare: prepare_people, measure: measure_csv_floor }];

/// The people of the first day, as `people.csv`.
fn prepare_people(setup: &Setup<'_>) -> Result<(), Error> {
    let export = Export { count: setup.entries, seed: SEED, day: Day::First, bad_lines: BadLines::None };
    let write = || write_csv(&export, File::create(people_file(setup))?);
    write().map(|_| ()).map_err(Error::io("make people"))
}

/// The floor of all jobs that read a CSV file, as a job of its own.
fn measure_csv_floor(setup: &Setup<'_>) -> Result<Row, Error> {
    let path = people_file(setup);
    let (read, usage) = measure(|| floor_csv_read(&path)).map_err(Error::io("measure"))?;
    let read = read.map_err(Error::io("read people"))?;
    let floor = read.entries as f64 / usage.seconds;
    Ok(Row::new("csv-floor", "none", read.entries, usage).with_floor(floor))
}

fn people_file(setup: &Setup<'_>) -> PathBuf {
    setup.directory.join("people.csv")
}
