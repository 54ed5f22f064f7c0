//! Schedules: when an execution plan fires, what was missed, and how a schedule stands after each event.
//!
//! Given the plan, when it was saved, and an instant. Never searches time step by step.

mod calendar;
mod zone;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use muster_model::configuration::task::{ExecutionPlan, IntervalUnit};
use muster_model::schedule::{FireOutcome, ScheduleState};

use crate::digest::hash;

/// Due times that were missed are counted so far; beyond it there were at least so many.
pub const MOST_MISSED: u32 = 1000;

/// An execution plan, and the instant from which it holds.
#[derive(Debug, Clone, Copy)]
pub struct Schedule<'a> {
    /// The plan.
    pub plan: &'a ExecutionPlan,
    /// When it was saved. Intervals without a first time are counted from here.
    pub anchor: DateTime<Utc>,
}

/// What follows when a due time is dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Afterwards {
    /// Later due times that have passed as well, at most [`MOST_MISSED`]. They fire nothing: what was missed is
    /// made up for once.
    pub missed: u32,
    /// The next time, after now.
    pub next_due: Option<DateTime<Utc>>,
}

impl Schedule<'_> {
    /// The first time after an instant at which it fires; `None` when it never does again.
    #[must_use]
    pub fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self.plan {
            ExecutionPlan::Manual => None,
            ExecutionPlan::Once { fire_time } => Some(to_millis(*fire_time)).filter(|time| *time > after),
            ExecutionPlan::Cron { cron, time_zone } => zone::next(cron, time_zone.unwrap_or_default(), after),
            ExecutionPlan::Interval { interval, unit, fire_time } => {
                let step = step(*interval, *unit);
                let first = fire_time.map(to_millis).or_else(|| self.anchor.checked_add_signed(step))?;
                next_of_interval(first, step, after)
            }
        }
    }

    /// The times after an instant at which it fires, in their order.
    pub fn following(&self, after: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
        std::iter::successors(self.next(after), |last| self.next(*last))
    }

    /// What follows when the time `due`, which has come by now, is dealt with.
    #[must_use]
    pub fn afterwards(&self, due: DateTime<Utc>, now: DateTime<Utc>) -> Afterwards {
        let missed = self.following(due).take_while(|time| *time <= now).take(MOST_MISSED as usize).count();
        Afterwards { missed: u32::try_from(missed).unwrap_or(MOST_MISSED), next_due: self.next(now.max(due)) }
    }
}

/// Due times are kept to the millisecond.
fn to_millis(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(3)
}

fn step(interval: u32, unit: IntervalUnit) -> TimeDelta {
    let seconds = match unit {
        IntervalUnit::Seconds => 1,
        IntervalUnit::Minutes => 60,
        IntervalUnit::Hours => 60 * 60,
        IntervalUnit::Days => 24 * 60 * 60,
        IntervalUnit::Weeks => 7 * 24 * 60 * 60,
    };
    TimeDelta::try_seconds(i64::from(interval) * seconds).unwrap_or(TimeDelta::MAX)
}

fn next_of_interval(first: DateTime<Utc>, step: TimeDelta, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if first > after {
        return Some(first);
    }
    let (passed, step) = ((after - first).num_milliseconds(), step.num_milliseconds().max(1));
    let ahead = (passed / step + 1).checked_mul(step)?;
    first.checked_add_signed(TimeDelta::try_milliseconds(ahead)?)
}

/// What is kept of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The hash of the plan.
    pub plan: [u8; 16],
    /// When that plan was saved.
    pub anchor: DateTime<Utc>,
    /// Whether somebody paused it.
    pub paused: bool,
    /// When it fires next; `None` while it is paused, and when it never does.
    pub next_due: Option<DateTime<Utc>>,
}

impl Standing {
    /// How a schedule stands once its task has been saved: anew if the plan is another than before. A pause
    /// outlasts that, unless the new plan has nothing that could be paused.
    #[must_use]
    pub fn saved(before: Option<Self>, plan: &ExecutionPlan, saved_at: DateTime<Utc>) -> Self {
        let hash = plan_hash(plan);
        match before {
            Some(same) if same.plan == hash => same,
            other => {
                let paused = other.is_some_and(|other| other.paused) && *plan != ExecutionPlan::Manual;
                let running = Self { plan: hash, anchor: saved_at, paused: false, next_due: None };
                if paused { running.paused() } else { running.resumed(plan, saved_at) }
            }
        }
    }

    /// The same, paused: nothing is due.
    #[must_use]
    pub fn paused(self) -> Self {
        Self { paused: true, next_due: None, ..self }
    }

    /// The same, going on from an instant. Times that passed while it was paused are not made up for.
    #[must_use]
    pub fn resumed(self, plan: &ExecutionPlan, now: DateTime<Utc>) -> Self {
        let schedule = Schedule { plan, anchor: self.anchor };
        Self { paused: false, next_due: schedule.next(now), ..self }
    }
}

/// Whether a run of the task is under way that no other may run beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupation {
    /// None is.
    Free,
    /// One is.
    Taken,
}

/// How a schedule stands to those who look at it.
#[must_use]
pub fn state(
    plan: &ExecutionPlan,
    standing: &Standing,
    last: Option<FireOutcome>,
    task: Occupation,
) -> ScheduleState {
    if *plan == ExecutionPlan::Manual {
        return ScheduleState::None;
    }
    match (standing.paused, last, standing.next_due, task) {
        (true, ..) => ScheduleState::Paused,
        (false, Some(FireOutcome::Error), ..) => ScheduleState::Error,
        (false, _, None, _) => ScheduleState::Complete,
        (false, _, Some(_), Occupation::Taken) => ScheduleState::Blocked,
        (false, _, Some(_), Occupation::Free) => ScheduleState::Normal,
    }
}

/// What tells a plan from others.
#[must_use]
pub fn plan_hash(plan: &ExecutionPlan) -> [u8; 16] {
    hash(canonical(plan).as_bytes())
}

/// A plan in one line. It is stored as a hash, so it never changes.
fn canonical(plan: &ExecutionPlan) -> String {
    match plan {
        ExecutionPlan::Manual => "MANUAL".to_owned(),
        ExecutionPlan::Once { fire_time } => format!("ONCE {}", fire_time.timestamp_millis()),
        ExecutionPlan::Cron { cron, time_zone } => {
            format!("CRON {} {cron}", time_zone.unwrap_or_default().name())
        }
        ExecutionPlan::Interval { interval, unit, fire_time } => {
            let first = fire_time.map(|first| first.timestamp_millis().to_string()).unwrap_or_default();
            format!("INTERVAL {} {first}", step(*interval, *unit).num_seconds())
        }
    }
}

#[cfg(test)]
mod tests;
