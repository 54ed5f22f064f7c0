//! Sweeps of single keys: one page, and what was asked for and is not there.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use muster_connector::{Connector, Cursor, Entry, Page, SweepEnd};
use muster_model::Record;
use muster_model::configuration::application::{Application, ObjectClass};
use muster_model::error::ErrorCode;
use muster_model::run::Outcome;
use muster_plan::key::KeyHash;
use muster_store::{ProblemRow, ProblemStep};

use crate::disputes::uid_of;
use crate::error::EngineError;
use crate::first_met::FirstMet;
use crate::remote::remote_class;
use crate::sweep::{Decided, InHand};
use crate::worker::Work;

/// What was read for a run before it was launched. Whoever takes the run up after a crash reads it again.
pub(crate) struct ReadBefore {
    /// Where it was read.
    pub(crate) connector: Arc<dyn Connector>,
    /// What stands there.
    pub(crate) entries: Vec<Entry>,
}

impl Work {
    pub(crate) async fn read_keys(
        &mut self,
        index: usize,
        of: (&Application, &ObjectClass),
        connector: &dyn Connector,
        keys: &[String],
    ) -> Result<(), EngineError> {
        // All keys are one page; once it is stored there is nothing to take up.
        if self.buckets[index].page > 0 {
            return self.end_sweep(index, SweepEnd::Complete { token: None }).await;
        }
        let read = connector.read(&remote_class(of.0, of.1), keys).await;
        let entries = read.map_err(Self::connector_error(&of.0.id))?;
        self.take_keys(index, of, (connector, entries)).await
    }

    /// Decides what was read of the keys of the run, and stores it as the one page of its sweep.
    pub(crate) async fn take_keys(
        &mut self,
        index: usize,
        of: (&Application, &ObjectClass),
        (connector, mut entries): (&dyn Connector, Vec<Entry>),
    ) -> Result<(), EngineError> {
        let keys = self.run.keys.clone().unwrap_or_default();
        // What a brief run has swept is stored together with that it has, unless there is more to say about it.
        let says_no_more = self.run.is_brief() && entries.iter().all(|entry| uid_of(entry).is_some());
        let mut page = self.decide_keys(index, of, (connector, entries.clone(), &keys)).await?;
        while self.run.is_brief() && page.decided().await?.rows.has_changes() {
            // Another run may have written, between the read and the decision, what it has read later.
            let read = connector.read(&remote_class(of.0, of.1), &keys).await;
            let again = read.map_err(Self::connector_error(&of.0.id))?;
            if again.iter().map(content).eq(entries.iter().map(content)) {
                break;
            }
            entries = again;
            self.buckets[index].next_change = self.first_change(index);
            page = self.decide_keys(index, of, (connector, entries.clone(), &keys)).await?;
        }
        if says_no_more {
            self.buckets[index].sweep_end = Some(String::new());
        }
        let is_uneventful = page.not_found.is_empty() && page.decided().await?.rows.are_uneventful();
        let mut in_hand = VecDeque::from([page]);
        let mut first_met = FirstMet::default();
        self.stage_next(index, &mut in_hand, &mut first_met).await?;
        if self.run.is_brief() && is_uneventful {
            let counters = &self.buckets[index].counters;
            self.uneventful = Outcome::ALL.into_iter().find(|outcome| counters.outcome(*outcome) > 0);
        }
        match says_no_more {
            true => Ok(()),
            false => self.end_sweep(index, SweepEnd::Complete { token: None }).await,
        }
    }

    async fn decide_keys(
        &mut self,
        index: usize,
        of: (&Application, &ObjectClass),
        (connector, entries, keys): (&dyn Connector, Vec<Entry>, &[String]),
    ) -> Result<InHand, EngineError> {
        self.relink = self.relink(of, connector, &entries).await?;
        let not_found = self.not_found(index, keys, &entries);
        // The cursor tells the next class which keys are still to be found.
        let cursor = Cursor(serde_json::to_string(&not_found).unwrap_or_default());
        let mut page = self.decide(index, Page { entries, cursor, estimated_total: None });
        // Where an application is left out it may be the one that has them.
        if index + 1 == self.buckets.len() && self.buckets.iter().all(|bucket| bucket.left_out.is_none()) {
            page.not_found = not_found;
        }
        Ok(page)
    }

    /// The keys of a run that neither this class nor those before it hold, each once.
    fn not_found(&self, index: usize, keys: &[String], entries: &[Entry]) -> Vec<String> {
        let mut before = self.buckets[..index].iter().rev().filter(|bucket| bucket.left_out.is_none());
        let before = before.next().and_then(|bucket| bucket.cursor.as_deref());
        let before: Option<Vec<String>> = before.and_then(|cursor| serde_json::from_str(cursor).ok());
        let asked = before.unwrap_or_else(|| keys.to_vec());
        let key = |uid: &str| self.account_key(index, uid);
        let uids = entries.iter().filter_map(uid_of);
        let mut met: HashSet<KeyHash> = uids.filter_map(key).collect();
        asked.into_iter().filter(|uid| key(uid).is_some_and(|key| met.insert(key))).collect()
    }
}

/// An entry without its place, which may move.
fn content(entry: &Entry) -> (Option<&str>, Option<(&Record, Option<bool>)>) {
    let held = match entry {
        Entry::Account(account) => Some((&account.record, account.enabled)),
        Entry::Bad(_) | Entry::Gone(_) => None,
    };
    (uid_of(entry), held)
}

/// Counts keys that were asked for and are not there. Whether somebody is gone is concluded by runs over all accounts
/// alone.
pub(crate) fn note_not_found(decided: &mut Decided, keys: &[String]) {
    for key in keys {
        decided.counters.lacking += 1;
        decided.count(Outcome::Failed, None);
        decided.rows.note(ProblemRow {
            change: None,
            outcome: Some(Outcome::Failed),
            step: ProblemStep::Read,
            code: ErrorCode::EntryNotFound,
            uid: Some(key.clone()),
            place: None,
            message: format!("no account has the key `{key}`; nobody is concluded to be gone"),
            class: None,
        });
    }
}
