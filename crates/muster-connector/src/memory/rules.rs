//! What one operation does to the system in memory, and what it refuses.

use muster_model::{AttributeName, Attributes, Field, Value};

use super::{Held, MemoryAccount, MemorySystem, State};
use crate::{AttributeWrite, ConnectorError, Operation, RemoteClass, WriteResult, Written};

/// What the system admits.
pub(super) struct Rules<'a> {
    pub(super) system: &'a MemorySystem,
}

impl Rules<'_> {
    /// Carries out one operation, or refuses it and changes nothing.
    pub(super) fn apply(&self, state: &mut State, of: &RemoteClass, operation: Operation) -> WriteResult {
        let class = of.remote_name.as_str();
        match operation {
            Operation::Create { uid, attributes, enabled } => {
                self.admit_state(&uid, (!enabled).then_some(false))?;
                let is_there = match self.system.gives_keys {
                    true => state.named(of, &uid).is_some(),
                    false => held(state, class, &uid).is_some(),
                };
                if is_there {
                    return Err(ConnectorError::Conflict { message: format!("`{uid}` exists already") });
                }
                let attributes: Attributes = attributes.into_iter().collect();
                self.admit_references(state, &uid, &attributes)?;
                return Ok(self.made(state, of, uid, MemoryAccount { enabled, attributes }));
            }
            Operation::Update { uid, writes, enabled, .. } => {
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
                self.admit_name(state, of, (&uid, &account))?;
                self.admit_references(state, &uid, &account.attributes)?;
                put(state, class, uid, account);
            }
            Operation::Delete { uid, .. } => match held(state, class, &uid) {
                Some(Held::Account(_)) => {
                    self.admit_delete(state, &uid)?;
                    state.class(class, &uid).remove(&uid);
                }
                Some(Held::Bad { .. } | Held::Mistyped { .. }) => return Err(unreadable(&uid)),
                None => {}
            },
        }
        Ok(Written::default())
    }

    /// Puts an account there that is made, and says which key it got.
    fn made(&self, state: &mut State, of: &RemoteClass, uid: String, mut account: MemoryAccount) -> Written {
        if !self.system.gives_keys {
            put(state, &of.remote_name, uid, account);
            return Written::default();
        }
        state.given += 1;
        let given = format!("id-{}", state.given);
        account.attributes.set(of.uid_attribute.clone(), Field::text(&given));
        put(state, &of.remote_name, given.clone(), account);
        Written { given_uid: Some(given) }
    }

    /// No two accounts have one name, where they are made under it.
    fn admit_name(
        &self,
        state: &State,
        of: &RemoteClass,
        (uid, account): (&str, &MemoryAccount),
    ) -> Result<(), ConnectorError> {
        let name = account.attributes.get(of.naming_attribute().as_str()).first().map(Value::to_text);
        let Some(name) = name.filter(|_| self.system.gives_keys) else { return Ok(()) };
        match state.named(of, &name) {
            Some(other) if other != uid => {
                Err(ConnectorError::Conflict { message: format!("`{name}` is the name of `{other}`") })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn admit_state(&self, uid: &str, enabled: Option<bool>) -> Result<(), ConnectorError> {
        match enabled {
            Some(_) if !self.system.capabilities.enable => {
                Err(rejected(format!("`{uid}` cannot be enabled or disabled in this system")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// An account that others name stays, where names of accounts that do not exist are refused.
    fn admit_delete(&self, state: &State, uid: &str) -> Result<(), ConnectorError> {
        if !self.system.capabilities.references_must_exist {
            return Ok(());
        }
        for (other, held) in state.classes.values().flatten() {
            if let Held::Account(account) = held
                && other != uid
                && names(account, &self.system.references, uid)
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
        if !self.system.capabilities.references_must_exist {
            return Ok(());
        }
        for name in self.system.references.iter() {
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
        state.class(class, &uid).insert(uid, account);
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
