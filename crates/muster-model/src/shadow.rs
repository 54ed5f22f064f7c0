//! Shadows: what is known of one account of one application.

use crate::attribute::Attributes;
use crate::ids::{ObjectId, ShadowNo};

/// What became of the account behind a shadow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShadowState {
    /// The account exists, as far as the last complete sweep knows.
    Live,
    /// A complete sweep did not meet the account, and that has been acted on.
    Gone,
}

impl ShadowState {
    /// The state as it stands in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Gone => "GONE",
        }
    }
}

/// What is known of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// Its number within the application.
    pub no: ShadowNo,
    /// The account's key in its system, in the system's own spelling.
    pub uid: String,
    /// The IM object it belongs to.
    pub owner: Option<ObjectId>,
    /// Whether the account exists.
    pub state: ShadowState,
    /// Counts its changes from 1.
    pub version: u32,
    /// What the rules read of the account at the last decision that was applied.
    pub snapshot: Attributes,
    /// The profile that last granted the account (outbound only).
    pub profile: Option<String>,
}
