//! Inserting into `PostgreSQL`: a COPY a table, one after the other on one connection.

use std::fmt::Write;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::BATCH;
use super::entry::{Entries, Entry};
use crate::error::Error;

const SCHEMA: &str = include_str!("../../../../migrations/postgres/0001_initial.sql");

const CHANGE: &str = "COPY change (id, tenant, bucket, position, action, situation, reaction, uid, uid_key, \
    place, object, object_version, state, result, provenance, snapshot, digest) FROM STDIN";
const OBJECT: &str =
    "COPY object (tenant, id, kind, directory, type, version, attributes, provenance) FROM STDIN";
const SHADOW: &str = "COPY shadow (tenant, application, no, class, uid_key, uid, owner, state, version, \
    digest, snapshot) FROM STDIN";
const KEY: &str = "COPY key (tenant, hash, object) FROM STDIN";

pub(super) fn make_schema(url: &str) -> Result<(), Error> {
    block_on(async {
        let mut connection = PgConnection::connect(url).await?;
        connection.execute(sqlx::raw_sql(AssertSqlSafe(SCHEMA))).await?;
        Ok(())
    })
}

pub(super) fn insert(mut entries: Entries, url: &str) -> Result<u64, Error> {
    block_on(async {
        let mut connection = PgConnection::connect(url).await?;
        let mut inserted = 0;
        loop {
            let (batch, rows) = read(&mut entries)?;
            if batch > 0 {
                connection.execute("BEGIN").await?;
                for (statement, rows) in [CHANGE, OBJECT, SHADOW, KEY].into_iter().zip(rows) {
                    let mut copy = connection.copy_in_raw(statement).await?;
                    copy.send(rows.into_bytes()).await?;
                    copy.finish().await?;
                }
                connection.execute("COMMIT").await?;
            }
            inserted += batch as u64;
            if batch < BATCH {
                return Ok(inserted);
            }
        }
    })
}

fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Error::io("start the runtime"))?.block_on(work)
}

/// The rows of the next entries, a text a table.
fn read(entries: &mut Entries) -> Result<(usize, [String; 4]), Error> {
    let mut rows: [String; 4] = Default::default();
    let mut batch = 0;
    while batch < BATCH
        && let Some(entry) = entries.next()?
    {
        // Writing to a text cannot fail.
        add(&mut rows, &entry).unwrap_or(());
        batch += 1;
    }
    Ok((batch, rows))
}

fn add([changes, objects, shadows, keys]: &mut [String; 4], entry: &Entry) -> std::fmt::Result {
    let Entry { no, .. } = entry;
    let key = format!("{:032x}", u128::from_be_bytes(entry.key()));
    let [uid, snapshot, attributes] =
        [&entry.uid, &entry.snapshot, &entry.attributes].map(|text| escaped(text));
    let id = (1i64 << 32) | no;
    writeln!(
        changes,
        "{id}\t1\t0\t{no}\t0\t2\t2\t{uid}\t\\\\x{key}\t{no}\t{key}\t0\t0\t{attributes}\thr@1\t{snapshot}\t\\\\x{key}"
    )?;
    writeln!(objects, "1\t{key}\t0\tmain\temployee\t1\t{attributes}\thr@1")?;
    writeln!(shadows, "1\thr\t{no}\tperson\t\\\\x{key}\t{uid}\t{key}\t0\t1\t\\\\x{key}\t{snapshot}")?;
    writeln!(keys, "1\t\\\\x{key}\t{key}")
}

/// As COPY reads texts. Control characters but these stand for themselves.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '\\' => escaped.push_str("\\\\"),
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where tests find a server; without one there is nothing to insert into.
    const POSTGRES: &str = "MUSTER_TEST_POSTGRES";

    #[test]
    fn texts_are_escaped_for_copy() {
        assert_eq!(escaped("a\\b\tc\r\nd"), "a\\\\b\\tc\\r\\nd");
    }

    #[test]
    fn every_entry_costs_a_row_in_each_table() {
        let Ok(server) = std::env::var(POSTGRES) else { return };
        let database = format!("muster_bench_{}", std::process::id());
        let url = format!("{}/{database}", server.rsplit_once('/').unwrap().0);
        administer(&server, &format!("CREATE DATABASE {database}"));
        let directory = tempfile::tempdir().unwrap();
        let people = directory.path().join("people.csv");
        let lines: String = (0..=BATCH).map(|no| format!("E{no},Tab\\\t\"\"\n")).collect();
        std::fs::write(&people, format!("employeeNumber,surname\n{lines}")).unwrap();
        make_schema(&url).unwrap();
        let count = BATCH as u64 + 1;
        assert_eq!(insert(Entries::open(&people).unwrap(), &url).unwrap(), count);
        for table in ["change", "object", "shadow", "key"] {
            let found = block_on(async {
                let mut connection = PgConnection::connect(&url).await?;
                let sql = format!("SELECT count(*) FROM {table}");
                let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await?;
                Ok(rows.unsigned_abs())
            });
            assert_eq!(found.unwrap(), count, "{table}");
        }
        administer(&server, &format!("DROP DATABASE {database} WITH (FORCE)"));
    }

    fn administer(server: &str, sql: &str) {
        let done = block_on(async {
            let mut connection = PgConnection::connect(server).await?;
            connection.execute(AssertSqlSafe(sql.to_owned())).await?;
            Ok(())
        });
        done.unwrap();
    }
}
