//! The pace at which remote systems are worked: one for all calls to a system from this process, whoever makes them.
//! What it comes to `muster-plan` decides.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use muster_connector::{Admission as Leave, ConnectorError, Pace, Paced};
use muster_model::configuration::connector_definition::ConnectorDefinition;
use muster_model::{ConfigurationId, TenantSlug};
use muster_plan::pace::{Admission, Answer, Pace as Decided};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::Surroundings;

/// The systems that have been called, each by its connector definition.
#[derive(Default)]
pub(crate) struct Paces(Mutex<HashMap<(TenantSlug, ConfigurationId), Arc<System>>>);

impl Paces {
    /// The pace of the system that a connector definition reaches.
    pub(crate) fn of(
        &self,
        tenant: &TenantSlug,
        definition: &ConnectorDefinition,
        surroundings: &Arc<dyn Surroundings>,
    ) -> Paced {
        let mut systems = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let system = systems.entry((tenant.clone(), definition.id.clone())).or_insert_with(|| {
            Arc::new(System {
                name: definition.id.clone(),
                tenant: tenant.clone(),
                since: Instant::now(),
                surroundings: Arc::clone(surroundings),
                decided: Mutex::new(Decided::new(definition.limits)),
                ended: Notify::new(),
            })
        });
        let mut decided = system.decided();
        if decided.limits() != definition.limits {
            decided.set_limits(definition.limits);
        }
        drop(decided);
        Paced::new(Arc::new(Shared(Arc::clone(system))))
    }

    /// Whether a system is left alone as a whole: then a call that fails says nothing about what it was for.
    pub(crate) fn is_left_alone(&self, tenant: &TenantSlug, definition: &ConfigurationId) -> bool {
        let systems = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let system = systems.get(&(tenant.clone(), definition.clone()));
        system.is_some_and(|system| system.decided().is_left_alone())
    }
}

struct System {
    name: ConfigurationId,
    tenant: TenantSlug,
    since: Instant,
    surroundings: Arc<dyn Surroundings>,
    decided: Mutex<Decided>,
    ended: Notify,
}

impl System {
    fn decided(&self) -> MutexGuard<'_, Decided> {
        self.decided.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left_alone(&self, rest: Duration) -> ConnectorError {
        let message = format!(
            "the system of connector definition `{}` is left alone for another {} s, since none of its last calls was \
             answered",
            self.name,
            rest.as_secs().max(1)
        );
        ConnectorError::Transient { message, retry_after: Some(rest) }
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("name", &self.name).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Shared(Arc<System>);

/// One call that is under way.
struct UnderWay(Arc<System>);

impl Leave for UnderWay {}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.decided().ended();
        self.0.ended.notify_one();
    }
}

#[async_trait]
impl Pace for Shared {
    async fn admit(&self) -> Result<Box<dyn Leave>, ConnectorError> {
        let system = &self.0;
        loop {
            // Whoever ends meanwhile is not missed: the notice is asked for before the look.
            let ended = system.ended.notified();
            let admission = system.decided().admit(system.since.elapsed());
            match admission {
                Admission::Now => {
                    // There may be room for more than one.
                    system.ended.notify_one();
                    return Ok(Box::new(UnderWay(Arc::clone(system))));
                }
                Admission::In(wait) => sleep(wait).await,
                Admission::Later => ended.await,
                Admission::LeftAlone(rest) => {
                    system.ended.notify_one();
                    return Err(system.left_alone(rest));
                }
            }
        }
    }

    async fn answered(&self, attempt: u32, fault: Option<&ConnectorError>) -> bool {
        let system = &self.0;
        let answer = match fault {
            Some(ConnectorError::Transient { retry_after, .. }) => Answer::None { retry_after: *retry_after },
            Some(
                ConnectorError::Rejected { .. }
                | ConnectorError::Conflict { .. }
                | ConnectorError::Missing { .. }
                | ConnectorError::Outdated { .. }
                | ConnectorError::Unusable { .. },
            )
            | None => Answer::Given,
        };
        let chance = system.surroundings.new_id().as_u128() as u32;
        let again = system.decided().answered(system.since.elapsed(), attempt, answer, chance);
        if let (None, Some(fault), Answer::None { .. }) = (again, fault, answer) {
            tracing::debug!(tenant = %system.tenant, definition = %system.name, %fault, attempt, "a call failed");
        }
        let Some(wait) = again else { return false };
        sleep(wait).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use chrono::{DateTime, Utc};
    use muster_model::configuration::connector_definition::ConnectorLimits;
    use uuid::Uuid;

    use super::*;

    struct Still;

    impl Surroundings for Still {
        fn now(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH
        }

        fn new_id(&self) -> Uuid {
            Uuid::from_u128(7)
        }

        fn peak_memory(&self) -> u64 {
            0
        }
    }

    fn paced(paces: &Paces, limits: ConnectorLimits) -> Paced {
        let definition = ConnectorDefinition {
            id: ConfigurationId::new("ldap").unwrap(),
            name: "LDAP".to_owned(),
            description: None,
            connector_type: "ldap".to_owned(),
            properties: Vec::new(),
            limits,
            maintenance: false,
        };
        let surroundings: Arc<dyn Surroundings> = Arc::new(Still);
        paces.of(&"acme".parse().unwrap(), &definition, &surroundings)
    }

    fn transient() -> ConnectorError {
        ConnectorError::Transient { message: "busy".to_owned(), retry_after: None }
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_calls_are_under_way_and_all_are_made() {
        let limits = ConnectorLimits { max_concurrent_operations: Some(3), ..ConnectorLimits::default() };
        let paces = Paces::default();
        let (now, most, made) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
        let pace = paced(&paces, limits);
        let call = async || {
            let under_way = now.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(under_way, Ordering::SeqCst);
            sleep(Duration::from_millis(10)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            made.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        let calls = (0..50).map(|_| pace.call(call));
        let outcomes = futures_util::future::join_all(calls).await;
        assert!(outcomes.iter().all(Result::is_ok));
        assert_eq!((made.load(Ordering::SeqCst), most.load(Ordering::SeqCst)), (50, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_fails_is_made_again_and_a_refusal_is_not() {
        let paces = Paces::default();
        let pace = paced(&paces, ConnectorLimits::default());
        for (fails, fault, expected, made) in [
            (2, transient(), true, 3),
            (9, transient(), false, 3),
            (1, ConnectorError::Rejected { message: "no".to_owned() }, false, 1),
        ] {
            let calls = AtomicU32::new(0);
            let call = async || match calls.fetch_add(1, Ordering::SeqCst) < fails {
                true => Err(fault.clone()),
                false => Ok(()),
            };
            assert_eq!(pace.call(call).await.is_ok(), expected, "{fails}");
            assert_eq!(calls.load(Ordering::SeqCst), made);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_system_that_is_left_alone_is_not_called_whoever_asks() {
        let paces = Paces::default();
        let calls = AtomicU32::new(0);
        let call = async || {
            calls.fetch_add(1, Ordering::SeqCst);
            Err::<(), _>(transient())
        };
        let first = paced(&paces, ConnectorLimits::default());
        for _ in 0..10 {
            let _ = first.call(call).await;
        }
        let second = paced(&paces, ConnectorLimits::default());
        let told = second.call(call).await.unwrap_err();
        assert_eq!(calls.load(Ordering::SeqCst), 10, "ten, and nobody after them");
        assert!(told.to_string().contains("`ldap` is left alone"), "{told}");
        assert!(told.retry_after().is_some());
        sleep(Duration::from_secs(10)).await;
        assert_eq!(second.call(async || Ok(1)).await, Ok(1), "it is there again");
    }
}
