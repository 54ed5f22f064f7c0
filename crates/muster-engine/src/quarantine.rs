//! Applications in quarantine: noted where runs fail at them, left alone until they are to be tried again, and forgotten
//! once a run has come through there. When that is, `muster-plan` decides.

use chrono::{DateTime, Utc};
use muster_connector::ConnectorError;
use muster_model::ApplicationId;
use muster_model::configuration::Configuration;
use muster_model::configuration::application::Application;
use muster_model::configuration::task::Verify;
use muster_model::text::instant;
use muster_plan::quarantine::{QUARANTINED_FROM, is_left_alone};
use muster_store::{ApplicationFailure, NewRun, QuarantineRecord, RunRecord, StoreError, TenantStore};

use crate::Engine;
use crate::configuration::LoadedConfiguration;
use crate::error::{EngineError, with_causes};
use crate::prepare::compile;
use crate::worker::{Task, Work};

/// How it goes with an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplicationState {
    /// Nothing is known against it.
    Active,
    /// It failed when it was called last.
    Failing,
    /// It has failed so often that it is left alone between attempts.
    Quarantined,
    /// Its connector definition is in maintenance: it is not called.
    Maintenance,
}

impl ApplicationState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Active, Self::Failing, Self::Quarantined, Self::Maintenance];

    /// The state as it stands in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Failing => "FAILING",
            Self::Quarantined => "QUARANTINED",
            Self::Maintenance => "MAINTENANCE",
        }
    }

    /// What to do about it, in words for people.
    #[must_use]
    pub fn what_to_do(self) -> &'static str {
        match self {
            Self::Active => "nothing",
            Self::Failing => "see what it says; the next run tries again",
            Self::Quarantined => {
                "remove the cause, then release it; else the first run from the next attempt on tries again"
            }
            Self::Maintenance => {
                "set `maintenance` of its connector definition to false once it may be called"
            }
        }
    }
}

/// An application, and how it has failed lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationStatus {
    /// The application.
    pub application: ApplicationId,
    /// How it goes with it.
    pub state: ApplicationState,
    /// How it failed, when it was called last.
    pub failed: Option<QuarantineRecord>,
}

/// Why an application was not released.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// There is none of that id.
    #[error("there is no application `{0}`")]
    NoApplication(ApplicationId),
    /// Its configuration cannot be read.
    #[error(transparent)]
    Configuration(#[from] crate::ConfigurationError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Engine {
    /// How it goes with the applications of a tenant, by their ids.
    ///
    /// # Errors
    /// When the store fails, or the configuration cannot be read.
    pub async fn application_statuses(
        &self,
        store: &TenantStore,
    ) -> Result<Vec<ApplicationStatus>, ReleaseError> {
        let loaded = LoadedConfiguration::load(store).await?;
        let mut records = store.quarantines().await?;
        let status = |application: &Application| {
            let place = records.iter().position(|record| record.application == application.id);
            let failed = place.map(|place| records.swap_remove(place));
            let state = match &failed {
                _ if in_maintenance(&loaded.resources, application) => ApplicationState::Maintenance,
                None => ApplicationState::Active,
                Some(record) if record.next_at.is_some() => ApplicationState::Quarantined,
                Some(_) => ApplicationState::Failing,
            };
            ApplicationStatus { application: application.id.clone(), state, failed }
        };
        Ok(loaded.resources.applications().map(status).collect())
    }

    /// Has the next run try an application, whatever it has done lately. Says nothing where it would be tried anyway.
    ///
    /// # Errors
    /// When there is no such application, or the store fails.
    pub async fn release_application(
        &self,
        store: &TenantStore,
        application: &ApplicationId,
    ) -> Result<(), ReleaseError> {
        let loaded = LoadedConfiguration::load(store).await?;
        if loaded.resources.application(application).is_none() {
            return Err(ReleaseError::NoApplication(application.clone()));
        }
        if store.release(application, self.surroundings.now()).await? {
            tracing::info!(tenant = %store.slug(), %application, "application released from quarantine");
        }
        Ok(())
    }

    /// What the failure of a run says of an application.
    pub(crate) async fn failure_at(
        &self,
        store: &TenantStore,
        run: &RunRecord,
        error: &EngineError,
    ) -> Option<ApplicationFailure> {
        let EngineError::Connector { application, source } = error else { return None };
        let body = store.rules_body(&run.rules).await.ok()?;
        let configuration = LoadedConfiguration::parse(body).ok()?;
        failure_of(&configuration.resources, application, source)
    }

    /// Says once that an application has come into quarantine.
    pub(crate) async fn tell_of_quarantine(&self, store: &TenantStore, application: &ApplicationId) {
        let records = match store.quarantines().await {
            Ok(records) => records,
            Err(error) => {
                tracing::warn!(
                    error = with_causes(&error),
                    "cannot see whether an application is in quarantine"
                );
                return;
            }
        };
        let record = records.into_iter().find(|record| record.application == *application);
        let Some(record) = record.filter(|record| record.failures == QUARANTINED_FROM) else { return };
        self.figures.quarantined(store.slug());
        let next = record.next_at.map(instant).unwrap_or_default();
        tracing::warn!(
            tenant = %store.slug(), %application, reason = record.reason, next_attempt = next,
            "application in quarantine"
        );
    }
}

/// What a fault says of an application. Nothing where it is in maintenance: whoever said so knows.
pub(crate) fn failure_of(
    configuration: &Configuration,
    application: &ApplicationId,
    fault: &ConnectorError,
) -> Option<ApplicationFailure> {
    let known = configuration.application(application);
    if known.is_some_and(|known| in_maintenance(configuration, known)) {
        return None;
    }
    Some(ApplicationFailure {
        application: application.clone(),
        class: fault.class(),
        reason: fault.to_string(),
        retry_after: fault.retry_after(),
    })
}

fn in_maintenance(configuration: &Configuration, application: &Application) -> bool {
    let definition = configuration.connector_definition(&application.connector_definition_id);
    definition.is_some_and(|definition| definition.maintenance)
}

/// Why an application is left alone now, if it is.
pub(crate) fn left_alone(record: &QuarantineRecord, now: DateTime<Utc>) -> Option<String> {
    let next = record.next_at.filter(|_| is_left_alone(record.next_at, now))?;
    Some(format!(
        "it is in quarantine since it failed {} times in a row, first at {}, and last: {}; it is tried again from {} on, \
         or once somebody releases it",
        record.failures,
        instant(record.first_at),
        record.reason,
        instant(next)
    ))
}

/// Why a run is not to be begun now, if it or one before it needs nothing but applications that are left alone.
pub(crate) fn quarantine_of(
    configuration: &Configuration,
    run: &NewRun,
    (records, now): (&[QuarantineRecord], DateTime<Utc>),
) -> Option<String> {
    if records.is_empty() {
        return None;
    }
    run.with_preceding().find_map(|run| {
        let applications = compile(configuration, &run.task_kind, &run.task).ok()?.applications();
        let why = |application: &ApplicationId| {
            let record = records.iter().find(|record| record.application == *application)?;
            left_alone(record, now)
        };
        let whys: Option<Vec<String>> = applications.iter().map(why).collect();
        let (application, why) = (applications.first()?, whys?.into_iter().next()?);
        Some(format!("application `{application}`, which task `{}` needs, cannot be used: {why}", run.task))
    })
}

impl Work {
    /// The applications that failed before, and where the run has come through.
    pub(crate) fn came_through(&self) -> Vec<ApplicationId> {
        if self.run.undoes.is_some() {
            return Vec::new();
        }
        let reads = match &self.task {
            Task::Inbound(_) => true,
            Task::Outbound(task) => task.verify == Verify::Live || self.run.keys.is_some(),
            Task::Cleanup(_) => false,
        };
        let came_through = |application: &ApplicationId| {
            let mut buckets = self.buckets.iter().filter(|bucket| bucket.application == *application);
            let any_left_out = buckets.clone().any(|bucket| bucket.left_out.is_some());
            let was_called = (reads && self.was_swept(application)) || self.written.contains(application);
            buckets.next().is_some() && !any_left_out && was_called
        };
        let failing = self.failing.iter().map(|record| &record.application);
        failing.filter(|application| came_through(application)).cloned().collect()
    }

    /// Says that applications have come out of quarantine.
    pub(crate) fn tell_of_return(&self, came_through: &[ApplicationId]) {
        for record in self.failing.iter().filter(|record| came_through.contains(&record.application)) {
            if record.next_at.is_some() {
                let (application, failures) = (&record.application, record.failures);
                tracing::info!(run = %self.run.id, %application, failures, "application out of quarantine");
            }
        }
    }
}
