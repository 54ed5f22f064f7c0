//! Working on a run: claimed, kept, moved on and decided under its epoch.

use chrono::{DateTime, Utc};
use muster_model::audit::Act;
use muster_model::run::{Counters, Mode, OutcomeStatus, ProgressStatus};
use muster_model::{ApplicationId, RunId};
use muster_plan::guard::Hold;
use muster_plan::lifecycle::RunState;
use sea_orm::Value;

use crate::TenantStore;
use crate::database::Urgency;
use crate::ending::{ENDING, Ending};
use crate::error::StoreError;
use crate::holds;
use crate::outbox::NewErrand;
use crate::quarantine::ApplicationFailure;
use crate::row::{encode_counters, message, number, phase_number};
use crate::run::{COLUMNS, Hash, RunRecord, record};
use crate::stage::ProblemRow;

/// A step of a run's life, as the worker stores it.
#[derive(Debug, Clone)]
pub struct Advance<'a> {
    /// The next state.
    pub state: RunState,
    /// The hash of the plan, when it is frozen in this step.
    pub plan_hash: Option<Hash>,
    /// What guards have against its plan, when they were asked in this step.
    pub holds: &'a [Hold],
    /// Why it failed, when it fails in this step.
    pub failure: Option<&'a str>,
    /// What it has counted, when it ends well in this step; otherwise that follows from what is stored.
    pub counters: Option<Counters>,
    /// What is to be known about the run as a whole from this step on.
    pub problems: &'a [ProblemRow],
    /// The application that it fails at, when it fails at one in this step.
    pub failed_at: Option<&'a ApplicationFailure>,
    /// Applications that failed before and do so no longer.
    pub came_through: &'a [ApplicationId],
    /// What is to be done after it, when it ends in this step.
    pub errands: &'a [NewErrand],
    /// Statements sent so far on its behalf.
    pub statements: u64,
    /// The most memory held so far.
    pub peak_memory: u64,
    /// The instant.
    pub now: DateTime<Utc>,
}

/// What was decided about a held plan.
#[derive(Debug, Clone)]
pub struct Verdict<'a> {
    /// The hash of the plan that was looked at.
    pub plan_hash: Hash,
    /// The next state.
    pub state: RunState,
    /// What is to be known about the run as a whole from now on.
    pub problems: &'a [ProblemRow],
    /// What is to be done after the run, when it ends by this.
    pub errands: &'a [NewErrand],
    /// The instant.
    pub now: DateTime<Utc>,
}

impl Advance<'_> {
    /// What holds it, or would if it were not a simulation, one a line.
    fn held_by(&self) -> Option<String> {
        let lines = || self.holds.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let is_told = self.state.status == ProgressStatus::Held || self.state.mode == Mode::Simulate;
        (is_told && !self.holds.is_empty()).then(lines)
    }

    /// A run that was told to stop can only be ended.
    fn ends_stopped(&self) -> bool {
        matches!(self.state.outcome, Some(OutcomeStatus::Aborted | OutcomeStatus::Failure))
    }
}

/// Moves a run on, if the worker still has it; a run that was told to stop is only ended.
const ADVANCE: &str = "UPDATE run SET status = ?, phase = ?, outcome = ?, plan_hash = coalesce(?, plan_hash), \
    trips = coalesce(?, trips), held_by = coalesce(?, held_by), held_at = coalesce(?, held_at), failure = ?, \
    ended_at = ?, counters = ?, statements = ?, peak_memory = ?, progressed_at = ?, breakdowns = 0 \
    WHERE seq = ? AND tenant = ? AND epoch = ? AND status = 1 AND (stopping = 0 OR ? = 1) RETURNING";

impl TenantStore {
    /// Takes a run up: raises its epoch, so that whoever had it before writes nothing more. One that nobody has had yet may be
    /// kept for its owner.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when another worker has it, or it has ended.
    pub async fn claim(
        &self,
        run: &RunRecord,
        owner: &str,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<RunRecord, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        // Answered by the statement that claims: by the time of a second look another may have claimed it since.
        let claimed = tx
            .query_one(
                &format!(
                    "UPDATE run SET epoch = epoch + 1, owner = ?, lease_until = ?, status = 1, progressed_at = ?, \
                     breakdowns = CASE WHEN status = 1 AND lease_until > 0 AND NOT EXISTS (SELECT 1 FROM bucket \
                     WHERE bucket.tenant = run.tenant AND bucket.run = run.seq \
                     AND bucket.progressed_at >= run.progressed_at) THEN breakdowns + 1 ELSE 0 END WHERE seq = ? AND tenant = ? AND epoch = ? AND status IN (0, 1) \
                     AND (lease_until < ? OR (epoch = 0 AND owner = ?)) \
                     RETURNING {}",
                    COLUMNS.replace("r.", "")
                ),
                vec![
                    owner.into(),
                    lease_until.timestamp_millis().into(),
                    now.timestamp_millis().into(),
                    run.seq.into(),
                    self.tenant.into(),
                    run.epoch.into(),
                    now.timestamp_millis().into(),
                    owner.into(),
                ],
            )
            .await?;
        let Some(claimed) = claimed else { return Err(StoreError::LostFence) };
        let buckets = tx
            .query(
                "UPDATE bucket SET fence = fence + 1 WHERE tenant = ? AND run = ? \
                 RETURNING counters, estimate, progressed_at",
                vec![self.tenant.into(), run.seq.into()],
            )
            .await?;
        tx.commit().await?;
        let mut claimed = record(&claimed)?;
        claimed.take_live(&buckets)?;
        Ok(claimed)
    }

    /// Says that the worker is alive, and what it has used. Answers whether the run was told to stop, or paused: then it
    /// is the worker's until that lets it go.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when it has the run no longer.
    pub async fn renew(
        &self,
        run: &RunRecord,
        lease_until: DateTime<Utc>,
        statements: u64,
        peak_memory: u64,
    ) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Housekeeping).await?;
        let renewed = tx
            .query_one(
                "UPDATE run SET lease_until = ?, statements = ?, peak_memory = ? \
                 WHERE seq = ? AND tenant = ? AND epoch = ? AND status < 3 RETURNING stopping, status",
                vec![
                    lease_until.timestamp_millis().into(),
                    statements.cast_signed().into(),
                    peak_memory.cast_signed().into(),
                    run.seq.into(),
                    self.tenant.into(),
                    run.epoch.into(),
                ],
            )
            .await?;
        tx.commit().await?;
        let Some(renewed) = renewed else { return Err(StoreError::LostFence) };
        Ok(number(&renewed, 0)? != 0 || number(&renewed, 1)? != ProgressStatus::Running as i64)
    }

    /// Moves a run on to its next state; answers it as it is then.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when the worker has it no longer or it was told to stop.
    pub async fn advance(&self, run: &RunRecord, step: &Advance<'_>) -> Result<RunRecord, StoreError> {
        // Before the transaction: the worker alone writes for the run, and others want to write meanwhile.
        let counted = match step.counters {
            None if step.state.is_terminal() => {
                Some(self.count(run.seq, step.state.mode, step.state.outcome).await?)
            }
            None | Some(_) => None,
        };
        let tx = self.database.begin(Urgency::Short).await?;
        let sql = format!("{ADVANCE} {}", COLUMNS.replace("r.", ""));
        let moved = tx.query_one(&sql, self.advance_values(run, step)).await?;
        let mut moved = record(&moved.ok_or(StoreError::LostFence)?)?;
        self.note_of_run(&tx, run.seq, step.problems, step.now).await?;
        if let Some(failure) = step.failed_at {
            self.note_failure(&tx, (run.id, failure), step.now).await?;
        }
        self.forget_failures(&tx, step.came_through).await?;
        if step.state.is_terminal() {
            let ending = Ending::of(&moved);
            // Nobody waits for a run of single keys.
            if run.keys.is_none() {
                self.release_waiting(&tx, ending.id).await?;
            }
            self.put_errands(&tx, run.seq, step.errands, step.now).await?;
            if let Some(counted) = counted {
                moved.estimate = self.close_run(&tx, &ending, &counted).await?;
                moved.counters = counted.counters;
            }
            self.append(&tx, ending.entry(&moved.counters, step.now)).await?;
        }
        tx.commit().await?;
        Ok(moved)
    }

    fn advance_values(&self, run: &RunRecord, step: &Advance<'_>) -> Vec<Value> {
        vec![
            (step.state.status as i64).into(),
            phase_number(step.state.phase).into(),
            step.state.outcome.map(|outcome| outcome as i64).into(),
            step.plan_hash.map(|hash| hash.to_vec()).into(),
            holds::encode(step.holds).into(),
            step.held_by().into(),
            (step.state.status == ProgressStatus::Held).then(|| step.now.timestamp_millis()).into(),
            step.failure.map(message).into(),
            step.state.is_terminal().then(|| step.now.timestamp_millis()).into(),
            step.counters.as_ref().map(encode_counters).unwrap_or_default().into(),
            step.statements.cast_signed().into(),
            step.peak_memory.cast_signed().into(),
            step.now.timestamp_millis().into(),
            run.seq.into(),
            self.tenant.into(),
            run.epoch.into(),
            i64::from(step.ends_stopped()).into(),
        ]
    }

    /// Decides a held plan, if its hash is the one given: lets it go on, or ends it.
    ///
    /// # Errors
    /// When the database fails. `false` when the run is not held or its plan has another hash.
    pub async fn decide_held(&self, id: RunId, verdict: &Verdict<'_>) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let (next, now) = (verdict.state, verdict.now.timestamp_millis());
        let ends = next.is_terminal();
        // One that ends stays where it is until it is taken up for that.
        let status = if ends { ProgressStatus::Held } else { next.status };
        let values: Vec<Value> = vec![
            (status as i64).into(),
            phase_number(next.phase).into(),
            next.outcome.map(|outcome| outcome as i64).into(),
            i64::from(ends).into(),
            (!ends).then_some(now).into(),
            self.tenant.into(),
            id.0.into(),
            verdict.plan_hash.to_vec().into(),
        ];
        let sql = format!(
            "UPDATE run SET status = ?, phase = ?, outcome = ?, stopping = ?, approved_at = ?, \
             lease_until = 0 WHERE tenant = ? AND id = ? AND status = 3 AND plan_hash = ? RETURNING {ENDING}"
        );
        let Some(decided) = tx.query_one(&sql, values).await? else { return Ok(false) };
        let decided = Ending::read(&decided, next.outcome)?;
        self.note_of_run(&tx, decided.run, verdict.problems, verdict.now).await?;
        let taken = if ends { self.take_to_end(&tx, id, verdict.now).await? } else { None };
        let act = if ends { Act::Reject } else { Act::Approve };
        self.append(&tx, decided.decision(act, verdict.now)).await?;
        tx.commit().await?;
        if let Some(taken) = taken {
            self.end_taken(&taken, verdict.errands, verdict.now).await?;
        }
        Ok(true)
    }
}
