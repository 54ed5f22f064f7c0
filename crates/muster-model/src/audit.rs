//! The audit log: what an audit entry says of an act. How the entries of a tenant hold together is decided in
//! `muster-plan`, where they are kept is the store's.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::configuration::ConfigurationKind;
use crate::ids::RunId;
use crate::run::{OutcomeStatus, TaskKind};

/// Enums of words: each case with the word that stands in JSON, in the store and in the hash of an audit entry.
/// A word that was ever written never changes its meaning.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$case_doc])* $case,)+
        }

        impl $name {
            /// All cases.
            pub const ALL: &'static [Self] = &[$(Self::$case),+];

            /// The word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$case => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ();
            fn from_str(text: &str) -> Result<Self, ()> {
                Self::ALL.iter().copied().find(|case| case.as_str() == text).ok_or(())
            }
        }
    };
}

words! {
    /// What sort of somebody an actor is.
    ActorKind {
        /// A user of the tenant.
        User = "USER",
        /// Whoever holds a token of the tenant.
        Token = "TOKEN",
        /// Somebody at the command line of a machine that reaches the database.
        CommandLine = "COMMAND_LINE",
        /// The execution plan of a task.
        Schedule = "SCHEDULE",
        /// Muster itself.
        System = "SYSTEM",
    }
}

words! {
    /// What was done. Entries and pages of a run are no acts; the run is.
    Act {
        /// Something new was made.
        Create = "CREATE",
        /// Something was put in the place of what was there.
        Replace = "REPLACE",
        /// Something was deleted.
        Delete = "DELETE",
        /// A run was launched.
        Launch = "LAUNCH",
        /// A run was told to stop.
        Cancel = "CANCEL",
        /// A held or simulated plan was approved.
        Approve = "APPROVE",
        /// A held plan was rejected, or nobody decided about it in time.
        Reject = "REJECT",
        /// A schedule or a run was paused.
        Pause = "PAUSE",
        /// A schedule or a run goes on.
        Resume = "RESUME",
        /// A run has ended.
        End = "END",
        /// It was decided what becomes of an account in dispute.
        Decide = "DECIDE",
        /// An account was given an owner by hand.
        Link = "LINK",
        /// An account was taken from its owner by hand.
        Unlink = "UNLINK",
        /// What was kept back, an application or an account, is to be tried again.
        Release = "RELEASE",
    }
}

/// What sort of thing an act was done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// A configuration resource; of acts on runs the task definition.
    Configuration(ConfigurationKind),
    /// The tenant itself.
    Tenant,
    /// A directory.
    Directory,
    /// A user.
    User,
    /// A token.
    Token,
    /// A secret.
    Secret,
    /// A file of the tenant.
    File,
    /// What the tenant sets for itself.
    Settings,
    /// An IM object, written by hand.
    Object,
    /// An account about which runs do not decide by themselves, by the hash of its key.
    Dispute,
    /// An account, likewise.
    Account,
}

impl SubjectKind {
    /// All kinds but those of configuration.
    const OTHERS: [Self; 10] = [
        Self::Tenant,
        Self::Directory,
        Self::User,
        Self::Token,
        Self::Secret,
        Self::File,
        Self::Settings,
        Self::Object,
        Self::Dispute,
        Self::Account,
    ];

    /// The word: the name of the collection in paths.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration(kind) => kind.path_segment(),
            Self::Tenant => "tenants",
            Self::Directory => "directories",
            Self::User => "users",
            Self::Token => "tokens",
            Self::Secret => "secrets",
            Self::File => "files",
            Self::Settings => "settings",
            Self::Object => "im",
            Self::Dispute => "disputes",
            Self::Account => "accounts",
        }
    }

    /// All kinds.
    pub fn all() -> impl Iterator<Item = Self> {
        ConfigurationKind::ALL.into_iter().map(Self::Configuration).chain(Self::OTHERS)
    }
}

impl FromStr for SubjectKind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::all().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// Who did an act.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor {
    /// What sort of somebody.
    pub kind: ActorKind,
    /// The name: of a user or token its own, at the command line that of the machine's user, of a schedule the
    /// task.
    pub name: String,
}

impl Actor {
    /// An actor of this kind and name.
    #[must_use]
    pub fn new(kind: ActorKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    /// Muster itself.
    #[must_use]
    pub fn system() -> Self {
        Self::new(ActorKind::System, "muster")
    }
}

impl fmt::Display for Actor {
    /// As it stands in logs: users by their names, the others with what they are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ActorKind::User | ActorKind::System => f.write_str(&self.name),
            ActorKind::Token => write!(f, "token {}", self.name),
            ActorKind::CommandLine => write!(f, "command line of {}", self.name),
            ActorKind::Schedule => write!(f, "schedule of {}", self.name),
        }
    }
}

/// What an act was done to. As text `applications/hr`: the kind, then the id, which may hold slashes itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// What sort of thing.
    pub kind: SubjectKind,
    /// Which one.
    pub id: String,
}

impl Subject {
    /// The subject of this kind and id.
    #[must_use]
    pub fn new(kind: SubjectKind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }

    /// The definition of a task.
    #[must_use]
    pub fn task(kind: TaskKind, id: impl Into<String>) -> Self {
        let kind = match kind {
            TaskKind::Synchronization => ConfigurationKind::SynchronizationTaskDefinition,
            TaskKind::Provisioning => ConfigurationKind::ProvisioningTaskDefinition,
        };
        Self::new(SubjectKind::Configuration(kind), id)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.id)
    }
}

impl FromStr for Subject {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, id) = text.split_once('/').ok_or(())?;
        if id.is_empty() { Err(()) } else { Ok(Self::new(kind.parse()?, id)) }
    }
}

/// One act, as the audit log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its place in the tenant's log: dense from 1.
    pub seq: u64,
    /// When it was done, to the millisecond, by the clock of whoever did it.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor: Actor,
    /// From where: the address that the request came from, or the process and its machine.
    pub origin: String,
    /// What was done.
    pub act: Act,
    /// To what.
    pub subject: Subject,
    /// The run that it is about.
    pub run: Option<RunId>,
    /// How that run ended.
    pub outcome: Option<OutcomeStatus>,
    /// What else there is to know, by name. Never a secret, never an attribute of a person.
    pub details: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back_to_their_cases() {
        for kind in ActorKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        for act in Act::ALL {
            assert_eq!(act.as_str().parse(), Ok(*act));
        }
        for kind in SubjectKind::all() {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!("create".parse::<Act>(), Err(()));
    }

    #[test]
    fn subjects_are_written_and_read_back() {
        let application = SubjectKind::Configuration(ConfigurationKind::Application);
        for (text, subject) in [
            ("applications/hr", Subject::new(application, "hr")),
            ("files/in/hr.csv", Subject::new(SubjectKind::File, "in/hr.csv")),
            ("prov-task-definitions/out", Subject::task(TaskKind::Provisioning, "out")),
        ] {
            assert_eq!(subject.to_string(), text);
            assert_eq!(text.parse(), Ok(subject));
        }
        for bad in ["", "hr", "applications/", "people/hr"] {
            assert_eq!(bad.parse::<Subject>(), Err(()), "{bad}");
        }
    }
}
