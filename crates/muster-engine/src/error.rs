//! Why a run cannot go on, and what is noted about it as a whole.

use muster_connector::ConnectorError;
use muster_model::error::ErrorCode;
use muster_model::{ApplicationId, ConfigurationId, DirectoryId, RunId};
use muster_plan::lifecycle::NotAdmitted;
use muster_store::{ProblemRow, ProblemStep, StoreError};

use crate::configuration::ConfigurationError;

/// Why a run cannot go on. Entries that fail are no errors: they are counted.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The run belongs to another worker, or was paused, cancelled or ended.
    #[error("the run was taken over, paused, cancelled or ended")]
    Lost,
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// The configuration of the run cannot be used.
    #[error("the configuration cannot be used: {0}")]
    Configuration(#[from] ConfigurationError),
    /// The application cannot be read or written.
    #[error("application `{application}`: {source}")]
    Connector {
        /// The application.
        application: ApplicationId,
        /// What its connector said.
        source: ConnectorError,
    },
    /// None of the applications can be read or written.
    #[error("application `{application}`: {reason}")]
    AllLeftOut {
        /// The first of them.
        application: ApplicationId,
        /// Why the run went on without it, until none was left.
        reason: String,
    },
    /// What was made could be made twice after a crash; see `docs/adr/0008-accounts-are-found-by-key.md`.
    #[error(
        "application `{application}` cannot be provisioned: its connector does not find an account by its key \
         right after it was made, so a crash could make it twice"
    )]
    NotFoundByKey {
        /// The application.
        application: ApplicationId,
    },
    /// The run that it waited for did not end well.
    #[error("the run of `{task}` that comes before this one, {run}, ended {outcome}; nothing was read")]
    Preceding {
        /// The task of that run.
        task: ConfigurationId,
        /// That run.
        run: RunId,
        /// How it ended.
        outcome: &'static str,
    },
    /// The run that it waited for was dropped before anybody could see how it ended.
    #[error("the run that comes before this one, {run}, is not there any more; nothing was read")]
    PrecedingGone {
        /// That run.
        run: RunId,
    },
    /// Worker after worker was lost with it at the same place.
    #[error(
        "{breakdowns} workers in a row were lost with it and got no further than the one before, so it is not taken \
         up again; the log of the server, or of its machine, says what ended them (too little memory?)"
    )]
    BrokenDown {
        /// How many.
        breakdowns: u32,
    },
    /// The changes of the run that it undoes were dropped.
    #[error("run {run}, or what it changed, is not kept any more; nothing was undone")]
    NothingToUndo {
        /// That run.
        run: RunId,
    },
    /// The directory that it writes was deleted. In the words that User Sync's clients know.
    #[error("Directory {directory} does not exists")]
    NoDirectory {
        /// The directory.
        directory: DirectoryId,
    },
    /// More entries failed than the task's error policy allows.
    #[error("{failed} entries failed, the error policy allows {allowed}; nothing was applied")]
    TooManyErrors {
        /// How many failed.
        failed: u64,
        /// How many may.
        allowed: u64,
    },
    /// Most entries failed, and no error policy says how many may.
    #[error(
        "{failed} of {entries} entries failed, which is more than half; nothing was applied: see whether the source \
         holds what it should, or say in `errorPolicy.maximumErrors` how many may fail"
    )]
    MostFailed {
        /// How many failed.
        failed: u64,
        /// Of how many.
        entries: u64,
    },
    /// The state machine refused an event.
    #[error(transparent)]
    NotAdmitted(#[from] NotAdmitted),
    /// A task of the engine ended unexpectedly.
    #[error("a part of the run ended unexpectedly: {0}")]
    Broken(String),
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::LostFence) { Self::Lost } else { Self::Store(error) }
    }
}

impl From<tokio::task::JoinError> for EngineError {
    fn from(error: tokio::task::JoinError) -> Self {
        // What a panic says may name what it was about.
        tracing::error!(%error, "a task of a run has ended before its time");
        Self::Broken("a part of the program has ended before its time; the log says why".to_owned())
    }
}

/// An error with all its causes, for people and logs.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.ends_with(&next_text) {
            text.push_str(": ");
            text.push_str(&next_text);
        }
        cause = next.source();
    }
    text
}

/// Why a run failed, for those who may look at it: what a database says in its own words is for the log alone.
pub(crate) fn for_people(error: &(dyn std::error::Error + 'static)) -> String {
    match StoreError::within(error).filter(|error| error.quotes_database()) {
        None => with_causes(error),
        Some(error) => match error.cause() {
            Some(cause) => format!("{}; {}", cause.description(), cause.fix()),
            None => "the database failed; look this run up in the log of the server".to_owned(),
        },
    }
}

/// Something that is to be known about a run as a whole.
pub(crate) fn of_run(step: ProblemStep, code: ErrorCode, message: String) -> ProblemRow {
    ProblemRow { change: None, outcome: None, step, code, uid: None, place: None, message, class: None }
}
