//! The ticker: looks at the schedules of all tenants, and launches what is due. Every process has one, and none
//! leads: a due time fires once, whoever tries.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use muster_model::audit::{Actor, ActorKind};
use muster_model::configuration::Resource;
use muster_model::configuration::task::ExecutionPlan;
use muster_model::run::Mode;
use muster_model::{ConfigurationId, TenantSlug};
use muster_plan::schedule::Schedule;
use muster_store::{
    Acting, ConfigurationVersion, Fired, NewFire, NewRun, NextDue, NoLaunch, QuarantineRecord,
    ScheduleRecord, StoreError, TenantStore,
};
use tokio::sync::watch;

use crate::Engine;
use crate::configuration::{ConfigurationError, LoadedConfiguration};
use crate::error::with_causes;
use crate::launch::{Launch, LaunchError};
use crate::maintenance::maintenance_of;
use crate::quarantine::quarantine_of;
use crate::schedules::{ScheduleError, plan_of};
use crate::workers::told;

/// What other processes have written is seen so soon.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// So many due times are dealt with between two looks.
const BATCH: u32 = 100;

/// The most characters of a failure that are kept.
const MESSAGE: usize = 2000;

/// What a look at all schedules came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// Due times that were dealt with, here or by another process. There may be more.
    pub dealt: u32,
    /// Due times that could not be dealt with, since the store failed. They stay due.
    pub left: u32,
    /// When the next one is due, if nothing was.
    pub next_due: Option<DateTime<Utc>>,
}

/// Schedules of a tenant that are due, and the configuration that they were computed from.
struct Due {
    store: TenantStore,
    version: ConfigurationVersion,
    schedules: Vec<ScheduleRecord>,
    /// The applications that failed when they were called last.
    failing: Vec<QuarantineRecord>,
}

impl Engine {
    /// Looks at the schedules, again and again, until it is told to stop.
    pub(crate) async fn tick_until(&self, mut stopped: watch::Receiver<bool>) {
        loop {
            let wait = self.tick().await;
            tokio::select! {
                biased;
                () = told(&mut stopped) => return,
                () = self.ticker.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Looks once; answers how long nothing is to be done.
    async fn tick(&self) -> Duration {
        match self.look_at_schedules().await {
            Ok(Look { dealt: 1.., .. }) => Duration::ZERO,
            Ok(Look { left: 0, next_due: Some(due), .. }) => {
                let ahead = (due - self.surroundings.now()).to_std();
                ahead.unwrap_or(Duration::ZERO).min(LOOK_EVERY)
            }
            Ok(Look { left: 0, next_due: None, .. }) => LOOK_EVERY,
            Ok(Look { .. }) => self.settings.look_every,
            Err(error) => {
                tracing::warn!(error = with_causes(&error), "cannot look at the schedules");
                self.settings.look_every
            }
        }
    }

    /// Brings all schedules in step with their configurations, and deals with some of those that are due.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn look_at_schedules(&self) -> Result<Look, StoreError> {
        for (store, _) in self.store.unscheduled().await? {
            if let Err(error) = self.reconcile_schedules(&store).await {
                let tenant = store.slug();
                tracing::warn!(%tenant, error = with_causes(&error), "cannot compute schedules");
            }
        }
        let (now, next_due) = (self.surroundings.now(), self.store.earliest_due().await?);
        if next_due.is_none_or(|due| due > now) {
            return Ok(Look { next_due, ..Look::default() });
        }
        let mut look = Look::default();
        for due in by_tenant(self.store.due_schedules(now, BATCH).await?) {
            self.fire_all(due, &mut look).await;
        }
        Ok(look)
    }

    /// Deals with what is due of a tenant, with one reading of its configuration.
    async fn fire_all(&self, mut due: Due, look: &mut Look) {
        let loaded = async {
            due.failing = due.store.quarantines().await?;
            LoadedConfiguration::load(&due.store).await
        };
        let loaded = match loaded.await {
            // What is stored can be read, or it cannot: that is to be noted. A store that fails is to be tried again.
            Err(ConfigurationError::Store(error)) if !matches!(error, StoreError::Unreadable { .. }) => {
                let (tenant, error) = (due.store.slug(), with_causes(&error));
                tracing::warn!(%tenant, error, "cannot read the configuration of schedules that are due");
                look.left += u32::try_from(due.schedules.len()).unwrap_or(u32::MAX);
                return;
            }
            loaded => loaded,
        };
        for schedule in &due.schedules {
            match self.fire(&due, schedule, &loaded).await {
                Ok(()) => look.dealt += 1,
                Err(error) => {
                    let (tenant, task, error) = (due.store.slug(), &schedule.task, with_causes(&error));
                    tracing::warn!(%tenant, %task, error, "cannot deal with a schedule that is due");
                    look.left += 1;
                }
            }
        }
    }

    async fn fire(
        &self,
        due: &Due,
        schedule: &ScheduleRecord,
        loaded: &Result<LoadedConfiguration, ConfigurationError>,
    ) -> Result<(), ScheduleError> {
        let (kind, task) = (schedule.kind, &schedule.task);
        let unread;
        let plan = match loaded {
            Ok(loaded) => loaded
                .resources
                .get(kind.definition_kind(), task)
                .and_then(Resource::execution_plan)
                .map(Some),
            Err(_) => {
                unread = readable_plan(&due.store, schedule).await?;
                Some(unread.as_ref())
            }
        };
        // Without a plan it was deleted meanwhile, with its schedule.
        let (Some(due_at), Some(plan)) = (schedule.standing.next_due, plan) else { return Ok(()) };
        let prepared = self.prepare_run(due, schedule, loaded).await?;
        let now = self.surroundings.now();
        let afterwards =
            plan.map(|plan| Schedule { plan, anchor: schedule.standing.anchor }.afterwards(due_at, now));
        let fire = NewFire {
            schedule,
            due: due_at,
            made_from: due.version,
            at: now,
            missed: afterwards.map_or(0, |afterwards| afterwards.missed),
            next_due: afterwards.map_or(NextDue::Unknown, |afterwards| NextDue::Known(afterwards.next_due)),
            launch: prepared.as_ref().map_err(Prevented::told),
        };
        let by_plan = Acting {
            actor: Actor::new(ActorKind::Schedule, task.as_str()),
            ..due.store.on_behalf_of().clone()
        };
        let fired = due.store.acting(by_plan).fire(&fire).await?;
        tell(due.store.slug(), &fire, fired);
        if let (Fired::Launched, Ok(run)) = (fired, &prepared) {
            self.push_first(&due.store, run).await;
        }
        Ok(())
    }

    /// The run that a schedule launches, or why there can be none. Only a store that fails is an error.
    async fn prepare_run(
        &self,
        due: &Due,
        schedule: &ScheduleRecord,
        loaded: &Result<LoadedConfiguration, ConfigurationError>,
    ) -> Result<Result<NewRun, Prevented>, StoreError> {
        let (kind, task) = (schedule.kind, schedule.task.clone());
        let launch = Launch::of(kind, task, Mode::Apply);
        let prepared = match loaded {
            Ok(loaded) => self.new_run(&due.store, loaded, launch, None).await,
            Err(error) => return Ok(Err(Prevented::Error(shortened(with_causes(error))))),
        };
        match (prepared, loaded) {
            (Ok(run), Ok(loaded)) => {
                let failing = (&due.failing[..], self.surroundings.now());
                let blocked = maintenance_of(&loaded.resources, &run)
                    .or_else(|| quarantine_of(&loaded.resources, &run, failing));
                Ok(match blocked {
                    Some(why) => Err(Prevented::Blocked(shortened(why))),
                    None => Ok(run),
                })
            }
            (Ok(run), Err(_)) => Ok(Ok(run)),
            (Err(LaunchError::Store(error)), _) if !matches!(error, StoreError::Unreadable { .. }) => {
                Err(error)
            }
            (Err(error), _) => Ok(Err(Prevented::Error(shortened(with_causes(&error))))),
        }
    }
}

/// Why a schedule launches nothing.
enum Prevented {
    /// Its task cannot be launched.
    Error(String),
    /// A system that it needs is in maintenance, or what it needs is in quarantine: to launch it now is in vain.
    Blocked(String),
}

impl Prevented {
    fn told(&self) -> NoLaunch<'_> {
        match self {
            Self::Error(why) => NoLaunch::Error(why),
            Self::Blocked(why) => NoLaunch::Blocked(why),
        }
    }
}

/// The plan of a task in a configuration that cannot be read as a whole; `None` where it is this very definition that
/// cannot be read. To try that again before the configuration has moved on is in vain, and takes the place of others.
async fn readable_plan(
    store: &TenantStore,
    schedule: &ScheduleRecord,
) -> Result<Option<ExecutionPlan>, ScheduleError> {
    match plan_of(store, schedule.kind, &schedule.task).await {
        Ok((plan, _)) => Ok(Some(plan)),
        Err(ScheduleError::Configuration { .. } | ScheduleError::Store(StoreError::Unreadable { .. })) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Due schedules by tenant, each in the order of their times.
fn by_tenant(due: Vec<(TenantStore, ConfigurationVersion, ScheduleRecord)>) -> Vec<Due> {
    let mut tenants: BTreeMap<TenantSlug, Due> = BTreeMap::new();
    for (store, version, schedule) in due {
        let tenant = tenants.entry(store.slug().clone());
        tenant
            .or_insert_with(|| Due { store, version, schedules: Vec::new(), failing: Vec::new() })
            .schedules
            .push(schedule);
    }
    tenants.into_values().collect()
}

fn shortened(message: String) -> String {
    message.chars().take(MESSAGE).collect()
}

fn tell(tenant: &TenantSlug, fire: &NewFire<'_>, fired: Fired) {
    let (task, due, missed): (&ConfigurationId, _, _) = (&fire.schedule.task, fire.due, fire.missed);
    match (fired, fire.launch) {
        (Fired::Launched, Ok(run)) => {
            tracing::info!(%tenant, %task, %due, missed, run = %run.id, "run launched by its schedule");
        }
        (Fired::Blocked(run), _) => {
            tracing::warn!(%tenant, %task, %due, %run, "schedule blocked: a run of the task has not ended");
        }
        (Fired::Failed, Err(NoLaunch::Error(error))) => {
            tracing::warn!(%tenant, %task, %due, error, "schedule cannot launch its task");
        }
        (Fired::Failed, Err(NoLaunch::Blocked(reason))) => {
            tracing::info!(%tenant, %task, %due, reason, "schedule blocked");
        }
        (Fired::Launched | Fired::Failed | Fired::Passed, _) => {}
    }
}
