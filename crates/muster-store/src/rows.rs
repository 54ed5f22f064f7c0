//! Many rows in one statement, in the way each database likes best.

use sea_orm::Value;
use sea_orm::sea_query::ArrayType;

use crate::database::{Dialect, Transaction};
use crate::error::StoreError;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Integer,
    Text,
    Octets,
    Uuid,
}

/// A table, as bulk inserts see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bulk<'a> {
    pub(crate) table: &'a str,
    pub(crate) columns: &'a [(&'a str, Kind)],
    /// What follows the rows, as `ON CONFLICT DO NOTHING`.
    pub(crate) suffix: &'a str,
}

/// Few sizes, so that the database meets few texts of statements and keeps them prepared.
const SIZES: [usize; 3] = [500, 100, 25];

/// What stands for "no value" in an array, whose elements PostgreSQL's driver wants all present.
const NO_INTEGER: i64 = i64::MIN;

impl Bulk<'_> {
    /// Inserts all rows; answers how many were inserted. A row has one value a column.
    pub(crate) async fn insert(&self, tx: &Transaction, rows: Vec<Vec<Value>>) -> Result<u64, StoreError> {
        match tx.dialect() {
            Dialect::Sqlite => self.insert_sqlite(tx, rows).await,
            Dialect::Postgres if rows.is_empty() => Ok(0),
            Dialect::Postgres => self.insert_postgres(tx, rows).await,
        }
    }

    async fn insert_sqlite(&self, tx: &Transaction, rows: Vec<Vec<Value>>) -> Result<u64, StoreError> {
        let mut inserted = 0;
        let mut left = rows.len();
        let mut rows = rows.into_iter();
        while left > 0 {
            let size = SIZES.into_iter().find(|size| *size <= left).unwrap_or(left);
            let values: Vec<Value> = rows.by_ref().take(size).flatten().collect();
            inserted += tx.execute(&self.sqlite_text(size), values).await?;
            left -= size;
        }
        Ok(inserted)
    }

    fn head(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        format!("INSERT INTO {} ({}) ", self.table, names.join(", "))
    }

    fn sqlite_text(&self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns.len()].join(","));
        format!("{}VALUES {} {}", self.head(), vec![row; rows].join(","), self.suffix)
    }

    /// One array a column. What is the same in all rows is said once: of the columns of a page most are.
    async fn insert_postgres(&self, tx: &Transaction, rows: Vec<Vec<Value>>) -> Result<u64, StoreError> {
        let mut columns: Vec<Vec<Value>> =
            self.columns.iter().map(|_| Vec::with_capacity(rows.len())).collect();
        for row in rows {
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
        let mut selected = Vec::with_capacity(columns.len());
        let (mut arrays, mut names) = (Vec::new(), Vec::new());
        let (mut same, mut differing) = (Vec::new(), Vec::new());
        for (place, (mut values, (name, kind))) in columns.into_iter().zip(self.columns).enumerate() {
            // One array there has to be, to say how many rows there are.
            if place > 0 && values.iter().all(|value| *value == values[0]) {
                selected.push(format!("?::{}", kind.postgres()));
                same.push(values.swap_remove(0));
                continue;
            }
            let any_lacks = values.iter().any(|value| *value == kind.nothing());
            selected.push(if any_lacks { kind.or_null(name) } else { format!("u.\"{name}\"") });
            arrays.push(format!("?::{}[]", kind.postgres()));
            names.push(format!("\"{name}\""));
            let values = values.into_iter().map(|value| present(value, *kind)).collect();
            differing.push(Value::Array(kind.array_type(), Some(Box::new(values))));
        }
        let sql = format!(
            "{}SELECT {} FROM UNNEST({}) AS u ({}) {}",
            self.head(),
            selected.join(", "),
            arrays.join(", "),
            names.join(", "),
            self.suffix
        );
        same.extend(differing);
        tx.execute(&sql, same).await
    }
}

impl Kind {
    fn array_type(self) -> ArrayType {
        match self {
            Self::Integer => ArrayType::BigInt,
            Self::Text => ArrayType::String,
            Self::Octets => ArrayType::Bytes,
            Self::Uuid => ArrayType::Uuid,
        }
    }

    fn nothing(self) -> Value {
        match self {
            Self::Integer => Value::BigInt(None),
            Self::Text => Value::String(None),
            Self::Octets => Value::Bytes(None),
            Self::Uuid => Value::Uuid(None),
        }
    }

    fn postgres(self) -> &'static str {
        match self {
            Self::Integer => "bigint",
            Self::Text => "text",
            Self::Octets => "bytea",
            Self::Uuid => "uuid",
        }
    }

    fn or_null(self, name: &str) -> String {
        match self {
            Self::Integer => format!("NULLIF(u.\"{name}\", {NO_INTEGER})"),
            Self::Text => format!("NULLIF(u.\"{name}\", '\u{1}')"),
            Self::Octets => format!("NULLIF(u.\"{name}\", '\\x01'::bytea)"),
            Self::Uuid => format!("NULLIF(u.\"{name}\", '00000000-0000-0000-0000-000000000000'::uuid)"),
        }
    }
}

fn present(value: Value, kind: Kind) -> Value {
    match (value, kind) {
        (Value::BigInt(None), Kind::Integer) => Value::from(NO_INTEGER),
        (Value::String(None), Kind::Text) => Value::from("\u{1}"),
        (Value::Bytes(None), Kind::Octets) => Value::from(vec![1u8]),
        (Value::Uuid(None), Kind::Uuid) => Value::from(uuid::Uuid::nil()),
        (value, _) => value,
    }
}
