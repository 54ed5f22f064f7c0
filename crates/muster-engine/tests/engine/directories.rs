//! Directories that are deleted: what goes with them, what syncs say afterwards, and how they come back.

use std::collections::BTreeSet;

use expect_test::expect;
use muster_engine::{DirectoryError, Engine};
use muster_model::DirectoryId;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, OutcomeStatus, ProgressStatus};
use muster_store::{ResourceChanges, RunRecord};
use muster_testkit::world::configuration::{ad, outbound, provisioning, reconciliation};
use muster_testkit::world::{TestDatabase, World, on_each_database, synchronization};
use serde_json::json;

use crate::shown;
use crate::staff::hired;

/// Tables that hold what belongs to objects.
const OF_OBJECTS: [&str; 4] = ["object", "key", "history", "key_spec"];

/// Ann and Bob from HR, with a telephone number from the CRM and accounts in the target.
async fn staffed(database: &TestDatabase) -> World {
    let world = hired(database).await;
    world.contact("c1", "ann@x", "7");
    world.synchronize("crm").await;
    world.provision("ad").await;
    world
}

async fn delete(world: &World) -> Result<u64, DirectoryError> {
    world.engine().delete_directory(world.store(), &DirectoryId::main()).await
}

/// What a save through User Sync does beside the save.
async fn restore(world: &World) {
    let checked = world.store().configuration_version().await.expect("the database");
    let changes = ResourceChanges { restored: vec![DirectoryId::main()], ..ResourceChanges::default() };
    world.store().write_resources(checked, &changes).await.expect("the database");
}

async fn rows(world: &World, tables: &[&str]) -> Vec<i64> {
    let mut rows = Vec::new();
    for table in tables {
        rows.push(world.count_rows(table).await);
    }
    rows
}

fn failure(run: &RunRecord) -> (Option<OutcomeStatus>, Option<&str>) {
    (run.state.outcome, run.failure.as_deref())
}

#[test]
fn everything_goes_but_what_was_granted_in_targets() {
    on_each_database(async |database| {
        let world = staffed(database).await;
        assert_eq!(delete(&world).await.expect("deleted"), 2);
        assert_eq!(rows(&world, &OF_OBJECTS).await, [0, 0, 0, 0]);
        let expected = expect![[r#"
            shadow ad/1 live, of a deleted object
            shadow ad/2 live, of a deleted object
            account 1 enabled: cn=Ann groups=admins,all mail=ann@x uid=1
            account 2 enabled: cn=Bob groups=all mail=bob@x uid=2"#]];
        expected.assert_eq(&world.picture().await);
        assert!(world.store().directories().await.expect("the database").is_empty());
        assert!(matches!(delete(&world).await, Err(DirectoryError::NoDirectory(_))));
        let verified = world.store().verify_audit(None).await.expect("the database");
        assert_eq!(verified.broken, None);
    });
}

#[test]
fn no_sync_brings_it_back_and_a_save_through_user_sync_does() {
    on_each_database(async |database| {
        let world = staffed(database).await;
        delete(&world).await.expect("deleted");
        let gone = (Some(OutcomeStatus::Failure), Some("Directory main does not exists"));
        for mode in [Mode::Apply, Mode::Simulate] {
            assert_eq!(failure(&world.attempt(synchronization("hr", mode)).await), gone);
        }
        // A save by any other door.
        world.store().ensure_directory(&DirectoryId::main()).await.expect("the database");
        world.save(ConfigurationKind::SynchronizationTaskDefinition, reconciliation("hr", "person")).await;
        assert_eq!(failure(&world.synchronize("hr").await), gone);
        assert_eq!(rows(&world, &OF_OBJECTS).await, [0, 0, 0, 0]);

        restore(&world).await;
        assert_eq!(world.objects().await.len(), 0);
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            SUCCESS: 2 read, 0 lacking, 2 created
            * CREATE 1
            * CREATE 2
            + object 1 v1: department=IT email=ann@x name=Ann
            + object 2 v1: department=FIN email=bob@x name=Bob
            + shadow hr/1 live, of 1
            + shadow hr/2 live, of 2"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn accounts_in_targets_are_decided_by_the_next_provisioning_under_its_guards() {
    on_each_database(async |database| {
        let world = staffed(database).await;
        delete(&world).await.expect("deleted");
        let mut guarded = provisioning();
        guarded["guards"] = json!({ "disable": { "count": 1 } });
        world.save(ConfigurationKind::ProvisioningTaskDefinition, guarded).await;
        let held = world.provision("ad").await;
        assert_eq!(held.state.status, ProgressStatus::Held, "{held:?}");
        let engine = world.engine();
        engine.reject(world.store(), held.id, held.plan_hash.expect("a plan")).await.expect("rejected");

        world.save(ConfigurationKind::ProvisioningTaskDefinition, provisioning()).await;
        let before = world.picture().await;
        let run = world.provision("ad").await;
        let expected = expect![[r#"
            SUCCESS: 2 read, 0 lacking, 2 disabled
            * DISABLE 1
            * DISABLE 2
            - account 1 enabled: cn=Ann groups=admins,all mail=ann@x uid=1
            - account 2 enabled: cn=Bob groups=all mail=bob@x uid=2
            + account 1 disabled: cn=Ann groups= mail=ann@x uid=1
            + account 2 disabled: cn=Bob groups= mail=bob@x uid=2"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

/// Ann comes back to a directory that was deleted and made again, and Bob does not.
async fn returned(database: &TestDatabase, email: &str, withdrawn_before: bool) -> World {
    let world = staffed(database).await;
    delete(&world).await.expect("deleted");
    if withdrawn_before {
        world.provision("ad").await;
    }
    restore(&world).await;
    world.dismiss("2");
    world.hire("1", email, "Ann Again", "IT");
    world.synchronize("hr").await;
    world
}

/// Whoever comes back gets the account that the deleted owner had, whether correlation finds it or it has the key of the
/// one that is to be made.
#[test]
fn who_comes_back_gets_the_account_in_the_run_that_meets_both() {
    let fitting = expect![[r#"
        SUCCESS: 2 read, 0 lacking, 1 updated, 1 disabled
        * LINK 1
        * DISABLE 2
        - shadow ad/1 live, of a deleted object
        - account 1 enabled: cn=Ann groups=admins,all mail=ann@x uid=1
        - account 2 enabled: cn=Bob groups=all mail=bob@x uid=2
        + shadow ad/1 live, of 1
        + account 1 enabled: cn=Ann Again groups=admins,all mail=ann@x uid=1
        + account 2 disabled: cn=Bob groups= mail=bob@x uid=2"#]];
    let of_the_key = expect![[r#"
        SUCCESS: 2 read, 1 lacking, 1 updated, 1 disabled, 1 reported
        * DISABLE 1: reported
        * DISABLE 2
        * LINK 1
        ! account `1` belonged to nobody; it stays for the owner it is made for
        - shadow ad/1 live, of a deleted object
        - account 1 enabled: cn=Ann groups=admins,all mail=ann@x uid=1
        - account 2 enabled: cn=Bob groups=all mail=bob@x uid=2
        + shadow ad/1 live, of 1
        + account 1 enabled: cn=Ann Again groups=admins,all mail=anna@x uid=1
        + account 2 disabled: cn=Bob groups= mail=bob@x uid=2"#]];
    on_each_database(async |database| {
        for (email, expected) in [("ann@x", &fitting), ("anna@x", &of_the_key)] {
            let world = returned(database, email, false).await;
            let before = world.picture().await;
            let run = world.provision("ad").await;
            shown::check(&world, &before, &run, expected).await;
            assert_eq!(world.changes(&world.provision("ad").await).await, Vec::<String>::new());
        }
    });
}

#[test]
fn who_comes_back_gets_an_account_that_an_earlier_run_disabled() {
    let fitting = expect![[r#"
        SUCCESS: 2 read, 0 lacking, 1 updated, 1 unchanged
        * LINK 1
        - shadow ad/1 live, of a deleted object
        - account 1 disabled: cn=Ann groups= mail=ann@x uid=1
        + shadow ad/1 live, of 1
        + account 1 enabled: cn=Ann Again groups=admins,all mail=ann@x uid=1"#]];
    let of_the_key = expect![[r#"
        SUCCESS: 2 read, 1 lacking, 1 updated, 2 unchanged
        * LINK 1
        - shadow ad/1 live, of a deleted object
        - account 1 disabled: cn=Ann groups= mail=ann@x uid=1
        + shadow ad/1 live, of 1
        + account 1 enabled: cn=Ann Again groups=admins,all mail=anna@x uid=1"#]];
    on_each_database(async |database| {
        for (email, verify, expected) in [
            ("ann@x", "LIVE", &fitting),
            ("ann@x", "SHADOW", &fitting),
            ("anna@x", "LIVE", &of_the_key),
            ("anna@x", "SHADOW", &of_the_key),
        ] {
            let world = returned(database, email, true).await;
            let mut task = provisioning();
            task["verify"] = verify.into();
            world.save(ConfigurationKind::ProvisioningTaskDefinition, task).await;
            let before = world.picture().await;
            let run = world.provision("ad").await;
            shown::check(&world, &before, &run, expected).await;
            assert_eq!(world.changes(&world.provision("ad").await).await, Vec::<String>::new());
        }
    });
}

#[test]
fn who_comes_back_gets_an_account_again_that_is_gone() {
    on_each_database(async |database| {
        let world = returned(database, "anna@x", true).await;
        world.system("ad").take("account", "1");
        let before = world.picture().await;
        let run = world.provision("ad").await;
        let expected = expect![[r#"
            SUCCESS: 1 read, 2 lacking, 1 created, 1 unchanged, 1 reported
            * CREATE 1
            * UNLINK 1: reported
            ! account `1` belonged to nobody; it stays for the owner it is made for
            - shadow ad/1 live, of a deleted object
            + shadow ad/1 live, of 1
            + account 1 enabled: cn=Ann Again groups=admins,all mail=anna@x uid=1"#]];
        shown::check(&world, &before, &run, &expected).await;
        assert_eq!(world.changes(&world.provision("ad").await).await, Vec::<String>::new());
    });
}

#[test]
fn an_account_that_was_left_behind_goes_to_one_of_two() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        let mut application = ad();
        application["objectTypes"][0]["attributeMappings"][0] = outbound("uid", "department");
        world.save(ConfigurationKind::Application, application).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.synchronize("hr").await;
        world.provision("ad").await;
        delete(&world).await.expect("deleted");
        restore(&world).await;
        world.hire("1", "anna@x", "Ann Again", "IT");
        world.hire("3", "cid@x", "Cid", "IT");
        world.synchronize("hr").await;
        let run = world.provision("ad").await;
        assert_eq!(world.changes(&run).await, ["DISABLE IT: reported", "LINK IT", "LINK IT: failed"]);
        assert_eq!(world.system("ad").accounts("account").len(), 1);
    });
}

#[test]
fn a_source_that_tells_changes_is_read_whole_again() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        let mut task = reconciliation("hr", "person");
        task["sweep"] = "CHANGES".into();
        world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
        for number in ["1", "2", "3"] {
            world.hire(number, &format!("{number}@x"), "Somebody", "IT");
        }
        assert_eq!(world.synchronize("hr").await.counters.read, 3);
        assert_eq!(world.synchronize("hr").await.counters.read, 0);
        delete(&world).await.expect("deleted");
        restore(&world).await;
        assert_eq!(world.synchronize("hr").await.counters.read, 3);
        assert_eq!(world.objects().await.len(), 3);
    });
}

#[test]
fn a_directory_stays_while_a_run_writes_it() {
    on_each_database(async |database| {
        let world = staffed(database).await;
        let run = world.admit(synchronization("hr", Mode::Apply)).await;
        let Err(DirectoryError::Written(by)) = delete(&world).await else { panic!("deleted") };
        assert_eq!(by, run.id);
        world.engine().execute(world.store(), run).await.expect("a run that is not lost");

        let mut task = reconciliation("hr", "person");
        task["guards"] = json!({ "create": { "count": 0 } });
        world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
        world.hire("3", "cid@x", "Cid", "IT");
        let held = world.attempt(synchronization("hr", Mode::Apply)).await;
        assert_eq!(held.state.status, ProgressStatus::Held);
        let Err(DirectoryError::Written(by)) = delete(&world).await else { panic!("deleted") };
        assert_eq!((by, world.objects().await.len()), (held.id, 2));
        world.engine().cancel(world.store(), held.id).await.expect("cancelled");

        // Neither what only looks nor what writes elsewhere is in the way.
        world.admit(synchronization("hr", Mode::Simulate)).await;
        world.admit(muster_testkit::world::provisioning("ad", Mode::Apply)).await;
        assert_eq!(delete(&world).await.expect("deleted"), 2);
    });
}

#[test]
fn other_directories_and_their_sources_stay_as_they_are() {
    on_each_database(async |database| {
        let world = staffed(database).await;
        let mut elsewhere = reconciliation("crm", "contact");
        elsewhere["directoryId"] = "partners".into();
        world.store().ensure_directory(&DirectoryId::new("partners").expect("an id")).await.expect("made");
        world.save(ConfigurationKind::SynchronizationTaskDefinition, elsewhere).await;
        world.contact("c2", "pat@x", "8");
        world.synchronize("crm").await;
        delete(&world).await.expect("deleted");
        let left: BTreeSet<String> = world.objects().await.into_keys().collect();
        assert_eq!(left, ["pat@x".to_owned()].into());
        let again = world.synchronize("crm").await;
        let expected = expect!["2 read, 0 lacking, 1 created, 1 unchanged"];
        expected.assert_eq(&shown::counted(&again.counters));
    });
}

/// Who comes first wins: a run that begins finds no directory, or the directory is not deleted.
#[test]
fn a_launch_and_a_deletion_at_once_leave_no_directory_half_filled() {
    on_each_database(async |database| {
        let world = staffed(database).await;
        let engine: Engine = world.engine();
        let directory = DirectoryId::main();
        let launch = engine.admit(world.store(), synchronization("hr", Mode::Apply));
        let (run, deleted) = tokio::join!(launch, engine.delete_directory(world.store(), &directory));
        let run =
            engine.execute(world.store(), run.expect("launched")).await.expect("a run that is not lost");
        match deleted {
            Ok(2) => {
                assert_eq!(run.state.outcome, Some(OutcomeStatus::Failure));
                assert!(world.objects().await.is_empty());
            }
            Err(DirectoryError::Written(by)) => {
                assert_eq!((by, run.state.outcome), (run.id, Some(OutcomeStatus::Success)));
                assert_eq!(world.objects().await.len(), 2);
            }
            other => panic!("{other:?}"),
        }
    });
}
