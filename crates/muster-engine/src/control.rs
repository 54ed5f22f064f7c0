//! What people do to runs: cancel, pause, resume, approve, reject.

use chrono::TimeDelta;
use muster_model::RunId;
use muster_model::error::ErrorCode;
use muster_model::run::{Mode, OutcomeStatus, Phase, ProgressStatus};
use muster_plan::lifecycle::{Event, RunState, step};
use muster_store::{Hash, NewRun, ProblemRow, ProblemStep, RunRecord, StoreError, TenantStore, Verdict};

use crate::configuration::{ConfigurationError, LoadedConfiguration};
use crate::delivery::Ticket;
use crate::error::of_run;
use crate::{Engine, OUTRUN_TRIES};

/// Why nothing was done to a run.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// There is no such run.
    #[error("there is no run `{0}`")]
    NoRun(RunId),
    /// The run has ended.
    #[error("run `{0}` has ended")]
    Ended(RunId),
    /// The run was told to stop, and is about to end.
    #[error("run `{0}` was cancelled and is about to end")]
    Cancelled(RunId),
    /// The run does nothing that could be paused.
    #[error("run `{0}` waits for a decision about its plan already; until then it does nothing")]
    Waits(RunId),
    /// The run has changed again and again meanwhile.
    #[error("run `{0}` has changed again and again meanwhile")]
    Outrun(RunId),
    /// There is no plan that waits for a decision.
    #[error("run `{0}` holds no plan that waits for a decision")]
    NotHeld(RunId),
    /// The plan has another hash than the one decided on.
    #[error("the plan of run `{0}` has another hash; read it again before you decide")]
    OtherPlan(RunId),
    /// What was simulated is not what is saved.
    #[error("the saved configuration is another than the one that run `{0}` simulated")]
    OtherConfiguration(RunId),
    /// The saved configuration cannot be used.
    #[error("the configuration cannot be used")]
    Configuration(#[from] ConfigurationError),
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
        let run = store.run(id).await?.ok_or(ControlError::NoRun(id))?;
        let why = cancelled(run.state.phase);
        let errands = self.errands_before_time(store, &run, Some(OutcomeStatus::Aborted)).await?;
        let mut tries = OUTRUN_TRIES;
        let stopped = loop {
            tries -= 1;
            match store.stop(id, &why, &errands, self.surroundings.now()).await {
                Err(error) if error.is_contention() && tries > 0 => {}
                answer => break answer?,
            }
        };
        if stopped {
            self.outbox.notify_one();
            self.count_end(store, &run).await?;
            Ok(())
        } else {
            Err(ControlError::Ended(id))
        }
    }

    /// Pauses a run: its worker stores no further page, and nobody goes on with it until it is resumed. Does nothing to
    /// one that is paused.
    ///
    /// # Errors
    /// When there is no such run, it has ended or is about to, or waits for a decision.
    pub async fn pause(&self, store: &TenantStore, id: RunId) -> Result<(), ControlError> {
        for _ in 0..OUTRUN_TRIES {
            let run = store.run(id).await?.ok_or(ControlError::NoRun(id))?;
            match run.state.status {
                ProgressStatus::Paused => return Ok(()),
                ProgressStatus::Pending | ProgressStatus::Running if run.stopping => {
                    return Err(ControlError::Cancelled(id));
                }
                ProgressStatus::Pending | ProgressStatus::Running => {}
                ProgressStatus::Held => return Err(ControlError::Waits(id)),
                ProgressStatus::Finished => return Err(ControlError::Ended(id)),
            }
            match store.pause(id, self.surroundings.now()).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) if error.is_contention() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ControlError::Outrun(id))
    }

    /// Lets a paused run go on where it was, as soon as a worker takes it up. Does nothing to one that is not paused.
    ///
    /// # Errors
    /// When there is no such run, or it has ended.
    pub async fn resume(&self, store: &TenantStore, id: RunId) -> Result<(), ControlError> {
        for _ in 0..OUTRUN_TRIES {
            let run = store.run(id).await?.ok_or(ControlError::NoRun(id))?;
            match run.state.status {
                ProgressStatus::Paused => {}
                ProgressStatus::Pending | ProgressStatus::Running | ProgressStatus::Held => return Ok(()),
                ProgressStatus::Finished => return Err(ControlError::Ended(id)),
            }
            match store.resume(id, self.surroundings.now()).await {
                Ok(true) => {
                    self.delivery.push(Ticket { tenant: store.slug().clone(), run: id }).await;
                    return Ok(());
                }
                Ok(false) => {}
                Err(error) if error.is_contention() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ControlError::Outrun(id))
    }

    /// Lets a held plan be carried out, if its hash is the one the caller has read. A simulated plan starts
    /// a run of its own, under the guard; the answer is the run that carries the plan out.
    ///
    /// # Errors
    /// When there is no such plan, it has another hash, or what was simulated is not what is saved.
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
        self.decide(store, &run, Event::Approved, &[]).await?;
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
        let why = rejected("the plan was rejected; nothing was done".to_owned());
        self.decide(store, &run, Event::Rejected, &[why]).await
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
        event: Event,
        problems: &[ProblemRow],
    ) -> Result<(), ControlError> {
        let not_held = || ControlError::NotHeld(run.id);
        let (state, _) = step(run.state, event).map_err(|_| not_held())?;
        let plan_hash = run.plan_hash.ok_or_else(not_held)?;
        let ended = state.outcome.filter(|_| state.is_terminal());
        let errands = self.errands_before_time(store, run, ended).await?;
        let now = self.surroundings.now();
        let verdict = Verdict { plan_hash, state, problems, errands: &errands, now };
        if !store.decide_held(run.id, &verdict).await? {
            return Err(not_held());
        }
        self.outbox.notify_one();
        if state.is_terminal() { Ok(self.count_end(store, run).await?) } else { Ok(()) }
    }

    /// Counts a run that was ended without a worker, if it was.
    async fn count_end(&self, store: &TenantStore, before: &RunRecord) -> Result<(), StoreError> {
        if let Some(now) = store.run(before.id).await?
            && now.state.is_terminal()
            && now.epoch > before.epoch
        {
            self.figures.run_ended(store.slug(), &now);
            self.push_released(store, now.id).await;
        }
        Ok(())
    }

    /// Launches the run that carries a simulated plan out: it decides again, by what is saved, and goes on only
    /// if it comes to the same plan.
    async fn repeat(&self, store: &TenantStore, simulated: &RunRecord) -> Result<RunId, ControlError> {
        let made_from = store.configuration_version().await?;
        let saved = LoadedConfiguration::load(store).await?;
        let meant = LoadedConfiguration::parse(store.rules_body(&simulated.rules).await?)?;
        // Unsaved configuration is for looking at, and one that has been changed since is no longer meant.
        if saved.resources != meant.resources {
            return Err(ControlError::OtherConfiguration(simulated.id));
        }
        let state = RunState::launched(Mode::Apply, simulated.state.absence);
        let new = NewRun {
            id: RunId(self.surroundings.new_id()),
            task_kind: simulated.task_kind,
            task: simulated.task.clone(),
            state,
            keys: simulated.keys.clone(),
            owner_by: simulated.owner_by,
            rules: saved.hash(),
            rules_body: saved.body,
            estimate: simulated.counters.entries(),
            approved_hash: simulated.plan_hash,
            overriding: None,
            chain: None,
            preceded_by: None,
            undoes: None,
            now: self.surroundings.now(),
        };
        let launched = store.launch(made_from, &new).await.map_err(|error| {
            if let StoreError::AlreadyRunning { run, .. } = error {
                ControlError::AlreadyRunning(run)
            } else {
                ControlError::Store(error)
            }
        })?;
        self.delivery.push(Ticket { tenant: store.slug().clone(), run: launched.id }).await;
        Ok(launched.id)
    }

    /// Ends held runs that nobody decided about in time.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn expire_held(&self) -> Result<(), ControlError> {
        let usual = TimeDelta::from_std(self.settings.hold).unwrap_or(TimeDelta::MAX);
        for (store, run) in self.store.held_too_long(self.surroundings.now(), usual).await? {
            let hours = self.approval_hours(&store).await?;
            let why = rejected(format!("nobody approved the plan within {hours} hours; nothing was done"));
            match self.decide(&store, &run, Event::Rejected, &[why]).await {
                // Somebody decided meanwhile.
                Ok(()) | Err(ControlError::NotHeld(_)) => {}
                Err(error) => tracing::warn!(run = %run.id, %error, "a held plan cannot be ended"),
            }
        }
        Ok(())
    }

    /// Within how many hours a held plan of a tenant has to be approved.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn approval_hours(&self, store: &TenantStore) -> Result<u64, StoreError> {
        let usual = self.settings.hold.as_secs() / 3600;
        Ok(store.settings().await?.approval_hours.map_or(usual, u64::from))
    }
}

fn rejected(message: String) -> ProblemRow {
    of_run(ProblemStep::Check, ErrorCode::PlanRejected, message)
}

fn cancelled(phase: Phase) -> ProblemRow {
    let step = match phase {
        Phase::Start | Phase::Sweep => ProblemStep::Read,
        Phase::Absence => ProblemStep::Decide,
        Phase::Check => ProblemStep::Check,
        Phase::Apply(_) | Phase::Finish => ProblemStep::Apply,
    };
    let message = "the run was cancelled; what it had applied until then stays";
    of_run(step, ErrorCode::RunCancelled, message.to_owned())
}
