//! Brief runs: about one account, and over before anybody looks at them. Somebody may wait for one, so it is begun with
//! what is known already, and of its steps only those are stored that nobody could find out again.

use std::sync::Arc;

use muster_model::run::Outcome;
use muster_plan::lifecycle::Event;
use muster_store::{Bucket, StagedPage};
use tokio::sync::OnceCell;

use crate::error::EngineError;
use crate::kept::Prepared;
use crate::sweep_keys::ReadBefore;
use crate::worker::{Done, Work};

/// What a worker begins with.
pub(crate) enum Basis {
    /// What is stored.
    Stored,
    /// What it knows already of a run that was claimed as it was launched.
    Known(Box<Known>),
}

/// What is known of a run that was claimed as it was launched.
pub(crate) struct Known {
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) read: ReadBefore,
}

impl Done {
    /// Whether nothing is to be stored but that it is done.
    fn says_no_more(&self) -> bool {
        let Self { plan_hash, holds, counters, problems, came_through, event: _ } = self;
        let says_nothing_of_plan = plan_hash.is_none() && holds.is_empty() && counters.is_none();
        says_nothing_of_plan && problems.is_empty() && came_through.is_empty()
    }
}

impl Work {
    /// Whether whoever takes the run up comes to the same again. That a plan of nothing has passed is stored with the end.
    pub(crate) fn is_found_again(&self, done: &Done) -> bool {
        done.says_no_more() || self.uneventful.is_some() && done.event == Event::PassedGuards
    }

    /// How changes end otherwise than planned. Of a brief run nobody but its worker says so.
    pub(crate) async fn exceptions(&self) -> Result<Vec<(u32, Option<Outcome>)>, EngineError> {
        let read = || self.store.exceptions(&self.run);
        match self.run.is_brief() {
            true => Ok(self.exceptions.get_or_try_init(read).await?.clone()),
            false => Ok(read().await?),
        }
    }

    /// Remembers that changes were stale.
    pub(crate) fn except(&mut self, stale: &[u32]) {
        if let Some(known) = self.exceptions.get_mut() {
            known.extend(stale.iter().map(|change| (*change, Some(Outcome::Stale))));
        }
    }

    /// How many changes ended otherwise than planned, with both outcomes.
    pub(crate) async fn ended_otherwise(&self) -> Result<Vec<(Outcome, Outcome, u64)>, EngineError> {
        let is_planned = |(_, outcome): &(u32, Option<Outcome>)| outcome.is_none();
        if self.run.is_brief() && self.exceptions().await?.iter().all(is_planned) {
            return Ok(Vec::new());
        }
        Ok(self.store.ended_otherwise(&self.run).await?)
    }

    /// Remembers the one page of a brief run, of which nobody else tells more until CHECK.
    pub(crate) fn know_page(&mut self, page: StagedPage, are_plain: bool) {
        self.only_page = OnceCell::new_with(Some(vec![page]));
        self.exceptions = OnceCell::new_with(are_plain.then(Vec::new));
    }
}
