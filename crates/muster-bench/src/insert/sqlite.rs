//! Inserting into SQLite: prepared statements, one row each.

use std::path::Path;

use rusqlite::{Connection, Statement, params};

use super::BATCH;
use super::entry::{Entries, Entry};
use crate::error::Error;

const SCHEMA: &str = include_str!("../../../../migrations/sqlite/0001_initial.sql");

const CHANGE: &str = "INSERT INTO change (id, tenant, bucket, position, action, situation, reaction, uid, \
    uid_key, place, object, object_version, state, result, provenance, snapshot, digest) \
    VALUES (4294967296 + ?1, 1, 0, ?1, 0, 2, 2, ?2, ?3, ?1, ?3, 0, 0, ?4, 'hr@1', ?5, ?3)";
const OBJECT: &str = "INSERT INTO object (tenant, id, kind, directory, type, version, attributes, provenance) \
    VALUES (1, ?1, 0, 'main', 'employee', 1, ?2, 'hr@1')";
const SHADOW: &str = "INSERT INTO shadow (tenant, application, no, class, uid_key, uid, owner, state, version, \
    digest, snapshot) VALUES (1, 'hr', ?1, 'person', ?2, ?3, ?2, 0, 1, ?2, ?4)";
const KEY: &str = "INSERT INTO key (tenant, hash, object) VALUES (1, ?1, ?1)";

pub(super) fn make_schema(file: &Path) -> Result<(), Error> {
    Ok(open(file)?.execute_batch(SCHEMA)?)
}

pub(super) fn insert(mut entries: Entries, file: &Path) -> Result<u64, Error> {
    let connection = open(file)?;
    let mut rows = Rows::prepare(&connection)?;
    let mut inserted = 0;
    loop {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut batch = 0;
        while batch < BATCH
            && let Some(entry) = entries.next()?
        {
            rows.insert(&entry)?;
            batch += 1;
        }
        connection.execute_batch("COMMIT")?;
        inserted += batch as u64;
        if batch < BATCH {
            return Ok(inserted);
        }
    }
}

/// The settings of the store's own connections, but for the checkpoints, which stay SQLite's own.
fn open(file: &Path) -> Result<Connection, Error> {
    let connection = Connection::open(file)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384;",
    )?;
    Ok(connection)
}

/// The four statements.
struct Rows<'a> {
    change: Statement<'a>,
    object: Statement<'a>,
    shadow: Statement<'a>,
    key: Statement<'a>,
}

impl<'a> Rows<'a> {
    fn prepare(connection: &'a Connection) -> Result<Self, Error> {
        Ok(Self {
            change: connection.prepare(CHANGE)?,
            object: connection.prepare(OBJECT)?,
            shadow: connection.prepare(SHADOW)?,
            key: connection.prepare(KEY)?,
        })
    }

    fn insert(&mut self, entry: &Entry) -> Result<(), Error> {
        let Entry { no, uid, snapshot, attributes } = entry;
        let key = entry.key();
        self.change.execute(params![no, uid, key, attributes, snapshot])?;
        self.object.execute(params![key, attributes])?;
        self.shadow.execute(params![no, key, uid, snapshot])?;
        self.key.execute([key])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_costs_a_row_in_each_table() {
        let directory = tempfile::tempdir().unwrap();
        let people = directory.path().join("people.csv");
        let lines: String = (0..=BATCH).map(|no| format!("E{no},O'Neill \"Tab\"\n")).collect();
        std::fs::write(&people, format!("employeeNumber,surname\n{lines}")).unwrap();
        let file = directory.path().join("floor.db");
        make_schema(&file).unwrap();
        let count = BATCH as u64 + 1;
        assert_eq!(insert(Entries::open(&people).unwrap(), &file).unwrap(), count);
        let connection = open(&file).unwrap();
        for table in ["change", "object", "shadow", "key"] {
            let sql = format!("SELECT count(*) FROM {table}");
            let rows: i64 = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
            assert_eq!(rows.unsigned_abs(), count, "{table}");
        }
    }
}
