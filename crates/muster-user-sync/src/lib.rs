//! The single sync for programs that embed it: one user of a connector is synchronized while the program waits.
//!
//! The connectors that exist are the caller's to say, and so are store and tenant. What is configured for the tenant, by a
//! server or by `muster dataset import`, is what counts here as well; several programs and servers may work on one store.
//! Nothing runs in the background: no schedules, no workers. Decides nothing; the sync itself is the engine's.
//!
//! ```
//! use muster_engine::Connectors;
//! use muster_store::Store;
//! use muster_user_sync::{SyncSingleUserError, UserSync};
//!
//! async fn sync(store: Store, connectors: Connectors) -> Result<(), Box<dyn std::error::Error>> {
//!     let user_sync = UserSync::open(store, &"acme".parse()?, connectors).await?;
//!     match user_sync.sync_single_user("<userId>", "<connectorId>").await {
//!         Ok(result) => println!("{}: {}", result.identifier, result.operation),
//!         Err(
//!             error @ (SyncSingleUserError::ConnectorNotAvailable { .. }
//!             | SyncSingleUserError::ConnectorFactoryNotAvailable { .. }
//!             | SyncSingleUserError::ConfigurationFailed { .. }
//!             | SyncSingleUserError::ConnectorNotFound { .. }),
//!         ) => eprintln!("{error}"),
//!     }
//!     Ok(())
//! }
//! ```
//!
//! `examples/sync_single_user.rs` is the same from an empty directory on.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound as _, Utc};
use muster_engine::{Channel, Connectors, Engine, Settings, SingleUser, Surroundings};
use muster_model::TenantSlug;
use muster_model::run::OwnerBy;
use muster_store::{Acting, Store, StoreError, TenantStore};
use uuid::Uuid;

/// Why a user could not be synchronized: one of four things that have nothing to do with the user.
pub use muster_engine::SingleSyncError as SyncSingleUserError;
/// What became of a user. One who is unknown has [`UserOperation::Failed`], one who is left out by the connector's own
/// rules [`UserOperation::Filtered`], with a message.
pub use muster_model::user_sync::{UserOperation, UserResult as SyncSingleUserResult};

/// Why it could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such tenant.
    #[error("there is no tenant `{0}`")]
    NoTenant(TenantSlug),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// The single sync of one tenant. Cheap to clone; clones share the connectors that are kept open.
#[derive(Clone)]
pub struct UserSync {
    engine: Engine,
    tenant: TenantStore,
}

impl UserSync {
    /// Opens it for a tenant of a store, with the connectors that there are. Relative paths of files lead to
    /// `files/<tenant>` below the working directory; see [`UserSync::open_with`].
    ///
    /// # Errors
    /// When there is no such tenant, or the store fails.
    pub async fn open(store: Store, tenant: &TenantSlug, connectors: Connectors) -> Result<Self, OpenError> {
        let owner = format!("library-{}", Uuid::new_v4());
        Self::open_with(store, tenant, connectors, Settings::new(PathBuf::from("."), owner)).await
    }

    /// The same with settings of the caller's: where files lie, for example.
    ///
    /// # Errors
    /// As [`UserSync::open`].
    pub async fn open_with(
        store: Store,
        tenant: &TenantSlug,
        connectors: Connectors,
        settings: Settings,
    ) -> Result<Self, OpenError> {
        let found = store.tenant(tenant).await?.ok_or_else(|| OpenError::NoTenant(tenant.clone()))?;
        let tenant = found.acting(Acting::system(&*settings.owner));
        let engine =
            Engine::new(store, connectors, Arc::new(Machine), Arc::new(Channel::default()), settings);
        Ok(Self { engine, tenant })
    }

    /// Synchronizes one user: `identifier` is the primary key of the account at the source or the user name,
    /// `connector_uid` the unique id of the connector. The sync has a number of its own and can be seen, and undone, over
    /// the API of a server on the same store.
    ///
    /// # Errors
    /// [`ConnectorNotFound`](SyncSingleUserError::ConnectorNotFound) where no connector has the unique id;
    /// [`ConnectorNotAvailable`](SyncSingleUserError::ConnectorNotAvailable) where the source cannot be reached, refuses,
    /// or is in maintenance;
    /// [`ConnectorFactoryNotAvailable`](SyncSingleUserError::ConnectorFactoryNotAvailable) where the connector's type is
    /// not among those given, a secret of it is lacking, or the store cannot be used;
    /// [`ConfigurationFailed`](SyncSingleUserError::ConfigurationFailed) where the connector's configuration or its
    /// directory does not allow it.
    pub async fn sync_single_user(
        &self,
        identifier: &str,
        connector_uid: &str,
    ) -> Result<SyncSingleUserResult, SyncSingleUserError> {
        let user = SingleUser { identifier, owner_by: OwnerBy::Key };
        self.engine.sync_single_user(&self.tenant, connector_uid, user).await
    }
}

/// The machine, as far as single syncs need it.
struct Machine;

impl Surroundings for Machine {
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(3)
    }

    fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }

    /// Whoever embeds this knows it better.
    fn peak_memory(&self) -> u64 {
        0
    }
}
