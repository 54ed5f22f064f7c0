//! What is noted about a run as a whole, and its end: counted from what is stored, so that it is the same whoever ends
//! it and whatever crashed before.
//!
//! Who ends a run that no worker has takes it up like one, told to stop: should the counting not come to its end, the
//! next look for work finds the run and ends it.

use chrono::{DateTime, TimeDelta, Utc};
use muster_model::RunId;
use muster_model::audit::{Act, Subject};
use muster_model::run::{Counters, Mode, Outcome, OutcomeStatus, Phase, TaskKind};
use sea_orm::{QueryResult, Value};

use crate::TenantStore;
use crate::audit::NewAuditEntry;
use crate::counting::Counted;
use crate::database::{Transaction, Urgency};
use crate::error::StoreError;
use crate::facts::octets;
use crate::outbox::NewErrand;
use crate::row::{encode_counters, get, get_case, number};
use crate::run::{Hash, RunRecord};
use crate::stage::{PROBLEMS, ProblemRow};

/// How long who ends a run keeps it from the look for work. Counting that takes longer is done by both, and the end
/// is stored once.
const TO_END: TimeDelta = TimeDelta::seconds(15);

/// A run that was told to stop and is in the hands of nobody but who ends it.
pub(crate) struct Taken {
    ending: Ending,
    epoch: i64,
}

/// A run that ends, as far as its last numbers depend on it, and what the audit log says of it.
pub(crate) struct Ending {
    pub(crate) run: i64,
    pub(crate) mode: Mode,
    pub(crate) phase: Phase,
    pub(crate) outcome: Option<OutcomeStatus>,
    /// How many entries were expected at its launch.
    pub(crate) expected: u64,
    pub(crate) id: RunId,
    task: Subject,
    plan_hash: Option<Hash>,
}

/// What a run that ends returns of itself, for [`Ending::read`].
pub(crate) const ENDING: &str = "seq, mode, phase, estimate, id, task_kind, task, plan_hash";

/// The task of a run, from the two columns `task_kind, task` at this place.
pub(crate) fn task_at(row: &QueryResult, place: usize) -> Result<Subject, StoreError> {
    let kind = get_case(row, place, &TaskKind::ALL, "kind of task")?;
    Ok(Subject::task(kind, get::<String>(row, place + 1)?))
}

impl Ending {
    /// What is known of a run that has ended.
    pub(crate) fn of(run: &RunRecord) -> Self {
        Self {
            run: run.seq,
            mode: run.state.mode,
            phase: run.state.phase,
            outcome: run.state.outcome,
            expected: run.estimate,
            id: run.id,
            task: Subject::task(run.task_kind, run.task.as_str()),
            plan_hash: run.plan_hash,
        }
    }

    /// What a row of [`ENDING`] says.
    pub(crate) fn read(row: &QueryResult, outcome: Option<OutcomeStatus>) -> Result<Self, StoreError> {
        Ok(Self {
            run: number(row, 0)?,
            mode: get_case(row, 1, &[Mode::Apply, Mode::Simulate], "mode")?,
            phase: get_case(row, 2, &Phase::ALL, "phase")?,
            outcome,
            expected: number(row, 3)?.unsigned_abs(),
            id: RunId(get(row, 4)?),
            task: task_at(row, 5)?,
            plan_hash: get::<Option<Vec<u8>>>(row, 7)?.map(octets).transpose()?,
        })
    }

    /// What the audit log says of a decision about the plan of the run.
    pub(crate) fn decision(&self, act: Act, now: DateTime<Utc>) -> NewAuditEntry {
        let entry = NewAuditEntry::new(act, self.task.clone()).of_run(self.id).at(now);
        match self.plan_hash {
            Some(hash) => entry.with_hash("planHash", hash),
            None => entry,
        }
    }

    /// What the audit log says of the end: how the run ended, and how many entries had which outcome.
    pub(crate) fn entry(&self, counters: &Counters, now: DateTime<Utc>) -> NewAuditEntry {
        let entry = self.decision(Act::End, now).ended(self.outcome).with("mode", self.mode.as_str());
        let counted = Outcome::ALL.into_iter().filter(|outcome| counters.outcome(*outcome) > 0);
        counted.fold(entry.with("read", counters.read), |entry, outcome| {
            entry.with(outcome.as_str(), counters.outcome(outcome))
        })
    }
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

    /// Tells a run to stop, and notes why; the first time counts. One that nobody works on is ended, and
    /// leaves these errands; for one that is worked on the outcome is set, and its worker ends it at the next page.
    /// `false` when it has ended.
    ///
    /// # Errors
    /// When the database fails. The run has been told then, or not; what was told is ended by the next look for work.
    pub async fn stop(
        &self,
        id: RunId,
        why: &ProblemRow,
        errands: &[NewErrand],
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let told = tx
            .query_one(
                "UPDATE run SET stopping = 1, outcome = ? \
                 WHERE tenant = ? AND id = ? AND status < 4 AND stopping = 0 RETURNING seq, task_kind, task",
                vec![(OutcomeStatus::Aborted as i64).into(), self.tenant.into(), id.0.into()],
            )
            .await?;
        if let Some(told) = &told {
            self.note_of_run(&tx, number(told, 0)?, std::slice::from_ref(why), now).await?;
        }
        let sql = "SELECT 1 FROM run WHERE tenant = ? AND id = ? AND status < 4";
        let live = tx.query_one(sql, vec![self.tenant.into(), id.0.into()]).await?.is_some();
        let taken = self.take_to_end(&tx, id, now).await?;
        if let Some(told) = &told {
            self.append(&tx, NewAuditEntry::new(Act::Cancel, task_at(told, 1)?).of_run(id).at(now)).await?;
        }
        tx.commit().await?;
        if let Some(taken) = taken {
            self.end_taken(&taken, errands, now).await?;
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
        let sql = format!(
            "UPDATE run SET status = 1, epoch = epoch + 1, lease_until = ? WHERE tenant = ? AND id = ? \
             AND status < 4 AND stopping = 1 AND (status <> 1 OR lease_until < ?) RETURNING {ENDING}, epoch"
        );
        let Some(row) = tx.query_one(&sql, values).await? else { return Ok(None) };
        let ending = Ending::read(&row, Some(OutcomeStatus::Aborted))?;
        let taken = Taken { ending, epoch: number(&row, 8)? };
        self.fence_off(tx, taken.ending.run).await?;
        Ok(Some(taken))
    }

    /// Counts a run that was taken up for that, and ends it. Should another have taken it up since, that one ends it.
    pub(crate) async fn end_taken(
        &self,
        taken: &Taken,
        errands: &[NewErrand],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let Taken { ending, epoch } = taken;
        let counted = self.count(ending.run, ending.mode, ending.outcome).await?;
        let tx = self.database.begin(Urgency::Short).await?;
        let sql = "UPDATE run SET status = 4, ended_at = ? WHERE seq = ? AND tenant = ? AND epoch = ? AND status = 1";
        let at = now.timestamp_millis();
        let ended =
            tx.execute(sql, vec![at.into(), ending.run.into(), self.tenant.into(), (*epoch).into()]).await?;
        if ended > 0 {
            self.release_waiting(&tx, ending.id).await?;
            self.close_run(&tx, ending, &counted).await?;
            self.put_errands(&tx, ending.run, errands, now).await?;
            self.append(&tx, ending.entry(&counted.counters, now)).await?;
        }
        tx.commit().await
    }

    /// Stores what a run came to that has just ended before its time; answers how many entries were to be expected.
    pub(crate) async fn close_run(
        &self,
        tx: &Transaction,
        ending: &Ending,
        counted: &Counted,
    ) -> Result<u64, StoreError> {
        let entries = counted.counters.entries();
        let estimate = estimate(ending.phase, ending.expected, counted.estimate, entries);
        tx.execute(
            "UPDATE run SET counters = ?, estimate = ? WHERE seq = ? AND tenant = ?",
            vec![
                encode_counters(&counted.counters).into(),
                estimate.cast_signed().into(),
                ending.run.into(),
                self.tenant.into(),
            ],
        )
        .await?;
        Ok(estimate)
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
