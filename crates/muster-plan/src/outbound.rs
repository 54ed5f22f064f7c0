//! Outbound decisions: what the identity repository does to an account of a target.
//!
//! The same mapping, situations and reactions as inbound; only the sides are exchanged, and profiles say who
//! is to have an account.

use chrono::{DateTime, Utc};
use muster_model::condition::Condition;
use muster_model::configuration::application::{Reaction, Situation};
use muster_model::error::ErrorCode;
use muster_model::{
    ApplicationId, AttributeName, AttributeSource, Field, ImObject, ObjectClassId, ObjectKind, Value,
};

use self::taken::TakenValues;
use crate::change::{Action, ObjectBase};
use crate::convert::comparable_texts;
use crate::decision::{AccountView, Decision, Problem, ShadowFacts};
use crate::digest::{Canonical, Digest};
use crate::dispute::Decided;
use crate::inbound::bare_change;
use crate::key::KeyHash;
use crate::rules::Rules;
use crate::situation::{self, Entitlement, Ownership, Past};

mod account;
mod decided;
mod left_behind;
mod profiles;
mod remade;
pub mod taken;
mod withdraw;

pub use profiles::Profiles;

/// What an account of the target can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountAbilities {
    /// Whether it can be disabled.
    pub can_be_disabled: bool,
    /// The attribute that lists its entitlements, if it does.
    pub membership: Option<AttributeName>,
    /// The attribute that holds its name, where the target gives keys itself: an account is made under it.
    pub name: Option<AttributeName>,
    /// Whether it can be given another name.
    pub can_be_renamed: bool,
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
    /// What an account can be.
    pub abilities: AccountAbilities,
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
    /// The live account that the only object that fits is linked to.
    pub rival: Option<String>,
    /// The place of the correlation rule that found the candidates, among those of all mappings.
    pub found_by: Option<u32>,
    /// What somebody decided about the account.
    pub decided: Option<Decided>,
    /// The other live account of the object that somebody decided to link it to.
    pub decided_rival: Option<String>,
    /// What the owner's references come to.
    pub taken: TakenValues,
}

impl OutboundFacts {
    /// The object that the account belongs to, or would: the one that somebody named, its owner, else the only one
    /// that fits.
    #[must_use]
    pub fn fitting(&self) -> Option<&ImObject> {
        if let Some(Decided::Link(object)) = &self.decided {
            return Some(object);
        }
        self.owner.as_ref().or(match self.candidates.as_slice() {
            [one] => Some(one),
            _ => None,
        })
    }
}

/// An owner without an account, as far as it matters.
#[derive(Clone, Copy)]
pub struct OwnerView<'a> {
    /// The owner.
    pub object: &'a ImObject,
    /// The account it had.
    pub shadow: Option<&'a ShadowFacts>,
    /// What its references come to.
    pub taken: &'a TakenValues,
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

    /// The key of the name of an account, where it has one beside its key.
    fn name_key(&self, account: &dyn AttributeSource) -> Option<KeyHash> {
        let name = account.field(self.abilities.name.as_ref()?.as_str());
        Some(self.account_key(&name.first()?.to_text()))
    }

    /// Our half of the promise. `owner` is an [`ImObject`], or a [`Referring`](taken::Referring) where the rules
    /// take anything of the objects that it refers to.
    #[must_use]
    pub fn owner_digest(&self, rules: &Rules, owner: &dyn AttributeSource) -> Digest {
        let mut canonical = Canonical::new(&rules.fingerprint().0);
        canonical.octets(&self.profiles.digest.0);
        canonical.fields(owner, rules.reads().iter().map(AttributeName::as_str));
        canonical.fields(owner, self.profiles.reads.iter().map(AttributeName::as_str));
        canonical.fields(owner, ["enabled"]);
        canonical.digest()
    }

    /// What every promise is made under besides the owner: rules, profiles, scope, and what an account can be. `None`
    /// where rules take anything of other objects, since those may move while the owner stays as it is.
    #[must_use]
    pub fn terms(&self) -> Option<Digest> {
        if self.takes_any() {
            return None;
        }
        let mut canonical = Canonical::new(&self.profiles.digest.0);
        self.rules.iter().for_each(|rules| canonical.octets(&rules.fingerprint().0));
        // The `Debug` forms spell every field out, so none can be forgotten here.
        canonical.text(&format!("{:?}{:?}{}", self.scope, self.abilities, self.uid_attribute));
        Some(canonical.digest())
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

    /// The attribute by whose value an account is made: its name where the target gives keys itself, else its key.
    #[must_use]
    pub fn made_under(&self) -> &AttributeName {
        self.abilities.name.as_ref().unwrap_or(&self.uid_attribute)
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
        if self.fitting(facts).is_some_and(|owner| !self.scope.holds(owner)) {
            return None;
        }
        if let Some(decided) = &facts.decided {
            return Some(self.follow(decided, account, facts, now));
        }
        Some(self.decide_alone(account, facts, now))
    }

    /// Decides without anybody's help.
    fn decide_alone(&self, account: AccountView<'_>, facts: &OutboundFacts, now: DateTime<Utc>) -> Decision {
        let owner = self.fitting(facts);
        let ownership = match (ownership(facts), owner) {
            // It goes to somebody else.
            (Ownership::OwnerDeleted, Some(_)) => Ownership::FitsOne,
            (ownership, _) => ownership,
        };
        let grant = owner.and_then(|owner| self.grant(owner));
        let entitlement = if grant.is_some() { Entitlement::Granted } else { Entitlement::NotGranted };
        let situation = situation::outbound_account(ownership, entitlement);
        match (situation, owner, grant) {
            (Situation::Linked | Situation::Unlinked, Some(owner), Some(grant)) => {
                self.keep(account, facts, (owner, &grant), situation, now)
            }
            (Situation::Unassigned, owner, _) => self.deprovision(account, facts, owner, situation),
            (Situation::Unmatched, owner, _) => self.unmatched(account, owner),
            (
                Situation::Linked
                | Situation::Unlinked
                | Situation::Disputed
                | Situation::Missing
                | Situation::Absent,
                ..,
            ) => self.left_alone(situation, ErrorCode::Disputed, disputed(account.uid, facts)),
        }
    }

    /// Decides about an owner without an account. `None` when that is as it should be, or it is out of scope.
    #[must_use]
    pub fn decide_owner(&self, view: OwnerView<'_>, now: DateTime<Utc>) -> Option<Decision> {
        let OwnerView { object: owner, shadow, .. } = view;
        if !self.scope.holds(owner) {
            return None;
        }
        let grant = self.grant(owner);
        let entitlement = if grant.is_some() { Entitlement::Granted } else { Entitlement::NotGranted };
        let past = if shadow.is_some() { Past::HadAccount } else { Past::NeverHadAccount };
        let situation = situation::outbound_owner(past, entitlement)?;
        let (grant, rules) = (grant?, self.rules_for(owner)?);
        let reaction = rules.reaction(situation);
        Some(match reaction {
            Reaction::Create => self.create(view, &grant, (situation, reaction), now),
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
            | Reaction::Anonymize
            | Reaction::Ignore
            | Reaction::Report => {
                let message = format!("object {} has no account in `{}`", owner.id, self.application);
                Decision::left_alone(situation, reaction, problem(ErrorCode::NotFound, message))
            }
        })
    }
}

fn ownership(facts: &OutboundFacts) -> Ownership {
    match (&facts.owner, &facts.shadow, facts.candidates.len()) {
        (Some(_), ..) => Ownership::Linked,
        (None, Some(shadow), _) if shadow.owner.is_some() => Ownership::OwnerDeleted,
        (None, _, 0) => Ownership::FitsNone,
        (None, _, 1) if facts.rival.is_some() => Ownership::FitsLinked,
        (None, _, 1) => Ownership::FitsOne,
        (None, ..) => Ownership::FitsSeveral,
    }
}

/// Why nobody can tell whose account it is.
fn disputed(uid: &str, facts: &OutboundFacts) -> String {
    let ids: Vec<String> = facts.candidates.iter().map(|object| object.id.to_string()).collect();
    let ids = ids.join(", ");
    match &facts.rival {
        Some(held_by) => format!("account `{uid}` fits object {ids}, which belongs to account `{held_by}`"),
        None => format!("several objects fit account `{uid}`: {ids}"),
    }
}

/// A field as targets are compared: what a system cannot tell apart is the same, and order does not count.
fn comparable(field: &Field) -> Field {
    let texts = comparable_texts(field);
    if texts.is_empty() { Field::Absent } else { many(&texts) }
}

fn many(texts: &[String]) -> Field {
    Field::Many(texts.iter().map(|text| Value::String(text.clone())).collect())
}

#[expect(clippy::unnecessary_wraps, reason = "every caller needs an option")]
fn problem(code: ErrorCode, message: String) -> Option<Problem> {
    Some(Problem { code, message })
}
