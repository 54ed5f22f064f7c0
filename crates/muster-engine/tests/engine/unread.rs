//! What was not read is never written and never concluded to be gone.

use std::sync::Arc;

use expect_test::expect;
use muster_connector::ConnectorError;
use muster_connector::faulty::{Call, CallKind, Fault, FaultPlan, Moment};
use muster_model::run::Outcome;
use muster_testkit::world::{TestDatabase, World, on_each_database};

use crate::shown;

async fn five(database: &TestDatabase) -> World {
    let world = World::usual(database).await.with_page_size(2);
    for number in 1..=5 {
        world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
    }
    world.synchronize("hr").await;
    world.provision("ad").await;
    world
}

fn at_page(number: u64, fault: impl Fn() -> Fault + Send + Sync + 'static) -> FaultPlan {
    Arc::new(move |call: &Call| (call.kind == CallKind::Page && call.number == number).then(&fault))
}

fn lost() -> Fault {
    let message = "the line is dead".to_owned();
    Fault::Fail(Moment::Before, ConnectorError::Transient { message, retry_after: None })
}

#[test]
fn nobody_is_gone_after_a_sweep_that_was_cut_short() {
    on_each_database(async |database| {
        let mut world = five(database).await;
        world.dismiss("5");
        world.hire("1", "1@x", "Renamed", "IT");
        let reason = "the file ends early".to_owned();
        world.disturb("hr", at_page(3, move || Fault::CutShort { reason: reason.clone() }));
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            PARTIAL: 4 read, 0 lacking, 1 updated, 3 unchanged
            * UPDATE 1
            ! the file ends early; nobody is concluded to be gone
            - object 1 v1: department=IT email=1@x name=Name 1
            + object 1 v2: department=IT email=1@x name=Renamed
            + history of 1 v1 until UPDATE: {"name":"Name 1"}"#]];
        shown::check(&world, &before, &run, &expected).await;
        assert_eq!(world.last_read("hr", "person").await, Some(5), "the last complete sweep is remembered");
    });
}

#[test]
fn nothing_is_written_when_a_read_fails() {
    on_each_database(async |database| {
        let mut world = five(database).await;
        world.dismiss("5");
        world.hire("1", "1@x", "Renamed", "IT");
        let before = world.outcome_state().await;
        for page in 1..=3 {
            world.disturb("hr", at_page(page, lost));
            let run = world.synchronize("hr").await;
            assert!(
                run.failure.as_ref().is_some_and(|failure| failure.contains("the line is dead")),
                "{run:?}"
            );
            assert_eq!(world.outcome_state().await, before);
        }
    });
}

#[test]
fn an_entry_that_cannot_be_read_counts_as_present() {
    on_each_database(async |database| {
        let world = five(database).await;
        world.system("hr").put_bad("person", "3", Some("3".to_owned()));
        world.dismiss("4");
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            PARTIAL: 4 read, 1 lacking, 3 unchanged, 1 disabled, 1 failed
            * DISABLE 4
            ! entry 3 cannot be read; repair it
            - object 4 v1: department=IT email=4@x name=Name 4
            - shadow hr/4 live, of 4
            + object 4 v2 MISSING: department=IT email=4@x name=Name 4
            + shadow hr/4 gone, of 4
            + history of 4 v1 until DISABLE: "#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn an_entry_without_a_key_may_be_anybody() {
    on_each_database(async |database| {
        let world = five(database).await;
        world.system("hr").put_bad("person", "3", None);
        world.dismiss("4");
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            PARTIAL: 4 read, 0 lacking, 3 unchanged, 1 failed
            ! entry 3 cannot be read; repair it
            ! 1 bad entry has no readable key and may be anybody; nobody is concluded to be gone"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn an_empty_source_says_nothing() {
    on_each_database(async |database| {
        let world = five(database).await;
        for number in 1..=5 {
            world.dismiss(&number.to_string());
        }
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            PARTIAL: 0 read, 0 lacking, 
            ! the source is empty, but 5 accounts are known; nobody is concluded to be gone"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn no_account_is_made_while_it_may_exist_unread() {
    on_each_database(async |database| {
        let mut world = five(database).await;
        world.hire("6", "6@x", "Six", "IT");
        world.synchronize("hr").await;
        world.system("ad").take("account", "1");
        let reason = "the directory stopped answering".to_owned();
        world.disturb("ad", at_page(2, move || Fault::CutShort { reason: reason.clone() }));
        let before = world.picture().await;
        let run = world.provision("ad").await;
        let expected = expect![[r#"
            PARTIAL: 2 read, 0 lacking, 2 unchanged
            ! application `ad`: the directory stopped answering; nobody is concluded to be gone"#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn a_mapping_that_fails_leaves_its_person_as_they_are() {
    on_each_database(async |database| {
        let world = five(database).await;
        let mut application = muster_testkit::world::configuration::hr();
        application["objectTypes"][0]["attributeMappings"][2]["type"] = serde_json::json!("INTEGER");
        world.save(muster_model::configuration::ConfigurationKind::Application, application).await;
        world.hire("2", "2@x", "22", "IT");
        world.dismiss("5");
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            PARTIAL: 4 read, 1 lacking, 1 updated, 1 disabled, 3 failed
            * UPDATE 2
            * DISABLE 5
            ! attribute `name`: `Name 1` is not a whole number of 64 bits
            ! attribute `name`: `Name 3` is not a whole number of 64 bits
            ! attribute `name`: `Name 4` is not a whole number of 64 bits
            - object 2 v1: department=IT email=2@x name=Name 2
            - object 5 v1: department=IT email=5@x name=Name 5
            - shadow hr/5 live, of 5
            + object 2 v2: department=IT email=2@x name=22
            + object 5 v2 MISSING: department=IT email=5@x name=Name 5
            + shadow hr/5 gone, of 5
            + history of 2 v1 until UPDATE: {"name":"Name 2"}
            + history of 5 v1 until DISABLE: "#]];
        shown::check(&world, &before, &run, &expected).await;
    });
}

#[test]
fn a_run_that_its_database_fails_says_so_in_plain_words() {
    on_each_database(async |database| {
        let world = five(database).await;
        if database.is_postgres() {
            let full = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS \
                        $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$";
            database.execute(full).await;
            let trigger = "CREATE TRIGGER full_disk BEFORE INSERT ON history EXECUTE FUNCTION full_disk()";
            database.execute(trigger).await;
            world.hire("1", "1@x", "Renamed", "IT");
            let run = world.synchronize("hr").await;
            let told = "the disk of the database is full; make space on the disk of the database";
            assert_eq!(run.failure.as_deref(), Some(told));
        }
        database.execute("ALTER TABLE history RENAME TO elsewhere").await;
        world.hire("1", "1@x", "Renamed Again", "IT");
        let run = world.synchronize("hr").await;
        let told = "the database failed; look this run up in the log of the server";
        assert_eq!(run.failure.as_deref(), Some(told));
    });
}

#[test]
fn a_zero_is_carried_in_a_value_and_makes_a_bad_entry_in_a_key() {
    on_each_database(async |database| {
        let world = five(database).await;
        world.hire("6", "6@x", "Na\0me", "I\0T");
        let run = world.synchronize("hr").await;
        assert_eq!((run.counters.outcome(Outcome::Created), run.counters.read), (1, 6));
        assert!(world.picture().await.contains("name=Na\0me"));
        assert_eq!(world.provision("ad").await.failure, None);
        world.hire("0\0", "0@x", "Name 0", "IT");
        world.dismiss("5");
        let before = world.picture().await;
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            PARTIAL: 6 read, 0 lacking, 5 unchanged, 1 failed
            ! the key holds U+0000, as no key does; correct it in the source
            ! 1 bad entry has no readable key and may be anybody; nobody is concluded to be gone"#]];
        shown::check(&world, &before, &run, &expected).await;

        // What is said of such a value can be noted as well.
        let mut application = muster_testkit::world::configuration::hr();
        application["objectTypes"][0]["attributeMappings"][2]["type"] = serde_json::json!("INTEGER");
        world.save(muster_model::configuration::ConfigurationKind::Application, application).await;
        let run = world.synchronize("hr").await;
        assert_eq!(run.failure, None);
        assert!(world.problems(&run).await.iter().any(|problem| problem.contains("`Na\u{fffd}me`")));
    });
}
