//! Memberships that are written one by one: each is a call. What is there already, or gone already, is fine.

use muster_connector::{AttributeWrite, ConnectorError};
use muster_model::{AttributeName, Field, Value};
use serde_json::Value as Json;

use super::single::Single;
use crate::class::Membership;
use crate::description::Operation;
use crate::entry::field;
use crate::template::Values;

/// What comes and goes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Delta {
    add: Vec<String>,
    remove: Vec<String>,
}

impl Single<'_> {
    /// Adds a new account to all that it is to be a member of.
    pub(super) async fn add_first(
        &self,
        uid: &str,
        attributes: &[(AttributeName, Field)],
    ) -> Result<(), ConnectorError> {
        let layout = self.reader.layout;
        let wanted = attributes.iter().filter(|(name, _)| layout.is_membership(name));
        let add = wanted.flat_map(|(_, field)| texts(field.values())).collect();
        self.carry_out(uid, Delta { add, remove: Vec::new() }).await
    }

    /// Carries what is added and removed to the entitlements.
    pub(super) async fn change_memberships(
        &self,
        uid: &str,
        writes: &[(AttributeName, AttributeWrite)],
    ) -> Result<(), ConnectorError> {
        let Some(membership) = &self.reader.layout.membership else { return Ok(()) };
        for (_, write) in writes.iter().filter(|(name, _)| *name == membership.attribute) {
            let delta = match write {
                AttributeWrite::Values { add, remove } => Delta { add: texts(add), remove: texts(remove) },
                AttributeWrite::Replace(field) => {
                    let held = self.held_by(uid, membership).await?;
                    let wanted = texts(field.values());
                    Delta {
                        add: wanted.iter().filter(|key| !held.contains(key)).cloned().collect(),
                        remove: held.into_iter().filter(|key| !wanted.contains(key)).collect(),
                    }
                }
            };
            self.carry_out(uid, delta).await?;
        }
        Ok(())
    }

    /// What an account is a member of now.
    async fn held_by(&self, uid: &str, membership: &Membership) -> Result<Vec<String>, ConnectorError> {
        let Some(own) = &membership.own else {
            let held = self.reader.held().await?;
            return Ok(held.map(|held| held.of(uid)).unwrap_or_default());
        };
        let found = self.reader.one(uid).await?.ok_or_else(|| self.missing(uid))?;
        let read =
            field(&found.item, own, true).map_err(|problem| ConnectorError::Rejected { message: problem })?;
        Ok(texts(read.values()))
    }

    async fn carry_out(&self, uid: &str, delta: Delta) -> Result<(), ConnectorError> {
        let class = &self.reader.layout.class;
        for group in &delta.add {
            self.member(class.add_member.as_ref(), uid, group, Direction::Add).await?;
        }
        for group in &delta.remove {
            self.member(class.remove_member.as_ref(), uid, group, Direction::Remove).await?;
        }
        Ok(())
    }

    async fn member(
        &self,
        operation: Option<&Operation>,
        uid: &str,
        group: &str,
        direction: Direction,
    ) -> Result<(), ConnectorError> {
        let operation = operation.ok_or_else(|| self.undescribed("addMember"))?;
        let values: Values =
            [("key".to_owned(), Json::from(uid)), ("group".to_owned(), Json::from(group))].into();
        let answer = self.reader.api.call(&operation.call(&values)?).await?;
        let is_so_already = match direction {
            Direction::Add => answer.is_conflict,
            Direction::Remove => answer.is_missing(),
        };
        match answer.is_success() || is_so_already {
            true => Ok(()),
            // Nobody can tell whether the account or the entitlement is not there.
            false if answer.is_missing() => Err(ConnectorError::Rejected { message: answer.told.clone() }),
            false => Err(answer.refused()),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    Add,
    Remove,
}

fn texts(values: &[Value]) -> Vec<String> {
    values.iter().map(|value| value.to_text().into_owned()).collect()
}
