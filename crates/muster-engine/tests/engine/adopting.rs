//! Accounts that stand where some are to be made: whose they are taken for, and who decides when nobody can tell.

use std::sync::Arc;

use expect_test::expect;
use muster_connector::faulty::{Call, CallKind, Fault, Moment, no_faults};
use muster_connector::memory::CAPABLE;
use muster_connector::{Capabilities, ConnectorError, Durable};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, OutcomeStatus};
use muster_testkit::world::configuration::{ad, outbound};
use muster_testkit::world::{TestDatabase, World, on_each_database, provisioning};
use serde_json::json;

use crate::shown;

/// People with the right to accounts at a target that does not look for owners.
async fn granted(database: &TestDatabase, durable: Durable, reaction: &str, people: u32) -> World {
    let target = Capabilities { durable, ..CAPABLE };
    let world = World::usual(database).await.with_capabilities("ad", target);
    let mut application = ad();
    application["objectTypes"][0]["correlation"] = json!([]);
    application["objectTypes"][0]["reactions"] = json!({ "UNMATCHED": reaction });
    world.save(ConfigurationKind::Application, application).await;
    for number in 1..=people {
        world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
    }
    world.synchronize("hr").await;
    world
}

/// The account that Ann is to have, as somebody else has made it.
fn whole(world: &World, enabled: bool) {
    let fields = [("uid", "1"), ("mail", "1@x"), ("cn", "Name 1")];
    world.put("ad", "account", "1", &fields);
    let mut account = world.system("ad").accounts("account").remove("1").expect("just put");
    account.enabled = enabled;
    let groups = ["admins", "all"].map(muster_model::Value::from).to_vec();
    account.attributes.set("groups".into(), muster_model::Field::Many(groups));
    world.system("ad").put("account", "1", account);
}

#[test]
fn what_a_cancelled_run_has_made_is_not_deleted_by_the_next() {
    on_each_database(async |database| {
        let mut world = granted(database, Durable::AtClose, "DELETE", 3).await;
        let stopped = world.run_up_to(provisioning("ad", Mode::Apply), "ad", (CallKind::Close, 1)).await;
        let run = stopped.cancel(&world).await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Aborted));
        assert_eq!(world.system("ad").accounts("account").len(), 3);
        let watch = world.disturb("ad", no_faults());
        let before = world.picture().await;
        let run = world.provision("ad").await;
        assert_eq!(watch.calls_of(CallKind::Read), 1, "what is there is read once a batch");
        shown::check(
            &world,
            &before,
            &run,
            &expect![[r#"
            SUCCESS: 3 read, 3 lacking, 3 created, 3 reported
            * DELETE 1: reported
            * DELETE 2: reported
            * DELETE 3: reported
            * CREATE 3
            * CREATE 1
            * CREATE 2
            ! account `1` belonged to nobody; it stays for the owner it is made for
            ! account `2` belonged to nobody; it stays for the owner it is made for
            ! account `3` belonged to nobody; it stays for the owner it is made for
            + shadow ad/1 live, of 1
            + shadow ad/2 live, of 2
            + shadow ad/3 live, of 3"#]],
        )
        .await;
        let run = world.provision("ad").await;
        assert_eq!(world.changes(&run).await, Vec::<String>::new());
    });
}

#[test]
fn an_account_of_nobody_is_taken_for_the_one_made_and_corrected_by_the_next_run() {
    on_each_database(async |database| {
        let world = granted(database, Durable::EachCall, "DELETE", 1).await;
        world.put("ad", "account", "1", &[("uid", "1"), ("mail", "other@x")]);
        let before = world.picture().await;
        let run = world.provision("ad").await;
        shown::check(
            &world,
            &before,
            &run,
            &expect![[r#"
            SUCCESS: 1 read, 1 lacking, 1 created, 1 reported
            * DELETE 1: reported
            * CREATE 1
            ! account `1` belonged to nobody; it stays for the owner it is made for
            + shadow ad/1 live, of 1"#]],
        )
        .await;
        let before = world.picture().await;
        let run = world.provision("ad").await;
        shown::check(
            &world,
            &before,
            &run,
            &expect![[r#"
            SUCCESS: 1 read, 0 lacking, 1 updated
            * UPDATE 1
            - account 1 enabled: mail=other@x uid=1
            + account 1 enabled: cn=Name 1 groups=admins,all mail=1@x uid=1"#]],
        )
        .await;
    });
}

#[test]
fn an_account_that_is_disabled_is_not_yet_the_one_made() {
    on_each_database(async |database| {
        for (enabled, changes) in [(true, vec![]), (false, vec!["UPDATE 1".to_owned()])] {
            let world = granted(database, Durable::EachCall, "IGNORE", 1).await;
            whole(&world, enabled);
            let run = world.provision("ad").await;
            assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
            let run = world.provision("ad").await;
            assert_eq!(world.changes(&run).await, changes, "{enabled}");
            assert!(world.system("ad").accounts("account")["1"].enabled);
        }
    });
}

#[test]
fn an_account_that_cannot_be_read_back_is_left_to_the_next_run() {
    on_each_database(async |database| {
        let mut world = granted(database, Durable::EachCall, "IGNORE", 1).await;
        whole(&world, true);
        let away =
            || ConnectorError::Transient { message: "the target is away".to_owned(), retry_after: None };
        let plan =
            move |call: &Call| (call.kind == CallKind::Read).then(|| Fault::Fail(Moment::Before, away()));
        world.disturb("ad", Arc::new(plan));
        let before = world.picture().await;
        let run = world.provision("ad").await;
        shown::check(
            &world,
            &before,
            &run,
            &expect![[r#"
            PARTIAL: 1 read, 1 lacking, 1 ignored, 1 failed
            * CREATE 1: failed
            ! `1` exists already; it could not be read, the next run decides: the target is away"#]],
        )
        .await;
        world.disturb("ad", no_faults());
        let run = world.provision("ad").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
        assert!(world.has_promise("1").await);
    });
}

#[test]
fn two_owners_that_give_one_key_are_both_named() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        let mut application = ad();
        application["objectTypes"][0]["attributeMappings"][0] = outbound("uid", "name");
        world.save(ConfigurationKind::Application, application).await;
        world.hire("1", "1@x", "Twin", "IT");
        world.hire("2", "2@x", "Twin", "IT");
        world.synchronize("hr").await;
        let run = world.provision("ad").await;
        let told = world.problems(&run).await;
        let (one, two) = (world.object("1").await.id, world.object("2").await.id);
        let both = [(one, two), (two, one)].map(|(first, second)| {
            format!("objects {first} and {second} both give the key `Twin`; make it unique")
        });
        assert!(told.len() == 1 && both.contains(&told[0]), "{told:?}");
    });
}

/// More people than the limits on withdrawals let pass, whose accounts a run made that was cancelled before it had
/// stored so, and so many more accounts of nobody.
async fn made_and_not_stored(database: &TestDatabase, reaction: &str, strangers: u32) -> World {
    let mut world = granted(database, Durable::AtClose, reaction, 25).await.with_page_size(100);
    let stopped = world.run_up_to(provisioning("ad", Mode::Apply), "ad", (CallKind::Close, 1)).await;
    stopped.cancel(&world).await;
    world.disturb("ad", no_faults());
    assert_eq!(world.system("ad").accounts("account").len(), 25);
    for number in 1..=strangers {
        let (uid, mail) = (format!("s{number}"), format!("s{number}@x"));
        world.put("ad", "account", &uid, &[("uid", &uid), ("mail", &mail), ("groups", "all")]);
    }
    world
}

#[test]
fn limits_do_not_count_accounts_of_nobody_that_stay() {
    on_each_database(async |database| {
        for (reaction, strangers, held_by) in [
            ("DELETE", 0, None),
            ("DELETE", 20, None),
            ("DELETE", 21, Some("delete: 21 of 0, the limit is 10 % and at least 20")),
            ("DISABLE", 10, None),
            ("DISABLE", 11, Some("membersLost of `all`: 11 of 11, the limit is 50 % and at least 10")),
        ] {
            let world = made_and_not_stored(database, reaction, strangers).await;
            let run = world.provision("ad").await;
            assert_eq!(run.held_by.as_deref(), held_by, "{reaction} {strangers}");
            let left = world.system("ad").accounts("account").len();
            let gone = if reaction == "DELETE" && held_by.is_none() { strangers } else { 0 };
            assert_eq!(left, (25 + strangers - gone) as usize, "{reaction} {strangers}");
        }
    });
}
