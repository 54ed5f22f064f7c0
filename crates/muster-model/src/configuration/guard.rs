//! Guards: limits on what one run may change.

/// A limit. It trips when the changes exceed `count`, or exceed both `minimum` and `percent` of the known
/// population.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The most changes, whatever the population.
    pub count: Option<u64>,
    /// The most changes in percent of the known population, 0 to 100.
    pub percent: Option<u8>,
    /// Up to this many changes the percentage is not looked at.
    pub minimum: u64,
    /// Over so many hours the changes of the task's runs are counted together, too; 0 is each run alone, `None` what
    /// is usual for what is limited.
    pub window_hours: Option<u32>,
}

impl Limit {
    /// Whether so many changes of so many exceed it.
    #[must_use]
    pub fn is_exceeded(&self, changes: u64, population: u64) -> bool {
        let beyond_count = self.count.is_some_and(|count| changes > count);
        let beyond_percent = self.percent.is_some_and(|percent| {
            changes > self.minimum && u128::from(changes) * 100 > u128::from(population) * u128::from(percent)
        });
        beyond_count || beyond_percent
    }

    /// Whether there is anything that it lets pass and another does not.
    #[must_use]
    pub fn is_wider_than(&self, other: &Self) -> bool {
        let lets_pass = |changes: u64| self.count.is_none_or(|count| count > changes);
        let by_count = other.count.is_some_and(lets_pass);
        let by_percent = other.percent.is_some_and(|percent| {
            let laxer = self.percent.is_none_or(|mine| mine > percent) || self.minimum > other.minimum;
            laxer && lets_pass(other.minimum)
        });
        by_count || by_percent
    }
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guarded {
    /// Objects or accounts made.
    Create,
    /// Objects or accounts with changed attributes.
    Update,
    /// Objects or accounts disabled.
    Disable,
    /// Objects or accounts deleted.
    Delete,
    /// Links removed.
    Unlink,
    /// Memberships removed.
    MembershipRemoval,
    /// Members that one group loses, of its own members.
    MembersLost,
    /// Objects in which one attribute is cleared.
    Clearing,
}

impl Guarded {
    /// Everything that can be limited.
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Update,
        Self::Disable,
        Self::Delete,
        Self::Unlink,
        Self::MembershipRemoval,
        Self::MembersLost,
        Self::Clearing,
    ];

    /// The name of the limit in JSON and XML.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Disable => "disable",
            Self::Delete => "delete",
            Self::Unlink => "unlink",
            Self::MembershipRemoval => "membershipRemoval",
            Self::MembersLost => "membersLost",
            Self::Clearing => "clearing",
        }
    }

    /// The limit that holds where nothing is configured; `None` is no limit.
    #[must_use]
    pub fn default_limit(self) -> Option<Limit> {
        let (percent, minimum) = match self {
            Self::Create => return None,
            Self::Update => (80, 100),
            Self::Disable | Self::Delete | Self::Unlink | Self::MembershipRemoval => (10, 20),
            Self::MembersLost | Self::Clearing => (50, 10),
        };
        Some(Limit { count: None, percent: Some(percent), minimum, window_hours: None })
    }

    /// Over how many hours the changes of a task's runs are counted together where the limit does not say it: a day
    /// for what takes something away from people, otherwise each run is looked at alone.
    #[must_use]
    pub fn default_window_hours(self) -> u32 {
        match self {
            Self::Disable | Self::Delete | Self::Unlink | Self::MembershipRemoval => 24,
            Self::Create | Self::Update | Self::MembersLost | Self::Clearing => 0,
        }
    }

    /// Whether it takes something away.
    #[must_use]
    pub fn withdraws(self) -> bool {
        match self {
            Self::Disable
            | Self::Delete
            | Self::Unlink
            | Self::MembershipRemoval
            | Self::MembersLost
            | Self::Clearing => true,
            Self::Create | Self::Update => false,
        }
    }
}

/// The limits that a configuration sets. A task's limits replace its application's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guards(pub Vec<(Guarded, Limit)>);

impl Guards {
    /// The limit set here, if any.
    #[must_use]
    pub fn limit(&self, guarded: Guarded) -> Option<Limit> {
        self.0.iter().find(|(what, _)| *what == guarded).map(|(_, limit)| *limit)
    }
}
