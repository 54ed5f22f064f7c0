//! What was not read is never written and never concluded to be gone.

use std::sync::Arc;

use expect_test::expect;
use muster_connector::ConnectorError;
use muster_connector::faulty::{Call, CallKind, Fault, FaultPlan, Moment};
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
        let expected = expect![[""]];
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
            assert!(run.failure.as_ref().is_some_and(|failure| failure.contains("the line is dead")), "{run:?}");
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
        let expected = expect![[""]];
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
        let expected = expect![[""]];
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
        let expected = expect![[""]];
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
        let expected = expect![[""]];
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
        let expected = expect![[""]];
        shown::check(&world, &before, &run, &expected).await;
    });
}
