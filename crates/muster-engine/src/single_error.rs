//! Why a single sync could not be carried out: the four errors that User Sync's clients know, and no other.

use muster_connector::ConnectorError;
use muster_store::StoreError;

use crate::configuration::ConfigurationError;
use crate::error::{EngineError, for_people};

/// Why a single sync could not be carried out. A user who is unknown, filtered or refused is no error.
#[derive(Debug, thiserror::Error)]
pub enum SingleSyncError {
    /// There is no such connector.
    #[error("there is no connector `{connector}`")]
    ConnectorNotFound {
        /// What was asked for.
        connector: String,
    },
    /// The source cannot be reached, refuses, or is in maintenance.
    #[error("the connector is not available: {reason}")]
    ConnectorNotAvailable {
        /// What it said, and what to do.
        reason: String,
    },
    /// The connector cannot be made: its type is not built in, a secret of it is lacking, or the own store is unusable.
    #[error("the connector cannot be made: {reason}")]
    ConnectorFactoryNotAvailable {
        /// What is lacking, and what to do.
        reason: String,
        /// What the store said, for whoever runs it.
        #[source]
        source: Option<StoreError>,
    },
    /// The configuration of the connector cannot be used.
    #[error("the configuration of the connector cannot be used: {reason}")]
    ConfigurationFailed {
        /// What is wrong with it.
        reason: String,
    },
}

impl SingleSyncError {
    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::ConnectorNotAvailable { reason: reason.into() }
    }

    pub(crate) fn not_made(reason: impl Into<String>) -> Self {
        Self::ConnectorFactoryNotAvailable { reason: reason.into(), source: None }
    }

    pub(crate) fn misconfigured(reason: impl Into<String>) -> Self {
        Self::ConfigurationFailed { reason: reason.into() }
    }
}

impl From<ConnectorError> for SingleSyncError {
    fn from(error: ConnectorError) -> Self {
        Self::unavailable(error.to_string())
    }
}

impl From<StoreError> for SingleSyncError {
    fn from(error: StoreError) -> Self {
        let reason = "the own store cannot be used".to_owned();
        Self::ConnectorFactoryNotAvailable { reason, source: Some(error) }
    }
}

impl From<ConfigurationError> for SingleSyncError {
    fn from(error: ConfigurationError) -> Self {
        match error {
            ConfigurationError::Store(error) => error.into(),
            ConfigurationError::Invalid(_) | ConfigurationError::Lacking(_) => {
                Self::misconfigured(error.to_string())
            }
        }
    }
}

/// Why its run has failed.
impl From<EngineError> for SingleSyncError {
    fn from(error: EngineError) -> Self {
        let reason = for_people(&error);
        match error {
            EngineError::Store(error) => error.into(),
            EngineError::Configuration(error) => error.into(),
            EngineError::NoDirectory { .. } => Self::misconfigured(reason),
            EngineError::Connector { .. } | EngineError::AllLeftOut { .. } => Self::unavailable(reason),
            EngineError::Lost
            | EngineError::NotFoundByKey { .. }
            | EngineError::Preceding { .. }
            | EngineError::PrecedingGone { .. }
            | EngineError::BrokenDown { .. }
            | EngineError::NothingToUndo { .. }
            | EngineError::TooManyErrors { .. }
            | EngineError::MostFailed { .. }
            | EngineError::NotAdmitted(_)
            | EngineError::Broken(_) => Self::not_made(reason),
        }
    }
}
