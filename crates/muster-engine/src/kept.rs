//! Connectors that are kept open between single syncs, with what their tasks compile to: one for each, shared by all who
//! ask at a time. Gone with the version of the configuration that it was made from, and after a while without a call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use muster_connector::{Connector, RemoteClass};
use muster_model::ConfigurationId;
use muster_store::{ConfigurationVersion, Hash, TenantNumber};
use tokio::time::{Instant, sleep_until};

use crate::configuration::LoadedConfiguration;
use crate::directories::Directory;
use crate::prepare::InboundTask;
use crate::worker::Spawned;

/// A connector that nobody has used for so long is closed.
const IDLE: Duration = Duration::from_secs(60);

/// So many are remembered; then it begins anew.
const MOST: usize = 256;

/// The connectors of single syncs, by tenant and unique id.
#[derive(Default)]
pub(crate) struct KeptConnectors(Mutex<HashMap<(TenantNumber, String), Arc<Prepared>>>);

/// What a single sync needs besides the user.
pub(crate) struct Prepared {
    /// What the configuration was when this was made.
    pub(crate) version: ConfigurationVersion,
    pub(crate) configuration: Arc<LoadedConfiguration>,
    pub(crate) rules: Hash,
    pub(crate) id: ConfigurationId,
    pub(crate) task: InboundTask,
    pub(crate) class: RemoteClass,
    /// Whether the directory was there. No directory is deleted without the version moving on.
    pub(crate) directory: Directory,
    pub(crate) kept: Arc<KeptConnector>,
}

/// A connector that is kept while somebody uses it.
#[derive(Default)]
pub(crate) struct KeptConnector(Mutex<Option<Open>>);

/// A connector that is open.
struct Open {
    connector: Arc<dyn Connector>,
    used: Instant,
    /// Closes it in time.
    _closing: Spawned<()>,
}

impl KeptConnectors {
    fn all(&self) -> MutexGuard<'_, HashMap<(TenantNumber, String), Arc<Prepared>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, tenant: TenantNumber, connector: &str) -> Option<Arc<Prepared>> {
        self.all().get(&(tenant, connector.to_owned())).cloned()
    }

    pub(crate) fn put(&self, tenant: TenantNumber, connector: &str, prepared: &Arc<Prepared>) {
        let mut all = self.all();
        if all.len() >= MOST {
            all.clear();
        }
        all.insert((tenant, connector.to_owned()), Arc::clone(prepared));
    }

    pub(crate) fn forget(&self, tenant: TenantNumber, connector: &str) {
        self.all().remove(&(tenant, connector.to_owned()));
    }
}

impl KeptConnector {
    fn held(&self) -> MutexGuard<'_, Option<Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connector, if it is open.
    pub(crate) fn connector(&self) -> Option<Arc<dyn Connector>> {
        let mut held = self.held();
        let open = held.as_mut()?;
        open.used = Instant::now();
        Some(Arc::clone(&open.connector))
    }

    /// Keeps a connector for those who ask next.
    pub(crate) fn keep(self: &Arc<Self>, connector: Arc<dyn Connector>) {
        let closing = Spawned(tokio::spawn(close(Arc::downgrade(self))));
        *self.held() = Some(Open { connector, used: Instant::now(), _closing: closing });
    }

    /// Gives up a connector that is broken, unless another is kept by now.
    pub(crate) fn give_up(&self, broken: &Arc<dyn Connector>) {
        let mut held = self.held();
        if held.as_ref().is_some_and(|open| Arc::ptr_eq(&open.connector, broken)) {
            *held = None;
        }
    }
}

/// Closes a connector once nobody has used it for a while.
async fn close(kept: Weak<KeptConnector>) {
    let mut until = Instant::now() + IDLE;
    loop {
        sleep_until(until).await;
        let Some(kept) = kept.upgrade() else { return };
        let mut held = kept.held();
        match held.as_ref() {
            Some(open) if open.used + IDLE > Instant::now() => until = open.used + IDLE,
            Some(_) | None => {
                *held = None;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use muster_connector::memory::{CAPABLE, MemoryKind, MemorySystem};
    use muster_connector::{ConnectorKind as _, FileRoots, Host, Properties};
    use muster_model::TenantSlug;
    use tokio::time::sleep;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn connector() -> Arc<dyn Connector> {
        let kind = MemoryKind { name: "hr", system: MemorySystem::new(CAPABLE) };
        let files = FileRoots { own: PathBuf::new(), further: Vec::new() };
        let host = Host::new(TenantSlug::new("acme").unwrap(), files);
        Arc::from(kind.open(&Properties::default(), &host).await.unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_connector_is_closed_once_nobody_has_used_it_for_a_while() {
        let (kept, connector) = (Arc::new(KeptConnector::default()), connector().await);
        let open = Arc::downgrade(&connector);
        kept.keep(connector);
        for _ in 0..3 {
            sleep(IDLE - SECOND).await;
            assert!(kept.connector().is_some(), "it was used in time");
        }
        let in_use = kept.connector();
        sleep(IDLE + SECOND).await;
        assert!(kept.connector().is_none());
        assert_eq!(open.strong_count(), 1, "whoever reads at that time goes on");
        drop(in_use);
        assert_eq!(open.strong_count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_connector_that_is_kept_in_the_place_of_a_broken_one_has_its_own_time() {
        let (kept, broken, next) = (Arc::new(KeptConnector::default()), connector().await, connector().await);
        kept.keep(Arc::clone(&broken));
        sleep(IDLE / 2).await;
        kept.keep(next);
        kept.give_up(&broken);
        sleep(IDLE - SECOND).await;
        let next = kept.connector().unwrap();
        kept.give_up(&next);
        assert!(kept.connector().is_none());
    }
}
