//! Accounts that somebody made anew: under the name of one that is gone, with another key.

use chrono::{DateTime, Utc};
use muster_model::configuration::application::Situation;
use muster_model::run::Outcome;

use super::{Outbound, OutboundFacts};
use crate::change::Action;
use crate::decision::{AccountView, Decision, ShadowFacts};

impl Outbound {
    /// The name under which an account that is gone can have been made anew; `None` where accounts are known by what
    /// they are made under.
    #[must_use]
    pub fn remembered_name(&self, shadow: &ShadowFacts) -> Option<String> {
        let name = shadow.snapshot.get(self.abilities.name.as_ref()?.as_str()).first()?.to_text();
        (!name.is_empty()).then(|| name.into_owned())
    }

    /// Decides about an account of nobody that has the name of one that a complete sweep did not meet: `facts.shadow` is
    /// what is remembered of that one. It belongs to the same owner, and goes on with that shadow. `None` where
    /// correlation or somebody says otherwise, or nothing is to be done about it.
    #[must_use]
    pub fn decide_remade(
        &self,
        account: AccountView<'_>,
        facts: &OutboundFacts,
        now: DateTime<Utc>,
    ) -> Option<Decision> {
        let (before, owner) = (facts.shadow.as_ref()?, facts.owner.as_ref());
        let fits_others = facts.candidates.iter().any(|object| Some(object.id) != before.owner);
        if fits_others || facts.decided.is_some() || owner.is_some_and(|owner| !self.scope.holds(owner)) {
            return None;
        }
        let mut decision = match owner.and_then(|owner| Some((owner, self.grant(owner)?))) {
            Some((owner, grant)) => self.keep(account, facts, (owner, &grant), Situation::Unlinked, now),
            None => {
                let decision = self.deprovision(account, facts, owner, Situation::Unassigned);
                let action = decision.change.as_ref().map(|change| change.action);
                let is_withdrawn = matches!(action, Some(Action::Disable | Action::Delete));
                (is_withdrawn || decision.outcome == Outcome::Failed).then_some(decision)?
            }
        };
        if let Some(change) = &mut decision.change {
            change.succeeds = Some(before.uid.clone());
            change.why =
                Some(format!("it was made anew under the name of account `{}`, which is gone", before.uid));
        }
        Some(decision)
    }
}
