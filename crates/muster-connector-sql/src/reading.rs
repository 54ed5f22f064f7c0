//! From rows to entries: one statement for the rows, one for each table beside them.

use std::collections::{BTreeSet, HashMap};

use muster_connector::{Account, BadEntry, Entry, GoneEntry, Place as At};
use muster_model::{Field, Record, Value};

use crate::dialect::Dialect;
use crate::fault::Fault;
use crate::layout::{Layout, Place, Several};
use crate::link::Link;
use crate::settings::Settings;
use crate::value::{Bind, Cell, Kind};

/// Cells of a row before those of its attributes: the key, the state, and whether it is marked as deleted.
const BEFORE: usize = 3;

/// Reads rows of one class.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) settings: &'a Settings,
}

/// The values of one account in one table beside, or what is wrong with them.
type Beside = HashMap<String, Result<Vec<Value>, ()>>;

impl Reader<'_> {
    /// A statement up to its conditions.
    pub(crate) fn select(&self) -> String {
        let Layout { dialect, .. } = *self.layout;
        let most = self.settings.most_octets;
        let nothing = if dialect == Dialect::Postgres { "NULL::text" } else { "NULL" };
        let truth = if dialect == Dialect::Postgres { "::text" } else { "" };
        let mut cells = vec![dialect.shown(&self.layout.key, most)];
        let state = self.layout.enabled.as_ref().map(|column| dialect.shown(column, most));
        cells.push(state.unwrap_or_else(|| nothing.to_owned()));
        let deleted = self
            .layout
            .deleted
            .as_ref()
            .map(|column| format!("(NOT ({})){truth}", dialect.is_alive(column, "")));
        cells.push(deleted.unwrap_or_else(|| nothing.to_owned()));
        cells.extend(self.layout.columns.iter().map(|column| dialect.shown(column, most)));
        format!("SELECT {} FROM {}", cells.join(", "), self.layout.relation.rows_as_q())
    }

    /// The condition that rows are accounts.
    pub(crate) fn is_account(&self) -> Option<String> {
        self.layout.deleted.as_ref().map(|column| self.layout.dialect.is_alive(column, ""))
    }

    /// Whether two rows that follow each other have one key, or what stands in its place and is none: nothing can be
    /// read between them.
    pub(crate) fn is_same_key(&self, one: &[Cell], next: &[Cell]) -> bool {
        let held = |row: &[Cell]| row.first().map(|cell| cell.clone().within(self.settings.most_octets));
        match (held(one), held(next)) {
            (Some(Cell::Null | Cell::Unreadable) | None, _) => false,
            (Some(one), Some(next)) => one == next || one.key().is_some_and(|key| next.key() == Some(key)),
            (Some(_), None) => false,
        }
    }

    /// Entries of the rows, which come in the order of their keys. Of rows with one key one bad entry is made. Entries
    /// are numbered by their order, so that their places are the same however large the pages are.
    pub(crate) async fn entries(
        &self,
        link: &mut Link,
        rows: Vec<Vec<Cell>>,
        first: u64,
    ) -> Result<Vec<Entry>, Fault> {
        let width = BEFORE + self.layout.columns.len();
        if rows.iter().any(|row| row.len() != width) {
            return Err(Fault::broken("its answer has not the columns that were asked for"));
        }
        let keys: Vec<Option<String>> =
            rows.iter().map(|row| row[0].clone().within(self.settings.most_octets).key()).collect();
        let wanted: Vec<Option<String>> = keys.iter().flatten().map(|key| Some(key.clone())).collect();
        let mut beside = Vec::with_capacity(self.layout.several.len());
        for several in &self.layout.several {
            beside.push(self.beside(link, several, &wanted).await?);
        }
        let is_again: Vec<bool> = std::iter::once(false)
            .chain(rows.windows(2).map(|pair| self.is_same_key(&pair[0], &pair[1])))
            .collect();
        let mut entries: Vec<Entry> = Vec::with_capacity(rows.len());
        for ((row, key), is_again) in rows.into_iter().zip(&keys).zip(is_again) {
            if is_again {
                // Marked rows come last among those of a key, and do not have it any more.
                if is_deleted(&row) {
                    continue;
                }
                entries.pop();
            }
            let place = At(first + entries.len() as u64);
            entries.push(match key {
                Some(key) if is_again => {
                    bad(place, Some(key.clone()), "several rows have this key; make it unique")
                }
                Some(key) => self.entry(place, key.clone(), row, &mut beside),
                None => bad(
                    place,
                    None,
                    &format!("its key `{}` is no text, empty, or too large", self.layout.key.name),
                ),
            });
        }
        Ok(entries)
    }

    fn entry(&self, place: At, uid: String, row: Vec<Cell>, beside: &mut [Beside]) -> Entry {
        if is_deleted(&row) {
            return Entry::Gone(GoneEntry { place, uid });
        }
        let mut cells = row.into_iter();
        let (_, state, _) = (cells.next(), cells.next(), cells.next());
        let enabled = match self.state(state) {
            Ok(enabled) => enabled,
            Err(problem) => return bad(place, Some(uid), &problem),
        };
        let unreadable = |name: &str| {
            bad(place, Some(uid.clone()), &format!("a value of `{name}` is too large, or cannot be decoded"))
        };
        let mut cells: Vec<Option<Cell>> = cells.map(Some).collect();
        let mut fields = Vec::with_capacity(self.layout.places.len());
        for (name, stands) in self.layout.names.as_slice().iter().zip(&self.layout.places) {
            let field = match stands {
                Place::Column(index) => {
                    let cell = cells.get_mut(*index).and_then(Option::take).unwrap_or(Cell::Null);
                    let column = &self.layout.columns[*index];
                    // The key is a text wherever it stands, so that what names it can be compared with it.
                    let is_key = column.name == self.layout.key.name;
                    let (cell, kind) =
                        if is_key { (Cell::Text(uid.clone()), Kind::Text) } else { (cell, column.kind) };
                    let value = kind.value(cell).filter(|value| self.is_small(value.as_ref()));
                    value.map(|value| value.map_or(Field::Null, Field::One))
                }
                Place::Several(index) => {
                    let values = beside[*index].remove(&uid).unwrap_or_else(|| Ok(Vec::new()));
                    values.ok().map(Field::Many)
                }
            };
            match field {
                Some(field) => fields.push(field),
                None => return unreadable(name.as_str()),
            }
        }
        Entry::Account(Account {
            place,
            uid,
            enabled,
            record: Record { names: self.layout.names.clone(), fields },
        })
    }

    /// Whether the account is enabled, if the class says so.
    fn state(&self, cell: Option<Cell>) -> Result<Option<bool>, String> {
        let (Some(rule), Some(column), Some(cell)) = (&self.settings.enabled, &self.layout.enabled, cell)
        else {
            return Ok(None);
        };
        let value = column.kind.value(cell).flatten();
        let text = value.as_ref().map(Value::to_text).unwrap_or_default();
        let read = rule.read(&text).map(Some);
        read.ok_or_else(|| format!("`{}` holds neither `enabledValue` nor `disabledValue`", column.name))
    }

    fn is_small(&self, value: Option<&Value>) -> bool {
        let octets = match value {
            Some(Value::String(text)) => text.len(),
            Some(Value::Binary(octets)) => octets.len(),
            Some(Value::Integer(_) | Value::Boolean(_) | Value::DateTime(_) | Value::Reference(_)) | None => {
                0
            }
        };
        octets <= self.settings.most_octets
    }

    /// The values that stand in a table beside, of all these accounts.
    async fn beside(
        &self,
        link: &mut Link,
        several: &Several,
        keys: &[Option<String>],
    ) -> Result<Beside, Fault> {
        let (dialect, most) = (self.layout.dialect, self.settings.most_octets);
        let (owner, value) = (&several.owner, &several.value);
        let keys = held(dialect, owner.kind, keys.iter().flatten());
        if keys.is_empty() {
            return Ok(Beside::new());
        }
        let sql = format!(
            "SELECT {}, {} FROM {} WHERE {} AND {} IS NOT NULL ORDER BY {}",
            dialect.shown(owner, most),
            dialect.shown(value, most),
            several.table.rows_as_q(),
            dialect.one_of(owner, 1),
            crate::dialect::quoted(&value.name),
            dialect.ordered(value, "q."),
        );
        let mut beside = Beside::new();
        for mut row in link.all(sql, vec![Bind::Texts(keys)]).await? {
            let (Some(cell), Some(Some(owner))) = (row.pop(), row.pop().map(|cell| cell.key())) else {
                continue;
            };
            let value = value.kind.value(cell).flatten().filter(|value| self.is_small(Some(value)));
            let values = beside.entry(owner).or_insert_with(|| Ok(Vec::new()));
            match (values.as_mut(), value) {
                (Ok(values), Some(value)) => {
                    if !values.contains(&value) {
                        values.push(value);
                    }
                }
                (_, None) => *values = Err(()),
                (Err(()), Some(_)) => {}
            }
        }
        Ok(beside)
    }
}

fn is_deleted(row: &[Cell]) -> bool {
    row.get(BEFORE - 1).is_some_and(Cell::is_true)
}

/// The texts that a column can hold, each once: what cannot be converted is not asked for, since nobody has it.
pub(crate) fn held<'a>(
    dialect: Dialect,
    kind: Kind,
    texts: impl Iterator<Item = &'a String>,
) -> Vec<Option<String>> {
    let texts: BTreeSet<&String> =
        texts.filter(|text| dialect == Dialect::Sqlite || kind.can_hold(text)).collect();
    texts.into_iter().map(|text| Some(text.clone())).collect()
}

pub(crate) fn bad(place: At, uid: Option<String>, message: &str) -> Entry {
    Entry::Bad(BadEntry { place, uid, message: message.to_owned() })
}
