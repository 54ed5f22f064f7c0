//! Everything of a SQLite database into an empty PostgreSQL, in one transaction, counted and compared table by table.
//!
//! Tables and columns are asked of the databases, so none can be forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use crate::Store;
use crate::database::{Dialect, Location, Transaction, Urgency};
use crate::error::StoreError;
use crate::migration::with_all_rows;
use crate::row::{get, number};
use crate::rows::{Bulk, Kind};

/// Rows that are in memory at a time.
const AT_ONCE: usize = 2000;

/// What each database keeps about itself; SQLite alone has to note which numbers it gave.
const OWN: &str = "('schema_version', 'numbering')";

/// A table that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// A digest over all of them, in whatever order.
    pub digest: u128,
}

/// Columns with their kinds.
type Columns = Vec<(String, Kind)>;

/// Copies the database of a file into the one at a URL, which must be empty. Nobody else writes the first meanwhile;
/// when this fails the second is as it was.
///
/// # Errors
/// [`StoreError::Exists`] when the second is not empty. When one of the two fails, or holds something else afterwards.
pub async fn copy(from: &Path, to: &str) -> Result<Vec<CopiedTable>, StoreError> {
    let source = Store::open(&Location::File(from.to_owned())).await?;
    let target = Store::open(&Location::Postgres(to.to_owned())).await?;
    let source = source.database.begin(Urgency::Short).await?;
    let target = target.database.begin(Urgency::Short).await?;
    let copied = with_all_rows(&target, async || copy_tables(&source, &target).await).await?;
    target.commit().await?;
    Ok(copied)
}

async fn copy_tables(source: &Transaction, target: &Transaction) -> Result<Vec<CopiedTable>, StoreError> {
    let names = tables(source).await?;
    for name in &names {
        let sql = format!("SELECT 1 FROM \"{name}\" LIMIT 1");
        if target.query_one(&sql, Vec::new()).await?.is_some() {
            return Err(StoreError::Exists(format!("data in table `{name}` of the target")));
        }
    }
    let mut copied = Vec::new();
    for name in names {
        copied.push(copy_table(source, target, name).await?);
    }
    continue_numbers(target).await?;
    Ok(copied)
}

/// All tables, those first that others refer to.
async fn tables(source: &Transaction) -> Result<Vec<String>, StoreError> {
    let sql = format!(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT IN {OWN}"
    );
    let names = source.query(&sql, Vec::new()).await?;
    let mut parents: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in names {
        let name: String = get(&row, 0)?;
        let sql = format!("SELECT DISTINCT \"table\" FROM pragma_foreign_key_list('{name}')");
        let referred = source.query(&sql, Vec::new()).await?;
        let referred: BTreeSet<String> = referred.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
        parents.insert(name, referred);
    }
    let mut ordered: Vec<String> = Vec::new();
    while !parents.is_empty() {
        let ready = |(name, parents): &(&String, &BTreeSet<String>)| {
            parents.iter().all(|parent| parent == *name || ordered.contains(parent))
        };
        let Some(name) = parents.iter().find(ready).map(|(name, _)| name.clone()) else {
            return Err(StoreError::unreadable("schema", "tables refer to each other in a circle"));
        };
        parents.remove(&name);
        ordered.push(name);
    }
    Ok(ordered)
}

async fn copy_table(
    source: &Transaction,
    target: &Transaction,
    name: String,
) -> Result<CopiedTable, StoreError> {
    let columns = columns(target, &name).await?;
    let borrowed: Vec<(&str, Kind)> = columns.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
    let bulk = Bulk { table: &name, columns: &borrowed, suffix: "" };
    let mut pages = Pages::of(source, &name, &columns).await?;
    while let Some(rows) = pages.next(source).await? {
        bulk.insert(target, rows).await?;
    }
    let mut written = Pages::of(target, &name, &columns).await?;
    while written.next(target).await?.is_some() {}
    if (pages.rows, pages.digest) != (written.rows, written.digest) {
        let detail = format!("{} rows instead of {}, or others", written.rows, pages.rows);
        return Err(StoreError::Unreadable {
            what: "copy of a table",
            detail: format!("`{name}`: {detail}"),
        });
    }
    Ok(CopiedTable { name, rows: pages.rows, digest: pages.digest })
}

/// The columns of a table of PostgreSQL, which knows their types better.
async fn columns(target: &Transaction, table: &str) -> Result<Columns, StoreError> {
    let sql = "SELECT column_name::text, data_type::text FROM information_schema.columns \
        WHERE table_schema = current_schema() AND table_name = ? ORDER BY ordinal_position";
    let column = |row: &QueryResult| -> Result<(String, Kind), StoreError> {
        let (name, kind): (String, String) = (get(row, 0)?, get(row, 1)?);
        let kind = match kind.as_str() {
            "bigint" => Kind::Integer,
            "text" => Kind::Text,
            "bytea" => Kind::Octets,
            "uuid" => Kind::Uuid,
            _ => return Err(StoreError::unreadable("column", format!("{table}.{name} of type {kind}"))),
        };
        Ok((name, kind))
    };
    target.query(sql, vec![table.into()]).await?.iter().map(column).collect()
}

/// The columns of the primary key, in their order.
async fn key(tx: &Transaction, table: &str) -> Result<Vec<String>, StoreError> {
    let sql = match tx.dialect() {
        Dialect::Sqlite => {
            format!("SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 ORDER BY pk")
        }
        Dialect::Postgres => format!(
            "SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid \
             AND a.attnum = ANY (i.indkey) WHERE i.indrelid = '\"{table}\"'::regclass AND i.indisprimary \
             ORDER BY array_position(i.indkey::int2[], a.attnum)"
        ),
    };
    tx.query(&sql, Vec::new()).await?.iter().map(|row| get(row, 0)).collect()
}

/// A table, read page by page along its key, counted and digested on the way.
struct Pages<'a> {
    columns: &'a Columns,
    select: String,
    /// Where the columns of the key stand among all.
    key: Vec<usize>,
    key_names: String,
    last: Option<Vec<Value>>,
    rows: u64,
    digest: u128,
}

impl<'a> Pages<'a> {
    async fn of(tx: &Transaction, table: &str, columns: &'a Columns) -> Result<Self, StoreError> {
        let key_columns = key(tx, table).await?;
        let at = |name: &String| columns.iter().position(|(column, _)| column == name);
        let key: Option<Vec<usize>> = key_columns.iter().map(at).collect();
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            return Err(StoreError::unreadable("table without a key", table));
        };
        let quoted = |names: &mut dyn Iterator<Item = &str>| {
            names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
        };
        let names = quoted(&mut columns.iter().map(|(name, _)| name.as_str()));
        let key_names = quoted(&mut key_columns.iter().map(String::as_str));
        let select = format!("SELECT {names} FROM \"{table}\"");
        Ok(Self { columns, select, key, key_names, last: None, rows: 0, digest: 0 })
    }

    async fn next(&mut self, tx: &Transaction) -> Result<Option<Vec<Vec<Value>>>, StoreError> {
        let last = self.last.take();
        let Self { select, key_names, .. } = &*self;
        let order = format!("ORDER BY {key_names} LIMIT {AT_ONCE}");
        let found = match last {
            None => tx.query(&format!("{select} {order}"), Vec::new()).await?,
            Some(last) => {
                let places = vec!["?"; last.len()].join(", ");
                tx.query(&format!("{select} WHERE ({key_names}) > ({places}) {order}"), last).await?
            }
        };
        let mut rows = Vec::with_capacity(found.len());
        for row in &found {
            let (values, digest) = self.read(row)?;
            self.rows += 1;
            self.digest = self.digest.wrapping_add(digest);
            rows.push(values);
        }
        self.last = rows.last().map(|row| self.key.iter().map(|place| row[*place].clone()).collect());
        Ok((!rows.is_empty()).then_some(rows))
    }

    /// The values of a row, and a digest of them that is the same whichever database it stands in.
    fn read(&self, row: &QueryResult) -> Result<(Vec<Value>, u128), StoreError> {
        let mut hasher = blake3::Hasher::new();
        let mut note = |octets: Option<&[u8]>| {
            let length = octets.map_or(u64::MAX, |octets| octets.len() as u64);
            hasher.update(&length.to_le_bytes()).update(octets.unwrap_or_default());
        };
        let mut values = Vec::with_capacity(self.columns.len());
        for (place, (_, kind)) in self.columns.iter().enumerate() {
            values.push(match kind {
                Kind::Integer => {
                    let number: Option<i64> = get(row, place)?;
                    note(number.map(i64::to_le_bytes).as_ref().map(<[u8; 8]>::as_slice));
                    number.into()
                }
                Kind::Text => {
                    let text: Option<String> = get(row, place)?;
                    note(text.as_deref().map(str::as_bytes));
                    text.into()
                }
                Kind::Octets => {
                    let octets: Option<Vec<u8>> = get(row, place)?;
                    note(octets.as_deref());
                    octets.into()
                }
                Kind::Uuid => {
                    let id: Option<Uuid> = get(row, place)?;
                    note(id.as_ref().map(|id| id.as_bytes().as_slice()));
                    id.into()
                }
            });
        }
        let mut first = [0; 16];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Ok((values, u128::from_le_bytes(first)))
    }
}

/// Lets the numbers that PostgreSQL gives itself go on behind those that were given.
async fn continue_numbers(target: &Transaction) -> Result<(), StoreError> {
    let sql = "SELECT table_name::text, column_name::text FROM information_schema.columns \
        WHERE table_schema = current_schema() AND is_identity = 'YES'";
    for row in target.query(sql, Vec::new()).await? {
        let (table, column): (String, String) = (get(&row, 0)?, get(&row, 1)?);
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('\"{table}\"', '{column}'), \
             (SELECT coalesce(max(\"{column}\"), 0) + 1 FROM \"{table}\"), false)"
        );
        let next = target.query_one(&sql, Vec::new()).await?;
        next.map(|row| number(&row, 0)).transpose()?;
    }
    Ok(())
}
