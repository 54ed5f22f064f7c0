//! What people do to runs: cancel, approve, reject.

use chrono::TimeDelta;
use muster_model::RunId;
use muster_model::run::{Mode, ProgressStatus};
use muster_plan::lifecycle::{Event, RunState, step};
use muster_store::{Hash, NewRun, RunRecord, StoreError, TenantStore};

use crate::Engine;
use crate::delivery::Ticket;

/// Why nothing was done to a run.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// There is no such run.
    #[error("there is no run `{0}`")]
    NoRun(RunId),
    /// The run has ended.
    #[error("run `{0}` has ended")]
    Ended(RunId),
    /// There is no plan that waits for a decision.
    #[error("run `{0}` holds no plan that waits for a decision")]
    NotHeld(RunId),
    /// The plan has another hash than the one decided on.
    #[error("the plan of run `{0}` has another hash; read it again before you decide")]
    OtherPlan(RunId),
    /// Another full run of the task has not ended.
    #[error("the task is running already, run `{0}`")]
    AlreadyRunning(RunId),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Engine {
    /// Tells a run to stop; its worker ends it at the next page.
    ///
    /// # Errors
    /// When there is no such run, or it has ended.
    pub async fn cancel(&self, store: &TenantStore, id: RunId) -> Result<(), ControlError> {
        store.run(id).await?.ok_or(ControlError::NoRun(id))?;
        if store.stop(id, self.surroundings.now()).await? { Ok(()) } else { Err(ControlError::Ended(id)) }
    }

    /// Lets a held plan be carried out, if its hash is the one the caller has read. A simulated plan starts
    /// a run of its own, under the guard; the answer is the run that carries the plan out.
    ///
    /// # Errors
    /// When there is no such plan, or it has another hash.
    pub async fn approve(
        &self,
        store: &TenantStore,
        id: RunId,
        plan_hash: Hash,
    ) -> Result<RunId, ControlError> {
        let run = self.decidable(store, id, plan_hash).await?;
        if run.state.mode == Mode::Simulate {
            return self.repeat(store, &run).await;
        }
        self.decide(store, &run, plan_hash, Event::Approved).await?;
        self.delivery.push(Ticket { tenant: store.slug().clone(), run: id }).await;
        Ok(id)
    }

    /// Ends a run whose plan is held, without doing anything.
    ///
    /// # Errors
    /// When there is no such plan, or it has another hash.
    pub async fn reject(&self, store: &TenantStore, id: RunId, plan_hash: Hash) -> Result<(), ControlError> {
        let run = self.decidable(store, id, plan_hash).await?;
        if run.state.status != ProgressStatus::Held {
            return Err(ControlError::NotHeld(id));
        }
        self.decide(store, &run, plan_hash, Event::Rejected).await
    }

    async fn decidable(
        &self,
        store: &TenantStore,
        id: RunId,
        plan_hash: Hash,
    ) -> Result<RunRecord, ControlError> {
        let run = store.run(id).await?.ok_or(ControlError::NoRun(id))?;
        let simulated = run.state.mode == Mode::Simulate && run.state.is_terminal();
        if run.state.status != ProgressStatus::Held && !simulated {
            return Err(ControlError::NotHeld(id));
        }
        match run.plan_hash {
            Some(hash) if hash == plan_hash => Ok(run),
            Some(_) => Err(ControlError::OtherPlan(id)),
            None => Err(ControlError::NotHeld(id)),
        }
    }

    async fn decide(
        &self,
        store: &TenantStore,
        run: &RunRecord,
        plan_hash: Hash,
        event: Event,
    ) -> Result<(), ControlError> {
        let (next, _) = step(run.state, event).map_err(|_| ControlError::NotHeld(run.id))?;
        let now = self.surroundings.now();
        if store.decide_held(run.id, &plan_hash, next, now).await? {
            Ok(())
        } else {
            Err(ControlError::NotHeld(run.id))
        }
    }

    /// Launches the run that carries a simulated plan out: it decides again, and goes on only if it comes to
    /// the same plan.
    async fn repeat(&self, store: &TenantStore, simulated: &RunRecord) -> Result<RunId, ControlError> {
        let state = RunState::launched(Mode::Apply, simulated.state.absence);
        let new = NewRun {
            id: RunId(self.surroundings.new_id()),
            task_kind: simulated.task_kind,
            task: simulated.task.clone(),
            state,
            keys: simulated.keys.clone(),
            rules: simulated.rules,
            rules_body: store.rules_body(&simulated.rules).await?,
            estimate: simulated.counters.entries(),
            approved_hash: simulated.plan_hash,
            now: self.surroundings.now(),
        };
        let launched = store.launch(&new).await.map_err(|error| match error {
            StoreError::AlreadyRunning { run, .. } => ControlError::AlreadyRunning(run),
            other => ControlError::Store(other),
        })?;
        self.delivery.push(Ticket { tenant: store.slug().clone(), run: launched.id }).await;
        Ok(launched.id)
    }

    /// Ends held runs that nobody decided about in time.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn expire_held(&self) -> Result<(), ControlError> {
        let hold = TimeDelta::from_std(self.settings.hold).unwrap_or(TimeDelta::MAX);
        let since = self.surroundings.now().checked_sub_signed(hold).unwrap_or_default();
        for (store, run) in self.store.held_before(since).await? {
            if let Some(hash) = run.plan_hash {
                self.decide(&store, &run, hash, Event::Rejected).await?;
            }
        }
        Ok(())
    }
}
