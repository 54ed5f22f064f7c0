//! Databases for tests: a SQLite file, and a database of its own on the PostgreSQL that the environment names.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use muster_model::TenantSlug;
use muster_store::{Location, Store};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, QueryResult, Statement,
};
use tempfile::TempDir;

use crate::locked::master_key;

/// Where the tests find a PostgreSQL server: `postgres://user@host:port/database` of somebody who may make
/// databases.
const POSTGRES: &str = "MUSTER_TEST_POSTGRES";

/// Databases of this process so far.
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// An empty database with our schema, and a way around the store for what it does not show.
#[derive(Clone)]
pub struct TestDatabase {
    store: Store,
    raw: DatabaseConnection,
    tenants: Arc<AtomicU32>,
    location: Location,
    _directory: Option<Arc<TempDir>>,
}

/// Runs a test on SQLite and, where a server is named, on PostgreSQL, each with a database of its own.
///
/// # Panics
/// When the test does, or a database cannot be made.
pub fn on_each_database(test: impl AsyncFn(&TestDatabase)) {
    on_sqlite(&test);
    let Ok(server) = std::env::var(POSTGRES) else {
        println!("not run on PostgreSQL: {POSTGRES} names no server; `cargo xtask test` starts one");
        return;
    };
    runtime().block_on(async {
        let name = format!("muster_test_{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::SeqCst));
        let maker = connect(&server).await;
        maker.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("a new database");
        let (base, _) = server.rsplit_once('/').expect("a URL with a database");
        let url = format!("{base}/{name}");
        let raw = connect(&url).await;
        let database = TestDatabase::open(Location::Postgres(url), raw, None).await;
        println!("on PostgreSQL");
        test(&database).await;
        drop(database);
        maker.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.expect("an end");
    });
}

/// Runs a test on SQLite alone: one that is about neither database, or too slow for both.
///
/// # Panics
/// When the test does, or a database cannot be made.
pub fn on_sqlite(test: impl AsyncFn(&TestDatabase)) {
    runtime().block_on(async {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("muster.db");
        let location = Location::File(path.clone());
        let store = Store::open(&location).await.expect("a database");
        drop(store);
        let raw = connect(&format!("sqlite://{}?mode=rw", path.display())).await;
        let database = TestDatabase::open(location, raw, Some(Arc::new(directory))).await;
        println!("on SQLite");
        test(&database).await;
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await.expect("a connection")
}

async fn open(location: &Location) -> Store {
    let store = Store::open(location).await.expect("a database");
    store.with_master_key(master_key()).await.expect("the key of all tests")
}

impl TestDatabase {
    async fn open(location: Location, raw: DatabaseConnection, directory: Option<Arc<TempDir>>) -> Self {
        let store = open(&location).await;
        Self { store, raw, tenants: Arc::default(), location, _directory: directory }
    }

    /// The store of this process.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The store of another process on the same database: connections and counts of its own.
    ///
    /// # Panics
    /// When the database cannot be opened.
    pub async fn another_process(&self) -> Store {
        open(&self.location).await
    }

    /// The database itself, as a process without a master key opens it.
    ///
    /// # Panics
    /// When the database cannot be opened.
    pub async fn without_key(&self) -> Store {
        Store::open(&self.location).await.expect("a database")
    }

    /// Where other programs find it, if it is the PostgreSQL of the two.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        match &self.location {
            Location::File(_) => None,
            Location::Postgres(url) => Some(url),
        }
    }

    /// A SQLite database in a directory of its own; the octets of another are its beginning, where some are given.
    pub(crate) async fn on_file(directory: TempDir, octets: Option<&[u8]>) -> Self {
        let path = directory.path().join("muster.db");
        if let Some(octets) = octets {
            std::fs::write(&path, octets).expect("a file");
        }
        let location = Location::File(path.clone());
        let store = open(&location).await;
        let raw = connect(&format!("sqlite://{}?mode=rw", path.display())).await;
        Self { store, raw, tenants: Arc::default(), location, _directory: Some(Arc::new(directory)) }
    }

    /// The whole SQLite database as octets, put together in a directory.
    pub(crate) async fn octets(&self, directory: &TempDir) -> Vec<u8> {
        let path = directory.path().join("copy.db");
        self.execute(&format!("VACUUM INTO '{}'", path.display())).await;
        std::fs::read(path).expect("a file")
    }

    pub(super) fn new_slug(&self) -> TenantSlug {
        super::slug(&format!("world-{}", self.tenants.fetch_add(1, Ordering::SeqCst)))
    }

    /// Whether it is the PostgreSQL of the two.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.raw.get_database_backend() == DbBackend::Postgres
    }

    /// Sends a statement past the store, as nobody but a test may.
    ///
    /// # Panics
    /// When the database refuses it.
    pub async fn execute(&self, sql: &str) -> u64 {
        let statement = Statement::from_string(self.raw.get_database_backend(), sql);
        self.raw.execute_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected()
    }

    /// The texts in the first column of a query, sent past the store.
    ///
    /// # Panics
    /// When the database refuses it.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        self.query(sql).await.iter().map(|row| row.try_get_by_index(0).expect("a text")).collect()
    }

    pub(super) async fn query(&self, sql: &str) -> Vec<QueryResult> {
        let statement = Statement::from_string(self.raw.get_database_backend(), sql);
        self.raw.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
}
