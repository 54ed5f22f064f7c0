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
        Some(Limit { count: None, percent: Some(percent), minimum })
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
