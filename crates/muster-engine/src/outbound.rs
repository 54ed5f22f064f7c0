//! A provisioning task, compiled: one bucket for each class of accounts that it writes.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use muster_connector::{Account, Capabilities, Entry};
use muster_model::ImObject;
use muster_model::configuration::Configuration;
use muster_model::configuration::application::{
    Application, Direction, MembershipHolder, ObjectClass, ObjectTypeMapping,
};
use muster_model::configuration::guard::Guards;
use muster_model::configuration::profile::ApplicationProfile;
use muster_model::configuration::task::{ErrorPolicy, Verify};
use muster_model::run::Outcome;
use muster_model::{ApplicationId, ConfigurationId, DirectoryId, ObjectId};
use muster_plan::decision::{AccountView, Decision, Problem};
use muster_plan::key::{KeyHash, KeySpecs};
use muster_plan::outbound::taken::{Referring, TakenValues};
use muster_plan::outbound::{AccountAbilities, Outbound, OutboundFacts, Profiles};
use muster_store::{
    DisputesOf, LinkedShadow, Making, ProblemRow, ProblemStep, Reading, RunRecord, Target, TenantStore,
};

use crate::configuration::{ConfigurationError, compile_rules, key_specs, object_class, object_types};
use crate::disputes::{Promised, decided_object, known_disputes, note, uid_of};
use crate::error::EngineError;
use crate::naming::by_naming;
use crate::prepare::under;
use crate::referred::Deciding;
use crate::remote::entitlements_attribute;
use crate::sweep::{Before, Decided, MetShadow};
use crate::sweep_inbound::{fitting, note_bad, read_of, take};

/// A provisioning task, compiled.
pub(crate) struct OutboundTask {
    classes: Vec<AccountClass>,
    keys: KeySpecs,
    guards: Guards,
    error_policy: ErrorPolicy,
    verify: Verify,
}

/// A class of accounts that the task writes.
pub(crate) struct AccountClass {
    pub(crate) application: Application,
    pub(crate) class: ObjectClass,
    pub(crate) decisions: Outbound,
    pub(crate) guards: Guards,
    pub(crate) target: Target,
    /// Whether an account can only name accounts that exist.
    pub(crate) references_must_exist: bool,
}

/// What an opened connector can do with a class.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClassAbilities {
    pub(crate) capabilities: Capabilities,
    /// Whether accounts get their keys from the system.
    pub(crate) gives_keys: bool,
}

/// A provisioning task in one run.
pub(crate) struct OutboundRun {
    pub(crate) classes: Vec<AccountClass>,
    pub(crate) keys: KeySpecs,
    pub(crate) task_guards: Guards,
    pub(crate) error_policy: ErrorPolicy,
    /// What the wanted state is compared with.
    pub(crate) verify: Verify,
    directories: Vec<DirectoryId>,
}

impl OutboundTask {
    pub(crate) fn compile(
        configuration: &Configuration,
        id: &ConfigurationId,
    ) -> Result<Self, ConfigurationError> {
        let task = configuration
            .provisioning_task(id)
            .ok_or_else(|| ConfigurationError::Lacking(format!("provisioning task `{id}`")))?;
        let mut classes = Vec::new();
        for application in configuration.applications() {
            let named = task.application_ids.as_ref().map(|ids| ids.contains(&application.id));
            let profiles = profiles_of(configuration, &application.id);
            // An application that the task names is looked at even when no profile grants anything any more.
            if !named.unwrap_or(!profiles.is_empty()) {
                continue;
            }
            let mut of_class: Vec<(&ObjectClass, Vec<&ObjectTypeMapping>)> = Vec::new();
            for mapping in object_types(application, Direction::Outbound, None) {
                let class = object_class(application, &mapping.object_class_id)?;
                match of_class.iter_mut().find(|(known, _)| known.id == class.id) {
                    Some((_, mappings)) => mappings.push(mapping),
                    None => of_class.push((class, vec![mapping])),
                }
            }
            for (class, mappings) in by_naming(configuration, of_class) {
                let mut rules = Vec::new();
                for mapping in &mappings {
                    let context = (Direction::Outbound, None);
                    rules.push(
                        compile_rules(configuration, &application.id, mapping, context)
                            .map_err(|found| ConfigurationError::Invalid(under(&application.id, &found)))?,
                    );
                }
                let kind = mappings[0].object_kind;
                classes.push(AccountClass {
                    decisions: Outbound {
                        application: application.id.clone(),
                        class: class.id.clone(),
                        uid_attribute: class.uid_attribute.clone(),
                        rules,
                        profiles: Profiles::new(profiles.clone()),
                        scope: task.scope.clone(),
                        abilities: AccountAbilities {
                            can_be_disabled: false,
                            membership: membership_attribute(application),
                            name: None,
                            can_be_renamed: false,
                        },
                    },
                    guards: mappings[0].guards.clone(),
                    target: Target {
                        application: application.id.clone(),
                        class: Some(class.id.clone()),
                        directory: DirectoryId::main(),
                        kind,
                        object_type: None,
                        making: Making::First,
                        reading: Reading::All,
                    },
                    references_must_exist: false,
                    application: application.clone(),
                    class: class.clone(),
                });
            }
        }
        Ok(Self {
            classes,
            keys: key_specs(configuration)?,
            guards: task.guards.clone(),
            error_policy: task.error_policy,
            verify: task.verify,
        })
    }

    /// The decisions of one run; only opened connectors tell what they can do, one for each class. Nothing is decided
    /// about a class that has none.
    ///
    /// # Errors
    /// When a target cannot be written so that a crash neither loses nor doubles an account.
    pub(crate) fn of_run(
        mut self,
        connectors: &[Option<ClassAbilities>],
        directories: Vec<DirectoryId>,
    ) -> Result<OutboundRun, EngineError> {
        for (class, can) in self.classes.iter_mut().zip(connectors) {
            let Some(ClassAbilities { capabilities: can, gives_keys }) = can else { continue };
            if !can.create_is_found {
                return Err(EngineError::NotFoundByKey { application: class.application.id.clone() });
            }
            class.decisions.abilities.can_be_disabled = can.enable;
            class.decisions.abilities.can_be_renamed = can.rename;
            class.decisions.abilities.name = class.class.name_attribute.clone().filter(|_| *gives_keys);
            class.references_must_exist = can.references_must_exist;
        }
        Ok(OutboundRun {
            classes: self.classes,
            keys: self.keys,
            task_guards: self.guards,
            error_policy: self.error_policy,
            verify: self.verify,
            directories,
        })
    }

    pub(crate) fn classes(&self) -> &[AccountClass] {
        &self.classes
    }
}

fn profiles_of(configuration: &Configuration, application: &ApplicationId) -> Vec<ApplicationProfile> {
    configuration.application_profiles().filter(|p| p.application_id == *application).cloned().collect()
}

fn membership_attribute(application: &Application) -> Option<muster_model::AttributeName> {
    let entitlements = application.object_classes.iter().find(|class| class.membership.is_some())?;
    let membership = entitlements.membership.as_ref()?;
    Some(match membership.held_by {
        MembershipHolder::Account => membership.attribute.clone(),
        MembershipHolder::Entitlement => entitlements_attribute(entitlements),
    })
}

impl OutboundRun {
    pub(crate) fn account_class(&self, index: usize) -> (&Application, &ObjectClass) {
        (&self.classes[index].application, &self.classes[index].class)
    }

    /// The keys of the accounts that this one name can mean in the application of a class.
    pub(crate) fn accounts_called(&self, index: usize, uid: &str) -> Vec<KeyHash> {
        let application = &self.classes[index].application.id;
        let classes = self.classes.iter().filter(|class| class.application.id == *application);
        classes.map(|class| class.decisions.account_key(uid)).collect()
    }

    pub(crate) fn application_guards(&self, index: usize) -> &Guards {
        &self.classes[index].guards
    }

    /// Decides a page of accounts: each against its owner.
    pub(crate) async fn decide_page(
        &self,
        index: usize,
        store: &TenantStore,
        run: &RunRecord,
        entries: Vec<Entry>,
        (bucket, first, at, before): (u32, u32, DateTime<Utc>, Before),
    ) -> Result<Decided, EngineError> {
        let class = &self.classes[index];
        let mut decided = Decided::default();
        let (numbers, entries) =
            self.pass_over(index, store, run, (entries, first, at), &mut decided).await?;
        decided.counters.read += read_of(&entries);
        if entries.is_empty() {
            return Ok(decided);
        }
        let key_of = |entry: &Entry| Some(class.decisions.account_key(uid_of(entry)?));
        let keys: Vec<Option<KeyHash>> = entries.iter().map(key_of).collect();
        let asked: Vec<KeyHash> = keys.iter().flatten().copied().collect();
        let shadows = store.linked_shadows(&class.application.id, &asked).await?;
        let in_dispute = class.may_be_in_dispute(&keys, &shadows);
        let disputes = known_disputes(store, &in_dispute, before).await?;
        let mut candidates = self.candidates(class, store, &of_nobody(&entries, &keys, &shadows)).await?;
        let mut facts: Vec<OutboundFacts> = Vec::with_capacity(entries.len());
        for (entry, key) in entries.iter().zip(&keys) {
            let linked = key.and_then(|key| shadows.get(&key));
            let (candidates, found_by) = match entry {
                Entry::Account(account) => candidates.remove(&account.uid).unwrap_or_default(),
                Entry::Bad(_) | Entry::Gone(_) => (Vec::new(), None),
            };
            facts.push(OutboundFacts {
                shadow: linked.map(|linked| linked.shadow.clone()),
                owner: linked.and_then(|linked| linked.owner.clone()),
                candidates,
                found_by,
                rival: None,
                decided: key.and_then(|key| disputes.get(&key)?.decided.clone()),
                decided_rival: None,
                taken: TakenValues::default(),
            });
        }
        class.find_rivals(store, &mut facts, &keys, before).await?;
        self.take_for(class, store, &mut facts, at).await?;
        for (((number, entry), key), facts) in numbers.into_iter().zip(&entries).zip(&keys).zip(&facts) {
            let linked = key.and_then(|key| shadows.get(&key));
            let (outcome, dispute, place) = match entry {
                Entry::Bad(bad) => {
                    note_bad(&mut decided, bad.clone());
                    (Outcome::Failed, None, bad.place.0)
                }
                // Targets are read whole, so who is gone is not met.
                Entry::Gone(_) => continue,
                Entry::Account(account) => {
                    let decide = || {
                        let decision = class.decide(account, linked, facts, at);
                        let dispute = class.decisions.dispute(view(account), facts, &decision);
                        (decision, dispute)
                    };
                    let (mut decision, dispute) = Decision::or_broken(decide, |broken| (broken, None));
                    let outcome = decision.outcome;
                    let place = (account.uid.as_str(), Some(account.place.0));
                    note_open(&mut decided, &mut decision, place);
                    let at = (bucket, number, class.decisions.account_key(&account.uid));
                    take(&mut decided, run, at, place, decision);
                    (outcome, dispute, account.place.0)
                }
            };
            if let Some((key, uid)) = key.zip(uid_of(entry)) {
                note(&mut decided.rows.disputes, (key, uid), disputes.get(&key), (outcome, dispute));
            }
            if let Some(linked) = linked {
                decided.met.push(MetShadow { no: linked.shadow.base.no.0, outcome, place, change: number });
            }
        }
        Ok(decided)
    }

    /// Adds what the references of the owners come to.
    pub(crate) async fn take_for(
        &self,
        class: &AccountClass,
        store: &TenantStore,
        facts: &mut [OutboundFacts],
        at: DateTime<Utc>,
    ) -> Result<(), EngineError> {
        let owned: Vec<usize> = (0..facts.len()).filter(|index| facts[*index].fitting().is_some()).collect();
        let owners: Vec<&ImObject> = owned.iter().filter_map(|index| facts[*index].fitting()).collect();
        let deciding = Deciding { at, linked: &HashSet::new() };
        let taken = self.taken(class, store, &owners, deciding).await?;
        for (index, taken) in owned.into_iter().zip(taken) {
            facts[index].taken = taken;
        }
        Ok(())
    }

    /// The objects that fit accounts without a link, by account key.
    pub(crate) async fn candidates(
        &self,
        class: &AccountClass,
        store: &TenantStore,
        unlinked: &[&Account],
    ) -> Result<HashMap<String, Candidates>, EngineError> {
        let mut found: HashMap<String, Candidates> = HashMap::new();
        if unlinked.is_empty() {
            return Ok(found);
        }
        let rules = class.decisions.rules.iter().flat_map(|rules| &rules.correlation);
        for (place, rule) in (0..).zip(rules) {
            let mut asked: Vec<(&Account, Vec<KeyHash>)> = Vec::new();
            for account in unlinked.iter().filter(|account| !found.contains_key(&account.uid)) {
                let hashes = self.directories.iter().flat_map(|d| rule.of_account(d, &account.record));
                asked.push((account, hashes.collect()));
            }
            let all: Vec<KeyHash> = asked.iter().flat_map(|(_, hashes)| hashes.clone()).collect();
            let objects = store.objects_by_key(&all).await?;
            for (account, hashes) in asked {
                let fitting = fitting(&self.keys, &hashes, &objects);
                if !fitting.is_empty() {
                    found.insert(account.uid.clone(), (fitting, Some(place)));
                }
            }
        }
        Ok(found)
    }
}

impl AccountClass {
    /// Whether accounts of the class name others by their keys.
    pub(crate) fn names_any(&self) -> bool {
        self.decisions.naming_attributes().next().is_some()
    }

    /// Whether the target gives its accounts keys of its own.
    pub(crate) fn gives_keys(&self) -> bool {
        self.decisions.abilities.name.is_some()
    }

    /// Whether accounts that others name have to be made before those.
    pub(crate) fn orders_references(&self) -> bool {
        self.names_any() && self.references_must_exist
    }

    /// The accounts that can be in dispute: those that belong to nobody, or to somebody who is not to have them.
    fn may_be_in_dispute(
        &self,
        keys: &[Option<KeyHash>],
        shadows: &HashMap<KeyHash, LinkedShadow>,
    ) -> Vec<KeyHash> {
        let is_kept =
            |linked: &LinkedShadow| linked.owner.as_ref().is_some_and(|owner| self.decisions.grants(owner));
        keys.iter().flatten().filter(|key| !shadows.get(*key).is_some_and(is_kept)).copied().collect()
    }

    /// Finds out which objects that accounts without a link would be linked to have another account already.
    async fn find_rivals(
        &self,
        store: &TenantStore,
        facts: &mut [OutboundFacts],
        keys: &[Option<KeyHash>],
        before: Before,
    ) -> Result<(), EngineError> {
        let decided = |known: &OutboundFacts| decided_object(known.decided.as_ref());
        let asked: Vec<ObjectId> =
            facts.iter().flat_map(|known| [claimed(known), decided(known)]).flatten().collect();
        if asked.is_empty() {
            return Ok(());
        }
        let linked = store.live_accounts(&self.application.id, self.class.id.as_str(), &asked).await?;
        let of = DisputesOf { application: &self.application.id, class: &self.class.id };
        let promised = Promised::load(store, of, &asked, before).await?;
        for (known, key) in facts.iter_mut().zip(keys) {
            let own = known.shadow.as_ref().map(|shadow| shadow.uid.as_str());
            let other = |object: ObjectId| {
                let live = linked.get(&object).map(String::as_str).filter(|uid| Some(*uid) != own);
                let other = live.or_else(|| promised.other(object, (*key)?));
                other.map(str::to_owned)
            };
            (known.rival, known.decided_rival) =
                (claimed(known).and_then(other), decided(known).and_then(other));
        }
        Ok(())
    }

    fn decide(
        &self,
        account: &Account,
        linked: Option<&LinkedShadow>,
        facts: &OutboundFacts,
        at: DateTime<Utc>,
    ) -> Decision {
        if let Some(decision) = self.shortcut(account, linked, facts, at) {
            return decision;
        }
        self.decisions.decide_account(view(account), facts, at).unwrap_or_else(Decision::out_of_scope)
    }

    /// An account that is what its shadow promises needs no decision.
    fn shortcut(
        &self,
        account: &Account,
        linked: Option<&LinkedShadow>,
        facts: &OutboundFacts,
        at: DateTime<Utc>,
    ) -> Option<Decision> {
        let (linked, owner) = (linked?, facts.owner.as_ref()?);
        let promise = linked.promise?;
        // One made under other terms holds, and is made once more, so that the next run passes the account over.
        if self.decisions.terms().is_some_and(|terms| linked.terms != Some(terms)) {
            return None;
        }
        if linked.due_at.is_some_and(|due| due <= at) || !self.decisions.scope.holds(owner) {
            return None;
        }
        let rules = self.decisions.rules_for(owner)?;
        let source = Referring { owner, taken: &facts.taken };
        let same = promise.owner == self.decisions.owner_digest(rules, &source)
            && promise.account == self.decisions.account_digest(rules, account.enabled, &account.record);
        same.then(Decision::as_promised)
    }
}

/// Objects that fit an account, and the place of the rule that found them.
pub(crate) type Candidates = (Vec<ImObject>, Option<u32>);

/// Whether an account is known that nobody was ever, or is any more, linked to. A deleted owner still stands with it.
fn belongs_to_nobody(linked: &LinkedShadow) -> bool {
    linked.owner.is_none()
}

/// The accounts of a page that belong to nobody.
fn of_nobody<'a>(
    entries: &'a [Entry],
    keys: &[Option<KeyHash>],
    shadows: &HashMap<KeyHash, LinkedShadow>,
) -> Vec<&'a Account> {
    let is_of_nobody =
        |key: &Option<KeyHash>| key.and_then(|key| shadows.get(&key)).is_none_or(belongs_to_nobody);
    let of_nobody = entries.iter().zip(keys).filter(|(_, key)| is_of_nobody(key));
    let accounts = of_nobody.filter_map(|(entry, _)| match entry {
        Entry::Account(account) => Some(account),
        Entry::Bad(_) | Entry::Gone(_) => None,
    });
    accounts.collect()
}

/// An account as decisions see it.
pub(crate) fn view(account: &Account) -> AccountView<'_> {
    AccountView {
        uid: &account.uid,
        place: Some(account.place.0),
        enabled: account.enabled,
        attributes: &account.record,
    }
}

/// The object that an account without a link would be linked to.
fn claimed(facts: &OutboundFacts) -> Option<ObjectId> {
    match (&facts.owner, facts.candidates.as_slice()) {
        (None, [candidate]) => Some(candidate.id),
        (None, _) | (Some(_), _) => None,
    }
}

/// Notes of a change that something could not be taken yet. A warning: the change itself goes its way.
pub(crate) fn note_open(decided: &mut Decided, decision: &mut Decision, (uid, place): (&str, Option<u64>)) {
    if decision.change.is_none() {
        return;
    }
    if let Some(Problem { code, message }) = decision.problem.take() {
        decided.counters.open_references += 1;
        let (uid, step) = (Some(uid.to_owned()), ProblemStep::Decide);
        decided.rows.note(ProblemRow {
            change: None,
            outcome: None,
            step,
            code,
            uid,
            place,
            message,
            class: None,
        });
    }
}
