//! What is noted about a run as a whole, and its end: counted from what is stored, so that it is the same whoever ends
//! it and whatever crashed before.
//!
//! Who ends a run that no worker has takes it up like one, told to stop: should the counting not come to its end, the
//! next look for work finds the run and ends it.

use chrono::{DateTime, TimeDelta, Utc};
use muster_model::RunId;
use muster_model::run::{Mode, OutcomeStatus, Phase};
use sea_orm::{QueryResult, Value};

use crate::TenantStore;
use crate::counting::Counted;
use crate::database::{Transaction, Urgency};
use crate::error::StoreError;
use crate::row::{encode_counters, get_case, number};
use crate::run::RunRecord;
use crate::stage::{PROBLEMS, ProblemRow};

/// How long who ends a run keeps it from the look for work. Counting that takes longer is done by both, and the end
/// is stored once.
const TO_END: TimeDelta = TimeDelta::seconds(15);

/// A run that was told to stop and is in the hands of nobody but who ends it.
pub(crate) struct Taken {
    run: i64,
    epoch: i64,
    mode: Mode,
    phase: Phase,
    expected: u64,
}

/// How many entries are to be expected: an estimate until all have been read.
pub(crate) fn estimate(phase: Phase, expected: u64, of_buckets: u64, entries: u64) -> u64 {
    match phase {
        Phase::Start | Phase::Sweep | Phase::Absence => expected.max(of_buckets).max(entries),
        Phase::Check | Phase::Apply(_) | Phase::Finish => entries,
    }
}

impl TenantStore {
    /// Notes something about a run as a whole, before everything that was noted about its entries. The row of the
    /// run has been changed by the transaction before, so that nobody else takes the same numbers.
    pub(crate) async fn note_of_run(
        &self,
        tx: &Transaction,
        run: i64,
        problems: &[ProblemRow],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if problems.is_empty() {
            return Ok(());
        }
        let sql = "SELECT coalesce(min(no), 1) FROM problem WHERE tenant = ? AND run = ?";
        let first = tx.query_one(sql, vec![self.tenant.into(), run.into()]).await?;
        let first = first.map(|row| number(&row, 0)).transpose()?.unwrap_or(1).min(1);
        let count = i64::try_from(problems.len()).unwrap_or(i64::MAX);
        let rows = (first - count..).zip(problems);
        let rows = rows.map(|(no, problem)| problem.values((self.tenant, run, no), 0, now));
        PROBLEMS.insert(tx, rows.collect()).await.map(|_| ())
    }

    /// Lets nobody write for the run any more who has it in hand, and waits for a write that is under way.
    pub(crate) async fn fence_off(&self, tx: &Transaction, run: i64) -> Result<(), StoreError> {
        let sql = "UPDATE bucket SET fence = fence + 1 WHERE tenant = ? AND run = ?";
        tx.execute(sql, vec![self.tenant.into(), run.into()]).await.map(|_| ())
    }

    /// Tells a run to stop, and notes why; the first time counts. One that nobody works on is ended; for one that is
    /// worked on the outcome is set, and its worker ends it at the next page. `false` when it has ended.
    ///
    /// # Errors
    /// When the database fails. The run has been told then, or not; what was told is ended by the next look for work.
    pub async fn stop(&self, id: RunId, why: &ProblemRow, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let told = tx
            .query_one(
                "UPDATE run SET stopping = 1, outcome = ? \
                 WHERE tenant = ? AND id = ? AND status < 4 AND stopping = 0 RETURNING seq",
                vec![(OutcomeStatus::Aborted as i64).into(), self.tenant.into(), id.0.into()],
            )
            .await?;
        if let Some(told) = told {
            self.note_of_run(&tx, number(&told, 0)?, std::slice::from_ref(why), now).await?;
        }
        let sql = "SELECT 1 FROM run WHERE tenant = ? AND id = ? AND status < 4";
        let live = tx.query_one(sql, vec![self.tenant.into(), id.0.into()]).await?.is_some();
        let taken = self.take_to_end(&tx, id, now).await?;
        tx.commit().await?;
        if let Some(taken) = taken {
            self.end_taken(&taken, now).await?;
        }
        Ok(live)
    }

    /// Takes up a run that was told to stop, unless somebody works on it.
    pub(crate) async fn take_to_end(
        &self,
        tx: &Transaction,
        id: RunId,
        now: DateTime<Utc>,
    ) -> Result<Option<Taken>, StoreError> {
        let values: Vec<Value> = vec![
            (now + TO_END).timestamp_millis().into(),
            self.tenant.into(),
            id.0.into(),
            now.timestamp_millis().into(),
        ];
        let taken = tx
            .query_one(
                "UPDATE run SET status = 1, epoch = epoch + 1, lease_until = ? WHERE tenant = ? AND id = ? \
                 AND status < 4 AND stopping = 1 AND (status <> 1 OR lease_until < ?) \
                 RETURNING seq, epoch, mode, phase, estimate",
                values,
            )
            .await?;
        let Some(row) = taken else { return Ok(None) };
        let taken = Taken {
            run: number(&row, 0)?,
            epoch: number(&row, 1)?,
            mode: get_case(&row, 2, &[Mode::Apply, Mode::Simulate], "mode")?,
            phase: get_case(&row, 3, &Phase::ALL, "phase")?,
            expected: number(&row, 4)?.unsigned_abs(),
        };
        self.fence_off(tx, taken.run).await?;
        Ok(Some(taken))
    }

    /// Counts a run that was taken up for that, and ends it. Should another have taken it up since, that one ends it.
    pub(crate) async fn end_taken(&self, taken: &Taken, now: DateTime<Utc>) -> Result<(), StoreError> {
        let counted = self.count(taken.run, taken.mode, Some(OutcomeStatus::Aborted)).await?;
        let tx = self.database.begin(Urgency::Short).await?;
        let entries = counted.counters.entries();
        let estimate = estimate(taken.phase, taken.expected, counted.estimate, entries);
        tx.execute(
            "UPDATE run SET status = 4, ended_at = ?, counters = ?, estimate = ? \
             WHERE seq = ? AND tenant = ? AND epoch = ? AND status = 1",
            vec![
                now.timestamp_millis().into(),
                encode_counters(&counted.counters).into(),
                estimate.cast_signed().into(),
                taken.run.into(),
                self.tenant.into(),
                taken.epoch.into(),
            ],
        )
        .await?;
        tx.commit().await
    }

    /// Stores what a run came to that its worker has just ended before its time.
    pub(crate) async fn close_run(
        &self,
        tx: &Transaction,
        run: &RunRecord,
        moved: &QueryResult,
        counted: &Counted,
    ) -> Result<(), StoreError> {
        let phase = get_case(moved, 0, &Phase::ALL, "phase")?;
        let expected = number(moved, 1)?.unsigned_abs();
        let estimate = estimate(phase, expected, counted.estimate, counted.counters.entries());
        tx.execute(
            "UPDATE run SET counters = ?, estimate = ? WHERE seq = ? AND tenant = ?",
            vec![
                encode_counters(&counted.counters).into(),
                estimate.cast_signed().into(),
                run.seq.into(),
                self.tenant.into(),
            ],
        )
        .await
        .map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_holds_until_everything_has_been_read() {
        for (phase, expected, of_buckets, entries, found) in [
            (Phase::Start, 1200, 0, 0, 1200),
            (Phase::Sweep, 1200, 900, 120, 1200),
            (Phase::Sweep, 0, 59_996, 41_000, 59_996),
            (Phase::Sweep, 100, 90, 120, 120),
            (Phase::Absence, 1200, 900, 1300, 1300),
            (Phase::Check, 1200, 900, 120, 120),
            (Phase::Finish, 1200, 900, 120, 120),
        ] {
            assert_eq!(estimate(phase, expected, of_buckets, entries), found, "{phase:?}");
        }
    }
}
