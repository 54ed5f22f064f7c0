//! Schedules: how one stands, and what came of a time at which it was due.

/// How a schedule stands, as clients see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleState {
    /// The task has none: it is run when somebody launches it.
    None,
    /// It fires at its next due time.
    Normal,
    /// Somebody paused it.
    Paused,
    /// A run of the task has not ended: a time that comes due meanwhile fires nothing.
    Blocked,
    /// It never fires again.
    Complete,
    /// What was due last could not be launched.
    Error,
}

impl ScheduleState {
    /// All states.
    pub const ALL: [Self; 6] =
        [Self::None, Self::Normal, Self::Paused, Self::Blocked, Self::Complete, Self::Error];

    /// The state as it stands in JSON and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Normal => "NORMAL",
            Self::Paused => "PAUSED",
            Self::Blocked => "BLOCKED",
            Self::Complete => "COMPLETE",
            Self::Error => "ERROR",
        }
    }
}

/// What came of a due time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FireOutcome {
    /// A run was launched.
    Launched,
    /// Another run of the task had not ended, or a system that it needs was in maintenance.
    Blocked,
    /// The task could not be launched.
    Error,
}

impl FireOutcome {
    /// All outcomes, in the order in which they are stored.
    pub const ALL: [Self; 3] = [Self::Launched, Self::Blocked, Self::Error];

    /// The outcome as it stands in JSON and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Launched => "LAUNCHED",
            Self::Blocked => "BLOCKED",
            Self::Error => "ERROR",
        }
    }
}
