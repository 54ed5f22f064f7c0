//! Accounts that are gone from the target and that nobody is to have: their shadows go as well.

use expect_test::{Expect, expect};
use muster_connector::faulty::{CallKind, no_faults};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Outcome, OutcomeStatus};
use muster_testkit::world::configuration::{ad, hr, provisioning};
use muster_testkit::world::{TestDatabase, World, on_each_database};
use serde_json::json;

use crate::shown;
use crate::staff::staffed;

async fn transfer(world: &World, department: &str) {
    world.hire("1", "ann@x", "Ann", department);
    world.synchronize("hr").await;
}

/// Somebody takes the account away, and nobody grants it any more.
async fn lose(world: &World) {
    transfer(world, "HR").await;
    world.system("ad").take("account", "1");
}

async fn react(world: &World, situation: &str, reaction: &str) {
    let mut application = ad();
    application["objectTypes"][0]["reactions"] = json!({ situation: reaction });
    world.save(ConfigurationKind::Application, application).await;
}

async fn check(world: &World, expected: &Expect) {
    let before = world.picture().await;
    let run = world.provision("ad").await;
    shown::check(world, &before, &run, expected).await;
}

fn forgotten() -> Expect {
    expect![[r#"
        SUCCESS: 1 read, 1 lacking, 1 unchanged, 1 unlinked
        * UNLINK 1
        - shadow ad/1 live, of 1"#]]
}

#[test]
fn what_is_gone_and_no_longer_granted_is_forgotten() {
    on_each_database(async |database| {
        // Whatever is said of accounts that exist, or of those whose owners are to have them.
        for (situation, reaction) in
            [("MISSING", "CREATE"), ("MISSING", "REPORT"), ("UNASSIGNED", "IGNORE"), ("UNASSIGNED", "DELETE")]
        {
            let world = staffed(database).await;
            lose(&world).await;
            react(&world, situation, reaction).await;
            // What the rules say has changed: Bob's account is looked at again.
            world.provision("ad").await;
            let again = world.provision("ad").await;
            assert_eq!(world.changes(&again).await, Vec::<String>::new(), "{situation} {reaction}");
            let left = world.picture().await;
            assert!(!left.contains("shadow ad/1"), "{situation} {reaction}: {left}");
        }
        let world = staffed(database).await;
        lose(&world).await;
        check(&world, &forgotten()).await;
        transfer(&world, "IT").await;
        let expected = expect![[r#"
            SUCCESS: 1 read, 1 lacking, 1 created, 1 unchanged
            * CREATE 1
            + shadow ad/1 live, of 1
            + account 1 enabled: cn=Ann groups=admins,all mail=ann@x uid=1"#]];
        check(&world, &expected).await;
    });
}

#[test]
fn the_shadow_of_a_deleted_owner_is_forgotten_as_well() {
    on_each_database(async |database| {
        let world = staffed(database).await;
        let mut application = hr();
        application["objectTypes"][0]["reactions"] = json!({ "MISSING": "DELETE" });
        world.save(ConfigurationKind::Application, application).await;
        world.dismiss("1");
        world.synchronize("hr").await;
        world.system("ad").take("account", "1");
        let expected = expect![[r#"
            SUCCESS: 1 read, 1 lacking, 1 unchanged, 1 unlinked
            * UNLINK 1
            - shadow ad/1 live, of a deleted object"#]];
        check(&world, &expected).await;
    });
}

#[test]
fn nobody_is_forgotten_who_is_outside_the_scope_or_may_not_have_been_read() {
    on_each_database(async |database| {
        let world = staffed(database).await;
        lose(&world).await;
        let mut task = provisioning();
        task["scope"] = json!("department eq \"FIN\"");
        world.save(ConfigurationKind::ProvisioningTaskDefinition, task.clone()).await;
        let before = world.picture().await;
        world.provision("ad").await;
        assert_eq!(world.picture().await, before);
        task["scope"] = json!("kind eq \"IDENTITY\"");
        world.save(ConfigurationKind::ProvisioningTaskDefinition, task).await;
        world.system("ad").put_bad("account", "9", None);
        world.provision("ad").await;
        assert_eq!(world.picture().await, before, "9 may be Ann's");
        world.system("ad").take("account", "9");
        check(&world, &forgotten()).await;
    });
}

const CROWD: u32 = 25;

async fn crowd_without_accounts(database: &TestDatabase) -> World {
    // Their shadows stand on several pages.
    let world = staffed(database).await.with_page_size(4);
    let hire = |department: &str| {
        for number in 3..3 + CROWD {
            world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), department);
        }
    };
    hire("IT");
    world.synchronize("hr").await;
    world.provision("ad").await;
    hire("HR");
    world.synchronize("hr").await;
    for number in 3..3 + CROWD {
        world.system("ad").take("account", &number.to_string());
    }
    world
}

#[test]
fn limits_do_not_count_what_the_target_has_lost_already() {
    on_each_database(async |database| {
        let world = crowd_without_accounts(database).await;
        let run = world.provision("ad").await;
        assert_eq!((run.held_by.as_deref(), run.state.outcome), (None, Some(OutcomeStatus::Success)));
        assert_eq!(run.counters.outcome(Outcome::Unlinked), u64::from(CROWD));
    });
}

#[test]
fn where_shadows_are_trusted_nobody_is_looked_for() {
    on_each_database(async |database| {
        let mut world = staffed(database).await;
        let mut task = provisioning();
        task["verify"] = json!("SHADOW");
        world.save(ConfigurationKind::ProvisioningTaskDefinition, task).await;
        world.system("ad").take("account", "2");
        let watch = world.disturb("ad", no_faults());
        let run = world.provision("ad").await;
        assert_eq!(run.counters.outcome(Outcome::Unlinked), 0);
        assert_eq!((watch.calls_of(CallKind::Sweep), watch.calls_of(CallKind::Read)), (0, 0));
    });
}
