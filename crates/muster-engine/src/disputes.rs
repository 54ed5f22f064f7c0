//! Disputes in a run: what pages note of them, when they are written, and when they go.
//!
//! A page writes none: what it has found stands with it, and is written when the plan is carried out. So a simulation
//! leaves the list as it is.

use std::collections::{HashMap, HashSet};

use muster_connector::Entry;
use muster_model::configuration::application::Situation;
use muster_model::run::Outcome;
use muster_model::{ApplicationId, Attributes, ObjectClassId, ObjectId};
use muster_plan::change::Action;
use muster_plan::dispute::{Decided, Dispute};
use muster_plan::key::{KeyHash, Position};
use muster_store::{ChangeRow, DisputesOf, FoundDispute, KnownDispute, Makes, PageDisputes, TenantStore};

use crate::error::EngineError;
use crate::findings::ROWS_AT_ONCE;
use crate::sweep::Before;
use crate::worker::Work;

/// Pages whose disputes are read at a time.
const PAGES_AT_ONCE: u32 = 100;

/// What is known of the accounts of a page that are in dispute.
pub(crate) type KnownDisputes = HashMap<KeyHash, KnownDispute>;

/// Other accounts that objects are to have, as somebody decided.
pub(crate) struct Promised(HashMap<ObjectId, Vec<(KeyHash, String)>>);

impl Promised {
    /// Looks for other accounts only where there is a dispute about any account of the class.
    pub(crate) async fn load(
        store: &TenantStore,
        of: DisputesOf<'_>,
        objects: &[ObjectId],
        before: Before,
    ) -> Result<Self, EngineError> {
        let any = before.last_dispute > 0;
        Ok(Self(if any { store.decided_links(of, objects).await? } else { HashMap::new() }))
    }

    /// The account that an object is to have, but for this one.
    pub(crate) fn other(&self, object: ObjectId, than: KeyHash) -> Option<&str> {
        let accounts = self.0.get(&object)?;
        accounts.iter().find(|(key, _)| *key != than).map(|(_, uid)| uid.as_str())
    }
}

/// What is known of disputes about these accounts. A class without any is not asked about.
pub(crate) async fn known_disputes(
    store: &TenantStore,
    keys: &[KeyHash],
    before: Before,
) -> Result<KnownDisputes, EngineError> {
    match before.last_dispute {
        0 => Ok(KnownDisputes::new()),
        _ => Ok(store.known_disputes(keys).await?),
    }
}

/// Notes what an account has to do with disputes.
pub(crate) fn note(
    noted: &mut PageDisputes,
    (key, uid): (KeyHash, &str),
    known: Option<&KnownDispute>,
    (outcome, dispute): (Outcome, Option<Dispute>),
) {
    match (dispute, known) {
        (Some(dispute), known) => {
            known.iter().for_each(|known| {
                noted.met.insert(known.no);
            });
            if known.is_none_or(|known| known.fingerprint != dispute.fingerprint()) {
                noted.found.push(FoundDispute { key, uid: uid.to_owned(), dispute });
            }
        }
        (None, Some(known)) => {
            // What could not be read or mapped is as it was; of what is not looked at a decision is kept.
            let stays = match outcome {
                Outcome::Failed => true,
                Outcome::Filtered => known.decided.is_some(),
                Outcome::Created
                | Outcome::Updated
                | Outcome::Unchanged
                | Outcome::Ignored
                | Outcome::Reported
                | Outcome::Disabled
                | Outcome::Deleted
                | Outcome::Unlinked
                | Outcome::Stale
                | Outcome::NotApplied => false,
            };
            let set = if stays { &mut noted.met } else { &mut noted.settled };
            set.insert(known.no);
        }
        (None, None) => {}
    }
}

/// The key and the name of an entry that has them.
pub(crate) fn uid_of(entry: &Entry) -> Option<&str> {
    match entry {
        Entry::Account(account) => Some(&account.uid),
        Entry::Bad(bad) => bad.uid.as_deref(),
        Entry::Gone(gone) => Some(&gone.uid),
    }
}

/// The object that somebody decided to link an account to.
pub(crate) fn decided_object(decided: Option<&Decided>) -> Option<ObjectId> {
    match decided {
        Some(Decided::Link(object)) => Some(object.id),
        Some(Decided::New | Decided::Ignore) | None => None,
    }
}

impl Work {
    fn class_of(&self, index: usize) -> Option<(ApplicationId, ObjectClassId)> {
        self.accounts_of(index).map(|(application, class)| (application.id.clone(), class.id.clone()))
    }

    /// Writes the disputes that the pages of a bucket and the check of its plan have found, those that are new or have
    /// changed. Once more is as good as once.
    pub(crate) async fn write_disputes(&self, index: usize) -> Result<(), EngineError> {
        let counters = &self.buckets[index].counters;
        let Some((application, class)) = self.class_of(index) else { return Ok(()) };
        let (of, no) = (DisputesOf { application: &application, class: &class }, self.buckets[index].no);
        let left = counters.outcome(Outcome::Reported) + counters.outcome(Outcome::Ignored);
        if left > 0 {
            // When a page met them nobody knew yet that they take the places of others.
            let mut taken: HashSet<Position> = HashSet::new();
            self.each_lists(index, |lists| {
                let slots = lists.slots.iter().filter(|slot| slot.makes == Makes::NewKey);
                taken.extend(slots.map(|slot| slot.position));
            })
            .await?;
            let mut after = 0;
            loop {
                let pages = self.store.page_disputes(&self.run, no, after, PAGES_AT_ONCE).await?;
                let Some((last, _)) = pages.last() else { break };
                after = *last;
                for (_, mut page) in pages {
                    page.found.retain(|found| !taken.contains(&found.key.position()));
                    if !page.found.is_empty() {
                        let now = self.engine.surroundings.now();
                        self.store.put_disputes(&self.run, of, page.found, now).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes the disputes that only the check of the plan showed.
    pub(crate) async fn write_checked_disputes(&self, index: usize) -> Result<(), EngineError> {
        let Some((application, class)) = self.class_of(index) else { return Ok(()) };
        let of = DisputesOf { application: &application, class: &class };
        let mut after = 0;
        loop {
            let told = self.store.disputed_changes(&self.run, self.buckets[index].no, after).await?;
            let Some((last, _)) = told.last() else { return Ok(()) };
            after = *last;
            let rows = self.rows(&told.iter().map(|(change, _)| *change).collect::<Vec<_>>()).await?;
            let found = told.into_iter().filter_map(|(change, message)| {
                let row = rows.get(&change)?;
                let key = KeyHash::of_account(&application, &class, &row.uid);
                Some(FoundDispute { key, uid: row.uid.clone(), dispute: of_change(row, message)? })
            });
            let found: Vec<FoundDispute> = found.collect();
            let keys: Vec<KeyHash> = found.iter().map(|found| found.key).collect();
            let known = self.store.known_disputes(&keys).await?;
            let is_new = |found: &FoundDispute| {
                known.get(&found.key).is_none_or(|known| known.fingerprint != found.dispute.fingerprint())
            };
            let found: Vec<FoundDispute> = found.into_iter().filter(is_new).collect();
            if !found.is_empty() {
                let now = self.engine.surroundings.now();
                self.store.put_disputes(&self.run, of, found, now).await?;
            }
        }
    }

    /// Drops the disputes that are none any more: after a complete sweep all that it did not meet, else those that the
    /// run has settled. Those stay whose changes did not go as planned.
    pub(crate) async fn drop_disputes(&self, index: usize) -> Result<(), EngineError> {
        let last = Before::of(&self.buckets[index]).last_dispute;
        // What was not carried out has settled none.
        if last == 0 || self.buckets[index].left_out.is_some() {
            return Ok(());
        }
        let noted = self.noted_disputes(index).await?;
        let bucket = &self.buckets[index];
        let is_complete = bucket.sweep_end.as_deref() == Some("") && bucket.counters.unidentified == 0;
        let is_whole = is_complete && self.run.keys.is_none() && !self.reads_changes(index);
        let is_gone = |no| if is_whole { !noted.met.contains(no) } else { noted.settled.contains(no) };
        let Some((application, class)) = self.class_of(index) else { return Ok(()) };
        let of = DisputesOf { application: &application, class: &class };
        let mut unplanned: Option<HashSet<KeyHash>> = None;
        let mut after = 0;
        loop {
            let known = self.store.dispute_numbers_of(&self.run, of, (after, last)).await?;
            let Some((end, _)) = known.last() else { return Ok(()) };
            after = *end;
            let mut gone: Vec<KeyHash> =
                known.into_iter().filter(|(no, _)| is_gone(*no)).map(|(_, key)| key).collect();
            if gone.is_empty() {
                continue;
            }
            let unplanned = match &mut unplanned {
                Some(unplanned) => unplanned,
                None => unplanned.insert(self.unplanned(of).await?),
            };
            gone.retain(|key| !unplanned.contains(key));
            self.store.drop_disputes(&self.run, &gone).await?;
        }
    }

    /// What all pages of a bucket have noted.
    async fn noted_disputes(&self, index: usize) -> Result<PageDisputes, EngineError> {
        let mut noted = PageDisputes::default();
        let mut after = 0;
        loop {
            let no = self.buckets[index].no;
            let pages = self.store.page_disputes(&self.run, no, after, PAGES_AT_ONCE).await?;
            let Some((last, _)) = pages.last() else { return Ok(noted) };
            after = *last;
            pages.iter().for_each(|(_, page)| noted.add(page));
        }
    }

    /// The accounts whose changes did not go as planned.
    async fn unplanned(&self, of: DisputesOf<'_>) -> Result<HashSet<KeyHash>, EngineError> {
        let exceptions = self.exceptions().await?;
        let ended = exceptions.into_iter().filter(|(_, outcome)| outcome.is_some());
        let ended: Vec<u32> = ended.map(|(change, _)| change).collect();
        let mut keys = HashSet::new();
        for changes in ended.chunks(ROWS_AT_ONCE) {
            let rows = self.rows(changes).await?;
            keys.extend(rows.values().map(|row| KeyHash::of_account(of.application, of.class, &row.uid)));
        }
        Ok(keys)
    }
}

/// The dispute that a change was reported for.
fn of_change(row: &ChangeRow, message: String) -> Option<Dispute> {
    let candidates = match row.action {
        // Its object is not there yet.
        Action::Create => Vec::new(),
        Action::Link => row.object.into_iter().collect(),
        // Withdrawn from nobody, it stays for whom it is made.
        Action::Update
        | Action::Refresh
        | Action::Disable
        | Action::Delete
        | Action::Unlink
        | Action::MarkGone => return None,
    };
    let (situation, compared) = (Situation::Disputed, Attributes::new());
    Some(Dispute { situation, candidates, rule: None, compared, message })
}
