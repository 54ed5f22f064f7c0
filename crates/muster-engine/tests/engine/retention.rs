//! What has been kept long enough goes, in few statements, and nothing that is needed goes with it.

use chrono::TimeDelta;
use muster_engine::{Dropped, Retention};
use muster_model::run::Outcome;
use muster_testkit::world::{TestDatabase, World, on_each_database};

const KEPT: Retention = Retention {
    runs: Some(TimeDelta::days(30)),
    changes: Some(TimeDelta::days(10)),
    history: Some(TimeDelta::days(20)),
    reports: None,
};

/// Tables that hold what runs leave behind.
const OF_RUNS: [&str; 6] = ["run", "bucket", "change", "met", "problem", "rules"];

async fn world(database: &TestDatabase, people: u32) -> World {
    let world = World::usual(database).await.with_page_size(100).with_retention(KEPT);
    hire(&world, people, "IT");
    world.synchronize("hr").await;
    world
}

fn hire(world: &World, people: u32, department: &str) {
    for number in 1..=people {
        let email = format!("{number}@x");
        world.hire(&number.to_string(), &email, &format!("Name {number}"), department);
    }
}

async fn drop_old(world: &World) -> Dropped {
    world.engine().drop_old().await.expect("the database")
}

async fn rows(world: &World, tables: &[&str]) -> Vec<i64> {
    let mut rows = Vec::new();
    for table in tables {
        rows.push(world.count_rows(table).await);
    }
    rows
}

#[test]
fn changes_go_before_their_run_and_the_last_run_stays() {
    on_each_database(async |database| {
        let world = world(database, 5).await;
        let first = world.synchronize("crm").await;
        hire(&world, 5, "FIN");
        let second = world.synchronize("hr").await;
        assert_eq!(second.counters.outcome(Outcome::Updated), 5);
        let (people, audited) = (world.objects().await, world.count_rows("audit").await);
        assert_eq!(drop_old(&world).await, Dropped::default(), "nothing is old");

        world.clock().pass(TimeDelta::days(11));
        assert_eq!(drop_old(&world).await, Dropped { changes_of_runs: 3, ..Dropped::default() });
        assert_eq!(rows(&world, &["run", "change", "met", "history"]).await, [3, 0, 0, 5]);
        assert!(world.store().changes_are_dropped(second.seq).await.expect("the database"));
        assert_eq!(world.store().run(second.id).await.expect("the database"), Some(second.clone()));
        assert_eq!(drop_old(&world).await, Dropped::default(), "once is enough");

        world.clock().pass(TimeDelta::days(20));
        assert_eq!(drop_old(&world).await, Dropped { runs: 2, history: 5, ..Dropped::default() });
        assert_eq!(rows(&world, &OF_RUNS).await, [1, 1, 0, 0, 0, 1]);
        assert_eq!(world.store().run(first.id).await.expect("the database"), None);

        // Nobody has changed by it, the next run finds nothing to do, and no number is given twice.
        assert_eq!(world.objects().await, people);
        let next = world.synchronize("hr").await;
        assert_eq!((next.counters.outcome(Outcome::Unchanged), next.no), (5, second.no + 1));
        let verified = world.store().verify_audit(None).await.expect("the database");
        assert_eq!(verified.broken, None);
        assert_eq!(world.count_rows("audit").await, audited + 2, "of the audit log nothing is dropped");
    });
}

#[test]
fn what_has_not_ended_is_kept_however_old_it_is() {
    on_each_database(async |database| {
        let world = world(database, 5).await;
        world.synchronize("hr").await;
        let before = rows(&world, &OF_RUNS).await;
        world.clock().pass(TimeDelta::days(1000));
        for status in 0..4 {
            // Older than old: even an end that was noted does not end a run that goes on.
            database
                .execute(&format!("UPDATE run SET status = {status}, ended_at = 1, task = task || no"))
                .await;
            assert_eq!(drop_old(&world).await, Dropped::default(), "status {status}");
            assert_eq!(rows(&world, &OF_RUNS).await, before);
        }
    });
}

#[test]
fn the_last_version_of_configuration_is_kept_and_so_is_the_number_of_a_deleted_one() {
    on_each_database(async |database| {
        let world = world(database, 1).await;
        for (kind, document) in muster_testkit::world::configuration::usual() {
            world.save(kind, document).await;
        }
        let resources = world.count_rows("configuration").await;
        let versions = world.count_rows("configuration_history").await;
        assert_eq!(versions, 2 * resources);
        // Versions are written at the instant of the machine.
        database.execute("UPDATE configuration_history SET at = 1").await;
        assert_eq!(drop_old(&world).await.history, u64::try_from(resources).expect("few"));
        assert_eq!(world.count_rows("configuration_history").await, resources);
        let (kind, document) = muster_testkit::world::configuration::usual().remove(0);
        let id = document["id"].as_str().expect("an id").to_owned();
        world.save(kind, document).await;
        let newest = world.store().resource_history((kind as u8, &id), None, 1).await.expect("the database");
        assert_eq!(newest[0].version, 3, "versions go on");
    });
}

#[test]
fn more_people_cost_no_more_statements() {
    on_each_database(async |database| {
        let mut costs = Vec::new();
        for people in [3, 300] {
            let retention = Retention { history: None, ..KEPT };
            let world = world(database, people).await.with_retention(retention);
            world.synchronize("crm").await;
            world.clock().pass(TimeDelta::days(31));
            let store = database.another_process().await;
            let before = store.statements();
            let dropped = world.engine_on(store.clone()).drop_old().await.expect("the database");
            assert_eq!(dropped.runs, 1);
            costs.push(store.statements() - before);
            database.execute("UPDATE run SET ended_at = NULL").await;
        }
        assert_eq!(costs[0], costs[1]);
    });
}
