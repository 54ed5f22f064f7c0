//! Accounts that name other accounts: what is taken of the people an owner refers to, and what waits for them.

use expect_test::{Expect, expect};
use muster_connector::memory::{CAPABLE, MemorySystem};
use muster_connector::{Capabilities, Durable};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Outcome, OutcomeStatus};
use muster_store::RunRecord;
use muster_testkit::world::configuration::{naming, provisioning, staff};
use muster_testkit::world::{TestDatabase, World, on_each_database, on_sqlite};
use serde_json::json;

use crate::shown;

/// A target that insists on names of accounts that exist, or does not.
pub(crate) fn system(references_must_exist: bool, durable: Durable) -> MemorySystem {
    let capabilities = Capabilities { references_must_exist, durable, ..CAPABLE };
    MemorySystem::new(capabilities).with_references(vec!["manager".into()])
}

async fn world(database: &TestDatabase, take: &str) -> World {
    let world = World::usual(database).await;
    world.save(ConfigurationKind::Application, naming(take)).await;
    world
}

pub(crate) async fn insisting(database: &TestDatabase) -> World {
    let world = world(database, "REMOTE_NAME").await.with_system("ad", system(true, Durable::EachCall));
    let mut profile = staff();
    profile["deprovisioning"] = json!("DELETE");
    world.save(ConfigurationKind::ApplicationProfile, profile).await;
    world
}

pub(crate) fn person(world: &World, number: &str, department: &str, manager: &str) {
    let (email, name) = (format!("{number}@x"), format!("Name {number}"));
    let fields = [
        ("number", number),
        ("email", &*email),
        ("name", &*name),
        ("department", department),
        ("manager", manager),
    ];
    world.put("hr", "person", number, &fields);
}

/// People of numbers, departments and managers.
pub(crate) async fn people(world: &World, people: &[(&str, &str, &str)]) {
    for (number, department, manager) in people {
        person(world, number, department, manager);
    }
    world.synchronize("hr").await;
}

/// Whom each account names.
pub(crate) fn managers(world: &World) -> Vec<String> {
    let accounts = world.system("ad").accounts("account").into_iter();
    let named = |account: &muster_connector::memory::MemoryAccount| {
        account
            .attributes
            .get("manager")
            .first()
            .map(|value| value.to_text().into_owned())
            .unwrap_or_default()
    };
    accounts.map(|(uid, account)| format!("{uid} -> {}", named(&account))).collect()
}

async fn check(world: &World, change: impl AsyncFn(&World), expected: Expect) -> RunRecord {
    change(world).await;
    let before = world.picture().await;
    let run = world.provision("ad").await;
    shown::check(world, &before, &run, &expected).await;
    run
}

/// A run that finds everything as it should be.
pub(crate) async fn settled(world: &World) {
    let run = world.provision("ad").await;
    assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
    assert_eq!(world.changes(&run).await, Vec::<String>::new());
    assert_eq!(world.problems(&run).await, Vec::<String>::new());
}

#[test]
fn a_mapping_takes_the_key_the_id_or_the_remote_name() {
    on_each_database(async |database| {
        for take in ["KEY", "ID", "REMOTE_NAME"] {
            let world = world(database, take).await;
            people(&world, &[("1", "IT", ""), ("2", "IT", "1"), ("3", "IT", "2"), ("4", "IT", "4")]).await;
            let run = world.provision("ad").await;
            assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
            let mut expected = vec!["1@x -> ".to_owned()];
            for (number, manager) in [("2", "1"), ("3", "2"), ("4", "4")] {
                let named = match take {
                    "KEY" => manager.to_owned(),
                    "ID" => world.object(manager).await.id.to_string(),
                    _ => format!("{manager}@x"),
                };
                expected.push(format!("{number}@x -> {named}"));
            }
            assert_eq!(managers(&world), expected, "{take}");
            settled(&world).await;
        }
    });
}

#[test]
fn whom_an_owner_refers_to_may_come_later() {
    on_each_database(async |database| {
        let world = world(database, "REMOTE_NAME").await;
        check(
            &world,
            async |world| people(world, &[("1", "IT", "9"), ("2", "IT", "1")]).await,
            expect![[r#"
                SUCCESS: 0 read, 2 lacking, 2 created
                * CREATE 1@x
                * CREATE 2@x
                ! `manager` refers to `9`, which is no object yet; the reference stays pending
                + shadow ad/1@x live, of 1
                + shadow ad/2@x live, of 2
                + account 1@x enabled: cn=Name 1 groups=admins,all mail=1@x uid=1@x
                + account 2@x enabled: cn=Name 2 groups=admins,all mail=2@x manager=1@x uid=2@x"#]],
        )
        .await;
        // Nobody to take anything of: the next run asks again and says so again.
        check(
            &world,
            async |_| {},
            expect![[r#"
            SUCCESS: 2 read, 0 lacking, 2 unchanged
            * REFRESH 1@x
            ! `manager` refers to `9`, which is no object yet; the reference stays pending"#]],
        )
        .await;
        // There is an object now, but nobody grants it an account.
        check(
            &world,
            async |world| people(world, &[("9", "HR", "")]).await,
            expect![[r#"
            SUCCESS: 2 read, 0 lacking, 2 unchanged
            * REFRESH 1@x
            ! `manager` refers to `9`, who has no account to name in `ad`; the reference stays pending"#]],
        )
        .await;
        // An account that exists names one that is made by the same run.
        check(
            &world,
            async |world| people(world, &[("9", "IT", "")]).await,
            expect![[r#"
            SUCCESS: 2 read, 1 lacking, 1 created, 1 updated, 1 unchanged
            * UPDATE 1@x
            * CREATE 9@x
            - account 1@x enabled: cn=Name 1 groups=admins,all mail=1@x uid=1@x
            + shadow ad/9@x live, of 9
            + account 1@x enabled: cn=Name 1 groups=admins,all mail=1@x manager=9@x uid=1@x
            + account 9@x enabled: cn=Name 9 groups=admins,all mail=9@x uid=9@x"#]],
        )
        .await;
        settled(&world).await;
    });
}

#[test]
fn an_account_that_is_about_to_go_is_no_longer_named() {
    on_each_database(async |database| {
        let world = insisting(database).await;
        people(&world, &[("1", "IT", ""), ("2", "IT", "1")]).await;
        world.provision("ad").await;
        check(
            &world,
            async |world| people(world, &[("1", "HR", "")]).await,
            expect![[r#"
            SUCCESS: 2 read, 0 lacking, 1 updated, 1 deleted
            * DELETE 1@x
            * UPDATE 2@x
            ! `manager` refers to `1`, who has no account to name in `ad`; the reference stays pending
            - shadow ad/1@x live, of 1
            - account 1@x enabled: cn=Name 1 groups=admins,all mail=1@x uid=1@x
            - account 2@x enabled: cn=Name 2 groups=admins,all mail=2@x manager=1@x uid=2@x
            + account 2@x enabled: cn=Name 2 groups=admins,all mail=2@x uid=2@x"#]],
        )
        .await;
    });
}

#[test]
fn a_new_name_of_a_manager_is_carried_on() {
    on_each_database(async |database| {
        let world = world(database, "REMOTE_NAME").await;
        people(&world, &[("1", "IT", ""), ("2", "IT", "1"), ("3", "IT", "1")]).await;
        world.provision("ad").await;
        // The account is gone, and comes back under another name.
        world.hire("1", "one@x", "Name 1", "IT");
        world.synchronize("hr").await;
        world.system("ad").take("account", "1@x");
        world.provision("ad").await;
        world.provision("ad").await;
        assert_eq!(managers(&world), ["2@x -> one@x", "3@x -> one@x", "one@x -> "]);
        settled(&world).await;
    });
}

#[test]
fn of_two_who_would_have_one_name_none_is_named_for_the_other() {
    on_each_database(async |database| {
        let world = world(database, "REMOTE_NAME").await.with_page_size(2);
        people(&world, &[("1", "IT", ""), ("3", "IT", "1"), ("4", "IT", "2")]).await;
        person(&world, "2", "IT", "");
        world.synchronize("hr").await;
        // Two people with one address: the account is made for one of them, and named by nobody.
        for number in ["1", "2"] {
            let object = world.object(number).await;
            world.overwrite(object.id, &format!("{number}@x"), "same@x").await;
        }
        let run = world.provision("ad").await;
        assert_eq!(run.counters.outcome(Outcome::Failed), 1);
        assert_eq!(run.counters.open_references, 2);
        assert_eq!(managers(&world), ["3@x -> ", "4@x -> ", "same@x -> "]);
        // What is known for certain is named by the next run: the one who has the account.
        let run = world.provision("ad").await;
        assert_eq!(run.counters.open_references, 1);
        assert_eq!(managers(&world).iter().filter(|named| named.ends_with("> same@x")).count(), 1);
    });
}

#[test]
fn an_account_that_is_linked_is_named_by_the_next_run() {
    on_each_database(async |database| {
        let world = world(database, "REMOTE_NAME").await.with_page_size(2);
        people(&world, &[("2", "IT", "")]).await;
        world.provision("ad").await;
        // One has an account already, under another name; two is known, three comes.
        world.put("ad", "account", "zoe", &[("uid", "zoe"), ("mail", "1@x")]);
        check(
            &world,
            async |world| people(world, &[("1", "IT", ""), ("2", "IT", "1"), ("3", "IT", "1")]).await,
            expect![[r#"
                SUCCESS: 2 read, 1 lacking, 1 created, 2 updated
                * UPDATE 2@x
                * LINK zoe
                * CREATE 3@x
                ! `manager` refers to `1`, who has no account to name in `ad`; the reference stays pending
                ! it refers to an account that does not exist and is not made by this run; the reference stays pending
                - account zoe enabled: mail=1@x uid=zoe
                + shadow ad/3@x live, of 3
                + shadow ad/zoe live, of 1
                + account 3@x enabled: cn=Name 3 groups=admins,all mail=3@x uid=3@x
                + account zoe enabled: cn=Name 1 groups=admins,all mail=1@x uid=zoe"#]],
        )
        .await;
        check(
            &world,
            async |_| {},
            expect![[r#"
            SUCCESS: 3 read, 0 lacking, 2 updated, 1 unchanged
            * UPDATE 2@x
            * UPDATE 3@x
            - account 2@x enabled: cn=Name 2 groups=admins,all mail=2@x uid=2@x
            - account 3@x enabled: cn=Name 3 groups=admins,all mail=3@x uid=3@x
            + account 2@x enabled: cn=Name 2 groups=admins,all mail=2@x manager=zoe uid=2@x
            + account 3@x enabled: cn=Name 3 groups=admins,all mail=3@x manager=zoe uid=3@x"#]],
        )
        .await;
        settled(&world).await;
    });
}

#[test]
fn an_account_of_somebody_else_is_not_taken_for_the_one_to_come() {
    on_each_database(async |database| {
        let world = world(database, "REMOTE_NAME").await;
        people(&world, &[("1", "IT", ""), ("2", "IT", "")]).await;
        world.provision("ad").await;
        // Three is called as one was, whose account has that name still.
        let one = world.object("1").await;
        world.overwrite(one.id, "1@x", "one@x").await;
        person(&world, "3", "IT", "");
        person(&world, "2", "IT", "3");
        world.put("hr", "person", "3", &[("number", "3"), ("email", "1@x"), ("department", "IT")]);
        world.dismiss("1");
        world.synchronize("hr").await;
        let run = world.provision("ad").await;
        assert!(run.counters.open_references > 0, "{:?}", run.counters);
        assert_eq!(managers(&world), ["1@x -> ", "2@x -> "]);
    });
}

#[test]
fn what_shadows_remember_is_as_good_as_what_the_target_says() {
    on_each_database(async |database| {
        let world = world(database, "REMOTE_NAME").await.with_system("ad", system(true, Durable::EachCall));
        let mut task = provisioning();
        task["verify"] = json!("SHADOW");
        world.save(ConfigurationKind::ProvisioningTaskDefinition, task).await;
        people(&world, &[("1", "IT", "3"), ("2", "IT", "1"), ("3", "IT", "2"), ("4", "IT", "9")]).await;
        world.provision("ad").await;
        assert_eq!(managers(&world), ["1@x -> 3@x", "2@x -> 1@x", "3@x -> 2@x", "4@x -> "]);
        people(&world, &[("9", "IT", "4"), ("1", "IT", "9")]).await;
        world.provision("ad").await;
        assert_eq!(managers(&world), ["1@x -> 9@x", "2@x -> 1@x", "3@x -> 2@x", "4@x -> 9@x", "9@x -> 4@x"]);
        settled(&world).await;
    });
}

/// Statements of a provisioning run that finds everybody as promised.
async fn statements_unchanged(database: &TestDatabase, people: u32, page_size: usize) -> u64 {
    let world = world(database, "REMOTE_NAME").await.with_page_size(page_size);
    for number in 1..=people {
        person(&world, &number.to_string(), "IT", &number.div_ceil(2).to_string());
    }
    world.synchronize("hr").await;
    world.provision("ad").await;
    let before = world.store().statements();
    let run = world.provision("ad").await;
    assert_eq!(run.counters.outcome(Outcome::Unchanged), u64::from(people));
    assert_eq!(world.changes(&run).await, Vec::<String>::new());
    world.store().statements() - before
}

#[test]
fn a_page_asks_once_for_all_whom_its_owners_refer_to() {
    on_each_database(async |database| {
        let small = statements_unchanged(database, 5, 1000).await;
        assert_eq!(small, statements_unchanged(database, 200, 1000).await, "a page of 5 and a page of 200");
        let pages = statements_unchanged(database, 40, 10).await;
        // Four pages of accounts, and four of owners that lack nothing.
        assert!(pages - small <= 3 * 8, "{small} for one page, {pages} for four");
    });
}

#[test]
fn a_target_that_cannot_find_what_it_made_is_refused() {
    on_sqlite(async |database| {
        let forgetful = Capabilities { create_is_found: false, ..CAPABLE };
        let world = World::usual(database).await.with_capabilities("ad", forgetful);
        people(&world, &[("1", "IT", "")]).await;
        let run = world.provision("ad").await;
        let expected = "application `ad` cannot be provisioned: its connector does not find an account by its key \
                        right after it was made, so a crash could make it twice";
        assert_eq!(
            (run.state.outcome, run.failure.as_deref()),
            (Some(OutcomeStatus::Failure), Some(expected))
        );
        assert_eq!(world.system("ad").accounts("account").len(), 0);
    });
}
