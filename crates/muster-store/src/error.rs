//! What can go wrong in the store.

use std::error::Error;

use muster_model::run::ProgressStatus;
use muster_model::{IdError, RunId};
use sea_orm::{DbErr, RuntimeErr};

use crate::cause::Cause;

/// A failure of the store, or a refusal that only the database can know of.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached.
    #[error("cannot open the database at {location}")]
    Connect {
        /// Where it should be.
        location: String,
        /// Why not.
        #[source]
        source: sea_orm::DbErr,
    },
    /// A statement failed.
    #[error("the database refused `{start} …`")]
    Statement {
        /// Its first words.
        start: String,
        /// Why.
        #[source]
        source: sea_orm::DbErr,
    },
    /// A stored value is not of the form this program writes.
    #[error("the database holds a {what} that cannot be read: {detail}")]
    Unreadable {
        /// What it should be.
        what: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// The database was migrated by a newer program.
    #[error("the database has schema version {found}, this program knows up to {known}; use a newer program")]
    NewerSchema {
        /// The version of the database.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// Another full run of the task has not ended.
    #[error("run {run} of the task has not ended, it is {}", status.as_str())]
    AlreadyRunning {
        /// The run.
        run: RunId,
        /// Where it stands.
        status: ProgressStatus,
    },
    /// The worker no longer owns the run, or the run is no longer running: nothing was written.
    #[error("the run was taken over, paused, cancelled or ended")]
    LostFence,
    /// Another write of configuration came between the check of this one and itself: nothing was written.
    #[error("the configuration has changed since it was checked")]
    ConfigurationMoved,
    /// A secret is to be sealed or opened, and there is no master key.
    #[error("there is no master key, so secrets can be neither stored nor used")]
    NoMasterKey,
    /// The master key is another than the one that the database was sealed with.
    #[error("the master key is not the one that the secrets of this database were sealed with")]
    OtherMasterKey,
    /// What was sealed cannot be opened.
    #[error("{what} cannot be opened: it was sealed for another place, or changed since")]
    Unsealable {
        /// What was sealed.
        what: String,
    },
    /// The last one with a role that somebody has to have.
    #[error("{0} is the last one with the role that somebody has to have")]
    Last(String),
    /// The object has another version than the one that the write was decided on, or is gone: nothing was written.
    #[error("the object has changed since it was read")]
    ObjectMoved,
    /// A [`Fuse`](crate::Fuse) has blown: nothing reaches the database any more.
    #[error("the fuse on the way to the database has blown")]
    Unplugged,
    /// The thing exists already.
    #[error("{0} exists already")]
    Exists(String),
    /// The thing does not exist.
    #[error("{0} does not exist")]
    Absent(String),
}

impl StoreError {
    pub(crate) fn unreadable(what: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::Unreadable { what, detail: detail.to_string() }
    }

    /// The error of the store that another comes from, or is itself.
    #[must_use]
    pub fn within<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }

    /// Why the database does not do what it is asked, where that is known.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        Cause::of_database(self.of_database()?)
    }

    /// Whether it holds words of the database itself, which are for the log and nobody else.
    #[must_use]
    pub fn quotes_database(&self) -> bool {
        self.of_database().is_some()
    }

    fn of_database(&self) -> Option<&DbErr> {
        match self {
            Self::Connect { source, .. } | Self::Statement { source, .. } => Some(source),
            Self::Unreadable { .. }
            | Self::NewerSchema { .. }
            | Self::AlreadyRunning { .. }
            | Self::LostFence
            | Self::ConfigurationMoved
            | Self::ObjectMoved
            | Self::NoMasterKey
            | Self::OtherMasterKey
            | Self::Unsealable { .. }
            | Self::Last(_)
            | Self::Unplugged
            | Self::Exists(_)
            | Self::Absent(_) => None,
        }
    }

    /// Whether another transaction stood in the way: a deadlock, or a lock that was not given in time. The same
    /// transaction may be tried again.
    #[must_use]
    pub fn is_contention(&self) -> bool {
        let Self::Statement { source: DbErr::Exec(error) | DbErr::Query(error), .. } = self else {
            return false;
        };
        let RuntimeErr::SqlxError(error) = error else { return false };
        let code = error.as_database_error().and_then(|error| error.code());
        matches!(code.as_deref(), Some("40P01" | "40001" | "55P03"))
    }

    /// Whether a unique constraint refused the statement.
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        let refused = self.of_database().and_then(DbErr::sql_err);
        matches!(refused, Some(sea_orm::SqlErr::UniqueConstraintViolation(_)))
    }
}

impl From<IdError> for StoreError {
    fn from(error: IdError) -> Self {
        Self::unreadable("identifier", error)
    }
}
