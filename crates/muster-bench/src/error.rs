//! What can go wrong in an instrument.

use std::io;
use std::path::PathBuf;

use muster_store::StoreError;

/// An instrument that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file or the machine could not be read or written.
    #[error("cannot {action}")]
    Io {
        action: &'static str,
        #[source]
        source: io::Error,
    },
    /// The CSV file cannot be read to its end.
    #[error("cannot read the CSV file")]
    Csv(#[from] csv::Error),
    /// SQLite refused.
    #[error("cannot use the SQLite file")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL refused.
    #[error("cannot use the PostgreSQL database")]
    Postgres(#[from] sqlx::Error),
    /// The store could not be set up.
    #[error("cannot set up the store")]
    Store(#[from] StoreError),
    /// A resource of the configuration is none.
    #[error("cannot read the resource {}: {problems}", path.display())]
    Resource { path: PathBuf, problems: String },
    /// The server refused a request, or could not be reached.
    #[error("cannot ask the server")]
    Http(#[from] ureq::Error),
    /// Somebody was not synchronized.
    #[error("a user was not synchronized: {0}")]
    NotSynchronized(String),
    /// A connection of a load broke down.
    #[error("a thread panicked")]
    Thread,
    /// A schedule did not fire in time to be asked.
    #[error("the schedule of task `{0}` has not fired")]
    NotFired(String),
    /// The directory refused, or could not be reached.
    #[error("cannot use the directory")]
    Directory(#[from] ldap3::LdapError),
    /// The connector cannot read it.
    #[error("cannot read through the connector")]
    Connector(#[from] muster_connector::ConnectorError),
    /// The connector did not read all.
    #[error("the sweep was cut short: {0}")]
    CutShort(String),
    /// The tenant to be added to is not there.
    #[error("there is no tenant `{0}`")]
    NoTenant(String),
    /// The expression failed.
    #[error("cannot evaluate the expression")]
    Expression(#[from] muster_plan::expression::ExpressionError),
}

impl Error {
    /// For `map_err`: an error that says what was being done.
    pub(crate) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }

    /// Prints the error with its causes.
    pub(crate) fn print(&self) {
        eprintln!("error: {self}");
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            eprintln!("  caused by: {error}");
            cause = error.source();
        }
    }
}
