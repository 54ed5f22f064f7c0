//! A copy of a whole SQLite database in one file, taken while others work on it, with further files inside. The file
//! is a SQLite database itself.
//!
//! What is in it is the database as it was at one instant. The further files are the caller's: here they are octets.

use std::path::Path;
use std::time::Duration;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database as SeaOrm, DatabaseConnection, DbBackend, QueryResult,
    Statement, Value,
};

use crate::error::StoreError;
use crate::migration::KNOWN;
use crate::row::{get, number};

const FILES: &str = "CREATE TABLE file_part (path TEXT NOT NULL, part BIGINT NOT NULL, octets BLOB NOT NULL, \
    PRIMARY KEY (path, part))";

/// A backup file, open.
#[derive(Debug)]
pub struct BackupFile(DatabaseConnection);

impl BackupFile {
    /// Copies a database into a backup file without further files. Where it is to be, there is
    /// nothing, or an empty file.
    ///
    /// # Errors
    /// When the one cannot be read or the other not be written.
    pub async fn make(database: &Path, file: &Path) -> Result<Self, StoreError> {
        let source = connect(database).await?;
        send(&source, "VACUUM INTO ?", vec![file.to_string_lossy().as_ref().into()]).await?;
        source.close().await.map_err(|error| failed("close", error))?;
        let made = connect(file).await?;
        send(&made, FILES, Vec::new()).await?;
        Ok(Self(made))
    }

    /// Opens a backup file.
    ///
    /// # Errors
    /// When it is none, is damaged, or is one of a newer program.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        let backup = Self(connect(file).await?);
        let tables = "SELECT count(*) FROM sqlite_master WHERE name IN ('file_part', 'schema_version')";
        if backup.number(tables).await? != 2 {
            return Err(StoreError::unreadable("backup", "it was not made by `muster backup`"));
        }
        let found = backup.number("SELECT max(version) FROM schema_version").await?;
        if found > KNOWN {
            return Err(StoreError::NewerSchema { found, known: KNOWN });
        }
        let sound = backup.query("PRAGMA integrity_check", Vec::new()).await?;
        match sound.first().map(|row| get::<String>(row, 0)).transpose()?.as_deref() {
            Some("ok") => Ok(backup),
            found => Err(StoreError::unreadable("backup", found.unwrap_or("damaged"))),
        }
    }

    /// Adds a part of a file; parts are numbered from 0.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn add_part(&self, path: &str, part: i64, octets: Vec<u8>) -> Result<(), StoreError> {
        let sql = "INSERT INTO file_part (path, part, octets) VALUES (?, ?, ?)";
        send(&self.0, sql, vec![path.into(), part.into(), octets.into()]).await
    }

    /// The paths of all files.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn files(&self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT DISTINCT path FROM file_part ORDER BY path";
        self.query(sql, Vec::new()).await?.iter().map(|row| get(row, 0)).collect()
    }

    /// A part of a file, if it has so many.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn part(&self, path: &str, part: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT octets FROM file_part WHERE path = ? AND part = ?";
        let rows = self.query(sql, vec![path.into(), part.into()]).await?;
        rows.first().map(|row| get(row, 0)).transpose()
    }

    /// Leaves nothing but the database.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn into_database(self) -> Result<(), StoreError> {
        send(&self.0, "DROP TABLE file_part", Vec::new()).await?;
        send(&self.0, "VACUUM", Vec::new()).await?;
        self.close().await
    }

    /// Writes everything for good.
    ///
    /// # Errors
    /// When that fails.
    pub async fn close(self) -> Result<(), StoreError> {
        self.0.close().await.map_err(|error| failed("close", error))
    }

    async fn number(&self, sql: &str) -> Result<i64, StoreError> {
        let rows = self.query(sql, Vec::new()).await?;
        rows.first().map_or(Ok(0), |row| number(row, 0))
    }

    async fn query(&self, sql: &str, values: Vec<Value>) -> Result<Vec<QueryResult>, StoreError> {
        let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
        self.0.query_all_raw(statement).await.map_err(|source| failed(sql, source))
    }
}

/// One connection that leaves no further file beside the database. What is there already is not converted.
async fn connect(path: &Path) -> Result<DatabaseConnection, StoreError> {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rw", path.display()));
    options
        .max_connections(1)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| sqlite.busy_timeout(Duration::from_secs(30)));
    let location = path.display().to_string();
    SeaOrm::connect(options).await.map_err(|source| StoreError::Connect { location, source })
}

async fn send(connection: &DatabaseConnection, sql: &str, values: Vec<Value>) -> Result<(), StoreError> {
    let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
    connection.execute_raw(statement).await.map(|_| ()).map_err(|source| failed(sql, source))
}

fn failed(sql: &str, source: sea_orm::DbErr) -> StoreError {
    let start = sql.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    StoreError::Statement { start, source }
}
