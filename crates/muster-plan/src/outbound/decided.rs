//! Accounts of a target that somebody decided about, and those that somebody is to decide about.

use chrono::{DateTime, Utc};
use muster_model::ImObject;
use muster_model::configuration::application::{Reaction, Situation};
use muster_model::error::ErrorCode;

use super::{Outbound, OutboundFacts, ownership, problem};
use crate::decision::{AccountView, Decision};
use crate::dispute::{Decided, Dispute, ignored, left, objection};
use crate::situation::Ownership;

impl Outbound {
    /// Does what somebody decided. Of an account that is linked to the object nobody decides.
    pub(super) fn follow(
        &self,
        decided: &Decided,
        account: AccountView<'_>,
        facts: &OutboundFacts,
        now: DateTime<Utc>,
    ) -> Decision {
        let alone = |facts: &OutboundFacts| self.decide_alone(account, facts, now);
        let object = match decided {
            Decided::Link(object) => object,
            Decided::Ignore => return ignored(alone(facts)),
            // Whoever has it is not ours to say: nobody makes an object from an account of a target.
            Decided::New => return alone(facts),
        };
        let is_linked = facts.owner.as_ref().is_some_and(|owner| owner.id == object.id);
        if is_linked {
            return alone(&OutboundFacts { decided: None, ..facts.clone() });
        }
        let (why, grant) = (self.objection(object, facts.decided_rival.as_deref()), self.grant(object));
        let (None, Some(grant)) = (&why, grant) else {
            let why = why.unwrap_or_else(|| format!("no profile grants object {} an account", object.id));
            let message = format!("account `{}` is not linked as somebody decided: {why}", account.uid);
            let situation = match ownership(facts) {
                Ownership::Linked | Ownership::OwnerDeleted => Situation::Unassigned,
                Ownership::FitsOne | Ownership::FitsLinked | Ownership::FitsSeveral | Ownership::FitsNone => {
                    Situation::Disputed
                }
            };
            return Decision::left_alone(situation, Reaction::Report, problem(ErrorCode::Disputed, message));
        };
        let mut decision = self.keep(account, facts, (object, &grant), Situation::Unlinked, now);
        if let Some(change) = &mut decision.change {
            change.correlation.clear();
            change.why = Some("somebody decided that it belongs to the object".to_owned());
        }
        decision
    }

    /// Why an account is not linked to an object that somebody names; `rival` is another live account that it has.
    #[must_use]
    pub fn objection(&self, object: &ImObject, rival: Option<&str>) -> Option<String> {
        let Some(rules) = self.rules_for(object).or(self.rules.first()) else {
            return Some(format!("object {} is of a kind that owns no such accounts", object.id));
        };
        objection(rules, object, rival).or_else(|| {
            let is_granted = self.grant(object).is_some();
            (!is_granted).then(|| format!("no profile grants object {} an account", object.id))
        })
    }

    /// Whether the account of an owner is to be kept.
    #[must_use]
    pub fn grants(&self, owner: &ImObject) -> bool {
        self.grant(owner).is_some()
    }

    /// What the decision about an account leaves for somebody to decide.
    #[must_use]
    pub fn dispute(
        &self,
        account: AccountView<'_>,
        facts: &OutboundFacts,
        decision: &Decision,
    ) -> Option<Dispute> {
        let objects = facts.owner.iter().chain(&facts.candidates).map(|object| object.id);
        let mut rules = self.rules.iter().flat_map(|rules| &rules.correlation);
        let found = facts.found_by.and_then(|place| Some((place, rules.nth(place as usize)?)));
        left(decision, objects, found, account.attributes)
    }
}
