//! Reads and writes of configuration at a set rate, over connections of their own, and how long each took.
//!
//! Every request has its instant before it is sent, and is measured from there: who has to wait behind a slow answer
//! counts the waiting too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;
use ureq::{Agent, Body, http::Response};

use crate::error::Error;

/// Which of this many requests of a connection is a write: one of ten.
const ONE_WRITE_IN: u32 = 10;

/// What is asked, and how often.
pub(crate) struct Load {
    /// The server, with the path of a tenant's applications.
    pub(crate) applications: String,
    /// The one of which each connection makes its own.
    pub(crate) model: String,
    pub(crate) token: String,
    pub(crate) connections: u32,
    /// Of all connections together.
    pub(crate) requests_per_second: u32,
}

/// How long requests took, in milliseconds.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Latencies {
    requests: u64,
    seconds: f64,
    read_p50_ms: f64,
    read_p99_ms: f64,
    write_p50_ms: f64,
    write_p99_ms: f64,
}

#[derive(Default)]
struct Times {
    reads: Vec<f64>,
    writes: Vec<f64>,
}

/// Asks until the end comes.
///
/// # Errors
/// When the server refuses a request, or cannot be reached.
pub(crate) fn ask(load: Load, end: &Receiver<()>) -> Result<Latencies, Error> {
    let load = Arc::new(load);
    let ended = Arc::new(AtomicBool::new(false));
    let begun = Instant::now();
    let connections: Vec<_> = (0..load.connections)
        .map(|number| {
            let (load, ended) = (Arc::clone(&load), Arc::clone(&ended));
            thread::spawn(move || Connection::open(&load, number)?.ask(&load, number, begun, &ended))
        })
        .collect();
    while end.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout)
        && !connections.iter().any(thread::JoinHandle::is_finished)
    {}
    ended.store(true, Ordering::Relaxed);
    let mut all = Times::default();
    for connection in connections {
        let times = connection.join().map_err(|_| Error::Thread)??;
        all.reads.extend(times.reads);
        all.writes.extend(times.writes);
    }
    Ok(latencies(all, begun.elapsed().as_secs_f64()))
}

struct Connection {
    agent: Agent,
    token: String,
    url: String,
    document: Value,
}

impl Connection {
    /// Makes an application of its own, which nobody else writes.
    fn open(load: &Load, number: u32) -> Result<Self, Error> {
        let agent = Agent::new_with_defaults();
        let token = format!("Bearer {}", load.token);
        let model = format!("{}/{}", load.applications, load.model);
        let mut document: Value =
            agent.get(model).header("Authorization", &token).call()?.body_mut().read_json()?;
        let id = format!("{}-{number}", load.model);
        document["id"] = Value::from(id.as_str());
        // Of two applications that map an attribute one has to be higher.
        let mappings = document.pointer_mut("/objectTypes/0/attributeMappings").and_then(Value::as_array_mut);
        mappings.into_iter().flatten().for_each(|mapping| mapping["authority"] = Value::from(number + 1));
        agent.post(&load.applications).header("Authorization", &token).send_json(&document)?;
        Ok(Self { agent, token, url: format!("{}/{id}", load.applications), document })
    }

    /// Asks at its instants, between those of the other connections.
    fn ask(mut self, load: &Load, number: u32, begun: Instant, ended: &AtomicBool) -> Result<Times, Error> {
        let between = Duration::from_secs(1) * load.connections / load.requests_per_second;
        let mut times = Times::default();
        let first = begun.elapsed().as_nanos() / between.as_nanos();
        let mut due = begun + between * (first as u32 + 1) + between * number / load.connections;
        for count in number.. {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if ended.load(Ordering::Relaxed) {
                break;
            }
            let written = count % ONE_WRITE_IN == 0;
            let mut answer = if written { self.write(count)? } else { self.read()? };
            // To its end, so that the connection is kept.
            answer.body_mut().read_to_vec()?;
            let taken = due.elapsed().as_secs_f64() * 1000.0;
            if written {
                times.writes.push(taken)
            } else {
                times.reads.push(taken)
            }
            due += between;
        }
        Ok(times)
    }

    fn read(&self) -> Result<Response<Body>, ureq::Error> {
        self.agent.get(&self.url).header("Authorization", &self.token).call()
    }

    /// Writes something else each time.
    fn write(&mut self, count: u32) -> Result<Response<Body>, ureq::Error> {
        self.document["description"] = Value::from(format!("Written for the {count}th time."));
        self.agent.put(&self.url).header("Authorization", &self.token).send_json(&self.document)
    }
}

fn latencies(mut times: Times, seconds: f64) -> Latencies {
    let requests = (times.reads.len() + times.writes.len()) as u64;
    times.reads.sort_by(f64::total_cmp);
    times.writes.sort_by(f64::total_cmp);
    Latencies {
        requests,
        seconds,
        read_p50_ms: percentile(&times.reads, 50),
        read_p99_ms: percentile(&times.reads, 99),
        write_p50_ms: percentile(&times.writes, 50),
        write_p99_ms: percentile(&times.writes, 99),
    }
}

/// What so many of a hundred do not exceed; 0 of nothing.
pub(crate) fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    rank.checked_sub(1).and_then(|place| sorted.get(place)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((percentile(&hundred, 50), percentile(&hundred, 99)), (50.0, 99.0));
        assert_eq!((percentile(&[7.0], 50), percentile(&[7.0], 99), percentile(&[], 99)), (7.0, 7.0, 0.0));
        let found = latencies(Times { reads: vec![3.0, 1.0, 2.0], writes: vec![9.0] }, 2.0);
        assert_eq!((found.requests, found.read_p50_ms, found.write_p99_ms), (4, 2.0, 9.0));
    }
}
