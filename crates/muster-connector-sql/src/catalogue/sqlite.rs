//! The catalogue of SQLite.

use super::{Column, Ordering, Relation, Rights, Source, Taking, gathered};
use crate::caps::CATALOGUE_ROWS;
use crate::fault::Fault;
use crate::link::Link;
use crate::value::{Bind, Cell, Kind};

/// The one schema: nothing is attached.
pub(super) const SCHEMA: &str = "main";

/// One row a column.
const COLUMNS: &str = r#"
SELECT m.name, m.type = 'table', c.name, c.type, c."notnull" = 0, c.dflt_value IS NOT NULL, c.hidden IN (2, 3),
  c.pk = 1 AND (SELECT count(*) FROM pragma_table_xinfo(m.name) p WHERE p.pk > 0) = 1,
  (SELECT group_concat(l.name, char(31)) FROM pragma_index_list(m.name) l WHERE l."unique" AND NOT l.partial
    AND (SELECT count(*) FROM pragma_index_info(l.name)) = 1
    AND (SELECT i.name FROM pragma_index_info(l.name) i) = c.name),
  (SELECT group_concat(l.name, char(31)) FROM pragma_index_list(m.name) l WHERE l."unique" AND l.partial
    AND (SELECT count(*) FROM pragma_index_info(l.name)) = 1
    AND (SELECT i.name FROM pragma_index_info(l.name) i) = c.name),
  CASE WHEN c.pk = 1 THEN m.sql END
FROM sqlite_schema m, pragma_table_xinfo(m.name) c
WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND (?1 IS NULL OR m.name = ?1)
  AND c.hidden <> 1
ORDER BY m.name, c.cid"#;

const REFERENCES: &str = r#"SELECT EXISTS (SELECT 1 FROM sqlite_schema m, pragma_foreign_key_list(m.name) f
WHERE m.type = 'table' AND f."table" = m.name COLLATE NOCASE)"#;

pub(super) async fn load(link: &mut Link, name: Option<&str>) -> Result<Vec<Relation>, Fault> {
    let name = name.map_or(Bind::Null, |name| Bind::Text(name.to_owned()));
    let rows = link.all(format!("{COLUMNS} LIMIT {CATALOGUE_ROWS}"), vec![name]).await?;
    Ok(gathered(rows.into_iter().map(column)))
}

pub(super) async fn references(link: &mut Link) -> Result<Vec<Vec<Cell>>, Fault> {
    link.all(REFERENCES.to_owned(), Vec::new()).await
}

fn column(row: Vec<Cell>) -> (Relation, Column) {
    let mut row = Taking::of(row);
    let (table, is_table) = (row.text(), row.truth());
    let (schema, identity) = (SCHEMA.to_owned(), table.clone());
    let (source, rights) = match is_table {
        true => (Source::Table { schema, name: table }, Rights::ALL),
        false => (Source::View { schema, name: table }, Rights::NONE),
    };
    let relation = Relation { source, columns: Vec::new(), description: None, identity, rights };
    let (name, type_name) = (row.text(), row.text());
    let (is_nullable, has_default, is_computed) = (row.truth(), row.truth(), row.truth());
    let is_primary_key = row.truth();
    // The number of the row itself: never null, and given where nobody gives one.
    let is_row_number = is_primary_key && type_name.eq_ignore_ascii_case("integer");
    let (kind, ordering) = affinity(&type_name);
    let (unique, partly_unique, statement) = (row.names(), row.names(), row.text());
    let mut column = Column {
        name,
        kind,
        shown_type: type_name.to_lowercase(),
        type_name,
        ordering,
        is_nullable: is_nullable && !is_row_number,
        has_default: has_default || is_row_number,
        is_computed: is_computed || !is_table,
        unique,
        partly_unique,
        is_given_again: is_row_number && !has_word(&statement, "AUTOINCREMENT"),
    };
    if is_row_number {
        column.unique.push("the number of the row".to_owned());
    }
    (relation, column)
}

/// Whether a statement has a word outside of its comments, texts and quoted names.
fn has_word(mut sql: &str, word: &str) -> bool {
    const PARTS: [(&str, &str); 6] =
        [("--", "\n"), ("/*", "*/"), ("'", "'"), ("\"", "\""), ("`", "`"), ("[", "]")];
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    while let Some(first) = sql.chars().next() {
        let part = PARTS.iter().find(|(begin, _)| sql.starts_with(begin));
        sql = match part {
            Some((begin, end)) => sql[begin.len()..].split_once(end).map_or("", |(_, rest)| rest),
            None if is_letter(first) => {
                let (found, rest) = sql.split_at(sql.find(|one| !is_letter(one)).unwrap_or(sql.len()));
                if found.eq_ignore_ascii_case(word) {
                    return true;
                }
                rest
            }
            None => &sql[first.len_utf8()..],
        };
    }
    false
}

/// What a declared type makes of values: <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>.
fn affinity(declared: &str) -> (Kind, Ordering) {
    let declared = declared.to_uppercase();
    let has = |part: &str| declared.contains(part);
    if has("INT") {
        (Kind::INTEGER, Ordering::AsIs)
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        (Kind::Text, Ordering::Octets)
    } else if declared.is_empty() {
        (Kind::Other, Ordering::AsText)
    } else if has("BLOB") {
        (Kind::Octets, Ordering::AsText)
    } else if has("BOOL") {
        (Kind::Boolean, Ordering::AsIs)
    } else {
        (Kind::Other, Ordering::AsIs)
    }
}

/// What a column of an answer holds is known of each cell alone.
pub(super) fn kind_of_answer(type_name: &str) -> (Kind, Ordering) {
    match type_name {
        "BOOLEAN" => (Kind::Boolean, Ordering::AsText),
        _ => (Kind::Other, Ordering::AsText),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_where_they_are_words() {
        for (sql, expected) in [
            ("CREATE TABLE p (id integer PRIMARY KEY AutoIncrement, n text)", true),
            ("CREATE TABLE p (id integer PRIMARY KEY /* ' */ AUTOINCREMENT)", true),
            ("CREATE TABLE p (id integer PRIMARY KEY, n text DEFAULT 'it''s AUTOINCREMENT')", false),
            ("CREATE TABLE p (id integer PRIMARY KEY) -- AUTOINCREMENT", false),
            ("CREATE TABLE \"AUTOINCREMENT\" (id integer PRIMARY KEY, [AUTOINCREMENT] int)", false),
            ("CREATE TABLE my_autoincrement (id integer PRIMARY KEY)", false),
            ("", false),
        ] {
            assert_eq!(has_word(sql, "AUTOINCREMENT"), expected, "{sql}");
        }
    }
}
