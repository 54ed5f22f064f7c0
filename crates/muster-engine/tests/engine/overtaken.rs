//! Two runs write one account at the same time: neither overwrites what the other remembers of it, and the next run
//! reads how it came out.

use expect_test::{Expect, expect};
use muster_connector::faulty::{CallKind, no_faults};
use muster_engine::Launch;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, OutcomeStatus};
use muster_testkit::world::configuration::{provisioning as task, staff};
use muster_testkit::world::{TestDatabase, World, on_each_database, provisioning};
use serde_json::json;

use crate::shown;

/// Ann and Bob with their accounts, under a task that verifies in this way.
async fn provisioned(database: &TestDatabase, verify: &str) -> World {
    let world = World::usual(database).await;
    let mut task = task();
    task["verify"] = json!(verify);
    world.save(ConfigurationKind::ProvisioningTaskDefinition, task).await;
    for (number, email, name, department) in [("1", "ann@x", "Ann", "IT"), ("2", "bob@x", "Bob", "FIN")] {
        world.hire(number, email, name, department);
        world.synchronize("hr").await;
        // One after the other, so that their shadows have numbers in this order.
        world.provision("ad").await;
    }
    world
}

async fn rename(world: &World, name: &str) {
    world.hire("1", "ann@x", name, "IT");
    world.synchronize("hr").await;
}

async fn grant(world: &World, groups: &[&str]) {
    let assigned = groups.iter().map(|group| json!({ "objectClassId": "group", "entitlement": group }));
    let mut profile = staff();
    profile["entitlementAssignments"] = assigned.collect();
    world.save(ConfigurationKind::ApplicationProfile, profile).await;
}

async fn make_by_hand(world: &World) {
    world.hire("3", "cid@x", "Cid", "FIN");
    world.synchronize("hr").await;
    world.put("ad", "account", "cid", &[("uid", "cid"), ("mail", "cid@x")]);
}

/// A full run that has decided after `first` and is about to write, when `then` happens and another run over this one
/// account overtakes it; and the run after both.
async fn check(
    world: &mut World,
    uid: &str,
    (first, then): (impl AsyncFn(&World), impl AsyncFn(&World)),
    (expected, afterwards): (&Expect, &Expect),
) {
    first(world).await;
    let stopped = world.run_up_to(provisioning("ad", Mode::Apply), "ad", (CallKind::Write, 1)).await;
    world.disturb("ad", no_faults());
    then(world).await;
    let other = Launch { keys: Some(vec![uid.to_owned()]), ..provisioning("ad", Mode::Apply) };
    assert_eq!(world.run(other).await.state.outcome, Some(OutcomeStatus::Success));
    let before = world.picture().await;
    let run = stopped.go_on().await;
    shown::check(world, &before, &run, expected).await;
    assert!(run.counters.add_up(), "{:?}", run.counters);
    let before = world.picture().await;
    let run = world.provision("ad").await;
    shown::check(world, &before, &run, afterwards).await;
    world.provision("ad").await;
    let again = world.provision("ad").await;
    assert_eq!(world.changes(&again).await, Vec::<String>::new());
}

#[test]
fn the_next_run_corrects_what_the_slower_one_wrote() {
    for verify in ["LIVE", "SHADOW"] {
        on_each_database(async |database| {
            let mut world = provisioned(database, verify).await;
            let changes = (
                async |world: &World| rename(world, "Anna").await,
                async |world: &World| rename(world, "Annabel").await,
            );
            let expected = expect![[r#"
                PARTIAL: 2 read, 0 lacking, 1 unchanged, 1 stale
                * UPDATE 1: stale
                ! another run changed the account while this one wrote it; the next run reads it again
                - account 1 enabled: cn=Annabel groups=admins,all mail=ann@x uid=1
                + account 1 enabled: cn=Anna groups=admins,all mail=ann@x uid=1"#]];
            let afterwards = expect![[r#"
                SUCCESS: 2 read, 0 lacking, 1 updated, 1 unchanged
                * UPDATE 1
                - account 1 enabled: cn=Anna groups=admins,all mail=ann@x uid=1
                + account 1 enabled: cn=Annabel groups=admins,all mail=ann@x uid=1"#]];
            check(&mut world, "1", changes, (&expected, &afterwards)).await;
        });
    }
}

#[test]
fn what_the_slower_run_granted_is_withdrawn_as_well() {
    for verify in ["LIVE", "SHADOW"] {
        on_each_database(async |database| {
            let mut world = provisioned(database, verify).await;
            grant(&world, &["admins", "all"]).await;
            world.provision("ad").await;
            let changes = (
                async |world: &World| grant(world, &["admins", "all", "vpn"]).await,
                async |world: &World| grant(world, &["all"]).await,
            );
            let expected = expect![[r#"
                PARTIAL: 2 read, 0 lacking, 1 updated, 1 stale
                * UPDATE 1: stale
                * UPDATE 2
                ! another run changed the account while this one wrote it; the next run reads it again
                - account 1 enabled: cn=Ann groups=all mail=ann@x uid=1
                - account 2 enabled: cn=Bob groups=all,admins mail=bob@x uid=2
                + account 1 enabled: cn=Ann groups=all,vpn mail=ann@x uid=1
                + account 2 enabled: cn=Bob groups=all,admins,vpn mail=bob@x uid=2"#]];
            let afterwards = expect![[r#"
                SUCCESS: 2 read, 0 lacking, 2 updated
                * UPDATE 1
                * UPDATE 2
                ! profile `staff` grants other entitlements: whom that takes something from is looked at once
                - account 1 enabled: cn=Ann groups=all,vpn mail=ann@x uid=1
                - account 2 enabled: cn=Bob groups=all,admins,vpn mail=bob@x uid=2
                + account 1 enabled: cn=Ann groups=all mail=ann@x uid=1
                + account 2 enabled: cn=Bob groups=all mail=bob@x uid=2"#]];
            check(&mut world, "1", changes, (&expected, &afterwards)).await;
        });
    }
}

#[test]
fn an_account_that_the_slower_run_deleted_is_made_again() {
    for verify in ["LIVE", "SHADOW"] {
        on_each_database(async |database| {
            let mut world = provisioned(database, verify).await;
            let mut profile = staff();
            profile["deprovisioning"] = json!("DELETE");
            world.save(ConfigurationKind::ApplicationProfile, profile).await;
            // The first plan that takes something away since is looked at once.
            for department in ["IT", "HR"] {
                world.hire("9", "eve@x", "Eve", department);
                world.synchronize("hr").await;
                world.provision("ad").await;
            }
            let changes = (
                async |world: &World| {
                    world.hire("1", "ann@x", "Ann", "HR");
                    world.synchronize("hr").await;
                },
                async |world: &World| rename(world, "Ann").await,
            );
            let expected = expect![[r#"
                PARTIAL: 2 read, 0 lacking, 1 unchanged, 1 stale
                * DELETE 1: stale
                ! another run changed the account while this one wrote it; the next run reads it again
                - account 1 enabled: cn=Ann groups=admins,all mail=ann@x uid=1"#]];
            let afterwards = expect![[r#"
                SUCCESS: 1 read, 1 lacking, 1 created, 1 unchanged
                * CREATE 1
                + account 1 enabled: cn=Ann groups=admins,all mail=ann@x uid=1"#]];
            check(&mut world, "1", changes, (&expected, &afterwards)).await;
        });
    }
}

#[test]
fn an_account_that_two_runs_link_is_looked_at_again() {
    on_each_database(async |database| {
        let mut world = provisioned(database, "LIVE").await;
        let changes = (make_by_hand, async |_: &World| {});
        let expected = expect![[r#"
            PARTIAL: 3 read, 0 lacking, 2 unchanged, 1 stale
            * LINK cid: stale
            ! another run changed the account while this one wrote it; the next run reads it again"#]];
        let afterwards = expect![[r#"
            SUCCESS: 3 read, 0 lacking, 3 unchanged
            * REFRESH cid"#]];
        check(&mut world, "cid", changes, (&expected, &afterwards)).await;
    });
}
