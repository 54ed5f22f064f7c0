//! The connection to SQLite or PostgreSQL: pools, transactions, one way to send a statement.
//!
//! PostgreSQL is told in each transaction, before anything else, who looks ([`Sight`]). Knows no table.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sea_orm::sqlx::{ConnectOptions as _, Connection as _};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, RuntimeErr, Statement, Value,
};
use tokio::sync::Mutex;

use crate::error::StoreError;
use crate::fuse::{Fuse, Point};
use crate::postgres::{self, Session};
use crate::sight::Sight;
use crate::sqlite::{Pass, Sqlite};

/// How long it may take to find out why no connection can be made.
const WHY_NOT: Duration = Duration::from_secs(5);

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
    /// Nobody waits, but it is over at once: it goes before bulk writes, and none gets smaller for it.
    Housekeeping,
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
    reading: Urgency,
    fuse: Fuse,
    #[cfg(test)]
    pub(crate) recorder: crate::query_plans::Recorder,
}

#[derive(Debug, Clone)]
enum Link {
    Sqlite(Sqlite),
    Postgres(PgPool),
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
            reading: Urgency::Short,
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

    /// The same database for bulk work: its questions do not stand before those that somebody waits for.
    pub(crate) fn for_bulk(mut self) -> Self {
        self.reading = Urgency::Bulk;
        self
    }

    /// How many entries a bulk write should take now, where it usually takes so many: fewer while others wait for it.
    pub(crate) fn at_once(&self, usual: usize) -> usize {
        match &self.link {
            Link::Sqlite(sqlite) => sqlite.at_once(usual),
            Link::Postgres(_) => usual,
        }
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
            Link::Sqlite(sqlite) => sqlite.read(self.reading, statement).await,
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
            Link::Sqlite(_) => None,
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
            Link::Sqlite(sqlite) => {
                let pass = sqlite.pass(urgency).await;
                self.fuse.pass(Point::Begin).await?;
                sqlite.begin().await.map(|begun| Inner::Sqlite { begun, _pass: pass })
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
    Sqlite::connect(path).await.map(Link::Sqlite).map_err(failed)
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
