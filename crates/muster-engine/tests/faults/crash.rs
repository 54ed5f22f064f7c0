//! Ends processes at every point of their work, and compares whole states.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use muster_connector::faulty::{Call, Fault, FaultPlan, Moment, no_faults};
use muster_engine::Launch;
use muster_model::run::{Outcome, OutcomeStatus, TaskKind};
use muster_model::{ApplicationId, RunId};
use muster_plan::change::Action;
use muster_store::{ChangeFilter, ChangeStatus};
use muster_testkit::world::{TestDatabase, World, difference};
use tokio::sync::Notify;

/// A story before the run that is disturbed, and that run.
pub(crate) struct Story<S, L> {
    /// Makes the world as the run finds it; every process gets a copy of its own.
    pub(crate) before: S,
    /// The run.
    pub(crate) launch: L,
}

/// More points than any run here has; whoever reaches it would never end.
const TOO_MANY: u32 = 2000;

impl<S: AsyncFn(&TestDatabase) -> World, L: Fn() -> Launch> Story<S, L> {
    async fn calm(&self, before: &World) -> String {
        let world = before.copy().await;
        world.run((self.launch)()).await;
        world.whole_state().await
    }

    /// Lets the process die after every number of points on its way to the database: of PostgreSQL every third,
    /// shifted from test to test. Ends when a process lives to the end of its run.
    pub(crate) async fn survives_a_dead_process(&self, database: &TestDatabase) {
        let before = (self.before)(database).await;
        let calm = self.calm(&before).await;
        let stride = if database.is_postgres() { 3 } else { 1 };
        for point in (0..TOO_MANY).step_by(stride) {
            let world = before.copy().await;
            let run = world.admit((self.launch)()).await;
            let (engine, store, fuse) = world.mortal_process(point).await;
            let worked = engine.execute(&store, run).await;
            drop((engine, store));
            if !fuse.is_blown() {
                worked.expect("a run that nobody disturbed");
                assert!(point > 20, "a run has more points than {point}");
                assert_eq!(world.whole_state().await, calm, "undisturbed");
                return;
            }
            world.resume().await;
            let state = world.whole_state().await;
            assert!(state == calm, "died after {point} points:\n{}", difference(&calm, &state));
        }
        panic!("the run never ends");
    }

    /// Lets the process die at every point of its way to the database, has the run cancelled, and starts
    /// another: it comes to where an undisturbed one comes.
    pub(crate) async fn survives_a_cancel(&self, database: &TestDatabase) {
        let before = (self.before)(database).await;
        let calm = before.copy().await;
        calm.run((self.launch)()).await;
        calm.run((self.launch)()).await;
        let (calm, keys) = (calm.outcome_state().await, calm.keys().await);
        let (objects_before, accounts_before) =
            (before.objects().await.len() as i64, live_accounts(&before).await);
        let stride = if database.is_postgres() { 3 } else { 1 };
        for point in (0..TOO_MANY).step_by(stride) {
            let world = before.copy().await;
            let run = world.admit((self.launch)()).await;
            let id = run.id;
            let (engine, store, fuse) = world.mortal_process(point).await;
            let worked = engine.execute(&store, run).await;
            drop((engine, store));
            if !fuse.is_blown() {
                worked.expect("a run that nobody disturbed");
                assert!(point > 20, "a run has more points than {point}");
                return;
            }
            let (objects, accounts) = (world.objects().await.len(), live_accounts(&world).await);
            // It may have ended with the very last point.
            let _ = world.engine().cancel(world.store(), id).await;
            world.resume().await;
            let made = (objects as i64 - objects_before, accounts - accounts_before);
            counts_what_was_done(&world, id, made).await;
            world.run((self.launch)()).await;
            world.run((self.launch)()).await;
            let state = world.outcome_state().await;
            assert!(state == calm, "cancelled after {point} points:\n{}", difference(&calm, &state));
            let found = world.keys().await;
            let lost: Vec<_> = keys.iter().filter(|key| !found.contains(key)).collect();
            assert!(lost.is_empty(), "cancelled after {point} points, no object has {lost:?}");
        }
        panic!("the run never ends");
    }

    /// Lets the process die at every point of its way to the database, and has the run paused: whoever has it resumed
    /// comes to where an undisturbed one comes. So it is whether the process died of the pause or before it.
    pub(crate) async fn survives_a_pause(&self, database: &TestDatabase) {
        let before = (self.before)(database).await;
        let calm = self.calm(&before).await;
        let stride = if database.is_postgres() { 5 } else { 1 };
        for point in (0..TOO_MANY).step_by(stride) {
            let world = before.copy().await;
            let run = world.admit((self.launch)()).await;
            let id = run.id;
            let (engine, store, fuse) = world.mortal_process(point).await;
            let worked = engine.execute(&store, run).await;
            drop((engine, store));
            if !fuse.is_blown() {
                worked.expect("a run that nobody disturbed");
                assert!(point > 20, "a run has more points than {point}");
                return;
            }
            // It may have ended with the very last point.
            let paused = world.engine().pause(world.store(), id).await.is_ok();
            let state = world.whole_state().await;
            world.resume().await;
            assert_eq!(world.whole_state().await, state, "paused after {point} points, nobody goes on");
            if paused {
                world.engine().resume(world.store(), id).await.expect("resumed");
            }
            world.resume().await;
            let state = world.whole_state().await;
            let of_pause = |line: &str| line.contains("PAUSE") || line.contains("RESUME");
            let kept = state.lines().filter(|line| !(line.starts_with("audit ") && of_pause(line)));
            let state = kept.collect::<Vec<_>>().join("\n");
            assert!(state == calm, "paused after {point} points:\n{}", difference(&calm, &state));
        }
        panic!("the run never ends");
    }

    /// Lets the process die before and after every call to a system.
    pub(crate) async fn survives_a_death_at_any_call(&self, database: &TestDatabase, system: &'static str) {
        let before = (self.before)(database).await;
        let calm = self.calm(&before).await;
        for moment in [Moment::Before, Moment::After] {
            for number in 1..u64::from(TOO_MANY) {
                let mut world = before.copy().await;
                let reached = Arc::new(Notify::new());
                world.disturb(system, stop_for_ever(number, moment, reached.clone()));
                let run = world.admit((self.launch)()).await;
                let (engine, store) = (world.engine(), world.store().clone());
                let mut working = tokio::spawn(async move { engine.execute(&store, run).await });
                let died = tokio::select! {
                    () = reached.notified() => true,
                    ended = &mut working => { ended.expect("no panic").expect("a run"); false }
                };
                if !died {
                    assert!(number > 2, "a run has more calls than {number}");
                    break;
                }
                working.abort();
                let _ = working.await;
                world.disturb(system, no_faults());
                world.resume().await;
                let state = world.whole_state().await;
                assert!(state == calm, "died {moment:?} call {number}:\n{}", difference(&calm, &state));
            }
        }
    }
}

/// How many accounts of the target are known.
async fn live_accounts(world: &World) -> i64 {
    let application = ApplicationId::new("ad").expect("an id");
    let live = world.store().live_shadows(&application, "account").await.expect("the database");
    i64::try_from(live).expect("few")
}

/// A cancelled run counts what it has done and nothing else: as its changes say, and as the objects and accounts
/// show that there are more of than before.
async fn counts_what_was_done(world: &World, id: RunId, (objects, accounts): (i64, i64)) {
    let run = world.store().run(id).await.expect("the database").expect("a run");
    if run.state.outcome != Some(OutcomeStatus::Aborted) {
        return;
    }
    assert!(run.counters.add_up(), "{:?}", run.counters);
    let changes = world.store().changes(&run, ChangeFilter { after: 0, limit: 1000 }).await.expect("changes");
    let counted = |outcome: Outcome| i64::try_from(run.counters.outcome(outcome)).expect("few");
    let with = |status: ChangeStatus, wanted: &dyn Fn(Action) -> bool| {
        let found = changes.iter().filter(|change| change.status == status && wanted(change.action));
        i64::try_from(found.count()).expect("few")
    };
    for outcome in [Outcome::Created, Outcome::Updated, Outcome::Disabled, Outcome::Deleted] {
        let applied = with(ChangeStatus::Applied, &|action| action.outcome() == outcome);
        assert_eq!(counted(outcome), applied, "{outcome}: {run:?}");
    }
    let left = with(ChangeStatus::Planned, &|action| action.touches());
    assert_eq!(counted(Outcome::NotApplied), left, "{run:?}");
    let made = match run.task_kind {
        TaskKind::Synchronization => objects,
        TaskKind::Provisioning => accounts,
    };
    assert_eq!(counted(Outcome::Created) - counted(Outcome::Deleted), made, "{run:?}");
}

/// A plan that stops the call of that number, whatever its kind, and never lets it go on.
fn stop_for_ever(number: u64, moment: Moment, reached: Arc<Notify>) -> FaultPlan {
    let calls = AtomicU64::new(0);
    Arc::new(move |_: &Call| {
        let reached = reached.clone();
        let for_ever = async move {
            reached.notify_one();
            std::future::pending().await
        };
        (calls.fetch_add(1, Ordering::SeqCst) + 1 == number).then(|| Fault::Stop(moment, Box::pin(for_ever)))
    })
}
