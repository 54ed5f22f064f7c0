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

    /// The groups that lose members.
    pub fn groups_losing(&self) -> impl Iterator<Item = (&str, u64)> {
        self.members_lost.iter().map(|(group, lost)| (group.as_str(), *lost))
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
    /// Memberships seen.
    pub memberships: u64,
    /// Members of the groups that lose some.
    pub members: BTreeMap<String, u64>,
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
        let mut meet = |of: Option<&str>, count: &dyn Fn(&Tally) -> u64, population: u64| {
            let changes = count(tally);
            let within = earlier.iter().filter(|earlier| earlier.hours_ago < hours);
            let before: u64 = within.map(|earlier| count(&earlier.tally)).sum();
            let window = if limit.is_exceeded(changes, population) {
                None
            } else if changes > 0 && before > 0 && limit.is_exceeded(changes + before, population) {
                Some(Window { hours, before })
            } else {
                return;
            };
            let changes = changes + window.map_or(0, |window| window.before);
            trips.push(Trip { guarded, of: of.map(str::to_owned), changes, population, limit, window });
        };
        match guarded {
            Guarded::Clearing => {
                for name in tally.clearing.keys() {
                    let count = |tally: &Tally| tally.clearing.get(name).copied().unwrap_or(0);
                    meet(Some(name), &count, population.accounts);
                }
            }
            Guarded::MembersLost => {
                for group in tally.members_lost.keys() {
                    let count = |tally: &Tally| tally.members_lost.get(group).copied().unwrap_or(0);
                    meet(Some(group), &count, population.members.get(group).copied().unwrap_or(0));
                }
            }
            Guarded::MembershipRemoval => meet(None, &|tally| tally.of(guarded), population.memberships),
            Guarded::Create | Guarded::Update | Guarded::Disable | Guarded::Delete | Guarded::Unlink => {
                meet(None, &|tally| tally.of(guarded), population.accounts);
            }
        }
    }
    trips
}

#[cfg(test)]
mod tests {
    use muster_model::configuration::application::Situation;

    use super::*;
    use crate::inbound::bare_change;

    static NOTHING: Guards = Guards(Vec::new());

    fn limit(count: Option<u64>, percent: Option<u8>, minimum: u64) -> Limit {
        Limit { count, percent, minimum, window_hours: None }
    }

    fn of_task(task: &Guards) -> Limits<'_> {
        Limits { launch: None, task, application: &NOTHING }
    }

    #[test]
    fn a_limit_trips_exactly_beyond_its_border() {
        let percent = limit(None, Some(10), 20);
        let count = limit(Some(5), None, 0);
        let both = limit(Some(50), Some(10), 20);
        let none = limit(Some(0), None, 0);
        for (limit, changes, population, expected) in [
            (percent, 20, 20, false),
            (percent, 21, 210, false),
            (percent, 21, 209, true),
            (percent, 100, 1000, false),
            (percent, 101, 1000, true),
            (percent, 21, 0, true),
            (count, 5, 1_000_000, false),
            (count, 6, 1_000_000, true),
            (both, 51, 1_000_000, true),
            (both, 50, 400, true),
            (both, 50, 500, false),
            (none, 0, 0, false),
            (none, 1, 10, true),
        ] {
            assert_eq!(limit.is_exceeded(changes, population), expected, "{limit:?} {changes} {population}");
        }
    }

    #[test]
    fn a_limit_is_wider_when_it_lets_pass_what_the_other_holds() {
        let percent = limit(None, Some(10), 20);
        for (wider, narrower) in [
            (limit(None, Some(11), 20), percent),
            (limit(None, Some(10), 21), percent),
            (limit(Some(21), None, 0), percent),
            (limit(None, Some(100), 0), percent),
            (limit(Some(6), None, 0), limit(Some(5), None, 0)),
            (limit(None, Some(100), 0), limit(Some(5), Some(100), 0)),
        ] {
            assert!(wider.is_wider_than(&narrower), "{wider:?} {narrower:?}");
        }
        for held in [limit(Some(20), None, 0), limit(Some(5), Some(10), 20), limit(None, Some(10), 19)] {
            assert!(!held.is_wider_than(&percent), "{held:?}");
        }
        for same in [percent, limit(Some(5), None, 0), limit(Some(5), Some(1), 0)] {
            assert!(!same.is_wider_than(&same), "{same:?}");
        }
    }

    #[test]
    fn the_launchs_limits_replace_the_tasks_and_those_the_applications() {
        let set = |count| Guards(vec![(Guarded::Delete, limit(Some(count), None, 0))]);
        let (launch, task, application) = (set(50), set(9), set(1));
        let count = |launch, task, application| {
            let limits = Limits { launch, task, application };
            limits.effective(Guarded::Delete).map(|(limit, hours)| (limit.count, hours))
        };
        assert_eq!(count(None, &NOTHING, &application), Some((Some(1), 24)));
        assert_eq!(count(None, &task, &application), Some((Some(9), 24)));
        assert_eq!(count(None, &NOTHING, &NOTHING), Some((None, 24)));
        assert_eq!(count(Some(&launch), &task, &application), Some((Some(50), 0)), "it means that run alone");
        assert_eq!(count(Some(&NOTHING), &task, &application), Some((Some(9), 24)));
        assert!(of_task(&NOTHING).effective(Guarded::Create).is_none());
    }

    #[test]
    fn what_earlier_runs_did_within_the_window_counts_too() {
        let disabled = |count| Tally::from_rows([(Guarded::Disable, String::new(), count)]);
        let population = Population { accounts: 300, ..Population::default() };
        let earlier = |hours_ago, count| Earlier { hours_ago, tally: disabled(count) };
        let trips = |count, earlier: &[Earlier]| {
            let trips = check(&disabled(count), &population, of_task(&NOTHING), earlier);
            trips.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let day = [earlier(1, 15), earlier(23, 15)];
        assert_eq!(trips(30, &[]), Vec::<String>::new());
        assert_eq!(
            trips(1, &day),
            [
                "disable: 31 of 300 within 24 hours, 30 of them by earlier runs, the limit is 10 % and at least 20"
            ]
        );
        assert_eq!(trips(1, &[earlier(1, 15), earlier(24, 15)]), Vec::<String>::new(), "a day ago");
        assert_eq!(trips(0, &[earlier(1, 300)]), Vec::<String>::new(), "who disables nobody is not held");
        assert_eq!(trips(31, &day), ["disable: 31 of 300, the limit is 10 % and at least 20"]);
        let alone =
            Guards(vec![(Guarded::Disable, Limit { window_hours: Some(0), ..limit(None, Some(10), 20) })]);
        assert_eq!(check(&disabled(1), &population, of_task(&alone), &day), Vec::new());
        assert_eq!((of_task(&NOTHING).longest_window(), of_task(&alone).longest_window()), (24, 24));
    }

    #[test]
    fn an_account_that_stays_after_all_counts_as_if_it_had_never_been_withdrawn() {
        let groups = |groups: &[&str]| MembershipChange {
            attribute: "groups".into(),
            add: Vec::new(),
            remove: groups.iter().map(|group| (*group).to_owned()).collect(),
        };
        let change = |action, memberships: &[MembershipChange]| Change {
            memberships: memberships.to_vec(),
            ..bare_change(action, Situation::Unmatched, Reaction::Delete, "1")
        };
        let kept = change(Action::Disable, &[groups(&["all"])]);
        for left_out in [
            change(Action::Delete, &[]),
            change(Action::Disable, &[]),
            change(Action::Disable, &[groups(&["admins", "all"])]),
        ] {
            let mut expected = Tally::default();
            expected.count(&kept);
            let mut tally = expected.clone();
            tally.count(&left_out);
            assert_ne!(tally, expected);
            tally.leave_out(left_out.action, &left_out.memberships);
            assert_eq!(tally, expected, "{:?}", left_out.action);
        }
    }

    #[test]
    fn clearing_is_counted_for_each_attribute() {
        let rows =
            vec![(Guarded::Clearing, "email".to_owned(), 60), (Guarded::Clearing, "phone".to_owned(), 3)];
        let tally = Tally::from_rows(rows);
        let population = Population { accounts: 100, ..Population::default() };
        let trips = check(&tally, &population, of_task(&NOTHING), &[]);
        assert_eq!(trips.len(), 1);
        assert_eq!(trips[0].of.as_deref(), Some("email"));
        assert_eq!(trips[0].to_string(), "clearing of `email`: 60 of 100, the limit is 50 % and at least 10");
        let again = Tally::from_rows(tally.rows().into_iter().map(|(g, of, n)| (g, of.to_owned(), n)));
        assert_eq!(again, tally);
    }
}
