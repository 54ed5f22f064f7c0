//! Targets that show none of the accounts that are known there: a person says whether they are to be made again.

use muster_connector::memory::{CAPABLE, MemorySystem};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, Outcome, OutcomeStatus, ProgressStatus};
use muster_store::RunRecord;
use muster_testkit::world::configuration::{ad, giving_keys};
use muster_testkit::world::{TestDatabase, World, on_each_database, provisioning};
use serde_json::Value;

/// A target that three people had accounts in, and one of them has left since.
async fn emptied(database: &TestDatabase, (system, application): (MemorySystem, Value)) -> World {
    let world = World::usual(database).await.with_system("ad", system);
    world.save(ConfigurationKind::Application, application).await;
    for number in 1..=3 {
        world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
    }
    world.synchronize("hr").await;
    assert_eq!(world.provision("ad").await.counters.outcome(Outcome::Created), 3);
    world.hire("3", "3@x", "Name 3", "HR");
    world.synchronize("hr").await;
    for uid in world.system("ad").accounts("account").into_keys() {
        world.system("ad").take("account", &uid);
    }
    world
}

fn targets() -> [(MemorySystem, Value); 2] {
    let system = || MemorySystem::new(CAPABLE);
    [(system(), ad()), (system().with_given_keys(), giving_keys(ad()))]
}

async fn held(world: &World) -> RunRecord {
    let run = world.attempt(provisioning("ad", Mode::Apply)).await;
    assert_eq!(run.state.status, ProgressStatus::Held, "{:?}", world.problems(&run).await);
    let told = run.held_by.clone().unwrap_or_default();
    for part in ["application `ad` shows no account", "3 accounts are known", "approve the plan"] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(world.system("ad").accounts("account").len(), 0);
    run
}

#[test]
fn an_empty_target_is_filled_again_once_somebody_says_that_it_is_empty() {
    on_each_database(async |database| {
        for target in targets() {
            let world = emptied(database, target).await;
            let run = held(&world).await;
            let engine = world.engine();
            engine.approve(world.store(), run.id, run.plan_hash.expect("a plan")).await.expect("approved");
            world.resume().await;
            let run = world.store().run(run.id).await.expect("the database").expect("a run");
            assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{:?}", world.problems(&run).await);
            assert_eq!(world.system("ad").accounts("account").len(), 2, "who has left gets none");
            assert_eq!(world.provision("ad").await.counters.outcome(Outcome::Unchanged), 2);
        }
    });
}

#[test]
fn an_empty_target_that_nobody_believes_in_changes_nothing() {
    on_each_database(async |database| {
        for target in targets() {
            let world = emptied(database, target).await;
            let before = world.picture().await;
            for _ in 0..2 {
                let run = held(&world).await;
                let hash = run.plan_hash.expect("a plan");
                world.engine().reject(world.store(), run.id, hash).await.expect("rejected");
            }
            assert_eq!(muster_testkit::world::difference(&before, &world.picture().await), "");
        }
    });
}
