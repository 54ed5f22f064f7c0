//! What can go wrong at a remote system, typed by what the engine does about it.

use std::time::Duration;

use muster_model::failure::FailureClass;

use crate::PropertyProblem;

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
    /// What a token stands for is not known any more: changes cannot be told from there, everything has to be read.
    #[error("{message}")]
    Outdated {
        /// Which token, and why.
        message: String,
    },
    /// Nothing can be done with this system until somebody changes something.
    #[error("{message}")]
    Unusable {
        /// What has to be changed.
        message: String,
    },
}

/// Wrong properties open nothing.
impl From<Vec<PropertyProblem>> for ConnectorError {
    fn from(problems: Vec<PropertyProblem>) -> Self {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Self::Unusable { message: told.join("; ") }
    }
}

impl ConnectorError {
    /// What is to be expected of trying again.
    #[must_use]
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Transient { .. } => FailureClass::Transient,
            Self::Rejected { .. } | Self::Conflict { .. } | Self::Missing { .. } | Self::Outdated { .. } => {
                FailureClass::Rejected
            }
            Self::Unusable { .. } => FailureClass::Unusable,
        }
    }

    /// How long the system asks to wait, if it does.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Transient { retry_after, .. } => *retry_after,
            Self::Rejected { .. }
            | Self::Conflict { .. }
            | Self::Missing { .. }
            | Self::Outdated { .. }
            | Self::Unusable { .. } => None,
        }
    }
}
