//! What one operation means for tables, before any is touched.

use muster_connector::text::shown;
use muster_connector::{AttributeWrite, ConnectorError, Operation};
use muster_model::{AttributeName, Field, Value};

use crate::catalogue::Column;
use crate::dialect::Dialect;
use crate::layout::{Layout, Place};
use crate::settings::Settings;
use crate::value::{Bind, Kind};

/// What is done about one account.
#[derive(Debug)]
pub(super) enum Act {
    Create { made_with: String, row: Row },
    Update { uid: String, row: Row },
    Delete { uid: String },
}

/// What is written.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// Columns of the table by their positions there, each once and in their order.
    pub(super) columns: Vec<(usize, Bind)>,
    pub(super) beside: Vec<Beside>,
}

/// What becomes of the values in a table beside.
#[derive(Debug)]
pub(super) struct Beside {
    pub(super) several: usize,
    /// Whether those that are there go first.
    pub(super) clear: bool,
    pub(super) add: Vec<Bind>,
    pub(super) remove: Vec<Bind>,
}

/// An operation that was looked at.
pub(super) enum Planned {
    Act(Act),
    /// What is asked for is so already.
    Nothing,
}

type Refused = ConnectorError;

impl Act {
    /// What the account is called here: its key, or the name that it is made under.
    pub(super) fn called(&self) -> &str {
        match self {
            Self::Create { made_with, .. } => made_with,
            Self::Update { uid, .. } | Self::Delete { uid } => uid,
        }
    }

    /// # Errors
    /// When the class has no place for what is to be written, or nobody can have that key.
    pub(super) fn plan(
        layout: &Layout,
        settings: &Settings,
        operation: Operation,
    ) -> Result<Planned, Refused> {
        let planner = Planner { layout, settings };
        Ok(Planned::Act(match operation {
            Operation::Create { uid, attributes, enabled } => {
                let mut row = Row::default();
                for (name, field) in attributes.into_iter().filter(|(_, field)| !field.is_absent()) {
                    planner.replace(&mut row, &uid, &name, &field)?;
                }
                let naming = planner.position(&layout.naming.name, &uid)?;
                if row.columns.iter().all(|(column, _)| *column != naming) {
                    let value = Value::String(uid.clone());
                    row.columns.push((naming, planner.bind(&layout.naming, &value)));
                }
                planner.state(&mut row, &uid, Some(enabled))?;
                row.columns.sort_by_key(|(column, _)| *column);
                Self::Create { made_with: canonical(&layout.naming, uid), row }
            }
            Operation::Update { uid, writes, enabled, .. } => {
                if !planner.may_exist(&uid) {
                    return Err(ConnectorError::Missing {
                        message: planner.about(&uid, "it does not exist"),
                    });
                }
                let mut row = Row::default();
                for (name, write) in writes {
                    match write {
                        AttributeWrite::Replace(field) => planner.replace(&mut row, &uid, &name, &field)?,
                        AttributeWrite::Values { add, remove } => {
                            planner.values(&mut row, &uid, &name, (&add, &remove))?;
                        }
                    }
                }
                planner.state(&mut row, &uid, enabled)?;
                row.columns.sort_by_key(|(column, _)| *column);
                Self::Update { uid: canonical(&layout.key, uid), row }
            }
            Operation::Delete { uid, .. } => {
                if !planner.may_exist(&uid) {
                    return Ok(Planned::Nothing);
                }
                Self::Delete { uid: canonical(&layout.key, uid) }
            }
        }))
    }
}

/// A key in the spelling that the database has for it.
fn canonical(column: &Column, key: String) -> String {
    match column.kind {
        Kind::Integer(..) => key.parse::<i64>().map_or(key, |number| number.to_string()),
        Kind::Uuid => key.to_lowercase(),
        Kind::Text | Kind::Boolean | Kind::Instant | Kind::Octets | Kind::Other => key,
    }
}

struct Planner<'a> {
    layout: &'a Layout,
    settings: &'a Settings,
}

impl Planner<'_> {
    fn about(&self, uid: &str, problem: &str) -> String {
        format!("`{}` of `{}`: {problem}", shown(uid), self.layout.shown)
    }

    fn rejected(&self, uid: &str, problem: &str) -> Refused {
        ConnectorError::Rejected { message: self.about(uid, problem) }
    }

    fn may_exist(&self, uid: &str) -> bool {
        !uid.is_empty() && (self.layout.dialect == Dialect::Sqlite || self.layout.key.kind.can_hold(uid))
    }

    fn bind(&self, column: &Column, value: &Value) -> Bind {
        match self.layout.dialect {
            Dialect::Postgres => Bind::Text(column.kind.text_for_postgres(value)),
            Dialect::Sqlite => column.kind.bind_for_sqlite(value),
        }
    }

    /// Where a column stands in its table, if it may be written.
    fn position(&self, name: &str, uid: &str) -> Result<usize, Refused> {
        let columns = &self.layout.relation.columns;
        let position = columns.iter().position(|column| column.name == name);
        match position.filter(|position| !columns[*position].is_computed) {
            Some(position) => Ok(position),
            None => {
                let name = shown(name);
                Err(self.rejected(
                    uid,
                    &format!("there is no column `{name}` that can be written; leave it out of the mappings"),
                ))
            }
        }
    }

    fn replace(&self, row: &mut Row, uid: &str, name: &AttributeName, field: &Field) -> Result<(), Refused> {
        if let Some(Place::Several(several)) = self.layout.place(name.as_str()) {
            let add = self.values_of(several, field.values());
            row.beside.push(Beside { several, clear: true, add, remove: Vec::new() });
            return Ok(());
        }
        let value = match field.values() {
            [] => None,
            [value] => Some(value),
            [_, _, ..] => {
                return Err(self.rejected(uid, &format!("`{name}` holds one value, and several are given")));
            }
        };
        let is_key = name.as_str() == self.layout.key.name;
        if is_key && value.is_some_and(|value| value.to_text() == uid) && self.layout.key.is_computed {
            return Ok(());
        }
        let position = self.position(name.as_str(), uid)?;
        let column = &self.layout.relation.columns[position];
        let bind = value.map_or(Bind::Null, |value| self.bind(column, value));
        row.columns.retain(|(known, _)| *known != position);
        row.columns.push((position, bind));
        Ok(())
    }

    fn values(
        &self,
        row: &mut Row,
        uid: &str,
        name: &AttributeName,
        (add, remove): (&[Value], &[Value]),
    ) -> Result<(), Refused> {
        let Some(Place::Several(several)) = self.layout.place(name.as_str()) else {
            return Err(self.rejected(uid, &format!("`{name}` holds one value, to which none can be added")));
        };
        let kind = self.layout.several[several].value.kind;
        let remove = remove
            .iter()
            .filter(|value| self.layout.dialect == Dialect::Sqlite || kind.can_hold(&value.to_text()));
        let remove: Vec<Value> = remove.cloned().collect();
        let (add, remove) = (self.values_of(several, add), self.values_of(several, &remove));
        row.beside.push(Beside { several, clear: false, add, remove });
        Ok(())
    }

    /// Each value once.
    fn values_of(&self, several: usize, values: &[Value]) -> Vec<Bind> {
        let mut binds: Vec<Bind> = Vec::with_capacity(values.len());
        for value in values {
            let bind = self.bind(&self.layout.several[several].value, value);
            if !binds.contains(&bind) {
                binds.push(bind);
            }
        }
        binds
    }

    fn state(&self, row: &mut Row, uid: &str, enabled: Option<bool>) -> Result<(), Refused> {
        let Some(enabled) = enabled else { return Ok(()) };
        let (Some(rule), Some(column)) = (&self.settings.enabled, &self.layout.enabled) else {
            return match enabled {
                true => Ok(()),
                false => {
                    Err(self.rejected(uid, "it cannot be disabled: there is no column that would say so"))
                }
            };
        };
        let text = if enabled { &rule.enabled } else { &rule.disabled };
        let position = self.position(&column.name, uid)?;
        row.columns.retain(|(known, _)| *known != position);
        row.columns.push((position, self.bind(column, &Value::String(text.clone()))));
        Ok(())
    }
}
