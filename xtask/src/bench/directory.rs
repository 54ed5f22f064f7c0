//! The jobs of a directory: the people of the HR file as accounts and groups of an OpenLDAP whose database lies in memory,
//! for with a disk all would measure the disk.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use muster_testkit::people::Day;
use muster_testkit::servers::slapd::{PASSWORD, PROGRAM, Slapd, SlapdSettings};
use serde::{Deserialize, Serialize};

use super::directory_writes::{Written, expected};
use super::job::{people, people_file, second_day, settle, write_people};
use super::program::{
    Beside, Figures, Report, TENANT, expect_outcome, instrument, place, printed, reconcile, released,
};
use super::row::{Extra, Row};
use super::served::master_key;
use super::{Database, Setup, top};
use crate::debian::{Installed, provide};
use crate::error::Error;
use crate::program::run_until_interrupted;

/// The task that reads the directory, and the same that believes what is known of it.
const TASK: &str = "directory-accounts";
const SHADOW_TASK: &str = "directory-accounts-shadow";
/// The secret that the example names.
const SECRET: &str = "directory-password";
/// Which addresses the tenant may call.
pub(super) const EGRESS: (&str, &str) = ("MUSTER_EGRESS_ALLOW", "bench 127.0.0.0/8:*");
/// A file system in memory, where there is one.
const MEMORY: &str = "/dev/shm";
/// The most octets of a database; they are taken as they are needed.
const LARGEST: u64 = 1 << 34;

/// What the released program did within APPLY.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Applied {
    pub(crate) apply_seconds: f64,
    pub(crate) apply_entries_per_second: f64,
    /// Beside the floor.
    pub(crate) apply_ratio: f64,
}

#[derive(Debug, Deserialize)]
struct Applying {
    apply_seconds: Option<f64>,
}

/// All accounts through the connector, without the engine.
pub(crate) fn measure_read(setup: &Setup<'_>) -> Result<Row, Error> {
    let slapd = start()?;
    add_accounts(setup, &slapd)?;
    let floor = search_accounts("ldap-read", setup, &slapd)?;
    let read: Figures = printed(at_port(&mut instrument("sweep-accounts")?, &slapd), setup)?;
    expect_outcome("ldap-read", "read", read.entries, setup.entries)?;
    Ok(Row::new("ldap-read", setup.database.as_str(), &read).with_floor(&floor))
}

/// Accounts and memberships for everybody, in a directory that has none.
pub(crate) fn measure_first(setup: &Setup<'_>) -> Result<Row, Error> {
    // On a server of its own, with the same settings.
    let floor = add_accounts(setup, &start()?)?;
    let slapd = start()?;
    prepare(setup, &slapd)?;
    settle(setup)?;
    let mut watch = instrument("watch-applying")?;
    place(&mut watch, &setup.data, setup.database);
    let watch = Beside::start(watch)?;
    let report = provision(setup, TASK)?;
    let Applying { apply_seconds } = watch.end()?;
    expect_outcome("ldap-first", "created", report.entries("created"), setup.entries)?;
    let applied = apply_seconds.map(|apply_seconds| {
        let apply_entries_per_second = setup.entries as f64 / apply_seconds;
        let apply_ratio = apply_entries_per_second / floor.entries_per_second();
        Extra::Applied(Applied { apply_seconds, apply_entries_per_second, apply_ratio })
    });
    let row = Row::new("ldap-first", setup.database.as_str(), &report.figures()).with_floor(&floor);
    Ok(Row { extra: applied, ..row })
}

/// The same again: every account is read from the server, and nothing is to be done.
pub(crate) fn measure_same(setup: &Setup<'_>) -> Result<Row, Error> {
    let slapd = provisioned(setup)?;
    let floor = search_accounts("ldap-same", setup, &slapd)?;
    settle(setup)?;
    let report = provision(setup, TASK)?;
    expect_outcome("ldap-same", "unchanged", report.entries("unchanged"), setup.entries)?;
    Ok(Row::new("ldap-same", setup.database.as_str(), &report.figures()).with_floor(&floor))
}

/// After the second day of the HR file. The server writes down what it is asked to do.
pub(crate) fn measure_changed(setup: &Setup<'_>) -> Result<Row, Error> {
    let mut slapd = provisioned(setup)?;
    write_people(setup, second_day())?;
    reconcile(setup)?;
    slapd.restart_with(&settings(Log::Writes));
    settle(setup)?;
    let report = provision(setup, TASK)?;
    let second = people(setup, second_day());
    expect_outcome("ldap-1pct", "created", report.entries("created"), second.joiners())?;
    let due = expected(people(setup, Day::First), second);
    let operations = count_written(setup, &slapd)?.expect("ldap-1pct", &due)?;
    let row = Row::new("ldap-1pct", setup.database.as_str(), &report.figures());
    Ok(Row { extra: Some(Extra::Operations(operations)), ..row })
}

/// Again, by what is known of the accounts: the server writes down whatever it is asked, and is asked nothing.
pub(crate) fn measure_shadow(setup: &Setup<'_>) -> Result<Row, Error> {
    let mut slapd = provisioned(setup)?;
    slapd.restart_with(&settings(Log::WithReads));
    settle(setup)?;
    let report = provision(setup, SHADOW_TASK)?;
    expect_outcome("prov-same", "unchanged", report.entries("unchanged"), setup.entries)?;
    let asked = count_written(setup, &slapd)?.expect("prov-same", &Written::default())?;
    expect_outcome("prov-same", "modified groups", asked.groups, 0)?;
    Ok(Row::new("prov-same", setup.database.as_str(), &report.figures()))
}

/// What a server writes down of what it is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Log {
    None,
    Writes,
    WithReads,
}

fn settings(log: Log) -> SlapdSettings {
    SlapdSettings {
        sync: Some(1000),
        log: log != Log::None,
        log_reads: log == Log::WithReads,
        no_sync: true,
        largest: Some(LARGEST),
        // Without the second a group compares each new member with all that it has.
        lines: vec!["index employeeNumber eq".to_owned(), "sortvals member".to_owned()],
        below: Some(MEMORY.into()).filter(|memory: &PathBuf| memory.is_dir()),
        ..SlapdSettings::default()
    }
}

/// A server with what stands in the directory of the example before the first run.
pub(super) fn start() -> Result<Slapd, Error> {
    let installed = provide(PROGRAM, "slapd")?;
    if installed == Installed::No || !Path::new(PROGRAM).exists() {
        return Err(Error::NoSlapd);
    }
    let base = fs::read_to_string(top().join("examples/directory/base.ldif"));
    let base = base.map_err(Error::io("read the example"))?;
    // The entry of the suffix, the first one, is there already.
    let (_, entries) = base.split_once("\n\n").unwrap_or_default();
    Ok(Slapd::start(&settings(Log::None), entries))
}

/// Adds the directory to the tenant, and its password.
pub(super) fn prepare(setup: &Setup<'_>, slapd: &Slapd) -> Result<(), Error> {
    let mut prepare = instrument("prepare-directory")?;
    prepare.arg("--conf").arg(top().join("examples/directory/conf"));
    at_port(&mut prepare, slapd);
    run_until_interrupted(place(&mut prepare, &setup.data, setup.database), setup.interruptions)?;
    let password = setup.directory.join("password");
    let input = fs::write(&password, PASSWORD).and_then(|()| File::open(&password));
    let mut put = called(setup, &["secret", "put", SECRET])?;
    put.stdin(input.map_err(Error::io("write a password"))?);
    run_until_interrupted(&mut put, setup.interruptions)
}

/// A server to which everybody was provisioned.
fn provisioned(setup: &Setup<'_>) -> Result<Slapd, Error> {
    let slapd = start()?;
    prepare(setup, &slapd)?;
    provision(setup, TASK)?;
    Ok(slapd)
}

fn provision(setup: &Setup<'_>, task: &str) -> Result<Report, Error> {
    printed(&mut called(setup, &["run", "prov", task, "--output", "json"])?, setup)
}

/// A call of the released program on the tenant, which may call this machine.
fn called(setup: &Setup<'_>, arguments: &[&str]) -> Result<Command, Error> {
    let mut muster = released(setup, arguments)?;
    muster.args(["--tenant", TENANT]).env(EGRESS.0, EGRESS.1);
    if let Database::Postgres(_) = setup.database {
        muster.arg("--master-key-file").arg(master_key(setup)?);
    }
    place(&mut muster, &setup.data, setup.database);
    Ok(muster)
}

pub(super) fn add_accounts(setup: &Setup<'_>, slapd: &Slapd) -> Result<Figures, Error> {
    let mut add = instrument("add-accounts")?;
    printed(at_port(add.arg(people_file(setup)), slapd), setup)
}

fn search_accounts(job: &'static str, setup: &Setup<'_>, slapd: &Slapd) -> Result<Figures, Error> {
    let found: Figures = printed(at_port(&mut instrument("search-accounts")?, slapd), setup)?;
    expect_outcome(job, "found", found.entries, setup.entries)?;
    Ok(found)
}

fn count_written(setup: &Setup<'_>, slapd: &Slapd) -> Result<Written, Error> {
    printed(at_port(&mut instrument("count-written")?, slapd), setup)
}

fn at_port<'a>(command: &'a mut Command, slapd: &Slapd) -> &'a mut Command {
    command.args(["--port", &slapd.port().to_string()])
}
