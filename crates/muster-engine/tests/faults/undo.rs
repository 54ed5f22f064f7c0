//! Undoing, interrupted at every point: while its plan is made, and while it is carried out.

use muster_model::configuration::ConfigurationKind;
use muster_model::run::ProgressStatus;
use muster_store::RunRecord;
use muster_testkit::world::configuration::hr;
use muster_testkit::world::{TestDatabase, World, difference, on_each_database};
use serde_json::json;

/// More points than any run here has.
const TOO_MANY: u32 = 2000;

/// A world before a run that should never have been.
async fn begun(database: &TestDatabase) -> World {
    let world = World::usual(database).await.with_page_size(2);
    let mut application = hr();
    application["objectTypes"][0]["reactions"] = json!({ "MISSING": "DELETE" });
    world.save(ConfigurationKind::Application, application).await;
    for number in 1..=5 {
        let number = number.to_string();
        world.hire(&number, &format!("{number}@x"), &format!("Name {number}"), "IT");
    }
    world.synchronize("hr").await;
    world.hire("1", "new@x", "Renamed", "IT");
    world.dismiss("2");
    world.dismiss("3");
    world.hire("6", "6@x", "Six", "IT");
    world.hire("7", "7@x", "Seven", "IT");
    world
}

/// A copy after that run, and after somebody has changed one object.
async fn mistaken(begun: &World) -> (World, RunRecord) {
    let world = begun.copy().await;
    let run = world.synchronize("hr").await;
    let moved = world.object("6").await.id;
    world.overwrite(moved, "Six", "By hand").await;
    (world, run)
}

async fn approve(world: &World, held: &RunRecord) {
    let held = world.store().run(held.id).await.expect("the database").expect("the run");
    assert_eq!(held.state.status, ProgressStatus::Held, "{held:?}");
    let hash = held.plan_hash.expect("a plan");
    world.engine().approve(world.store(), held.id, hash).await.expect("approved");
}

/// Lets the process die after so many points of one part of an undo, and another go on. Answers whether it died.
async fn dies(begun: &World, (making, doing): (u32, u32)) -> (bool, String) {
    let (world, undone) = mistaken(begun).await;
    let run = world.engine().admit_undo(world.store(), undone.id).await.expect("launched");
    let (engine, store, fuse) = world.mortal_process(making).await;
    let _ = engine.execute(&store, run.clone()).await;
    let mut died = fuse.is_blown();
    drop((engine, store));
    world.resume().await;
    approve(&world, &run).await;
    let approved = world.store().run(run.id).await.expect("the database").expect("the run");
    let (engine, store, fuse) = world.mortal_process(doing).await;
    let _ = engine.execute(&store, approved).await;
    died |= fuse.is_blown();
    drop((engine, store));
    world.resume().await;
    (died, world.whole_state().await)
}

#[test]
fn an_undo_survives_the_death_of_its_process_at_any_point() {
    on_each_database(async |database| {
        let begun = begun(database).await;
        let (died, calm) = dies(&begun, (TOO_MANY, TOO_MANY)).await;
        assert!(!died);
        let stride = if database.is_postgres() { 3 } else { 1 };
        for part in [|point| (point, TOO_MANY), |point| (TOO_MANY, point)] {
            let mut points = (0..TOO_MANY).step_by(stride);
            loop {
                let point = points.next().expect("the run ends");
                let (died, state) = dies(&begun, part(point)).await;
                assert!(state == calm, "died after {point} points:\n{}", difference(&calm, &state));
                if !died {
                    assert!(point > 10, "a run has more points than {point}");
                    break;
                }
            }
        }
    });
}
