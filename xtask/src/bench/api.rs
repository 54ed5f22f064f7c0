//! The job `api`: configuration is read and written at a set rate while the same server reconciles for the first time.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Setup;
use super::program::{Beside, Figures, RECONCILE, TENANT, expect_outcome, instrument};
use super::row::{Extra, Row};
use super::served::Served;
use crate::error::Error;

const CONNECTIONS: &str = "16";
const REQUESTS_PER_SECOND: &str = "500";

/// How many requests were answered, and how long they took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Latencies {
    #[serde(skip_serializing)]
    requests: u64,
    #[serde(skip_serializing)]
    seconds: f64,
    pub(crate) read_p50_ms: f64,
    pub(crate) read_p99_ms: f64,
    pub(crate) write_p50_ms: f64,
    pub(crate) write_p99_ms: f64,
}

pub(crate) fn measure(setup: &Setup<'_>) -> Result<Row, Error> {
    let served = Served::start(setup, TENANT)?;
    let mut requests = instrument("requests")?;
    let applications = format!("{}/{TENANT}/api/sync/conf/applications", served.url());
    requests.args([&applications, "hr", "--connections", CONNECTIONS]);
    requests.args(["--requests-per-second", REQUESTS_PER_SECOND]).env("MUSTER_TOKEN", served.token());
    let beside = Beside::start(requests)?;
    let (figures, printed) = served.watched(0, || served.call(setup, &RECONCILE))?;
    let latencies: Latencies = beside.end()?;
    let run: Value = serde_json::from_slice(&printed).unwrap_or_default();
    let created = run["counters"]["actions"]["created"].as_u64().unwrap_or_default();
    expect_outcome("api", "created", created, setup.entries)?;
    let figures = Figures { entries: latencies.requests, seconds: latencies.seconds, ..figures };
    Ok(Row { extra: Some(Extra::Latencies(latencies)), ..Row::new("api", setup.database.as_str(), &figures) })
}
