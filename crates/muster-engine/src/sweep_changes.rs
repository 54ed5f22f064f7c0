//! Sweeps over what has changed: from where they read, what they read besides, and when they read everything after all.

use std::collections::VecDeque;

use muster_connector::{ChangeFeed, ChangeToken, Connector, Cursor, Entry, Page, Reads};
use muster_model::configuration::application::{Application, ObjectClass};
use muster_model::configuration::task::SweepKind;
use muster_model::error::ErrorCode;
use muster_model::run::Counters;
use muster_plan::guard::Tally;
use muster_store::{LastToken, ProblemRow, ProblemStep};

use crate::disputes::uid_of;
use crate::error::EngineError;
use crate::first_met::FirstMet;
use crate::remote::remote_class;
use crate::worker::{Task, Work};

impl Work {
    /// Whether the sweep of a bucket reads what has changed, and nothing can be concluded about whom it does not meet.
    pub(crate) fn reads_changes(&self, index: usize) -> bool {
        self.buckets[index].since.as_deref().is_some_and(|since| !since.is_empty())
    }

    /// What the sweep of a bucket reads, found out once.
    pub(crate) async fn reads(
        &mut self,
        index: usize,
        connector: &dyn Connector,
    ) -> Result<Reads, EngineError> {
        if self.buckets[index].since.is_none() {
            let since = self.since(index, connector).await?;
            self.buckets[index].since = Some(since.unwrap_or_default());
        }
        let since = self.buckets[index].since.clone().filter(|since| !since.is_empty());
        Ok(since.map_or(Reads::All, |since| Reads::Changes { since: ChangeToken(since) }))
    }

    /// The token to read from, where the task asks for changes and they can be told.
    async fn since(&self, index: usize, connector: &dyn Connector) -> Result<Option<String>, EngineError> {
        let Task::Inbound(task) = &self.task else { return Ok(None) };
        if task.sweep == SweepKind::Full || self.run.keys.is_some() {
            return Ok(None);
        }
        let why = match connector.capabilities().changes {
            ChangeFeed::None => "the source does not tell what has changed",
            ChangeFeed::WithoutDeletes | ChangeFeed::WithDeletes => {
                match self.store.last_token(&self.run.task, &self.run.rules).await? {
                    LastToken::Since(token) => return Ok(Some(token)),
                    // The first run has to read everything.
                    LastToken::None => return Ok(None),
                    LastToken::OfOtherRules => "the configuration has changed since the last run",
                }
            }
        };
        self.say_in_full(index, why).await?;
        Ok(None)
    }

    /// Has a sweep that cannot read what has changed begin anew and read everything.
    pub(crate) async fn read_in_full(&mut self, index: usize, why: &str) -> Result<(), EngineError> {
        let first = self.first_change(index);
        let bucket = &mut self.buckets[index];
        let staged = bucket.page > 0;
        (bucket.page, bucket.cursor, bucket.next_change) = (0, None, first);
        (bucket.since, bucket.snapshot) = (Some(String::new()), None);
        bucket.counters = Counters::default();
        bucket.tally = Tally::default();
        if staged {
            self.store.restart(&self.run, &self.buckets[index], self.now()).await?;
        }
        self.say_in_full(index, why).await
    }

    async fn say_in_full(&self, index: usize, why: &str) -> Result<(), EngineError> {
        tracing::info!(run = %self.run.id, why, "all accounts are read instead of what has changed");
        let problem = ProblemRow {
            change: None,
            outcome: None,
            step: ProblemStep::Read,
            code: ErrorCode::SweptInFull,
            uid: None,
            place: None,
            message: format!("all accounts are read instead of what has changed: {why}"),
            class: None,
        };
        let (bucket, now) = (&self.buckets[index], self.now());
        Ok(self.store.checkpoint_noting(&self.run, bucket, &[problem], now).await?)
    }

    /// Reads, by their keys, accounts that have not changed but are to be decided about all the same: of which nothing
    /// is promised, since somebody else has changed their objects; whose rules ask for the day; which are in dispute, as
    /// somebody may have decided or corrected the other. One that is not found is not concluded to be gone.
    pub(crate) async fn read_open(
        &mut self,
        index: usize,
        (application, class): (&Application, &ObjectClass),
        connector: &dyn Connector,
        first_met: &mut FirstMet,
    ) -> Result<(), EngineError> {
        let Task::Inbound(task) = &self.task else { return Ok(()) };
        let promises = !task.decisions.import;
        let disputed = self.store.disputed_accounts(&application.id, &class.id).await?;
        for uids in disputed.chunks(self.page_size()) {
            self.read_by_key(index, (application, class), connector, (uids, first_met)).await?;
        }
        // An import promises nothing, and compares what it reads.
        if !promises {
            return Ok(());
        }
        let mut after = 0;
        loop {
            let limit = u32::try_from(self.page_size()).unwrap_or(u32::MAX);
            let at = self.decided_at();
            let open = self.store.open_accounts(&application.id, &class.id, at, (after, limit)).await?;
            let Some((last, _)) = open.last() else { return Ok(()) };
            after = *last;
            let unmet = open.into_iter().filter(|(shadow, _)| !first_met.has_met(*shadow));
            let uids: Vec<String> = unmet.map(|(_, uid)| uid).collect();
            self.read_by_key(index, (application, class), connector, (&uids, first_met)).await?;
        }
    }

    async fn read_by_key(
        &mut self,
        index: usize,
        (application, class): (&Application, &ObjectClass),
        connector: &dyn Connector,
        (uids, first_met): (&[String], &mut FirstMet),
    ) -> Result<(), EngineError> {
        if uids.is_empty() {
            return Ok(());
        }
        let read = connector.read(&remote_class(application, class), uids).await;
        let mut entries: Vec<Entry> = read.map_err(Self::connector_error(&application.id))?;
        entries.retain(|entry| uid_of(entry).is_some());
        let known: Vec<_> =
            entries.iter().filter_map(uid_of).filter_map(|uid| self.account_key(index, uid)).collect();
        let shadows = self.store.linked_shadows(&application.id, &known).await?;
        let staged = self.store.staged_keys(&self.run, self.buckets[index].no, &known).await?;
        let mut keys = known.into_iter();
        entries.retain(|_| {
            let Some(key) = keys.next() else { return false };
            let is_met = shadows.get(&key).is_some_and(|linked| first_met.has_met(linked.shadow.base.no.0));
            !is_met && !staged.contains(&key)
        });
        if entries.is_empty() {
            return Ok(());
        }
        // Taken up, the sweep goes on where the source itself has come to.
        let cursor = Cursor(self.buckets[index].cursor.clone().unwrap_or_default());
        let page = Page { entries, cursor, estimated_total: None };
        let mut in_hand = VecDeque::from([self.decide(index, page)]);
        self.stage_next(index, &mut in_hand, first_met).await
    }
}
