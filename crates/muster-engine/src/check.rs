//! The check: what only the whole plan shows, its hash, and its limits. Nothing has been applied yet.

use std::collections::BTreeMap;

use muster_model::ApplicationId;
use muster_model::error::ErrorCode;
use muster_model::run::Outcome;
use muster_plan::digest::Hashing;
use muster_plan::guard::{Population, Trip};
use muster_plan::lifecycle::Event;
use muster_store::{ProblemRow, ProblemStep};

use crate::error::{EngineError, of_run};
use crate::sweep::Before;
use crate::worker::{Done, Task, Work};

/// The step of a bucket whose findings have been stored.
const CHECKED: u32 = 2;

/// From so many changes on the database is asked to look at its tables again.
const MANY: u64 = 100;

/// Keys that are asked for at a time.
pub(crate) const KEYS_AT_ONCE: usize = 1000;

impl Work {
    pub(crate) async fn stage_absence(&mut self) -> Result<Done, EngineError> {
        for index in 0..self.buckets.len() {
            if self.buckets[index].step == 0 {
                // Numbers of changes are the run's; those of every sweep are given out by now.
                let next = self.buckets.iter().map(|bucket| bucket.next_change).max();
                self.buckets[index].next_change = next.unwrap_or(1);
            }
            match self.task.clone() {
                Task::Inbound(task) => self.stage_missing(index, &task).await?,
                Task::Outbound(task) => self.stage_unmet(index, &task).await?,
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
        let failed: u64 = self.buckets.iter().map(|bucket| bucket.counters.outcome(Outcome::Failed)).sum();
        if let Some(allowed) = self.maximum_errors().filter(|allowed| failed > *allowed) {
            return Err(EngineError::TooManyErrors { failed, allowed });
        }
        let hash = self.plan_hash().await?;
        let trips = self.trips();
        let event = match self.run.approved_hash {
            Some(approved) if approved == hash => Event::PassedGuards,
            Some(_) => Event::PlanOutdated,
            None if trips.is_empty() && self.run.undoes.is_none() => Event::PassedGuards,
            None => Event::TrippedGuards,
        };
        let held = event == Event::TrippedGuards;
        // Nothing is undone before somebody has looked at what.
        let undo = self.run.undoes.map(|undone| format!("it undoes run {undone}; an undo is always held"));
        let limits = undo.into_iter().chain(trips.iter().map(|(_, trip)| trip.to_string()));
        let held_by = held.then(|| limits.collect::<Vec<_>>().join("\n"));
        let problems = verdict(event, &trips);
        Ok(Done { event, plan_hash: Some(hash), held_by, counters: None, problems })
    }

    /// Whether the plan is large enough for tables to look different afterwards.
    pub(crate) fn has_many_changes(&self) -> bool {
        let unchanged = |counters: &muster_model::run::Counters| counters.outcome(Outcome::Unchanged);
        let changed: u64 = self.buckets.iter().map(|b| b.counters.entries() - unchanged(&b.counters)).sum();
        changed >= MANY
    }

    fn maximum_errors(&self) -> Option<u64> {
        match &self.task {
            Task::Inbound(task) => task.error_policy.maximum_errors,
            Task::Outbound(task) => task.error_policy.maximum_errors,
        }
    }

    /// The limits that the plan exceeds, application by application.
    fn trips(&self) -> Vec<(ApplicationId, Trip)> {
        let mut trips = Vec::new();
        for (index, bucket) in self.buckets.iter().enumerate() {
            let accounts = Before::of(bucket).accounts;
            let (task_guards, application_guards) = match &self.task {
                Task::Inbound(task) => (&task.task_guards, &task.application_guards),
                Task::Outbound(task) => (&task.task_guards, task.application_guards(index)),
            };
            let population = Population {
                accounts,
                memberships: bucket.counters.read,
                members: bucket
                    .tally
                    .groups_losing()
                    .map(|(group, _)| (group.to_owned(), accounts))
                    .collect::<BTreeMap<_, _>>(),
            };
            let found =
                muster_plan::guard::check(&bucket.tally, &population, task_guards, application_guards);
            trips.extend(found.into_iter().map(|trip| (bucket.application.clone(), trip)));
        }
        trips
    }

    async fn plan_hash(&self) -> Result<muster_store::Hash, EngineError> {
        let mut plan = Hashing::default();
        for bucket in &self.buckets {
            let mut after = 0;
            loop {
                let pages = self.store.pages(&self.run, bucket.no, after, 100).await?;
                let Some(last) = pages.last() else { break };
                after = last.page;
                // The digests of changes, one after the other: the hash does not depend on the page size.
                pages.iter().for_each(|page| plan.add(&page.digest));
            }
        }
        for (change, outcome) in self.store.exceptions(&self.run).await? {
            plan.add(&change.to_le_bytes());
            plan.add(&[outcome.map_or(u8::MAX, |outcome| outcome as u8)]);
        }
        Ok(plan.finish())
    }
}

/// What is to be known about a plan that was held against its limits: each limit that it exceeds, unless somebody
/// approved it knowing them, and before all that it is not the one that was approved.
fn verdict(event: Event, trips: &[(ApplicationId, Trip)]) -> Vec<ProblemRow> {
    if event == Event::PassedGuards {
        return Vec::new();
    }
    let outdated = "the plan is not the one that was approved; nothing was done".to_owned();
    let outdated = of_run(ProblemStep::Check, ErrorCode::PlanOutdated, outdated);
    let outdated = (event == Event::PlanOutdated).then_some(outdated);
    let tripped = trips.iter().map(|(application, trip)| {
        let message = format!("application `{application}`: {trip}");
        of_run(ProblemStep::Check, ErrorCode::GuardTripped, message)
    });
    outdated.into_iter().chain(tripped).collect()
}
