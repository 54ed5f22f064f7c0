//! What one operation does to the system in memory, and what it refuses.

use std::sync::Arc;

use muster_model::{AttributeName, Attributes, Field, Value};

use super::{Held, MemoryAccount, State};
use crate::{AttributeWrite, Capabilities, ConnectorError, Operation};

/// What the system admits.
pub(super) struct Rules {
    pub(super) capabilities: Capabilities,
    pub(super) references: Arc<[AttributeName]>,
}

impl Rules {
    /// Carries out one operation, or refuses it and changes nothing.
    pub(super) fn apply(
        &self,
        state: &mut State,
        class: &str,
        operation: Operation,
    ) -> Result<(), ConnectorError> {
        match operation {
            Operation::Create { uid, attributes, enabled } => {
                self.admit_state(&uid, (!enabled).then_some(false))?;
                if held(state, class, &uid).is_some() {
                    return Err(ConnectorError::Conflict { message: format!("`{uid}` exists already") });
                }
                let attributes: Attributes = attributes.into_iter().collect();
                self.admit_references(state, &uid, &attributes)?;
                put(state, class, uid, MemoryAccount { enabled, attributes });
            }
            Operation::Update { uid, writes, enabled } => {
                self.admit_state(&uid, enabled)?;
                let mut account = match held(state, class, &uid) {
                    Some(Held::Account(account)) => account.clone(),
                    Some(Held::Bad { .. } | Held::Mistyped { .. }) => return Err(unreadable(&uid)),
                    None => {
                        return Err(ConnectorError::Missing { message: format!("`{uid}` does not exist") });
                    }
                };
                account.enabled = enabled.unwrap_or(account.enabled);
                for (name, write) in writes {
                    let field = changed(account.attributes.get(name.as_str()), write);
                    account.attributes.set(name, field);
                }
                self.admit_references(state, &uid, &account.attributes)?;
                put(state, class, uid, account);
            }
            Operation::Delete { uid } => match held(state, class, &uid) {
                Some(Held::Account(_)) => {
                    self.admit_delete(state, &uid)?;
                    state.class(class).remove(&uid);
                }
                Some(Held::Bad { .. } | Held::Mistyped { .. }) => return Err(unreadable(&uid)),
                None => {}
            },
        }
        Ok(())
    }

    fn admit_state(&self, uid: &str, enabled: Option<bool>) -> Result<(), ConnectorError> {
        match enabled {
            Some(_) if !self.capabilities.enable => {
                Err(rejected(format!("`{uid}` cannot be enabled or disabled in this system")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// An account that others name stays, where names of accounts that do not exist are refused.
    fn admit_delete(&self, state: &State, uid: &str) -> Result<(), ConnectorError> {
        if !self.capabilities.references_must_exist {
            return Ok(());
        }
        for (other, held) in state.classes.values().flatten() {
            if let Held::Account(account) = held
                && other != uid
                && names(account, &self.references, uid)
            {
                return Err(rejected(format!("`{uid}` is named by `{other}`; delete that first")));
            }
        }
        Ok(())
    }

    fn admit_references(
        &self,
        state: &State,
        uid: &str,
        attributes: &Attributes,
    ) -> Result<(), ConnectorError> {
        if !self.capabilities.references_must_exist {
            return Ok(());
        }
        for name in self.references.iter() {
            for value in attributes.get(name.as_str()).values() {
                let key = value.to_text();
                if key != uid && !state.exists(&key) {
                    return Err(rejected(format!("`{name}` of `{uid}` names `{key}`, which does not exist")));
                }
            }
        }
        Ok(())
    }
}

/// Whether one of the attributes names the key.
fn names(account: &MemoryAccount, references: &[AttributeName], uid: &str) -> bool {
    let fields = references.iter().map(|name| account.attributes.get(name.as_str()));
    fields.flat_map(Field::values).any(|value| value.to_text() == uid)
}

fn held<'a>(state: &'a State, class: &str, uid: &str) -> Option<&'a Held> {
    state.classes.get(class)?.get(uid)
}

/// Stores an account; one that is stored so already is no change.
fn put(state: &mut State, class: &str, uid: String, account: MemoryAccount) {
    let account = Held::Account(account);
    if held(state, class, &uid) != Some(&account) {
        state.class(class).insert(uid, account);
    }
}

fn changed(before: &Field, write: AttributeWrite) -> Field {
    match write {
        AttributeWrite::Replace(Field::Absent | Field::Null) => Field::Absent,
        AttributeWrite::Replace(field) => field,
        AttributeWrite::Values { add, remove } => {
            let mut values: Vec<Value> = before.values().to_vec();
            values.retain(|value| !remove.contains(value));
            for value in add {
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            Field::Many(values)
        }
    }
}

fn unreadable(uid: &str) -> ConnectorError {
    rejected(format!("the entry `{uid}` cannot be read; repair it first"))
}

fn rejected(message: String) -> ConnectorError {
    ConnectorError::Rejected { message }
}
