//! Accounts in order are passed over: neither they nor their owners are looked at before something has moved on which
//! what is promised of them rests.

use muster_connector::faulty::{CallKind, no_faults};
use muster_model::DirectoryId;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, Outcome};
use muster_testkit::world::configuration::{ad, hr, naming, provisioning, staff};
use muster_testkit::world::{TestDatabase, World, on_each_database, provisioning as outbound};
use serde_json::{Value, json};

use crate::by_hand;
use crate::staff::staffed;

/// Ann with an account in order.
async fn in_order(database: &TestDatabase, application: Value, verify: &str) -> World {
    let world = World::usual(database).await;
    world.save(ConfigurationKind::Application, application).await;
    world.save(ConfigurationKind::ProvisioningTaskDefinition, task(verify)).await;
    world.hire("1", "ann@x", "Ann", "IT");
    world.synchronize("hr").await;
    world.provision("ad").await;
    world
}

fn task(verify: &str) -> Value {
    let mut task = provisioning();
    task["verify"] = json!(verify);
    task
}

/// Whether anybody looks at Ann: her name is changed in a way that nothing else in the store tells of.
async fn is_looked_at(world: &World) -> bool {
    world
        .database()
        .execute("UPDATE object SET attributes = replace(attributes, '\"Ann\"', '\"Eve\"')")
        .await;
    let run = world.provision("ad").await;
    let outcome = |outcome| run.counters.outcome(outcome);
    let (updated, unchanged) = (outcome(Outcome::Updated), outcome(Outcome::Unchanged));
    assert_eq!((run.counters.read, updated + unchanged), (1, 1), "one or the other");
    updated == 1
}

/// What the promise rests on, each moved alone.
#[derive(Debug, Clone, Copy)]
enum Moved {
    Nothing,
    Owner,
    Profile,
    Rules,
    Scope,
    Day,
    Promise,
}

impl Moved {
    async fn in_world(self, world: &World, verify: &str) {
        match self {
            Self::Nothing => {}
            Self::Owner => {
                world.hire("1", "ann@y", "Ann", "IT");
                world.synchronize("hr").await;
            }
            Self::Profile => {
                let mut profile = staff();
                profile["priority"] = json!(7);
                world.save(ConfigurationKind::ApplicationProfile, profile).await;
            }
            Self::Rules => {
                let mut application = ad();
                application["objectTypes"][0]["attributeMappings"][1]["strength"] = json!("WEAK");
                world.save(ConfigurationKind::Application, application).await;
            }
            Self::Scope => {
                let mut task = task(verify);
                task["scope"] = json!("kind eq \"IDENTITY\" and department eq \"IT\"");
                world.save(ConfigurationKind::ProvisioningTaskDefinition, task).await;
            }
            Self::Day => _ = world.database().execute("UPDATE shadow SET due_at = 1").await,
            Self::Promise => world.forget_digests().await,
        }
    }
}

#[test]
fn an_account_in_order_is_looked_at_when_something_has_moved_and_not_before() {
    use Moved::{Day, Nothing, Owner, Profile, Promise, Rules, Scope};

    for verify in ["LIVE", "SHADOW"] {
        for moved in [Nothing, Owner, Profile, Rules, Scope, Day, Promise] {
            on_each_database(async |database| {
                let world = in_order(database, ad(), verify).await;
                moved.in_world(&world, verify).await;
                let expected = !matches!(moved, Nothing);
                assert_eq!(is_looked_at(&world).await, expected, "{verify}, {moved:?}");
            });
        }
    }
}

/// How an owner is deleted.
#[derive(Debug, Clone, Copy)]
enum Deleted {
    ByRun,
    ByHand,
    WithDirectory,
}

impl Deleted {
    /// Deletes Bob, and where it cannot be otherwise Ann as well. Answers how many are gone.
    async fn in_world(self, world: &World) -> u64 {
        match self {
            Self::ByRun => {
                let mut application = hr();
                application["objectTypes"][0]["reactions"]["MISSING"] = json!("DELETE");
                world.save(ConfigurationKind::Application, application).await;
                world.dismiss("2");
                world.synchronize("hr").await;
                1
            }
            Self::ByHand => {
                by_hand::delete(world, "2").await;
                1
            }
            Self::WithDirectory => {
                let deleted = world.engine().delete_directory(world.store(), &DirectoryId::main()).await;
                deleted.expect("deleted")
            }
        }
    }
}

#[test]
fn an_account_in_order_whose_owner_is_deleted_is_looked_at() {
    for verify in ["LIVE", "SHADOW"] {
        for deleted in [Deleted::ByRun, Deleted::ByHand, Deleted::WithDirectory] {
            on_each_database(async |database| {
                let world = staffed(database).await;
                world.save(ConfigurationKind::ProvisioningTaskDefinition, task(verify)).await;
                let run = world.provision("ad").await;
                assert_eq!(run.counters.outcome(Outcome::Unchanged), 2, "both are in order");
                let gone = deleted.in_world(&world).await;
                assert_eq!(world.objects().await.len() as u64, 2 - gone);
                let run = world.provision("ad").await;
                let outcome = |outcome| run.counters.outcome(outcome);
                let found = (outcome(Outcome::Disabled), outcome(Outcome::Unchanged));
                assert_eq!(found, (gone, 2 - gone), "{verify}, {deleted:?}");
            });
        }
    }
}

#[test]
fn what_is_looked_at_once_is_in_order_again() {
    for verify in ["LIVE", "SHADOW"] {
        on_each_database(async |database| {
            let world = in_order(database, ad(), verify).await;
            for moved in [Moved::Owner, Moved::Scope] {
                moved.in_world(&world, verify).await;
                world.provision("ad").await;
            }
            assert!(!is_looked_at(&world).await, "{verify}");
        });
    }
}

#[test]
fn what_moves_between_a_decision_and_its_write_is_looked_at() {
    for verify in ["LIVE", "SHADOW"] {
        on_each_database(async |database| {
            let mut world = in_order(database, ad(), verify).await;
            world.hire("1", "ann@y", "Ann", "IT");
            world.synchronize("hr").await;
            let stopped = world.run_up_to(outbound("ad", Mode::Apply), "ad", (CallKind::Write, 1)).await;
            world.disturb("ad", no_faults());
            world.hire("1", "ann@z", "Ann", "IT");
            world.synchronize("hr").await;
            stopped.go_on().await;
            assert!(is_looked_at(&world).await, "{verify}");
        });
    }
}

#[test]
fn an_account_that_somebody_has_changed_is_looked_at_where_it_is_read() {
    for (verify, expected) in [("LIVE", true), ("SHADOW", false)] {
        on_each_database(async |database| {
            let world = in_order(database, ad(), verify).await;
            let fields = [("uid", "1"), ("mail", "other@x"), ("cn", "Ann"), ("groups", "all")];
            world.put("ad", "account", "1", &fields);
            assert_eq!(is_looked_at(&world).await, expected, "{verify}");
        });
    }
}

#[test]
fn where_accounts_name_others_all_are_looked_at() {
    for verify in ["LIVE", "SHADOW"] {
        on_each_database(async |database| {
            let world = in_order(database, naming("REMOTE_NAME"), verify).await;
            assert!(is_looked_at(&world).await, "{verify}");
        });
    }
}
