//! Errands: what post-processing has to do after a run, one thing each.

/// What an errand does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrandKind {
    /// Writes the file of what was noted about entries.
    ErrorReport,
    /// Writes the file that sums the run up.
    SummaryReport,
    /// Puts the input file away.
    Archive,
    /// Launches a task that comes next.
    Launch,
    /// Tells somebody outside.
    Webhook,
}

impl ErrandKind {
    /// All kinds, in the order in which they are carried out and by whose numbers they are stored.
    pub const ALL: [Self; 5] =
        [Self::ErrorReport, Self::SummaryReport, Self::Archive, Self::Launch, Self::Webhook];

    /// The kind as it stands in JSON and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ErrorReport => "ERROR_REPORT",
            Self::SummaryReport => "SUMMARY_REPORT",
            Self::Archive => "ARCHIVE",
            Self::Launch => "LAUNCH",
            Self::Webhook => "WEBHOOK",
        }
    }
}

/// What has become of an errand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrandState {
    /// It waits, for the first time or for another.
    Pending,
    /// It is done.
    Done,
    /// It could not be done, and is not tried again.
    Failed,
}

impl ErrandState {
    /// All states, in the order in which they are stored.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Done, Self::Failed];

    /// The state as it stands in JSON and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Done => "DONE",
            Self::Failed => "FAILED",
        }
    }
}
