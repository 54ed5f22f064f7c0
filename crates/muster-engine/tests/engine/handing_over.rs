//! Names that change hands: what frees a name comes before what takes it, and what one run cannot do says so and is
//! done by the next.

use muster_connector::memory::{CAPABLE, MemorySystem};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Outcome, OutcomeStatus};
use muster_store::{ParkedFilter, RunRecord};
use muster_testkit::world::configuration::{ad, giving_keys, outbound, staff};
use muster_testkit::world::{TestDatabase, World, on_each_database};
use serde_json::json;

/// A target whose accounts are called by the names of these people, in their order.
async fn called(database: &TestDatabase, names: &[&str]) -> World {
    let world = World::usual(database).await.with_system("ad", MemorySystem::new(CAPABLE).with_given_keys());
    let mut application = giving_keys(ad());
    application["objectTypes"][0]["attributeMappings"][0] = outbound("login", "name");
    world.save(ConfigurationKind::Application, application).await;
    let mut profile = staff();
    profile["deprovisioning"] = json!("DELETE");
    world.save(ConfigurationKind::ApplicationProfile, profile).await;
    provision(&world, names).await;
    world
}

/// Calls people by these names, empty for those who are not to have an account, and provisions.
async fn provision(world: &World, names: &[&str]) -> RunRecord {
    for (number, name) in (1..).zip(names) {
        let (name, department) = if name.is_empty() { ("nobody", "HR") } else { (*name, "IT") };
        world.hire(&format!("{number}"), &format!("{number}@x"), name, department);
    }
    world.synchronize("hr").await;
    world.provision("ad").await
}

/// The names by the addresses of those they belong to.
fn held(world: &World) -> Vec<String> {
    let held = world.system("ad").accounts("account").into_values();
    let text = |field: &muster_model::Field| field.first().map(|value| value.to_text().into_owned());
    let shown = held.map(|account| {
        let of = |name: &str| text(account.attributes.get(name)).unwrap_or_default();
        format!("{} {}", of("mail"), of("login"))
    });
    let mut shown: Vec<String> = shown.collect();
    shown.sort();
    shown
}

async fn parked(world: &World) -> usize {
    let filter = ParkedFilter { after: None, limit: 10, application: None };
    world.store().parked(&filter).await.expect("the database").len()
}

async fn went_well(world: &World, run: &RunRecord) {
    assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{:?}", world.problems(run).await);
}

#[test]
fn a_name_that_becomes_free_goes_to_another_in_the_same_run() {
    on_each_database(async |database| {
        for (before, after) in [
            (&["a", "b", "c"][..], &["z", "a", "b", "c"][..]),
            (&["c", "b", "a"], &["b", "a", "z", "c"]),
            (&["b", "c", "d"], &["c", "d", "e", "b"]),
        ] {
            let world = called(database, before).await;
            went_well(&world, &provision(&world, after).await).await;
            let expected: Vec<String> =
                (1..).zip(after).map(|(number, name)| format!("{number}@x {name}")).collect();
            assert_eq!(held(&world), expected);
            let run = world.provision("ad").await;
            assert_eq!(run.counters.outcome(Outcome::Unchanged), 4);
        }
    });
}

#[test]
fn accounts_that_exchange_names_are_told_of_until_one_of_them_is_called_otherwise() {
    on_each_database(async |database| {
        let world = called(database, &["a", "b"]).await;
        let run = provision(&world, &["b", "a"]).await;
        assert_eq!((run.counters.outcome(Outcome::Failed), parked(&world).await), (2, 0));
        let said = world.problems(&run).await;
        let names = ["called `a`, is to be called `b`", "called `b`, is to be called `a`", "by hand"];
        assert!(names.iter().all(|part| said.iter().any(|said| said.contains(part))), "{said:?}");
        assert_eq!(held(&world), ["1@x a", "2@x b"]);
        // Somebody follows.
        let (uid, mut account) =
            world.system("ad").accounts("account").into_iter().next().expect("an account");
        account.attributes.set("login".into(), muster_model::Field::text("between"));
        world.system("ad").put("account", &uid, account);
        went_well(&world, &world.provision("ad").await).await;
        assert_eq!(held(&world), ["1@x b", "2@x a"]);
    });
}

#[test]
fn the_name_of_an_account_that_is_deleted_is_given_again_by_the_next_run() {
    on_each_database(async |database| {
        let world = called(database, &["a", "b"]).await;
        let run = provision(&world, &["", "b", "a"]).await;
        let said = world.problems(&run).await;
        assert!(said.iter().any(|said| said.contains("the next run gives it again")), "{said:?}");
        assert_eq!((held(&world), parked(&world).await), (vec!["2@x b".to_owned()], 0));
        went_well(&world, &world.provision("ad").await).await;
        assert_eq!(held(&world), ["2@x b", "3@x a"]);
    });
}

#[test]
fn two_people_who_come_to_one_name_are_told_so() {
    on_each_database(async |database| {
        for (gone, after) in [
            // Renamed both, renamed and made, made anew and made.
            (None, &["x", "x"][..]),
            (None, &["x", "b", "x"]),
            (Some("id-1"), &["a", "b", "a"]),
            (Some("id-2"), &["a", "b", "b"]),
        ] {
            let world = called(database, &["a", "b"]).await;
            gone.into_iter().for_each(|uid| world.system("ad").take("account", uid));
            let run = provision(&world, after).await;
            let said = world.problems(&run).await;
            let is_said =
                |said: &String| said.contains("both give the name") || said.contains("exists already");
            assert!(said.iter().any(is_said), "{after:?}: {said:?}");
            assert!(!said.iter().any(|said| said.contains("another run")), "{after:?}: {said:?}");
            assert_eq!(run.counters.outcome(Outcome::Failed), 1, "{after:?}: {said:?}");
        }
    });
}
