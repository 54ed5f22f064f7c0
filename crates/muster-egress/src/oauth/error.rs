//! Why there is no access token, in words that name the server and hold neither id nor secret.

use std::sync::Arc;
use std::time::Duration;

use crate::EgressError;

/// Why there is no access token. Names the server, and neither id nor secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokenError {
    /// The server could not be asked.
    #[error("no access token could be fetched from {host}")]
    Egress {
        /// The server.
        host: String,
        /// Why not.
        #[source]
        source: Arc<EgressError>,
    },
    /// It does not believe who the client says to be.
    #[error(
        "{host} does not know the client: its id or its secret is wrong, or they have to be sent the other way (in the \
         header or in the body)"
    )]
    InvalidClient {
        /// The server.
        host: String,
    },
    /// It knows the client and gives it no such token.
    #[error("{host} gives this client no access token: `{code}`")]
    Denied {
        /// The server.
        host: String,
        /// Why not, in the words of RFC 6749.
        code: &'static str,
    },
    /// It has no time now.
    #[error("{host} answered {status} where an access token was asked for: it is busy or out of order")]
    Busy {
        /// The server.
        host: String,
        /// The status of its answer.
        status: u16,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// It answers something else.
    #[error("{host} answered {status} where an access token was asked for: is that its token endpoint?")]
    Status {
        /// The server.
        host: String,
        /// The status of its answer.
        status: u16,
    },
    /// It answers well, and without a token that can be used.
    #[error("{host} answered without an access token that can be used: {problem}")]
    Unusable {
        /// The server.
        host: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl TokenError {
    /// Whether somebody has to change something before the same goes well.
    #[must_use]
    pub fn needs_change(&self) -> bool {
        match self {
            Self::Egress { source, .. } => source.needs_change(),
            Self::Busy { .. } => false,
            Self::InvalidClient { .. }
            | Self::Denied { .. }
            | Self::Status { .. }
            | Self::Unusable { .. } => true,
        }
    }

    /// How long the server asks to wait, if it does.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            Self::Egress { .. }
            | Self::InvalidClient { .. }
            | Self::Denied { .. }
            | Self::Status { .. }
            | Self::Unusable { .. } => None,
        }
    }
}

/// Why a request that needs an access token has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizedError {
    /// There is no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The request itself failed.
    #[error(transparent)]
    Egress(#[from] EgressError),
}

impl AuthorizedError {
    /// Whether somebody has to change something before the same goes well.
    #[must_use]
    pub fn needs_change(&self) -> bool {
        match self {
            Self::Token(error) => error.needs_change(),
            Self::Egress(error) => error.needs_change(),
        }
    }

    /// How long the server asks to wait, if it does.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Token(error) => error.retry_after(),
            Self::Egress(_) => None,
        }
    }
}
