//! What an account is to be like: made anew, or compared with what it is and corrected.

use chrono::{DateTime, Utc};
use muster_model::configuration::application::{Reaction, Situation};
use muster_model::difference::AttributeChange;
use muster_model::error::ErrorCode;
use muster_model::{AttributeName, AttributeSource, Attributes, Field, ImObject, Value};

use super::profiles::Grant;
use super::taken::{Referring, naming_fields};
use super::{Outbound, OutboundFacts, OwnerView, comparable, many, problem};
use crate::change::{Action, Change, MembershipChange, ObjectBase, StateChange};
use crate::convert::to_text;
use crate::decision::{AccountView, Decision, ShadowFacts};
use crate::dispute::Decided;
use crate::enabling::of_account;
use crate::inbound::{bare_change, next_midnight};
use crate::key::KeyHash;
use crate::mapping::{Mapped, MappingInput, map};
use crate::rules::Rules;

impl Outbound {
    pub(super) fn create(
        &self,
        OwnerView { object: owner, shadow, taken }: OwnerView<'_>,
        grant: &Grant<'_>,
        (situation, reaction): (Situation, Reaction),
        now: DateTime<Utc>,
    ) -> Decision {
        let Some(rules) = self.rules_for(owner) else { return Decision::filtered() };
        let source = Referring { owner, taken };
        let input = MappingInput { source: &source, snapshot: None, target: None, provenance: None, now };
        let writes = match map(rules, &input) {
            Ok(Mapped::Writes(writes)) => writes,
            Ok(Mapped::Filtered) => return Decision::filtered(),
            Err(error) => {
                return Decision::failed(Some(situation), ErrorCode::MappingFailed, error.to_string());
            }
        };
        let mut result: Attributes = writes.into_iter().map(|(name, field)| (name, to_text(field))).collect();
        let uid = match result.get(self.made_under().as_str()).first().map(Value::to_text) {
            Some(uid) if !uid.is_empty() => uid.into_owned(),
            _ => {
                let message = format!("object {} gives no `{}`", owner.id, self.made_under());
                return Decision::failed(Some(situation), ErrorCode::MappingFailed, message);
            }
        };
        let mut change = bare_change(Action::Create, situation, reaction, &uid);
        change.keys_added = self.name_key(&result).into_iter().collect();
        if let Some(attribute) = self.abilities.membership.clone() {
            change.granted = Some(grant.entitlements.clone());
            if !grant.entitlements.is_empty() {
                result.set(attribute, many(&grant.entitlements));
            }
        }
        self.set_state(&mut change, owner, None, None);
        change.shadow = shadow.map(|shadow| shadow.base);
        change.object = Some(ObjectBase { id: owner.id, version: owner.version });
        change.profile = Some(grant.profile.id.clone());
        change.snapshot = result.clone();
        change.result = result;
        self.promise(&mut change, rules, source, now);
        Decision { problem: taken.problem(), ..Decision::change(change) }
    }

    pub(super) fn keep(
        &self,
        account: AccountView<'_>,
        facts: &OutboundFacts,
        (owner, grant): (&ImObject, &Grant<'_>),
        situation: Situation,
        now: DateTime<Utc>,
    ) -> Decision {
        let Some(rules) = self.rules_for(owner) else { return Decision::filtered() };
        let reaction = match facts.decided {
            Some(Decided::Link(_)) => Reaction::Link,
            Some(Decided::New | Decided::Ignore) | None => rules.reaction(situation),
        };
        if situation == Situation::Unlinked && rules.is_protected(owner) {
            let message = format!("object {} fits account `{}` but is protected", owner.id, account.uid);
            return Decision::left_alone(situation, Reaction::Report, problem(ErrorCode::Disputed, message));
        }
        if let (Reaction::Unlink, Some(shadow)) = (reaction, &facts.shadow) {
            return self.withdraw(Action::Unlink, account, Some(shadow), Some(owner), (situation, reaction));
        }
        if !matches!(reaction, Reaction::Synchronize | Reaction::Link) {
            let message = format!("account `{}` was found {}", account.uid, situation.as_str());
            return Decision::left_alone(situation, reaction, problem(ErrorCode::Disputed, message));
        }
        let source = Referring { owner, taken: &facts.taken };
        let input = MappingInput {
            source: &source,
            snapshot: None,
            target: Some(account.attributes),
            provenance: None,
            now,
        };
        let writes = match map(rules, &input) {
            Ok(Mapped::Writes(writes)) => writes,
            Ok(Mapped::Filtered) => return Decision::filtered(),
            Err(error) => {
                return Decision::failed(Some(situation), ErrorCode::MappingFailed, error.to_string());
            }
        };
        let mut change = bare_change(Action::Refresh, situation, reaction, account.uid);
        change.place = account.place;
        change.shadow = facts.shadow.as_ref().map(|shadow| shadow.base);
        change.object = Some(ObjectBase { id: owner.id, version: owner.version });
        change.profile = Some(grant.profile.id.clone());
        if situation == Situation::Unlinked {
            // An owner has one account: of several that would be linked to it nobody knows which is meant.
            change.correlation = vec![KeyHash::of_claim(&self.application, &self.class, owner.id)];
        }
        change.snapshot = self.snapshot_of(rules, account.attributes);
        self.differ(&mut change, account.attributes, writes);
        self.correct_membership(&mut change, account.attributes, facts.shadow.as_ref(), &grant.entitlements);
        self.set_state(&mut change, owner, account.enabled, facts.shadow.as_ref());
        self.promise(&mut change, rules, source, now);
        Decision { problem: facts.taken.problem(), ..settle(change) }
    }

    fn differ(
        &self,
        change: &mut Change,
        account: &dyn AttributeSource,
        writes: Vec<(AttributeName, Field)>,
    ) {
        for (name, wanted) in writes {
            // An account is found by its key; giving it another one is a matter of its own.
            let is_its_name = name == *self.made_under();
            if name == self.uid_attribute || is_its_name && !self.abilities.can_be_renamed {
                continue;
            }
            let after = to_text(wanted);
            let before = account.field(name.as_str()).into_owned();
            if comparable(&before) == comparable(&after) {
                continue;
            }
            if is_its_name {
                let key = |field: &Field| Some(self.account_key(&field.first()?.to_text()));
                change.keys_removed = key(&before).into_iter().collect();
                change.keys_added = key(&after).into_iter().collect();
            }
            change.snapshot.set(name.clone(), after.clone());
            change.result.set(name.clone(), if after.is_absent() { Field::Null } else { after.clone() });
            change.differences.push(AttributeChange { name, before, after });
        }
        change.differences.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// Adds what the account is to be granted, and takes away what profiles speak of or once granted it. What
    /// somebody else put there stays.
    pub(super) fn correct_membership(
        &self,
        change: &mut Change,
        account: &dyn AttributeSource,
        shadow: Option<&ShadowFacts>,
        wanted: &[String],
    ) {
        let Some(attribute) = &self.abilities.membership else { return };
        change.granted = Some(wanted.to_vec());
        let was_granted = |one: &String| shadow.is_some_and(|shadow| shadow.granted.contains(one));
        let is_managed = |one: &String| self.profiles.managed.contains(one) || was_granted(one);
        let field = account.field(attribute.as_str());
        let held: Vec<String> = field.values().iter().map(|value| value.to_text().into_owned()).collect();
        let mut add: Vec<String> = wanted.iter().filter(|one| !held.contains(one)).cloned().collect();
        let mut remove: Vec<String> =
            held.iter().filter(|one| is_managed(one) && !wanted.contains(one)).cloned().collect();
        if add.is_empty() && remove.is_empty() {
            return;
        }
        add.sort_unstable();
        remove.sort_unstable();
        let mut after: Vec<String> = held.into_iter().filter(|one| !remove.contains(one)).collect();
        after.extend(add.iter().cloned());
        change.snapshot.set(attribute.clone(), many(&after));
        change.memberships.push(MembershipChange { attribute: attribute.clone(), add, remove });
    }

    /// Carries the owner's "enabled" to the account, where the target knows such a thing.
    fn set_state(
        &self,
        change: &mut Change,
        owner: &ImObject,
        held: Option<bool>,
        shadow: Option<&ShadowFacts>,
    ) {
        if !self.abilities.can_be_disabled {
            return;
        }
        let making = change.action == Action::Create;
        change.state = match (owner.disabled, held) {
            (None, Some(false)) => StateChange::Enable,
            (Some(reason), Some(true)) => StateChange::Disable(reason),
            (Some(reason), None) if making => StateChange::Disable(reason),
            (None, _) | (Some(_), _) => StateChange::Keep,
        };
        change.why = match (change.state, owner.disabled) {
            (StateChange::Enable, _) => {
                Some(of_account(shadow.and_then(|shadow| shadow.disabled)).to_owned())
            }
            (StateChange::Disable(_), Some(reason)) => {
                Some(format!("its owner is disabled: {}", reason.as_str()))
            }
            (StateChange::Disable(_), None) | (StateChange::Keep, _) => change.why.take(),
        };
    }

    pub(super) fn snapshot_of(&self, rules: &Rules, account: &dyn AttributeSource) -> Attributes {
        let mut names: Vec<&AttributeName> = self.written(rules).collect();
        // A key that the target gives is not known when the account is made, and stands with the shadow.
        names.push(self.made_under());
        names.into_iter().map(|name| (name.clone(), account.field(name.as_str()).into_owned())).collect()
    }

    /// Notes which accounts are named, and promises that deciding again would change nothing, unless something
    /// could not be taken.
    fn promise(&self, change: &mut Change, rules: &Rules, source: Referring<'_>, now: DateTime<Utc>) {
        change.references = source.taken.named_by(naming_fields(rules, &change.result));
        change.due_at = rules.reads_clock().then(|| next_midnight(now));
        if source.taken.is_open() {
            return;
        }
        let enabled = self.abilities.can_be_disabled.then_some(source.owner.disabled.is_none());
        change.digest = Some(self.owner_digest(rules, &source));
        change.account_digest = Some(self.account_digest(rules, enabled, &change.snapshot));
        change.terms = self.terms();
    }
}

/// Decides which action a comparison comes to, once everything that differs is known.
fn settle(mut change: Change) -> Decision {
    let linked = change.situation != Situation::Unlinked;
    let touches =
        !change.differences.is_empty() || !change.memberships.is_empty() || change.state != StateChange::Keep;
    change.action = match (linked, touches) {
        (false, _) => Action::Link,
        (true, true) => Action::Update,
        (true, false) => Action::Refresh,
    };
    Decision::change(change)
}
