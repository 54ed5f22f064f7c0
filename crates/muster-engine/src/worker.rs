//! The worker of a run: takes it up and carries out, effect by effect, what the state machine says.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use muster_connector::ConnectorError;
use muster_model::ApplicationId;
use muster_model::run::{Counters, Outcome, ProgressStatus, Wave};
use muster_plan::errand::Read;
use muster_plan::guard::Hold;
use muster_plan::inbound::Relink;
use muster_plan::lifecycle::{Effect, Event, RunState, step};
use muster_store::{
    Acting, Advance, ApplicationFailure, Bucket, Hash, ProblemRow, QuarantineRecord, RunRecord, StagedPage,
    TenantStore,
};
use tokio::sync::{OnceCell, watch};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use crate::Engine;
use crate::brief::{Basis, Known};
use crate::cleanup::CleanupRun;
use crate::configuration::LoadedConfiguration;
use crate::delivery::Ticket;
use crate::directories::{Directory, expect_directory};
use crate::error::{EngineError, for_people, with_causes};
use crate::lease::Lease;
use crate::left_out::Opened;
use crate::outbound::OutboundRun;
use crate::preceding::may_begin;
use crate::prepare::{CompiledTask, InboundRun, compile};
use crate::sweep_keys::ReadBefore;

/// A run with which so many workers in a row were lost would take the next with it as well.
const MOST_BREAKDOWNS: u32 = 5;

/// A run in the hands of a worker.
pub(crate) struct Work {
    pub(crate) engine: Engine,
    pub(crate) store: TenantStore,
    pub(crate) run: RunRecord,
    pub(crate) configuration: Arc<LoadedConfiguration>,
    pub(crate) task: Task,
    pub(crate) buckets: Vec<Bucket>,
    /// Of each bucket the waves that have a change, once that is known.
    pub(crate) waves: Vec<Option<[bool; Wave::ALL.len()]>>,
    pub(crate) lease: Arc<Lease>,
    /// Applications that failed before.
    pub(crate) failing: Vec<QuarantineRecord>,
    /// Applications that this worker has written to.
    pub(crate) written: HashSet<ApplicationId>,
    /// What was read for it already.
    pub(crate) read_before: Option<ReadBefore>,
    /// Whose account the one is that is decided next, where that is found by its user name.
    pub(crate) relink: Option<Relink>,
    /// The page of a brief run, once it has been looked at.
    pub(crate) only_page: OnceCell<Vec<StagedPage>>,
    /// How changes of a brief run end otherwise than planned, once somebody has asked.
    pub(crate) exceptions: OnceCell<Vec<(u32, Option<Outcome>)>>,
    /// What became of the one entry of a brief run, where nothing follows from it.
    pub(crate) uneventful: Option<Outcome>,
    /// Whether it is known that its directory is there.
    directory: Directory,
    stop: watch::Receiver<bool>,
}

/// A run as its worker leaves it.
pub(crate) struct Left {
    pub(crate) run: RunRecord,
    /// What became of the one entry of a brief run, where that is all there is to say.
    pub(crate) uneventful: Option<Outcome>,
    /// Why it failed, if it has.
    pub(crate) failed: Option<EngineError>,
}

/// How far a worker has brought a run.
#[derive(Default)]
struct Driven {
    /// The run, if it has ended.
    ended: Option<RunRecord>,
    uneventful: Option<Outcome>,
}

/// What a run does.
#[derive(Clone)]
pub(crate) enum Task {
    Inbound(Arc<InboundRun>),
    Outbound(Arc<OutboundRun>),
    Cleanup(Arc<CleanupRun>),
}

/// What came of an effect.
pub(crate) struct Done {
    pub(crate) event: Event,
    pub(crate) plan_hash: Option<Hash>,
    /// What guards have against the plan.
    pub(crate) holds: Vec<Hold>,
    pub(crate) counters: Option<Counters>,
    /// What is to be known about the run as a whole.
    pub(crate) problems: Vec<ProblemRow>,
    /// Applications that failed before, and do so no longer.
    pub(crate) came_through: Vec<ApplicationId>,
}

impl From<Event> for Done {
    fn from(event: Event) -> Self {
        Self {
            event,
            plan_hash: None,
            holds: Vec::new(),
            counters: None,
            problems: Vec::new(),
            came_through: Vec::new(),
        }
    }
}

/// Ends a task when it is dropped, so that nothing outlives the run it works for.
pub(crate) struct Spawned<T>(pub(crate) JoinHandle<T>);

impl<T> Drop for Spawned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Engine {
    /// Takes a run up and works on it until it ends, is held, or is taken away.
    ///
    /// # Errors
    /// When another worker has it, or the store cannot be used. A run that fails is no error: it is stored.
    pub async fn execute(&self, store: &TenantStore, run: RunRecord) -> Result<RunRecord, EngineError> {
        let (engine, store) = (self.clone(), store.clone());
        // In a task of its own: a caller who looks away in the middle of a write would keep all others waiting.
        let mut work = Spawned(tokio::spawn(async move {
            let (_keep, stop) = watch::channel(false);
            engine.execute_until(&store, run, stop).await
        }));
        (&mut work.0).await?
    }

    pub(crate) async fn execute_until(
        &self,
        store: &TenantStore,
        run: RunRecord,
        stop: watch::Receiver<bool>,
    ) -> Result<RunRecord, EngineError> {
        let span = tracing::info_span!("run", tenant = %store.slug(), run = %run.id);
        let carried = async {
            // A door of the run's own: what goes through it was sent on its behalf.
            let store = store.acting(self.own_acting()).counting_its_own().for_bulk();
            let claimed =
                store.claim(&run, &self.settings.owner, self.surroundings.now(), self.lease_end()).await?;
            Ok(self.carry(&store, claimed, Basis::Stored, stop).await?.run)
        };
        carried.instrument(span).await
    }

    /// Works on a run that was claimed until it ends, is held, or is taken away.
    pub(crate) async fn carry(
        &self,
        store: &TenantStore,
        claimed: RunRecord,
        basis: Basis,
        stop: watch::Receiver<bool>,
    ) -> Result<Left, EngineError> {
        let id = claimed.id;
        tracing::info!(task = %claimed.task, mode = claimed.state.mode.as_str(), "run taken up");
        let lease = Arc::new(Lease::of(self, store, &claimed));
        let beating = Arc::clone(&lease);
        let heart = Spawned(tokio::spawn(async move { beating.beat().await }.in_current_span()));
        // What was told to stop has only to be ended, whatever its systems say.
        let driven = if claimed.stopping {
            Err(EngineError::Lost)
        } else if claimed.breakdowns >= MOST_BREAKDOWNS {
            Err(EngineError::BrokenDown { breakdowns: claimed.breakdowns })
        } else {
            self.drive(store, &claimed, basis, (lease, stop)).await
        };
        drop(heart);
        let mut came_to = Driven::default();
        let failed = match driven {
            Ok(driven) => {
                came_to = driven;
                None
            }
            Err(EngineError::Lost) => {
                self.wind_down(store, &claimed).await?;
                None
            }
            Err(error) => {
                tracing::warn!(error = with_causes(&error), "run failed");
                self.end_failed(store, &claimed, &error).await?;
                Some(error)
            }
        };
        let Driven { ended, uneventful } = came_to;
        let left = match ended {
            Some(ended) => ended,
            None => store.run(id).await?.ok_or(EngineError::Lost)?,
        };
        // Whoever had it last counts it.
        if left.state.is_terminal() && left.epoch == claimed.epoch {
            let outcome = left.state.outcome.map_or("NONE", |outcome| outcome.as_str());
            tracing::info!(outcome, entries = left.counters.entries(), "run ended");
            self.figures.run_ended(store.slug(), &left);
            // Nobody waits for a run of single keys.
            if left.keys.is_none() {
                self.push_released(store, id).await;
            }
        }
        Ok(Left { run: left, uneventful, failed })
    }

    async fn drive(
        &self,
        store: &TenantStore,
        run: &RunRecord,
        basis: Basis,
        (lease, stop): (Arc<Lease>, watch::Receiver<bool>),
    ) -> Result<Driven, EngineError> {
        let mut directory = Directory::NotLookedFor;
        let (configuration, task, buckets, read_before) = match basis {
            Basis::Known(known) => {
                let Known { prepared, buckets, read } = *known;
                directory = prepared.directory;
                let task = CompiledTask::Inbound(Box::new(prepared.task.clone()));
                (Arc::clone(&prepared.configuration), task, buckets, Some(read))
            }
            Basis::Stored => {
                may_begin(store, run).await?;
                let configuration = LoadedConfiguration::parse(store.rules_body(&run.rules).await?)?;
                let task = compile(&configuration.resources, &run.task_kind, &run.task)?;
                let buckets = store.buckets(run, &task.applications()).await?;
                (Arc::new(configuration), task, buckets, None)
            }
        };
        let failing = store.quarantines().await?;
        let alone = self.left_alone(run, &task, &failing);
        let mut opened = Opened::default();
        let task = match task {
            CompiledTask::Inbound(task) => Task::Inbound(Arc::new(task.of_run(run))),
            CompiledTask::Cleanup(task) => Task::Cleanup(Arc::new(task.of_run(run))),
            CompiledTask::Outbound(task) => {
                opened = self.open_all(store, &configuration.resources, (&task, &buckets), &alone).await;
                Task::Outbound(Arc::new(task.of_run(&opened.abilities, store.directories().await?)?))
            }
        };
        let mut work = Work {
            engine: self.clone(),
            store: store.clone(),
            run: run.clone(),
            configuration,
            task,
            waves: vec![None; buckets.len()],
            buckets,
            lease,
            failing,
            written: HashSet::new(),
            read_before,
            relink: None,
            only_page: OnceCell::new(),
            exceptions: OnceCell::new(),
            uneventful: None,
            directory,
            stop,
        };
        work.go_on_with_others(alone, opened.faults).await?;
        let ended = work.drive().await?;
        Ok(Driven { ended, uneventful: work.uneventful })
    }

    /// A worker that lost its run ends it if somebody told it to stop, lets it go if somebody paused it, and leaves it
    /// alone otherwise.
    async fn wind_down(&self, store: &TenantStore, run: &RunRecord) -> Result<(), EngineError> {
        let now = store.run(run.id).await?.ok_or(EngineError::Lost)?;
        if now.stopping && now.epoch == run.epoch && !now.state.is_terminal() {
            return self.end(store, run, (Event::Cancelled, None), None).await;
        }
        // Paused, and perhaps resumed since: whoever takes it up next need not wait for a lease to end.
        let left = matches!(now.state.status, ProgressStatus::Pending | ProgressStatus::Paused);
        if left && store.let_go(run).await? {
            self.delivery.push(Ticket { tenant: store.slug().clone(), run: run.id }).await;
        }
        Ok(())
    }

    /// Ends a run that cannot go on; where that is due to an application, it has failed once more.
    async fn end_failed(
        &self,
        store: &TenantStore,
        run: &RunRecord,
        error: &EngineError,
    ) -> Result<(), EngineError> {
        let failed_at = self.failure_at(store, run, error).await;
        self.end(store, run, (Event::Failed, Some(&for_people(error))), failed_at.as_ref()).await?;
        if let Some(failure) = &failed_at {
            self.tell_of_quarantine(store, &failure.application).await;
        }
        Ok(())
    }

    async fn end(
        &self,
        store: &TenantStore,
        run: &RunRecord,
        (event, failure): (Event, Option<&str>),
        failed_at: Option<&ApplicationFailure>,
    ) -> Result<(), EngineError> {
        let stored = store.run(run.id).await?.ok_or(EngineError::Lost)?;
        if stored.state.is_terminal() {
            return Ok(());
        }
        let (state, _) = step(stored.state, event)?;
        let errands = self.errands_before_time(store, &stored, state.outcome).await?;
        let advance = Advance {
            state,
            plan_hash: None,
            holds: &[],
            failure,
            counters: None,
            problems: &[],
            failed_at,
            came_through: &[],
            errands: &errands,
            statements: statements(run, store),
            peak_memory: self.surroundings.peak_memory(),
            now: self.surroundings.now(),
        };
        store.advance(run, &advance).await?;
        self.outbox.notify_one();
        Ok(())
    }

    /// As whom a worker acts, whoever launched the run.
    pub(crate) fn own_acting(&self) -> Acting {
        Acting::system(&*self.settings.owner)
    }

    pub(crate) fn lease_end(&self) -> DateTime<Utc> {
        self.surroundings.now() + TimeDelta::from_std(self.settings.lease).unwrap_or(TimeDelta::zero())
    }
}

/// Statements sent on behalf of a run: by those who had it before, and through the door of its worker.
pub(crate) fn statements(claimed: &RunRecord, store: &TenantStore) -> u64 {
    claimed.statements + store.statements()
}

impl Work {
    /// Carries out what there is to do; answers the run, if it has ended.
    async fn drive(&mut self) -> Result<Option<RunRecord>, EngineError> {
        let (mut state, mut effects) = step(self.run.state, Event::Claimed)?;
        let mut stored = None;
        while let Some(effect) = effects.first().copied() {
            // Apart, or all that a run can do would be on the stack of whoever asks for a single sync.
            let Some(done) = Box::pin(self.carry_out(effect)).await? else { break };
            let (next, following) = step(state, done.event)?;
            stored = self.advance(next, &done).await?;
            (state, effects) = (next, following);
            self.run.state = state;
            self.run.plan_hash = done.plan_hash.or(self.run.plan_hash);
        }
        Ok(stored.filter(|run| run.state.is_terminal()))
    }

    /// Carries an effect out; `None` when there is nothing left for a worker to do.
    async fn carry_out(&mut self, effect: Effect) -> Result<Option<Done>, EngineError> {
        tracing::debug!(run = %self.run.id, ?effect, "effect");
        let done = match effect {
            Effect::Prepare => self.prepare().await?,
            Effect::Sweep => match self.run.undoes {
                None => self.sweep().await?,
                Some(undone) => self.sweep_inverse(undone).await?,
            },
            Effect::StageAbsence => self.stage_absence().await?,
            Effect::Check => self.check().await?,
            Effect::Apply(wave) => self.apply(wave).await?,
            Effect::Finish => self.finish().await?,
            Effect::Hold | Effect::Release => return Ok(None),
        };
        Ok(Some(done))
    }

    async fn prepare(&mut self) -> Result<Done, EngineError> {
        match self.task.clone() {
            Task::Inbound(task) => {
                let (directory, keys) = (&task.decisions.directory, &task.decisions.keys);
                match self.directory {
                    Directory::There => {}
                    Directory::NotLookedFor => expect_directory(&self.store, directory).await?,
                }
                self.engine.make_keys_ready(&self.store, directory, keys).await?;
            }
            Task::Cleanup(task) => {
                let decisions = &task.task.decisions;
                expect_directory(&self.store, &decisions.directory).await?;
                self.engine.make_keys_ready(&self.store, &decisions.directory, &decisions.keys).await?;
            }
            Task::Outbound(task) => {
                for directory in self.store.directories().await? {
                    self.engine.make_keys_ready(&self.store, &directory, &task.keys).await?;
                }
            }
        }
        Ok(Event::Prepared.into())
    }

    async fn advance(&self, state: RunState, done: &Done) -> Result<Option<RunRecord>, EngineError> {
        if self.run.is_brief() && state.status == ProgressStatus::Running && self.is_found_again(done) {
            return Ok(None);
        }
        let ending = (state.outcome.filter(|_| state.is_terminal()), self.read());
        let errands = self.engine.errands(&self.run, &self.configuration.resources, ending);
        let advance = Advance {
            state,
            plan_hash: done.plan_hash.or(self.run.plan_hash),
            holds: &done.holds,
            failure: None,
            counters: done.counters,
            problems: &done.problems,
            failed_at: None,
            came_through: &done.came_through,
            errands: &errands,
            statements: statements(&self.run, &self.store),
            peak_memory: self.engine.surroundings.peak_memory(),
            now: self.engine.surroundings.now(),
        };
        let stored = self.store.advance(&self.run, &advance).await?;
        if !errands.is_empty() {
            self.engine.outbox.notify_one();
        }
        self.tell_of_return(&done.came_through);
        Ok(Some(stored))
    }

    /// How far the run has read its sources.
    pub(crate) fn read(&self) -> Read {
        let complete = self.buckets.iter().all(|bucket| bucket.sweep_end.as_deref() == Some(""));
        if complete { Read::Whole } else { Read::InPart }
    }

    /// Fails when the process is to end: called at every page border.
    pub(crate) fn may_go_on(&self) -> Result<(), EngineError> {
        if *self.stop.borrow() { Err(EngineError::Lost) } else { Ok(()) }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.engine.surroundings.now()
    }

    /// The instant that all decisions of the run share, so that deciding again comes to the same.
    pub(crate) fn decided_at(&self) -> DateTime<Utc> {
        self.run.started_at
    }

    pub(crate) fn connector_error(
        application: &ApplicationId,
    ) -> impl Fn(ConnectorError) -> EngineError + '_ {
        move |source| EngineError::Connector { application: application.clone(), source }
    }
}
