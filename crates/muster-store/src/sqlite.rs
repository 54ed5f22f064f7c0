//! Connections to SQLite: one that writes, behind a queue in which short writes overtake bulk ones, a few that read,
//! and a checkpointer. Knows no table.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database as SeaOrm, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, QueryResult, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::database::Urgency;

/// Pages that the log may hold before it is written back for good: 64 MiB of 4 KiB.
const LOG_PAGES: i64 = 16_384;

const CHECKPOINT_EVERY: Duration = Duration::from_millis(200);

/// Rounds of writing the log back, each the shorter for the one before it, ahead of the one for which the writer waits.
const SHORTER_ROUNDS: u32 = 3;

/// So many bulk writes after a short one had to wait, nobody is in a hurry any more.
const CALM_AFTER: u32 = 50;

/// How many entries a bulk write takes at most while short ones have to wait for it.
const HURRIED: usize = 100;
/// KiB of pages that a connection of a run keeps.
const CACHE_OF_RUNS: i32 = 16 * 1024;
/// The same of one that answers requests: a list of a million rows would fill all of them with what nobody asks for again.
const CACHE_OF_ANSWERS: i32 = 4 * 1024;

/// The connections to a SQLite file.
#[derive(Debug, Clone)]
pub(crate) struct Sqlite {
    writer: DatabaseConnection,
    gate: Arc<Gate>,
    readers: DatabaseConnection,
    /// Runs read on connections of their own, so that no answer waits behind their pages.
    bulk_readers: DatabaseConnection,
}

impl Sqlite {
    /// Connects, and starts the checkpointer, which ends with the last clone.
    pub(crate) async fn connect(path: &Path) -> Result<Self, DbErr> {
        let writer = SeaOrm::connect(options(path, 1, CACHE_OF_RUNS)).await?;
        let readers = SeaOrm::connect(options(path, 4, CACHE_OF_ANSWERS)).await?;
        let bulk_readers = SeaOrm::connect(options(path, 4, CACHE_OF_RUNS)).await?;
        let checkpointer = SeaOrm::connect(options(path, 1, CACHE_OF_ANSWERS)).await?;
        let gate = Arc::new(Gate::default());
        tokio::spawn(checkpoint(checkpointer, Arc::downgrade(&gate)));
        Ok(Self { writer, gate, readers, bulk_readers })
    }

    /// Runs a query that writes nothing.
    pub(crate) async fn read(
        &self,
        urgency: Urgency,
        statement: Statement,
    ) -> Result<Vec<QueryResult>, DbErr> {
        let readers = match urgency {
            Urgency::Short | Urgency::Housekeeping => &self.readers,
            Urgency::Bulk => &self.bulk_readers,
        };
        readers.query_all_raw(statement).await
    }

    /// Waits for the turn to write.
    pub(crate) async fn pass(&self, urgency: Urgency) -> Pass {
        self.gate.pass(urgency).await
    }

    /// Begins a transaction that writes, for whoever has the pass.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let immediate = Some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode: immediate, ..Default::default() };
        self.writer.begin_with_options(options).await
    }

    /// How many entries a bulk write should take now, where it usually takes so many: fewer while others wait for it.
    pub(crate) fn at_once(&self, usual: usize) -> usize {
        if self.gate.is_calm() { usual } else { usual.min(HURRIED) }
    }
}

/// The queue before the one write connection. A bulk write waits in a queue of its own first, so at most one stands
/// before a short write.
#[derive(Debug)]
struct Gate {
    bulk: Arc<Mutex<()>>,
    write: Arc<Mutex<()>>,
    /// How many bulk writes there were since a short one had to wait, [`CALM_AFTER`] at most.
    calm: AtomicU32,
}

impl Default for Gate {
    fn default() -> Self {
        Self { bulk: Arc::default(), write: Arc::default(), calm: AtomicU32::new(CALM_AFTER) }
    }
}

/// What holds the gate open for one transaction.
#[derive(Debug)]
pub(crate) struct Pass {
    _write: OwnedMutexGuard<()>,
    _bulk: Option<OwnedMutexGuard<()>>,
}

impl Gate {
    async fn pass(&self, urgency: Urgency) -> Pass {
        let write = || Arc::clone(&self.write);
        match urgency {
            Urgency::Short => {
                let free = write().try_lock_owned();
                if free.is_err() {
                    self.calm.store(0, Ordering::Relaxed);
                }
                let write = match free {
                    Ok(free) => free,
                    Err(_) => write().lock_owned().await,
                };
                Pass { _write: write, _bulk: None }
            }
            Urgency::Bulk => {
                let bulk = Arc::clone(&self.bulk).lock_owned().await;
                let write = write().lock_owned().await;
                let calmer = |calm: u32| (calm < CALM_AFTER).then_some(calm + 1);
                let _ = self.calm.fetch_update(Ordering::Relaxed, Ordering::Relaxed, calmer);
                Pass { _write: write, _bulk: Some(bulk) }
            }
            Urgency::Housekeeping => Pass { _write: write().lock_owned().await, _bulk: None },
        }
    }

    fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed) >= CALM_AFTER
    }
}

fn options(path: &Path, connections: u32, cache: i32) -> ConnectOptions {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", path.display()));
    options
        .max_connections(connections)
        .min_connections(1)
        .sqlx_logging(false)
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "NORMAL")
                .pragma("wal_autocheckpoint", "0")
                // Negative numbers are KiB.
                .pragma("cache_size", format!("-{cache}"))
                .pragma("temp_store", "MEMORY")
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(30))
        });
    options
}

/// Writes the log back. While a writer is busy that alone never lets the log begin anew, so past its limit the writer is
/// held off for one last round.
async fn checkpoint(connection: DatabaseConnection, gate: Weak<Gate>) {
    let round = || async {
        let sql = "PRAGMA wal_checkpoint(PASSIVE)";
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        match connection.query_one_raw(statement).await {
            Ok(Some(row)) => row.try_get_by_index::<i64>(1).unwrap_or(0),
            Ok(None) => 0,
            Err(error) => {
                tracing::warn!(%error, "cannot write the log of SQLite back");
                0
            }
        }
    };
    loop {
        tokio::time::sleep(CHECKPOINT_EVERY).await;
        let Some(gate) = gate.upgrade() else { return };
        if round().await > LOG_PAGES {
            for _ in 0..SHORTER_ROUNDS {
                round().await;
            }
            let _pass = gate.pass(Urgency::Housekeeping).await;
            round().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn housekeeping_goes_before_bulk_writes_and_makes_none_smaller() {
        let gate = Gate::default();
        let bulk = gate.pass(Urgency::Bulk).await;
        let mut next_bulk = Box::pin(gate.pass(Urgency::Bulk));
        assert!((&mut next_bulk).now_or_never().is_none());
        let mut housekeeping = Box::pin(gate.pass(Urgency::Housekeeping));
        assert!((&mut housekeeping).now_or_never().is_none());
        drop(bulk);
        assert!((&mut next_bulk).now_or_never().is_none());
        drop(housekeeping.await);
        drop(next_bulk.await);
        assert!(gate.is_calm());
    }

    #[tokio::test]
    async fn a_short_write_waits_for_one_bulk_write_at_most_and_bulk_writes_get_smaller_for_a_while() {
        let gate = Gate::default();
        let bulk = gate.pass(Urgency::Bulk).await;
        let mut next_bulk = Box::pin(gate.pass(Urgency::Bulk));
        assert!((&mut next_bulk).now_or_never().is_none());
        assert!(gate.is_calm(), "nobody waits but a run");
        let mut short = Box::pin(gate.pass(Urgency::Short));
        assert!((&mut short).now_or_never().is_none());
        assert!(!gate.is_calm());
        drop(bulk);
        assert!((&mut next_bulk).now_or_never().is_none(), "the short one comes first");
        drop(short.await);
        drop(next_bulk.await);
        for _ in 2..CALM_AFTER {
            drop(gate.pass(Urgency::Bulk).await);
            assert!(!gate.is_calm());
        }
        drop(gate.pass(Urgency::Short).await);
        drop(gate.pass(Urgency::Bulk).await);
        assert!(gate.is_calm(), "a short write that need not wait changes nothing");
    }
}
