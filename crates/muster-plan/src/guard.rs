//! Guards: whether a whole plan stays within its limits. Asked once, before anything destructive is done.

use std::collections::BTreeMap;

use muster_model::configuration::application::Reaction;
use muster_model::configuration::guard::{Guarded, Guards, Limit};
use muster_model::difference::AttributeChange;
use muster_model::{ApplicationId, RunId};

use crate::change::{Action, Change, MembershipChange, StateChange};

/// What a plan, or a part of one, would do, as far as limits look at it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    counts: BTreeMap<Guarded, u64>,
    clearing: BTreeMap<String, u64>,
    members_lost: BTreeMap<String, u64>,
}

/// A limit that a plan exceeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trip {
    /// What was limited.
    pub guarded: Guarded,
    /// The attribute or group, where the limit counts for each.
    pub of: Option<String>,
    /// How many changes there are.
    pub changes: u64,
    /// Of how many.
    pub population: u64,
    /// The limit.
    pub limit: Limit,
    /// Where runs are counted together: over how many hours, and how many changes those before this one made.
    pub window: Option<Window>,
}

/// Why a plan is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// A limit is exceeded in an application.
    Limit {
        /// The application.
        application: ApplicationId,
        /// The limit.
        trip: Trip,
    },
    /// A target shows none of the accounts that are known there: it is empty, or another one.
    Emptied {
        /// The application.
        application: ApplicationId,
        /// How many accounts are known.
        known: u64,
    },
    /// The configuration lets the task take away more than it did when it was last carried out, in this way.
    Widened(String),
    /// It undoes this run: nothing is undone before somebody has looked at what.
    Undo(RunId),
}

impl std::fmt::Display for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Limit { trip, .. } => trip.fmt(f),
            Self::Emptied { application, known } => {
                let known = match known {
                    1 => "1 account is".to_owned(),
                    many => format!("{many} accounts are"),
                };
                write!(
                    f,
                    "emptied: application `{application}` shows no account, but {known} known; approve the plan if they \
                     are really gone, to have them made again"
                )
            }
            Self::Widened(how) => write!(f, "{how}: whom that takes something from is looked at once"),
            Self::Undo(undone) => write!(f, "it undoes run {undone}; an undo is always held"),
        }
    }
}

/// Runs that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Over so many hours.
    pub hours: u32,
    /// So many of the changes were made by runs before this one.
    pub before: u64,
}

/// What an earlier run of the task did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// So many whole hours ago.
    pub hours_ago: u32,
    /// What it did.
    pub tally: Tally,
}

/// The limits of a run, those that come first before those that they replace.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    /// Those of the launch, which somebody answers for.
    pub launch: Option<&'a Guards>,
    /// The task's.
    pub task: &'a Guards,
    /// The application's.
    pub application: &'a Guards,
}

impl Limits<'_> {
    /// The limit that holds, with the hours over which runs are counted together: the launch's, the task's, the
    /// application's, or the default. Who says at a launch how much may be done means that run.
    #[must_use]
    pub fn effective(&self, guarded: Guarded) -> Option<(Limit, u32)> {
        if let Some(limit) = self.launch.and_then(|launch| launch.limit(guarded)) {
            return Some((limit, limit.window_hours.unwrap_or(0)));
        }
        let limit = self.task.limit(guarded).or_else(|| self.application.limit(guarded));
        let limit = limit.or_else(|| guarded.default_limit())?;
        Some((limit, limit.window_hours.unwrap_or_else(|| guarded.default_window_hours())))
    }

    /// The most hours that any limit looks back; 0 when none does.
    #[must_use]
    pub fn longest_window(&self) -> u32 {
        let windows = Guarded::ALL.into_iter().filter_map(|guarded| self.effective(guarded));
        windows.map(|(_, hours)| hours).max().unwrap_or(0)
    }
}

impl std::fmt::Display for Trip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { guarded, of, changes, population, limit, window } = self;
        write!(f, "{}", guarded.as_str())?;
        if let Some(of) = of {
            write!(f, " of `{of}`")?;
        }
        write!(f, ": {changes} of {population}")?;
        if let Some(Window { hours, before }) = window {
            write!(f, " within {hours} hours, {before} of them by earlier runs")?;
        }
        match (limit.count, limit.percent) {
            (Some(count), _) if *changes > count => write!(f, ", the limit is {count}"),
            (_, Some(percent)) => write!(f, ", the limit is {percent} % and at least {}", limit.minimum),
            (_, None) => Ok(()),
        }
    }
}

impl Tally {
    /// Counts one change.
    pub fn count(&mut self, change: &Change) {
        let guarded = match change.action {
            Action::Create => Some(Guarded::Create),
            Action::Link | Action::Update => match change.state {
                StateChange::Disable(_) => Some(Guarded::Disable),
                StateChange::Keep | StateChange::Enable => Some(Guarded::Update),
            },
            Action::Disable => Some(Guarded::Disable),
            Action::Delete => Some(Guarded::Delete),
            Action::Unlink => Some(Guarded::Unlink),
            Action::Refresh | Action::MarkGone => None,
        };
        if let Some(guarded) = guarded {
            *self.counts.entry(guarded).or_default() += 1;
        }
        // Who is deleted or anonymized is counted as that alone.
        if change.action != Action::Delete && change.reaction != Reaction::Anonymize {
            for cleared in
                change.differences.iter().filter(|difference| AttributeChange::is_clearing(difference))
            {
                *self.clearing.entry(cleared.name.to_string()).or_default() += 1;
            }
        }
        for lost in change.memberships.iter().flat_map(|membership| &membership.remove) {
            *self.counts.entry(Guarded::MembershipRemoval).or_default() += 1;
            *self.members_lost.entry(lost.clone()).or_default() += 1;
        }
    }

    /// Takes back what was counted for an account of nobody that was to be withdrawn and stays: limits look at what
    /// will be done. What is disputed or met twice keeps counting, since it tells of a source that is not right.
    pub fn leave_out(&mut self, withdrawal: Action, memberships: &[MembershipChange]) {
        let guarded = match withdrawal {
            Action::Disable => Guarded::Disable,
            Action::Delete => Guarded::Delete,
            Action::Create
            | Action::Link
            | Action::Update
            | Action::Refresh
            | Action::Unlink
            | Action::MarkGone => return,
        };
        take_one(&mut self.counts, &guarded);
        for lost in memberships.iter().flat_map(|membership| &membership.remove) {
            take_one(&mut self.counts, &Guarded::MembershipRemoval);
            take_one(&mut self.members_lost, lost);
        }
    }

    /// Adds everything of another tally.
    pub fn add(&mut self, other: &Self) {
        for (guarded, count) in &other.counts {
            *self.counts.entry(*guarded).or_default() += count;
        }
        for (name, count) in &other.clearing {
            *self.clearing.entry(name.clone()).or_default() += count;
        }
        for (name, count) in &other.members_lost {
            *self.members_lost.entry(name.clone()).or_default() += count;
        }
    }

    /// Whether anything would be disabled, deleted or unlinked, or lose a membership.
    #[must_use]
    pub fn withdraws(&self) -> bool {
        self.counts.iter().any(|(guarded, count)| guarded.withdraws() && *count > 0)
    }

    /// How many changes of a kind there are.
    #[must_use]
    pub fn of(&self, guarded: Guarded) -> u64 {
        self.counts.get(&guarded).copied().unwrap_or(0)
    }

    /// Everything counted as rows of (limit, attribute or group, count), sorted; to be stored.
    #[must_use]
    pub fn rows(&self) -> Vec<(Guarded, &str, u64)> {
        let counts = self.counts.iter().map(|(guarded, count)| (*guarded, "", *count));
        let clearing = self.clearing.iter().map(|(name, count)| (Guarded::Clearing, name.as_str(), *count));
        let lost =
            self.members_lost.iter().map(|(name, count)| (Guarded::MembersLost, name.as_str(), *count));
        counts.chain(clearing).chain(lost).collect()
    }

    /// The tally of stored rows.
    #[must_use]
    pub fn from_rows(rows: impl IntoIterator<Item = (Guarded, String, u64)>) -> Self {
        let mut tally = Self::default();
        for (guarded, of, count) in rows {
            match guarded {
                Guarded::Clearing => tally.clearing.insert(of, count),
                Guarded::MembersLost => tally.members_lost.insert(of, count),
                Guarded::Create
                | Guarded::Update
                | Guarded::Disable
                | Guarded::Delete
                | Guarded::Unlink
                | Guarded::MembershipRemoval => tally.counts.insert(guarded, count),
            };
        }
        tally
    }
}

/// One fewer; what has come to nothing is not there.
fn take_one<K: Ord>(counts: &mut BTreeMap<K, u64>, of: &K) {
    match counts.get_mut(of) {
        Some(count) if *count > 1 => *count -= 1,
        Some(_) | None => {
            counts.remove(of);
        }
    }
}

/// How many there were before the run, for percentages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Population {
    /// Accounts known to exist.
    pub accounts: u64,
    /// Known members of each group; empty where the plan takes nobody from any.
    pub members: BTreeMap<String, u64>,
}

impl Population {
    /// Of how many members a group loses so many: whoever is taken from it was one, known or not.
    fn members_of(&self, group: &str, lost: u64) -> u64 {
        self.members.get(group).copied().unwrap_or(0).max(lost)
    }

    /// Of how many memberships so many end.
    fn memberships(&self, lost: u64) -> u64 {
        self.members.values().sum::<u64>().max(lost)
    }
}

/// Whether a plan, together with what earlier runs did, may exceed a limit: only then it matters of how many.
#[must_use]
pub fn asks_for_population(tally: &Tally, limits: Limits<'_>, earlier: &[Earlier]) -> bool {
    let changes = |guarded| {
        let all = std::iter::once(tally).chain(earlier.iter().map(|earlier| &earlier.tally));
        let counts = all.flat_map(Tally::rows).filter(|(counted, ..)| *counted == guarded);
        counts.map(|(.., count)| count).sum::<u64>()
    };
    let is_met = |guarded: &Guarded| tally.rows().iter().any(|(counted, ..)| counted == guarded);
    // Of nobody any change is more than any percentage.
    let may_exceed = |guarded: Guarded| {
        let limit = limits.effective(guarded).map(|(limit, _)| limit);
        limit.is_some_and(|limit| limit.is_exceeded(changes(guarded), 0))
    };
    Guarded::ALL.into_iter().filter(is_met).any(may_exceed)
}

/// All limits that the plan exceeds, alone or together with what earlier runs of the task did.
#[must_use]
pub fn check(tally: &Tally, population: &Population, limits: Limits<'_>, earlier: &[Earlier]) -> Vec<Trip> {
    let mut trips = Vec::new();
    for guarded in Guarded::ALL {
        let Some((limit, hours)) = limits.effective(guarded) else { continue };
        let mut meet = |of: Option<&str>, count: &dyn Fn(&Tally) -> u64, of_how_many: &dyn Fn(u64) -> u64| {
            let alone = count(tally);
            let within = earlier.iter().filter(|earlier| earlier.hours_ago < hours);
            let before: u64 = within.map(|earlier| count(&earlier.tally)).sum();
            let is_exceeded = |changes| limit.is_exceeded(changes, of_how_many(changes));
            let (changes, window) = if is_exceeded(alone) {
                (alone, None)
            } else if alone > 0 && before > 0 && is_exceeded(alone + before) {
                (alone + before, Some(Window { hours, before }))
            } else {
                return;
            };
            let population = of_how_many(changes);
            trips.push(Trip { guarded, of: of.map(str::to_owned), changes, population, limit, window });
        };
        let accounts = |_| population.accounts;
        match guarded {
            Guarded::Clearing => {
                for name in tally.clearing.keys() {
                    let count = |tally: &Tally| tally.clearing.get(name).copied().unwrap_or(0);
                    meet(Some(name), &count, &accounts);
                }
            }
            Guarded::MembersLost => {
                for group in tally.members_lost.keys() {
                    let count = |tally: &Tally| tally.members_lost.get(group).copied().unwrap_or(0);
                    meet(Some(group), &count, &|lost| population.members_of(group, lost));
                }
            }
            Guarded::MembershipRemoval => {
                meet(None, &|tally| tally.of(guarded), &|lost| population.memberships(lost));
            }
            Guarded::Create | Guarded::Update | Guarded::Disable | Guarded::Delete | Guarded::Unlink => {
                meet(None, &|tally| tally.of(guarded), &accounts);
            }
        }
    }
    trips
}

#[cfg(test)]
mod tests;
