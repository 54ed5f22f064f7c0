//! A run that stands still at one call to a system: what others do meanwhile is the test's to say.

use std::sync::Arc;

use muster_connector::faulty::{Call, CallKind, Fault, FaultPlan, Moment, Watch};
use muster_engine::{EngineError, Launch};
use muster_store::RunRecord;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::World;

/// A plan that stops one call until it is told to go on, and says when it is there.
pub struct Barrier {
    reached: Arc<Notify>,
    go_on: Arc<Notify>,
}

impl Barrier {
    /// A barrier before the call of this kind and number, and the plan that holds it.
    #[must_use]
    pub fn at(kind: CallKind, number: u64) -> (Self, FaultPlan) {
        Self::placed(Moment::Before, kind, number)
    }

    /// A barrier behind the call: it was answered, and nobody has heard the answer yet.
    #[must_use]
    pub fn behind(kind: CallKind, number: u64) -> (Self, FaultPlan) {
        Self::placed(Moment::After, kind, number)
    }

    fn placed(moment: Moment, kind: CallKind, number: u64) -> (Self, FaultPlan) {
        let barrier = Self { reached: Arc::default(), go_on: Arc::default() };
        let (reached, go_on) = (barrier.reached.clone(), barrier.go_on.clone());
        let plan = move |call: &Call| {
            (call.kind == kind && call.number == number).then(|| {
                let (reached, go_on) = (reached.clone(), go_on.clone());
                let wait = async move {
                    reached.notify_one();
                    go_on.notified().await;
                };
                Fault::Stop(moment, Box::pin(wait))
            })
        };
        (barrier, Arc::new(plan))
    }

    /// Waits until somebody stands at the barrier.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Opens it.
    pub fn open(&self) {
        self.go_on.notify_one();
    }
}

/// A run whose worker stands at a barrier.
pub struct Stopped {
    /// The run as it was claimed.
    pub run: RunRecord,
    /// The calls to the system with the barrier.
    pub watch: Watch,
    barrier: Barrier,
    working: JoinHandle<Result<RunRecord, EngineError>>,
}

impl World {
    /// Launches a run and works on it up to a call to a system.
    ///
    /// # Panics
    /// When it cannot be launched.
    pub async fn run_up_to(
        &mut self,
        launch: Launch,
        system: &'static str,
        call: (CallKind, u64),
    ) -> Stopped {
        let run = self.admit(launch).await;
        self.work_up_to(run, system, call).await
    }

    /// Works on a run up to a call to a system.
    ///
    /// # Panics
    /// When it comes to its end, or is held, without that call.
    pub async fn work_up_to(
        &mut self,
        run: RunRecord,
        system: &'static str,
        (kind, number): (CallKind, u64),
    ) -> Stopped {
        self.work_to_barrier(run, system, Barrier::at(kind, number)).await
    }

    /// Launches a run and works on it to a barrier in a system.
    ///
    /// # Panics
    /// When it cannot be launched, or comes to its end, or is held, without that call.
    pub async fn run_to_barrier(
        &mut self,
        launch: Launch,
        system: &'static str,
        barrier: (Barrier, FaultPlan),
    ) -> Stopped {
        let run = self.admit(launch).await;
        self.work_to_barrier(run, system, barrier).await
    }

    async fn work_to_barrier(
        &mut self,
        run: RunRecord,
        system: &'static str,
        (barrier, plan): (Barrier, FaultPlan),
    ) -> Stopped {
        let watch = self.disturb(system, plan);
        let (engine, store, of_worker) = (self.engine(), self.store().clone(), run.clone());
        let mut working = tokio::spawn(async move { engine.execute(&store, of_worker).await });
        tokio::select! {
            () = barrier.reached() => {}
            left = &mut working => panic!("the call was never made: {left:?}"),
        }
        Stopped { run, watch, barrier, working }
    }
}

impl Stopped {
    /// Lets the worker go on; answers the run as its worker leaves it.
    ///
    /// # Panics
    /// When the worker panics, or another has the run.
    pub async fn go_on(self) -> RunRecord {
        self.barrier.open();
        self.working.await.expect("no panic").expect("a run")
    }

    /// Cancels the run, and lets the worker go on.
    ///
    /// # Panics
    /// When the run has ended, or the worker panics.
    pub async fn cancel(self, world: &World) -> RunRecord {
        world.engine().cancel(world.store(), self.run.id).await.expect("cancelled");
        self.go_on().await
    }
}
