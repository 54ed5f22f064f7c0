//! Runs that work and do not get on: looked for in the rows of all processes, told of once, and counted. Nothing is done
//! about them: whoever looks knows whether a system is slow or broken.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use muster_model::RunId;
use muster_store::{RunRecord, StoreError};

use crate::Engine;

/// The stalled runs that this process has told of.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<HashSet<RunId>>);

impl Engine {
    /// Looks for runs of all tenants that have stalled, counts them, and warns of those that it has not warned of yet.
    /// Answers these.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn look_for_stalled(&self) -> Result<Vec<RunId>, StoreError> {
        let limit = self.stalled_limit();
        let found = self.store.stalled(self.surroundings.now() - limit).await?;
        self.figures.stalled(found.iter().map(|(store, _)| store.slug()));
        let mut told = self.stalled.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|run| found.iter().any(|(_, found)| found.id == *run));
        let new: Vec<_> = found.iter().filter(|(_, run)| told.insert(run.id)).collect();
        for (store, run) in &new {
            tracing::warn!(
                tenant = %store.slug(), run = %run.id, task = %run.task, phase = run.state.phase.as_str(),
                "the run works and has stored nothing for {} s; see whether its systems answer, or cancel it",
                limit.num_seconds()
            );
        }
        Ok(new.iter().map(|(_, run)| run.id).collect())
    }

    /// Since when a run has stalled, if it has.
    #[must_use]
    pub fn stalled_since(&self, run: &RunRecord) -> Option<DateTime<Utc>> {
        run.stalled_since(self.surroundings.now(), self.stalled_limit())
    }

    fn stalled_limit(&self) -> TimeDelta {
        // Whoever never wants to hear of it sets more than there are instants.
        TimeDelta::from_std(self.settings.stalled_after)
            .unwrap_or(TimeDelta::MAX)
            .min(TimeDelta::days(36_500))
    }
}
