//! Work that a tenant may have done only so much of at a time, so that it takes neither the connections nor the time of
//! others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_model::TenantSlug;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// Places for one sort of work, as many for each tenant.
pub(crate) struct Turns {
    at_once: usize,
    /// How long a request waits for its turn.
    patience: Duration,
    /// Of the tenants that have somebody at work or waiting.
    tenants: Mutex<HashMap<TenantSlug, Arc<Semaphore>>>,
}

impl Turns {
    pub(crate) fn new(at_once: usize, patience: Duration) -> Self {
        Self { at_once, patience, tenants: Mutex::default() }
    }

    /// Waits for a turn of this tenant, which lasts as long as what is answered is kept.
    ///
    /// # Errors
    /// [`ApiError::Busy`] where that takes too long.
    pub(crate) async fn take(&self, tenant: &TenantSlug) -> Result<OwnedSemaphorePermit, ApiError> {
        let turn = tokio::time::timeout(self.patience, self.of(tenant).acquire_owned()).await;
        turn.map_err(|_| ApiError::Busy)?.map_err(ApiError::internal)
    }

    fn of(&self, tenant: &TenantSlug) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever works or waits holds the semaphore too.
        tenants.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        let new = || Arc::new(Semaphore::new(self.at_once));
        Arc::clone(tenants.entry(tenant.clone()).or_insert_with(new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_takes_all_turns_of_a_tenant_keeps_no_other_tenant_waiting() {
        let [acme, beta] = ["acme", "beta"].map(|slug| TenantSlug::new(slug).unwrap());
        let turns = Turns::new(2, Duration::ZERO);
        let first = turns.take(&acme).await.unwrap();
        let _second = turns.take(&acme).await.unwrap();
        assert!(matches!(turns.take(&acme).await, Err(ApiError::Busy)));
        let _other = turns.take(&beta).await.unwrap();
        drop(first);
        let _third = turns.take(&acme).await.unwrap();
        assert!(matches!(turns.take(&acme).await, Err(ApiError::Busy)), "its turns are not made anew");
    }

    #[tokio::test]
    async fn tenants_that_have_nothing_done_are_not_remembered() {
        let turns = Turns::new(1, Duration::ZERO);
        for number in 0..10 {
            drop(turns.take(&TenantSlug::new(&format!("tenant-{number}")).unwrap()).await.unwrap());
        }
        let kept = turns.take(&TenantSlug::new("acme").unwrap()).await.unwrap();
        assert_eq!(turns.tenants.lock().unwrap().len(), 1);
        drop(kept);
    }
}
