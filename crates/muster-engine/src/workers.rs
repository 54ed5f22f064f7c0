//! The workers of a process: started and shut down together, with all else that it looks after.

use muster_store::StoreError;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Engine;
use crate::delivery::Ticket;
use crate::error::with_causes;

/// The workers of a process.
pub struct Workers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Workers {
    /// Lets every run stop at its next page and waits for that; the runs go on after the next start.
    pub async fn shut_down(mut self) {
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Engine {
    /// Starts the workers of this process, its ticker, and the watch for runs that others have left.
    #[must_use]
    pub fn start(&self) -> Workers {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for _ in 0..self.settings.workers.max(1) {
            let (engine, mut stopped) = (self.clone(), stopped.clone());
            tasks.spawn(async move {
                loop {
                    let ticket = tokio::select! {
                        () = told(&mut stopped) => return,
                        ticket = engine.delivery.pull() => ticket,
                    };
                    engine.try_ticket(&ticket, stopped.clone()).await;
                }
            });
        }
        let (engine, mut listening) = (self.clone(), stopped.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = told(&mut listening) => {}
                () = engine.delivery.listen() => {}
            }
        });
        let (engine, ticking) = (self.clone(), stopped.clone());
        tasks.spawn(async move { engine.tick_until(ticking).await });
        let (engine, dropping) = (self.clone(), stopped.clone());
        tasks.spawn(async move { engine.drop_until(dropping).await });
        let (engine, carrying_out) = (self.clone(), stopped.clone());
        tasks.spawn(async move { engine.carry_out_until(carrying_out).await });
        let (engine, mut stopped) = (self.clone(), stopped);
        tasks.spawn(async move {
            loop {
                engine.look_for_work().await;
                tokio::select! {
                    () = told(&mut stopped) => return,
                    () = tokio::time::sleep(engine.settings.look_every) => {}
                }
            }
        });
        Workers { stop, tasks }
    }

    async fn look_for_work(&self) {
        match self.store.claimable(self.surroundings.now()).await {
            Ok(runs) => {
                self.figures.waiting(runs.iter().map(|(store, _)| store.slug()));
                for (store, run) in runs {
                    // For the own workers only: all other processes look as well.
                    self.delivery.offer(Ticket { tenant: store.slug().clone(), run: run.id });
                }
            }
            Err(error) => {
                tracing::warn!(error = with_causes(&error), "cannot look for runs without a worker")
            }
        }
        if let Err(error) = self.look_for_stalled().await {
            tracing::warn!(error = with_causes(&error), "cannot look for runs that have stalled");
        }
        if let Err(error) = self.expire_held().await {
            tracing::warn!(error = with_causes(&error), "cannot end held runs that nobody decided about");
        }
    }

    async fn try_ticket(&self, ticket: &Ticket, stop: watch::Receiver<bool>) {
        let found = async {
            let Some(store) = self.store.tenant(&ticket.tenant).await? else { return Ok(None) };
            let run = store.run(ticket.run).await?;
            Ok::<_, StoreError>(run.map(|run| (store, run)))
        };
        match found.await {
            Ok(Some((store, run))) if run.is_new() || run.waits_for_worker(self.surroundings.now()) => {
                if let Err(error) = self.execute_until(&store, run, stop).await {
                    tracing::debug!(run = %ticket.run, error = with_causes(&error), "run left");
                }
            }
            // Another worker was faster. The ticket is dropped after these reads by key, without a claim.
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(run = %ticket.run, error = with_causes(&error), "cannot take a run up")
            }
        }
    }
}

/// Waits until the workers are told to stop.
pub(crate) async fn told(stopped: &mut watch::Receiver<bool>) {
    // An error means that nobody is left who could tell; that is the end as well.
    let _ = stopped.wait_for(|stop| *stop).await;
}
