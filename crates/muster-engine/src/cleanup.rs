//! Clean-ups: in the place of a source the users of a directory are read, and those that are not in use any more are
//! staged. What the others are skipped for goes to the messages of the run.

use muster_model::configuration::Configuration;
use muster_model::configuration::application::Direction;
use muster_model::configuration::guard::Guards;
use muster_model::configuration::task::{Cleanup, ErrorPolicy, SynchronizationTaskDefinition};
use muster_model::{ApplicationId, ImObject, ObjectId};
use muster_plan::cleanup::{Cleaned, CleaningUp};
use muster_plan::decision::Decision;
use muster_plan::inbound::Anonymizing;
use muster_plan::key::KeyHash;
use muster_store::{Making, Met, Reading, RunRecord, Target};

use crate::configuration::{ConfigurationError, key_specs, object_class, other_sources};
use crate::error::EngineError;
use crate::sweep::Decided;
use crate::sweep_inbound::{leave, take};
use crate::worker::Work;

/// The attribute of users that holds their groups, where no object type says it.
const GROUPS: &str = "groups";

/// A clean-up, compiled.
pub(crate) struct CleanupTask {
    pub(crate) decisions: CleaningUp,
    pub(crate) sources: Vec<ApplicationId>,
    pub(crate) guards: Guards,
    pub(crate) error_policy: ErrorPolicy,
}

/// A clean-up in one run.
pub(crate) struct CleanupRun {
    pub(crate) task: CleanupTask,
    pub(crate) target: Target,
    /// No application sets limits.
    pub(crate) no_guards: Guards,
}

impl CleanupTask {
    /// Compiles a clean-up in the light of all sources: what they say of users is what anonymizing takes away.
    pub(crate) fn compile(
        configuration: &Configuration,
        (task, cleanup): (&SynchronizationTaskDefinition, &Cleanup),
    ) -> Result<Self, ConfigurationError> {
        let (mut anonymizing, mut groups, mut protected) = (Anonymizing::default(), Vec::new(), Vec::new());
        for application in configuration.applications() {
            for mapping in application.object_types.iter().filter(|m| m.object_kind == CleaningUp::KIND) {
                protected.extend(mapping.protected.clone());
                if mapping.direction != Some(Direction::Outbound) {
                    anonymizing.add(mapping, object_class(application, &mapping.object_class_id)?);
                    groups.extend(mapping.groups.as_ref().map(|groups| groups.attribute.clone()));
                }
            }
        }
        if groups.is_empty() {
            groups.push(GROUPS.into());
        }
        let decisions = CleaningUp {
            directory: task.directory_id.clone(),
            task: cleanup.clone(),
            groups,
            protected,
            anonymizing,
            keys: key_specs(configuration)?,
        };
        Ok(Self {
            decisions,
            sources: other_sources(configuration, &ApplicationId::none()),
            guards: task.guards.clone(),
            error_policy: task.error_policy,
        })
    }

    pub(crate) fn of_run(self, run: &RunRecord) -> CleanupRun {
        let target = Target {
            application: ApplicationId::none(),
            class: None,
            directory: self.decisions.directory.clone(),
            kind: CleaningUp::KIND,
            object_type: None,
            making: if run.undoes.is_some() { Making::Again } else { Making::First },
            reading: Reading::All,
        };
        CleanupRun { task: self, target, no_guards: Guards::default() }
    }
}

/// What the change of an object goes by where others go by the key of an account.
pub(crate) fn place_of(object: ObjectId) -> KeyHash {
    KeyHash(*object.0.as_bytes())
}

impl Work {
    /// Stages what becomes of the users of a directory, page by page.
    pub(crate) async fn sweep_directory(
        &mut self,
        index: usize,
        task: &CleanupRun,
    ) -> Result<(), EngineError> {
        let of = (&task.task.decisions.directory, CleaningUp::KIND);
        loop {
            self.may_go_on()?;
            let after = self.buckets[index].cursor.as_deref().and_then(|id| id.parse().ok()).map(ObjectId);
            let limit = u32::try_from(self.page_size()).unwrap_or(u32::MAX).max(1);
            let users = self.store.population(of, after, limit).await?;
            let Some(last) = users.last().map(|user| user.id) else { break };
            let decided = self.clean(index, task, &users);
            let bucket = &mut self.buckets[index];
            bucket.counters.add(&decided.counters);
            bucket.tally.add(&decided.tally);
            bucket.page += 1;
            bucket.next_change =
                bucket.next_change.saturating_add(u32::try_from(users.len()).unwrap_or(u32::MAX));
            bucket.cursor = Some(last.to_string());
            let now = self.engine.surroundings.now();
            self.store.stage(&self.run, bucket, &Met::default(), decided.rows, now).await?;
        }
        self.buckets[index].sweep_end = Some(String::new());
        Ok(self.store.checkpoint(&self.run, &self.buckets[index], self.now()).await?)
    }

    /// Decides about a page of users, and says why some are skipped.
    fn clean(&self, index: usize, task: &CleanupRun, users: &[ImObject]) -> Decided {
        let mut decided = Decided::default();
        decided.counters.read = users.len() as u64;
        let (bucket, at) = (&self.buckets[index], self.decided_at());
        for (number, user) in (bucket.next_change..).zip(users) {
            let broken = |decision| Cleaned { name: user.id.to_string(), decision, message: None };
            let cleaned = Decision::or_broken(|| task.task.decisions.decide(user, at), broken);
            if let Some(message) = cleaned.message {
                decided.rows.say(message);
            }
            leave(&mut decided, &cleaned.name, &cleaned.decision);
            let at = (bucket.no, number, place_of(user.id));
            take(&mut decided, &self.run, at, (&cleaned.name, None), cleaned.decision);
        }
        decided
    }
}
