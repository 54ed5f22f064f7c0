//! The job `plan`: a plan of as many changes as there are people, made by a simulation and listed page by page.

use std::net::SocketAddr;
use std::time::Instant;

use muster_testkit::http::Client;
use serde::Serialize;
use serde_json::Value;

use super::Setup;
use super::program::{Figures, RECONCILE, TENANT, expect_outcome};
use super::row::{Extra, Row};
use super::served::Served;
use crate::error::Error;

/// Changes of a page, as somebody reads them.
const PAGE: u64 = 100;

/// How long single pages took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Pages {
    pub(crate) page_p50_ms: f64,
    pub(crate) page_p99_ms: f64,
}

pub(crate) fn measure(setup: &Setup<'_>) -> Result<Row, Error> {
    let served = Served::start(setup, TENANT)?;
    let printed = served.call(setup, &[RECONCILE.as_slice(), &["--simulate"]].concat())?;
    let run: Value = serde_json::from_slice(&printed).unwrap_or_default();
    let planned = run["counters"]["actions"]["created"].as_u64().unwrap_or_default();
    expect_outcome("plan", "created", planned, setup.entries)?;
    let instance = run["id"].as_str().unwrap_or_default();
    let changes = format!("/{TENANT}/api/sync/sync-tasks/hr-reconciliation/instances/{instance}/changes");
    let (figures, mut times) = served.watched(planned, || list(&served, &changes, planned))?;
    times.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
    let pages = Pages { page_p50_ms: at(0.5), page_p99_ms: at(0.99) };
    let figures = Figures { entries: planned, ..figures };
    Ok(Row { extra: Some(Extra::Pages(pages)), ..Row::new("plan", setup.database.as_str(), &figures) })
}

/// Lists all changes; answers how long each page took.
fn list(served: &Served, changes: &str, planned: u64) -> Result<Vec<f64>, Error> {
    let address: SocketAddr = served.url().trim_start_matches("http://").parse().map_err(|_| {
        Error::Answer { request: changes.to_owned(), answer: format!("`{}` is no address", served.url()) }
    })?;
    let client = Client::new(address).with_token(served.token());
    let (mut times, mut listed, mut after) = (Vec::new(), 0, 0);
    loop {
        let path = format!("{changes}?limit={PAGE}&after={after}");
        let begun = Instant::now();
        let answer = client.try_send("GET", &path, &[], b"").map_err(Error::io("list changes"))?;
        let took = begun.elapsed().as_secs_f64() * 1000.0;
        if answer.status != 200 {
            return Err(Error::Answer { request: path, answer: answer.text().to_owned() });
        }
        let page = answer.json();
        let page = page.as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(last) = page.last() else { break };
        times.push(took);
        listed += page.len() as u64;
        after = last["number"].as_u64().unwrap_or_default();
    }
    expect_outcome("plan", "listed", listed, planned)?;
    Ok(times)
}
