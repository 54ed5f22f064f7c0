//! Accounts of a source that go on under new keys: who is taken for whom, and who is not.

use expect_test::expect;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, Outcome, OutcomeStatus};
use muster_plan::key::KeyHash;
use muster_testkit::world::configuration::{hr, reconciliation};
use muster_testkit::world::{on_each_database, synchronization};
use serde_json::json;

use crate::shown;
use crate::staff::staffed;

#[test]
fn a_person_under_a_new_key_stays_and_so_does_the_account() {
    on_each_database(async |database| {
        for size in [1, 100] {
            let world = staffed(database).await.with_page_size(size);
            let (object, accounts) = (world.object("2").await.id, world.system("ad").accounts("account"));
            world.dismiss("2");
            world.hire("22", "BOB@x", "Bob", "FIN");
            let before = world.picture().await;
            let run = world.synchronize("hr").await;
            let expected = expect![[r#"
                SUCCESS: 2 read, 0 lacking, 1 updated, 1 unchanged
                * LINK 22
                - object 2 v1: department=FIN email=bob@x name=Bob
                - shadow ad/2 live, of 2
                - shadow hr/2 live, of 2
                + object 22 v2: department=FIN email=BOB@x name=Bob
                + shadow ad/2 live, of 22
                + shadow hr/22 live, of 22
                + history of 22 v1 until LINK: {"email":"bob@x","number":"2"}"#]];
            shown::check(&world, &before, &run, &expected).await;
            assert_eq!(world.object("22").await.id, object);
            let again = world.synchronize("hr").await;
            assert_eq!(
                world.changes(&again).await,
                Vec::<String>::new(),
                "it is promised that nothing is to do"
            );
            world.provision("ad").await;
            let mut kept = world.system("ad").accounts("account");
            for (uid, account) in accounts {
                let now = kept.remove(&uid).expect("nobody is deleted");
                assert!(now.enabled, "{uid}");
                assert_eq!(now.attributes.get("cn"), account.attributes.get("cn"), "{uid}");
            }
            assert!(kept.is_empty(), "{kept:?}");
        }
    });
}

#[test]
fn a_simulation_says_the_same_and_does_nothing() {
    on_each_database(async |database| {
        let world = staffed(database).await;
        world.dismiss("2");
        world.hire("22", "bob@x", "Bob", "FIN");
        let before = world.picture().await;
        let simulated = world.run(synchronization("hr", Mode::Simulate)).await;
        assert_eq!(world.picture().await, before);
        let applied = world.synchronize("hr").await;
        assert_eq!((simulated.plan_hash, simulated.counters), (applied.plan_hash, applied.counters));
    });
}

#[test]
fn of_several_that_would_take_a_place_none_does() {
    on_each_database(async |database| {
        for size in [1, 100] {
            let world = staffed(database).await.with_page_size(size);
            world.dismiss("2");
            world.hire("22", "bob@x", "Bob the Elder", "FIN");
            world.hire("23", "bob@x", "Bob the Younger", "FIN");
            let before = world.picture().await;
            let run = world.synchronize("hr").await;
            let expected = expect![[r#"
                SUCCESS: 3 read, 1 lacking, 1 unchanged, 1 disabled, 2 reported
                * LINK 22: reported
                * LINK 23: reported
                * DISABLE 2
                ! account `22` fits object …, which belongs to account `2`
                ! account `23` fits object …, which belongs to account `2`
                - object 2 v1: department=FIN email=bob@x name=Bob
                - shadow hr/2 live, of 2
                + object 2 v2 MISSING: department=FIN email=bob@x name=Bob
                + shadow hr/2 gone, of 2
                + history of 2 v1 until DISABLE: "#]];
            shown::check(&world, &before, &run, &expected).await;
        }
    });
}

#[test]
fn nobody_takes_a_place_where_somebody_may_not_have_been_read() {
    on_each_database(async |database| {
        let world = staffed(database).await;
        world.dismiss("2");
        world.hire("22", "bob@x", "Bob", "FIN");
        world.system("hr").put_bad("person", "9", None);
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Partial));
        assert_eq!(world.picture().await, before, "9 may be Bob's");
        world.system("hr").take("person", "9");
        world.synchronize("hr").await;
        assert!(world.picture().await.contains("shadow hr/22 live, of 22"));
    });
}

#[test]
fn runs_that_conclude_nothing_from_absence_let_nobody_take_a_place() {
    on_each_database(async |database| {
        let world = staffed(database).await;
        let mut task = reconciliation("hr", "person");
        task["id"] = json!("hr-import");
        task["taskType"] = json!("IMPORT");
        world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
        world.dismiss("2");
        world.hire("22", "bob@x", "Bob", "FIN");
        let before = world.picture().await;
        let run = world.synchronize("hr-import").await;
        let expected = expect![[r#"
            SUCCESS: 2 read, 0 lacking, 1 unchanged, 1 reported
            ! account `22` fits object …, which belongs to account `2`"#]];
        shown::check(&world, &before, &run, &expected).await;
        let mut launch = synchronization("hr", Mode::Apply);
        launch.keys = Some(vec!["22".to_owned()]);
        let before = world.picture().await;
        let run = world.run(launch).await;
        let expected = expect![[r#"
            SUCCESS: 1 read, 0 lacking, 1 reported
            ! account `22` fits object …, which belongs to account `2`"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn nobody_takes_the_place_of_the_account_of_a_protected_object() {
    on_each_database(async |database| {
        let world = staffed(database).await;
        let mut application = hr();
        application["objectTypes"][0]["protected"] = json!("department eq \"FIN\"");
        world.save(ConfigurationKind::Application, application).await;
        world.synchronize("hr").await;
        world.dismiss("2");
        world.hire("22", "bob@x", "Bob", "FIN");
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            SUCCESS: 2 read, 1 lacking, 1 unchanged, 2 reported
            ! account `22` fits object …, which belongs to account `2`
            ! account `2` is gone; object … is protected"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn who_was_made_anew_is_reported_where_somebody_is_to_decide() {
    on_each_database(async |database| {
        for gone_before in [false, true] {
            let world = staffed(database).await;
            let policy = async |word: &str| {
                let mut application = hr();
                application["objectTypes"][0]["recreated"] = word.into();
                world.save(ConfigurationKind::Application, application).await;
            };
            policy("REPORT").await;
            world.dismiss("2");
            if gone_before {
                world.synchronize("hr").await;
            }
            world.hire("22", "bob@x", "Bob", "FIN");
            let run = world.synchronize("hr").await;
            assert_eq!(run.counters.outcome(Outcome::Reported), 1, "{gone_before}");
            let told = world.problems(&run).await;
            assert!(
                told.iter().any(|one| one.contains("account `22`") || one.contains("`recreated` is REPORT"))
            );
            let bob = world.object("2").await;
            assert!(bob.disabled.is_some() && !world.picture().await.contains("hr/22"), "{gone_before}");
            assert_eq!(world.store().known_disputes(&[account_key("22")]).await.unwrap().len(), 1);
            // What is linked again keeps everything.
            policy("RELINK").await;
            world.synchronize("hr").await;
            let back = world.object("22").await;
            assert_eq!((back.id, back.disabled), (bob.id, None), "{gone_before}");
        }
    });
}

fn account_key(uid: &str) -> KeyHash {
    KeyHash::of_account(&"hr".parse().unwrap(), &"person".parse().unwrap(), uid)
}
