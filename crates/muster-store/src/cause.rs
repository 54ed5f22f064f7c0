//! Why a database does not do what it is asked, in words for people: the known causes, each with what to do. The
//! words of the database itself are for the log.

use std::error::Error;
use std::io;

use sea_orm::sqlx;
use sea_orm::sqlx::postgres::PgDatabaseError;
use sea_orm::sqlx::sqlite::SqliteError;
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};

use crate::error::StoreError;

/// A known cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// No space is left.
    Full,
    /// The file, or its directory, cannot be written.
    ReadOnlyFile,
    /// The server lets nobody write.
    ReadOnlyServer,
    /// The file cannot be opened, or not made.
    NotOpened,
    /// The file is none of SQLite.
    NoDatabase,
    /// The file of SQLite is damaged.
    Damaged,
    /// The file cannot be read or written, since its disk fails.
    Disk,
    /// Somebody else has locked what is needed, for too long.
    Locked,
    /// Nobody answers at the server's address.
    Unreachable,
    /// The server has ended the connection, or ends itself.
    Lost,
    /// The server does not know the user, or the password.
    Unauthenticated,
    /// The server has no database of that name.
    Unknown,
    /// The server gives no more connections.
    TooManyConnections,
    /// No connection was free, or could be made, in time.
    NoConnection,
    /// The user of the database lacks a right.
    Forbidden,
}

impl Cause {
    /// The cause of an error that comes from the store, wherever in the chain of its causes that stands.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        StoreError::within(error)?.cause()
    }

    /// What is wrong.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Full => "the disk of the database is full",
            Self::ReadOnlyFile => "the database file or its directory cannot be written",
            Self::ReadOnlyServer => "the database lets nobody write",
            Self::NotOpened => "the database file cannot be opened",
            Self::NoDatabase => "the database file is no SQLite database",
            Self::Damaged => "the database file is damaged",
            Self::Disk => "the disk of the database does not read or write",
            Self::Locked => "somebody else has kept the database locked for too long",
            Self::Unreachable => "the database server does not answer",
            Self::Lost => "the connection to the database server was lost",
            Self::Unauthenticated => "the database server refuses the user or the password",
            Self::Unknown => "the database server has no such database",
            Self::TooManyConnections => "the database server gives no more connections",
            Self::NoConnection => "no connection to the database was to be had in time",
            Self::Forbidden => "the database user lacks a right",
        }
    }

    /// What to do, as who runs Muster does it.
    #[must_use]
    pub fn fix(self) -> &'static str {
        match self {
            Self::Full => "make space on the disk of the database",
            Self::ReadOnlyFile => {
                "let the user that Muster runs as write the database file and its directory, and look whether the \
                 file system is mounted read-only"
            }
            Self::ReadOnlyServer => "name the primary server in the database URL, not one that follows it",
            Self::NotOpened => {
                "look whether the directory of the database is there and the user that Muster runs as may write it"
            }
            Self::NoDatabase => "name another data directory, or put a backup of the database file back",
            Self::Damaged => "put a backup of the database file back, and look whether its disk is sound",
            Self::Disk => "look whether the disk of the database is sound and still mounted",
            Self::Locked => {
                "look which program has the database open, a backup or a shell perhaps, and let it come to its end"
            }
            Self::Unreachable => {
                "look whether the database server runs, and whether the database URL names its host and port"
            }
            Self::Lost => "look whether the database server runs, then try again",
            Self::Unauthenticated => "correct the user and the password in the database URL",
            Self::Unknown => {
                "correct the name of the database in its URL, or make the database on the server"
            }
            Self::TooManyConnections => {
                "raise `max_connections` of the database server, or end others that are connected; a process of \
                 Muster takes up to 9"
            }
            Self::NoConnection => "look whether the database server runs and how busy it is, then try again",
            Self::Forbidden => {
                "let the database user own the tables of Muster, and make tables in its schema"
            }
        }
    }

    pub(crate) fn of_database(error: &DbErr) -> Option<Self> {
        if let DbErr::ConnectionAcquire(ConnAcquireErr::Timeout | ConnAcquireErr::ConnectionClosed) = error {
            return Some(Self::NoConnection);
        }
        if let DbErr::Conn(RuntimeErr::SqlxError(error)) = error {
            return Self::of_sqlx(error, Self::Unreachable);
        }
        if let DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) = error
        {
            return Self::of_sqlx(error, Self::Lost);
        }
        // What else it knows is about the form of statements and values, which are ours.
        None
    }

    /// The cause of an error; `cut_off` is what it means that nothing comes through.
    fn of_sqlx(error: &sqlx::Error, cut_off: Self) -> Option<Self> {
        if let sqlx::Error::Io(error) = error {
            return Some(if error.kind() == io::ErrorKind::StorageFull { Self::Full } else { cut_off });
        }
        if let sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed = error {
            return Some(Self::NoConnection);
        }
        let error = error.as_database_error()?;
        let code = error.code()?;
        if error.try_downcast_ref::<PgDatabaseError>().is_some() {
            return Self::of_sqlstate(&code);
        }
        error.try_downcast_ref::<SqliteError>().and_then(|_| Self::of_sqlite(&code))
    }

    /// By a result code of SQLite, <https://sqlite.org/rescode.html>.
    fn of_sqlite(code: &str) -> Option<Self> {
        // The lowest octet is the primary code, the rest says more about it.
        match code.parse::<u32>().ok()? & 0xff {
            3 | 8 => Some(Self::ReadOnlyFile),
            5 | 6 => Some(Self::Locked),
            10 => Some(Self::Disk),
            11 => Some(Self::Damaged),
            13 => Some(Self::Full),
            14 => Some(Self::NotOpened),
            26 => Some(Self::NoDatabase),
            _ => None,
        }
    }

    /// By a code of PostgreSQL, <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    fn of_sqlstate(code: &str) -> Option<Self> {
        match code {
            "53100" => Some(Self::Full),
            "25006" => Some(Self::ReadOnlyServer),
            "55P03" => Some(Self::Locked),
            "57P03" => Some(Self::Unreachable),
            "57P01" | "57P02" | "57P05" | "25P03" => Some(Self::Lost),
            "28000" | "28P01" => Some(Self::Unauthenticated),
            "3D000" => Some(Self::Unknown),
            "53300" => Some(Self::TooManyConnections),
            "42501" => Some(Self::Forbidden),
            _ if code.starts_with("08") => Some(Self::Lost),
            _ => None,
        }
    }
}
