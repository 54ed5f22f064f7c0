//! What goes wrong at a database, and what that means: every error of the library becomes one of ours here.

use std::time::Duration;

use muster_connector::ConnectorError;
use muster_connector::text::shown;

/// What is to be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// It may work later.
    Transient,
    /// The database understood and refused.
    Rejected,
    /// A value that may stand there once stands there already.
    Unique,
    /// Somebody has to change something.
    Unusable,
}

/// Whom an error concerns, as far as it says so itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concerns {
    /// What was written alone.
    One,
    /// Everything that could be asked for.
    All,
    /// Either: a right may be lacking, or a trigger may fail at one row.
    Unclear,
}

/// A statement that met an error, and how many values go into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tried {
    pub(crate) sql: String,
    pub(crate) values: usize,
}

/// One thing that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) sort: Sort,
    pub(crate) concerns: Concerns,
    /// What the database says, made fit for a message; never a value.
    pub(crate) message: String,
    /// The constraint that was broken, or the columns of it as SQLite names them.
    pub(crate) constraint: Option<String>,
    /// Whether the connection is of no use any more.
    pub(crate) ends_connection: bool,
    /// What was to be written, where that met it.
    pub(crate) tried: Option<Tried>,
}

impl Fault {
    /// Something about the connection itself.
    pub(crate) fn broken(message: impl Into<String>) -> Self {
        Self {
            sort: Sort::Transient,
            concerns: Concerns::All,
            message: message.into(),
            constraint: None,
            ends_connection: true,
            tried: None,
        }
    }

    /// Nothing came in time.
    pub(crate) fn late(limit: Duration) -> Self {
        Self::broken(format!(
            "no answer came within {} seconds; look at the load of the database",
            limit.as_secs_f32()
        ))
    }

    /// Something that somebody has to change, whatever is asked for.
    pub(crate) fn unusable(message: String) -> Self {
        Self { sort: Sort::Unusable, ends_connection: false, ..Self::broken(message) }
    }

    /// Whether other operations of the same batch are known to meet it as well.
    pub(crate) fn concerns_all(&self) -> bool {
        self.concerns == Concerns::All || self.ends_connection
    }

    /// As an error of a connector about a system.
    pub(crate) fn at(self, place: &str) -> ConnectorError {
        let message = format!("{place}: {}", self.message);
        match self.sort {
            Sort::Transient => ConnectorError::Transient { message, retry_after: None },
            Sort::Rejected => ConnectorError::Rejected { message },
            Sort::Unique => ConnectorError::Conflict { message },
            Sort::Unusable => ConnectorError::Unusable { message },
        }
    }
}

impl From<sqlx::Error> for Fault {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the errors of the library are many, and grow")]
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => of_database(&*error),
            sqlx::Error::Io(error) => {
                Self::broken(format!("the connection broke: {}", shown(&error.to_string())))
            }
            sqlx::Error::Protocol(message) => {
                Self::broken(format!("what it answered is no PostgreSQL: {}", shown(&message)))
            }
            other => Self::broken(shown(&other.to_string())),
        }
    }
}

fn of_database(error: &dyn sqlx::error::DatabaseError) -> Fault {
    let code = error.code().unwrap_or_default().into_owned();
    let said = shown(error.message());
    match error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
        Some(postgres) => {
            let constraint = postgres.constraint().map(str::to_owned);
            of_postgres(&code, postgres.routine().unwrap_or_default(), said, constraint)
        }
        None => of_sqlite(code.parse().unwrap_or(0), said),
    }
}

/// The routine of PostgreSQL that refuses what the policies of a table forbid. Its code is that of lacking rights.
const POLICIES: &str = "ExecWithCheckOptions";
/// The routine that refuses for a function, with any code that its author likes.
const RAISE: &str = "exec_stmt_raise";

/// By the classes of SQLSTATE, appendix A of the manual, and for whom it concerns by the routine that says so.
fn of_postgres(code: &str, routine: &str, said: String, constraint: Option<String>) -> Fault {
    let (sort, advice) = match code {
        "23505" => (Sort::Unique, ""),
        "42501" if routine == POLICIES => {
            (Sort::Unusable, "; its policies let the role write no such row: change them, or what is written")
        }
        "42501" if routine == RAISE => (Sort::Unusable, ""),
        "42501" => (Sort::Unusable, "; grant the role that right"),
        "3D000" => (Sort::Unusable, "; correct `databaseName`"),
        "28P01" | "28000" => (Sort::Unusable, "; correct `user` and `password`, or let the role log in"),
        "25006" => (Sort::Unusable, "; the server or the connection only reads"),
        "57014" => (Sort::Transient, "; the statement took longer than a call may take"),
        "53300" => (Sort::Transient, "; the server has too many connections"),
        "53100" => (Sort::Transient, "; the disk of the server is full"),
        _ => match code.get(..2) {
            Some("08" | "40" | "53" | "55" | "57" | "58" | "XX") => (Sort::Transient, ""),
            Some("28" | "3D" | "3F" | "42" | "0A" | "F0") => (Sort::Unusable, ""),
            _ => (Sort::Rejected, ""),
        },
    };
    let named = constraint.as_deref().map(|name| format!(" (constraint `{}`)", shown(name)));
    let named = named.filter(|_| !constraint.as_deref().is_some_and(|name| said.contains(name)));
    let message = format!("{said}{}{advice}", named.unwrap_or_default());
    // These end the session from the other side.
    let ends_connection = matches!(code, "57P01" | "57P02" | "57P03") || code.starts_with("08");
    let concerns = match (sort, routine, code.get(..2)) {
        (Sort::Transient, _, _) => Concerns::All,
        (Sort::Rejected | Sort::Unique, _, _) | (Sort::Unusable, POLICIES | RAISE, _) => Concerns::One,
        (Sort::Unusable, _, Some("42" | "0A" | "3F")) => Concerns::Unclear,
        (Sort::Unusable, _, _) => Concerns::All,
    };
    Fault { sort, concerns, message, constraint, ends_connection, tried: None }
}

/// By the primary result codes of SQLite, and its extended ones for constraints.
fn of_sqlite(code: i32, said: String) -> Fault {
    let constraint = said.split_once("constraint failed: ").map(|(_, columns)| columns.to_owned());
    let (sort, advice) = match (code, code & 0xff) {
        (2067 | 1555 | 2579, _) => (Sort::Unique, ""),
        (_, 19 | 18 | 20 | 12) => (Sort::Rejected, ""),
        (_, 5 | 6) => (Sort::Transient, "; somebody else is writing"),
        (_, 9) => (Sort::Transient, "; the statement took longer than a call may take"),
        (_, 13) => (Sort::Transient, "; make room"),
        (_, 4 | 7 | 10 | 15) => (Sort::Transient, ""),
        (_, 8) => (Sort::Unusable, "; let the server write the file and its directory"),
        (_, 11 | 26) => (Sort::Unusable, "; put a sound SQLite database there"),
        _ => (Sort::Unusable, ""),
    };
    // A connection that met a full disk or a file of another kind is not trusted with more.
    let ends_connection = matches!(code & 0xff, 7 | 9 | 10 | 11 | 13 | 26);
    let concerns = match (sort, code & 0xff) {
        (Sort::Transient, _) => Concerns::All,
        (Sort::Rejected | Sort::Unique, _) => Concerns::One,
        // A function that cannot do with a value says the same as a table that is not there.
        (Sort::Unusable, 1) => Concerns::Unclear,
        (Sort::Unusable, _) => Concerns::All,
    };
    Fault { sort, concerns, message: format!("{said}{advice}"), constraint, ends_connection, tried: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_postgres_are_sorted() {
        for (code, sort) in [
            ("23505", Sort::Unique),
            ("23503", Sort::Rejected),
            ("22001", Sort::Rejected),
            ("P0001", Sort::Rejected),
            ("40001", Sort::Transient),
            ("40P01", Sort::Transient),
            ("53300", Sort::Transient),
            ("57014", Sort::Transient),
            ("42P01", Sort::Unusable),
            ("42501", Sort::Unusable),
            ("28P01", Sort::Unusable),
            ("3D000", Sort::Unusable),
            ("", Sort::Rejected),
        ] {
            assert_eq!(of_postgres(code, "", "x".to_owned(), None).sort, sort, "{code}");
        }
        let broken = of_postgres("23514", "", "it is refused".to_owned(), Some("positive".to_owned()));
        assert!(broken.message.contains("`positive`"), "{}", broken.message);
    }

    #[test]
    fn who_is_concerned_is_known_by_code_and_routine() {
        for (code, routine, concerns) in [
            ("23505", "", Concerns::One),
            ("P0001", RAISE, Concerns::One),
            ("40001", RAISE, Concerns::All),
            ("42501", POLICIES, Concerns::One),
            ("42501", RAISE, Concerns::One),
            ("42501", "aclcheck_error", Concerns::Unclear),
            ("42804", RAISE, Concerns::One),
            ("42804", "", Concerns::Unclear),
            ("25006", "", Concerns::All),
            ("28P01", "", Concerns::All),
        ] {
            let fault = of_postgres(code, routine, "x".to_owned(), None);
            assert_eq!(fault.concerns, concerns, "{code} {routine}");
        }
        for (code, concerns) in
            [(1, Concerns::Unclear), (787, Concerns::One), (5, Concerns::All), (8, Concerns::All)]
        {
            assert_eq!(of_sqlite(code, "x".to_owned()).concerns, concerns, "{code}");
        }
    }

    #[test]
    fn codes_of_sqlite_are_sorted() {
        for (code, sort) in [
            (2067, Sort::Unique),
            (1555, Sort::Unique),
            (787, Sort::Rejected),
            (1299, Sort::Rejected),
            (275, Sort::Rejected),
            (5, Sort::Transient),
            (13, Sort::Transient),
            (26, Sort::Unusable),
            (1, Sort::Unusable),
        ] {
            assert_eq!(of_sqlite(code, "x".to_owned()).sort, sort, "{code}");
        }
        let taken = of_sqlite(2067, "UNIQUE constraint failed: people.id".to_owned());
        assert_eq!(taken.constraint.as_deref(), Some("people.id"));
    }
}
