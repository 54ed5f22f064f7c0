//! One open connection, of either database: statements with bound values go in, cells come out, within limits.

use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt as _};
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{
    Arguments as _, AssertSqlSafe, Decode, Executor as _, Row, SqlSafeStr as _, Statement as _,
    TypeInfo as _, ValueRef as _,
};

use crate::caps::BESIDE_OCTETS;
use crate::dialect::Dialect;
use crate::fault::{Fault, Tried};
use crate::relay::Relay;
use crate::sqlite::Deadline;
use crate::value::{Bind, Cell};

/// One connection. Of use as long as [`is_sound`](Self::is_sound) says so.
pub(crate) struct Link {
    database: Database,
    limit: Duration,
    /// False while a statement is under way: who drops its future leaves a connection in an unknown state.
    is_idle: bool,
    in_transaction: bool,
    /// Tells this file, or this server, from another in its place, as far as that is known.
    pub(crate) identity: String,
}

enum Database {
    Postgres(Box<PgConnection>, Relay),
    Sqlite(Box<SqliteConnection>, Deadline),
}

/// What a statement answered.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) rows: Vec<Vec<Cell>>,
    /// False where more would have come than may be taken in.
    pub(crate) is_whole: bool,
}

impl Link {
    pub(crate) fn postgres(connection: PgConnection, relay: Relay, limit: Duration) -> Self {
        let database = Database::Postgres(Box::new(connection), relay);
        Self { database, limit, is_idle: true, in_transaction: false, identity: String::new() }
    }

    pub(crate) fn sqlite(
        (connection, deadline, identity): (SqliteConnection, Deadline, String),
        limit: Duration,
    ) -> Self {
        let database = Database::Sqlite(Box::new(connection), deadline);
        Self { database, limit, is_idle: true, in_transaction: false, identity }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.database {
            Database::Postgres(..) => Dialect::Postgres,
            Database::Sqlite(..) => Dialect::Sqlite,
        }
    }

    /// Whether the next one may have it.
    pub(crate) fn is_sound(&self) -> bool {
        self.is_idle && !self.in_transaction
    }

    /// Asks, and takes in so many octets at most.
    pub(crate) async fn ask(&mut self, sql: String, binds: Vec<Bind>, most: usize) -> Result<Rows, Fault> {
        self.is_idle = false;
        let answer = self.answer(sql, binds, most).await;
        match &answer {
            // What still comes would have to be read before the next question.
            Ok(rows) => self.is_idle = rows.is_whole || self.dialect() == Dialect::Sqlite,
            Err(fault) => self.is_idle = !fault.ends_connection,
        }
        answer.map_err(|fault| self.explained(fault))
    }

    async fn answer(&mut self, sql: String, binds: Vec<Bind>, most: usize) -> Result<Rows, Fault> {
        let limit = self.limit;
        let answered = match &mut self.database {
            Database::Postgres(connection, _) => {
                let query = sqlx::query_with(AssertSqlSafe(sql), postgres_arguments(binds)?);
                let rows = gather(query.fetch(&mut **connection), most, postgres_cell);
                tokio::time::timeout(limit, rows).await
            }
            Database::Sqlite(connection, deadline) => {
                deadline.set(limit);
                let query = sqlx::query_with(AssertSqlSafe(sql), sqlite_arguments(binds)?);
                let rows = gather(query.fetch(&mut **connection), most, sqlite_cell);
                // Its own clock ends it first, unless the disk is what it waits for.
                tokio::time::timeout(limit * 2, rows).await
            }
        };
        match answered {
            Ok(answered) => answered.map_err(Fault::from),
            Err(_) => Err(Fault::late(limit)),
        }
    }

    fn explained(&self, fault: Fault) -> Fault {
        match &self.database {
            Database::Postgres(_, relay) if fault.ends_connection => match relay.reason() {
                Some(reason) => Fault::broken(reason),
                None => fault,
            },
            Database::Postgres(..) | Database::Sqlite(..) => fault,
        }
    }

    /// Asks for what is small; more than that is a fault.
    pub(crate) async fn all(&mut self, sql: String, binds: Vec<Bind>) -> Result<Vec<Vec<Cell>>, Fault> {
        let answer = self.ask(sql, binds, BESIDE_OCTETS).await?;
        match answer.is_whole {
            true => Ok(answer.rows),
            false => Err(Fault {
                sort: crate::fault::Sort::Unusable,
                ..Fault::broken(format!(
                    "its answer is larger than {BESIDE_OCTETS} octets; ask for fewer attributes"
                ))
            }),
        }
    }

    /// Whether a statement could be carried out at all, for any rows. The database looks at rights, tables and columns
    /// as ever, and does nothing.
    ///
    /// # Errors
    /// With what stands against it.
    pub(crate) async fn could_carry_out(&mut self, tried: &Tried) -> Result<(), Fault> {
        match self.dialect() {
            Dialect::Postgres => {
                let binds = vec![Bind::Texts(Vec::new()); tried.values];
                self.all(format!("EXPLAIN {}", tried.sql), binds).await.map(|_| ())
            }
            // All of this is looked at before it begins there. There are no rights.
            Dialect::Sqlite => self.columns(tried.sql.clone()).await.map(|_| ()),
        }
    }

    /// Begins a transaction that writes.
    pub(crate) async fn begin(&mut self) -> Result<(), Fault> {
        self.in_transaction = true;
        let sql = match self.dialect() {
            Dialect::Postgres => "BEGIN",
            Dialect::Sqlite => "BEGIN IMMEDIATE",
        };
        let begun = self.all(sql.to_owned(), Vec::new()).await.map(|_| ());
        if begun.is_err() {
            self.in_transaction = false;
        }
        begun
    }

    /// Ends the transaction: everything of it counts, or nothing.
    pub(crate) async fn commit(&mut self) -> Result<(), Fault> {
        self.all("COMMIT".to_owned(), Vec::new()).await?;
        self.in_transaction = false;
        Ok(())
    }

    /// Ends the transaction without any of it.
    pub(crate) async fn roll_back(&mut self) -> Result<(), Fault> {
        self.all("ROLLBACK".to_owned(), Vec::new()).await?;
        self.in_transaction = false;
        Ok(())
    }

    /// The columns that a statement would answer, with the words of the database for their types.
    pub(crate) async fn columns(&mut self, sql: String) -> Result<Vec<(String, String)>, Fault> {
        self.is_idle = false;
        let (limit, sql) = (self.limit, AssertSqlSafe(sql).into_sql_str());
        let columns = match &mut self.database {
            Database::Postgres(connection, _) => {
                let prepared = tokio::time::timeout(limit, connection.prepare(sql)).await;
                prepared.map(|prepared| prepared.map(|prepared| named(prepared.columns())))
            }
            Database::Sqlite(connection, deadline) => {
                deadline.set(limit);
                let prepared = tokio::time::timeout(limit * 2, connection.prepare(sql)).await;
                prepared.map(|prepared| prepared.map(|prepared| named(prepared.columns())))
            }
        };
        let columns = match columns {
            Ok(columns) => columns.map_err(Fault::from),
            Err(_) => Err(Fault::late(limit)),
        };
        self.is_idle = columns.as_ref().err().is_none_or(|fault| !fault.ends_connection);
        columns.map_err(|fault| self.explained(fault))
    }
}

fn named<C: sqlx::Column>(columns: &[C]) -> Vec<(String, String)> {
    columns.iter().map(|column| (column.name().to_owned(), column.type_info().name().to_owned())).collect()
}

/// Takes in rows until there are no more, or too much.
async fn gather<R: Row>(
    mut answer: BoxStream<'_, Result<R, sqlx::Error>>,
    most: usize,
    cell: fn(&R, usize) -> Cell,
) -> Result<Rows, sqlx::Error> {
    let (mut rows, mut octets) = (Vec::new(), 0);
    while let Some(row) = answer.next().await {
        let row = row?;
        if octets > most {
            return Ok(Rows { rows, is_whole: false });
        }
        let cells: Vec<Cell> = (0..row.len()).map(|index| cell(&row, index)).collect();
        octets += cells.iter().map(Cell::octets).sum::<usize>();
        rows.push(cells);
    }
    Ok(Rows { rows, is_whole: true })
}

/// All columns are asked for as texts.
fn postgres_cell(row: &PgRow, index: usize) -> Cell {
    match row.try_get_unchecked::<Option<String>, _>(index) {
        Ok(Some(text)) => Cell::Text(text),
        Ok(None) => Cell::Null,
        Err(_) => Cell::Unreadable,
    }
}

/// Each cell has a type of its own, whatever its column says.
fn sqlite_cell(row: &SqliteRow, index: usize) -> Cell {
    let Ok(value) = row.try_get_raw(index) else { return Cell::Unreadable };
    if value.is_null() {
        return Cell::Null;
    }
    let kind = value.type_info().name().to_owned();
    let read = match kind.as_str() {
        "INTEGER" => <i64 as Decode<Sqlite>>::decode(value).map(Cell::Integer),
        "REAL" => <f64 as Decode<Sqlite>>::decode(value).map(Cell::Real),
        "BLOB" => <Vec<u8> as Decode<Sqlite>>::decode(value).map(Cell::Octets),
        _ => <String as Decode<Sqlite>>::decode(value).map(Cell::Text),
    };
    read.unwrap_or(Cell::Unreadable)
}

fn postgres_arguments(binds: Vec<Bind>) -> Result<PgArguments, Fault> {
    let mut arguments = PgArguments::default();
    for bind in binds {
        let added = match bind {
            Bind::Null => arguments.add(None::<String>),
            Bind::Text(text) => arguments.add(text),
            Bind::Integer(number) => arguments.add(number.to_string()),
            Bind::Real(number) => arguments.add(number.to_string()),
            Bind::Octets(octets) => arguments.add(octets),
            Bind::Texts(texts) => arguments.add(texts),
        };
        added.map_err(|error| Fault::from(sqlx::Error::Encode(error)))?;
    }
    Ok(arguments)
}

fn sqlite_arguments(binds: Vec<Bind>) -> Result<SqliteArguments, Fault> {
    let mut arguments = SqliteArguments::default();
    for bind in binds {
        let added = match bind {
            Bind::Null => arguments.add(None::<String>),
            Bind::Text(text) => arguments.add(text),
            Bind::Integer(number) => arguments.add(number),
            Bind::Real(number) => arguments.add(number),
            Bind::Octets(octets) => arguments.add(octets),
            Bind::Texts(texts) => arguments.add(serde_json::to_string(&texts).unwrap_or_default()),
        };
        added.map_err(|error| Fault::from(sqlx::Error::Encode(error)))?;
    }
    Ok(arguments)
}
