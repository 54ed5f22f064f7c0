//! Successors: an account of a source that goes on under a new key.
//!
//! A page cannot tell whether the account under the old key is gone. So what would be done is staged, and CHECK leaves
//! it out where the sweep has met that account, or was not complete.

use chrono::{DateTime, Utc};
use muster_model::configuration::application::{Reaction, Recreated, Situation};

use super::{Inbound, InboundFacts};
use crate::decision::{AccountView, Decision};
use crate::lifecycle::Absence;

impl InboundFacts {
    /// Whether the shadow is the one of the account that this one takes the place of.
    pub(super) fn is_succession(&self) -> bool {
        self.predecessor.is_some() && self.shadow == self.predecessor
    }
}

impl Inbound {
    /// Whether an account that nobody knows fits an object that has lost its account, and somebody is to decide about
    /// it.
    pub(super) fn is_recreated(&self, facts: &InboundFacts) -> bool {
        facts.shadow.is_none() && facts.lost_one && self.rules.recreated == Recreated::Report
    }

    /// What an account that nobody knows comes to if it is the one that its object has so far, under a new key: it
    /// takes the shadow of that over, and nobody is disabled in between.
    pub(super) fn succeed(
        &self,
        account: AccountView<'_>,
        facts: &InboundFacts,
        now: DateTime<Utc>,
    ) -> Option<Decision> {
        let (None, Some(before), [object]) = (&facts.shadow, &facts.predecessor, facts.candidates.as_slice())
        else {
            return None;
        };
        let (situation, reaction) = (Situation::Unlinked, self.rules.reaction(Situation::Unlinked));
        let is_admitted = self.absence == Absence::Concluded
            && reaction == Reaction::Link
            && self.rules.recreated == Recreated::Relink;
        if !is_admitted || self.rules.is_protected(object) || self.is_overtaken(Some(before)) {
            return None;
        }
        let facts = InboundFacts { shadow: Some(before.clone()), rival: None, ..facts.clone() };
        let mut decision = self.synchronize(account, &facts, object, (situation, reaction), now);
        if let Some(change) = &mut decision.change {
            change.succeeds = Some(before.uid.clone());
            change.why = Some(format!("it takes the place of account `{}`", before.uid));
        }
        Some(decision)
    }
}
