//! What every request has at hand: engine, store, settings, and who was recognised lately.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use muster_dataset::limits;
use muster_engine::Engine;
use muster_store::Store;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::access::Doorkeeper;
use crate::error::ApiError;
use crate::pace::Pace;
use crate::throttle::FailedLogins;

/// Requests at a time that look at accounts in their applications.
const LOOKS_AT_ONCE: usize = 4;
/// How long such a request waits for its turn.
const LOOKS_PATIENCE: Duration = Duration::from_secs(10);

/// What the host's operator sets about the API.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// The largest JSON body, in octets.
    pub json_limit: u64,
    /// The largest dataset, in octets.
    pub dataset_limit: u64,
    /// The largest file, in octets.
    pub file_limit: u64,
    /// How long a JSON body may take to arrive, and how long a file's may be silent.
    pub patience: Duration,
    /// How long requests may take to end when the server stops.
    pub farewell: Duration,
    /// Threads that serve requests, at least 1.
    pub threads: usize,
    /// Requests of one tenant a second, twice as many at once; 0 for any number.
    pub requests_per_second: u32,
    /// Who may say in `X-Forwarded-For` for whom it asks.
    pub trusted_proxies: Vec<IpAddr>,
    /// How failed logins are slowed down.
    pub failed_logins: FailedLogins,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            json_limit: 1024 * 1024,
            dataset_limit: limits::OCTETS as u64,
            file_limit: 2 * 1024 * 1024 * 1024,
            patience: Duration::from_secs(30),
            farewell: Duration::from_secs(30),
            threads: 2,
            requests_per_second: 500,
            trusted_proxies: Vec::new(),
            failed_logins: FailedLogins::default(),
        }
    }
}

/// What every request has at hand. Cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Shared>);

struct Shared {
    engine: Engine,
    settings: ApiSettings,
    app_id: String,
    doorkeeper: Doorkeeper,
    pace: Pace,
    turn: Semaphore,
    looks: Semaphore,
}

impl ApiState {
    /// Puts the state together. Hashes one password, which takes some ten milliseconds.
    #[must_use]
    pub fn new(engine: Engine, settings: ApiSettings) -> Self {
        let app_id = format!("muster-{:08x}", rand::random::<u32>());
        let doorkeeper = Doorkeeper::new(settings.failed_logins.clone());
        let pace = Pace::new(settings.requests_per_second);
        let (turn, looks) = (Semaphore::new(1), Semaphore::new(LOOKS_AT_ONCE));
        let shared = Shared { engine, settings, app_id, doorkeeper, pace, turn, looks };
        Self(Arc::new(shared))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn store(&self) -> &Store {
        self.0.engine.store()
    }

    pub(crate) fn settings(&self) -> &ApiSettings {
        &self.0.settings
    }

    /// What this process is called in errors; random, so that two of them can be told apart.
    pub(crate) fn app_id(&self) -> &str {
        &self.0.app_id
    }

    pub(crate) fn doorkeeper(&self) -> &Doorkeeper {
        &self.0.doorkeeper
    }

    pub(crate) fn pace(&self) -> &Pace {
        &self.0.pace
    }

    /// Waits for the turn to change configuration. The changes of a process go one after the other, so that none
    /// is checked in vain; that those of other processes do not come in between is the store's promise.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        self.0.turn.acquire().await.map_err(ApiError::internal)
    }

    /// Waits for the turn to look at accounts in their applications, which is work for them. Refused where too many
    /// wait already.
    pub(crate) async fn look(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        let turn = tokio::time::timeout(LOOKS_PATIENCE, self.0.looks.acquire()).await;
        turn.map_err(|_| ApiError::Busy)?.map_err(ApiError::internal)
    }
}
