//! Databases for the tests, and connectors to them.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use muster_connector::{
    Connector, ConnectorError, ConnectorKind as _, Cursor, Entry, FileRoots, Host, Operation, PageSize,
    Properties, Reads, RemoteClass, Step, SweepEnd, SweepRequest, WriteResult,
};
use muster_connector_sql::SqlKind;
use muster_egress::{Egress, Limits};
use muster_model::{Field, TenantSlug};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use tempfile::TempDir;

const POSTGRES: &str = "MUSTER_TEST_POSTGRES";

static NAMES: AtomicU32 = AtomicU32::new(0);

/// A database of one test. Gone when it is dropped.
pub(crate) enum System {
    Sqlite(TempDir),
    Postgres { server: Box<PgConnectOptions>, name: String, files: TempDir },
}

/// Both, one after the other.
pub(crate) async fn each() -> [System; 2] {
    [System::sqlite().await, System::postgres().await]
}

/// The PostgreSQL server of the tests.
pub(crate) fn server() -> PgConnectOptions {
    let url = std::env::var(POSTGRES)
        .unwrap_or_else(|_| panic!("{POSTGRES} names no server; `cargo xtask test` starts one, or set it to postgres://user@host:port/database"));
    url.parse::<PgConnectOptions>().expect("the URL of a server").disable_statement_logging()
}

impl System {
    pub(crate) async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("people.db");
        SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap();
        Self::Sqlite(directory)
    }

    pub(crate) async fn postgres() -> Self {
        let server = server();
        let name = format!("muster_sql_{}_{}", std::process::id(), NAMES.fetch_add(1, Ordering::SeqCst));
        let mut maker = server.connect().await.expect("the server of the tests");
        maker.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        Self::Postgres { server: Box::new(server.database(&name)), name, files: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }

    pub(crate) fn directory(&self) -> &Path {
        match self {
            Self::Sqlite(files) | Self::Postgres { files, .. } => files.path(),
        }
    }

    /// Runs statements as somebody else would.
    pub(crate) async fn run(&self, sql: impl Into<String>) {
        let sql = AssertSqlSafe(sql.into());
        match self {
            Self::Sqlite(_) => {
                self.sqlite_connection().await.execute(sql).await.unwrap();
            }
            Self::Postgres { .. } => {
                self.postgres_connection().await.execute(sqlx::raw_sql(sql)).await.unwrap();
            }
        }
    }

    /// One number that a statement answers.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(_) => {
                sqlx::query_scalar(sql).fetch_one(&mut self.sqlite_connection().await).await.unwrap()
            }
            Self::Postgres { .. } => {
                sqlx::query_scalar(sql).fetch_one(&mut self.postgres_connection().await).await.unwrap()
            }
        }
    }

    pub(crate) async fn sqlite_connection(&self) -> SqliteConnection {
        let path = self.directory().join("people.db");
        SqliteConnectOptions::new().filename(path).disable_statement_logging().connect().await.unwrap()
    }

    pub(crate) async fn postgres_connection(&self) -> PgConnection {
        let Self::Postgres { server, .. } = self else { panic!("no PostgreSQL") };
        server.connect().await.unwrap()
    }

    /// The settings that lead here, and more.
    pub(crate) fn properties(&self, more: &[(&str, &str)]) -> Properties {
        let mut properties: Properties = match self {
            Self::Sqlite(_) => text_pairs(&[("database", "sqlite"), ("file", "people.db")]),
            Self::Postgres { server, name, .. } => {
                let port = server.get_port().to_string();
                text_pairs(&[
                    ("database", "postgres"),
                    ("host", server.get_host()),
                    ("port", &port),
                    ("databaseName", name),
                    ("user", server.get_username()),
                    ("tls", "DISABLE"),
                ])
            }
        };
        properties.extend(text_pairs(more));
        properties
    }

    pub(crate) async fn open(&self, more: &[(&str, &str)]) -> Box<dyn Connector> {
        self.try_open(more).await.unwrap()
    }

    pub(crate) async fn try_open(&self, more: &[(&str, &str)]) -> Result<Box<dyn Connector>, ConnectorError> {
        kind().open(&self.properties(more), &self.host()).await
    }

    pub(crate) fn host(&self) -> Host {
        host(self.directory())
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let Self::Postgres { name, .. } = self else { return };
        let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        // A thread of its own: this one may be inside of a runtime.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut maker = server().connect().await.unwrap();
                maker.execute(AssertSqlSafe(sql)).await.unwrap();
                maker.close().await.unwrap();
            });
        });
        dropped.join().unwrap_or_default();
    }
}

/// A role that may do nothing yet, for one test. Whoever makes it drops it.
pub(crate) struct Role(pub(crate) String);

impl Role {
    pub(crate) async fn new(system: &System) -> Self {
        let role = format!("writer_{}_{}", std::process::id(), NAMES.fetch_add(1, Ordering::SeqCst));
        system.run(format!("DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN")).await;
        Self(role)
    }

    pub(crate) async fn drop_from(self, system: &System) {
        system.run(format!("DROP OWNED BY {0}; DROP ROLE {0}", self.0)).await;
    }
}

/// A kind that may go to this machine alone.
pub(crate) fn kind() -> SqlKind {
    let rules = vec!["* 127.0.0.0/8:*".parse().unwrap(), "* [::1]/128:*".parse().unwrap()];
    SqlKind::new(Egress::new(rules, Limits::default()))
}

pub(crate) fn host(own: &Path) -> Host {
    let files = FileRoots { own: own.to_owned(), further: Vec::new() };
    Host::new(TenantSlug::new("acme").unwrap(), files)
}

pub(crate) fn text_pairs(pairs: &[(&str, &str)]) -> Properties {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// All steps of a sweep over everything.
pub(crate) async fn sweep(
    connector: &dyn Connector,
    class: &RemoteClass,
    page_size: usize,
) -> Result<(Vec<Entry>, SweepEnd), ConnectorError> {
    sweep_from(connector, class, page_size, Reads::All, None).await
}

pub(crate) async fn sweep_from(
    connector: &dyn Connector,
    class: &RemoteClass,
    page_size: usize,
    reads: Reads,
    resume: Option<Cursor>,
) -> Result<(Vec<Entry>, SweepEnd), ConnectorError> {
    let page_size = PageSize::from(page_size);
    let request = SweepRequest { class: class.clone(), reads, page_size, resume, last_count: None };
    let mut sweep = connector.sweep(request).await?;
    let mut entries = Vec::new();
    loop {
        match sweep.next().await? {
            Step::Page(page) => entries.extend(page.entries),
            Step::End(end) => return Ok((entries, end)),
        }
    }
}

pub(crate) async fn write(
    connector: &dyn Connector,
    class: &RemoteClass,
    operations: Vec<Operation>,
) -> Vec<WriteResult> {
    let mut writer = connector.writer(class).await.unwrap();
    let outcomes = writer.write(operations).await;
    writer.close().await.unwrap();
    outcomes
}

pub(crate) fn create(uid: &str, attributes: &[(&str, &str)]) -> Operation {
    let attributes = attributes.iter().map(|(name, text)| ((*name).into(), Field::text(*text))).collect();
    Operation::Create { uid: uid.to_owned(), attributes, enabled: true }
}

/// The keys of the accounts, and of what could not be read with a `!`.
pub(crate) fn uids(entries: &[Entry]) -> Vec<String> {
    let uid = |entry: &Entry| match entry {
        Entry::Account(account) => account.uid.clone(),
        Entry::Bad(bad) => format!("!{}", bad.uid.clone().unwrap_or_default()),
        Entry::Gone(gone) => format!("-{}", gone.uid),
    };
    entries.iter().map(uid).collect()
}
