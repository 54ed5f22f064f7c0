//! Guards: whether a whole plan stays within its limits. Asked once, before anything destructive is done.

use std::collections::BTreeMap;

use muster_model::configuration::guard::{Guarded, Guards, Limit};
use muster_model::difference::AttributeChange;

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
}

impl std::fmt::Display for Trip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { guarded, of, changes, population, limit } = self;
        write!(f, "{}", guarded.as_str())?;
        if let Some(of) = of {
            write!(f, " of `{of}`")?;
        }
        write!(f, ": {changes} of {population}")?;
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
        if change.action != Action::Delete {
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

/// The limit that holds: the task's, else the application's, else the default.
#[must_use]
pub fn effective_limit(guarded: Guarded, task: &Guards, application: &Guards) -> Option<Limit> {
    task.limit(guarded).or_else(|| application.limit(guarded)).or_else(|| guarded.default_limit())
}

/// All limits that the plan exceeds.
#[must_use]
pub fn check(tally: &Tally, population: &Population, task: &Guards, application: &Guards) -> Vec<Trip> {
    let mut trips = Vec::new();
    for guarded in Guarded::ALL {
        let Some(limit) = effective_limit(guarded, task, application) else { continue };
        let mut meet = |of: Option<&str>, changes: u64, population: u64| {
            if exceeds(limit, changes, population) {
                trips.push(Trip { guarded, of: of.map(str::to_owned), changes, population, limit });
            }
        };
        match guarded {
            Guarded::Clearing => {
                for (name, count) in &tally.clearing {
                    meet(Some(name), *count, population.accounts);
                }
            }
            Guarded::MembersLost => {
                for (group, count) in &tally.members_lost {
                    meet(Some(group), *count, population.members.get(group).copied().unwrap_or(0));
                }
            }
            Guarded::MembershipRemoval => meet(None, tally.of(guarded), population.memberships),
            Guarded::Create | Guarded::Update | Guarded::Disable | Guarded::Delete | Guarded::Unlink => {
                meet(None, tally.of(guarded), population.accounts);
            }
        }
    }
    trips
}

fn exceeds(limit: Limit, changes: u64, population: u64) -> bool {
    let beyond_count = limit.count.is_some_and(|count| changes > count);
    let beyond_percent = limit.percent.is_some_and(|percent| {
        changes > limit.minimum && u128::from(changes) * 100 > u128::from(population) * u128::from(percent)
    });
    beyond_count || beyond_percent
}

#[cfg(test)]
mod tests {
    use muster_model::configuration::application::{Reaction, Situation};

    use super::*;
    use crate::inbound::bare_change;

    #[test]
    fn a_limit_trips_exactly_beyond_its_border() {
        let percent = Limit { count: None, percent: Some(10), minimum: 20 };
        let count = Limit { count: Some(5), percent: None, minimum: 0 };
        let both = Limit { count: Some(50), percent: Some(10), minimum: 20 };
        let none = Limit { count: Some(0), percent: None, minimum: 0 };
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
            assert_eq!(exceeds(limit, changes, population), expected, "{limit:?} {changes} {population}");
        }
    }

    #[test]
    fn the_tasks_limits_replace_the_applications() {
        let application =
            Guards(vec![(Guarded::Delete, Limit { count: Some(1), percent: None, minimum: 0 })]);
        let task = Guards(vec![(Guarded::Delete, Limit { count: Some(9), percent: None, minimum: 0 })]);
        let nothing = Guards::default();
        let count = |task, application| {
            effective_limit(Guarded::Delete, task, application).and_then(|limit: Limit| limit.count)
        };
        assert_eq!(count(&nothing, &application), Some(1));
        assert_eq!(count(&task, &application), Some(9));
        assert_eq!(count(&nothing, &nothing), None);
        assert!(effective_limit(Guarded::Create, &nothing, &nothing).is_none());
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
        let trips = check(&tally, &population, &Guards::default(), &Guards::default());
        assert_eq!(trips.len(), 1);
        assert_eq!(trips[0].of.as_deref(), Some("email"));
        assert_eq!(trips[0].to_string(), "clearing of `email`: 60 of 100, the limit is 50 % and at least 10");
        let again = Tally::from_rows(tally.rows().into_iter().map(|(g, of, n)| (g, of.to_owned(), n)));
        assert_eq!(again, tally);
    }
}
