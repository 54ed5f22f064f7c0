//! How many requests of a tenant are answered a second, so that none takes the time of the others.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use muster_model::TenantSlug;

type Limiter = RateLimiter<
    TenantSlug,
    HashMapStateStore<TenantSlug>,
    MonotonicClock,
    NoOpMiddleware<<MonotonicClock as Clock>::Instant>,
>;

/// The pace of every tenant. Only tenants that there are may be asked for: each is remembered.
pub(crate) struct Pace(Option<Limiter>);

impl Pace {
    /// So many requests a second, twice as many at once; any number for 0.
    pub(crate) fn new(requests_per_second: u32) -> Self {
        let quota = NonZeroU32::new(requests_per_second)
            .map(|a_second| Quota::per_second(a_second).allow_burst(a_second.saturating_add(a_second.get())));
        Self(quota.map(|quota| RateLimiter::hashmap_with_clock(quota, MonotonicClock)))
    }

    /// How long a tenant has to wait with a request; `None` when it need not, and then the request counts.
    pub(crate) fn wait(&self, tenant: &TenantSlug) -> Option<Duration> {
        let refused = self.0.as_ref()?.check_key(tenant).err()?;
        Some(refused.wait_time_from(MonotonicClock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flood_of_one_tenant_costs_another_nothing() {
        let [acme, beta] = ["acme", "beta"].map(|slug| TenantSlug::new(slug).unwrap());
        let pace = Pace::new(1);
        let admitted = |tenant| (0..2).filter(|_| pace.wait(tenant).is_none()).count();
        assert_eq!(admitted(&acme), 2);
        assert!(pace.wait(&acme).is_some_and(|wait| wait <= Duration::from_secs(1)));
        assert_eq!(admitted(&beta), 2);
        assert!((0..1000).all(|_| Pace::new(0).wait(&acme).is_none()));
    }
}
