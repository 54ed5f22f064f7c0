//! The check: what only the whole plan shows, its hash, and its limits. Nothing has been applied yet.

use std::collections::{BTreeMap, HashMap, HashSet};

use muster_model::ApplicationId;
use muster_model::error::ErrorCode;
use muster_model::run::Outcome;
use muster_plan::change::Action;
use muster_plan::digest::Hashing;
use muster_plan::guard::{Population, Trip};
use muster_plan::key::KeyHash;
use muster_plan::lifecycle::Event;
use muster_store::{ChangeRow, Makes, ProblemRow, ProblemStep};

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
                self.check_bucket(index).await?;
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
            None if trips.is_empty() => Event::PassedGuards,
            None => Event::TrippedGuards,
        };
        let held = event == Event::TrippedGuards;
        let held_by =
            held.then(|| trips.iter().map(|(_, trip)| trip.to_string()).collect::<Vec<_>>().join("\n"));
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

    /// Finds what no page can see by itself: keys read twice, creates that would be the same object, and
    /// references to nobody.
    async fn check_bucket(&mut self, index: usize) -> Result<(), EngineError> {
        let mut lists = Gathered::default();
        let mut after = 0;
        loop {
            let pages = self.store.pages(&self.run, self.buckets[index].no, after, 100).await?;
            let Some(last) = pages.last() else { break };
            after = last.page;
            for page in pages {
                lists.gather(page.lists);
            }
        }
        lists.made.sort_unstable();
        let mut problems = self.repeated(index, &lists).await?;
        for row in self.adopted(&mut lists).await? {
            self.buckets[index].tally.leave_out(row.action, &row.memberships);
            let message =
                format!("account `{}` belonged to nobody; it stays for the owner it is made for", row.uid);
            problems.push(of_change(&row, Some(Outcome::Reported), ErrorCode::Disputed, message));
        }
        let repeated: HashSet<u32> = problems.iter().filter_map(|problem| problem.change).collect();
        lists.sort_added_without(&repeated);
        problems.extend(self.disputed(&lists, &repeated).await?);
        let left_out: HashSet<u32> = problems.iter().filter_map(|problem| problem.change).collect();
        lists.sort_added_without(&left_out);
        if let Task::Inbound(_) = self.task {
            problems.extend(self.open_references(&lists, &left_out).await?);
        }
        let open = problems.iter().filter(|problem| problem.outcome.is_none()).count();
        let bucket = &mut self.buckets[index];
        (bucket.step, bucket.cursor) = (CHECKED, None);
        bucket.counters.open_references += open as u64;
        let now = self.engine.surroundings.now();
        Ok(self.store.checkpoint_noting(&self.run, bucket, &problems, now).await?)
    }

    /// Of staged changes that make a shadow of the same account the first counts, the later ones fail.
    async fn repeated(&self, index: usize, lists: &Gathered) -> Result<Vec<ProblemRow>, EngineError> {
        let suspects = same(&lists.made);
        let mut rows = self.store.changes_of(&self.run, &suspects).await?;
        rows.sort_by_key(|row| row.number);
        let mut first: HashMap<&str, &ChangeRow> = HashMap::new();
        let mut problems = Vec::new();
        for row in &rows {
            let Some(counted) = first.get(row.uid.as_str()) else {
                first.insert(&row.uid, row);
                continue;
            };
            let message = match (row.place, counted.place) {
                (Some(place), Some(before)) => format!(
                    "key `{}` at {} was read before, at {}; the first counts, remove the other",
                    row.uid,
                    self.place(index, place),
                    self.place(index, before)
                ),
                (None, _) | (_, None) => {
                    let object = |row: &ChangeRow| row.object.map(|id| id.to_string()).unwrap_or_default();
                    let (first, second) = (object(counted), object(row));
                    format!("objects {first} and {second} both give the key `{}`; make it unique", row.uid)
                }
            };
            problems.push(of_change(row, Some(Outcome::Failed), ErrorCode::EntryRepeated, message));
        }
        Ok(problems)
    }

    /// An account of nobody that is withdrawn while one of its key is made is that one: a run that was cut off may
    /// have made it and not have stored so. It stays, and is taken for the one made. Answers the withdrawals.
    async fn adopted(&self, lists: &mut Gathered) -> Result<Vec<ChangeRow>, EngineError> {
        if lists.withdrawn.is_empty() || lists.created.is_empty() {
            return Ok(Vec::new());
        }
        let mut both = [std::mem::take(&mut lists.withdrawn), std::mem::take(&mut lists.created)].concat();
        both.sort_unstable();
        let mut rows = self.store.changes_of(&self.run, &same(&both)).await?;
        rows.sort_by_key(|row| row.number);
        let created = rows.iter().filter(|row| row.action == Action::Create);
        let created: HashSet<String> = created.map(|row| row.uid.clone()).collect();
        rows.retain(|row| row.action != Action::Create && row.shadow.is_none() && created.contains(&row.uid));
        Ok(rows)
    }

    /// Staged changes that make a shadow and share a correlation key may mean one object: none is made. Nor is
    /// one whose key another change gives to its object: the next run finds that object.
    async fn disputed(
        &self,
        lists: &Gathered,
        repeated: &HashSet<u32>,
    ) -> Result<Vec<ProblemRow>, EngineError> {
        let mut left: Vec<(KeyHash, u32)> =
            lists.correlation.iter().copied().filter(|(_, change)| !repeated.contains(change)).collect();
        left.sort_unstable();
        let mut suspects: Vec<u32> = left
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|group| group.iter().any(|(_, change)| *change != group[0].1))
            .flat_map(|group| group.iter().map(|(_, change)| *change))
            .collect();
        suspects.extend(lists.fitting_another(&left));
        suspects.sort_unstable();
        suspects.dedup();
        let rows = self.store.changes_of(&self.run, &suspects).await?;
        Ok(rows
            .iter()
            .map(|row| {
                let message =
                    format!("account `{}` shares a correlation key with another change of this run", row.uid);
                of_change(row, Some(Outcome::Reported), ErrorCode::Disputed, message)
            })
            .collect())
    }

    /// References to objects that neither exist nor are made by this run. A warning; they stay pending.
    async fn open_references(
        &self,
        lists: &Gathered,
        left_out: &HashSet<u32>,
    ) -> Result<Vec<ProblemRow>, EngineError> {
        let mut wanted: Vec<(KeyHash, u32)> = lists
            .references
            .iter()
            .copied()
            .filter(|(_, change)| !left_out.contains(change))
            .filter(|(hash, _)| lists.added.binary_search_by_key(hash, |(added, _)| *added).is_err())
            .collect();
        wanted.sort_unstable();
        let mut changes = Vec::new();
        for chunk in wanted.chunks(KEYS_AT_ONCE) {
            let keys: Vec<KeyHash> = chunk.iter().map(|(hash, _)| *hash).collect();
            let known: HashSet<KeyHash> = self.store.known_keys(&keys).await?.into_iter().collect();
            changes.extend(chunk.iter().filter(|(hash, _)| !known.contains(hash)).map(|(_, change)| *change));
        }
        changes.sort_unstable();
        changes.dedup();
        let rows = self.store.changes_of(&self.run, &changes).await?;
        let message = "it refers to an object that does not exist yet; the reference stays pending";
        Ok(rows
            .iter()
            .map(|row| of_change(row, None, ErrorCode::ReferenceOpen, message.to_owned()))
            .collect())
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

/// The lists of all pages of a bucket, each sorted.
#[derive(Debug, Default)]
struct Gathered {
    made: Vec<(u64, u32)>,
    /// Accounts that are made, whether their shadows are or not.
    created: Vec<(u64, u32)>,
    /// Accounts that are disabled or deleted.
    withdrawn: Vec<(u64, u32)>,
    correlation: Vec<(KeyHash, u32)>,
    references: Vec<(KeyHash, u32)>,
    added: Vec<(KeyHash, u32)>,
}

impl Gathered {
    fn gather(&mut self, lists: muster_store::Lists) {
        let made = lists.slots.iter().filter(|slot| slot.makes != Makes::Nothing);
        self.made.extend(made.map(|slot| (slot.position.0, slot.change)));
        for slot in &lists.slots {
            let place = (slot.position.0, slot.change);
            match slot.action {
                Action::Create => self.created.push(place),
                Action::Disable | Action::Delete => self.withdrawn.push(place),
                Action::Link | Action::Update | Action::Refresh | Action::Unlink | Action::MarkGone => {}
            }
        }
        self.correlation.extend(lists.correlation.iter().map(|mention| (mention.hash, mention.change)));
        self.references.extend(lists.references.iter().map(|mention| (mention.hash, mention.change)));
        self.added.extend(lists.keys_added.iter().map(|key| (key.hash, key.change)));
    }

    /// Of changes with correlation keys, sorted, those whose key another change adds to its object.
    fn fitting_another(&self, correlation: &[(KeyHash, u32)]) -> Vec<u32> {
        let mut fitting = Vec::new();
        let mut added = self.added.as_slice();
        for (hash, change) in correlation {
            while added.first().is_some_and(|(key, _)| key < hash) {
                added = &added[1..];
            }
            let same = added.iter().take_while(|(key, _)| key == hash);
            if same.into_iter().any(|(_, other)| other != change) {
                fitting.push(*change);
            }
        }
        fitting
    }

    /// Puts the keys that the plan will add in order, without those of changes that are not carried out.
    fn sort_added_without(&mut self, left_out: &HashSet<u32>) {
        self.added.retain(|(_, change)| !left_out.contains(change));
        self.added.sort_unstable();
    }
}

/// The changes whose place is shared by another.
fn same(sorted: &[(u64, u32)]) -> Vec<u32> {
    sorted
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|group| group.len() > 1)
        .flat_map(|group| group.iter().map(|(_, change)| *change))
        .collect()
}

pub(crate) fn of_change(
    row: &ChangeRow,
    outcome: Option<Outcome>,
    code: ErrorCode,
    message: String,
) -> ProblemRow {
    ProblemRow {
        change: Some(row.number),
        outcome,
        step: ProblemStep::Check,
        code,
        uid: Some(row.uid.clone()),
        place: row.place,
        message,
    }
}
