//! Why a command did not do what it was called for, what to do about it, and the exit code that says so.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use muster::settings::SettingsError;
use muster::{KeyError, OpenError};
use muster_api::CertificateError;
use muster_dataset::DatasetProblem;
use muster_engine::{
    ConfigurationError, ControlError, EngineError, LaunchError, ReleaseError, RetryError, SecretError,
    UndoError,
};
use muster_model::{RunId, TenantSlug};
use muster_plan::audit::Flaw;
use muster_store::{Cause, StoreError};

use crate::client::ClientError;
use crate::print::{complain, count};

/// How a command ended, as its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was called for.
    Done = 0,
    /// It did not.
    Failed = 1,
    /// It was called in a way that it does not understand.
    Usage = 2,
    /// Some entries failed; of a comparison: the two differ.
    Partial = 3,
    /// A plan waits for a decision; nothing has been done.
    Held = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was called for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The data cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// There is no such tenant.
    #[error("there is no tenant `{0}`")]
    NoTenant(TenantSlug),
    /// A server is to work without a master key.
    #[error("there is no master key, and with PostgreSQL none is made: all processes need the same")]
    NoMasterKey,
    /// Nothing was done with a secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// There is no such user, token or secret.
    #[error("tenant `{tenant}` has no {what}")]
    Nobody { tenant: TenantSlug, what: String },
    /// The thing is there already.
    #[error("{what} exists already")]
    Exists { what: String, hint: String },
    /// The way it was called makes no sense.
    #[error("{message}")]
    Usage { message: String, hint: String },
    /// Something of the machine does not work.
    #[error("cannot {doing}")]
    Machine {
        doing: String,
        #[source]
        source: io::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        address: String,
        #[source]
        source: io::Error,
    },
    /// There is no certificate to serve with.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A run was not launched.
    #[error(transparent)]
    Launch(LaunchError),
    /// Another process works on the task.
    #[error("task `{task}` is running already: run {run}, {state}")]
    Running { task: String, run: RunId, state: String, hint: String },
    /// A run cannot be worked on.
    #[error("run {run} cannot be worked on")]
    Work {
        run: RunId,
        #[source]
        source: EngineError,
    },
    /// A person did not wait for the end of a run.
    #[error("run {0} was left before it had stopped")]
    Interrupted(RunId),
    /// Failed entries are not tried again.
    #[error(transparent)]
    Retry(#[from] RetryError),
    /// Nothing was decided about a plan.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A run cannot be undone.
    #[error(transparent)]
    Undo(#[from] UndoError),
    /// Nothing is known of applications.
    #[error(transparent)]
    Application(ReleaseError),
    /// The server refused, or did not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The progress of a run is not what the API promises.
    #[error("the progress of a run cannot be read")]
    Progress(#[from] serde_json::Error),
    /// The run itself failed; its summary has been shown.
    #[error("run {run} failed: {failure}")]
    Failed { run: String, failure: String },
    /// A dataset is not in order.
    #[error("{file} has {}", count(problems.len() as u64, "problem", "problems"))]
    Dataset { file: String, problems: Vec<DatasetProblem> },
    /// The audit log is not what was written.
    #[error("the audit log of `{tenant}` is broken at entry {seq}: {why}")]
    Broken { tenant: TenantSlug, seq: u64, why: Flaw },
    /// The demonstration did not come out as it should.
    #[error("{what}: expected {expected}, found {found}")]
    Unexpected { what: String, expected: String, found: String },
}

impl CommandError {
    /// For `map_err`: an error that says what was being done.
    pub(crate) fn machine(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Machine { doing, source }
    }

    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: hint.into() }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Settings(_)
            | Self::Usage { .. }
            | Self::NoMasterKey
            | Self::Secret(SecretError::Value(_)) => Exit::Usage,
            Self::Secret(_)
            | Self::Open(_)
            | Self::Store(_)
            | Self::NoTenant(_)
            | Self::Nobody { .. }
            | Self::Exists { .. }
            | Self::Machine { .. }
            | Self::Listen { .. }
            | Self::Certificate(_)
            | Self::Launch(_)
            | Self::Running { .. }
            | Self::Work { .. }
            | Self::Interrupted(_)
            | Self::Control(_)
            | Self::Retry(_)
            | Self::Undo(_)
            | Self::Application(_)
            | Self::Client(_)
            | Self::Progress(_)
            | Self::Failed { .. }
            | Self::Dataset { .. }
            | Self::Broken { .. }
            | Self::Unexpected { .. } => Exit::Failed,
        }
    }

    /// Says what is wrong and what to do, on standard error.
    pub(crate) fn print(&self) {
        if let Self::Dataset { file, problems } = self {
            for problem in problems {
                complain(format_args!("{file}:{problem}"));
            }
        }
        complain(format_args!("error: {}", self.told()));
        if let Self::Launch(LaunchError::Configuration(ConfigurationError::Invalid(problems))) = self {
            for (place, messages) in problems.iter() {
                complain(format_args!("  {place}: {}", messages.join("; ")));
            }
        }
        if let Self::Client(ClientError::Refused { properties, .. }) = self {
            for (name, value) in properties {
                complain(format_args!("  {name}: {value}"));
            }
        }
        if let Some(hint) = self.hint() {
            complain(format_args!("hint: {hint}"));
        }
    }

    /// What is wrong, with all causes.
    pub(crate) fn told(&self) -> String {
        // What only passes it on is no link of the chain.
        if let Self::Open(OpenError::Store(error)) = self { with_causes(error) } else { with_causes(self) }
    }

    /// Why the database does not do what it is asked, if that is what is wrong.
    fn cause(&self) -> Option<Cause> {
        if let Self::Open(OpenError::Store(error)) = self { error.cause() } else { Cause::of(self) }
    }

    pub(crate) fn hint(&self) -> Option<String> {
        if let Some(cause) = self.cause() {
            return Some(cause.fix().to_owned());
        }
        let hint = match self {
            Self::Settings(_) => "`config/muster.toml` of the project lists every setting with its default",
            Self::Open(OpenError::DataDir { .. }) => "name a directory that can be written with --data-dir",
            Self::Open(OpenError::Key(error)) => key_hint(error),
            Self::Open(OpenError::Store(error))
            | Self::Store(error)
            | Self::Secret(SecretError::Store(error)) => return store_hint(error),
            Self::NoMasterKey => NAME_KEY,
            Self::Secret(SecretError::Referred { .. }) => {
                "have the configuration refer to another secret, or to none, then delete this one"
            }
            Self::Secret(SecretError::Value(_)) => "write the value to standard input",
            Self::Secret(SecretError::Lacking(_) | SecretError::Configuration(_)) => return None,
            Self::NoTenant(slug) => {
                return Some(format!(
                    "`muster tenant list` shows those there are, `muster tenant create {slug}` makes it; \
                     look whether --data-dir or --database-url names the right data"
                ));
            }
            Self::Nobody { .. } => {
                "`muster user list`, `muster token list`, `muster secret list` and `muster application status` show \
                 those there are"
            }
            Self::Exists { hint, .. } | Self::Usage { hint, .. } | Self::Running { hint, .. } => hint,
            Self::Launch(error) => return launch_hint(error),
            Self::Control(error) => return control_hint(error),
            Self::Retry(error) => return retry_hint(error),
            Self::Undo(UndoError::Impossible { instead, .. }) => instead,
            Self::Undo(UndoError::AlreadyRunning(_)) => {
                "wait until that run has ended, or decide about its plan"
            }
            Self::Undo(UndoError::NoRun(_)) => "look at the id, and whether --tenant names the run's tenant",
            Self::Undo(UndoError::Configuration(_) | UndoError::Store(_)) | Self::Application(_) => {
                return None;
            }
            Self::Client(error) => return error.hint(),
            Self::Listen { .. } => {
                "look whether a Muster runs there already, or name another address, as in --listen 127.0.0.1:8087"
            }
            Self::Certificate(_) => "look whether --tls-cert and --tls-key name the right files, in PEM",
            Self::Interrupted(_) => {
                "run the task again: once the run counts as left, it is taken up and ended"
            }
            Self::Dataset { .. } => {
                "correct these lines; `muster dataset validate` tells what is wrong without a server"
            }
            Self::Failed { .. } => "remove the cause, then run the task again",
            Self::Broken { .. } => {
                "somebody has written past Muster: compare with a copy of the database, and with what \
                 `muster audit export` wrote before"
            }
            Self::Unexpected { .. } => "this is a defect of Muster; please report it with the lines above",
            Self::Machine { .. } | Self::Work { .. } | Self::Progress(_) => return None,
        };
        Some(hint.to_owned())
    }
}

pub(crate) const NAME_KEY: &str = "name its file in MUSTER_MASTER_KEY_FILE; \
    `(umask 077; head -c 32 /dev/urandom > master.key)` makes one for the first start";

fn store_hint(error: &StoreError) -> Option<String> {
    let hint = match error {
        StoreError::Connect { .. } => {
            "look whether the data directory can be written, or the database of --database-url answers"
        }
        StoreError::NoMasterKey => NAME_KEY,
        StoreError::OtherMasterKey => {
            "name the file of the right one in MUSTER_MASTER_KEY_FILE, or put it back where it was"
        }
        StoreError::Statement { .. }
        | StoreError::Unreadable { .. }
        | StoreError::NewerSchema { .. }
        | StoreError::Roles { .. }
        | StoreError::AlreadyRunning { .. }
        | StoreError::LostFence
        | StoreError::ConfigurationMoved
        | StoreError::ObjectMoved
        | StoreError::Unsealable { .. }
        | StoreError::Last(_)
        | StoreError::Unplugged
        | StoreError::Exists(_)
        | StoreError::Absent(_) => return None,
    };
    Some(hint.to_owned())
}

fn key_hint(error: &KeyError) -> &'static str {
    match error {
        KeyError::Read { .. } => {
            "look whether MUSTER_MASTER_KEY_FILE names the right file, and who may read it"
        }
        KeyError::Make { .. } => "look whether the data directory can be written",
        KeyError::Open(_) => "`chmod 600` keeps others out; if somebody may have read it, change all secrets",
        KeyError::Length { .. } => "look whether MUSTER_MASTER_KEY_FILE names the right file",
        KeyError::Lost(_) => "put it back from where you keep its copy",
    }
}

fn launch_hint(error: &LaunchError) -> Option<String> {
    let hint = match error {
        LaunchError::NoTask(_) => {
            "the definitions stand under `conf/sync-task-definitions` and `conf/prov-task-definitions`; \
             `run sync` looks at the first, `run prov` at the second"
        }
        LaunchError::Configuration(_) => "correct the configuration, then run the task again",
        LaunchError::Preceding { .. } => {
            "correct what that task needs, or take it out of `preSynchronization`, then run the task again"
        }
        LaunchError::AlreadyRunning(..) | LaunchError::Store(_) | LaunchError::Refused(_) => return None,
    };
    Some(hint.to_owned())
}

fn retry_hint(error: &RetryError) -> Option<String> {
    let hint = match error {
        RetryError::Launch(error) => return launch_hint(error),
        RetryError::Store(_) => return None,
        RetryError::TooMany => "name one cause with --cause, or run the task: that tries them all",
        RetryError::Nothing | RetryError::NoKey(_) | RetryError::Unknown(_) | RetryError::Keyless(_) => {
            "`muster run failures` lists what failed; what is not retriable is tried again by a run over all accounts"
        }
    };
    Some(hint.to_owned())
}

fn control_hint(error: &ControlError) -> Option<String> {
    let hint = match error {
        ControlError::NoRun(_) => "look at the id, and whether --tenant names the run's tenant",
        ControlError::NotHeld(_) => "only plans that are held, or were simulated, are decided about",
        ControlError::OtherPlan(_) => "look at the plan that there is now, and decide with its hash",
        ControlError::AlreadyRunning(_) => "wait until that run has ended",
        ControlError::OtherConfiguration(_) => "save the configuration that is meant, and simulate it again",
        ControlError::Waits(_) => "approve or reject its plan, or cancel it",
        ControlError::Outrun(_) => "try again",
        ControlError::Ended(_)
        | ControlError::Cancelled(_)
        | ControlError::Store(_)
        | ControlError::Configuration(_) => return None,
    };
    Some(hint.to_owned())
}

/// An error with all its causes, each said once: errors of others often say theirs themselves. A database is not
/// quoted where its words are understood.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut cause = Some(error);
    while let Some(next) = cause {
        let store = next.downcast_ref::<StoreError>();
        let understood = store.and_then(StoreError::cause);
        let said = match (store, understood) {
            (Some(StoreError::Connect { .. }), Some(cause)) => format!("{next}: {}", cause.description()),
            (_, Some(cause)) => cause.description().to_owned(),
            (_, None) => next.to_string(),
        };
        if text.is_empty() {
            text = said;
        } else if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = if understood.is_some() { None } else { next.source() };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_said_once() {
        let inner = io::Error::other("the disk is full");
        let error = CommandError::machine("write the file")(inner);
        assert_eq!(with_causes(&error), "cannot write the file: the disk is full");
        let transparent = CommandError::from(OpenError::DataDir {
            path: "/nowhere".into(),
            source: io::Error::other("not allowed"),
        });
        assert_eq!(with_causes(&transparent), "cannot make the data directory /nowhere: not allowed");
    }

    #[test]
    fn a_run_in_the_way_is_named_and_its_cause_is_said_once() {
        let run = RunId(uuid::Uuid::nil());
        let status = muster_model::run::ProgressStatus::Held;
        let cause = StoreError::AlreadyRunning { run, status };
        let error = CommandError::Launch(LaunchError::AlreadyRunning(cause, run));
        assert_eq!(error.to_string(), format!("the task is running already: run {run}"));
        assert_eq!(with_causes(&error).matches("it is HELD").count(), 1);
    }
}
