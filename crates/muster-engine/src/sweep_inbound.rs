//! Deciding a page of accounts of a source, and then the accounts that a complete sweep did not meet.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use muster_connector::{Account, BadEntry, Entry};
use muster_model::configuration::application::Situation;
use muster_model::error::ErrorCode;
use muster_model::run::Outcome;
use muster_model::shadow::ShadowState;
use muster_model::{ImObject, ObjectId};
use muster_plan::decision::{AccountView, Decision, ShadowFacts};
use muster_plan::digest::Digest;
use muster_plan::inbound::{InboundFacts, OtherSource};
use muster_plan::key::{KeyHash, KeySpecs};
use muster_store::{DisputesOf, LinkedShadow, ProblemRow, ProblemStep, RunRecord, TenantStore};
use roaring::RoaringBitmap;

use crate::disputes::{KnownDisputes, Promised, decided_object, known_disputes, note};
use crate::error::EngineError;
use crate::prepare::InboundRun;
use crate::sweep::{Before, Decided, MetShadow};
use crate::worker::Work;

/// An entry on its way through a page.
struct Read {
    /// The number that its change has, if it gets one.
    number: u32,
    entry: Entry,
    key: Option<KeyHash>,
    /// `None` where the shortcut is not taken.
    digest: Option<Digest>,
}

impl InboundRun {
    /// Decides a page: the unchanged entries by their digests, the others one by one on facts read at once.
    pub(crate) async fn decide_page(
        &self,
        store: &TenantStore,
        run: &RunRecord,
        entries: Vec<Entry>,
        (bucket, first, at): (u32, u32, DateTime<Utc>),
        before: Before,
    ) -> Result<Decided, EngineError> {
        let mut decided = Decided::default();
        decided.counters.read = read_of(&entries);
        let mut rest: Vec<Read> =
            (first..).zip(entries).map(|(number, entry)| self.look_at(number, entry)).collect();
        let mut shadows = HashMap::new();
        // A first load needs not ask; should somebody else make shadows meanwhile, applying finds them.
        if before.last_shadow > 0 {
            self.take_unchanged(store, &mut rest, at, &mut decided).await?;
            let keys: Vec<KeyHash> = rest.iter().filter_map(|read| read.key).collect();
            shadows = store.linked_shadows(&self.application.id, &keys).await?;
        }
        let keys: Vec<KeyHash> = rest.iter().filter_map(|read| read.key).collect();
        let disputes = known_disputes(store, &keys, before).await?;
        let mut facts = self.facts(store, &rest, &shadows, &disputes).await?;
        self.find_rivals(store, &mut facts, &rest, before).await?;
        for Read { number, entry, key, .. } in rest {
            let shadow = key.and_then(|key| shadows.get(&key));
            match (entry, key) {
                (Entry::Account(account), Some(key)) => {
                    let facts = facts.remove(&number).unwrap_or_default();
                    let decide = || {
                        let decision = self.decisions.decide(view(&account), &facts, at);
                        let dispute = self.decisions.dispute(view(&account), &facts, &decision);
                        (decision, dispute)
                    };
                    let (decision, dispute) = Decision::or_broken(decide, |broken| (broken, None));
                    let found = (decision.outcome, dispute);
                    note(&mut decided.rows.disputes, (key, &account.uid), disputes.get(&key), found);
                    note_met(&mut decided, shadow, decision.outcome, account.place.0, number);
                    let place = (account.uid.as_str(), Some(account.place.0));
                    if shadow.is_none() {
                        leave(&mut decided, &account.uid, &decision);
                    }
                    take(&mut decided, run, (bucket, number, key), place, decision);
                }
                (Entry::Account(_), None) => {}
                (Entry::Gone(_), _) => decided.gone.extend(shadow.map(|linked| linked.shadow.base.no.0)),
                (Entry::Bad(bad), key) => {
                    if let Some((key, uid)) = key.zip(bad.uid.as_deref()) {
                        let found = (Outcome::Failed, None);
                        note(&mut decided.rows.disputes, (key, uid), disputes.get(&key), found);
                    }
                    note_met(&mut decided, shadow, Outcome::Failed, bad.place.0, number);
                    note_bad(&mut decided, bad);
                }
            }
        }
        Ok(decided)
    }

    /// Decides about a shadow whose account is gone, and whose object another source may hold.
    fn decide_missing(&self, linked: &LinkedShadow, elsewhere: bool) -> Decision {
        let other = if elsewhere { OtherSource::HoldsLiveShadow } else { OtherSource::None };
        self.decisions.decide_missing(&linked.shadow, linked.owner.as_ref(), other)
    }

    fn look_at(&self, number: u32, entry: Entry) -> Read {
        let (uid, digest) = match &entry {
            Entry::Account(account) => {
                (Some(account.uid.as_str()), self.decisions.shortcut(&account.uid, &account.record))
            }
            Entry::Bad(bad) => (bad.uid.as_deref(), None),
            Entry::Gone(gone) => (Some(gone.uid.as_str()), None),
        };
        Read { number, key: uid.map(|uid| self.decisions.account_key(uid)), digest, entry }
    }

    /// Takes out the entries that need no decision, by the shortcut, and counts them.
    async fn take_unchanged(
        &self,
        store: &TenantStore,
        rest: &mut Vec<Read>,
        at: DateTime<Utc>,
        decided: &mut Decided,
    ) -> Result<(), EngineError> {
        let asked: Vec<(KeyHash, Digest)> =
            rest.iter().filter_map(|read| Some((read.key?, read.digest?))).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let found = store.unchanged(&self.application.id, &asked, at).await?;
        if found.is_empty() {
            return Ok(());
        }
        // The store answers by the place among those asked for.
        let mut shadows = vec![None; asked.len()];
        for (place, shadow) in found {
            if let Some(slot) = shadows.get_mut(place) {
                *slot = Some(shadow);
            }
        }
        let mut shadows = shadows.into_iter();
        rest.retain(|read| {
            let (Entry::Account(account), Some(_)) = (&read.entry, read.digest) else { return true };
            let Some(no) = shadows.next().flatten() else { return true };
            decided.count(Outcome::Unchanged, Some(Situation::Linked));
            let (place, change) = (account.place.0, read.number);
            decided.met.push(MetShadow { no, outcome: Outcome::Unchanged, place, change });
            false
        });
        Ok(())
    }

    /// What the store knows about each account that has to be decided, by its number.
    async fn facts(
        &self,
        store: &TenantStore,
        rest: &[Read],
        shadows: &HashMap<KeyHash, LinkedShadow>,
        disputes: &KnownDisputes,
    ) -> Result<HashMap<u32, InboundFacts>, EngineError> {
        let mut facts: HashMap<u32, InboundFacts> = HashMap::with_capacity(rest.len());
        let mut unlinked: Vec<(u32, &Account)> = Vec::new();
        for Read { number, entry, key, digest } in rest {
            let Entry::Account(account) = entry else { continue };
            let linked = key.and_then(|key| shadows.get(&key));
            let known = InboundFacts {
                digest: *digest,
                shadow: linked.map(|linked| linked.shadow.clone()),
                owner: linked.and_then(|linked| linked.owner.clone()),
                decided: key.and_then(|key| disputes.get(&key)?.decided.clone()),
                ..InboundFacts::default()
            };
            if known.owner.is_none() {
                unlinked.push((*number, account));
            }
            facts.insert(*number, known);
        }
        for (place, rule) in (0..).zip(&self.decisions.rules.correlation) {
            let asked: Vec<(u32, Vec<KeyHash>)> = unlinked
                .iter()
                .map(|(number, account)| {
                    (*number, rule.of_account(&self.decisions.directory, &account.record))
                })
                .collect();
            let all: Vec<KeyHash> = asked.iter().flat_map(|(_, keys)| keys.clone()).collect();
            let found = store.objects_by_key(&all).await?;
            if found.is_empty() {
                continue;
            }
            for (number, keys) in asked {
                let fitting = fitting(&self.decisions.keys, &keys, &found);
                if let Some(known) = facts.get_mut(&number).filter(|_| !fitting.is_empty()) {
                    (known.candidates, known.found_by) = (fitting, Some(place));
                }
            }
            unlinked.retain(|(number, _)| facts.get(number).is_some_and(|known| known.candidates.is_empty()));
        }
        Ok(facts)
    }

    /// Finds out which objects that accounts without a live shadow come to are linked to another account.
    async fn find_rivals(
        &self,
        store: &TenantStore,
        facts: &mut HashMap<u32, InboundFacts>,
        rest: &[Read],
        before: Before,
    ) -> Result<(), EngineError> {
        let decided = |known: &InboundFacts| decided_object(known.decided.as_ref());
        let asked: Vec<ObjectId> =
            facts.values().flat_map(|known| [claimed(known), decided(known)]).flatten().collect();
        if asked.is_empty() {
            return Ok(());
        }
        let shadows = store.shadows_of(&self.application.id, self.class.id.as_str(), &asked).await?;
        let of = DisputesOf { application: &self.application.id, class: &self.class.id };
        let promised = Promised::load(store, of, &asked, before).await?;
        for (number, key) in rest.iter().filter_map(|read| Some((read.number, read.key?))) {
            let Some(known) = facts.get_mut(&number) else { continue };
            let of = |object| shadows.get(&object).map(Vec::as_slice).unwrap_or_default();
            let (claimed, decided) = (claimed(known), decided(known));
            if let Some(object) = claimed {
                let live: Vec<&ShadowFacts> = of(object).iter().filter(is_live).collect();
                let other = promised.other(object, key).map(str::to_owned);
                known.rival = live.first().map(|shadow| shadow.uid.clone()).or_else(|| other.clone());
                known.predecessor = match live.as_slice() {
                    [only] if other.is_none() => Some((*only).clone()),
                    [..] => None,
                };
            }
            if let Some(object) = decided {
                let own = known.shadow.as_ref().map(|shadow| shadow.base.no);
                let other = of(object).iter().filter(is_live).find(|shadow| Some(shadow.base.no) != own);
                let other = other.map(|shadow| shadow.uid.as_str()).or(promised.other(object, key));
                known.decided_rival = other.map(str::to_owned);
            }
            let theirs = decided.or(claimed).map(of).unwrap_or_default();
            known.lost_one = theirs.iter().any(|shadow| shadow.state == ShadowState::Gone);
        }
        Ok(())
    }
}

/// The objects that some of these keys find, each once.
pub(crate) fn fitting(
    specs: &KeySpecs,
    keys: &[KeyHash],
    found: &HashMap<KeyHash, Vec<ImObject>>,
) -> Vec<ImObject> {
    let found_by = |key| found.get(key).into_iter().flatten().filter(|object| specs.finds(key, object));
    let mut fitting: Vec<ImObject> = keys.iter().flat_map(found_by).cloned().collect();
    fitting.sort_by_key(|object| object.id);
    fitting.dedup_by_key(|object| object.id);
    fitting
}

/// How many of these entries are there.
pub(crate) fn read_of(entries: &[Entry]) -> u64 {
    entries.iter().filter(|entry| !matches!(entry, Entry::Gone(_))).count() as u64
}

/// Whether the account exists, as far as is known.
fn is_live(shadow: &&ShadowFacts) -> bool {
    shadow.state == ShadowState::Live
}

/// The object that an account without a live shadow would be linked to.
fn claimed(facts: &InboundFacts) -> Option<ObjectId> {
    match (&facts.shadow, &facts.owner, facts.candidates.as_slice()) {
        (Some(shadow), Some(owner), _) => (shadow.state == ShadowState::Gone).then_some(owner.id),
        (_, None, [candidate]) => Some(candidate.id),
        (None, Some(_), _) | (_, None, _) => None,
    }
}

fn view(account: &Account) -> AccountView<'_> {
    AccountView {
        uid: &account.uid,
        place: Some(account.place.0),
        enabled: account.enabled,
        attributes: &account.record,
    }
}

fn note_met(decided: &mut Decided, shadow: Option<&LinkedShadow>, outcome: Outcome, place: u64, change: u32) {
    if let Some(linked) = shadow {
        decided.met.push(MetShadow { no: linked.shadow.base.no.0, outcome, place, change });
    }
}

/// Counts an entry that could not be read, and tells people.
pub(crate) fn note_bad(decided: &mut Decided, bad: BadEntry) {
    decided.count(Outcome::Failed, None);
    if bad.uid.is_none() {
        decided.counters.unidentified += 1;
    }
    decided.rows.note(ProblemRow {
        change: None,
        outcome: Some(Outcome::Failed),
        step: ProblemStep::Read,
        code: ErrorCode::EntryUnreadable,
        uid: bad.uid,
        place: Some(bad.place.0),
        message: bad.message,
        class: None,
    });
}

/// Notes an entry of which nothing else tells: that it has no shadow among those that the page met, the caller knows.
fn leave(decided: &mut Decided, uid: &str, decision: &Decision) {
    if decision.change.is_none() && decision.problem.is_none() {
        decided.rows.leave(uid, decision.outcome);
    }
}

/// Counts a decision and stages what comes of it.
pub(crate) fn take(
    decided: &mut Decided,
    run: &RunRecord,
    (bucket, number, key): (u32, u32, KeyHash),
    (uid, place): (&str, Option<u64>),
    decision: Decision,
) {
    decided.count(decision.outcome, decision.situation);
    if let Some(change) = decision.change {
        decided.tally.count(&change);
        decided.rows.add(run, bucket, number, key, &change);
    }
    if let Some(problem) = decision.problem {
        decided.rows.note(ProblemRow {
            change: None,
            outcome: Some(decision.outcome),
            step: ProblemStep::Decide,
            code: problem.code,
            uid: Some(uid.to_owned()),
            place,
            message: problem.message,
            class: None,
        });
    }
}

impl Work {
    /// All shadows that the sweep of a bucket met: the union of what its pages stored, and of nothing else.
    pub(crate) async fn met(&self, index: usize) -> Result<RoaringBitmap, EngineError> {
        self.union_of_pages(index, |met| met.all()).await
    }

    /// The shadows that a sweep did not meet: of all accounts those that no page met, of changes those of which a page
    /// said that they are gone.
    pub(crate) async fn unmet(&self, index: usize) -> Result<RoaringBitmap, EngineError> {
        let met = self.met(index).await?;
        let mut unmet = RoaringBitmap::new();
        if self.reads_changes(index) {
            unmet = self.union_of_pages(index, |met| met.gone().clone()).await?;
        } else {
            unmet.insert_range(1..=Before::of(&self.buckets[index]).last_shadow);
        }
        Ok(unmet - met)
    }

    async fn union_of_pages(
        &self,
        index: usize,
        of_page: impl Fn(&muster_store::Met) -> RoaringBitmap,
    ) -> Result<RoaringBitmap, EngineError> {
        let mut met = RoaringBitmap::new();
        let mut after = 0;
        loop {
            let pages = self.store.pages(&self.run, self.buckets[index].no, after, 100).await?;
            for page in &pages {
                if page.page != after + 1 {
                    let message = format!("page {} of the sweep is missing", after + 1);
                    return Err(EngineError::Broken(message));
                }
                after = page.page;
                met |= of_page(&page.met);
            }
            if pages.is_empty() {
                return Ok(met);
            }
        }
    }

    /// Stages what is to be done about accounts that a complete sweep of a source did not meet.
    pub(crate) async fn stage_missing(&mut self, index: usize, task: &InboundRun) -> Result<(), EngineError> {
        let mut absent = self.unmet(index).await? - self.successions(index).await?.taken_over;
        let done: u32 = match self.buckets[index].step {
            0 => 0,
            _ => self.buckets[index].cursor.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(0),
        };
        absent.remove_range(0..=done);
        let numbers: Vec<u32> = absent.iter().collect();
        for page in numbers.chunks(self.engine.settings.page_size) {
            self.may_go_on()?;
            self.stage_missing_page(index, task, page).await?;
        }
        Ok(())
    }

    async fn stage_missing_page(
        &mut self,
        index: usize,
        task: &InboundRun,
        numbers: &[u32],
    ) -> Result<(), EngineError> {
        let (application, class) = (&task.application.id, task.class.id.as_str());
        let missing = self.store.missing_shadows(application, class, numbers, &task.other_sources).await?;
        let mut decided = Decided::default();
        decided.counters.lacking = missing.len() as u64;
        let bucket = &mut self.buckets[index];
        for (linked, elsewhere) in missing {
            let decision = task.decide_missing(&linked, elsewhere);
            let at = (bucket.no, bucket.next_change, linked.key);
            leave(&mut decided, &linked.shadow.uid, &decision);
            take(&mut decided, &self.run, at, (&linked.shadow.uid, None), decision);
            bucket.next_change = bucket.next_change.saturating_add(1);
        }
        bucket.step = 1;
        bucket.cursor = numbers.last().map(u32::to_string);
        bucket.counters.add(&decided.counters);
        bucket.tally.add(&decided.tally);
        let now = self.engine.surroundings.now();
        if decided.rows.is_empty() {
            self.store.checkpoint(&self.run, bucket, now).await?;
        } else {
            bucket.page += 1;
            let met = muster_store::Met::default();
            self.store.stage(&self.run, bucket, &met, decided.rows, now).await?;
        }
        Ok(())
    }
}
