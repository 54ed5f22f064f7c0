//! What has been kept long enough is dropped: changes of runs, runs, values that were replaced. Never the audit log,
//! whose chain would break, and nothing of a run that has not ended.

use chrono::{DateTime, TimeDelta, Utc};
use muster_store::{OldRuns, StoreError};
use tokio::sync::watch;

use crate::Engine;
use crate::error::with_causes;
use crate::worker::told;

/// Runs that are found at a time.
const RUNS: u32 = 100;

/// How long things are kept after their end; `None` for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Runs, with all that was noted about them.
    pub runs: Option<TimeDelta>,
    /// The changes of runs.
    pub changes: Option<TimeDelta>,
    /// Values that versions of IM objects replaced, and versions of configuration that are not the last.
    pub history: Option<TimeDelta>,
}

/// What was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Runs.
    pub runs: u64,
    /// Runs that have lost their changes.
    pub changes_of_runs: u64,
    /// Entries of history.
    pub history: u64,
}

impl Engine {
    /// Drops what has been kept long enough, again and again, until it is told to stop.
    pub(crate) async fn drop_until(&self, mut stopped: watch::Receiver<bool>) {
        loop {
            let dropping = async {
                match self.drop_old().await {
                    Ok(dropped) if dropped == Dropped::default() => {}
                    Ok(Dropped { runs, changes_of_runs, history }) => {
                        tracing::info!(runs, changes_of_runs, history, "dropped what was kept long enough");
                    }
                    Err(error) => {
                        tracing::warn!(error = with_causes(&error), "cannot drop what was kept long enough");
                    }
                }
                tokio::time::sleep(self.settings.drop_every).await;
            };
            // What is cut off here was not committed, and is dropped the next time.
            tokio::select! {
                () = told(&mut stopped) => return,
                () = dropping => {}
            }
        }
    }

    /// Drops what has been kept long enough by now, in small transactions.
    ///
    /// # Errors
    /// When the store fails; what was dropped until then stays so.
    pub async fn drop_old(&self) -> Result<Dropped, StoreError> {
        let Retention { runs, changes, history } = self.settings.retention;
        let mut dropped = Dropped::default();
        if let Some(before) = self.ago(runs) {
            dropped.runs = self.drop_runs(OldRuns::Whole, before).await?;
        }
        if let Some(before) = self.ago(changes) {
            dropped.changes_of_runs = self.drop_runs(OldRuns::WithChanges, before).await?;
        }
        if let Some(before) = self.ago(history) {
            for tenant in self.store.tenants().await? {
                let Some(store) = self.store.tenant(&tenant.slug).await? else { continue };
                dropped.history += store.drop_history(before).await?;
            }
        }
        Ok(dropped)
    }

    fn ago(&self, kept: Option<TimeDelta>) -> Option<DateTime<Utc>> {
        self.surroundings.now().checked_sub_signed(kept?)
    }

    async fn drop_runs(&self, old: OldRuns, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut dropped = 0;
        loop {
            let found = self.store.old_runs(old, before, RUNS).await?;
            if found.is_empty() {
                return Ok(dropped);
            }
            for (store, run) in found {
                store.drop_changes(run).await?;
                if old == OldRuns::Whole {
                    store.drop_run(run).await?;
                }
                dropped += 1;
            }
        }
    }
}
