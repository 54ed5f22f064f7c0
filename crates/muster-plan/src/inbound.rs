//! Inbound decisions: what an account of a source does to the identity repository.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, NaiveTime, Utc};
use muster_model::condition::Condition;
use muster_model::configuration::application::{Reaction, Situation};
use muster_model::error::ErrorCode;
use muster_model::shadow::ShadowState;
use muster_model::{
    ApplicationId, AttributeSource, Attributes, DirectoryId, DisabledReason, Field, ImObject, ObjectClassId,
    Origin, Provenance, Value,
};

use crate::change::{Action, Change, ObjectBase, StateChange, Subject};
use crate::decision::{AccountView, Decision, Problem, ShadowFacts};
use crate::digest::Digest;
use crate::dispute::Decided;
use crate::enabling::Enabler;
use crate::key::{KeyHash, KeySpecs};
use crate::lifecycle::Absence;
use crate::mapping::{Mapped, MappingInput, map};
use crate::rules::Rules;
use crate::situation::{self, Ownership};
use crate::undo::{Undoing, replaced};

mod anonymous;
mod decided;
mod missing;
mod relink;
mod successor;
mod update;

pub use anonymous::{Anonymizing, name_of};
pub use missing::OtherSource;
pub(crate) use missing::all_cleared;
pub use relink::{Relink, Relinked};
pub(crate) use update::update_of;

/// Everything that inbound decisions of one run share.
#[derive(Debug)]
pub struct Inbound {
    /// The application that is read.
    pub application: ApplicationId,
    /// The class of its accounts.
    pub class: ObjectClassId,
    /// The population that is written.
    pub directory: DirectoryId,
    /// The compiled object type mapping.
    pub rules: Arc<Rules>,
    /// Which accounts the task looks at.
    pub filter: Option<Condition>,
    /// Whether every account counts as just created.
    pub import: bool,
    /// Whether absence is concluded.
    pub absence: Absence,
    /// The keys that objects are found by.
    pub keys: Arc<KeySpecs>,
    /// What anonymizing takes away.
    pub anonymizing: Anonymizing,
    /// The number of the run within the tenant.
    pub run: i64,
    /// When the run started, in milliseconds since 1970.
    pub run_started_millis: u64,
}

/// What the store knows about one account of a source.
#[derive(Debug, Clone, Default)]
pub struct InboundFacts {
    /// The account's digest, where it has been taken already.
    pub digest: Option<Digest>,
    /// Its shadow.
    pub shadow: Option<ShadowFacts>,
    /// The object its shadow links it to, if that exists.
    pub owner: Option<ImObject>,
    /// For an account that is not linked: the objects that the first correlation rule that finds any finds.
    pub candidates: Vec<ImObject>,
    /// For an account that has no live shadow: the key of another account of its class that the object found
    /// is linked to.
    pub rival: Option<String>,
    /// The shadow of that account, where the object has no other.
    pub predecessor: Option<ShadowFacts>,
    /// The place of the correlation rule that found the candidates.
    pub found_by: Option<u32>,
    /// What somebody decided about the account.
    pub decided: Option<Decided>,
    /// The other live account of the object that somebody decided to link it to.
    pub decided_rival: Option<String>,
    /// Whether the application had an account of the object found, which is gone.
    pub lost_one: bool,
    /// Whose account it is by its user name, where it was asked for by that.
    pub relink: Option<Relink>,
}

impl Inbound {
    /// The digest that says whether anything has to be decided. Import does not trust the past.
    #[must_use]
    pub fn shortcut(&self, uid: &str, account: &dyn AttributeSource) -> Option<Digest> {
        (!self.import).then(|| self.rules.digest_of(uid, account))
    }

    /// The key of an account.
    #[must_use]
    pub fn account_key(&self, uid: &str) -> KeyHash {
        KeyHash::of_account(&self.application, &self.class, uid)
    }

    /// Decides what an account that was read does.
    #[must_use]
    pub fn decide(&self, account: AccountView<'_>, facts: &InboundFacts, now: DateTime<Utc>) -> Decision {
        if self.filter.as_ref().is_some_and(|filter| !filter.holds(account.attributes)) {
            return Decision::filtered();
        }
        if self.is_overtaken(facts.shadow.as_ref()) {
            return Decision::overtaken();
        }
        if let Some(decision) = self.relink(account, facts, now) {
            return decision;
        }
        match &facts.decided {
            None => self.decide_alone(account, facts, now),
            Some(decided) => self.follow(decided, account, facts, now),
        }
    }

    /// Decides without anybody's help.
    fn decide_alone(&self, account: AccountView<'_>, facts: &InboundFacts, now: DateTime<Utc>) -> Decision {
        if let Some(decision) = self.succeed(account, facts, now) {
            return decision;
        }
        let ownership = ownership(facts);
        let situation = situation::inbound(ownership);
        let reaction = self.rules.reaction(situation);
        let target = facts.owner.as_ref().or_else(|| facts.candidates.first());
        match (reaction, target) {
            (Reaction::Create, _) => self.create(account, facts, now),
            (Reaction::Link | Reaction::Synchronize, Some(object)) if self.is_recreated(facts) => {
                let message = format!(
                    "object {} fits, whose account is gone; `recreated` is REPORT, so that nothing links it",
                    object.id
                );
                Decision::left_alone(situation, Reaction::Report, disputed(message))
            }
            (Reaction::Link | Reaction::Synchronize, Some(object))
                if situation != Situation::Linked && self.rules.is_protected(object) =>
            {
                let message = format!("object {} fits but is protected, so that nothing links it", object.id);
                Decision::left_alone(situation, Reaction::Report, disputed(message))
            }
            (Reaction::Link | Reaction::Synchronize, Some(object)) => {
                self.synchronize(account, facts, object, (situation, reaction), now)
            }
            (Reaction::Unlink, _) => self.unlink(account, facts, situation),
            (Reaction::Link | Reaction::Synchronize | Reaction::Disable | Reaction::Anonymize, _)
            | (Reaction::Delete | Reaction::Ignore | Reaction::Report, _) => {
                Decision::left_alone(situation, reaction, report(situation, account.uid, facts))
            }
        }
    }

    fn create(&self, account: AccountView<'_>, facts: &InboundFacts, now: DateTime<Utc>) -> Decision {
        let input =
            MappingInput { source: account.attributes, snapshot: None, target: None, provenance: None, now };
        let writes = match map(&self.rules, &input) {
            Ok(Mapped::Writes(writes)) => writes,
            Ok(Mapped::Filtered) => return Decision::filtered(),
            Err(error) => {
                let message = error.to_string();
                return Decision::failed(Some(Situation::Unmatched), ErrorCode::MappingFailed, message);
            }
        };
        let mut result = Attributes::new();
        let mut state = StateChange::Keep;
        for (name, field) in writes {
            if name.as_str() == "enabled" {
                if field == Field::One(Value::Boolean(false)) {
                    state = StateChange::Disable(DisabledReason::Mapped);
                }
            } else {
                result.set(name, field);
            }
        }
        let mut change = self.base_change(Action::Create, Situation::Unmatched, (account, facts), now);
        let id = self.account_key(account.uid).object_id(self.run_started_millis);
        change.object = Some(ObjectBase { id, version: 0 });
        change.shadow = facts.shadow.as_ref().map(|shadow| shadow.base);
        change.keys_added = self.keys.of_object(self.rules.object_kind, &self.directory, &result);
        change.references = self.references(result.iter().map(|(_, field)| field));
        change.correlation = self.correlation_keys(account.attributes);
        change.provenance = Some(Provenance { object: Some(self.origin()), attributes: [].into() });
        change.result = result;
        change.state = state;
        Decision::change(change)
    }

    fn synchronize(
        &self,
        account: AccountView<'_>,
        facts: &InboundFacts,
        object: &ImObject,
        (situation, reaction): (Situation, Reaction),
        now: DateTime<Utc>,
    ) -> Decision {
        let linked = situation == Situation::Linked;
        let is_known = linked || facts.is_succession();
        let returned = facts.shadow.as_ref().is_some_and(|shadow| shadow.state == ShadowState::Gone);
        let seen = self.anonymizing.without_name(object);
        // What was taken away with the account, or with its owner's name, comes back whatever was remembered.
        let is_remembered = is_known && !self.import && !returned && matches!(seen, Cow::Borrowed(_));
        let input = MappingInput {
            source: account.attributes,
            snapshot: facts.shadow.as_ref().filter(|_| is_remembered).map(|s| &s.snapshot),
            target: Some(&*seen),
            provenance: Some(&object.provenance),
            now,
        };
        let writes = match map(&self.rules, &input) {
            Ok(Mapped::Writes(_)) if self.anonymizing.holds_off(object) => Vec::new(),
            Ok(Mapped::Writes(writes)) => writes,
            Ok(Mapped::Filtered) => return Decision::filtered(),
            Err(error) => {
                return Decision::failed(Some(situation), ErrorCode::MappingFailed, error.to_string());
            }
        };
        // Whether the account is back or another took its place: the application has the object again.
        let is_back = returned || (!linked && facts.lost_one);
        let update =
            self.update_of(object, writes, if is_back { Enabler::AccountBack } else { Enabler::NewAccount });
        let action = match (linked, update.changes_object(), returned) {
            (false, ..) => Action::Link,
            (true, true, _) => Action::Update,
            (true, false, _) => Action::Refresh,
        };
        let mut change = self.base_change(action, situation, (account, facts), now);
        change.reaction = reaction;
        change.shadow = facts.shadow.as_ref().map(|shadow| shadow.base);
        change.object = Some(ObjectBase { id: object.id, version: object.version });
        if action == Action::Link {
            change.correlation = self.correlation_keys(account.attributes);
            change.why = self.found_by(account.attributes, object);
            // An object has one account of a class, by whatever rules several come to it.
            change.correlation.push(KeyHash::of_claim(&self.application, &self.class, object.id));
        }
        change.references = self.references(update.result.iter().map(|(_, field)| field));
        change.replaced =
            Some(replaced(facts.shadow.as_ref(), object)).filter(|_| action != Action::Refresh || is_back);
        if update.state == StateChange::Enable && is_back {
            change.why = Some("its account is back".to_owned());
        }
        update.put_into(&mut change);
        if action == Action::Refresh && !returned && self.is_remembered(facts, &change) {
            return Decision::unchanged(situation);
        }
        Decision::change(change)
    }

    /// Whether storing the shadow again would change nothing that is remembered.
    fn is_remembered(&self, facts: &InboundFacts, change: &Change) -> bool {
        self.import && facts.shadow.as_ref().is_some_and(|shadow| shadow.snapshot == change.snapshot)
    }

    fn unlink(&self, account: AccountView<'_>, facts: &InboundFacts, situation: Situation) -> Decision {
        let Some(shadow) = &facts.shadow else { return Decision::unchanged(situation) };
        let mut change = bare_change(Action::Unlink, situation, Reaction::Unlink, account.uid);
        change.place = account.place;
        change.shadow = Some(shadow.base);
        change.object = facts.owner.as_ref().map(|o| ObjectBase { id: o.id, version: o.version });
        change.replaced = facts.owner.as_ref().map(|owner| replaced(Some(shadow), owner));
        Decision::change(change)
    }

    fn base_change(
        &self,
        action: Action,
        situation: Situation,
        (account, facts): (AccountView<'_>, &InboundFacts),
        now: DateTime<Utc>,
    ) -> Change {
        let mut change = bare_change(action, situation, self.rules.reaction(situation), account.uid);
        change.place = account.place;
        let taken = facts.digest;
        change.digest = Some(taken.unwrap_or_else(|| self.rules.digest_of(account.uid, account.attributes)));
        change.due_at = self.rules.reads_clock().then(|| next_midnight(now));
        change.snapshot = self
            .rules
            .reads()
            .iter()
            .map(|name| (name.clone(), account.attributes.field(name.as_str()).into_owned()))
            .collect();
        change
    }

    /// The rule that an object fits an account by. Links are rare enough for it to be stored.
    fn found_by(&self, account: &dyn AttributeSource, object: &ImObject) -> Option<String> {
        let held = self.keys.of_object(object.kind, &object.directory, &object.attributes);
        let mut rules = self.rules.correlation.iter();
        let rule = rules
            .find(|rule| rule.of_account(&self.directory, account).iter().any(|key| held.contains(key)))?;
        Some(format!("the object fits by {}", rule.text()))
    }

    fn origin(&self) -> Origin {
        Origin { application: self.application.clone(), run: self.run }
    }

    /// What undoing needs to know.
    #[must_use]
    pub fn undoing(&self) -> Undoing<'_> {
        let kind = self.rules.object_kind;
        Undoing { kind, directory: &self.directory, keys: &self.keys, subject: Subject::Account }
    }

    fn references<'a>(&self, fields: impl Iterator<Item = &'a Field>) -> Vec<KeyHash> {
        self.undoing().references(fields)
    }

    fn correlation_keys(&self, account: &dyn AttributeSource) -> Vec<KeyHash> {
        let mut keys: Vec<_> = self
            .rules
            .correlation
            .iter()
            .flat_map(|rule| rule.of_account(&self.directory, account))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

/// Nobody is asked any more whom it fits.
fn unlinked(facts: &InboundFacts) -> InboundFacts {
    let InboundFacts { digest, shadow, lost_one, .. } = facts.clone();
    InboundFacts { digest, shadow, lost_one, ..InboundFacts::default() }
}

fn ownership(facts: &InboundFacts) -> Ownership {
    match (&facts.owner, &facts.shadow, facts.candidates.len()) {
        (Some(_), ..) | (None, _, 1) if facts.rival.is_some() => Ownership::FitsLinked,
        (Some(_), ..) => Ownership::Linked,
        (None, _, 1) => Ownership::FitsOne,
        (None, Some(shadow), 0) if shadow.owner.is_some() => Ownership::OwnerDeleted,
        (None, _, 0) => Ownership::FitsNone,
        (None, ..) => Ownership::FitsSeveral,
    }
}

pub(crate) fn bare_change(action: Action, situation: Situation, reaction: Reaction, uid: &str) -> Change {
    Change {
        action,
        situation,
        reaction,
        subject: Subject::Account,
        uid: uid.to_owned(),
        place: None,
        shadow: None,
        object: None,
        differences: Vec::new(),
        result: Attributes::new(),
        provenance: None,
        state: StateChange::Keep,
        memberships: Vec::new(),
        profile: None,
        granted: None,
        snapshot: Attributes::new(),
        digest: None,
        account_digest: None,
        terms: None,
        due_at: None,
        keys_added: Vec::new(),
        keys_removed: Vec::new(),
        references: Vec::new(),
        correlation: Vec::new(),
        succeeds: None,
        why: None,
        replaced: None,
    }
}

fn report(situation: Situation, uid: &str, facts: &InboundFacts) -> Option<Problem> {
    match situation {
        Situation::Disputed if facts.rival.is_some() => {
            let held_by = facts.rival.as_deref().unwrap_or_default();
            let object =
                facts.owner.as_ref().or(facts.candidates.first()).map(|object| object.id.to_string());
            let object = object.unwrap_or_default();
            disputed(format!("account `{uid}` fits object {object}, which belongs to account `{held_by}`"))
        }
        Situation::Disputed => {
            let ids: Vec<String> = facts.candidates.iter().map(|object| object.id.to_string()).collect();
            disputed(format!("several objects fit account `{uid}`: {}", ids.join(", ")))
        }
        Situation::Unmatched => {
            let message = format!("the owner of account `{uid}` is not known: no object fits it");
            Some(Problem { code: ErrorCode::OwnerUnknown, message })
        }
        Situation::Linked
        | Situation::Unlinked
        | Situation::Missing
        | Situation::Absent
        | Situation::Unassigned => Some(Problem {
            code: ErrorCode::Disputed,
            message: format!("account `{uid}` was found {}", situation.as_str()),
        }),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "every caller needs an option")]
fn disputed(message: String) -> Option<Problem> {
    Some(Problem { code: ErrorCode::Disputed, message })
}

pub(crate) fn next_midnight(now: DateTime<Utc>) -> DateTime<Utc> {
    let tomorrow = now.date_naive().succ_opt().unwrap_or(now.date_naive());
    tomorrow.and_time(NaiveTime::MIN).and_utc()
}
