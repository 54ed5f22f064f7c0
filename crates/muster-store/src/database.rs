//! The connection to SQLite or PostgreSQL: pools, transactions, one way to send a statement.
//!
//! SQLite has one write connection behind a queue in which short writes overtake bulk ones, a few read
//! connections, and a checkpointer of its own. PostgreSQL is told in each transaction, before anything else, who
//! looks ([`Sight`]). Knows no table.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sea_orm::sqlx::{ConnectOptions as _, Connection as _};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database as SeaOrm, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, QueryResult, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
    Value,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::error::StoreError;
use crate::fuse::{Fuse, Point};
use crate::postgres::{self, Session};
use crate::sight::Sight;

/// Pages that the log of SQLite may hold before it is written back for good: 64 MiB of 4 KiB.
const LOG_PAGES: i64 = 16_384;

/// How long it may take to find out why no connection can be made.
const WHY_NOT: Duration = Duration::from_secs(5);

const CHECKPOINT_EVERY: Duration = Duration::from_millis(200);

/// Where facts are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file, made when it is missing.
    File(PathBuf),
    /// A PostgreSQL database.
    Postgres(String),
}

/// Which database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// What an INSERT names and gives first, so that the number of the row is one that no row of the table ever had:
    /// a door to what is gone must not lead to what came after it. PostgreSQL's identities see to that by themselves.
    pub(crate) fn new_number(self, table: &str, column: &str) -> (String, String) {
        match self {
            Self::Sqlite => {
                let next = format!("(SELECT last + 1 FROM numbering WHERE of_table = '{table}'), ");
                (format!("{column}, "), next)
            }
            Self::Postgres => (String::new(), String::new()),
        }
    }
}

/// Who may write first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Somebody waits for the answer.
    Short,
    /// A page of a run.
    Bulk,
}

/// A connected database.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) dialect: Dialect,
    link: Link,
    sight: Sight,
    statements: Arc<AtomicU64>,
    /// Of these what went through this clone and those made of it, where somebody wants to know.
    own_statements: Option<Arc<AtomicU64>>,
    fuse: Fuse,
    #[cfg(test)]
    pub(crate) recorder: crate::query_plans::Recorder,
}

#[derive(Debug, Clone)]
enum Link {
    Sqlite { readers: DatabaseConnection, writer: DatabaseConnection, gate: Arc<Gate> },
    Postgres(PgPool),
}

/// The queue before SQLite's one write connection. A bulk write waits in a queue of its own first, so at most
/// one stands before a short write.
#[derive(Debug, Default)]
struct Gate {
    bulk: Arc<Mutex<()>>,
    write: Arc<Mutex<()>>,
}

/// What holds the gate open for one transaction.
#[derive(Debug)]
struct Pass {
    _write: OwnedMutexGuard<()>,
    _bulk: Option<OwnedMutexGuard<()>>,
}

impl Gate {
    async fn pass(&self, urgency: Urgency) -> Pass {
        let bulk = match urgency {
            Urgency::Short => None,
            Urgency::Bulk => Some(Arc::clone(&self.bulk).lock_owned().await),
        };
        Pass { _write: Arc::clone(&self.write).lock_owned().await, _bulk: bulk }
    }
}

impl Database {
    /// Connects, and for SQLite starts the checkpointer, which ends with the last clone of the database. What is
    /// answered looks as the owner of the tables.
    pub(crate) async fn connect(location: &Location) -> Result<Self, StoreError> {
        let (dialect, link) = match location {
            Location::File(path) => (Dialect::Sqlite, connect_sqlite(path).await?),
            Location::Postgres(url) => (Dialect::Postgres, connect_postgres(url).await?),
        };
        Ok(Self {
            dialect,
            link,
            sight: Sight::Owner,
            statements: Arc::default(),
            own_statements: None,
            fuse: Fuse::default(),
            #[cfg(test)]
            recorder: Default::default(),
        })
    }

    /// The same database, looked at by somebody else.
    pub(crate) fn seen_by(mut self, sight: Sight) -> Self {
        self.sight = sight;
        self
    }

    /// How many statements have been sent so far: by the process, or through a clone that counts its own.
    pub(crate) fn statements(&self) -> u64 {
        self.own_statements.as_ref().unwrap_or(&self.statements).load(Ordering::Relaxed)
    }

    /// The same database with a count of its own.
    pub(crate) fn counting_its_own(mut self) -> Self {
        self.own_statements = Some(Arc::default());
        self
    }

    /// The same database on the other side of a fuse.
    pub(crate) fn with_fuse(mut self, fuse: Fuse) -> Self {
        self.fuse = fuse;
        self
    }

    /// Counts a statement and asks the fuse for it.
    async fn count(&self, sql: &str) -> Result<(), StoreError> {
        for count in std::iter::once(&self.statements).chain(&self.own_statements) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.fuse.pass(Point::Statement(sql)).await
    }

    /// Runs a query that writes nothing on a read connection; its result is one consistent view.
    pub(crate) async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<QueryResult>, StoreError> {
        self.count(sql).await?;
        let statement = self.statement(sql, values);
        let rows = match &self.link {
            Link::Sqlite { readers, .. } => readers.query_all_raw(statement).await,
            Link::Postgres(pool) => postgres::read(pool, self.sight, statement).await,
        };
        self.fuse.answered();
        rows.map_err(|source| failed(sql, source))
    }

    /// Runs a query that writes nothing and answers at most one row.
    pub(crate) async fn query_one(
        &self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Option<QueryResult>, StoreError> {
        Ok(self.query(sql, values).await?.into_iter().next())
    }

    /// A pool of one connection to the same PostgreSQL, for somebody who occupies a connection all the time and
    /// looks at no table. Nothing is connected yet. `None` on SQLite.
    pub(crate) fn pool_of_one(&self, name: &str) -> Option<PgPool> {
        match &self.link {
            Link::Sqlite { .. } => None,
            Link::Postgres(pool) => {
                let options = PgConnectOptions::clone(&pool.connect_options()).application_name(name);
                let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
                Some(pool.connect_lazy_with(options))
            }
        }
    }

    /// Begins a transaction that writes.
    pub(crate) async fn begin(&self, urgency: Urgency) -> Result<Transaction, StoreError> {
        let inner = match &self.link {
            Link::Sqlite { writer, gate, .. } => {
                let immediate = Some(SqliteTransactionMode::Immediate);
                let options = TransactionOptions { sqlite_transaction_mode: immediate, ..Default::default() };
                let pass = gate.pass(urgency).await;
                self.fuse.pass(Point::Begin).await?;
                let begun = writer.begin_with_options(options).await;
                begun.map(|begun| Inner::Sqlite { begun, _pass: pass })
            }
            Link::Postgres(pool) => {
                self.fuse.pass(Point::Begin).await?;
                let begun = Session::begin(pool, self.sight, urgency).await;
                begun.map(|begun| Inner::Postgres(Mutex::new(begun)))
            }
        };
        self.fuse.answered();
        let inner = inner.map_err(|source| failed("BEGIN", source))?;
        Ok(Transaction { database: self.clone(), inner })
    }

    fn statement(&self, sql: &str, values: Vec<Value>) -> Statement {
        #[cfg(test)]
        self.recorder.note(sql, &values);
        match self.dialect {
            Dialect::Sqlite => Statement::from_sql_and_values(DbBackend::Sqlite, sql, values),
            Dialect::Postgres => Statement::from_sql_and_values(DbBackend::Postgres, numbered(sql), values),
        }
    }
}

/// A transaction that writes. Dropped without [`Transaction::commit`] it is rolled back.
pub(crate) struct Transaction {
    database: Database,
    inner: Inner,
}

/// Statements of one transaction go one after the other; nobody else ever waits for the lock.
enum Inner {
    Sqlite { begun: DatabaseTransaction, _pass: Pass },
    Postgres(Mutex<Session>),
}

impl Transaction {
    pub(crate) fn dialect(&self) -> Dialect {
        self.database.dialect
    }

    /// Has somebody else look from here on.
    pub(crate) async fn seen_by(&self, sight: Sight) -> Result<(), StoreError> {
        match self.dialect() {
            Dialect::Sqlite => Ok(()),
            Dialect::Postgres => self.script(&sight.script()).await,
        }
    }

    /// Sends a statement; answers how many rows it changed.
    pub(crate) async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<u64, StoreError> {
        self.database.count(sql).await?;
        let statement = self.database.statement(sql, values);
        let changed = match &self.inner {
            Inner::Sqlite { begun, .. } => {
                begun.execute_raw(statement).await.map(|done| done.rows_affected())
            }
            Inner::Postgres(session) => session.lock().await.execute(statement).await,
        };
        self.database.fuse.answered();
        changed.map_err(|source| failed(sql, source))
    }

    /// Sends a script of several statements without values.
    pub(crate) async fn script(&self, sql: &str) -> Result<(), StoreError> {
        self.database.count(sql).await?;
        let done = match &self.inner {
            Inner::Sqlite { begun, .. } => begun.execute_unprepared(sql).await.map(|_| ()),
            Inner::Postgres(session) => session.lock().await.script(sql).await,
        };
        self.database.fuse.answered();
        done.map_err(|source| failed(sql, source))
    }

    pub(crate) async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<QueryResult>, StoreError> {
        self.database.count(sql).await?;
        let statement = self.database.statement(sql, values);
        let rows = match &self.inner {
            Inner::Sqlite { begun, .. } => begun.query_all_raw(statement).await,
            Inner::Postgres(session) => session.lock().await.query(statement).await,
        };
        self.database.fuse.answered();
        rows.map_err(|source| failed(sql, source))
    }

    pub(crate) async fn query_one(
        &self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Option<QueryResult>, StoreError> {
        Ok(self.query(sql, values).await?.into_iter().next())
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        let fuse = self.database.fuse;
        fuse.pass(Point::Commit).await?;
        let done = match self.inner {
            Inner::Sqlite { begun, _pass } => begun.commit().await,
            Inner::Postgres(session) => session.into_inner().commit().await,
        };
        fuse.answered();
        done.map_err(|source| failed("COMMIT", source))?;
        let told = fuse.pass(Point::Committed).await;
        fuse.answered();
        told
    }
}

async fn connect_sqlite(path: &Path) -> Result<Link, StoreError> {
    let failed = |source| StoreError::Connect { location: path.display().to_string(), source };
    let writer = SeaOrm::connect(sqlite_options(path, 1)).await.map_err(failed)?;
    let readers = SeaOrm::connect(sqlite_options(path, 4)).await.map_err(failed)?;
    let checkpointer = SeaOrm::connect(sqlite_options(path, 1)).await.map_err(failed)?;
    let gate = Arc::new(Gate::default());
    tokio::spawn(checkpoint(checkpointer, Arc::downgrade(&gate)));
    Ok(Link::Sqlite { readers, writer, gate })
}

async fn connect_postgres(url: &str) -> Result<Link, StoreError> {
    match postgres::connect(url).await {
        Ok(pool) => Ok(Link::Postgres(pool)),
        Err(error) => {
            let source = why_not(url).await.unwrap_or(error);
            Err(StoreError::Connect { location: "PostgreSQL".to_owned(), source })
        }
    }
}

/// Why no connection can be made. A pool tries until its time is over, and does not say then what stopped it.
pub(crate) async fn why_not(url: &str) -> Option<DbErr> {
    let connected = async {
        let options: PgConnectOptions = url.parse()?;
        options.connect().await?.close().await
    };
    let error = tokio::time::timeout(WHY_NOT, connected).await.ok()?.err()?;
    Some(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))
}

fn failed(sql: &str, source: DbErr) -> StoreError {
    let start: String = sql.split_whitespace().take(4).collect::<Vec<_>>().join(" ");
    StoreError::Statement { start, source }
}

fn sqlite_options(path: &Path, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", path.display()));
    options
        .max_connections(connections)
        .min_connections(1)
        .sqlx_logging(false)
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "NORMAL")
                .pragma("wal_autocheckpoint", "0")
                .pragma("cache_size", "-16384")
                .pragma("temp_store", "MEMORY")
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(30))
        });
    options
}

/// Writes the log of SQLite back. While a writer is busy that alone never lets the log begin anew, so past
/// its limit the writer is held off for one last round.
async fn checkpoint(connection: DatabaseConnection, gate: std::sync::Weak<Gate>) {
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
            let _pass = gate.pass(Urgency::Short).await;
            round().await;
        }
    }
}

/// PostgreSQL numbers its parameters. No statement of ours has a question mark elsewhere.
fn numbered(sql: &str) -> String {
    let mut numbered = String::with_capacity(sql.len() + 16);
    let mut parts = sql.split('?');
    numbered.push_str(parts.next().unwrap_or_default());
    for (number, part) in (1..).zip(parts) {
        numbered.push('$');
        numbered.push_str(&number.to_string());
        numbered.push_str(part);
    }
    numbered
}

#[cfg(test)]
mod tests {
    #[test]
    fn parameters_are_numbered_in_order() {
        assert_eq!(super::numbered("a = ? AND b IN (?, ?)"), "a = $1 AND b IN ($2, $3)");
        assert_eq!(super::numbered("SELECT 1"), "SELECT 1");
    }
}
