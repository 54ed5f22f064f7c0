//! Keys: references that wait for somebody, people that cannot be told apart, and rules that change.

use expect_test::expect;
use muster_engine::Launch;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, Outcome, OutcomeStatus};
use muster_testkit::world::configuration::{self, correlation, crm, hr};
use muster_testkit::world::{World, on_each_database, provisioning, synchronization};
use serde_json::json;

use crate::shown;

fn report_to(world: &World, number: &str, email: &str, manager: &str) {
    let fields = [("number", number), ("email", email), ("name", number), ("manager", manager)];
    world.put("hr", "person", number, &fields);
}

#[test]
fn an_open_reference_is_a_warning_that_ends_when_its_key_arrives() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        report_to(&world, "1", "ann@x", "7");
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            SUCCESS: 1 read, 0 lacking, 1 created
            * CREATE 1
            ! it refers to an object that does not exist yet; the reference stays pending
            + object 1 v1: email=ann@x manager=7 name=1
            + shadow hr/1 live, of 1"#]];
        shown::check(&world, &before, &run, &expected).await;
        assert_eq!(run.counters.open_references, 1);
        assert!(!world.has_promise("1").await, "an open reference promises nothing");
        // It is looked at again, run by run, until the key arrives.
        let run = world.synchronize("hr").await;
        assert_eq!(run.counters.open_references, 1);
        world.hire("7", "boss@x", "Boss", "IT");
        let run = world.synchronize("hr").await;
        assert_eq!(run.counters.open_references, 0);
        assert!(world.has_promise("1").await);
        let run = world.synchronize("hr").await;
        assert_eq!(world.changes(&run).await, Vec::<String>::new());
    });
}

#[test]
fn a_reference_to_somebody_who_is_not_made_after_all_stays_open() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        report_to(&world, "1", "ann@x", "7");
        world.hire("7", "boss@x", "Boss", "IT");
        world.hire("8", "boss@x", "Boss Too", "IT");
        let run = world.synchronize("hr").await;
        assert_eq!(run.counters.open_references, 1, "7 and 8 are disputed");
        world.dismiss("8");
        let run = world.synchronize("hr").await;
        assert_eq!((run.counters.open_references, world.objects().await.len()), (0, 2));
        assert!(world.has_promise("1").await);
    });
}

#[test]
fn people_of_one_run_that_share_a_key_are_all_disputed() {
    for size in [1, 2, 100] {
        on_each_database(async |database| {
            let world = World::usual(database).await.with_page_size(size);
            world.hire("1", "twin@x", "Ann", "IT");
            world.hire("2", "bob@x", "Bob", "IT");
            world.hire("3", "TWIN@x", "Anna", "IT");
            world.hire("4", "", "No Address", "IT");
            world.hire("5", "", "No Address Either", "IT");
            let before = world.picture().await;
            let run = world.synchronize("hr").await;
            let expected = expect![[r#"
                SUCCESS: 5 read, 0 lacking, 3 created, 2 reported
                * CREATE 1: reported
                * CREATE 2
                * CREATE 3: reported
                * CREATE 4
                * CREATE 5
                ! account `1` shares a correlation key with another change of this run
                ! account `3` shares a correlation key with another change of this run
                + object 2 v1: department=IT email=bob@x name=Bob
                + object 4 v1: department=IT name=No Address
                + object 5 v1: department=IT name=No Address Either
                + shadow hr/2 live, of 2
                + shadow hr/4 live, of 4
                + shadow hr/5 live, of 5"#]];
            shown::check(&world, &before, &run, &expected).await;
            world.hire("3", "anna@x", "Anna", "IT");
            let before = world.picture().await;
            let run = world.synchronize("hr").await;
            let expected = expect![[r#"
                SUCCESS: 5 read, 0 lacking, 2 created, 3 unchanged
                * CREATE 1
                * CREATE 3
                + object 1 v1: department=IT email=twin@x name=Ann
                + object 3 v1: department=IT email=anna@x name=Anna
                + shadow hr/1 live, of 1
                + shadow hr/3 live, of 3"#]];
            shown::check(&world, &before, &run, &expected).await;
        });
    }
}

#[test]
fn two_contacts_that_fit_one_person_are_both_disputed() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.synchronize("hr").await;
        world.contact("c1", "ann@x", "1");
        world.contact("c2", "Ann@X", "2");
        let before = world.picture().await;
        let run = world.synchronize("crm").await;
        let expected = expect![[r#"
            SUCCESS: 2 read, 0 lacking, 2 reported
            * LINK c1: reported
            * LINK c2: reported
            ! account `c1` shares a correlation key with another change of this run
            ! account `c2` shares a correlation key with another change of this run"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn who_fits_a_person_as_this_run_makes_them_waits_for_the_next() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        world.contact("c1", "ann@x", "1");
        world.synchronize("crm").await;
        // One address changes hands: Ann's contact gets it, and another contact arrives with it.
        world.contact("c1", "desk@x", "1");
        world.contact("c2", "desk@x", "2");
        let before = world.picture().await;
        let run = world.synchronize("crm").await;
        let expected = expect![[r#"
            SUCCESS: 2 read, 0 lacking, 1 updated, 1 reported
            * UPDATE c1
            * CREATE c2: reported
            ! account `c2` shares a correlation key with another change of this run
            - object ann@x v1: email=ann@x phone=1
            - shadow crm/c1 live, of ann@x
            + object desk@x v2: email=desk@x phone=1
            + shadow crm/c1 live, of desk@x
            + history of desk@x v1 until UPDATE: {"email":"ann@x"}"#]];
        shown::check(&world, &before, &run, &expected).await;
        let before = world.picture().await;
        let run = world.synchronize("crm").await;
        let expected = expect![[r#"
            SUCCESS: 2 read, 0 lacking, 1 unchanged, 1 reported
            * LINK c2: reported
            ! account `c2` fits object …, which belongs to account `c1`"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn a_joiner_who_inherits_an_address_does_not_become_its_former_owner() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        world.hire("1", "desk@x", "Ann", "IT");
        world.synchronize("hr").await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.hire("2", "desk@x", "Bob", "IT");
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            SUCCESS: 2 read, 0 lacking, 1 updated, 1 reported
            * UPDATE 1
            * LINK 2: reported
            ! account `2` fits object …, which belongs to account `1`
            - object 1 v1: department=IT email=desk@x name=Ann
            + object 1 v2: department=IT email=ann@x name=Ann
            + history of 1 v1 until UPDATE: {"email":"desk@x"}"#]];
        shown::check(&world, &before, &run, &expected).await;
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            SUCCESS: 2 read, 0 lacking, 1 created, 1 unchanged
            * CREATE 2
            + object 2 v1: department=IT email=desk@x name=Bob
            + shadow hr/2 live, of 2"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

/// The CRM correlates by name instead of the address.
async fn correlate_by(world: &World, account: &str, object: &str) {
    let mut application = crm();
    application["objectTypes"][0]["correlation"] = json!([correlation(account, object)]);
    world.save(ConfigurationKind::Application, application).await;
}

#[test]
fn objects_are_found_by_the_keys_of_new_rules_as_well() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        for number in 1..=5 {
            world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
        }
        world.synchronize("hr").await;
        correlate_by(&world, "email", "name").await;
        world.contact("c1", "NAME 4", "4");
        let before = world.picture().await;
        let run = world.synchronize("crm").await;
        let expected = expect![[r#"
            SUCCESS: 1 read, 0 lacking, 1 updated
            * LINK c1
            - object 4 v1: department=IT email=4@x name=Name 4
            + object 4 v2: department=IT email=4@x name=Name 4 phone=4
            + shadow crm/c1 live, of 4
            + history of 4 v1 until LINK: {"phone":{"a":0}}"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn keys_of_rules_that_were_gone_for_a_while_are_right_again() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        correlate_by(&world, "email", "name").await;
        world.hire("1", "1@x", "Ann", "IT");
        world.hire("2", "2@x", "Bob", "IT");
        world.synchronize("hr").await;
        correlate_by(&world, "email", "email").await;
        // While nobody looks for names, Ann becomes Anna, Cid arrives, and Bob becomes Ann.
        world.hire("1", "1@x", "Anna", "IT");
        world.hire("2", "2@x", "Ann", "IT");
        world.hire("3", "3@x", "Cid", "IT");
        world.synchronize("hr").await;
        correlate_by(&world, "email", "name").await;
        world.contact("c1", "ann", "4");
        world.contact("c2", "bob", "5");
        world.contact("c3", "cid", "6");
        let before = world.picture().await;
        let run = world.synchronize("crm").await;
        let expected = expect![[r#"
            SUCCESS: 3 read, 0 lacking, 1 created, 2 updated
            * LINK c1
            * CREATE c2
            * LINK c3
            - object 2 v2: department=IT email=2@x name=Ann
            - object 3 v1: department=IT email=3@x name=Cid
            + object 2 v3: department=IT email=2@x name=Ann phone=4
            + object 3 v2: department=IT email=3@x name=Cid phone=6
            + object bob v1: email=bob phone=5
            + shadow crm/c1 live, of 2
            + shadow crm/c2 live, of bob
            + shadow crm/c3 live, of 3
            + history of 2 v2 until LINK: {"phone":{"a":0}}
            + history of 3 v1 until LINK: {"phone":{"a":0}}"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn a_run_of_single_keys_looks_at_these_alone_and_takes_no_guard() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.hire("2", "bob@x", "Bob", "IT");
        world.synchronize("hr").await;
        let full = world.admit(synchronization("hr", Mode::Apply)).await;
        world.dismiss("2");
        world.hire("1", "ann@x", "Anna", "IT");
        world.hire("3", "cid@x", "Cid", "IT");
        world.hire("4", "dan@x", "Dan", "IT");
        let mut launch = synchronization("hr", Mode::Apply);
        launch.keys = Some(["1", "2", "3"].map(str::to_owned).to_vec());
        let before = world.picture().await;
        let run = world.run(launch).await;
        let expected = expect![[r#"
            PARTIAL: 2 read, 1 lacking, 1 created, 1 updated, 1 failed
            * UPDATE 1
            * CREATE 3
            ! no account has the key `2`; nobody is concluded to be gone
            - object 1 v1: department=IT email=ann@x name=Ann
            + object 1 v2: department=IT email=ann@x name=Anna
            + object 3 v1: department=IT email=cid@x name=Cid
            + shadow hr/3 live, of 3
            + history of 1 v1 until UPDATE: {"name":"Ann"}"#]];
        shown::check(&world, &before, &run, &expected).await;
        let run = world.engine().execute(world.store(), full).await.expect("a run");
        let expected = expect!["3 read, 1 lacking, 1 created, 2 unchanged, 1 disabled"];
        expected.assert_eq(&shown::counted(&run.counters));
    });
}

#[test]
fn a_key_that_is_not_there_is_a_failed_entry() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        world.hire("1001", "ann@x", "Ann", "IT");
        let of = |task: Launch, keys: &[&str]| Launch {
            keys: Some(keys.iter().map(|key| (*key).to_owned()).collect()),
            ..task
        };
        let run = world.run(of(synchronization("hr", Mode::Apply), &["1001", "9999", "9999"])).await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Partial));
        let expected = expect!["1 read, 1 lacking, 1 created, 1 failed"];
        expected.assert_eq(&shown::counted(&run.counters));
        let problems = world.store().problems(&run, 10).await.expect("the database");
        let codes: Vec<_> = problems.iter().map(|problem| (&*problem.code, problem.uid.as_deref())).collect();
        assert_eq!(codes, [("MUS-C0000113", Some("9999"))]);
        world.provision("ad").await;
        let run = world.run(of(provisioning("ad", Mode::Apply), &["1001", "TYPO"])).await;
        let expected = expect!["1 read, 1 lacking, 1 unchanged, 1 failed"];
        expected.assert_eq(&shown::counted(&run.counters));
    });
}

#[test]
fn single_accounts_are_read_even_where_shadows_are_trusted() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.hire("2", "bob@x", "Bob", "IT");
        world.synchronize("hr").await;
        world.provision("ad").await;
        let mut task = configuration::provisioning();
        task["verify"] = json!("SHADOW");
        world.save(ConfigurationKind::ProvisioningTaskDefinition, task).await;
        world.system("ad").take("account", "1");
        let of_one = Launch { keys: Some(vec!["1".to_owned()]), ..provisioning("ad", Mode::Apply) };
        let run = world.run(of_one).await;
        assert_eq!((run.counters.read, run.counters.outcome(Outcome::Failed)), (0, 1), "1 was looked for");
    });
}

#[test]
fn changes_of_several_targets_have_numbers_of_their_own_however_accounts_are_read() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        let (mut doors, mut profile) = (configuration::ad(), configuration::staff());
        (doors["id"], doors["connectorDefinitionId"]) = (json!("doors"), json!("crm"));
        (profile["id"], profile["applicationId"]) = (json!("doors"), json!("doors"));
        world.save(ConfigurationKind::Application, doors).await;
        world.save(ConfigurationKind::ApplicationProfile, profile).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.hire("2", "bob@x", "Bob", "IT");
        world.synchronize("hr").await;
        let run = world.provision("ad").await;
        assert_eq!(run.counters.outcome(Outcome::Created), 4);
        let renamed = async |ann: &str, bob: &str| {
            world.hire("1", "ann@x", ann, "IT");
            world.hire("2", "bob@x", bob, "IT");
            world.synchronize("hr").await;
        };
        renamed("Anna", "Bobby").await;
        let keys = Some(["1", "2"].map(str::to_owned).to_vec());
        let run = world.run(Launch { keys, ..provisioning("ad", Mode::Apply) }).await;
        assert_eq!(
            (run.state.outcome, run.counters.outcome(Outcome::Updated)),
            (Some(OutcomeStatus::Success), 4)
        );
        let mut task = configuration::provisioning();
        task["verify"] = json!("SHADOW");
        world.save(ConfigurationKind::ProvisioningTaskDefinition, task).await;
        renamed("Ann", "Bob").await;
        let run = world.provision("ad").await;
        assert_eq!(
            (run.state.outcome, run.counters.outcome(Outcome::Updated)),
            (Some(OutcomeStatus::Success), 4)
        );
    });
}

#[test]
fn changed_rules_are_applied_to_unchanged_entries() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.synchronize("hr").await;
        let mut application = hr();
        application["objectTypes"][0]["attributeMappings"][2]["transformations"] =
            json!([{ "type": "UPPER" }]);
        world.save(ConfigurationKind::Application, application).await;
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            SUCCESS: 1 read, 0 lacking, 1 updated
            * UPDATE 1
            - object 1 v1: department=IT email=ann@x name=Ann
            + object 1 v2: department=IT email=ann@x name=ANN
            + history of 1 v1 until UPDATE: {"name":"Ann"}"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}
