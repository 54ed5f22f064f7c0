//! What a staged change asks of a target in a wave.

use std::collections::HashSet;

use muster_connector::{AttributeWrite, Operation};
use muster_model::run::Wave;
use muster_model::{AttributeName, Field, Value};
use muster_plan::change::Action;
use muster_store::ChangeRow;

use crate::outbound::OutboundRun;
use crate::sequence::{Named, Sequence};

/// What a change asks of the target.
pub(crate) struct Asked {
    /// The change, without what it does not write now.
    pub(crate) row: ChangeRow,
    /// `None` when it only has to be remembered.
    pub(crate) operation: Option<Operation>,
    /// Whether it names somebody later in this run.
    pub(crate) waits: bool,
    /// Whether it names somebody who will not be there in this run.
    pub(crate) lacks: bool,
}

/// What the change asks of the class of that place.
pub(crate) fn asked_of(
    mut row: ChangeRow,
    (task, index): (&OutboundRun, usize),
    sequence: &Sequence,
    wave: Wave,
) -> Asked {
    let mut naming: Vec<&AttributeName> = task.classes[index].decisions.naming_attributes().collect();
    naming.sort_unstable();
    naming.dedup();
    let mut found = Vec::new();
    let mut waited = Vec::new();
    for name in &naming {
        let field = row.result.get(name.as_str()).clone();
        let mut kept = Vec::new();
        for value in field.values() {
            let mut accounts = task.accounts_called(index, &value.to_text());
            accounts.retain(|account| sequence.names(row.number, *account));
            let named = accounts.iter().map(|account| sequence.named(row.number, *account, wave));
            let named = named.max().unwrap_or(Named::Now);
            if named == Named::Now {
                kept.push(value.clone());
            }
            found.push(named);
            if accounts.iter().any(|account| sequence.names_later(row.number, *account)) {
                waited.push(*name);
            }
        }
        row.result.set((*name).clone(), with_values(field, kept));
    }
    let operation = match (wave, row.action) {
        (Wave::Build | Wave::Withdraw, _) => operation_of(&row),
        (Wave::Connect, Action::Delete) => {
            update(&row, naming.into_iter().map(|name| (name, &Field::Absent)))
        }
        (
            Wave::Connect,
            Action::Create
            | Action::Link
            | Action::Update
            | Action::Refresh
            | Action::Disable
            | Action::Unlink
            | Action::MarkGone,
        ) => update(&row, row.result.iter().filter(|(name, _)| waited.contains(name))),
    };
    let (waits, lacks) = (found.contains(&Named::Later), found.contains(&Named::NotYet));
    Asked { row, operation, waits, lacks }
}

/// A field with these of its values. One that loses all of them is not written.
fn with_values(field: Field, kept: Vec<Value>) -> Field {
    if kept.len() == field.values().len() {
        return field;
    }
    match field {
        Field::Many(_) if !kept.is_empty() => Field::Many(kept),
        Field::Absent | Field::Null | Field::One(_) | Field::Many(_) => Field::Absent,
    }
}

fn update<'a>(
    row: &ChangeRow,
    fields: impl Iterator<Item = (&'a AttributeName, &'a Field)>,
) -> Option<Operation> {
    let write = |(name, field): (&AttributeName, &Field)| (name.clone(), write_of(row, name, field));
    let writes: Vec<(AttributeName, AttributeWrite)> = fields.map(write).collect();
    (!writes.is_empty()).then(|| Operation::Update {
        uid: row.uid.clone(),
        name: None,
        writes,
        enabled: None,
    })
}

/// What becomes of one attribute. Of several values only those are written that come and go: an account may have very
/// many.
fn write_of(row: &ChangeRow, name: &AttributeName, after: &Field) -> AttributeWrite {
    let before = row.before.iter().find(|(known, _)| known == name).map(|(_, before)| before);
    let (Some(Field::Many(before)), Field::Many(after)) = (before, after) else {
        return AttributeWrite::Replace(after.clone());
    };
    if after.is_empty() {
        return AttributeWrite::Replace(Field::Absent);
    }
    AttributeWrite::Values { add: lacking(after, before), remove: lacking(before, after) }
}

/// Those of some values that others lack.
fn lacking(values: &[Value], others: &[Value]) -> Vec<Value> {
    let others: HashSet<_> = others.iter().map(Value::to_text).collect();
    values.iter().filter(|value| !others.contains(&value.to_text())).cloned().collect()
}

fn operation_of(row: &ChangeRow) -> Option<Operation> {
    let uid = row.uid.clone();
    match row.action {
        Action::Create => Some(Operation::Create {
            uid,
            attributes: row.result.iter().map(|(name, field)| (name.clone(), field.clone())).collect(),
            enabled: row.state < 2,
        }),
        Action::Link | Action::Update | Action::Disable => {
            let write_of = |(name, field)| (Clone::clone(name), write_of(row, name, field));
            let mut writes: Vec<(AttributeName, AttributeWrite)> = row.result.iter().map(write_of).collect();
            writes.extend(row.memberships.iter().map(|membership| {
                let values =
                    |texts: &[String]| texts.iter().map(|text| Value::String(text.clone())).collect();
                let write = AttributeWrite::Values {
                    add: values(&membership.add),
                    remove: values(&membership.remove),
                };
                (membership.attribute.clone(), write)
            }));
            let enabled = match row.state {
                0 => None,
                state => Some(state == 1),
            };
            let nothing = writes.is_empty() && enabled.is_none();
            (!nothing).then_some(Operation::Update { uid, name: None, writes, enabled })
        }
        Action::Delete => Some(Operation::Delete { uid, name: None }),
        Action::Refresh | Action::Unlink | Action::MarkGone => None,
    }
}
