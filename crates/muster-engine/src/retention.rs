//! What has been kept long enough is dropped: changes of runs, runs, reports, values that were replaced. Never the audit
//! log, whose chain would break, nothing of a run that has not ended, and no file but reports.

use chrono::{DateTime, TimeDelta, Utc};
use muster_store::{OldRuns, Report, StoreError, TenantStore};
use tokio::sync::watch;

use crate::Engine;
use crate::error::with_causes;
use crate::placing::{self, Removed};
use crate::workers::told;

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
    /// Reports, from the end of their runs. At the latest they go with their run; without this not even then.
    pub reports: Option<TimeDelta>,
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
    /// Files of reports.
    pub reports: u64,
}

/// What became of the reports of a round.
#[derive(Debug, Default)]
struct Reports {
    dropped: u64,
    left: u64,
    /// Why the first of those was left.
    why: Option<String>,
}

impl Reports {
    fn leave(&mut self, reports: usize, why: String) {
        self.left += reports as u64;
        self.why.get_or_insert(why);
    }
}

impl Engine {
    /// Drops what has been kept long enough, again and again, until it is told to stop.
    pub(crate) async fn drop_until(&self, mut stopped: watch::Receiver<bool>) {
        loop {
            let dropping = async {
                match self.drop_old().await {
                    Ok(dropped) if dropped == Dropped::default() => {}
                    Ok(Dropped { runs, changes_of_runs, history, reports }) => {
                        tracing::info!(
                            runs,
                            changes_of_runs,
                            history,
                            reports,
                            "dropped what was kept long enough"
                        );
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

    /// Drops what has been kept long enough by now, in small transactions. A report that cannot be dropped stops
    /// nothing.
    ///
    /// # Errors
    /// When the store fails; what was dropped until then stays so.
    pub async fn drop_old(&self) -> Result<Dropped, StoreError> {
        let mut reports = Reports::default();
        let dropped = self.drop_all(&mut reports).await;
        if let Reports { left, why: Some(first), .. } = reports {
            tracing::warn!(left, first, "cannot drop reports that were kept long enough");
        }
        Ok(Dropped { reports: reports.dropped, ..dropped? })
    }

    async fn drop_all(&self, of_round: &mut Reports) -> Result<Dropped, StoreError> {
        let Retention { runs, changes, history, reports } = self.settings.retention;
        let mut dropped = Dropped::default();
        if let Some(before) = self.ago(reports) {
            self.drop_reports(before, of_round).await;
        }
        if let Some(before) = self.ago(runs) {
            dropped.runs = self.drop_runs(OldRuns::Whole, before, of_round).await?;
        }
        if let Some(before) = self.ago(changes) {
            dropped.changes_of_runs = self.drop_runs(OldRuns::WithChanges, before, of_round).await?;
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

    async fn drop_runs(
        &self,
        old: OldRuns,
        before: DateTime<Utc>,
        of_round: &mut Reports,
    ) -> Result<u64, StoreError> {
        let mut dropped = 0;
        loop {
            let found = self.store.old_runs(old, before, RUNS).await?;
            if found.is_empty() {
                return Ok(dropped);
            }
            for (store, run) in found {
                store.drop_changes(run).await?;
                if old == OldRuns::Whole {
                    if self.settings.retention.reports.is_some() {
                        // What is left now is left for good: no file keeps a run.
                        let reports = store.reports_of(run).await?;
                        self.remove_reports(&store, reports, before, of_round).await;
                    }
                    store.drop_run(run).await?;
                }
                dropped += 1;
            }
        }
    }

    /// Drops the reports of runs that ended before an instant. Files that were written anew since then are looked at
    /// again in each round: they are reports of later runs, or will be old enough.
    async fn drop_reports(&self, before: DateTime<Utc>, of_round: &mut Reports) {
        let mut after = None;
        loop {
            let found = match self.store.old_reports(before, after).await {
                Ok(found) => found,
                Err(error) => return of_round.leave(0, with_causes(&error)),
            };
            for (store, reports) in found.reports {
                let gone = self.remove_reports(&store, reports, before, of_round).await;
                if let Err(error) = store.forget_reports(&gone).await {
                    of_round.leave(0, with_causes(&error));
                }
            }
            after = match found.next {
                Some(next) => Some(next),
                None => return,
            };
        }
    }

    /// Removes the files of reports of a tenant; answers the reports whose files are gone. A file is a report's when it
    /// was not written after the report was.
    async fn remove_reports(
        &self,
        store: &TenantStore,
        reports: Vec<Report>,
        before: DateTime<Utc>,
        of_round: &mut Reports,
    ) -> Vec<Report> {
        let own = self.settings.tenant_files(store.slug());
        let mut gone = Vec::new();
        for report in reports {
            let latest = before.max(report.settled_at).into();
            match placing::remove_file(own.clone(), report.path.clone(), latest).await {
                Ok(Removed::Not) => {}
                Ok(Removed::Before) => gone.push(report),
                Ok(Removed::Now) => {
                    of_round.dropped += 1;
                    gone.push(report);
                }
                Err(why) => of_round.leave(1, format!("tenant `{}`: {why}", store.slug())),
            }
        }
        gone
    }
}
