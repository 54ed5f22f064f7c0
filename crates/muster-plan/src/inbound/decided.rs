//! Accounts of a source that somebody decided about, and those that somebody is to decide about.

use chrono::{DateTime, Utc};
use muster_model::ImObject;
use muster_model::configuration::application::{Reaction, Situation};

use super::{Inbound, InboundFacts, disputed, ownership, unlinked};
use crate::decision::{AccountView, Decision};
use crate::dispute::{Decided, Dispute, ignored, left, objection};
use crate::situation;

impl Inbound {
    /// Does what somebody decided. Of an account that is linked nobody decides.
    pub(super) fn follow(
        &self,
        decided: &Decided,
        account: AccountView<'_>,
        facts: &InboundFacts,
        now: DateTime<Utc>,
    ) -> Decision {
        let situation = situation::inbound(ownership(facts));
        match decided {
            _ if situation == Situation::Linked => self.decide_alone(account, facts, now),
            Decided::Ignore => ignored(self.decide_alone(account, facts, now)),
            Decided::New => by_hand(self.create(account, facts, now), "somebody decided that it is new"),
            Decided::Link(object) => match self.objection(object, facts.decided_rival.as_deref()) {
                Some(why) => {
                    let message =
                        format!("account `{}` is not linked as somebody decided: {why}", account.uid);
                    Decision::left_alone(situation, Reaction::Report, disputed(message))
                }
                None => {
                    let (found, facts) = ((Situation::Unlinked, Reaction::Link), unlinked(facts));
                    let linked = self.synchronize(account, &facts, object, found, now);
                    by_hand(linked, "somebody decided that it belongs to the object")
                }
            },
        }
    }

    /// Why an account is not linked to an object that somebody names; `rival` is another live account that it has.
    #[must_use]
    pub fn objection(&self, object: &ImObject, rival: Option<&str>) -> Option<String> {
        if object.directory != self.directory {
            let (id, found) = (object.id, &object.directory);
            return Some(format!("object {id} is in directory `{found}`, not `{}`", self.directory));
        }
        objection(&self.rules, object, rival)
    }

    /// What the decision about an account leaves for somebody to decide.
    #[must_use]
    pub fn dispute(
        &self,
        account: AccountView<'_>,
        facts: &InboundFacts,
        decision: &Decision,
    ) -> Option<Dispute> {
        let objects = facts.owner.iter().chain(&facts.candidates).map(|object| object.id);
        let rule = |place: u32| Some((place, self.rules.correlation.get(place as usize)?));
        left(decision, objects, facts.found_by.and_then(rule), account.attributes)
    }
}

/// Nothing that other accounts of the run come to stands against what somebody decided.
fn by_hand(mut decision: Decision, why: &str) -> Decision {
    if let Some(change) = &mut decision.change {
        change.correlation.clear();
        change.why = Some(why.to_owned());
    }
    decision
}
