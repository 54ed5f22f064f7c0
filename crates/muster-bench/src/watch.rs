//! Watches a first load from outside: how far it is, again and again, by two keys of its tables.
//!
//! Never writes, and reads so little that the load does not feel it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use sqlx::{Connection as _, PgConnection};

use crate::error::Error;

/// How long to wait from one look to the next.
const INTERVAL: Duration = Duration::from_millis(20);

/// The changes that are staged, whose numbers are the lower halves of their keys, and the shadows that are
/// made, which are numbered without a gap. A load has its database to itself.
const LOAD: Query = Query {
    sqlite: "SELECT coalesce((SELECT max(id) FROM change), 0) & 4294967295, \
        coalesce((SELECT max(next) - 1 FROM shadow_number), 0)",
    postgres: "SELECT coalesce((SELECT max(id) FROM change WHERE tenant = 1), 0) & 4294967295, \
        coalesce((SELECT max(next) - 1 FROM shadow_number), 0)",
};

/// A query that answers one row of two numbers, for each kind of database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

/// What a query answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Look {
    /// Since the watch began.
    pub(crate) seconds: f64,
    pub(crate) numbers: (u64, u64),
}

/// The database of a job.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(String),
}

/// How far a load was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    /// Since the watch began.
    seconds: f64,
    /// Changes staged.
    staged: u64,
    /// Changes applied.
    applied: u64,
}

/// How fast the first and the last entries of a load were staged and applied.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Pace {
    first_entries_per_second: Option<f64>,
    last_entries_per_second: Option<f64>,
}

/// Watches a load until the input ends.
///
/// # Errors
/// When the database cannot be read.
pub(crate) fn watch(database: &Database, input: impl Read + Send + 'static) -> Result<Vec<Sample>, Error> {
    let sample = |look: Look| {
        let (staged, applied) = look.numbers;
        Sample { seconds: look.seconds, staged, applied }
    };
    Ok(looks(database, LOAD, input)?.into_iter().map(sample).collect())
}

/// Looks until the input ends.
///
/// # Errors
/// When the database cannot be read.
pub(crate) fn looks(
    database: &Database,
    query: Query,
    input: impl Read + Send + 'static,
) -> Result<Vec<Look>, Error> {
    let end = end_of(input);
    match database {
        Database::Sqlite(file) => look_at_sqlite(file, query.sqlite, &end),
        Database::Postgres(url) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(Error::io("start the runtime"))?;
            runtime.block_on(look_at_postgres(url, query.postgres, &end))
        }
    }
}

fn look_at_sqlite(file: &Path, query: &str, end: &Receiver<()>) -> Result<Vec<Look>, Error> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(Duration::from_secs(30))?;
    let mut ask = connection.prepare(query)?;
    let start = Instant::now();
    let mut looks = Vec::new();
    while goes_on(end) {
        looks.push(look(start, ask.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?));
    }
    Ok(looks)
}

async fn look_at_postgres(url: &str, query: &'static str, end: &Receiver<()>) -> Result<Vec<Look>, Error> {
    let mut connection = PgConnection::connect(url).await?;
    let start = Instant::now();
    let mut looks = Vec::new();
    while goes_on(end) {
        looks.push(look(start, sqlx::query_as(query).fetch_one(&mut connection).await?));
    }
    Ok(looks)
}

fn look(start: Instant, (one, other): (i64, i64)) -> Look {
    Look { seconds: start.elapsed().as_secs_f64(), numbers: (one.unsigned_abs(), other.unsigned_abs()) }
}

/// Disconnected once the input has ended.
pub(crate) fn end_of(mut input: impl Read + Send + 'static) -> Receiver<()> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        // Whoever watches has either closed the input or broken it: both end the watch.
        while input.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
        drop(sender);
    });
    receiver
}

/// Waits for the next look; `false` when it is the end.
fn goes_on(end: &Receiver<()>) -> bool {
    end.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout)
}

/// The pace of the first and the last `part` of all `entries`, staging and applying together.
pub(crate) fn pace(samples: &[Sample], entries: u64, part: u64) -> Pace {
    let speed = |from: u64, to: u64| {
        let staging = seconds_between(samples, |sample| sample.staged, from, to)?;
        let applying = seconds_between(samples, |sample| sample.applied, from, to)?;
        Some((to - from) as f64 / (staging + applying))
    };
    Pace {
        first_entries_per_second: speed(0, part.min(entries)),
        last_entries_per_second: speed(entries.saturating_sub(part), entries),
    }
}

fn seconds_between(
    samples: &[Sample],
    count: impl Fn(&Sample) -> u64 + Copy,
    from: u64,
    to: u64,
) -> Option<f64> {
    Some(reached(samples, count, to)? - reached(samples, count, from)?)
}

/// When a count was reached, taking it to grow evenly from one look to the next; for 0 the last look at which
/// nothing had been counted yet.
fn reached(samples: &[Sample], count: impl Fn(&Sample) -> u64, wanted: u64) -> Option<f64> {
    if wanted == 0 {
        return samples.iter().rfind(|sample| count(sample) == 0).map(|sample| sample.seconds);
    }
    let (before, after) =
        samples.windows(2).map(|pair| (&pair[0], &pair[1])).find(|(_, after)| count(after) >= wanted)?;
    let (low, high) = (count(before), count(after));
    if low >= wanted {
        return Some(before.seconds);
    }
    let share = (wanted - low) as f64 / (high - low) as f64;
    Some(before.seconds + share * (after.seconds - before.seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(counts: &[(u64, u64)]) -> Vec<Sample> {
        let at = |(second, (staged, applied)): (usize, &(u64, u64))| Sample {
            seconds: second as f64,
            staged: *staged,
            applied: *applied,
        };
        counts.iter().enumerate().map(at).collect()
    }

    #[test]
    fn staging_and_applying_count_together() {
        let samples = samples(&[(0, 0), (0, 0), (100, 0), (200, 0), (200, 50), (200, 100), (200, 200)]);
        let expected =
            Pace { first_entries_per_second: Some(100.0 / 3.0), last_entries_per_second: Some(50.0) };
        assert_eq!(pace(&samples, 200, 100), expected);
    }

    #[test]
    fn between_two_looks_the_count_grows_evenly() {
        let samples = samples(&[(0, 0), (400, 0), (400, 400)]);
        let expected = Pace { first_entries_per_second: Some(200.0), last_entries_per_second: Some(200.0) };
        assert_eq!(pace(&samples, 400, 100), expected);
    }

    #[test]
    fn what_was_not_seen_has_no_pace() {
        let samples = samples(&[(0, 0), (400, 0), (400, 400)]);
        let expected = Pace { first_entries_per_second: Some(200.0), last_entries_per_second: None };
        assert_eq!(pace(&samples, 500, 100), expected);
    }

    #[test]
    fn a_watch_ends_with_its_input() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("muster.db");
        crate::insert::make_schema(&Database::Sqlite(file.clone())).unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        let watched = thread::spawn(move || watch(&Database::Sqlite(file), reader));
        drop(writer);
        let samples = watched.join().unwrap().unwrap();
        assert!(samples.iter().all(|sample| (sample.staged, sample.applied) == (0, 0)));
    }
}
