//! Single syncs beside full syncs of the same connector, and beside each other: in both orders the newer read wins.

use muster_connector::faulty::{CallKind, no_faults};
use muster_engine::SingleUser;
use muster_model::run::{Mode, OwnerBy};
use muster_model::user_sync::UserOperation;
use muster_testkit::world::{Barrier, Stopped, TestDatabase, World, on_each_database, synchronization};

use crate::single::{CONNECTOR, names, sync, sync_on, world};

/// Ann, Bob and Cid, and a full sync that has read them, page by page of three, and stands still there: nobody has looked
/// at what it read.
async fn with_full_sync(database: &TestDatabase) -> (World, Stopped) {
    let mut world = world(database).await;
    for (number, email, name) in [("1", "ann@x", "Ann"), ("2", "bob@x", "Bob"), ("3", "cid@x", "Cid")] {
        world.hire(number, email, name, "IT");
    }
    world.synchronize("hr").await;
    world.hire("2", "bob@x", "Bert", "IT");
    let barrier = Barrier::behind(CallKind::Page, 1);
    let stopped = world.run_to_barrier(synchronization("hr", Mode::Apply), "hr", barrier).await;
    world.disturb("hr", no_faults());
    (world, stopped)
}

#[test]
fn a_page_that_was_read_before_does_not_undo_what_a_single_sync_did() {
    on_each_database(async |database| {
        let (world, full) = with_full_sync(database).await;
        world.hire("1", "ann@x", "Anna", "IT");
        assert_eq!(sync(&world, "1").await.operation, UserOperation::Updated);
        let full = full.go_on().await;
        assert!(full.counters.add_up(), "{:?}", full.counters);
        assert_eq!(names(&world).await, "Anna, Bert, Cid");
        assert_eq!(
            crate::shown::counted(&full.counters),
            "3 read, 0 lacking, 1 updated, 1 unchanged, 1 stale"
        );
        let full = world.synchronize("hr").await;
        assert_eq!(crate::shown::counted(&full.counters), "3 read, 0 lacking, 3 unchanged");
    });
}

#[test]
fn a_user_whom_a_single_sync_met_is_not_gone_for_a_page_that_was_read_before() {
    on_each_database(async |database| {
        let mut world = world(database).await;
        for (number, email, name) in [("1", "ann@x", "Ann"), ("2", "bob@x", "Bob")] {
            world.hire(number, email, name, "IT");
        }
        world.synchronize("hr").await;
        world.dismiss("2");
        let barrier = Barrier::behind(CallKind::Page, 1);
        let full = world.run_to_barrier(synchronization("hr", Mode::Apply), "hr", barrier).await;
        world.disturb("hr", no_faults());
        world.hire("2", "bob@x", "Bob", "IT");
        assert_eq!(sync(&world, "2").await.operation, UserOperation::NotModified);
        let full = full.go_on().await;
        assert!(full.counters.add_up(), "{:?}", full.counters);
        assert_eq!(names(&world).await, "Ann, Bob");
    });
}

#[test]
fn a_plan_that_was_made_before_is_stale_where_a_single_sync_came_between() {
    on_each_database(async |database| {
        let mut world = world(database).await;
        for number in ["1", "2", "3", "4"] {
            world.hire(number, &format!("{number}@x"), "Ann", "IT");
        }
        world.synchronize("hr").await;
        world.hire("1", "1@x", "Anna", "IT");
        let full = world.run_up_to(synchronization("hr", Mode::Apply), "hr", (CallKind::Page, 2)).await;
        world.disturb("hr", no_faults());
        world.hire("1", "1@x", "Annabel", "IT");
        assert_eq!(sync(&world, "1").await.operation, UserOperation::Updated);
        full.go_on().await;
        assert_eq!(names(&world).await, "Annabel, Ann, Ann, Ann");
    });
}

/// Both of the same instant, so that both give the object the same id.
#[test]
fn who_is_made_by_a_single_sync_while_a_plan_was_to_make_them_keeps_all_keys() {
    on_each_database(async |database| {
        let mut world = world(database).await;
        for number in ["1", "2", "3", "4"] {
            world.hire(number, &format!("{number}@x"), "Ann", "IT");
        }
        let full = world.run_up_to(synchronization("hr", Mode::Apply), "hr", (CallKind::Page, 2)).await;
        world.disturb("hr", no_faults());
        assert_eq!(sync(&world, "1").await.operation, UserOperation::Added);
        let of_one = world.keys().await.len();
        assert!(of_one > 0);
        full.go_on().await;
        assert_eq!(world.keys().await.len(), 4 * of_one);
    });
}

/// The other order: the single sync has read the user, and a full sync comes to its end before it goes on.
#[test]
fn a_single_sync_that_is_overtaken_looks_again() {
    on_each_database(async |database| {
        let mut world = world(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.synchronize("hr").await;
        world.hire("1", "ann@x", "Anna", "IT");
        let (barrier, plan) = Barrier::behind(CallKind::Read, 1);
        world.disturb("hr", plan);
        let (engine, store) = (world.engine(), world.store().clone());
        let user = SingleUser { identifier: "1", owner_by: OwnerBy::Key };
        let single = tokio::spawn(async move { engine.sync_single_user(&store, CONNECTOR, user).await });
        barrier.reached().await;
        world.disturb("hr", no_faults());
        world.hire("1", "ann@x", "Annabel", "IT");
        world.synchronize("hr").await;
        barrier.open();
        let single = single.await.expect("no panic").expect("a result");
        assert_eq!(single.operation, UserOperation::NotModified, "what it had read before was read again");
        assert_eq!(names(&world).await, "Annabel");
    });
}

#[test]
fn of_two_single_syncs_of_one_user_one_writes() {
    on_each_database(async |database| {
        let world = world(database).await;
        for name in ["Ann", "Anna"] {
            world.hire("1", "ann@x", name, "IT");
            let engine = world.engine();
            let user = SingleUser { identifier: "1", owner_by: OwnerBy::Key };
            let both = tokio::join!(sync_on(&engine, &world, user), sync_on(&engine, &world, user));
            let mut operations = [both.0.operation, both.1.operation];
            operations.sort();
            let wrote = if name == "Ann" { UserOperation::Added } else { UserOperation::Updated };
            assert_eq!(operations, [wrote, UserOperation::NotModified]);
            assert_eq!(names(&world).await, name);
        }
    });
}
