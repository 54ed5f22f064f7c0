//! What every version of the schema was left with is there after the steps that follow it.
//!
//! Each table of a version gets a row, made from what the database says of its columns, so no table and no step can be
//! forgotten. What a step changes on purpose stands in [`CHANGED`].

use std::collections::BTreeMap;

use sea_orm::QueryResult;

use crate::Store;
use crate::database::{Database, Dialect, Urgency};
use crate::migration::{KNOWN, take_first};
use crate::query_plans::on_each_location;
use crate::row::get;

/// Columns that a step changes: the version that it leads to, table, column.
const CHANGED: [(i64, &str, &str); 2] = [(2, "shadow", "digest"), (2, "shadow", "account_digest")];

/// A column: its name, and a value for it as the database writes one.
type Column = (String, &'static str);

async fn columns(database: &Database) -> BTreeMap<String, Vec<Column>> {
    let sql = match database.dialect {
        Dialect::Sqlite => {
            "SELECT t.name, c.name, c.type FROM sqlite_master t JOIN pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name <> 'schema_version'"
        }
        Dialect::Postgres => {
            "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name <> 'schema_version'"
        }
    };
    let mut tables: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for row in database.query(sql, Vec::new()).await.unwrap() {
        let text = |place| get::<String>(&row, place).unwrap();
        // The same everywhere, so that rows refer to each other.
        let value = match text(2).to_lowercase().as_str() {
            "integer" | "bigint" => "1",
            "text" => "'a1'",
            "blob" => "X'00000000000000000000000000000001'",
            "bytea" => "'\\x00000000000000000000000000000001'::bytea",
            "uuid" => "'00000000-0000-0000-0000-000000000001'::uuid",
            other => panic!("{other}"),
        };
        tables.entry(text(0)).or_default().push((text(1), value));
    }
    tables
}

/// Puts a row into each table; those that refer to others come when these are there.
async fn fill(database: &Database, tables: &BTreeMap<String, Vec<Column>>) {
    let mut left: Vec<_> = tables.iter().collect();
    while !left.is_empty() {
        let before = left.len();
        let mut later = Vec::new();
        for (table, columns) in left {
            let names: Vec<_> = columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            let values: Vec<_> = columns.iter().map(|(_, value)| *value).collect();
            let (names, values) = (names.join(", "), values.join(", "));
            let tx = database.begin(Urgency::Short).await.unwrap();
            match tx.script(&format!("INSERT INTO \"{table}\" ({names}) VALUES ({values})")).await {
                Ok(()) => tx.commit().await.unwrap(),
                Err(error) => later.push(((table, columns), error)),
            }
        }
        assert!(later.len() < before, "{later:?}");
        left = later.into_iter().map(|(table, _)| table).collect();
    }
}

/// The row of each table as it was filled, without the columns that steps after this version change.
async fn kept(
    database: &Database,
    tables: &BTreeMap<String, Vec<Column>>,
    version: i64,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (table, columns) in tables {
        let is_kept = |name: &str| {
            !CHANGED.iter().any(|(step, of, column)| *step > version && of == table && *column == name)
        };
        let conditions: Vec<_> = columns
            .iter()
            .filter(|(name, _)| is_kept(name))
            .map(|(name, value)| format!("\"{name}\" = {value}"))
            .collect();
        let sql = format!("SELECT count(*) FROM \"{table}\" WHERE {}", conditions.join(" AND "));
        let count = |row: &QueryResult| get::<i64>(row, 0).unwrap();
        let rows = database.query(&sql, Vec::new()).await.unwrap();
        found.insert(table.clone(), format!("{} row with {}", count(&rows[0]), conditions.join(", ")));
    }
    found
}

#[test]
fn every_version_is_upgraded_with_all_that_it_holds() {
    for version in 1..KNOWN {
        on_each_location(async |location| {
            let database = Database::connect(&location).await.unwrap();
            take_first(&database, version).await.unwrap();
            let tables = columns(&database).await;
            assert!(tables.len() >= 18, "{tables:?}");
            fill(&database, &tables).await;
            let before = kept(&database, &tables, version).await;
            assert!(before.values().all(|found| found.starts_with("1 row")), "{before:#?}");

            let store = Store::open(&location).await.unwrap();
            assert_eq!(kept(&database, &tables, version).await, before, "from version {version}");
            let tenants = store.tenants().await.unwrap();
            assert_eq!(tenants.iter().map(|tenant| tenant.slug.as_str()).collect::<Vec<_>>(), ["a1"]);
        });
    }
}
