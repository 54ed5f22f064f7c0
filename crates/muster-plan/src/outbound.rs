//! Outbound decisions: what the identity repository does to an account of a target.
//!
//! The same mapping, situations and reactions as inbound; only the sides are exchanged, and profiles say who
//! is to have an account.

use chrono::{DateTime, Utc};
use muster_model::condition::Condition;
use muster_model::configuration::application::{Reaction, Situation};
use muster_model::configuration::profile::ApplicationProfile;
use muster_model::configuration::task::Verify;
use muster_model::difference::AttributeChange;
use muster_model::error::ErrorCode;
use muster_model::{
    ApplicationId, AttributeName, AttributeSource, Attributes, ConfigurationId, Field, ImObject,
    ObjectClassId, ObjectKind, Value,
};

use crate::change::{Action, Change, MembershipChange, ObjectBase, StateChange};
use crate::convert::to_text;
use crate::decision::{AccountView, Decision, Problem, ShadowFacts};
use crate::digest::{Canonical, Digest};
use crate::inbound::{bare_change, next_midnight};
use crate::key::KeyHash;
use crate::mapping::{Mapped, MappingInput, map};
use crate::rules::Rules;
use crate::situation::{self, Entitlement, Ownership};

mod withdraw;

/// What an account of the target can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountAbilities {
    /// Whether it can be disabled.
    pub can_be_disabled: bool,
    /// The attribute that lists its entitlements, if it does.
    pub membership: Option<AttributeName>,
}

/// Everything that outbound decisions about one class of accounts share.
#[derive(Debug)]
pub struct Outbound {
    /// The application that is written.
    pub application: ApplicationId,
    /// The class of its accounts.
    pub class: ObjectClassId,
    /// The attribute that holds an account's key.
    pub uid_attribute: AttributeName,
    /// The compiled object type mappings: for types of objects, and the default for all others.
    pub rules: Vec<Rules>,
    /// Who is to have an account.
    pub profiles: Profiles,
    /// The owners that the task looks at.
    pub scope: Condition,
    /// What the wanted state is compared with.
    pub verify: Verify,
    /// What an account can be.
    pub abilities: AccountAbilities,
}

/// The profiles of an application, the highest priority first, with what follows from all of them.
#[derive(Debug)]
pub struct Profiles {
    list: Vec<ApplicationProfile>,
    reads: Vec<AttributeName>,
    /// Entitlements that profiles speak of; others are none of our business.
    managed: Vec<String>,
    digest: Digest,
}

impl Profiles {
    /// Orders profiles by priority, and those of the same by their ids.
    #[must_use]
    pub fn new(mut list: Vec<ApplicationProfile>) -> Self {
        list.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.id.cmp(&b.id)));
        let conditions = list.iter().flat_map(|profile| {
            let assigned = profile.entitlement_assignments.iter().filter_map(|a| a.condition.as_ref());
            profile.object_matching_condition.iter().chain(assigned)
        });
        let mut reads: Vec<AttributeName> = conditions.flat_map(Condition::attributes).cloned().collect();
        reads.sort_unstable();
        reads.dedup();
        let assignments = list.iter().flat_map(|profile| &profile.entitlement_assignments);
        let mut managed: Vec<String> = assignments.map(|assignment| assignment.entitlement.clone()).collect();
        managed.sort_unstable();
        managed.dedup();
        let mut canonical = Canonical::new(b"profiles");
        // The `Debug` form spells every field out, so no part of a profile can be forgotten here.
        canonical.text(&format!("{list:?}"));
        Self { reads, managed, digest: canonical.digest(), list }
    }

    fn get(&self, id: &ConfigurationId) -> Option<&ApplicationProfile> {
        self.list.iter().find(|profile| profile.id == *id)
    }
}

/// What the store knows about one account of a target.
#[derive(Debug, Clone, Default)]
pub struct OutboundFacts {
    /// Its shadow.
    pub shadow: Option<ShadowFacts>,
    /// The object its shadow links it to, if that exists.
    pub owner: Option<ImObject>,
    /// For an account that is not linked: the objects that fit.
    pub candidates: Vec<ImObject>,
}

/// What profiles grant an owner.
struct Grant<'a> {
    profile: &'a ApplicationProfile,
    entitlements: Vec<String>,
}

/// The two halves of the promise that nothing has to be decided: our side, and the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// The owner as the rules and profiles read it.
    pub owner: Digest,
    /// The account as the rules write it.
    pub account: Digest,
}

impl Outbound {
    /// The rules for an owner: those of its type, else the default; `None` when its kind has none.
    #[must_use]
    pub fn rules_for(&self, owner: &ImObject) -> Option<&Rules> {
        let of_kind = || self.rules.iter().filter(|rules| rules.object_kind == owner.kind);
        of_kind()
            .find(|rules| rules.object_type.is_some() && rules.object_type == owner.object_type)
            .or_else(|| of_kind().find(|rules| rules.object_type.is_none()))
    }

    /// The kinds of objects that can own accounts of this class.
    pub fn kinds(&self) -> impl Iterator<Item = ObjectKind> {
        self.rules.iter().map(|rules| rules.object_kind)
    }

    /// The key of an account.
    #[must_use]
    pub fn account_key(&self, uid: &str) -> KeyHash {
        KeyHash::of_account(&self.application, &self.class, uid)
    }

    fn grant(&self, owner: &ImObject) -> Option<Grant<'_>> {
        let granting: Vec<&ApplicationProfile> = self
            .profiles
            .list
            .iter()
            .filter(|profile| profile.object_kind == owner.kind)
            .filter(|profile| profile.object_matching_condition.as_ref().is_none_or(|c| c.holds(owner)))
            .collect();
        let profile = granting.first()?;
        let mut entitlements: Vec<String> = granting
            .iter()
            .flat_map(|profile| &profile.entitlement_assignments)
            .filter(|assignment| assignment.condition.as_ref().is_none_or(|c| c.holds(owner)))
            .map(|assignment| assignment.entitlement.clone())
            .collect();
        entitlements.sort_unstable();
        entitlements.dedup();
        Some(Grant { profile, entitlements })
    }

    /// Our half of the promise.
    #[must_use]
    pub fn owner_digest(&self, rules: &Rules, owner: &ImObject) -> Digest {
        let mut canonical = Canonical::new(&rules.fingerprint().0);
        canonical.octets(&self.profiles.digest.0);
        canonical.fields(owner, rules.reads().iter().map(AttributeName::as_str));
        canonical.fields(owner, self.profiles.reads.iter().map(AttributeName::as_str));
        canonical.fields(owner, ["enabled"]);
        canonical.digest()
    }

    /// The account's half of the promise.
    #[must_use]
    pub fn account_digest(
        &self,
        rules: &Rules,
        enabled: Option<bool>,
        account: &dyn AttributeSource,
    ) -> Digest {
        let mut canonical = Canonical::new(&rules.fingerprint().0);
        canonical.tag(enabled.map_or(2, u8::from));
        for name in self.written(rules) {
            canonical.field(&comparable(&account.field(name.as_str())));
        }
        canonical.digest()
    }

    /// The attributes that rules and profiles write.
    fn written<'a>(&'a self, rules: &'a Rules) -> impl Iterator<Item = &'a AttributeName> {
        rules.mappings.iter().map(|mapping| &mapping.attribute).chain(&self.abilities.membership)
    }

    /// Decides about an account that was read. `None` for one whose owner is outside the task's scope.
    #[must_use]
    pub fn decide_account(
        &self,
        account: AccountView<'_>,
        facts: &OutboundFacts,
        now: DateTime<Utc>,
    ) -> Option<Decision> {
        let owner = facts.owner.as_ref().or(match facts.candidates.as_slice() {
            [one] => Some(one),
            _ => None,
        });
        if owner.is_some_and(|owner| !self.scope.holds(owner)) {
            return None;
        }
        let ownership = ownership(facts);
        let grant = owner.and_then(|owner| self.grant(owner));
        let entitlement = if grant.is_some() { Entitlement::Granted } else { Entitlement::NotGranted };
        let situation = situation::outbound_account(ownership, entitlement);
        let decision = match (situation, owner, grant) {
            (Situation::Linked | Situation::Unlinked, Some(owner), Some(grant)) => {
                self.keep(account, facts, (owner, &grant), situation, now)
            }
            (Situation::Unassigned, owner, _) => self.deprovision(account, facts, owner, situation),
            (Situation::Unmatched, ..) => self.unmatched(account),
            (
                Situation::Linked
                | Situation::Unlinked
                | Situation::Disputed
                | Situation::Missing
                | Situation::Absent,
                ..,
            ) => {
                let ids: Vec<String> = facts.candidates.iter().map(|object| object.id.to_string()).collect();
                let message = format!("several objects fit account `{}`: {}", account.uid, ids.join(", "));
                self.left_alone(situation, ErrorCode::Disputed, message)
            }
        };
        Some(decision)
    }

    /// Decides about an owner without an account. `None` when that is as it should be, or it is out of scope.
    #[must_use]
    pub fn decide_owner(
        &self,
        owner: &ImObject,
        shadow: Option<&ShadowFacts>,
        now: DateTime<Utc>,
    ) -> Option<Decision> {
        if !self.scope.holds(owner) {
            return None;
        }
        let grant = self.grant(owner);
        let entitlement = if grant.is_some() { Entitlement::Granted } else { Entitlement::NotGranted };
        let situation = situation::outbound_owner(shadow.is_some(), entitlement)?;
        let (grant, rules) = (grant?, self.rules_for(owner)?);
        let reaction = rules.reaction(situation);
        Some(match reaction {
            Reaction::Create => self.create(owner, &grant, shadow, (situation, reaction), now),
            Reaction::Unlink => match shadow {
                Some(shadow) => {
                    let mut change = bare_change(Action::Unlink, situation, reaction, &shadow.uid);
                    change.shadow = Some(shadow.base);
                    change.object = Some(ObjectBase { id: owner.id, version: owner.version });
                    Decision::change(change)
                }
                None => Decision::unchanged(situation),
            },
            Reaction::Synchronize
            | Reaction::Link
            | Reaction::Disable
            | Reaction::Delete
            | Reaction::Ignore
            | Reaction::Report => {
                let message = format!("object {} has no account in `{}`", owner.id, self.application);
                Decision::left_alone(situation, reaction, problem(ErrorCode::NotFound, message))
            }
        })
    }

    fn create(
        &self,
        owner: &ImObject,
        grant: &Grant<'_>,
        shadow: Option<&ShadowFacts>,
        (situation, reaction): (Situation, Reaction),
        now: DateTime<Utc>,
    ) -> Decision {
        let Some(rules) = self.rules_for(owner) else { return Decision::filtered() };
        let input = MappingInput { source: owner, snapshot: None, target: None, provenance: None, now };
        let writes = match map(rules, &input) {
            Ok(Mapped::Writes(writes)) => writes,
            Ok(Mapped::Filtered) => return Decision::filtered(),
            Err(error) => {
                return Decision::failed(Some(situation), ErrorCode::MappingFailed, error.to_string());
            }
        };
        let mut result: Attributes = writes.into_iter().map(|(name, field)| (name, to_text(field))).collect();
        let uid = match result.get(self.uid_attribute.as_str()).first().map(Value::to_text) {
            Some(uid) if !uid.is_empty() => uid.into_owned(),
            _ => {
                let message = format!("object {} gives no `{}`", owner.id, self.uid_attribute);
                return Decision::failed(Some(situation), ErrorCode::MappingFailed, message);
            }
        };
        let mut change = bare_change(Action::Create, situation, reaction, &uid);
        if let Some(attribute) = self.abilities.membership.clone().filter(|_| !grant.entitlements.is_empty())
        {
            result.set(attribute, many(&grant.entitlements));
        }
        self.set_state(&mut change, owner, None);
        change.shadow = shadow.map(|shadow| shadow.base);
        change.object = Some(ObjectBase { id: owner.id, version: owner.version });
        change.profile = Some(grant.profile.id.clone());
        change.snapshot = result.clone();
        change.result = result;
        self.promise(&mut change, rules, owner, now);
        Decision::change(change)
    }

    fn keep(
        &self,
        account: AccountView<'_>,
        facts: &OutboundFacts,
        (owner, grant): (&ImObject, &Grant<'_>),
        situation: Situation,
        now: DateTime<Utc>,
    ) -> Decision {
        let Some(rules) = self.rules_for(owner) else { return Decision::filtered() };
        let reaction = rules.reaction(situation);
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
        let input = MappingInput {
            source: owner,
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
        change.snapshot = self.snapshot_of(rules, account.attributes);
        self.differ(&mut change, account.attributes, writes);
        self.correct_membership(&mut change, account.attributes, &grant.entitlements);
        self.set_state(&mut change, owner, account.enabled);
        self.promise(&mut change, rules, owner, now);
        settle(change)
    }

    fn differ(
        &self,
        change: &mut Change,
        account: &dyn AttributeSource,
        writes: Vec<(AttributeName, Field)>,
    ) {
        for (name, wanted) in writes {
            // An account is found by its key; giving it another one is a matter of its own.
            if name == self.uid_attribute {
                continue;
            }
            let after = to_text(wanted);
            let before = account.field(name.as_str()).into_owned();
            if comparable(&before) == comparable(&after) {
                continue;
            }
            change.snapshot.set(name.clone(), after.clone());
            change.result.set(name.clone(), if after.is_absent() { Field::Null } else { after.clone() });
            change.differences.push(AttributeChange { name, before, after });
        }
        change.differences.sort_by(|a, b| a.name.cmp(&b.name));
    }

    fn correct_membership(&self, change: &mut Change, account: &dyn AttributeSource, wanted: &[String]) {
        let Some(attribute) = &self.abilities.membership else { return };
        let field = account.field(attribute.as_str());
        let held: Vec<String> = field.values().iter().map(|value| value.to_text().into_owned()).collect();
        let mut add: Vec<String> = wanted.iter().filter(|one| !held.contains(one)).cloned().collect();
        let mut remove: Vec<String> = held
            .iter()
            .filter(|one| self.profiles.managed.contains(one) && !wanted.contains(one))
            .cloned()
            .collect();
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
    fn set_state(&self, change: &mut Change, owner: &ImObject, held: Option<bool>) {
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
    }

    fn snapshot_of(&self, rules: &Rules, account: &dyn AttributeSource) -> Attributes {
        let mut names: Vec<&AttributeName> = self.written(rules).collect();
        names.push(&self.uid_attribute);
        names.into_iter().map(|name| (name.clone(), account.field(name.as_str()).into_owned())).collect()
    }

    fn promise(&self, change: &mut Change, rules: &Rules, owner: &ImObject, now: DateTime<Utc>) {
        let enabled = self.abilities.can_be_disabled.then_some(owner.disabled.is_none());
        change.digest = Some(self.owner_digest(rules, owner));
        change.account_digest = Some(self.account_digest(rules, enabled, &change.snapshot));
        change.due_at = rules.reads_clock().then(|| next_midnight(now));
    }
}

/// Decides which action a comparison comes to, once everything that differs is known.
fn settle(mut change: Change) -> Decision {
    let touches =
        !change.differences.is_empty() || !change.memberships.is_empty() || change.state != StateChange::Keep;
    change.action = match (change.shadow.is_some(), touches) {
        (false, _) => Action::Link,
        (true, true) => Action::Update,
        (true, false) => Action::Refresh,
    };
    Decision::change(change)
}

fn ownership(facts: &OutboundFacts) -> Ownership {
    match (&facts.owner, &facts.shadow, facts.candidates.len()) {
        (Some(_), ..) => Ownership::Linked,
        (None, Some(shadow), _) if shadow.owner.is_some() => Ownership::OwnerDeleted,
        (None, _, 0) => Ownership::FitsNone,
        (None, _, 1) => Ownership::FitsOne,
        (None, ..) => Ownership::FitsSeveral,
    }
}

/// A field as targets are compared: what a system cannot tell apart is the same, and order does not count.
fn comparable(field: &Field) -> Field {
    let mut texts: Vec<String> = field
        .values()
        .iter()
        .map(|value| value.to_text().into_owned())
        .filter(|text| !text.is_empty())
        .collect();
    texts.sort_unstable();
    if texts.is_empty() { Field::Absent } else { many(&texts) }
}

fn many(texts: &[String]) -> Field {
    Field::Many(texts.iter().map(|text| Value::String(text.clone())).collect())
}

#[expect(clippy::unnecessary_wraps, reason = "every caller needs an option")]
fn problem(code: ErrorCode, message: String) -> Option<Problem> {
    Some(Problem { code, message })
}
