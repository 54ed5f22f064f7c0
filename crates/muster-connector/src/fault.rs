//! What can go wrong at a remote system, typed by what the engine does about it.

use std::time::Duration;

/// A fault of a connector. Its message names the place and says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    /// It may work later.
    #[error("{message}")]
    Transient {
        /// What happened.
        message: String,
        /// How long the system asks to wait.
        retry_after: Option<Duration>,
    },
    /// The system understood and refused; trying again changes nothing.
    #[error("{message}")]
    Rejected {
        /// What was refused and why.
        message: String,
    },
    /// The thing exists already.
    #[error("{message}")]
    Conflict {
        /// What exists.
        message: String,
    },
    /// The thing does not exist.
    #[error("{message}")]
    Missing {
        /// What is missing.
        message: String,
    },
    /// Nothing can be done with this system until somebody changes something.
    #[error("{message}")]
    Unusable {
        /// What has to be changed.
        message: String,
    },
}
