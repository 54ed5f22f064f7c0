//! Accounts that deleted owners have left behind: who gets them. One that nobody gets is withdrawn like that of any leaver.

use chrono::{DateTime, Utc};
use muster_model::ImObject;
use muster_model::configuration::application::{Reaction, Situation};

use super::{Outbound, OutboundFacts, ownership};
use crate::decision::{AccountView, Decision};
use crate::dispute::Decided;
use crate::rules::Rules;
use crate::situation::Ownership;

impl Outbound {
    /// The object that an account belongs to, or would. One that was left behind is as its owner left it, unless somebody
    /// else is to have it.
    pub(super) fn fitting<'a>(&self, facts: &'a OutboundFacts) -> Option<&'a ImObject> {
        let is_named = matches!(facts.decided, Some(Decided::Link(_)));
        let is_left = !is_named && ownership(facts) == Ownership::OwnerDeleted;
        facts.fitting().filter(|object| !is_left || facts.rival.is_none() && self.would_link(object))
    }

    /// Whether an account that fits this object alone is linked to it.
    fn would_link(&self, object: &ImObject) -> bool {
        let links = |rules: &Rules| rules.reaction(Situation::Unlinked) == Reaction::Link;
        self.scope.holds(object)
            && self.grant(object).is_some()
            && self.rules_for(object).is_some_and(|rules| links(rules) && !rules.is_protected(object))
    }

    /// Decides about an account that was left behind and has the key of the one that an owner is to get, who is the only
    /// candidate in `facts`. `None` where somebody has decided about the account.
    #[must_use]
    pub fn decide_left_behind(
        &self,
        account: AccountView<'_>,
        facts: &OutboundFacts,
        now: DateTime<Utc>,
    ) -> Option<Decision> {
        let owner = facts.candidates.first().filter(|_| facts.decided.is_none())?;
        let grant = self.grant(owner)?;
        Some(self.keep(account, facts, (owner, &grant), Situation::Unlinked, now))
    }
}
