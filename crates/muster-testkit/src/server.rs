//! A server for tests: the real API on a free port, SQLite in a directory of its own, real workers, and one
//! connector type, `memory`, whose system the test holds in its hand.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound as _, Utc};
use muster_api::principal::{hash_password, new_token};
use muster_api::{ApiSettings, ApiState, serve_until};
use muster_connector::memory::{CAPABLE, MemoryKind, MemorySystem};
use muster_engine::{Channel, Connectors, Engine, Settings, Surroundings, Workers};
use muster_model::{TenantSettings, TenantSlug};
use muster_store::{Location, NewToken, Principal, Store, TenantStore};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::http::Client;
use crate::locked::master_key;

/// A server that runs until it is dropped.
pub struct TestServer {
    runtime: Runtime,
    engine: Engine,
    system: MemorySystem,
    client: Client,
    directory: TempDir,
    running: Option<Running>,
}

struct Running {
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
    workers: Option<Workers>,
}

/// Whether the server has workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Staff {
    /// Runs are worked on.
    Working,
    /// Runs stay where they were launched.
    Absent,
}

/// The clock and chance of the machine.
struct Machine;

impl Surroundings for Machine {
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(3)
    }

    fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn peak_memory(&self) -> u64 {
        0
    }
}

impl TestServer {
    /// Starts a server.
    ///
    /// # Panics
    /// When the machine does not let it.
    #[must_use]
    pub fn start(staff: Staff, api: ApiSettings) -> Self {
        Self::start_with(staff, api, Connectors::new())
    }

    /// Starts a server that has further connectors.
    ///
    /// # Panics
    /// When the machine does not let it.
    #[must_use]
    pub fn start_with(staff: Staff, api: ApiSettings, connectors: Connectors) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let system = MemorySystem::new(CAPABLE);
        let engine = runtime.block_on(open(&directory, &system, connectors));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let client = Client::new(listener.local_addr().expect("an address"));
        let state = ApiState::new(engine.clone(), api);
        let (stop, stopped) = oneshot::channel();
        let until = async move {
            let _ = stopped.await;
        };
        let served = runtime.spawn(serve_until(listener, state, until));
        let workers = match staff {
            Staff::Working => runtime.block_on(async { Some(engine.start()) }),
            Staff::Absent => None,
        };
        let running = Some(Running { stop, served, workers });
        Self { runtime, engine, system, client, directory, running }
    }

    /// A client without credentials.
    #[must_use]
    pub fn anybody(&self) -> &Client {
        &self.client
    }

    /// The system behind the connector type `memory`.
    #[must_use]
    pub fn system(&self) -> &MemorySystem {
        &self.system
    }

    /// The engine that the server works with.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The directory that holds the tenants' files.
    #[must_use]
    pub fn files(&self, tenant: &str) -> PathBuf {
        self.engine.settings().tenant_files(&slug(tenant))
    }

    /// Where the database lies.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// Makes a tenant.
    ///
    /// # Panics
    /// When there is one of that name.
    pub fn make_tenant(&self, tenant: &str) {
        let slug = slug(tenant);
        self.block_on(self.engine.store().create_tenant(&slug, Utc::now())).expect("a new tenant");
    }

    /// Makes a user and answers a client that is one.
    ///
    /// # Panics
    /// When there is one of that name.
    #[must_use]
    pub fn make_user(&self, tenant: &str, name: &str, password: &str, roles: &str) -> Client {
        let user = Principal {
            name: name.to_owned(),
            roles: roles.to_owned(),
            password_hash: hash_password(password, &TenantSettings::default()).expect("a password"),
            created_at: Utc::now(),
        };
        self.block_on(self.tenant(tenant).create_principal(&user)).expect("a new user");
        self.client.with_user(name, password)
    }

    /// Makes a token named for its roles and answers a client that has it.
    ///
    /// # Panics
    /// When there is one of that name.
    #[must_use]
    pub fn make_token(&self, tenant: &str, roles: &str) -> Client {
        let (text, hash) = new_token();
        let token = NewToken {
            name: roles.to_owned(),
            roles: roles.to_owned(),
            hash,
            expires_at: None,
            now: Utc::now(),
        };
        self.block_on(self.tenant(tenant).create_token(&token)).expect("a new token");
        self.client.with_token(&text)
    }

    /// The data of a tenant.
    ///
    /// # Panics
    /// When there is no such tenant.
    #[must_use]
    pub fn tenant(&self, tenant: &str) -> TenantStore {
        self.block_on(self.engine.store().tenant(&slug(tenant))).expect("the store").expect("a tenant")
    }

    /// Waits for something that the store or engine does.
    pub fn block_on<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else { return };
        let _ = running.stop.send(());
        self.runtime.block_on(async {
            let _ = running.served.await;
            if let Some(workers) = running.workers {
                workers.shut_down().await;
            }
        });
    }
}

async fn open(directory: &TempDir, system: &MemorySystem, mut connectors: Connectors) -> Engine {
    let place = Location::File(directory.path().join("muster.db"));
    let store = Store::open(&place).await.expect("a database");
    let store = store.with_master_key(master_key()).await.expect("the key of all tests");
    let memory = MemoryKind { name: "memory", system: system.clone() };
    connectors.insert("memory", Arc::new(memory));
    let settings = Settings::new(directory.path().to_owned(), Uuid::new_v4().to_string());
    Engine::new(store, connectors, Arc::new(Machine), Arc::new(Channel::default()), settings)
}

fn slug(tenant: &str) -> TenantSlug {
    TenantSlug::new(tenant).unwrap_or_else(|error| panic!("{error}"))
}
