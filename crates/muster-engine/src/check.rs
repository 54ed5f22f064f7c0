//! The check: what only the whole plan shows, its hash, and its limits. Nothing has been applied yet.

use std::collections::BTreeMap;

use muster_model::ConfigurationId;
use muster_model::configuration::guard::Guarded;
use muster_model::configuration::task::SynchronizationTaskDefinition;
use muster_model::error::ErrorCode;
use muster_model::run::Outcome;
use muster_plan::digest::Hashing;
use muster_plan::guard::{Earlier, Hold, Limits, Population};
use muster_plan::lifecycle::Event;
use muster_store::{EarlierBucket, ProblemRow, ProblemStep};

use crate::configuration::LoadedConfiguration;
use crate::error::{EngineError, of_run};
use crate::sweep::Before;
use crate::worker::{Done, Task, Work};

/// The step of a bucket whose findings have been stored.
const CHECKED: u32 = 2;

/// From so many changes on the database is asked to look at its tables again.
const MANY: u64 = 100;

/// As many failed entries say little about a source, or about the rules, even where they are most of what was read.
pub(crate) const FEW_FAILED: u64 = 20;

/// Keys that are asked for at a time.
pub(crate) const KEYS_AT_ONCE: usize = 1000;

impl Work {
    pub(crate) async fn stage_absence(&mut self) -> Result<Done, EngineError> {
        for index in 0..self.buckets.len() {
            // Whoever was not read may be there: nothing is concluded about the accounts of the application.
            if !self.was_swept(&self.buckets[index].application) {
                continue;
            }
            if self.buckets[index].step == 0 {
                // Numbers of changes are the run's; those of every sweep are given out by now.
                let next = self.buckets.iter().map(|bucket| bucket.next_change).max();
                self.buckets[index].next_change = next.unwrap_or(1);
            }
            let staged = match self.task.clone() {
                Task::Inbound(task) => self.stage_missing(index, &task).await,
                Task::Outbound(task) => self.stage_unmet(index, &task).await,
                // Whom it looks for it has read.
                Task::Cleanup(_) => Ok(()),
            };
            if let Err(error) = staged {
                self.go_on_without(error).await?;
            }
        }
        Ok(Event::AbsenceStaged.into())
    }

    pub(crate) async fn check(&mut self) -> Result<Done, EngineError> {
        for index in 0..self.buckets.len() {
            if self.buckets[index].step < CHECKED {
                let findings = self.findings(index).await?;
                self.note_findings(index, &findings, (CHECKED, None)).await?;
            }
        }
        if let Task::Outbound(task) = self.task.clone() {
            // Only when all buckets have been checked is it known which accounts are made.
            for index in 0..self.buckets.len() {
                self.check_names(index, &task).await?;
                self.store_levels(index, &task).await?;
            }
        }
        if self.has_many_changes() {
            self.refresh_statistics().await;
        }
        let exceptions = self.exceptions().await?;
        self.check_failures(&exceptions)?;
        let hash = self.plan_hash(&exceptions).await?;
        let holds = self.holds().await?;
        let event = match self.run.approved_hash {
            Some(approved) if approved == hash => Event::PassedGuards,
            Some(_) => Event::PlanOutdated,
            None if holds.is_empty() => Event::PassedGuards,
            None => Event::TrippedGuards,
        };
        let problems = verdict(event, &holds);
        Ok(Done { plan_hash: Some(hash), holds, problems, ..Done::from(event) })
    }

    /// Whether the plan is large enough for tables to look different afterwards.
    pub(crate) fn has_many_changes(&self) -> bool {
        let unchanged = |counters: &muster_model::run::Counters| counters.outcome(Outcome::Unchanged);
        let changed: u64 = self.buckets.iter().map(|b| b.counters.entries() - unchanged(&b.counters)).sum();
        changed >= MANY
    }

    /// Refuses a plan of which too much failed: more than the error policy allows, or without one more than half. Where one
    /// account is read there is nothing else to be kept from: what becomes of it is told.
    fn check_failures(&self, exceptions: &[(u32, Option<Outcome>)]) -> Result<(), EngineError> {
        if self.run.is_brief() {
            return Ok(());
        }
        let of_plan =
            exceptions.iter().filter(|(_, outcome)| *outcome == Some(Outcome::Failed)).count() as u64;
        let of_buckets = self.buckets.iter().map(|bucket| bucket.counters.outcome(Outcome::Failed));
        let failed = of_plan + of_buckets.sum::<u64>();
        let entries: u64 = self.buckets.iter().map(|bucket| bucket.counters.entries()).sum();
        match self.maximum_errors() {
            Some(allowed) if failed > allowed => Err(EngineError::TooManyErrors { failed, allowed }),
            None if self.run.keys.is_none() && failed > FEW_FAILED && failed > entries / 2 => {
                Err(EngineError::MostFailed { failed, entries })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn maximum_errors(&self) -> Option<u64> {
        match &self.task {
            Task::Inbound(task) => task.error_policy.maximum_errors,
            Task::Outbound(task) => task.error_policy.maximum_errors,
            Task::Cleanup(task) => task.task.error_policy.maximum_errors,
        }
    }

    /// What guards have against the plan.
    async fn holds(&self) -> Result<Vec<Hold>, EngineError> {
        let mut holds: Vec<Hold> = self.run.undoes.map(Hold::Undo).into_iter().collect();
        holds.extend(self.emptied());
        holds.extend(self.trips().await?);
        if self.run.keys.is_none()
            && self.run.undoes.is_none()
            && self.buckets.iter().any(|bucket| bucket.tally.withdraws())
        {
            let ways = self.widened().await?;
            holds.extend(ways.into_iter().map(Hold::Widened));
        }
        Ok(holds)
    }

    /// The targets that a complete sweep found empty, though accounts are known there.
    fn emptied(&self) -> Vec<Hold> {
        let is_read = matches!(self.task, Task::Outbound(_)) && self.run.keys.is_none();
        let empty = self
            .buckets
            .iter()
            .filter(|bucket| is_read && bucket.sweep_end.as_deref() == Some("") && bucket.counters.read == 0);
        let known = empty.map(|bucket| (bucket.application.clone(), Before::of(bucket).accounts));
        let known = known.filter(|(_, known)| *known > 0);
        known.map(|(application, known)| Hold::Emptied { application, known }).collect()
    }

    /// The limits that the plan exceeds, application by application.
    async fn trips(&self) -> Result<Vec<Hold>, EngineError> {
        let limits: Vec<Limits<'_>> = (0..self.buckets.len()).map(|index| self.limits(index)).collect();
        let withdraws = self.buckets.iter().any(|bucket| bucket.tally.withdraws());
        let hours = limits.iter().map(Limits::longest_window).max().filter(|hours| withdraws && *hours > 0);
        let earlier = match hours {
            Some(hours) => {
                let within = (hours, self.engine.surroundings.now());
                self.store.earlier(&self.run, &self.counted_together(), within).await?
            }
            None => Vec::new(),
        };
        let mut holds = Vec::new();
        for (index, (bucket, limits)) in self.buckets.iter().zip(limits).enumerate() {
            let before = self.buckets[..index].iter();
            let place = 1 + before.filter(|other| other.application == bucket.application).count();
            let of_bucket =
                |one: &&EarlierBucket| one.application == bucket.application && one.place as usize == place;
            let earlier: Vec<_> = earlier.iter().filter(of_bucket).map(|one| one.earlier.clone()).collect();
            let accounts = self.accounts(index, limits, &earlier).await?;
            let members = self.members(index, limits, &earlier).await?;
            let population = Population { accounts, members };
            let trips = muster_plan::guard::check(&bucket.tally, &population, limits, &earlier);
            let application = &bucket.application;
            holds
                .extend(trips.into_iter().map(|trip| Hold::Limit { application: application.clone(), trip }));
        }
        Ok(holds)
    }

    /// How many accounts there are. A run of single keys counts them only where a limit asks for it.
    async fn accounts(
        &self,
        index: usize,
        limits: Limits<'_>,
        earlier: &[Earlier],
    ) -> Result<u64, EngineError> {
        let bucket = &self.buckets[index];
        if self.run.keys.is_none() {
            return Ok(Before::of(bucket).accounts);
        }
        if !muster_plan::guard::asks_for_population(&bucket.tally, limits, earlier) {
            return Ok(0);
        }
        let Some((application, class)) = self.accounts_of(index) else { return Ok(0) };
        Ok(self.store.live_shadows(&application.id, class.id.as_str()).await?)
    }

    /// How many members groups have, as far as accounts were granted them. Counted only where the plan ends memberships
    /// and a limit asks for it.
    async fn members(
        &self,
        index: usize,
        limits: Limits<'_>,
        earlier: &[Earlier],
    ) -> Result<BTreeMap<String, u64>, EngineError> {
        let tally = &self.buckets[index].tally;
        let takes = tally.of(Guarded::MembershipRemoval) > 0;
        if !takes || !muster_plan::guard::asks_for_population(tally, limits, earlier) {
            return Ok(BTreeMap::new());
        }
        let Some((application, class)) = self.accounts_of(index) else { return Ok(BTreeMap::new()) };
        Ok(self.store.granted_members(&application.id, class.id.as_str()).await?)
    }

    fn limits(&self, index: usize) -> Limits<'_> {
        let (task, application) = match &self.task {
            Task::Inbound(task) => (&task.task_guards, &task.application_guards),
            Task::Outbound(task) => (&task.task_guards, task.application_guards(index)),
            Task::Cleanup(task) => (&task.task.guards, &task.no_guards),
        };
        Limits { launch: self.run.overriding.as_ref().map(|given| &given.guards), task, application }
    }

    /// The tasks whose runs limits count together: those that look at the same accounts.
    fn counted_together(&self) -> Vec<&ConfigurationId> {
        let resources = &self.configuration.resources;
        match &self.task {
            Task::Inbound(task) => {
                let reads = |other: &&SynchronizationTaskDefinition| {
                    other.task_type.source().is_some_and(|source| {
                        source.application_id == task.application.id
                            && source.object_class_id == task.class.id
                    })
                };
                resources.synchronization_tasks().filter(reads).map(|task| &task.id).collect()
            }
            // Each is about all classes of an application, and about these in one order.
            Task::Outbound(_) => resources.provisioning_tasks().map(|task| &task.id).collect(),
            Task::Cleanup(task) => {
                let directory = &task.task.decisions.directory;
                let of = |other: &&SynchronizationTaskDefinition| {
                    other.task_type.source().is_none() && other.directory_id == *directory
                };
                resources.synchronization_tasks().filter(of).map(|task| &task.id).collect()
            }
        }
    }

    /// In which ways the configuration lets the task take more away than when somebody last saw what it takes.
    async fn widened(&self) -> Result<Vec<String>, EngineError> {
        let mut found: Vec<String> = Vec::new();
        for known in self.store.known_rules(&self.run).await? {
            if known == self.run.rules {
                continue;
            }
            let before = LoadedConfiguration::parse(self.store.rules_body(&known).await?)?;
            let task = (self.run.task_kind, &self.run.task);
            let ways = muster_plan::widening::widened(&before.resources, &self.configuration.resources, task);
            found.extend(ways.into_iter().filter(|way| !found.contains(way)).collect::<Vec<_>>());
        }
        Ok(found)
    }

    async fn plan_hash(
        &self,
        exceptions: &[(u32, Option<Outcome>)],
    ) -> Result<muster_store::Hash, EngineError> {
        let mut plan = Hashing::default();
        for index in 0..self.buckets.len() {
            let mut after = 0;
            loop {
                let pages = self.pages(index, after).await?;
                let Some(last) = pages.last() else { break };
                after = last.page;
                // The digests of changes, one after the other: the hash does not depend on the page size.
                pages.iter().for_each(|page| plan.add(&page.digest));
            }
        }
        for (change, outcome) in exceptions {
            plan.add(&change.to_le_bytes());
            plan.add(&[outcome.map_or(u8::MAX, |outcome| outcome as u8)]);
        }
        Ok(plan.finish())
    }
}

/// What is to be known about a plan that was held against its limits: each limit that it exceeds, unless somebody
/// approved it knowing them, and before all that it is not the one that was approved.
fn verdict(event: Event, holds: &[Hold]) -> Vec<ProblemRow> {
    if event == Event::PassedGuards {
        return Vec::new();
    }
    let outdated = "the plan is not the one that was approved; nothing was done".to_owned();
    let outdated = of_run(ProblemStep::Check, ErrorCode::PlanOutdated, outdated);
    let outdated = (event == Event::PlanOutdated).then_some(outdated);
    let tripped = holds.iter().map(|hold| {
        let message = match hold {
            Hold::Limit { application, .. } if application.is_none() => hold.to_string(),
            Hold::Limit { application, .. } => format!("application `{application}`: {hold}"),
            Hold::Emptied { .. } | Hold::Widened(_) | Hold::Undo(_) => hold.to_string(),
        };
        of_run(ProblemStep::Check, ErrorCode::GuardTripped, message)
    });
    outdated.into_iter().chain(tripped).collect()
}
