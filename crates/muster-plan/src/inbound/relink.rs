//! Accounts that are asked for by their user names: re-created at the source under a new key, they are whom the name says,
//! and the new key is stored. What stands against that fails the entry, and changes nothing.

use chrono::{DateTime, Utc};
use muster_model::configuration::application::{Reaction, Situation};
use muster_model::error::ErrorCode;
use muster_model::{AttributeName, Field, ImObject, ObjectId};

use super::{Inbound, InboundFacts, ownership, unlinked};
use crate::decision::{AccountView, Decision, ShadowFacts};
use crate::mapping::{Mapped, MappingInput, map};
use crate::situation;

/// Whose account one is by its user name.
#[derive(Debug, Clone, PartialEq)]
pub enum Relink {
    /// Nobody's: it is decided like any other.
    Nobody,
    /// This object's.
    Found(Box<Relinked>),
    /// It cannot be said, or must not be.
    Refused(String),
}

/// The object that an account belongs to by its user name.
#[derive(Debug, Clone, PartialEq)]
pub struct Relinked {
    /// The object.
    pub object: ImObject,
    /// The shadow of the account that it had under another key, which is gone.
    pub before: Option<ShadowFacts>,
}

impl Inbound {
    /// Whether the account of a shadow was read alone since this run began.
    pub(super) fn is_overtaken(&self, shadow: Option<&ShadowFacts>) -> bool {
        shadow.and_then(|shadow| shadow.read_by).is_some_and(|newest| newest >= self.run)
    }

    /// What an attribute of the object would hold that an account makes, if it says so.
    #[must_use]
    pub fn mapped(
        &self,
        account: AccountView<'_>,
        attribute: &AttributeName,
        now: DateTime<Utc>,
    ) -> Option<Field> {
        let source = account.attributes;
        let input = MappingInput { source, snapshot: None, target: None, provenance: None, now };
        let Ok(Mapped::Writes(writes)) = map(&self.rules, &input) else { return None };
        writes.into_iter().find(|(name, _)| name == attribute).map(|(_, field)| field)
    }

    /// What comes of an account that was asked for by its user name; nothing where that says no more than its key.
    pub(super) fn relink(
        &self,
        account: AccountView<'_>,
        facts: &InboundFacts,
        now: DateTime<Utc>,
    ) -> Option<Decision> {
        let owner = facts.owner.as_ref().map(|owner| owner.id);
        let Relinked { object, before } = match facts.relink.as_ref()? {
            Relink::Nobody => return None,
            Relink::Refused(why) => return Some(self.refused(account, facts, why)),
            Relink::Found(found) if owner == Some(found.object.id) => return None,
            Relink::Found(found) => &**found,
        };
        let objection = match (owner, &facts.shadow) {
            (Some(owner), _) => Some(elsewhere(owner)),
            // It is remembered as nobody's; two shadows never have one key.
            (None, Some(_)) if before.is_some() => Some("its key is known already".to_owned()),
            (None, _) => self.objection(object, None),
        };
        if let Some(why) = objection {
            return Some(self.refused(account, facts, &why));
        }
        let found = (Situation::Unlinked, Reaction::Link);
        let facts = match before {
            Some(_) => {
                InboundFacts { shadow: before.clone(), predecessor: before.clone(), ..unlinked(facts) }
            }
            None => unlinked(facts),
        };
        let mut decision = self.synchronize(account, &facts, object, found, now);
        if let Some(change) = &mut decision.change {
            change.correlation.clear();
            change.succeeds = before.as_ref().map(|before| before.uid.clone());
            change.why = Some("the object has its user name".to_owned());
        }
        Some(decision)
    }

    fn refused(&self, account: AccountView<'_>, facts: &InboundFacts, why: &str) -> Decision {
        let message = format!("account `{}` is not given to the user of its name: {why}", account.uid);
        Decision::failed(Some(situation::inbound(ownership(facts))), ErrorCode::Disputed, message)
    }
}

fn elsewhere(owner: ObjectId) -> String {
    format!("it belongs to object {owner}")
}
