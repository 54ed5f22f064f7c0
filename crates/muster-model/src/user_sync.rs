//! User Sync: what became of one user in a sync. The User Sync API and the library call say it in these words.

use std::fmt;

use crate::attribute::Attributes;
use crate::run::Outcome;

/// What a sync did with a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserOperation {
    /// Made.
    Added,
    /// Changed; one that was disabled or anonymized as well.
    Updated,
    /// Met as known, or left alone on purpose.
    NotModified,
    /// Deleted.
    Deleted,
    /// Left out by the connector's own rules.
    Filtered,
    /// Could not be synchronized; the message says why.
    Failed,
}

impl UserOperation {
    /// All operations.
    pub const ALL: [Self; 6] =
        [Self::Added, Self::Updated, Self::NotModified, Self::Deleted, Self::Filtered, Self::Failed];

    /// What an entry of that outcome is to the user's connector. One that moved on meanwhile, or whose turn did not come,
    /// was not synchronized.
    #[must_use]
    pub fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Created => Self::Added,
            Outcome::Updated | Outcome::Disabled | Outcome::Unlinked => Self::Updated,
            Outcome::Unchanged | Outcome::Ignored | Outcome::Reported => Self::NotModified,
            Outcome::Deleted => Self::Deleted,
            Outcome::Filtered => Self::Filtered,
            Outcome::Failed | Outcome::Stale | Outcome::NotApplied => Self::Failed,
        }
    }

    /// The operation as it stands in JSON and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Updated => "UPDATED",
            Self::NotModified => "NOT_MODIFIED",
            Self::Deleted => "DELETED",
            Self::Filtered => "FILTERED",
            Self::Failed => "FAILED",
        }
    }
}

impl fmt::Display for UserOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of one user.
#[derive(Debug, Clone, PartialEq)]
pub struct UserResult {
    /// What was done.
    pub operation: UserOperation,
    /// Who it is: the account's key, or what was asked for where no account was found.
    pub identifier: String,
    /// The user before, where there was one and it is known still.
    pub input_user: Option<Attributes>,
    /// The user afterwards, where there is one.
    pub resulting_user: Option<Attributes>,
    /// Why, where there is something to say.
    pub message: Option<String>,
}
