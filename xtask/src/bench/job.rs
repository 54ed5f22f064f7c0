//! The jobs that can be measured.

use std::fs::{self, File};
use std::path::PathBuf;

use muster_testkit::people::{BadLines, Day, Export, Turnover, write_csv};

use super::program::{Beside, Figures, PART, expect_outcome, instrument, place, printed, reconcile, watch};
use super::row::{Extra, Row};
use super::{Database, SEED, Setup, api, dataset, directory, idle, plan, single, top};
use crate::error::Error;
use crate::postgres::{Durability, Server};
use crate::program::run_until_interrupted;

/// One job.
#[derive(Debug)]
pub(crate) struct Job {
    /// Its name on the command line and in the figures.
    pub(crate) name: &'static str,
    /// Whether it works on a store.
    pub(crate) storage: Storage,
    /// Makes what the job needs; counted in no figure.
    pub(crate) prepare: fn(&Setup<'_>) -> Result<(), Error>,
    /// Does the job and answers its figures.
    pub(crate) measure: fn(&Setup<'_>) -> Result<Row, Error>,
}

/// Whether a job works on a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    /// It has none and runs once.
    None,
    /// It runs on each.
    Each,
}

/// All jobs, in the order in which they run.
pub(crate) const JOBS: &[Job] = &[
    Job {
        name: "csv-floor",
        storage: Storage::None,
        prepare: |setup| write_people(setup, Day::First),
        measure: measure_csv_floor,
    },
    Job { name: "csv-first", storage: Storage::Each, prepare: prepare_tenant, measure: measure_first },
    Job { name: "csv-same", storage: Storage::Each, prepare: prepare_known, measure: measure_same },
    Job { name: "csv-1pct", storage: Storage::Each, prepare: prepare_changed, measure: measure_changed },
    Job {
        name: "ldap-read",
        storage: Storage::None,
        prepare: |setup| write_people(setup, Day::First),
        measure: directory::measure_read,
    },
    Job {
        name: "ldap-first",
        storage: Storage::Each,
        prepare: prepare_known,
        measure: directory::measure_first,
    },
    Job {
        name: "ldap-same",
        storage: Storage::Each,
        prepare: prepare_known,
        measure: directory::measure_same,
    },
    Job {
        name: "ldap-1pct",
        storage: Storage::Each,
        prepare: prepare_known,
        measure: directory::measure_changed,
    },
    Job {
        name: "prov-same",
        storage: Storage::Each,
        prepare: prepare_known,
        measure: directory::measure_shadow,
    },
    Job {
        name: "dataset-import",
        storage: Storage::Each,
        prepare: dataset::prepare_import,
        measure: dataset::measure_import,
    },
    Job {
        name: "dataset-export",
        storage: Storage::Each,
        prepare: dataset::prepare_export,
        measure: dataset::measure_export,
    },
    Job { name: "api", storage: Storage::Each, prepare: prepare_tenant, measure: api::measure },
    Job { name: "single", storage: Storage::Each, prepare: prepare_tenant, measure: single::measure },
    Job { name: "idle", storage: Storage::Each, prepare: idle::prepare, measure: idle::measure },
    Job { name: "plan", storage: Storage::Each, prepare: prepare_tenant, measure: plan::measure },
    Job { name: "expr", storage: Storage::None, prepare: |_| Ok(()), measure: measure_expression },
];

/// How often the expression is evaluated, whatever was asked for: it takes about two microseconds.
const FEWEST_EVALUATIONS: u64 = 100_000;
const MOST_EVALUATIONS: u64 = 1_000_000;

/// The tenant with its configuration, and the people of the first day.
fn prepare_tenant(setup: &Setup<'_>) -> Result<(), Error> {
    write_people(setup, Day::First)?;
    let mut prepare = instrument("prepare")?;
    prepare.arg("--conf").arg(top().join("examples/conf"));
    run_until_interrupted(place(&mut prepare, &setup.data, setup.database), setup.interruptions)
}

/// All people reconciled once.
fn prepare_known(setup: &Setup<'_>) -> Result<(), Error> {
    prepare_tenant(setup)?;
    reconcile(setup).map(|_| ())
}

/// All people reconciled once, and then the file of the second day.
fn prepare_changed(setup: &Setup<'_>) -> Result<(), Error> {
    prepare_known(setup)?;
    write_people(setup, second_day())
}

fn measure_csv_floor(setup: &Setup<'_>) -> Result<Row, Error> {
    let floor = csv_floor(setup)?;
    Ok(Row::new("csv-floor", setup.database.as_str(), &floor).with_floor(&floor))
}

/// The first reconciliation, watched where it is long enough to have a beginning and an end.
fn measure_first(setup: &Setup<'_>) -> Result<Row, Error> {
    let floor = insert_floor(setup)?;
    settle(setup)?;
    let watch = if setup.entries >= 2 * PART { Some(watch(setup)?) } else { None };
    let expected = Expected { job: "csv-first", outcome: "created", entries: setup.entries };
    let row = measure_reconciliation(expected, setup, &floor)?;
    let pace = watch.map(Beside::end).transpose()?;
    Ok(Row { extra: pace.map(Extra::Pace), ..row })
}

fn measure_same(setup: &Setup<'_>) -> Result<Row, Error> {
    let floor = csv_floor(setup)?;
    settle(setup)?;
    let expected = Expected { job: "csv-same", outcome: "unchanged", entries: setup.entries };
    measure_reconciliation(expected, setup, &floor)
}

fn measure_changed(setup: &Setup<'_>) -> Result<Row, Error> {
    let floor = csv_floor(setup)?;
    settle(setup)?;
    let leavers = people(setup, second_day()).leavers();
    let expected = Expected { job: "csv-1pct", outcome: "disabled", entries: leavers };
    measure_reconciliation(expected, setup, &floor)
}

fn measure_expression(setup: &Setup<'_>) -> Result<Row, Error> {
    let times = setup.entries.clamp(FEWEST_EVALUATIONS, MOST_EVALUATIONS);
    let figures = printed(instrument("evaluate")?.arg(times.to_string()), setup)?;
    Ok(Row::new("expr", setup.database.as_str(), &figures))
}

/// How one can tell that a job did what it is to measure.
struct Expected {
    job: &'static str,
    /// What has to become of so many entries.
    outcome: &'static str,
    entries: u64,
}

/// Reconciles, and sets the figures beside those of the floor.
fn measure_reconciliation(expected: Expected, setup: &Setup<'_>, floor: &Figures) -> Result<Row, Error> {
    let Expected { job, outcome, entries } = expected;
    let report = reconcile(setup)?;
    expect_outcome(job, outcome, report.entries(outcome), entries)?;
    Ok(Row::new(job, setup.database.as_str(), &report.figures()).with_floor(floor))
}

/// Reads the same file and takes a digest of each record.
fn csv_floor(setup: &Setup<'_>) -> Result<Figures, Error> {
    printed(instrument("read-csv")?.arg(people_file(setup)), setup)
}

/// Inserts the rows of as many entries into a database of its own, of the same kind.
fn insert_floor(setup: &Setup<'_>) -> Result<Figures, Error> {
    let directory = tempfile::tempdir_in(setup.directory).map_err(Error::io("make a directory"))?;
    let mut insert = instrument("insert")?;
    insert.arg(people_file(setup));
    match setup.database {
        Database::None | Database::Sqlite => {
            printed(place(&mut insert, directory.path(), setup.database), setup)
        }
        Database::Postgres(_) => {
            let own = Database::Postgres(Server::start(Durability::Full)?);
            printed(place(&mut insert, directory.path(), &own), setup)
        }
    }
}

/// Lets the disk finish what the preparation and the floor wrote, so that the job does not wait for it.
pub(super) fn settle(setup: &Setup<'_>) -> Result<(), Error> {
    run_until_interrupted(&mut std::process::Command::new("sync"), setup.interruptions)
}

/// Writes the people of a day to where the tenant's configuration looks for them.
pub(super) fn write_people(setup: &Setup<'_>, day: Day) -> Result<(), Error> {
    let export = people(setup, day);
    let path = people_file(setup);
    let write = || {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        write_csv(&export, File::create(&path)?)
    };
    write().map(|_| ()).map_err(Error::io("make people"))
}

pub(super) fn people(setup: &Setup<'_>, day: Day) -> Export {
    Export { count: setup.entries, seed: SEED, day, bad_lines: BadLines::None }
}

/// As many come, change and go as `csv-1pct` says.
pub(super) fn second_day() -> Day {
    Day::Second(Turnover::default())
}

pub(super) fn people_file(setup: &Setup<'_>) -> PathBuf {
    setup.data.join("files/bench/hr/people.csv")
}
