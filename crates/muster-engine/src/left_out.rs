//! Applications that a provisioning run goes on without, since they cannot be read or written: the others go on. Which
//! they are is stored with the buckets before anything follows from it.

use muster_connector::ConnectorError;
use muster_model::ApplicationId;
use muster_model::configuration::Configuration;
use muster_model::error::ErrorCode;
use muster_model::run::{Counters, Phase};
use muster_plan::guard::Tally;
use muster_store::{
    ApplicationFailure, Bucket, LeftOut, ProblemStep, QuarantineRecord, RunRecord, StagedChanges, TenantStore,
};

use crate::Engine;
use crate::error::{EngineError, of_run};
use crate::outbound::ClassAbilities;
use crate::outbound::OutboundTask;
use crate::prepare::CompiledTask;
use crate::quarantine::{failure_of, left_alone};
use crate::worker::{Task, Work};

/// What the connectors of a task can do, class by class, and of each application that has none why not.
#[derive(Default)]
pub(crate) struct Opened {
    pub(crate) abilities: Vec<Option<ClassAbilities>>,
    pub(crate) faults: Vec<(ApplicationId, ConnectorError)>,
}

impl Engine {
    /// The applications that a run is to leave alone, with the reasons. That is decided once, before anything is read;
    /// a run over a single application, or of keys, is an attempt.
    pub(crate) fn left_alone(
        &self,
        run: &RunRecord,
        task: &CompiledTask,
        failing: &[QuarantineRecord],
    ) -> Vec<(ApplicationId, String)> {
        let applications = task.applications();
        let has_several = applications.iter().any(|application| *application != applications[0]);
        if run.state.phase != Phase::Start || run.keys.is_some() || !has_several {
            return Vec::new();
        }
        let now = self.surroundings.now();
        let alone = failing.iter().filter(|record| applications.contains(&record.application));
        alone.filter_map(|record| Some((record.application.clone(), left_alone(record, now)?))).collect()
    }

    /// Opens the connectors of a task's classes, but for applications that the run goes on without and those that are
    /// left alone.
    pub(crate) async fn open_all(
        &self,
        store: &TenantStore,
        configuration: &Configuration,
        (task, buckets): (&OutboundTask, &[Bucket]),
        alone: &[(ApplicationId, String)],
    ) -> Opened {
        let mut opened = Opened::default();
        for (class, bucket) in task.classes().iter().zip(buckets) {
            let id = &class.application.id;
            let is_left_alone = alone.iter().any(|(alone, _)| alone == id);
            if bucket.left_out.is_some()
                || is_left_alone
                || opened.faults.iter().any(|(faulty, _)| faulty == id)
            {
                opened.abilities.push(None);
                continue;
            }
            match self.open_connector(store, configuration, &class.application).await {
                Ok(connector) => {
                    let gives_keys = self.gives_keys(configuration, &class.application, &class.class);
                    let capabilities = connector.capabilities();
                    opened.abilities.push(Some(ClassAbilities { capabilities, gives_keys }));
                }
                Err(fault) => {
                    opened.abilities.push(None);
                    opened.faults.push((id.clone(), fault));
                }
            }
        }
        opened
    }
}

impl Work {
    /// Goes on without applications that are left alone, and without those that cannot be opened.
    ///
    /// # Errors
    /// As [`Work::go_on_without`].
    pub(crate) async fn go_on_with_others(
        &mut self,
        alone: Vec<(ApplicationId, String)>,
        faults: Vec<(ApplicationId, ConnectorError)>,
    ) -> Result<(), EngineError> {
        for (application, reason) in alone {
            tracing::info!(run = %self.run.id, %application, "application left out, since it is in quarantine");
            self.leave_out(&application, &reason, None).await?;
        }
        self.some_are_left()?;
        // At the end nobody is called any more.
        let faults = faults.into_iter().filter(|_| self.run.state.phase != Phase::Finish);
        for (application, source) in faults.collect::<Vec<_>>() {
            self.go_on_without(EngineError::Connector { application, source }).await?;
        }
        Ok(())
    }

    /// Goes on without an application that cannot be read or written, if the task has others.
    ///
    /// # Errors
    /// The error itself where it is none of an application, or of the only one of the task;
    /// [`EngineError::AllLeftOut`] where none is left.
    pub(crate) async fn go_on_without(&mut self, error: EngineError) -> Result<(), EngineError> {
        let EngineError::Connector { application, source } = error else { return Err(error) };
        if !self.has_others(&application) {
            return Err(EngineError::Connector { application, source });
        }
        let reason = source.to_string();
        tracing::warn!(run = %self.run.id, %application, reason, "application left out");
        let failure = failure_of(&self.configuration.resources, &application, &source);
        self.leave_out(&application, &reason, failure.as_ref()).await?;
        if failure.is_some() {
            self.engine.tell_of_quarantine(&self.store, &application).await;
        }
        self.some_are_left()
    }

    /// Fails where the run goes on without every application.
    pub(crate) fn some_are_left(&self) -> Result<(), EngineError> {
        let left_out =
            self.buckets.iter().map(|bucket| Some((&bucket.application, bucket.left_out.as_ref()?)));
        let all: Option<Vec<_>> = left_out.collect();
        match all.as_deref() {
            Some([(application, reason), ..]) => {
                let (application, reason) = ((*application).clone(), (*reason).clone());
                Err(EngineError::AllLeftOut { application, reason })
            }
            Some([]) | None => Ok(()),
        }
    }

    /// Whether the task looks at another application as well.
    fn has_others(&self, application: &ApplicationId) -> bool {
        let is_provisioning = match self.task {
            Task::Inbound(_) | Task::Cleanup(_) => false,
            Task::Outbound(_) => true,
        };
        is_provisioning && self.buckets.iter().any(|bucket| bucket.application != *application)
    }

    async fn leave_out(
        &mut self,
        application: &ApplicationId,
        reason: &str,
        failure: Option<&ApplicationFailure>,
    ) -> Result<(), EngineError> {
        let (staged, step, told) = match self.run.state.phase {
            Phase::Start | Phase::Sweep => {
                (StagedChanges::Dropped, ProblemStep::Read, "nothing is concluded about its accounts")
            }
            Phase::Absence | Phase::Check => {
                (StagedChanges::Dropped, ProblemStep::Check, "nothing is done about its accounts")
            }
            Phase::Apply(_) | Phase::Finish => {
                (StagedChanges::Kept, ProblemStep::Apply, "what was not written yet is not applied")
            }
        };
        for index in 0..self.buckets.len() {
            if self.buckets[index].application != *application {
                continue;
            }
            let first = self.first_change(index);
            let bucket = &mut self.buckets[index];
            if staged == StagedChanges::Dropped {
                empty(bucket, first, reason);
            }
            bucket.left_out = Some(reason.to_owned());
        }
        let message = format!(
            "application `{application}` is left out of this run: {reason}; {told}, and the other applications go on; \
             once it answers, launch the task again"
        );
        let problem = of_run(step, ErrorCode::ApplicationLeftOut, message);
        let buckets: Vec<Bucket> =
            self.buckets.iter().filter(|bucket| bucket.application == *application).cloned().collect();
        let mut applications: Vec<ApplicationId> = Vec::new();
        for bucket in self.buckets.iter().filter(|bucket| bucket.left_out.is_some()) {
            if applications.last() != Some(&bucket.application) {
                applications.push(bucket.application.clone());
            }
        }
        let left_out =
            LeftOut { buckets: &buckets, applications: &applications, staged, problem: &problem, failure };
        Ok(self.store.leave_out(&self.run, &left_out, self.now()).await?)
    }
}

/// Sets a bucket to its beginning, as one that was not read.
fn empty(bucket: &mut Bucket, first_change: u32, reason: &str) {
    (bucket.step, bucket.page, bucket.next_change) = (0, 0, first_change);
    (bucket.cursor, bucket.snapshot) = (None, None);
    bucket.sweep_end = Some(reason.to_owned());
    bucket.estimate = 0;
    (bucket.counters, bucket.tally) = (Counters::default(), Tally::default());
}
