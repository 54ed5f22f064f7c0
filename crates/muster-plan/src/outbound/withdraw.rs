//! What becomes of accounts that are not to be kept: no longer granted, of nobody, or to be forgotten.

use muster_model::configuration::application::{Reaction, Situation};
use muster_model::configuration::profile::Deprovisioning;
use muster_model::error::ErrorCode;
use muster_model::{ConfigurationId, DisabledReason, ImObject};

use super::{Outbound, OutboundFacts, problem};
use crate::change::{Action, ObjectBase, StateChange};
use crate::decision::{AccountView, Decision, ShadowFacts};
use crate::inbound::bare_change;
use crate::rules::Rules;

impl Outbound {
    /// What becomes of an account that nobody grants any more.
    pub(super) fn deprovision(
        &self,
        account: AccountView<'_>,
        facts: &OutboundFacts,
        owner: Option<&ImObject>,
        situation: Situation,
    ) -> Decision {
        let Some(shadow) = &facts.shadow else { return Decision::unchanged(situation) };
        let rules = owner.and_then(|owner| self.rules_for(owner)).or(self.rules.first());
        let reaction = self.reaction_to_withdrawal(rules, shadow.profile.as_ref());
        if let (Some(rules), Some(owner)) = (rules, owner)
            && rules.is_protected(owner)
        {
            let message = format!("account `{}` is no longer granted; its owner is protected", account.uid);
            return Decision::left_alone(situation, Reaction::Report, problem(ErrorCode::Disputed, message));
        }
        let action = match reaction {
            Reaction::Disable => Action::Disable,
            Reaction::Delete => Action::Delete,
            Reaction::Unlink => Action::Unlink,
            Reaction::Synchronize
            | Reaction::Link
            | Reaction::Create
            | Reaction::Anonymize
            | Reaction::Ignore
            | Reaction::Report => {
                let message = format!("account `{}` is no longer granted", account.uid);
                return Decision::left_alone(situation, reaction, problem(ErrorCode::Disputed, message));
            }
        };
        self.withdraw(action, account, Some(shadow), owner, (situation, reaction))
    }

    /// What becomes of an account that is no longer granted.
    pub(super) fn reaction_to_withdrawal(
        &self,
        rules: Option<&Rules>,
        granted_by: Option<&ConfigurationId>,
    ) -> Reaction {
        let configured = rules.map_or(Reaction::Disable, |rules| rules.reaction(Situation::Unassigned));
        let profile = granted_by.and_then(|id| self.profiles.get(id));
        // Where the profile that granted the account is known, it decides; the reaction is for all others.
        match (configured, profile.map(|profile| profile.deprovisioning)) {
            (Reaction::Ignore | Reaction::Report, _) | (_, None) => configured,
            (_, Some(Deprovisioning::Disable)) => Reaction::Disable,
            (_, Some(Deprovisioning::Delete)) => Reaction::Delete,
            (_, Some(Deprovisioning::Unlink)) => Reaction::Unlink,
            (_, Some(Deprovisioning::Keep)) => Reaction::Ignore,
        }
    }

    /// What becomes of an account whose owner is not known, whoever it fits.
    pub(super) fn unmatched(&self, account: AccountView<'_>, fitting: Option<&ImObject>) -> Decision {
        let situation = Situation::Unmatched;
        let reaction = self.rules.first().map_or(Reaction::Report, |rules| rules.reaction(situation));
        let action = match reaction {
            Reaction::Disable => Action::Disable,
            Reaction::Delete => Action::Delete,
            Reaction::Synchronize
            | Reaction::Link
            | Reaction::Create
            | Reaction::Unlink
            | Reaction::Anonymize
            | Reaction::Ignore
            | Reaction::Report => {
                let why = match fitting {
                    Some(object) => {
                        format!("no profile grants object {}, which it fits, an account", object.id)
                    }
                    None => "no object fits it".to_owned(),
                };
                let message = format!("the owner of account `{}` is not known: {why}", account.uid);
                return Decision::left_alone(situation, reaction, problem(ErrorCode::OwnerUnknown, message));
            }
        };
        self.withdraw(action, account, None, None, (situation, reaction))
    }

    /// Decides about a shadow whose account is gone from the target. `None` where its owner is to have one, which
    /// is decided with the owner, or is outside the task's scope. Whatever the reactions say, nothing is left that
    /// could be done to the account: it is forgotten.
    #[must_use]
    pub fn decide_gone(&self, shadow: &ShadowFacts, owner: Option<&ImObject>) -> Option<Decision> {
        let is_granted = |owner| self.rules_for(owner).is_some() && self.grant(owner).is_some();
        if owner.is_some_and(|owner| !self.scope.holds(owner) || is_granted(owner)) {
            return None;
        }
        let mut change = bare_change(Action::Unlink, Situation::Missing, Reaction::Unlink, &shadow.uid);
        change.shadow = Some(shadow.base);
        change.object = owner.map(|owner| ObjectBase { id: owner.id, version: owner.version });
        change.why = Some("the account is gone, and nobody grants it any more".to_owned());
        Some(Decision::change(change))
    }

    pub(super) fn withdraw(
        &self,
        action: Action,
        account: AccountView<'_>,
        shadow: Option<&ShadowFacts>,
        owner: Option<&ImObject>,
        (situation, reaction): (Situation, Reaction),
    ) -> Decision {
        let mut change = bare_change(action, situation, reaction, account.uid);
        change.place = account.place;
        change.shadow = shadow.map(|shadow| shadow.base);
        change.object = owner.map(|owner| ObjectBase { id: owner.id, version: owner.version });
        let rules = owner.and_then(|owner| self.rules_for(owner)).or(self.rules.first());
        if let (Some(_), Some(rules)) = (shadow, rules) {
            change.snapshot = self.snapshot_of(rules, account.attributes);
        }
        if action == Action::Delete {
            // Whom it names has to stay until it is gone.
            change.references = self.named_by(account.attributes);
            change.keys_removed = self.name_key(account.attributes).into_iter().collect();
        }
        if action != Action::Disable {
            return Decision::change(change);
        }
        self.correct_membership(&mut change, account.attributes, shadow, &[]);
        match (self.abilities.can_be_disabled, account.enabled) {
            (true, Some(false)) if change.memberships.is_empty() => return Decision::unchanged(situation),
            (true, Some(false)) => {}
            (true, _) => {
                change.state = StateChange::Disable(DisabledReason::NotEntitled);
                change.why = Some("nobody grants it any more".to_owned());
            }
            (false, _) => {
                let message = format!(
                    "account `{}` is to be disabled, but `{}` cannot disable accounts; let the profile DELETE or KEEP",
                    account.uid, self.application
                );
                return Decision::failed(Some(situation), ErrorCode::ChangeRefused, message);
            }
        }
        Decision::change(change)
    }

    pub(super) fn left_alone(&self, situation: Situation, code: ErrorCode, message: String) -> Decision {
        let reaction = self.rules.first().map_or(Reaction::Report, |rules| rules.reaction(situation));
        Decision::left_alone(situation, reaction, problem(code, message))
    }
}
