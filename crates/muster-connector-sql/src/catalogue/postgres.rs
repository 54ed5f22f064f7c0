//! The catalogue of PostgreSQL.

use super::{Column, Ordering, Relation, Rights, Source, Taking, gathered};
use crate::caps::CATALOGUE_ROWS;
use crate::fault::Fault;
use crate::link::Link;
use crate::value::{Bind, Cell, Kind};

/// One row a column. Rights that stand at single columns count for the table: the database knows better when it is
/// asked. `-1` as the modifier of a type is its name without a length.
const COLUMNS: &str = r"
SELECT n.nspname::text, c.relname::text, (c.relkind IN ('r', 'p'))::text, c.oid::text,
  obj_description(c.oid, 'pg_class'),
  has_any_column_privilege(c.oid, 'INSERT')::text, has_any_column_privilege(c.oid, 'UPDATE')::text,
  has_table_privilege(c.oid, 'DELETE')::text,
  a.attname::text, format_type(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE a.atttypid END, -1),
  format_type(a.atttypid, a.atttypmod), COALESCE(k.collisdeterministic, true)::text,
  (NOT a.attnotnull)::text, (a.atthasdef OR a.attidentity <> '')::text,
  (a.attgenerated <> '' OR a.attidentity = 'a')::text,
  (SELECT string_agg(ic.relname, E'\x1f') FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum
      AND i.indpred IS NULL),
  (SELECT string_agg(ic.relname, E'\x1f') FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum
      AND i.indpred IS NOT NULL),
  EXISTS (SELECT 1 FROM pg_depend d JOIN pg_sequence s ON s.seqrelid = d.objid
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
      AND d.refobjsubid = a.attnum AND s.seqcycle)::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation k ON k.oid = a.attcollation
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = $1 AND ($2::text IS NULL OR c.relname = $2)
  AND ($2::text IS NOT NULL OR has_any_column_privilege(c.oid, 'SELECT'))
ORDER BY c.relname, a.attnum";

const REFERENCES: &str = "SELECT EXISTS (SELECT 1 FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace \
                          WHERE k.contype = 'f' AND k.conrelid = k.confrelid AND n.nspname = $1)::text";

pub(super) async fn load(link: &mut Link, schema: &str, name: Option<&str>) -> Result<Vec<Relation>, Fault> {
    let name = name.map_or(Bind::Null, |name| Bind::Text(name.to_owned()));
    let sql = format!("{COLUMNS} LIMIT {CATALOGUE_ROWS}");
    let rows = link.all(sql, vec![Bind::Text(schema.to_owned()), name]).await?;
    Ok(gathered(rows.into_iter().map(column)))
}

pub(super) async fn references(link: &mut Link, schema: &str) -> Result<Vec<Vec<Cell>>, Fault> {
    link.all(REFERENCES.to_owned(), vec![Bind::Text(schema.to_owned())]).await
}

fn column(row: Vec<Cell>) -> (Relation, Column) {
    let mut row = Taking::of(row);
    let (schema, name, is_table) = (row.text(), row.text(), row.truth());
    let source = match is_table {
        true => Source::Table { schema, name },
        false => Source::View { schema, name },
    };
    let identity = row.text();
    let description = row.optional();
    let rights = Rights { insert: row.truth(), update: row.truth(), delete: row.truth() };
    let relation = Relation { source, columns: Vec::new(), description, identity, rights };
    let (name, type_name, shown_type) = (row.text(), row.text(), row.text());
    let kind = kind_of(&type_name);
    let is_deterministic = row.truth();
    let ordering = match (kind, is_table && is_deterministic) {
        (Kind::Integer(..) | Kind::Uuid, _) | (Kind::Text, true) => Ordering::AsIs,
        // Whose collation it is nobody knows of a view, and one that takes different texts for equal loses rows.
        (Kind::Text, false) => Ordering::Octets,
        (Kind::Boolean | Kind::Instant | Kind::Octets | Kind::Other, _) => Ordering::AsText,
    };
    let column = Column {
        name,
        kind,
        type_name,
        shown_type,
        ordering,
        is_nullable: row.truth(),
        has_default: row.truth(),
        is_computed: row.truth() || !is_table,
        unique: row.names(),
        partly_unique: row.names(),
        is_given_again: row.truth(),
    };
    (relation, column)
}

fn kind_of(type_name: &str) -> Kind {
    match type_name {
        "text" | "character varying" => Kind::Text,
        "smallint" => Kind::Integer(i16::MIN.into(), i16::MAX.into()),
        "integer" => Kind::Integer(i32::MIN.into(), i32::MAX.into()),
        "bigint" => Kind::INTEGER,
        "boolean" => Kind::Boolean,
        "timestamp with time zone" | "timestamp without time zone" => Kind::Instant,
        "bytea" => Kind::Octets,
        "uuid" => Kind::Uuid,
        _ => Kind::Other,
    }
}

/// What a column of an answer holds, by the library's word for its type.
pub(super) fn kind_of_answer(type_name: &str) -> (Kind, Ordering) {
    match type_name {
        "TEXT" | "VARCHAR" => (Kind::Text, Ordering::Octets),
        "INT2" => (kind_of("smallint"), Ordering::AsIs),
        "INT4" => (kind_of("integer"), Ordering::AsIs),
        "INT8" => (Kind::INTEGER, Ordering::AsIs),
        "UUID" => (Kind::Uuid, Ordering::AsIs),
        "BOOL" => (Kind::Boolean, Ordering::AsText),
        "TIMESTAMP" | "TIMESTAMPTZ" => (Kind::Instant, Ordering::AsText),
        "BYTEA" => (Kind::Octets, Ordering::AsText),
        _ => (Kind::Other, Ordering::AsText),
    }
}
