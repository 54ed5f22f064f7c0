//! Statements that write: each carries out what many operations have in common.

use std::collections::HashSet;

use crate::caps::{SQLITE_PLACES, SQLITE_ROWS};
use crate::catalogue::Column;
use crate::dialect::{Dialect, quoted};
use crate::fault::{Fault, Tried};
use crate::layout::{Layout, Several};
use crate::link::Link;
use crate::value::{Bind, Cell};

/// Rows of values that go into one statement, all of the same width.
pub(crate) type Table = Vec<Vec<Bind>>;

/// Writes rows of one class.
pub(crate) struct Statements<'a> {
    pub(crate) link: &'a mut Link,
    pub(crate) layout: &'a Layout,
}

impl Statements<'_> {
    /// Makes rows that have these columns. Answers the key and the name of each where the database gives keys.
    pub(crate) async fn insert(
        &mut self,
        columns: &[usize],
        rows: Table,
    ) -> Result<Vec<(Option<String>, Option<String>)>, Fault> {
        let layout = self.layout;
        let columns: Vec<&Column> = columns.iter().map(|index| &layout.relation.columns[*index]).collect();
        let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
        let returned = match layout.gives_keys {
            true => format!(" RETURNING {}, {}", self.shown(&layout.key), self.shown(&layout.naming)),
            false => String::new(),
        };
        let (table, mut made) = (layout.relation.rows(), Vec::new());
        for rows in self.portions(rows) {
            let (source, binds) = self.source(rows);
            let cells = self.converted(columns.iter().copied(), 0);
            let sql = match layout.dialect {
                Dialect::Postgres => {
                    format!(
                        "INSERT INTO {table} ({}) SELECT {cells} FROM {source}{returned}",
                        names.join(", ")
                    )
                }
                Dialect::Sqlite => {
                    format!(
                        "{source} INSERT INTO {table} ({}) SELECT {cells} FROM x WHERE true{returned}",
                        names.join(", ")
                    )
                }
            };
            let rows = self.carry_out(sql, binds).await?;
            made.extend(
                rows.iter().map(|row| (row.first().and_then(Cell::key), row.get(1).and_then(Cell::key))),
            );
        }
        Ok(made)
    }

    /// Changes rows, each by the key that stands first, and answers the keys of those that are there.
    pub(crate) async fn update(&mut self, columns: &[usize], rows: Table) -> Result<HashSet<String>, Fault> {
        let layout = self.layout;
        let columns: Vec<&Column> = columns.iter().map(|index| &layout.relation.columns[*index]).collect();
        let alive =
            layout.deleted.as_ref().map(|column| format!(" AND {}", layout.dialect.is_alive(column, "t.")));
        let condition = layout.dialect.matches(&layout.key, "x.\"0\"") + &alive.unwrap_or_default();
        let table = layout.relation.rows();
        let mut there = HashSet::new();
        for rows in self.portions(rows) {
            let (source, binds) = self.source(rows);
            let sets: Vec<String> = columns
                .iter()
                .enumerate()
                .map(|(number, column)| {
                    format!("{} = {}", quoted(&column.name), self.cell(column, number + 1))
                })
                .collect();
            let sets = sets.join(", ");
            let sql = match (layout.dialect, columns.is_empty()) {
                (Dialect::Postgres, false) => {
                    format!(
                        "UPDATE {table} AS t SET {sets} FROM {source} WHERE {condition} RETURNING x.\"0\""
                    )
                }
                (Dialect::Sqlite, false) => format!(
                    "{source} UPDATE {table} AS t SET {sets} FROM x WHERE {condition} RETURNING {}",
                    self.shown(&layout.key)
                ),
                (Dialect::Postgres, true) => {
                    format!("SELECT x.\"0\" FROM {table} AS t, {source} WHERE {condition} FOR UPDATE OF t")
                }
                (Dialect::Sqlite, true) => {
                    format!("{source} SELECT x.\"0\" FROM {table} AS t, x WHERE {condition}")
                }
            };
            let rows = self.carry_out(sql, binds).await?;
            there.extend(rows.iter().filter_map(|row| row.first().and_then(Cell::key)));
        }
        Ok(there)
    }

    /// Deletes rows by their keys, or marks them.
    pub(crate) async fn delete(&mut self, keys: &[String]) -> Result<(), Fault> {
        let layout = self.layout;
        for several in &layout.several {
            self.clear(several, keys).await?;
        }
        let (table, dialect) = (layout.relation.rows(), layout.dialect);
        let condition = dialect.one_of(&layout.key, 1);
        let sql = match &layout.deleted {
            None => format!("DELETE FROM {table} WHERE {condition}"),
            Some(column) => format!(
                "UPDATE {table} SET {} = {} WHERE {condition} AND {}",
                quoted(&column.name),
                dialect.deletion(column),
                dialect.is_alive(column, "")
            ),
        };
        self.carry_out(sql, vec![texts(keys)]).await.map(|_| ())
    }

    /// Takes rows away that are marked as deleted, so that others can have their keys.
    pub(crate) async fn purge(&mut self, keys: &[String]) -> Result<(), Fault> {
        let layout = self.layout;
        let Some(column) = layout.deleted.as_ref().filter(|_| !layout.gives_keys) else { return Ok(()) };
        let sql = format!(
            "DELETE FROM {} WHERE {} AND NOT ({})",
            layout.relation.rows(),
            layout.dialect.one_of(&layout.key, 1),
            layout.dialect.is_alive(column, "")
        );
        self.carry_out(sql, vec![texts(keys)]).await.map(|_| ())
    }

    /// Takes all values of accounts away.
    pub(crate) async fn clear(&mut self, several: &Several, keys: &[String]) -> Result<(), Fault> {
        let dialect = self.layout.dialect;
        let keys = crate::reading::held(dialect, several.owner.kind, keys.iter());
        let sql = format!("DELETE FROM {} WHERE {}", several.table.rows(), dialect.one_of(&several.owner, 1));
        self.carry_out(sql, vec![Bind::Texts(keys)]).await.map(|_| ())
    }

    /// Takes single values away, each row an account's key and a value. One that is gone already is fine.
    pub(crate) async fn remove(&mut self, several: &Several, rows: Table) -> Result<(), Fault> {
        let (table, dialect) = (several.table.rows(), self.layout.dialect);
        for rows in self.portions(rows) {
            let (source, binds) = self.source(rows);
            let sql = match dialect {
                Dialect::Postgres => {
                    format!("DELETE FROM {table} AS t USING {source} WHERE {}", self.is_pair(several))
                }
                // The first condition finds the few rows that the second looks at.
                Dialect::Sqlite => format!(
                    "{source} DELETE FROM {table} AS t WHERE {} IN (SELECT x.\"0\" FROM x) \
                     AND EXISTS (SELECT 1 FROM x WHERE {})",
                    dialect.matched(&several.owner, "t."),
                    self.is_pair(several)
                ),
            };
            self.carry_out(sql, binds).await?;
        }
        Ok(())
    }

    /// Adds single values. One that is there already is fine; one that is refused is not passed over.
    pub(crate) async fn add(&mut self, several: &Several, rows: Table) -> Result<(), Fault> {
        let (table, dialect) = (several.table.rows(), self.layout.dialect);
        let names = format!("{}, {}", quoted(&several.owner.name), quoted(&several.value.name));
        for rows in self.portions(rows) {
            let (source, binds) = self.source(rows);
            let cells = self.converted([&several.owner, &several.value].into_iter(), 0);
            let absent = format!("NOT EXISTS (SELECT 1 FROM {table} AS t WHERE {})", self.is_pair(several));
            let sql = match dialect {
                Dialect::Postgres => {
                    format!("INSERT INTO {table} ({names}) SELECT {cells} FROM {source} WHERE {absent}")
                }
                Dialect::Sqlite => {
                    format!("{source} INSERT INTO {table} ({names}) SELECT {cells} FROM x WHERE {absent}")
                }
            };
            self.carry_out(sql, binds).await?;
        }
        Ok(())
    }

    /// Carries a statement out. What it meets says which it was.
    async fn carry_out(&mut self, sql: String, binds: Vec<Bind>) -> Result<Vec<Vec<Cell>>, Fault> {
        let values = binds.len();
        let done = self.link.all(sql.clone(), binds).await;
        done.map_err(|fault| Fault { tried: Some(Tried { sql, values }), ..fault })
    }

    fn is_pair(&self, several: &Several) -> String {
        let dialect = self.layout.dialect;
        format!(
            "{} AND {}",
            dialect.matches(&several.owner, "x.\"0\""),
            dialect.matches(&several.value, "x.\"1\"")
        )
    }

    fn shown(&self, column: &Column) -> String {
        match self.layout.dialect {
            Dialect::Postgres => format!("{}::text", quoted(&column.name)),
            Dialect::Sqlite => quoted(&column.name),
        }
    }

    fn converted<'c>(&self, columns: impl Iterator<Item = &'c Column>, first: usize) -> String {
        let cells: Vec<String> =
            columns.enumerate().map(|(number, column)| self.cell(column, first + number)).collect();
        cells.join(", ")
    }

    /// A value of `x` as it goes into a column.
    fn cell(&self, column: &Column, number: usize) -> String {
        match self.layout.dialect {
            Dialect::Postgres => format!("CAST(x.\"{number}\" AS {})", column.type_name),
            Dialect::Sqlite => format!("x.\"{number}\""),
        }
    }

    /// Rows as a table `x` whose columns are called by their numbers: one value a column on PostgreSQL, so that the
    /// statement is the same however many rows there are; one value a cell on SQLite.
    fn source(&self, rows: Table) -> (String, Vec<Bind>) {
        let width = rows.first().map_or(0, Vec::len);
        let names: Vec<String> = (0..width).map(|number| format!("\"{number}\"")).collect();
        let names = names.join(", ");
        match self.layout.dialect {
            Dialect::Postgres => {
                let places: Vec<String> = (1..=width).map(|place| format!("${place}::text[]")).collect();
                let mut columns = vec![Vec::with_capacity(rows.len()); width];
                for row in rows {
                    for (column, bind) in columns.iter_mut().zip(row) {
                        column.push(text_of(bind));
                    }
                }
                let binds = columns.into_iter().map(Bind::Texts).collect();
                (format!("unnest({}) AS x({names})", places.join(", ")), binds)
            }
            Dialect::Sqlite => {
                let row = format!("({})", vec!["?"; width].join(", "));
                let all = vec![row; rows.len()].join(", ");
                (format!("WITH x({names}) AS (VALUES {all})"), rows.into_iter().flatten().collect())
            }
        }
    }

    /// So many rows as go into one statement.
    fn portions(&self, rows: Table) -> Vec<Table> {
        if rows.is_empty() || self.layout.dialect == Dialect::Postgres {
            return Some(rows).into_iter().filter(|rows| !rows.is_empty()).collect();
        }
        let size = SQLITE_ROWS.min(SQLITE_PLACES / rows[0].len().max(1)).max(1);
        let mut portions: Vec<Table> = Vec::with_capacity(rows.len().div_ceil(size));
        for row in rows {
            match portions.last_mut().filter(|last| last.len() < size) {
                Some(last) => last.push(row),
                None => portions.push(vec![row]),
            }
        }
        portions
    }
}

fn texts(keys: &[String]) -> Bind {
    Bind::Texts(keys.iter().cloned().map(Some).collect())
}

fn text_of(bind: Bind) -> Option<String> {
    match bind {
        Bind::Text(text) => Some(text),
        Bind::Integer(number) => Some(number.to_string()),
        Bind::Real(number) => Some(number.to_string()),
        Bind::Null | Bind::Octets(_) | Bind::Texts(_) => None,
    }
}
