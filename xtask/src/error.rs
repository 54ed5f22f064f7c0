//! What can go wrong in a task, and what to do about it.

use std::io;
use std::process::ExitStatus;

/// A task that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program could not be started.
    #[error("cannot start `{program}`")]
    Start {
        program: String,
        #[source]
        source: io::Error,
    },
    /// A program did not do what it was called for.
    #[error("`{program}` failed: {status}")]
    Failed { program: String, status: ExitStatus },
    /// Somebody pressed Ctrl-C, or asked the task to end.
    #[error("interrupted")]
    Interrupted,
    /// A file or the machine could not be read or written.
    #[error("cannot {action}")]
    Io {
        action: String,
        #[source]
        source: io::Error,
    },
    /// There is no `PostgreSQL` here and none can be installed.
    #[error("no PostgreSQL server is installed")]
    NoPostgres,
    /// There is no `slapd` here and none can be installed.
    #[error("no LDAP server is installed")]
    NoSlapd,
    /// The throw-away server ended before it was ready.
    #[error("the PostgreSQL server did not start: {log}")]
    PostgresEnded { log: String },
    /// There is no Python that can make an environment, and none can be installed.
    #[error("no Python with `venv` is installed")]
    NoPython,
    /// PyPI cannot be reached, or does not have what is asked for.
    #[error("cannot install schemathesis")]
    NoSchemathesis,
    /// A server ended before it could be reached.
    #[error("`{program}` ended before it could be reached")]
    Ended { program: String },
    /// A program printed something else than its figures.
    #[error("cannot read what `{program}` printed: {printed}")]
    Figures {
        program: String,
        printed: String,
        #[source]
        source: serde_json::Error,
    },
    /// A job did something else than what it is to measure.
    #[error("`{job}` counted {found} entries as {outcome} instead of {expected}")]
    Outcome { job: &'static str, outcome: &'static str, found: u64, expected: u64 },
    /// A job wrote something else than what it had to.
    #[error("`{job}` wrote {found} instead of {expected}")]
    Written { job: &'static str, found: String, expected: String },
    /// There is no such benchmark.
    #[error("there is no benchmark `{name}`; there are: {known}")]
    UnknownJob { name: String, known: String },
    /// There is no such target.
    #[error("there is no target `{name}`; there are: {known}")]
    UnknownTarget { name: String, known: String },
    /// A reader broke on what it was given.
    #[error("the target `{name}` breaks on an input, which lies in target/fuzz/found")]
    Finding { name: String },
    /// A run did not end as it has to.
    #[error("{task}: {what}")]
    Run { task: String, what: String },
    /// A server answered what it must not.
    #[error("{request} was answered {answer}")]
    Answer { request: String, answer: String },
    /// A disturbed world is not as a calm one.
    #[error("the end differs from that of calm runs, on {stores}; again: cargo xtask chaos --seed {seed}")]
    Chaos { stores: String, seed: u64 },
}

impl Error {
    /// For `map_err`: an error that says what was being done.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }

    /// Prints the error with its causes, and a hint where there is one.
    pub(crate) fn print(&self) {
        eprintln!("error: {self}");
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            eprintln!("  caused by: {error}");
            cause = error.source();
        }
        if let Self::NoPostgres = self {
            eprintln!(
                "hint: install Debian's `postgresql`, or name a server in MUSTER_TEST_POSTGRES=postgres://…"
            );
        }
        if let Self::NoSlapd = self {
            eprintln!("hint: install Debian's `slapd`");
        }
        if let Self::NoPython = self {
            eprintln!("hint: install Debian's `python3-venv`");
        }
        if let Self::NoSchemathesis = self {
            eprintln!(
                "hint: PyPI has to be reachable; `cargo test --workspace` does without it, and tests less"
            );
        }
        if let Self::Finding { name } = self {
            eprintln!(
                "hint: mend the reader, then put the input into fuzz/corpus/{name}, where tests read it"
            );
        }
    }
}
