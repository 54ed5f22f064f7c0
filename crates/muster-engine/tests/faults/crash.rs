//! Ends processes at every point of their work, and compares whole states.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use muster_connector::faulty::{Call, Fault, FaultPlan, Moment, no_faults};
use muster_engine::Launch;
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
