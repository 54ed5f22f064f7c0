//! The words of a statement that PostgreSQL and SQLite have each in their own way. Every name that comes in is one of
//! the catalogue, and goes out quoted.

use crate::catalogue::{Column, Ordering};
use crate::value::Kind;

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    Sqlite,
}

/// A name as it stands in a statement, whatever it holds.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Dialect {
    /// The place of a bound value, counted from 1.
    pub(crate) fn place(self, number: usize) -> String {
        match self {
            Self::Postgres => format!("${number}"),
            Self::Sqlite => format!("?{number}"),
        }
    }

    /// A column to read. What is larger than that many octets is not sent whole.
    pub(crate) fn shown(self, column: &Column, most: usize) -> String {
        let name = quoted(&column.name);
        match (self, column.kind) {
            (Self::Postgres, Kind::Integer(..) | Kind::Boolean | Kind::Instant | Kind::Uuid) => {
                format!("{name}::text")
            }
            // Octets come as two digits each.
            (Self::Postgres, Kind::Octets) => format!("left({name}::text, {})", most * 2 + 3),
            (Self::Postgres, Kind::Text | Kind::Other) => format!("left({name}::text, {})", most + 1),
            // What cannot be a text stands for what is too large.
            (Self::Sqlite, _) => {
                format!("CASE WHEN octet_length({name}) > {most} THEN CAST(x'ff' AS TEXT) ELSE {name} END")
            }
        }
    }

    /// What rows are sorted and paged by. Behind `ORDER BY` a name alone would be that of an answer's column, which is
    /// a text; with its table before it, it is the table's.
    pub(crate) fn ordered(self, column: &Column, table: &str) -> String {
        let name = format!("{table}{}", quoted(&column.name));
        match (self, column.ordering) {
            (_, Ordering::AsIs) => name,
            (Self::Postgres, Ordering::Octets) => format!("{name} COLLATE \"C\""),
            (Self::Postgres, Ordering::AsText) => format!("({name}::text) COLLATE \"C\""),
            (Self::Sqlite, Ordering::Octets | Ordering::AsText) => format!("{name} COLLATE BINARY"),
        }
    }

    /// A bound value as something that can be compared with [`ordered`](Self::ordered).
    pub(crate) fn comparable(self, column: &Column, place: usize) -> String {
        let place = self.place(place);
        match (self, column.kind) {
            (Self::Postgres, Kind::Integer(..)) => format!("CAST({place} AS bigint)"),
            (Self::Postgres, Kind::Uuid) => format!("CAST({place} AS uuid)"),
            (Self::Postgres, _) | (Self::Sqlite, _) => place,
        }
    }

    /// Whether a column holds one of the texts that are bound as one value.
    pub(crate) fn one_of(self, column: &Column, place: usize) -> String {
        let (name, place) = (quoted(&column.name), self.place(place));
        match (self, column.kind) {
            (Self::Postgres, Kind::Integer(..)) => format!("{name} = ANY(CAST({place} AS bigint[]))"),
            (Self::Postgres, Kind::Uuid) => format!("{name} = ANY(CAST({place} AS uuid[]))"),
            (Self::Postgres, _) => format!("{} = ANY({place})", self.ordered(column, "")),
            (Self::Sqlite, _) => {
                format!("{} IN (SELECT value FROM json_each({place}))", self.matched(column, ""))
            }
        }
    }

    /// Whether a column of the table `t` holds the key or value that stands as a text in a column of `x`.
    pub(crate) fn matches(self, column: &Column, given: &str) -> String {
        let name = quoted(&column.name);
        match (self, column.kind) {
            (Self::Postgres, Kind::Integer(..)) => format!("t.{name} = CAST({given} AS bigint)"),
            (Self::Postgres, Kind::Uuid) => format!("t.{name} = CAST({given} AS uuid)"),
            (Self::Postgres, Kind::Text) => format!("t.{name} = {given}"),
            (Self::Postgres, _) => format!("t.{name}::text = {given}"),
            (Self::Sqlite, _) => format!("{} = {given}", self.matched(column, "t.")),
        }
    }

    /// A column of SQLite as texts are compared with it. One without a type holds numbers and texts side by side.
    pub(crate) fn matched(self, column: &Column, table: &str) -> String {
        let name = quoted(&column.name);
        match column.ordering {
            Ordering::AsIs => format!("{table}{name}"),
            Ordering::Octets => format!("{table}{name} COLLATE BINARY"),
            Ordering::AsText => format!("CAST({table}{name} AS TEXT) COLLATE BINARY"),
        }
    }

    /// Whether a row is not marked as deleted.
    pub(crate) fn is_alive(self, column: &Column, table: &str) -> String {
        let name = format!("{table}{}", quoted(&column.name));
        match (self, column.kind) {
            (Self::Postgres, Kind::Boolean) => format!("{name} IS NOT TRUE"),
            (_, Kind::Boolean | Kind::Integer(..)) => format!("COALESCE({name}, 0) = 0"),
            (_, Kind::Text | Kind::Instant | Kind::Octets | Kind::Uuid | Kind::Other) => {
                format!("{name} IS NULL")
            }
        }
    }

    /// What marks a row as deleted.
    pub(crate) fn deletion(self, column: &Column) -> &'static str {
        match (self, column.kind) {
            (Self::Postgres, Kind::Boolean) => "true",
            (_, Kind::Boolean | Kind::Integer(..)) => "1",
            (_, Kind::Text | Kind::Instant | Kind::Octets | Kind::Uuid | Kind::Other) => "CURRENT_TIMESTAMP",
        }
    }

    /// Whether a row was changed since a value that is bound, or never said when.
    pub(crate) fn is_changed(self, column: &Column, place: usize, overlap: u64) -> String {
        let (name, place) = (quoted(&column.name), self.place(place));
        let since = match (self, column.kind) {
            (Self::Postgres, Kind::Integer(..)) => format!("CAST({place} AS bigint) - {overlap}"),
            (Self::Postgres, Kind::Instant) => {
                format!("CAST({place} AS {}) - interval '{overlap} seconds'", column.type_name)
            }
            (Self::Postgres, _) => format!("CAST({place} AS {})", column.type_name),
            // One writes at a time there: nothing that was written earlier shows later.
            (Self::Sqlite, _) => place,
        };
        format!("({name} >= {since} OR {name} IS NULL)")
    }
}
