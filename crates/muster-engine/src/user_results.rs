//! What became of each user in a sync: a view over what its run keeps anyway. First the changes with what came of them, then
//! the entries that failed or were left alone with a reason, then those that were met as they were known. Page by page,
//! whatever the size of the run; never writes.

use std::collections::BTreeMap;

use muster_model::attribute::{Field, Value};
use muster_model::run::{Outcome, ProgressStatus};
use muster_model::user_sync::{UserOperation, UserResult};
use muster_model::{AttributeName, Attributes};
use muster_plan::change::Action;
use muster_store::{ChangeQuery, ChangeRow, ChangeStatus, ProblemRecord, RunRecord, StoreError, TenantStore};
use roaring::RoaringBitmap;

/// Changes, or notes about entries, of a page.
const PAGE: u32 = 500;

/// The attribute by whose name it is told whether somebody is enabled.
const ENABLED: &str = "enabled";

/// The results of a sync, each entry of its run once.
#[derive(Debug)]
pub struct UserResults {
    store: TenantStore,
    run: RunRecord,
    next: Next,
    /// The shadows of which a change has told.
    told: RoaringBitmap,
}

/// What comes next.
#[derive(Debug, Clone, Copy)]
enum Next {
    ChangesAfter(u32),
    ProblemsAfter(i64),
    EntriesAfter(u32),
    Nothing,
}

/// How many results of each operation there are. Of a plan that waits for an approval nothing has been done.
///
/// # Errors
/// When the store fails.
pub async fn counts_of(
    store: &TenantStore,
    run: &RunRecord,
) -> Result<BTreeMap<UserOperation, u64>, StoreError> {
    let mut counters = run.counters;
    if run.state.status == ProgressStatus::Held {
        for (planned, came_out, entries) in store.ended_otherwise(run).await? {
            counters.move_outcome(planned, came_out, entries);
        }
        for outcome in Action::ALL.into_iter().filter(|action| action.touches()).map(Action::outcome) {
            counters.move_outcome(outcome, Outcome::NotApplied, counters.outcome(outcome));
        }
    }
    let mut counts = BTreeMap::new();
    for outcome in Outcome::ALL {
        *counts.entry(UserOperation::of(outcome)).or_default() += counters.outcome(outcome);
    }
    Ok(counts)
}

impl UserResults {
    /// The results of a sync.
    #[must_use]
    pub fn of(store: TenantStore, run: RunRecord) -> Self {
        Self { store, run, next: Next::ChangesAfter(0), told: RoaringBitmap::new() }
    }

    /// The next of them, a bounded number; none when there are no more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn next_page(&mut self) -> Result<Vec<UserResult>, StoreError> {
        loop {
            let page = match self.next {
                Next::ChangesAfter(number) => self.changes(number).await?,
                Next::ProblemsAfter(number) => self.problems(number).await?,
                Next::EntriesAfter(page) => self.entries(page).await?,
                Next::Nothing => return Ok(Vec::new()),
            };
            if !page.is_empty() {
                return Ok(page);
            }
        }
    }

    async fn changes(&mut self, after: u32) -> Result<Vec<UserResult>, StoreError> {
        let query = ChangeQuery { after, limit: PAGE, ..ChangeQuery::default() };
        let page = self.store.change_page(&self.run, &query).await?;
        self.next = page.next.map_or(Next::ProblemsAfter(i64::MIN), Next::ChangesAfter);
        self.told.extend(page.changes.iter().filter_map(|change| change.shadow));
        Ok(page.changes.into_iter().map(|change| of_change(&self.run, change)).collect())
    }

    async fn problems(&mut self, after: i64) -> Result<Vec<UserResult>, StoreError> {
        let problems = self.store.entry_problems(&self.run, (after, PAGE)).await?;
        self.next = match problems.last() {
            Some(last) => Next::ProblemsAfter(last.no),
            None => Next::EntriesAfter(0),
        };
        Ok(problems.into_iter().map(of_problem).collect())
    }

    async fn entries(&mut self, after: u32) -> Result<Vec<UserResult>, StoreError> {
        let Some(left) = self.store.left_entries(&self.run, after, &self.told).await? else {
            self.next = Next::Nothing;
            return Ok(Vec::new());
        };
        self.next = Next::EntriesAfter(left.page);
        Ok(left.entries.into_iter().map(|(outcome, key)| met(outcome, key)).collect())
    }
}

/// What became of somebody of whom there is no more to say.
pub(crate) fn met(outcome: Outcome, identifier: String) -> UserResult {
    UserResult {
        operation: UserOperation::of(outcome),
        identifier,
        input_user: None,
        resulting_user: None,
        message: None,
    }
}

fn of_problem(problem: ProblemRecord) -> UserResult {
    let outcome = problem.outcome.unwrap_or(Outcome::Failed);
    UserResult { message: Some(problem.message), ..met(outcome, problem.uid.unwrap_or_default()) }
}

fn of_change(run: &RunRecord, change: ChangeRow) -> UserResult {
    let before = before(&change);
    let after = after(&change);
    let (outcome, message) = match change.status {
        ChangeStatus::Ended { outcome, message } => (outcome, Some(message)),
        ChangeStatus::Planned if change.action.touches() => match unapplied(run) {
            Some(why) => (Outcome::NotApplied, Some(why.to_owned())),
            None => (change.action.outcome(), change.why),
        },
        ChangeStatus::Planned | ChangeStatus::Applied => (change.action.outcome(), change.why),
    };
    let operation = UserOperation::of(outcome);
    let resulting_user = match operation {
        UserOperation::Added | UserOperation::Updated => after,
        UserOperation::NotModified => before.clone(),
        UserOperation::Deleted | UserOperation::Filtered | UserOperation::Failed => None,
    };
    UserResult { operation, identifier: change.uid, input_user: before, resulting_user, message }
}

/// Why changes of a run whose turn has not come are not carried out now.
fn unapplied(run: &RunRecord) -> Option<&'static str> {
    match run.state.status {
        ProgressStatus::Held => Some("the plan of the sync waits for an approval"),
        ProgressStatus::Finished => Some("the sync ended before its turn came"),
        ProgressStatus::Pending | ProgressStatus::Running | ProgressStatus::Paused => None,
    }
}

/// The user before a change, as far as the change tells.
fn before(change: &ChangeRow) -> Option<Attributes> {
    if change.action == Action::Create {
        return None;
    }
    let mut user = change.result.clone();
    for (name, field) in &change.before {
        user.set(name.clone(), field.clone());
    }
    with_enabled(user, (change.state > 0).then_some(change.state > 1))
}

/// The user after a change, as far as the change tells.
fn after(change: &ChangeRow) -> Option<Attributes> {
    with_enabled(change.result.clone(), (change.state > 0).then_some(change.state == 1))
}

fn with_enabled(mut user: Attributes, enabled: Option<bool>) -> Option<Attributes> {
    if let Some(enabled) = enabled {
        user.set(AttributeName::from(ENABLED), Field::One(Value::Boolean(enabled)));
    }
    (!user.is_empty()).then_some(user)
}
