//! The job `idle`: a server with 10,000 schedules of which none is due. How soon it answers, what it takes, and how
//! late it fires those that become due.

use std::time::Duration;
use std::{fs, thread};

use serde::{Deserialize, Serialize};

use super::Setup;
use super::program::{instrument, place, printed};
use super::row::{Extra, Row};
use super::served::Served;
use super::top;
use crate::error::Error;
use crate::program::run_until_interrupted;

const TENANTS: u64 = 1_000;
const TASKS: u64 = 10;
/// The tenant whose tasks become due.
const TENANT: &str = "bench-0";
/// Until what a start brings with it is over, and how long it is looked at.
const SETTLING: Duration = Duration::from_secs(5);
const LOOKED_AT: Duration = Duration::from_secs(30);

/// What a server did that had nothing to do, and then something.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Idle {
    pub(crate) start_seconds: f64,
    pub(crate) late_p50_ms: f64,
    pub(crate) late_p99_ms: f64,
}

#[derive(Deserialize)]
struct Lateness {
    late_p50_ms: f64,
    late_p99_ms: f64,
}

/// The tenants with their schedules, computed by a server.
pub(crate) fn prepare(setup: &Setup<'_>) -> Result<(), Error> {
    fs::create_dir_all(&setup.data).map_err(Error::io("make a data directory"))?;
    let mut prepare = instrument("prepare-schedules")?;
    prepare.args(["--tenants", &TENANTS.to_string(), "--tasks", &TASKS.to_string()]);
    prepare.arg("--conf").arg(top().join("examples/conf"));
    run_until_interrupted(place(&mut prepare, &setup.data, setup.database), setup.interruptions)?;
    let _served = Served::start(setup, TENANT)?;
    let mut wait = instrument("await-schedules")?;
    run_until_interrupted(place(&mut wait, &setup.data, setup.database), setup.interruptions)
}

pub(crate) fn measure(setup: &Setup<'_>) -> Result<Row, Error> {
    let served = Served::start(setup, TENANT)?;
    thread::sleep(SETTLING);
    let (figures, ()) = served.watched(TENANTS * TASKS, || {
        thread::sleep(LOOKED_AT);
        Ok(())
    })?;
    let mut fire = instrument("fire")?;
    fire.arg(format!("{}/{TENANT}/api/sync", served.url())).env("MUSTER_TOKEN", served.token());
    let Lateness { late_p50_ms, late_p99_ms } = printed(&mut fire, setup)?;
    let start_seconds = served.start_seconds();
    let idle = Idle { start_seconds, late_p50_ms, late_p99_ms };
    Ok(Row { extra: Some(Extra::Idle(idle)), ..Row::new("idle", setup.database.as_str(), &figures) })
}
