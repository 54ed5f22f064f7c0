//! Launches and decisions of people that are interrupted: they have happened, or they have not.

use muster_model::run::{Mode, Outcome, OutcomeStatus, ProgressStatus};
use muster_testkit::world::{TestDatabase, World, on_each_database, synchronization};

async fn crowd(database: &TestDatabase) -> World {
    let world = World::usual(database).await.with_page_size(50);
    for number in 1..=30 {
        world.hire(&number.to_string(), &format!("{number}@x"), "Somebody", "IT");
    }
    world.synchronize("hr").await;
    for number in 2..=30 {
        world.dismiss(&number.to_string());
    }
    world
}

async fn disabled(world: &World) -> usize {
    world.objects().await.values().filter(|object| object.disabled.is_some()).count()
}

#[test]
fn a_launch_has_happened_or_not() {
    on_each_database(async |database| {
        for point in 0.. {
            let world = World::usual(database).await;
            world.hire("1", "ann@x", "Ann", "IT");
            let (engine, store, fuse) = world.mortal_process(point).await;
            let launched = engine.admit(&store, synchronization("hr", Mode::Apply)).await;
            drop((engine, store));
            world.resume().await;
            // Whatever became of it, the task can be launched again, and the end is the same.
            let again = world.synchronize("hr").await;
            assert_eq!((again.state.outcome, world.objects().await.len()), (Some(OutcomeStatus::Success), 1));
            if !fuse.is_blown() {
                launched.expect("a run");
                break;
            }
        }
    });
}

#[test]
fn an_approval_has_happened_or_not() {
    on_each_database(async |database| {
        let before = crowd(database).await;
        for point in 0.. {
            let world = before.copy().await;
            let held = world.synchronize("hr").await;
            let hash = held.plan_hash.expect("a plan");
            let (engine, store, fuse) = world.mortal_process(point).await;
            let approved = engine.approve(&store, held.id, hash).await;
            drop((engine, store));
            world.resume().await;
            let now = world.store().run(held.id).await.expect("the database").expect("a run");
            match now.state.outcome {
                Some(OutcomeStatus::Success) => assert_eq!(disabled(&world).await, 29),
                other => {
                    assert_eq!((other, disabled(&world).await), (None, 0));
                    world.engine().approve(world.store(), held.id, hash).await.expect("approved now");
                    world.resume().await;
                    assert_eq!(disabled(&world).await, 29);
                }
            }
            if !fuse.is_blown() {
                approved.expect("approved");
                break;
            }
        }
    });
}

#[test]
fn a_run_that_is_ended_by_a_process_that_dies_is_ended_rightly_by_the_next_look() {
    on_each_database(async |database| {
        let before = crowd(database).await;
        for rejects in [true, false] {
            for point in 0.. {
                let world = before.copy().await;
                let held = world.synchronize("hr").await;
                let (engine, store, fuse) = world.mortal_process(point).await;
                let ended = match rejects {
                    true => engine.reject(&store, held.id, held.plan_hash.expect("a plan")).await,
                    false => engine.cancel(&store, held.id).await,
                };
                drop((engine, store));
                world.resume().await;
                let now = world.store().run(held.id).await.expect("the database").expect("a run");
                let left = now.counters.outcome(Outcome::NotApplied);
                assert!(now.counters.add_up() && disabled(&world).await == 0, "after {point}: {now:?}");
                match (now.state.status, now.state.outcome) {
                    (ProgressStatus::Finished, Some(OutcomeStatus::Aborted)) => {
                        assert_eq!((left, now.estimate), (29, 30), "after {point}");
                        assert_eq!(world.problems(&now).await.len(), 2, "the limit, and why it ended");
                        world.synchronize("hr").await;
                    }
                    other => assert_eq!((other, left), ((ProgressStatus::Held, None), 0), "after {point}"),
                }
                if !fuse.is_blown() {
                    ended.expect("ended");
                    assert!(point > 8, "an end has more points than {point}");
                    break;
                }
            }
        }
    });
}

#[test]
fn an_approved_run_is_carried_out_whenever_its_process_dies() {
    on_each_database(async |database| {
        let before = crowd(database).await;
        let mut calm = String::new();
        let stride = if database.is_postgres() { 3 } else { 1 };
        // The first pass is the calm one: its fuse is long enough.
        for point in std::iter::once(100_000).chain((0..).step_by(stride)) {
            let world = before.copy().await;
            let held = world.synchronize("hr").await;
            let hash = held.plan_hash.expect("a plan");
            world.engine().approve(world.store(), held.id, hash).await.expect("approved");
            let held = world.store().run(held.id).await.expect("the database").expect("a run");
            let (engine, store, fuse) = world.mortal_process(point).await;
            let worked = engine.execute(&store, held).await;
            drop((engine, store));
            world.resume().await;
            let state = world.whole_state().await;
            if calm.is_empty() {
                calm = state;
                continue;
            }
            assert!(state == calm, "died after {point} points");
            if !fuse.is_blown() {
                worked.expect("a run");
                break;
            }
        }
    });
}
