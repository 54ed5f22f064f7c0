//! Accounts that somebody made anew by hand, under the names of accounts that are gone and with other keys.

use muster_connector::memory::{CAPABLE, MemorySystem};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, Outcome, OutcomeStatus};
use muster_store::RunRecord;
use muster_testkit::world::configuration::{ad, correlation, giving_keys};
use muster_testkit::world::{TestDatabase, World, on_each_database, on_sqlite, provisioning};
use serde_json::{Value, json};

/// Correlation by what no account holds: names alone say whose an account is.
fn without_correlation() -> Value {
    let mut application = giving_keys(ad());
    application["objectTypes"][0]["correlation"] = json!([correlation("cn", "number")]);
    application
}

/// Ann and Bob with accounts `id-1` and `id-2`, of which Ann's was then made anew as `new-9`.
async fn remade(database: &TestDatabase, application: Value) -> World {
    let world = World::usual(database).await.with_system("ad", MemorySystem::new(CAPABLE).with_given_keys());
    world.save(ConfigurationKind::Application, application).await;
    world.hire("1", "ann@x", "Ann", "IT");
    world.hire("2", "bob@x", "Bob", "FIN");
    world.synchronize("hr").await;
    let run = world.provision("ad").await;
    assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
    world.system("ad").take("account", "id-1");
    make_anew(&world, "ann@x");
    world
}

fn make_anew(world: &World, mail: &str) {
    let anew = [("id", "new-9"), ("login", "ann@x"), ("cn", "Else"), ("mail", mail)];
    world.put("ad", "account", "new-9", &anew);
}

/// The accounts: key, common name, and whether they are disabled.
fn accounts(world: &World) -> Vec<String> {
    let held = world.system("ad").accounts("account").into_iter();
    let shown = held.map(|(uid, account)| {
        let name = account.attributes.get("cn").first().map(|name| name.to_text().into_owned());
        format!("{uid} {}{}", name.unwrap_or_default(), if account.enabled { "" } else { " disabled" })
    });
    shown.collect()
}

async fn disputes(world: &World) -> Vec<String> {
    world.database().texts("SELECT uid FROM dispute ORDER BY uid").await
}

async fn went_well(world: &World, run: &RunRecord) {
    assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{:?}", world.problems(run).await);
}

#[test]
fn an_account_that_somebody_made_anew_under_the_name_is_linked_by_the_run_that_finds_it() {
    on_each_database(async |database| {
        for application in [giving_keys(ad()), without_correlation()] {
            let world = remade(database, application).await;
            let run = world.attempt(provisioning("ad", Mode::Apply)).await;
            went_well(&world, &run).await;
            let changes = world.changes(&run).await;
            assert!(changes.len() == 1 && changes[0].contains("LINK"), "{changes:?}");
            assert_eq!(accounts(&world), ["id-2 Bob", "new-9 Ann"]);
            let run = world.provision("ad").await;
            assert_eq!((run.counters.outcome(Outcome::Unchanged), world.changes(&run).await), (2, vec![]));
            assert_eq!(disputes(&world).await, [""; 0]);
        }
    });
}

#[test]
fn who_left_meanwhile_loses_the_account_that_somebody_made_anew() {
    on_each_database(async |database| {
        for application in [giving_keys(ad()), without_correlation()] {
            let world = remade(database, application).await;
            world.hire("1", "ann@x", "Ann", "HR");
            world.synchronize("hr").await;
            let run = world.provision("ad").await;
            went_well(&world, &run).await;
            assert_eq!(run.counters.outcome(Outcome::Disabled), 1);
            assert_eq!(accounts(&world), ["id-2 Bob", "new-9 Else disabled"]);
            // It is theirs again when they come back.
            world.hire("1", "ann@x", "Ann", "IT");
            world.synchronize("hr").await;
            went_well(&world, &world.provision("ad").await).await;
            assert_eq!(accounts(&world), ["id-2 Bob", "new-9 Ann"]);
        }
    });
}

#[test]
fn an_account_that_fits_somebody_else_is_not_taken_for_its_name() {
    on_sqlite(async |database| {
        let world = remade(database, giving_keys(ad())).await;
        // Correlation says that it is Bob's, who has one.
        make_anew(&world, "bob@x");
        let run = world.provision("ad").await;
        assert_eq!(run.counters.outcome(Outcome::Failed), 1, "{:?}", world.problems(&run).await);
        assert_eq!(accounts(&world), ["id-2 Bob", "new-9 Else"]);
    });
}

#[test]
fn an_account_that_fits_a_leaver_by_name_and_somebody_else_by_the_rules_is_left_alone() {
    on_sqlite(async |database| {
        let world = remade(database, giving_keys(ad())).await;
        make_anew(&world, "bob@x");
        world.hire("1", "ann@x", "Ann", "HR");
        world.synchronize("hr").await;
        let run = world.provision("ad").await;
        assert_eq!(run.counters.outcome(Outcome::Disabled), 0);
        assert_eq!(accounts(&world), ["id-2 Bob", "new-9 Else"]);
    });
}

#[test]
fn an_account_of_a_protected_owner_is_told_of_and_not_taken() {
    on_sqlite(async |database| {
        let mut application = giving_keys(ad());
        application["objectTypes"][0]["protected"] = json!("name eq \"Ann\"");
        let world = remade(database, application).await;
        let run = world.provision("ad").await;
        let said = world.problems(&run).await;
        assert!(said.iter().any(|said| said.contains("is protected")), "{said:?}");
        assert_eq!(accounts(&world), ["id-2 Bob", "new-9 Else"]);
    });
}

#[test]
fn who_never_had_an_account_gets_nobody_elses_by_its_name() {
    on_sqlite(async |database| {
        let world = remade(database, without_correlation()).await;
        world.put("ad", "account", "old-7", &[("id", "old-7"), ("login", "cat@x"), ("cn", "Somebody")]);
        world.hire("3", "cat@x", "Cat", "IT");
        world.synchronize("hr").await;
        let run = world.provision("ad").await;
        assert_eq!(run.counters.outcome(Outcome::Failed), 1);
        assert_eq!(accounts(&world), ["id-2 Bob", "new-9 Ann", "old-7 Somebody"]);
        // Once the name is free it is given.
        world.system("ad").take("account", "old-7");
        went_well(&world, &world.provision("ad").await).await;
        assert_eq!(accounts(&world).len(), 3);
    });
}
