//! A look at a database that changes nothing, for somebody who wants to know whether it can be worked with.

use chrono::{DateTime, Utc};

use crate::database::{Database, Dialect, Location, Urgency};
use crate::error::StoreError;
use crate::migration::KNOWN;
use crate::row::{get, instant, number, optional_number};
use crate::sight::Sight;

/// What a look at a database showed.
#[derive(Debug)]
pub struct Examination {
    /// The version of its schema, 0 where it has none.
    pub schema: i64,
    /// The version that this program needs.
    pub known: i64,
    /// What the database itself says about damages, if there are any.
    pub damage: Option<String>,
    /// Whether it can be written.
    pub write: Result<(), StoreError>,
    /// The clock of its server, if it has one.
    pub clock: Option<DateTime<Utc>>,
    /// When the newest run was launched, where the schema is the one that this program knows.
    pub newest_run: Option<DateTime<Utc>>,
}

impl Examination {
    /// Looks at a database that is there.
    ///
    /// # Errors
    /// When it cannot be reached or read.
    pub async fn of(location: &Location) -> Result<Self, StoreError> {
        let database = Database::connect(location).await?;
        let schema = schema(&database).await?;
        let newest = "SELECT started_at FROM run ORDER BY seq DESC LIMIT 1";
        // Of another schema nobody knows who may see its runs.
        let newest = match schema == KNOWN {
            true => database.clone().seen_by(Sight::System).query_one(newest, Vec::new()).await?,
            false => None,
        };
        Ok(Self {
            schema,
            known: KNOWN,
            damage: damage(&database).await?,
            write: write(&database).await,
            clock: clock(&database).await?,
            newest_run: newest.map(|row| instant(number(&row, 0)?)).transpose()?,
        })
    }
}

async fn schema(database: &Database) -> Result<i64, StoreError> {
    let is_there = match database.dialect {
        Dialect::Sqlite => "SELECT count(*) FROM sqlite_master WHERE name = 'schema_version'",
        Dialect::Postgres => "SELECT count(to_regclass('schema_version'))",
    };
    let is_there = database.query_one(is_there, Vec::new()).await?;
    if is_there.map(|row| number(&row, 0)).transpose()? != Some(1) {
        return Ok(0);
    }
    let version = database.query_one("SELECT max(version) FROM schema_version", Vec::new()).await?;
    Ok(version.map(|row| optional_number(&row, 0)).transpose()?.flatten().unwrap_or(0))
}

/// PostgreSQL looks after its own pages.
async fn damage(database: &Database) -> Result<Option<String>, StoreError> {
    if database.dialect == Dialect::Postgres {
        return Ok(None);
    }
    let said = database.query_one("PRAGMA quick_check(1)", Vec::new()).await?;
    let said: Option<String> = said.map(|row| get(&row, 0)).transpose()?;
    Ok(said.filter(|said| said != "ok"))
}

/// Writes something and takes it back.
async fn write(database: &Database) -> Result<(), StoreError> {
    let tx = database.begin(Urgency::Short).await?;
    tx.execute("CREATE TABLE examined (at BIGINT)", Vec::new()).await?;
    drop(tx);
    Ok(())
}

async fn clock(database: &Database) -> Result<Option<DateTime<Utc>>, StoreError> {
    if database.dialect == Dialect::Sqlite {
        return Ok(None);
    }
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let row = database.query_one(sql, Vec::new()).await?;
    row.map(|row| instant(number(&row, 0)?)).transpose()
}
