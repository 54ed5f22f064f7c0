//! What is noted about a run as a whole, and with what it ends: all of it in the transaction that moves the run, from
//! what is stored, so that it is the same whoever ends it and whatever crashed before.

use chrono::{DateTime, Utc};
use muster_model::RunId;
use muster_model::audit::{Act, Subject};
use muster_model::run::{Counters, Mode, Outcome, OutcomeStatus, Phase, TaskKind, Wave};
use muster_plan::change::Action;
use sea_orm::{QueryResult, Value};

use crate::TenantStore;
use crate::audit::NewAuditEntry;
use crate::changes::{ENDED_OTHERWISE, ended};
use crate::database::Transaction;
use crate::error::StoreError;
use crate::facts::octets;
use crate::page::change_id;
use crate::reached::{Applied, Reached};
use crate::row::{decode_counters, encode_counters, get, get_case, number};
use crate::run::Hash;
use crate::stage::{PROBLEMS, ProblemRow};

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
    let kind = get_case(row, place, &[TaskKind::Synchronization, TaskKind::Provisioning], "kind of task")?;
    Ok(Subject::task(kind, get::<String>(row, place + 1)?))
}

impl Ending {
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

    /// Whether changes of the plan may be left that nobody carries out any more. A simulation carries none out:
    /// its counters are the plan's, however it ends.
    fn leaves_changes(&self) -> bool {
        let cut_off = matches!(self.outcome, Some(OutcomeStatus::Aborted | OutcomeStatus::Failure));
        self.mode == Mode::Apply && cut_off
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

    /// Stores what stays of a run that has ended before its time: what it counted, what of it was not applied, and
    /// how many entries there were. Answers the counts.
    pub(crate) async fn close_run(&self, tx: &Transaction, ending: &Ending) -> Result<Counters, StoreError> {
        let sql = "SELECT step, cursor, no, counters, estimate FROM bucket WHERE tenant = ? AND run = ?";
        let buckets = tx.query(sql, vec![self.tenant.into(), ending.run.into()]).await?;
        let mut counters = Counters::default();
        let mut of_buckets = 0;
        for row in &buckets {
            counters.add(&decode_counters(&get::<String>(row, 3)?)?);
            of_buckets += number(row, 4)?.unsigned_abs();
        }
        for row in tx.query(ENDED_OTHERWISE, self.ended_otherwise_values(ending.run)).await? {
            let (planned, came_out, entries) = ended(&row)?;
            counters.move_outcome(planned, came_out, entries);
        }
        if ending.leaves_changes() {
            for row in &buckets {
                self.leave(tx, ending.run, row, &mut counters).await?;
            }
        }
        let estimate = estimate(ending.phase, ending.expected, of_buckets, counters.entries());
        tx.execute(
            "UPDATE run SET counters = ?, estimate = ? WHERE seq = ? AND tenant = ?",
            vec![
                encode_counters(&counters).into(),
                estimate.cast_signed().into(),
                ending.run.into(),
                self.tenant.into(),
            ],
        )
        .await?;
        Ok(counters)
    }

    /// Moves the changes of a bucket that have not been applied to an outcome of their own.
    async fn leave(
        &self,
        tx: &Transaction,
        run: i64,
        bucket: &QueryResult,
        counters: &mut Counters,
    ) -> Result<(), StoreError> {
        let (reached, no) = (Reached::read(bucket)?, number(bucket, 2)?);
        for wave in Wave::ALL {
            // What changes nothing but what is remembered is as well off as without.
            let actions: Vec<String> = Action::ALL
                .into_iter()
                .filter(|action| action.wave() == wave && action.touches())
                .map(|action| (action as i64).to_string())
                .collect();
            let (after, place) = match reached.of(wave) {
                _ if actions.is_empty() => continue,
                Applied::All => continue,
                Applied::Nothing => ("", Vec::new()),
                Applied::UpTo(last) => (
                    " AND (c.level, c.position, c.id) > (?, ?, ?)",
                    vec![
                        i64::from(last.level).into(),
                        last.position.into(),
                        change_id(run, last.number).into(),
                    ],
                ),
            };
            let sql = format!(
                "SELECT c.action, count(*) FROM change c WHERE c.tenant = ? AND c.id > ? AND c.id <= ? \
                 AND c.bucket = ? AND c.action IN ({}) AND NOT EXISTS (SELECT 1 FROM problem p \
                 WHERE p.tenant = c.tenant AND p.run = ? AND p.change = c.id - ? AND p.change IS NOT NULL \
                 AND p.outcome IS NOT NULL){after} GROUP BY c.action",
                actions.join(", ")
            );
            let mut values: Vec<Value> = vec![
                self.tenant.into(),
                change_id(run, 0).into(),
                change_id(run, u32::MAX).into(),
                no.into(),
                run.into(),
                change_id(run, 0).into(),
            ];
            values.extend(place);
            for row in tx.query(&sql, values).await? {
                let action = get_case(&row, 0, &Action::ALL, "action")?;
                let left = number(&row, 1)?.unsigned_abs();
                counters.move_outcome(action.outcome(), Outcome::NotApplied, left);
            }
        }
        Ok(())
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
