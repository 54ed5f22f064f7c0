//! How the databases carry out the statements of a page: every table of a tenant's data is looked up by key.
//!
//! The very statements that the store sends are recorded, with their values, on tables of some thousand rows, and
//! explained by the database afterwards. A table that is read whole, or by nothing more than its tenant, is a
//! finding.

mod audit;
mod by_hand;
mod changes;
mod disputes;
mod explain;
mod failures;
mod outbox;
mod parked;
mod preceding;
mod reports;
mod schedules;
mod story;
mod syncs;

use std::sync::{Arc, Mutex, PoisonError};

use muster_model::run::Outcome;
use sea_orm::{ConnectionTrait, Database as SeaOrm, Value};
use uuid::Uuid;

use crate::database::{Dialect, Location, Urgency};
use crate::sight::Sight;
use crate::{ResourceChanges, ResourceWrite, Store, TenantStore, Written};
use explain::{findings, plan};
use story::{Ending, Story};
pub(crate) use story::{launch, new_run, now, tenant};

/// Where the tests find a PostgreSQL server: `postgres://user@host:port/database` of somebody who may make
/// databases.
pub(crate) const POSTGRES: &str = "MUSTER_TEST_POSTGRES";

/// How each statement begins that must have been explained, or the story no longer tells what a page does.
const TOLD: [&str; 24] = [
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
    "UPDATE shadow SET version = shadow.version + 1, read_by = n.read_by, state = 0, owner",
    "UPDATE shadow SET version = shadow.version + 1, state = 0, uid",
    "UPDATE shadow SET version = shadow.version + 1, state = 1",
    "UPDATE shadow SET digest = NULL, account_digest",
    "UPDATE shadow SET version = shadow.version + 1, digest = NULL",
    "UPDATE shadow SET uid = n.uid",
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
    on_each_location(async |location| test(Store::open(&location).await.unwrap()).await);
}

/// The same, where each database is still empty.
pub(crate) fn on_each_location(test: impl AsyncFn(Location)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        test(Location::File(directory.path().join("muster.db"))).await;
        let Ok(server) = std::env::var(POSTGRES) else {
            println!("not run on PostgreSQL: {POSTGRES} names no server; `cargo xtask test` starts one");
            return;
        };
        let name = format!("muster_plans_{}", Uuid::new_v4().simple());
        let maker = SeaOrm::connect(&server).await.unwrap();
        maker.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        test(Location::Postgres(format!("{base}/{name}"))).await;
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
            // Acts are noted, pages are not.
            assert!(!sql.contains("audit"), "{sql}");
            found.extend(findings(&tenant.database, &sql, values).await);
        }
        assert!(found.is_empty(), "{}", found.join("\n\n"));
    });
}

#[test]
fn the_look_for_work_reads_runs_that_have_not_ended_and_nothing_else_of_a_tenant() {
    on_each_database(async |store| {
        let tenant = story::tenant(&store).await;
        Story::begin(tenant.clone()).await;
        store.database.recorder.take();
        store.claimable(story::now()).await.unwrap();
        store.held_too_long(story::now(), chrono::TimeDelta::hours(48)).await.unwrap();
        store.stalled(story::now()).await.unwrap();
        let sent = store.database.recorder.take();
        assert_eq!(sent.len(), 3, "one statement each: {sent:?}");
        for Sent { sql, values } in sent {
            let plan = plan(&store.database, &sql, values).await;
            let of_runs: Vec<_> = plan.iter().filter(|step| step.contains("status")).collect();
            let by_status = |step: &&&String| step.contains("(status = ") || step.contains("(status=?)");
            assert!(of_runs.iter().any(|step| by_status(&step)), "{sql}\n{}", plan.join("\n"));
            assert!(!plan.iter().any(|step| step.starts_with("SCAN")), "{sql}\n{}", plan.join("\n"));
        }
    });
}

#[test]
fn a_plan_that_is_not_carried_out_is_counted_in_steps_before_the_run_is_ended() {
    on_each_database(async |store| {
        let tenant = story::tenant(&store).await;
        for ending in [Ending::Rejected, Ending::Cancelled] {
            let held = story::held(&tenant, 10_500).await;
            store.database.recorder.take();
            story::end(&tenant, &held, ending).await;
            let sent = store.database.recorder.take();
            let of_changes: Vec<_> = sent.iter().filter(|sent| sent.sql.contains("FROM change")).collect();
            assert_eq!(of_changes.len(), 2, "10,000 at a time: {of_changes:?}");
            assert!(of_changes.iter().all(|sent| sent.sql.contains("ORDER BY id LIMIT 10000")));
            // Nothing is counted while others wait for the end of the transaction that ends the run.
            let ends = sent.iter().position(|sent| sent.sql.starts_with("UPDATE run SET status = 4"));
            let counts = sent.iter().rposition(|sent| sent.sql.contains("count(*)"));
            assert!(counts.is_some() && counts < ends, "{sent:?}");
            for Sent { sql, values } in sent.into_iter().filter(|sent| sent.sql.contains("count(*)")) {
                let found = findings(&tenant.database, &sql, values).await;
                assert!(found.is_empty(), "{}", found.join("\n\n"));
            }
            let run = tenant.run(held.id).await.unwrap().unwrap();
            assert_eq!(run.counters.outcome(Outcome::NotApplied), 10_500);
        }
    });
}

#[test]
fn what_is_dropped_is_looked_up_by_key() {
    on_each_database(async |store| {
        let tenant = story::tenant(&store).await;
        Story::begin(tenant.clone()).await;
        let held = story::held(&tenant, 6000).await;
        story::end(&tenant, &held, Ending::Rejected).await;
        store.database.recorder.take();
        tenant.drop_changes(held.seq).await.unwrap();
        tenant.drop_run(held.seq).await.unwrap();
        let sent = store.database.recorder.take();
        let changes = sent.iter().filter(|sent| sent.sql.starts_with("DELETE FROM change")).count();
        assert_eq!(changes, 2, "6,000 changes, 5,000 at a time");
        // Of runs and of configurations there are three here: any way to them is as good.
        let few = ["FROM rules", "UPDATE run", "FROM run ", "SET LOCAL"];
        let of_few = |sent: &Sent| few.iter().any(|words| sent.sql.contains(words));
        let mut found = Vec::new();
        for Sent { sql, values } in sent.into_iter().filter(|sent| !of_few(sent)) {
            found.extend(findings(&tenant.database, &sql, values).await);
        }
        assert!(found.is_empty(), "{}", found.join("\n\n"));
        assert!(tenant.run(held.id).await.unwrap().is_none());
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
            let owner = tenant.database.clone().seen_by(Sight::Owner);
            let tx = owner.begin(Urgency::Short).await.unwrap();
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
        assert_eq!(statements.len(), 12, "as many for twenty resources as for one");
        let mut found = Vec::new();
        for Sent { sql, values } in statements {
            found.extend(findings(&tenant.database, &sql, values).await);
        }
        assert!(found.is_empty(), "{}", found.join("\n\n"));
    });
}

async fn write_all(tenant: &TenantStore, writes: Vec<ResourceWrite>) {
    let checked = tenant.configuration_version().await.unwrap();
    tenant.write_resources(checked, &ResourceChanges::of(writes)).await.unwrap();
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
