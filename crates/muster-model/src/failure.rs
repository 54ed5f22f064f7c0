//! Failed entries: what kind of failure it was, as far as anybody acts on that.

/// What is to be expected of trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureClass {
    /// It may work later: the system did not answer, or was busy.
    Transient,
    /// The value, the mapping or the target refuses it, and will until one of them has changed.
    Rejected,
    /// Nothing can be done with the application until somebody changes something.
    Unusable,
}

impl FailureClass {
    /// All classes, in the order in which they are stored.
    pub const ALL: [Self; 3] = [Self::Transient, Self::Rejected, Self::Unusable];

    /// The class as it stands in JSON and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "TRANSIENT",
            Self::Rejected => "REJECTED",
            Self::Unusable => "UNUSABLE",
        }
    }
}
