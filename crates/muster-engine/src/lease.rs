//! The lease of a run, as its worker knows it: renewed by a heart, and asked before anything is written elsewhere.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use muster_store::{RunRecord, StoreError, TenantStore};

use crate::Engine;
use crate::error::{EngineError, with_causes};
use crate::worker::statements;

/// How often in its time a lease is renewed.
pub(crate) const BEATS: u32 = 5;

/// What a worker knows of its hold on a run without a look into the store.
pub(crate) struct Lease {
    engine: Engine,
    store: TenantStore,
    run: RunRecord,
    /// Until when nobody else takes the run up, in milliseconds.
    until: AtomicI64,
    told_to_stop: AtomicBool,
}

impl Lease {
    /// The lease of a run that was claimed.
    pub(crate) fn of(engine: &Engine, store: &TenantStore, claimed: &RunRecord) -> Self {
        Self {
            engine: engine.clone(),
            store: store.clone(),
            run: claimed.clone(),
            until: AtomicI64::new(claimed.lease_until.timestamp_millis()),
            told_to_stop: AtomicBool::new(claimed.stopping),
        }
    }

    /// Renews the lease until the run is lost, and says what the run has used so far.
    pub(crate) async fn beat(&self) {
        loop {
            tokio::time::sleep(self.engine.settings.lease / BEATS).await;
            match self.renew().await {
                Ok(()) => {}
                Err(StoreError::LostFence) => return,
                Err(error) => {
                    tracing::warn!(run = %self.run.id, error = with_causes(&error), "cannot renew a lease");
                }
            }
        }
    }

    async fn renew(&self) -> Result<(), StoreError> {
        let until = self.engine.lease_end();
        let (used, peak_memory) =
            (statements(&self.run, &self.store), self.engine.surroundings.peak_memory());
        match self.store.renew(&self.run, until, used, peak_memory).await {
            Ok(told_to_stop) => {
                self.told_to_stop.fetch_or(told_to_stop, Ordering::SeqCst);
                self.until.fetch_max(until.timestamp_millis(), Ordering::SeqCst);
                Ok(())
            }
            Err(error) => {
                if matches!(error, StoreError::LostFence) {
                    self.until.store(i64::MIN, Ordering::SeqCst);
                }
                Err(error)
            }
        }
    }

    /// Fails unless something may be written elsewhere: where the lease is over, somebody else may have the run
    /// already, and has to be asked for first. Invariant: who has lost a run, or was seen to be told to stop, writes
    /// no account.
    ///
    /// # Errors
    /// [`EngineError::Lost`], or when the lease is over and cannot be renewed.
    pub(crate) async fn may_write(&self) -> Result<(), EngineError> {
        let now = self.engine.surroundings.now().timestamp_millis();
        if self.until.load(Ordering::SeqCst) <= now {
            self.renew().await?;
        }
        if self.told_to_stop.load(Ordering::SeqCst) { Err(EngineError::Lost) } else { Ok(()) }
    }
}
