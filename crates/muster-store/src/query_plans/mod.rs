//! How the databases carry out the statements of a page: every table of a tenant's data is looked up by key.
//!
//! The very statements that the store sends are recorded, with their values, on tables of some thousand rows, and
//! explained by the database afterwards. A table that is read whole, or by nothing more than its tenant, is a
//! finding.

mod by_hand;
mod explain;
mod story;

use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::{ConnectionTrait, Database as SeaOrm, Value};
use uuid::Uuid;

use crate::database::{Dialect, Location, Urgency};
use crate::{Actor, ActorKind, ResourceWrite, Store, TenantStore, Written};
use explain::findings;
use story::Story;

/// Where the tests find a PostgreSQL server: `postgres://user@host:port/database` of somebody who may make
/// databases.
const POSTGRES: &str = "MUSTER_TEST_POSTGRES";

/// How each statement begins that must have been explained, or the story no longer tells what a page does.
const TOLD: [&str; 22] = [
    "SELECT s.no,",
    "SELECT o.id,",
    "SELECT s.owner, s.uid FROM",
    "SELECT DISTINCT k.hash FROM",
    "UPDATE bucket SET step",
    "INSERT INTO met",
    "INSERT INTO change",
    "INSERT INTO problem",
    "SELECT coalesce(max(no), 0) FROM problem",
    "SELECT page, met, lists, digest FROM met",
    "INSERT INTO object",
    "INSERT INTO shadow (",
    "INSERT INTO history",
    "UPDATE object SET version",
    "DELETE FROM object",
    "UPDATE shadow SET version = shadow.version + 1, state = 0, owner",
    "UPDATE shadow SET version = shadow.version + 1, state = 0, uid",
    "UPDATE shadow SET version = shadow.version + 1, state = 1",
    "UPDATE shadow SET digest = NULL, account_digest",
    "DELETE FROM shadow",
    "INSERT INTO key",
    "DELETE FROM key",
];

/// A statement that was sent.
#[derive(Debug)]
struct Sent {
    sql: String,
    values: Vec<Value>,
}

/// Every statement that goes through a database.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Vec<Sent>>>);

impl Recorder {
    pub(crate) fn note(&self, sql: &str, values: &[Value]) {
        let sent = Sent { sql: sql.to_owned(), values: values.to_vec() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
    }

    fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Runs a test on SQLite and, where a server is named, on PostgreSQL, each with a database of its own.
pub(crate) fn on_each_database(test: impl AsyncFn(Store)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        test(Store::open(&Location::File(directory.path().join("muster.db"))).await.unwrap()).await;
        let Ok(server) = std::env::var(POSTGRES) else {
            println!("not run on PostgreSQL: {POSTGRES} names no server; `cargo xtask test` starts one");
            return;
        };
        let name = format!("muster_plans_{}", Uuid::new_v4().simple());
        let maker = SeaOrm::connect(&server).await.unwrap();
        maker.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        test(Store::open(&Location::Postgres(format!("{base}/{name}"))).await.unwrap()).await;
        maker.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
    });
}

/// Tells what a page does and answers the statements that it took.
async fn told(tenant: &TenantStore) -> Vec<Sent> {
    let mut story = Story::begin(tenant.clone()).await;
    tenant.database.recorder.take();
    story.page().await;
    tenant.database.recorder.take()
}

#[test]
fn statements_of_a_page_look_every_row_up_by_key() {
    on_each_database(async |store| {
        let tenant = story::tenant(&store).await;
        let statements = told(&tenant).await;
        for start in TOLD {
            assert!(
                statements.iter().any(|sent| sent.sql.starts_with(start)),
                "nothing began with `{start}`"
            );
        }
        let mut found = Vec::new();
        for Sent { sql, values } in statements {
            found.extend(findings(&tenant.database, &sql, values).await);
        }
        assert!(found.is_empty(), "{}", found.join("\n\n"));
    });
}

#[test]
fn writes_and_history_of_configuration_look_every_row_up_by_key() {
    on_each_database(async |store| {
        let tenant = story::tenant(&store).await;
        let id = |number: u32| format!("r{number}");
        for version in 0..5 {
            let body = |number: u32| format!("{{\"id\": \"r{number}\", \"version\": {version}}}");
            let written = |body| if version == 0 { Written::Created(body) } else { Written::Updated(body) };
            let write = |number| ResourceWrite::new((number % 7) as u8, id(number), written(body(number)));
            write_all(&tenant, (0..1000).map(write).collect()).await;
        }
        if tenant.database.dialect == Dialect::Postgres {
            let tx = tenant.database.begin(Urgency::Short).await.unwrap();
            tx.script("ANALYZE configuration, configuration_history").await.unwrap();
            tx.commit().await.unwrap();
        }
        tenant.database.recorder.take();
        let some = (0..20).map(|number| {
            let written = if number < 10 { Written::Deleted } else { Written::Updated(String::from("{}")) };
            ResourceWrite::new((number % 7) as u8, id(number), written)
        });
        write_all(&tenant, some.collect()).await;
        assert_eq!(tenant.resource_history((3, "r3"), Some(6), 4).await.unwrap().len(), 4);
        assert!(tenant.resource_version((3, "r3"), 6).await.unwrap().is_some());
        assert!(tenant.resource(4, "r11").await.unwrap().is_some());
        let statements = tenant.database.recorder.take();
        assert_eq!(statements.len(), 9, "as many for twenty resources as for one");
        let mut found = Vec::new();
        for Sent { sql, values } in statements {
            found.extend(findings(&tenant.database, &sql, values).await);
        }
        assert!(found.is_empty(), "{}", found.join("\n\n"));
    });
}

async fn write_all(tenant: &TenantStore, writes: Vec<ResourceWrite>) {
    let actor = Actor::new(ActorKind::CommandLine, "test");
    let checked = tenant.configuration_version().await.unwrap();
    tenant.write_resources(checked, (&actor, story::now()), &writes).await.unwrap();
}

#[test]
fn what_is_read_whole_is_found() {
    on_each_database(async |store| {
        let tenant = story::tenant(&store).await;
        Story::begin(tenant.clone()).await;
        for (sql, values) in [
            ("SELECT uid FROM change", Vec::new()),
            ("SELECT count(*) FROM shadow s WHERE s.tenant = ?", vec![Value::from(1_i64)]),
            ("SELECT o.id FROM object AS o WHERE o.tenant = ? AND o.version = 7", vec![Value::from(1_i64)]),
            ("UPDATE change SET why = NULL WHERE tenant = ? AND uid = 'x'", vec![Value::from(1_i64)]),
            ("SELECT h.body FROM configuration_history h WHERE h.tenant = ?", vec![Value::from(1_i64)]),
            (
                "UPDATE shadow SET digest = NULL FROM (SELECT c.shadow FROM change c WHERE c.uid = 'x') AS n \
                 WHERE shadow.tenant = ? AND shadow.application = 'hr' AND shadow.no = n.shadow",
                vec![Value::from(1_i64)],
            ),
        ] {
            let found = findings(&tenant.database, sql, values).await;
            assert_eq!(found.len(), 1, "{sql}: {found:?}");
        }
    });
}
