//! The imperative shell: launches runs, works on them, and carries out what `muster-plan` decides.
//!
//! Names no connector, asks the machine for nothing: clock, chance, delivery and connectors are arguments.

mod answers;
mod apply_inbound;
mod apply_outbound;
mod archive;
mod batches;
mod brief;
mod by_hand;
mod check;
mod cleanup;
mod compare;
mod configuration;
mod control;
mod delivery;
mod directories;
mod dispute_decisions;
mod disputes;
mod errands;
mod error;
mod explained;
mod figures;
mod findings;
mod finish;
mod first_met;
mod handing_over;
mod in_order;
mod kept;
mod launch;
mod lease;
mod left_behind;
mod left_out;
mod levels;
mod live;
mod maintenance;
mod measured;
mod naming;
mod next_task;
mod operation;
mod outbound;
mod pace;
mod parking;
mod parsed;
mod parts;
mod placing;
mod preceding;
mod prepare;
mod probe;
mod quarantine;
mod read_back;
mod referred;
mod relink;
mod remade;
mod remote;
mod report;
mod retention;
mod retry;
mod schedules;
mod secret;
mod sequence;
mod single;
mod single_error;
mod stalled;
mod successors;
mod surroundings;
mod sweep;
mod sweep_changes;
mod sweep_end;
mod sweep_inbound;
mod sweep_keys;
mod sweep_outbound;
mod sweep_undo;
mod ticker;
mod undo;
mod user_results;
mod veil;
mod webhook;
mod worker;
mod workers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use muster_connector::{ConnectorKind, FileRoots};
use muster_egress::Egress;
use muster_model::TenantSlug;
use muster_store::{Acting, Store};
use tokio::sync::Notify;

use figures::Figures;

pub use by_hand::HandBasis;
pub use configuration::{ConfigurationError, LoadedConfiguration, check_connectors};
pub use control::ControlError;
pub use delivery::{Channel, Delivery, Notifications, Ticket};
pub use directories::DirectoryError;
pub use dispute_decisions::{DisputeError, NamedAccount};
pub use error::{EngineError, with_causes};
pub use explained::{ExplainedMapping, Explanation};
pub use figures::describe_figures;
pub use launch::{Launch, LaunchError};
pub use live::LiveAccount;
pub use prepare::check_compiles;
pub use probe::{Probe, ProbeError};
pub use quarantine::{ApplicationState, ApplicationStatus, ReleaseError};
pub use report::csv_octets;
pub use retention::{Dropped, Retention};
pub use retry::{MOST_RETRIED, Retried, RetryError};
pub use schedules::{ScheduleError, Scheduling};
pub use secret::{LONGEST_SECRET, SecretError};
pub use single::SingleUser;
pub use single_error::SingleSyncError;
pub use surroundings::Surroundings;
pub use ticker::Look;
pub use undo::UndoError;
pub use user_results::{UserResults, counts_of};
pub use workers::Workers;

/// How often something is decided again that others come before, again and again.
pub const OUTRUN_TRIES: u32 = 10;

/// The connectors that exist, by the `type` of their definitions.
pub type Connectors = BTreeMap<&'static str, Arc<dyn ConnectorKind>>;

/// What the host's operator sets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Entries a page, at least 1.
    pub page_size: usize,
    /// Changes a transaction when applying to our own rows and when storing what a target has answered, at least 1.
    pub apply_size: usize,
    /// The most changes that are sent to a target before their outcomes are stored, at least 1.
    pub batch_size: usize,
    /// Changes that are put in order, or held against each other, in memory at a time; a larger plan is gone through
    /// several times.
    pub ordered_at_once: u64,
    /// Runs worked on at the same time.
    pub workers: usize,
    /// How long a silent worker keeps its run.
    pub lease: Duration,
    /// How often runs that nobody works on are looked for: what a lost ticket costs at most.
    pub look_every: Duration,
    /// So long a run may work without a checkpoint before it counts as stalled.
    pub stalled_after: Duration,
    /// How long a held plan waits for a decision.
    pub hold: Duration,
    /// How long things are kept.
    pub retention: Retention,
    /// How often what has been kept long enough is looked for.
    pub drop_every: Duration,
    /// So long after the launch of its first run a chain of tasks may go on; after that no further task starts.
    pub chain: Duration,
    /// So long after the end of a run it is tried to tell those outside of it.
    pub insist: Duration,
    /// The way out, by the operator's list.
    pub egress: Egress,
    /// The data directory; a tenant's own files are in `files/<tenant>` below it.
    pub data_dir: PathBuf,
    /// Further roots that files may lie in.
    pub file_roots: Vec<PathBuf>,
    /// What this worker is called; unique for each start of a process.
    pub owner: String,
}

impl Settings {
    /// The settings that hold where nothing is set.
    #[must_use]
    pub fn new(data_dir: PathBuf, owner: String) -> Self {
        Self {
            page_size: 1000,
            apply_size: 1000,
            batch_size: 5000,
            ordered_at_once: 4_000_000,
            workers: 4,
            lease: Duration::from_secs(15),
            look_every: Duration::from_secs(2),
            stalled_after: Duration::from_secs(600),
            hold: Duration::from_secs(72 * 60 * 60),
            retention: Retention::default(),
            drop_every: Duration::from_secs(6 * 60 * 60),
            chain: Duration::from_secs(6 * 60 * 60),
            insist: Duration::from_secs(24 * 60 * 60),
            egress: Egress::default(),
            data_dir,
            file_roots: Vec::new(),
            owner,
        }
    }

    /// A tenant's own directory.
    #[must_use]
    pub fn tenant_files(&self, tenant: &TenantSlug) -> PathBuf {
        self.data_dir.join("files").join(tenant.as_str())
    }

    /// Where files of a tenant may lie.
    #[must_use]
    pub fn file_roots(&self, tenant: &TenantSlug) -> FileRoots {
        FileRoots { own: self.tenant_files(tenant), further: self.file_roots.clone() }
    }
}

/// The engine of one process. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) connectors: Arc<Connectors>,
    pub(crate) surroundings: Arc<dyn Surroundings>,
    pub(crate) delivery: Arc<dyn Delivery>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) ticker: Arc<Notify>,
    pub(crate) figures: Arc<Figures>,
    pub(crate) stalled: Arc<stalled::Told>,
    pub(crate) outbox: Arc<Notify>,
    pub(crate) paces: Arc<pace::Paces>,
    pub(crate) kept: Arc<kept::KeptConnectors>,
}

impl Engine {
    /// Puts an engine together; nothing is done yet.
    #[must_use]
    pub fn new(
        store: Store,
        connectors: Connectors,
        surroundings: Arc<dyn Surroundings>,
        delivery: Arc<dyn Delivery>,
        settings: Settings,
    ) -> Self {
        let (connectors, settings) = (Arc::new(connectors), Arc::new(settings));
        // What nobody asked for is its own doing; a caller's door says who asked.
        let store = store.acting(Acting::system(&*settings.owner));
        Self {
            store,
            connectors,
            surroundings,
            delivery,
            settings,
            ticker: Arc::default(),
            figures: Arc::default(),
            stalled: Arc::default(),
            outbox: Arc::default(),
            paces: Arc::default(),
            kept: Arc::default(),
        }
    }

    /// The store it works on.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The connectors that exist.
    #[must_use]
    pub fn connectors(&self) -> &Connectors {
        &self.connectors
    }

    /// The settings it works with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Clock and chance.
    #[must_use]
    pub fn surroundings(&self) -> &dyn Surroundings {
        &*self.surroundings
    }
}
