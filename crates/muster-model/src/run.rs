//! Runs: one execution of a task, its states and its counters.

use std::fmt;

use crate::configuration::ConfigurationKind;
use crate::configuration::application::Situation;
use crate::configuration::guard::Guards;

/// Whether a run carries its plan out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// It does, once the guards let it.
    Apply,
    /// It ends with the plan stored.
    Simulate,
}

impl Mode {
    /// The mode as it stands in JSON and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "APPLY",
            Self::Simulate => "SIMULATE",
        }
    }
}

/// Limits of one run in the place of those that are configured, which somebody answers for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Why.
    pub reason: String,
    /// The limits.
    pub guards: Guards,
}

/// How a run of single accounts finds whose they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OwnerBy {
    /// By the stored key, and where there is none by correlation, like every run.
    #[default]
    Key,
    /// By the user name: an account that was re-created under another key is the same user's.
    UserName,
}

/// Which kind of task a run belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskKind {
    /// A synchronization task: inbound.
    Synchronization,
    /// A provisioning task: outbound.
    Provisioning,
}

impl TaskKind {
    /// Both kinds, in the order in which they are stored.
    pub const ALL: [Self; 2] = [Self::Synchronization, Self::Provisioning];

    /// The kind of the definitions of such tasks.
    #[must_use]
    pub fn definition_kind(self) -> ConfigurationKind {
        match self {
            Self::Synchronization => ConfigurationKind::SynchronizationTaskDefinition,
            Self::Provisioning => ConfigurationKind::ProvisioningTaskDefinition,
        }
    }
}

/// Where a run stands, as clients see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProgressStatus {
    /// It waits for its turn.
    Pending,
    /// It works.
    Running,
    /// Somebody paused it.
    Paused,
    /// Its plan waits for a decision.
    Held,
    /// It has ended.
    Finished,
}

impl ProgressStatus {
    /// All states, in the order in which they are stored.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Running, Self::Paused, Self::Held, Self::Finished];

    /// The state as it stands in JSON and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Held => "HELD",
            Self::Finished => "FINISHED",
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutcomeStatus {
    /// Everything went well.
    Success,
    /// Some entries failed.
    Partial,
    /// The run itself failed.
    Failure,
    /// It was cancelled, rejected or not approved in time.
    Aborted,
}

impl OutcomeStatus {
    /// All outcomes, in the order in which they are stored.
    pub const ALL: [Self; 4] = [Self::Success, Self::Partial, Self::Failure, Self::Aborted];

    /// The outcome as it stands in JSON and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Partial => "PARTIAL",
            Self::Failure => "FAILURE",
            Self::Aborted => "ABORTED",
        }
    }
}

/// The waves of applying, each ended before the next begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wave {
    /// Creates, links and plain attributes.
    Build,
    /// References that had to wait, and memberships.
    Connect,
    /// Disabling, unlinking, deleting; referring objects first.
    Withdraw,
}

impl Wave {
    /// All waves in their order.
    pub const ALL: [Self; 3] = [Self::Build, Self::Connect, Self::Withdraw];

    /// The wave that comes next.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Build => Some(Self::Connect),
            Self::Connect => Some(Self::Withdraw),
            Self::Withdraw => None,
        }
    }
}

/// The part of its way that a run is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Rules are compiled, keys are made ready.
    Start,
    /// Entries are read, decided and staged.
    Sweep,
    /// What a complete sweep did not meet is decided and staged.
    Absence,
    /// The whole plan meets the guards.
    Check,
    /// The plan is carried out.
    Apply(Wave),
    /// Reports and what comes after.
    Finish,
}

impl Phase {
    /// All phases in their order.
    pub const ALL: [Self; 8] = [
        Self::Start,
        Self::Sweep,
        Self::Absence,
        Self::Check,
        Self::Apply(Wave::Build),
        Self::Apply(Wave::Connect),
        Self::Apply(Wave::Withdraw),
        Self::Finish,
    ];

    /// The phase as it stands in JSON and logs; the waves of applying are one phase to clients.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "START",
            Self::Sweep => "SWEEP",
            Self::Absence => "ABSENCE",
            Self::Check => "CHECK",
            Self::Apply(_) => "APPLY",
            Self::Finish => "FINISH",
        }
    }
}

/// What becomes of one entry: of an account that was read, of an owner looked at, or of an account that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// An object or account is made.
    Created,
    /// It is changed, or linked and changed.
    Updated,
    /// It is as it should be.
    Unchanged,
    /// The task's filter leaves it out.
    Filtered,
    /// It is disabled.
    Disabled,
    /// It is deleted.
    Deleted,
    /// It is unlinked.
    Unlinked,
    /// The reaction is to do nothing.
    Ignored,
    /// The reaction is to report it.
    Reported,
    /// Something went wrong with it.
    Failed,
    /// It moved on after the plan was made; the next run picks it up.
    Stale,
    /// The run ended before its turn came.
    NotApplied,
}

impl Outcome {
    /// All outcomes, in the order in which they are stored and shown.
    pub const ALL: [Self; 12] = [
        Self::Created,
        Self::Updated,
        Self::Unchanged,
        Self::Filtered,
        Self::Disabled,
        Self::Deleted,
        Self::Unlinked,
        Self::Ignored,
        Self::Reported,
        Self::Failed,
        Self::Stale,
        Self::NotApplied,
    ];

    /// The counter's name in JSON, logs and summaries.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Filtered => "filtered",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
            Self::Unlinked => "unlinked",
            Self::Ignored => "ignored",
            Self::Reported => "reported",
            Self::Failed => "failed",
            Self::Stale => "stale",
            Self::NotApplied => "notApplied",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a run has counted.
///
/// Invariant: every entry has exactly one outcome, so `entries()` is the sum of all outcomes; an entry is an
/// account that was read, or something that is lacking (an account that is gone, an owner without one).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Accounts read from the source.
    pub read: u64,
    /// Entries that were not read but looked at because they are lacking.
    pub lacking: u64,
    outcomes: [u64; Outcome::ALL.len()],
    situations: [u64; Situation::ALL.len()],
    /// References whose object does not exist yet.
    pub open_references: u64,
    /// Bad entries without a key; while there are any nobody is concluded to be gone.
    pub unidentified: u64,
}

impl Counters {
    /// How many entries had this outcome.
    #[must_use]
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize]
    }

    /// How many entries were found in this situation.
    #[must_use]
    pub fn situation(&self, situation: Situation) -> u64 {
        self.situations[situation as usize]
    }

    /// Counts one entry; bad and filtered entries have no situation.
    pub fn count(&mut self, outcome: Outcome, situation: Option<Situation>) {
        self.add_outcome(outcome, 1);
        if let Some(situation) = situation {
            self.situations[situation as usize] += 1;
        }
    }

    /// Adds to an outcome alone.
    pub fn add_outcome(&mut self, outcome: Outcome, entries: u64) {
        self.outcomes[outcome as usize] += entries;
    }

    /// Adds to a situation alone.
    pub fn add_situation(&mut self, situation: Situation, entries: u64) {
        self.situations[situation as usize] += entries;
    }

    /// Moves one entry to another outcome, when carrying a change out ends otherwise than planned.
    pub fn move_outcome(&mut self, from: Outcome, to: Outcome, entries: u64) {
        self.outcomes[from as usize] = self.outcomes[from as usize].saturating_sub(entries);
        self.outcomes[to as usize] += entries;
    }

    /// Moves one entry to another situation, when the whole sweep shows that it is in another one.
    pub fn move_situation(&mut self, from: Situation, to: Situation) {
        self.situations[from as usize] = self.situations[from as usize].saturating_sub(1);
        self.situations[to as usize] += 1;
    }

    /// Adds everything of another count.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.lacking += other.lacking;
        self.open_references += other.open_references;
        self.unidentified += other.unidentified;
        for (mine, others) in self.outcomes.iter_mut().zip(other.outcomes) {
            *mine += others;
        }
        for (mine, others) in self.situations.iter_mut().zip(other.situations) {
            *mine += others;
        }
    }

    /// All entries: those read and those lacking.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.read + self.lacking
    }

    /// Whether every entry has exactly one outcome.
    #[must_use]
    pub fn add_up(&self) -> bool {
        self.outcomes.iter().sum::<u64>() == self.entries()
    }
}
