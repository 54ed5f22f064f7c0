//! What a request can be refused with, and the one body that says so.
//!
//! Nothing of the inside leaves by an error: causes go to the log, under the id that the body names.

use std::any::Any;
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use actix_web::http::header;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use muster_dataset::DatasetProblem;
use muster_engine::{ConfigurationError, SingleSyncError, with_causes};
use muster_model::configuration::Problems;
use muster_model::error::ErrorCode;
use muster_store::{Cause, StoreError};

use crate::patch::{JSON_PATCH, MERGE_PATCH};
use crate::rights::Permission;
use crate::state::ApiState;
use crate::view::ErrorView;

/// How one shows who one is.
const CHALLENGE: &str = r#"Basic realm="muster", charset="UTF-8", Bearer realm="muster""#;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// No credentials, or none that can be read.
    #[error("there are no credentials that could be read")]
    NoCredentials,
    /// Credentials that are not of the tenant, whether there is such a tenant or not.
    #[error("there is no such tenant, or these credentials are not of it")]
    Stranger,
    /// A right is missing in one's own tenant.
    #[error("this needs the right to {}", .0.as_str())]
    Forbidden(Permission),
    /// Nothing is served at this path.
    #[error("there is nothing at this path")]
    NoRoute,
    /// The thing does not exist.
    #[error("there is no {0}")]
    NotFound(String),
    /// The path is served, the method is not.
    #[error("the method is not possible here; possible are {0}")]
    MethodNotAllowed(String),
    /// The state of things forbids it now.
    #[error("{0}")]
    Conflict(Box<Conflict>),
    /// What the change was checked against has been changed since, by another request or process.
    #[error("other changes came first")]
    Outrun,
    /// The resource is not the one that the request is about.
    #[error("the precondition in `{header}` does not hold")]
    PreconditionFailed {
        /// Where it stands.
        header: &'static str,
        /// The tag of the resource as it is now, if it is there.
        current: Option<String>,
    },
    /// Rules are broken.
    #[error("the request breaks rules; all problems are listed")]
    Invalid(Problems),
    /// A dataset is not in order.
    #[error("the dataset breaks rules; all problems are listed")]
    Dataset(Box<BadDataset>),
    /// The body is no JSON.
    #[error("the body is no JSON")]
    NoJson {
        /// Where it ceases to be, from 1; 0 for a body that is empty.
        line: usize,
        /// Likewise.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// The body did not arrive as announced.
    #[error("the body could not be read: {0}")]
    Interrupted(String),
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The body is too large.
    #[error("the body is larger than {0} octets")]
    TooLarge(u64),
    /// The body is of another type.
    #[error("the body is {found}, but {expected} is expected")]
    MediaType {
        /// What it says that it is.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Somebody has to wait.
    #[error("{what}")]
    TooMany {
        /// Why.
        what: &'static str,
        /// How long.
        wait: Duration,
    },
    /// A user cannot be synchronized.
    #[error(transparent)]
    Single(Box<SingleSyncError>),
    /// A remote system does not answer.
    #[error("{0}")]
    NoAnswer(String),
    /// Too much is asked for at once.
    #[error("too much is asked for at once")]
    Busy,
    /// The store does not answer.
    #[error("the store does not answer")]
    Unready(#[source] Box<dyn Error + Send + Sync>),
    /// The database does not do what it is asked, for a known cause.
    #[error("{}", .0.description())]
    Database(Cause, #[source] Box<dyn Error + Send + Sync>),
    /// Muster itself failed.
    #[error("an internal error occurred")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

/// What stands in the way, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{description}")]
pub(crate) struct Conflict {
    pub(crate) description: String,
    pub(crate) fix: String,
    pub(crate) properties: BTreeMap<String, String>,
}

/// What is wrong with a dataset, or would be once it was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadDataset {
    /// At lines of the dataset.
    pub(crate) problems: Vec<DatasetProblem>,
    /// With other resources, by their references.
    pub(crate) elsewhere: Problems,
}

impl BadDataset {
    fn properties(&self) -> BTreeMap<String, String> {
        let mut properties = listed(&self.elsewhere);
        for problem in &self.problems {
            let said = properties.entry(format!("{}:{}", problem.line, problem.column)).or_default();
            said.push_str(if said.is_empty() { "" } else { "; " });
            said.push_str(&problem.text());
        }
        properties
    }
}

fn listed(problems: &Problems) -> BTreeMap<String, String> {
    problems.iter().map(|(place, messages)| (place.to_owned(), messages.join("; "))).collect()
}

impl ApiError {
    /// Something that no caller can mend.
    pub(crate) fn internal(cause: impl Error + Send + Sync + 'static) -> Self {
        match Cause::of(&cause) {
            Some(known) => Self::Database(known, Box::new(cause)),
            None => Self::Internal(Box::new(cause)),
        }
    }

    /// A part of Muster that ended in a panic.
    pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Self::Internal(format!("panic: {text}").into())
    }

    /// A conflict without properties.
    pub(crate) fn conflict(description: impl Into<String>, fix: impl Into<String>) -> Self {
        let (description, fix) = (description.into(), fix.into());
        Self::Conflict(Box::new(Conflict { description, fix, properties: BTreeMap::new() }))
    }

    /// One problem at one place.
    pub(crate) fn invalid(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        let mut problems = Problems::new();
        problems.add(pointer, message);
        Self::Invalid(problems)
    }

    /// The code that clients dispatch on.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::NoCredentials => ErrorCode::Unauthorized,
            Self::Stranger | Self::NoRoute | Self::NotFound(_) => ErrorCode::NotFound,
            Self::Forbidden(_) => ErrorCode::Forbidden,
            Self::MethodNotAllowed(_) => ErrorCode::MethodNotAllowed,
            Self::Conflict(_) | Self::Outrun => ErrorCode::Conflict,
            Self::PreconditionFailed { .. } => ErrorCode::PreconditionFailed,
            Self::Invalid(_) | Self::Dataset(_) => ErrorCode::Validation,
            Self::NoJson { .. } | Self::Interrupted(_) | Self::TooSlow => ErrorCode::Malformed,
            Self::TooLarge(_) => ErrorCode::TooLarge,
            Self::MediaType { .. } => ErrorCode::UnsupportedMediaType,
            Self::TooMany { .. } => ErrorCode::TooManyRequests,
            Self::NoAnswer(_) | Self::Busy | Self::Unready(_) | Self::Database(..) => ErrorCode::Unavailable,
            Self::Single(error) => match **error {
                SingleSyncError::ConnectorNotFound { .. } => ErrorCode::ConnectorNotFound,
                SingleSyncError::ConnectorNotAvailable { .. } => ErrorCode::ConnectorNotAvailable,
                SingleSyncError::ConnectorFactoryNotAvailable { .. } => {
                    ErrorCode::ConnectorFactoryNotAvailable
                }
                SingleSyncError::ConfigurationFailed { .. } => ErrorCode::ConfigurationFailed,
            },
            Self::Internal(_) => ErrorCode::Internal,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NoCredentials => StatusCode::UNAUTHORIZED,
            Self::Stranger | Self::NoRoute | Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) | Self::Outrun => StatusCode::CONFLICT,
            Self::PreconditionFailed { .. } => StatusCode::PRECONDITION_FAILED,
            Self::Invalid(_) | Self::Dataset(_) | Self::NoJson { .. } | Self::Interrupted(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::NoAnswer(_) | Self::Busy | Self::Unready(_) | Self::Database(..) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Single(error) => match **error {
                SingleSyncError::ConnectorNotFound { .. } => StatusCode::NOT_FOUND,
                SingleSyncError::ConnectorNotAvailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
                SingleSyncError::ConnectorFactoryNotAvailable { .. } => StatusCode::INTERNAL_SERVER_ERROR,
                SingleSyncError::ConfigurationFailed { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            },
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn fix(&self) -> String {
        let fix = match self {
            Self::NoCredentials => "send a user of the tenant (Basic) or a token (Bearer) in `Authorization`",
            Self::Stranger => "check the tenant in the path, then the user and password or the token",
            Self::Forbidden(_) => "ask an admin of the tenant for a role that has this right",
            Self::NoRoute => "compare the path with the description at /api-docs/openapi.json",
            Self::NotFound(_) => "check the id in the path; the list of the collection shows what there is",
            Self::MethodNotAllowed(_) => "use a method of the header `Allow`",
            Self::Conflict(conflict) => &conflict.fix,
            Self::Outrun => "send the request again",
            Self::PreconditionFailed { .. } => {
                "get the resource as it is now, change that, and send it with the `ETag` it came with"
            }
            Self::Invalid(_) => "correct what `properties` lists and send it again",
            Self::Dataset(_) => {
                "correct what `properties` lists by line and column and send it again; nothing has been written"
            }
            Self::NoJson { .. } => "correct the body at the line and column that `properties` names",
            Self::Interrupted(_) | Self::TooSlow => "send the whole body without a pause",
            Self::TooLarge(_) => "send less at once",
            Self::MediaType { .. } => "name the type of the body in `Content-Type`",
            Self::TooMany { .. } => "try again once the seconds that `Retry-After` names are over",
            Self::NoAnswer(_) => {
                "see why the remote system does not answer; `~test` of its definition tells more"
            }
            Self::Busy => "try again in a few seconds",
            Self::Unready(_) => "try again in a few seconds; if it stays, ask who runs the server",
            Self::Database(cause, _) => return format!("ask who runs the server to {}", cause.fix()),
            Self::Single(error) => match **error {
                SingleSyncError::ConnectorNotFound { .. } => "see the list of connectors for the unique id",
                SingleSyncError::ConnectorNotAvailable { .. } => {
                    "see why the remote system does not answer; `~test` of its definition tells more"
                }
                SingleSyncError::ConnectorFactoryNotAvailable { .. } => {
                    "provide what is lacking, or ask who runs the server to look up `logTrackingId` in its log"
                }
                SingleSyncError::ConfigurationFailed { .. } => "correct the connector, save it and ask again",
            },
            Self::Internal(_) => "ask who runs the server to look up `logTrackingId` in its log",
        };
        fix.to_owned()
    }

    fn properties(&self) -> BTreeMap<String, String> {
        match self {
            Self::Conflict(conflict) => conflict.properties.clone(),
            Self::Invalid(problems) => listed(problems),
            Self::Dataset(bad) => bad.properties(),
            Self::PreconditionFailed { current, .. } => {
                current.iter().map(|tag| ("ETag".to_owned(), tag.clone())).collect()
            }
            Self::NoJson { line, column, message } => [(format!("{line}:{column}"), message.clone())].into(),
            Self::NoCredentials
            | Self::Stranger
            | Self::Forbidden(_)
            | Self::NoRoute
            | Self::NotFound(_)
            | Self::MethodNotAllowed(_)
            | Self::Outrun
            | Self::Interrupted(_)
            | Self::TooSlow
            | Self::TooLarge(_)
            | Self::MediaType { .. }
            | Self::TooMany { .. }
            | Self::Single(_)
            | Self::NoAnswer(_)
            | Self::Busy
            | Self::Unready(_)
            | Self::Database(..)
            | Self::Internal(_) => BTreeMap::new(),
        }
    }

    /// The error with all its causes, for the log.
    fn for_the_log(&self) -> String {
        with_causes(self)
    }

    /// The answer that says so, and the line in the log that goes with it. What the caller has done wrong is told to
    /// the caller: it may name people, and so may the path, so the line has neither.
    pub(crate) fn answer(&self, state: &ApiState, request: &HttpRequest, tracking: String) -> HttpResponse {
        let surroundings = state.engine().surroundings();
        let (status, method, path) = (self.status(), request.method(), request.match_pattern());
        let path = path.unwrap_or_default();
        if status.is_server_error() {
            tracing::error!(tracking, %method, path, status = status.as_u16(), "{}", self.for_the_log());
        } else {
            let label = self.code().label();
            tracing::info!(tracking, %method, path, status = status.as_u16(), label, "refused");
            tracing::debug!(tracking, path = request.path(), "{}", self.for_the_log());
        }
        let view = ErrorView::new(self.code(), self.to_string())
            .with_properties(self.properties())
            .with_fix(self.fix())
            .at(state.app_id(), surroundings.now(), tracking);
        let mut answer = HttpResponse::build(status);
        // RFC 9110 §11.6.1 lets other answers than 401 say that other credentials would change them.
        if matches!(self, Self::NoCredentials | Self::Stranger) {
            answer.insert_header((header::WWW_AUTHENTICATE, CHALLENGE));
        }
        if let Self::MethodNotAllowed(allowed) = self {
            answer.insert_header((header::ALLOW, allowed.as_str()));
        }
        // RFC 5789 §2.2: who sends a patch of another type learns which there are.
        if matches!(self, Self::MediaType { .. }) && request.method() == Method::PATCH {
            answer.insert_header(("Accept-Patch", format!("{MERGE_PATCH}, {JSON_PATCH}")));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            answer.insert_header((header::RETRY_AFTER, "5"));
        }
        if let Self::TooMany { wait, .. } = self {
            answer.insert_header((header::RETRY_AFTER, wait.as_millis().div_ceil(1000).max(1).to_string()));
        }
        answer.json(view)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let is_outrun = matches!(error, StoreError::ConfigurationMoved | StoreError::ObjectMoved);
        if is_outrun || error.is_contention() { Self::Outrun } else { Self::internal(error) }
    }
}

impl From<ConfigurationError> for ApiError {
    /// What is stored was checked when it was saved: that it is wrong now is no fault of the caller.
    fn from(error: ConfigurationError) -> Self {
        match error {
            ConfigurationError::Store(error) => error.into(),
            ConfigurationError::Invalid(_) | ConfigurationError::Lacking(_) => Self::internal(error),
        }
    }
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        Self::internal(error)
    }
}

impl From<tokio::task::JoinError> for ApiError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::internal(error)
    }
}

#[cfg(test)]
mod tests {
    use muster_engine::LaunchError;
    use muster_store::{Location, Store};

    use super::*;

    #[tokio::test]
    async fn a_database_that_does_not_do_what_it_is_asked_is_told_of_without_its_own_words() {
        let directory = tempfile::tempdir().unwrap();
        let letter = directory.path().join("letter.db");
        std::fs::write(&letter, "Dear Sir or Madam, ".repeat(1000)).unwrap();
        let opened = Store::open(&Location::File(letter)).await;
        let known = ApiError::internal(LaunchError::Store(opened.err().unwrap()));
        assert_eq!((known.code(), known.status()), (ErrorCode::Unavailable, StatusCode::SERVICE_UNAVAILABLE));
        assert_eq!(known.to_string(), "the database file is no SQLite database");
        let fix = "ask who runs the server to name another data directory, or put a backup of the database file back";
        assert_eq!((known.fix().as_str(), known.properties()), (fix, BTreeMap::new()));
        let log = known.for_the_log();
        assert!(log.contains("letter.db") && log.contains("(code: 26)"), "{log}");
        let other = ApiError::internal(LaunchError::Store(StoreError::Unplugged));
        assert_eq!(
            (other.code(), other.to_string()),
            (ErrorCode::Internal, "an internal error occurred".into())
        );
    }
}
