//! What Muster granted is remembered: whatever the profiles say later, it is withdrawn once nobody grants it any more.

use std::sync::Arc;

use expect_test::{Expect, expect};
use muster_connector::ConnectorError;
use muster_connector::faulty::{Call, CallKind, Fault, Moment, no_faults};
use muster_model::configuration::ConfigurationKind;
use muster_store::Release;
use muster_testkit::world::configuration::{provisioning, staff};
use muster_testkit::world::{TestDatabase, World, on_each_database};
use serde_json::{Value, json};

use crate::shown;

/// Ann with her account, whom a friend has put into a group of his.
async fn provisioned(database: &TestDatabase, task: Value) -> World {
    let world = World::usual(database).await;
    world.save(ConfigurationKind::ProvisioningTaskDefinition, task).await;
    world.hire("1", "ann@x", "Ann", "IT");
    world.synchronize("hr").await;
    world.provision("ad").await;
    befriend(&world);
    // The group of the friend is remembered as well, but nobody granted it.
    world.provision("ad").await;
    world
}

fn befriend(world: &World) {
    let mut account = world.system("ad").accounts("account").remove("1").expect("an account");
    let groups = ["admins", "all", "friends"].map(muster_model::Value::from).to_vec();
    account.attributes.set("groups".into(), muster_model::Field::Many(groups));
    world.system("ad").put("account", "1", account);
}

fn task(verify: &str) -> Value {
    let mut task = provisioning();
    (task["verify"], task["applicationIds"]) = (json!(verify), json!(["ad"]));
    task
}

/// The usual profile without the group `admins`.
fn without_admins() -> Value {
    let mut profile = staff();
    profile["entitlementAssignments"] = json!([{ "objectClassId": "group", "entitlement": "all" }]);
    profile
}

async fn forget_staff(world: &World) {
    world.delete(ConfigurationKind::ApplicationProfile, "staff").await;
}

/// A provisioning run after something has changed in the profiles, and one more that finds nothing to do.
fn check(verify: &str, change: impl AsyncFn(&World), expected: Expect) {
    on_each_database(async |database| {
        let world = provisioned(database, task(verify)).await;
        change(&world).await;
        let before = world.picture().await;
        let run = world.provision("ad").await;
        shown::check(&world, &before, &run, &expected).await;
        let before = world.picture().await;
        world.provision("ad").await;
        assert_eq!(world.picture().await, before);
    });
}

#[test]
fn an_entitlement_that_leaves_its_profile_is_withdrawn() {
    for verify in ["LIVE", "SHADOW"] {
        check(
            verify,
            async |world| world.save(ConfigurationKind::ApplicationProfile, without_admins()).await,
            expect![[r#"
                SUCCESS: 1 read, 0 lacking, 1 updated
                * UPDATE 1
                ! profile `staff` grants other entitlements: whom that takes something from is looked at once
                - account 1 enabled: cn=Ann groups=admins,all,friends mail=ann@x uid=1
                + account 1 enabled: cn=Ann groups=all,friends mail=ann@x uid=1"#]],
        );
    }
}

#[test]
fn entitlements_of_a_profile_that_is_gone_are_withdrawn_while_another_grants_the_account() {
    for verify in ["LIVE", "SHADOW"] {
        check(
            verify,
            async |world| {
                let mut other = without_admins();
                (other["id"], other["entitlementAssignments"]) = (json!("guests"), json!([]));
                world.save(ConfigurationKind::ApplicationProfile, other).await;
                forget_staff(world).await;
            },
            expect![[r#"
                SUCCESS: 1 read, 0 lacking, 1 updated
                * UPDATE 1
                ! profile `staff` is gone: whom that takes something from is looked at once
                - account 1 enabled: cn=Ann groups=admins,all,friends mail=ann@x uid=1
                + account 1 enabled: cn=Ann groups=friends mail=ann@x uid=1"#]],
        );
    }
}

#[test]
fn entitlements_are_withdrawn_with_the_account_when_the_last_profile_is_gone() {
    for verify in ["LIVE", "SHADOW"] {
        check(
            verify,
            forget_staff,
            expect![[r#"
                SUCCESS: 1 read, 0 lacking, 1 disabled
                * DISABLE 1
                ! profile `staff` is gone: whom that takes something from is looked at once
                - account 1 enabled: cn=Ann groups=admins,all,friends mail=ann@x uid=1
                + account 1 disabled: cn=Ann groups=friends mail=ann@x uid=1"#]],
        );
    }
}

#[test]
fn what_the_target_refused_to_withdraw_is_withdrawn_by_the_next_run() {
    on_each_database(async |database| {
        let mut world = provisioned(database, task("LIVE")).await;
        world.save(ConfigurationKind::ApplicationProfile, without_admins()).await;
        let refused = || ConnectorError::Rejected { message: "not today".to_owned() };
        let plan = move |call: &Call| {
            (call.kind == CallKind::Operation).then(|| Fault::Fail(Moment::Before, refused()))
        };
        world.disturb("ad", Arc::new(plan));
        let before = world.picture().await;
        let run = world.provision("ad").await;
        let expected = expect![[r#"
            PARTIAL: 1 read, 0 lacking, 1 failed
            * UPDATE 1: failed
            ! profile `staff` grants other entitlements: whom that takes something from is looked at once
            ! not today"#]];
        shown::check(&world, &before, &run, &expected).await;
        world.disturb("ad", no_faults());
        world.store().release_parked(Release::All, world.clock().instant()).await.expect("the database");
        let run = world.provision("ad").await;
        let expected = expect![[r#"
            SUCCESS: 1 read, 0 lacking, 1 updated
            * UPDATE 1
            - account 1 enabled: cn=Ann groups=admins,all,friends mail=ann@x uid=1
            + account 1 enabled: cn=Ann groups=all,friends mail=ann@x uid=1"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}
