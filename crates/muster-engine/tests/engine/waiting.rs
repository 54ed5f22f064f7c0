//! The look for runs that wait for somebody: it is about all tenants, and none of them stops it.

use muster_model::run::{Mode, OutcomeStatus};
use muster_store::RunRecord;
use muster_testkit::world::{World, on_each_database, synchronization};

/// A tenant with one person at HR.
async fn with_ann(world: World) -> World {
    world.hire("1", "ann@x", "Ann", "IT");
    world
}

async fn found(world: &World) -> Vec<i64> {
    let runs = world.database().store().claimable(world.clock().instant()).await.expect("the database");
    runs.into_iter().map(|(_, run)| run.seq).collect()
}

/// Makes runs of a tenant unreadable.
async fn spoil(world: &World, what: &str) {
    let slug = world.store().slug();
    let sql = format!("UPDATE run SET {what} WHERE tenant = (SELECT id FROM tenant WHERE slug = '{slug}')");
    assert!(world.database().execute(&sql).await > 0);
}

#[test]
fn a_run_that_cannot_be_read_is_passed_over_and_all_others_are_worked_on() {
    on_each_database(async |database| {
        for what in ["counters = 'x'", "task = ''", "mode = 9", "keys = '{'"] {
            let spoilt = with_ann(World::usual(database).await).await;
            spoilt.admit(synchronization("hr", Mode::Apply)).await;
            spoil(&spoilt, what).await;
            let world = with_ann(World::usual(database).await).await;
            let run = world.admit(synchronization("hr", Mode::Apply)).await;
            assert_eq!(found(&world).await, [run.seq], "{what}");
            world.resume().await;
            let ended = world.store().run(run.id).await.expect("the database").expect("a run");
            assert_eq!(ended.state.outcome, Some(OutcomeStatus::Success), "{what}");
        }
    });
}

#[test]
fn a_tenant_that_cannot_be_read_stops_nobody_else() {
    on_each_database(async |database| {
        let spoilt = with_ann(World::usual(database).await).await;
        spoilt.admit(synchronization("hr", Mode::Apply)).await;
        let world = with_ann(World::usual(database).await).await;
        let run = world.admit(synchronization("hr", Mode::Apply)).await;
        let slug = spoilt.store().slug();
        database.execute(&format!("UPDATE tenant SET slug = 'No Slug' WHERE slug = '{slug}'")).await;
        assert_eq!(found(&world).await, [run.seq]);
    });
}

#[test]
fn a_held_run_that_cannot_be_read_stops_no_other_from_being_ended_in_time() {
    on_each_database(async |database| {
        let mut held: Vec<(World, RunRecord)> = Vec::new();
        for _ in 0..2 {
            let world = with_ann(World::usual(database).await).await;
            let run = world.admit(synchronization("hr", Mode::Apply)).await;
            held.push((world, run));
        }
        for (world, _) in &held {
            spoil(world, "status = 3, held_at = 0, plan_hash = rules").await;
        }
        spoil(&held[0].0, "counters = 'x'").await;
        let (world, run) = &held[1];
        world.engine().expire_held().await.expect("the store");
        let ended = world.store().run(run.id).await.expect("the database").expect("a run");
        assert_eq!(ended.state.outcome, Some(OutcomeStatus::Aborted));
    });
}

#[test]
fn many_runs_that_cannot_be_read_do_not_keep_the_place_of_one_that_can() {
    on_each_database(async |database| {
        let spoilt = World::usual(database).await;
        for _ in 0..101 {
            spoilt.admit(synchronization("hr", Mode::Simulate)).await;
        }
        spoil(&spoilt, "counters = 'x'").await;
        let world = World::usual(database).await;
        let run = world.admit(synchronization("hr", Mode::Apply)).await;
        assert_eq!(found(&world).await, [run.seq]);
    });
}

#[test]
fn runs_of_many_tenants_are_found_by_one_statement() {
    on_each_database(async |database| {
        for _ in 0..5 {
            World::usual(database).await.admit(synchronization("hr", Mode::Apply)).await;
        }
        let world = World::usual(database).await;
        let before = database.store().statements();
        assert_eq!(found(&world).await.len(), 5);
        assert_eq!(database.store().statements() - before, 1);
    });
}
