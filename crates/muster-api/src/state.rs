//! What every request has at hand: engine, store, settings, and who was recognised lately.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use muster_dataset::limits;
use muster_engine::Engine;
use muster_model::TenantSlug;
use muster_store::Store;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::access::Doorkeeper;
use crate::error::ApiError;
use crate::pace::Pace;
use crate::task::Sights;
use crate::throttle::FailedLogins;
use crate::tls::Certificate;
use crate::turns::Turns;

/// Searches of a tenant at a time: each may look at all of its objects, and there are few connections to read by.
pub(crate) const SEARCHES_AT_ONCE: usize = 2;
/// Requests of a tenant at a time that look at accounts in their applications.
pub(crate) const LOOKS_AT_ONCE: usize = 4;

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
    /// How long a search, a look at accounts or a change of configuration waits for its turn.
    pub turn_patience: Duration,
    /// How long requests may take to end when the server stops.
    pub farewell: Duration,
    /// Threads that serve requests, at least 1.
    pub threads: usize,
    /// After how much silence a listener to events is told that the connection lives.
    pub heartbeat: Duration,
    /// What the server shows to those who come by TLS; without one they come without.
    pub certificate: Option<Certificate>,
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
            turn_patience: Duration::from_secs(10),
            farewell: Duration::from_secs(30),
            threads: 2,
            heartbeat: Duration::from_secs(15),
            certificate: None,
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
    changes: Turns,
    looks: Turns,
    searches: Turns,
    sights: Sights,
    closing: watch::Sender<bool>,
}

impl ApiState {
    /// Puts the state together. Hashes one password, which takes some ten milliseconds.
    #[must_use]
    pub fn new(engine: Engine, settings: ApiSettings) -> Self {
        let app_id = format!("muster-{:08x}", rand::random::<u32>());
        let doorkeeper = Doorkeeper::new(settings.failed_logins.clone());
        let patience = settings.turn_patience;
        let pace = Pace::new(settings.requests_per_second);
        let shared = Shared {
            engine,
            settings,
            app_id,
            doorkeeper,
            pace,
            changes: Turns::new(1, patience),
            looks: Turns::new(LOOKS_AT_ONCE, patience),
            searches: Turns::new(SEARCHES_AT_ONCE, patience),
            sights: Sights::default(),
            closing: watch::Sender::new(false),
        };
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

    /// The runs that somebody listens to.
    pub(crate) fn sights(&self) -> &Sights {
        &self.0.sights
    }

    /// Ends all answers that would go on by themselves.
    pub(crate) fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// Tells when the server is about to end.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.0.closing.subscribe()
    }

    /// Waits for the turn to change a tenant's configuration. The changes of a process to it go one after the other,
    /// so that none is checked in vain; that those of other processes do not come in between is the store's promise.
    /// Refused where too many of them wait already.
    pub(crate) async fn turn(&self, tenant: &TenantSlug) -> Result<OwnedSemaphorePermit, ApiError> {
        self.0.changes.take(tenant).await
    }

    /// Waits for the turn of a tenant to search its objects. Refused where too many of its searches wait already.
    pub(crate) async fn search(&self, tenant: &TenantSlug) -> Result<OwnedSemaphorePermit, ApiError> {
        self.0.searches.take(tenant).await
    }

    /// Waits for the turn of a tenant to look at accounts in their applications, which is work for them. Refused where
    /// too many of its looks wait already: its applications may be slow, and others have their own.
    pub(crate) async fn look(&self, tenant: &TenantSlug) -> Result<OwnedSemaphorePermit, ApiError> {
        self.0.looks.take(tenant).await
    }
}
