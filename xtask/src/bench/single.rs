//! The job `single`: users of a directory are synchronized one by one over the API, by callers who wait for each.

use serde::{Deserialize, Serialize};

use super::Setup;
use super::directory::{add_accounts, prepare, start};
use super::job::people_file;
use super::program::{Figures, TENANT, instrument, printed};
use super::row::{Extra, Row};
use super::served::Served;
use crate::error::Error;

/// Who ask side by side.
const CALLERS: &str = "8";

/// How long single syncs took, in milliseconds, and how many there were a second: by one caller, by two,
/// as many as there are processors, and by several.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Singles {
    #[serde(skip_serializing)]
    requests: u64,
    #[serde(skip_serializing)]
    seconds: f64,
    pub(crate) one_p50_ms: f64,
    pub(crate) one_p99_ms: f64,
    pub(crate) one_per_second: f64,
    pub(crate) two_p50_ms: f64,
    pub(crate) two_p99_ms: f64,
    pub(crate) two_per_second: f64,
    pub(crate) many_p50_ms: f64,
    pub(crate) many_p99_ms: f64,
    pub(crate) many_per_second: f64,
}

pub(crate) fn measure(setup: &Setup<'_>) -> Result<Row, Error> {
    let slapd = start()?;
    add_accounts(setup, &slapd)?;
    prepare(setup, &slapd)?;
    let served = Served::start(setup, TENANT)?;
    let mut ask = instrument("singles")?;
    ask.arg(format!("{}/{TENANT}", served.url())).arg(people_file(setup));
    ask.args(["--callers", CALLERS]).env("MUSTER_TOKEN", served.token());
    let (figures, singles): (Figures, Singles) = served.watched(0, || printed(&mut ask, setup))?;
    let figures = Figures { entries: singles.requests, seconds: singles.seconds, ..figures };
    Ok(Row { extra: Some(Extra::Singles(singles)), ..Row::new("single", setup.database.as_str(), &figures) })
}
