//! The world that every history begins in: two tenants with some people, each twice, to be disturbed and to be left
//! alone. Made once, and copied.

use std::path::Path;
use std::sync::Arc;

use muster_connector::memory::{CAPABLE, MemoryKind};
use muster_connector::{Capabilities, Durable};
use muster_model::configuration::ConfigurationKind;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::history::Edit;
use crate::world::configuration::{provisioning, reconciliation, staff, usual};
use crate::world::{SYSTEMS, StoppedClock, TestDatabase, World};

/// Tenants of a world.
pub(super) const TENANTS: usize = 2;

/// The connector types of each tenant's systems, in the order of [`SYSTEMS`].
pub(super) const TYPES: [[&str; 3]; TENANTS] =
    [["hr of 0", "crm of 0", "ad of 0"], ["hr of 1", "crm of 1", "ad of 1"]];

/// So many may be disabled or deleted at once without an approval, for each tenant.
pub(super) const LIMITS: [u64; TENANTS] = [0, 1];

/// What becomes of the accounts of those who get none any more, for each tenant.
pub(super) const DEPROVISIONING: [&str; TENANTS] = ["DELETE", "DISABLE"];

/// What each tenant's tasks are launched by besides people: one by its schedule, with so many seconds between.
pub(super) const SCHEDULED: [(&str, i64); TENANTS] = [("crm", 60), ("hr", 120)];

/// Whose worlds nothing goes wrong in. In those nothing is launched but by who compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Disturbed,
    Calm,
}

/// The beginning of all worlds.
pub struct Template {
    octets: Vec<u8>,
    clock: StoppedClock,
    disturbed: Vec<World>,
    calm: Vec<World>,
}

/// A copy of the beginning.
pub(super) struct Beginning {
    pub(super) database: TestDatabase,
    pub(super) clock: Arc<StoppedClock>,
    pub(super) disturbed: Vec<World>,
    pub(super) calm: Vec<World>,
}

impl Template {
    /// Makes the beginning.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn make() -> Self {
        let directory = directory();
        let database = TestDatabase::on_file(directory, None).await;
        let (mut disturbed, mut calm) = (Vec::new(), Vec::new());
        for tenant in 0..TENANTS {
            disturbed.push(populated(&database, tenant, Life::Disturbed).await);
            calm.push(populated(&database, tenant, Life::Calm).await);
        }
        let octets = database.octets(&self::directory()).await;
        let clock = disturbed[0].clock().copy();
        Self { octets, clock, disturbed, calm }
    }

    pub(super) async fn copy(&self) -> Beginning {
        let database = TestDatabase::on_file(directory(), Some(&self.octets)).await;
        let clock = Arc::new(self.clock.copy());
        let (mut disturbed, mut calm) = (Vec::new(), Vec::new());
        for (tenant, (one, other)) in self.disturbed.iter().zip(&self.calm).enumerate() {
            disturbed.push(reached(one.again(&database, clock.clone()).await, tenant));
            calm.push(reached(other.again(&database, Arc::new(clock.copy())).await, tenant));
        }
        Beginning { database, clock, disturbed, calm }
    }
}

/// A directory in memory where the machine has one.
fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a directory")
}

/// The world, where its systems stand behind the connector types of its tenant.
fn reached(world: World, tenant: usize) -> World {
    SYSTEMS.into_iter().zip(TYPES[tenant]).fold(world, |world, (system, name)| {
        let system = world.system(system).clone();
        world.with_connector(Arc::new(MemoryKind { name, system }))
    })
}

/// A tenant with some people. The one has a target that counts each call and deletes, the other one that counts a
/// session at its end and disables.
async fn populated(database: &TestDatabase, tenant: usize, life: Life) -> World {
    let durable = [Durable::EachCall, Durable::AtClose][tenant];
    let world = World::open(database).await.with_capabilities("ad", Capabilities { durable, ..CAPABLE });
    let world = reached(world, tenant);
    for (kind, document) in configuration(tenant, life) {
        world.save(kind, document).await;
    }
    for number in 1..=6 {
        let department = usize::try_from(number % 3).unwrap_or(0);
        Edit::Person { number, name: 0, department, manager: number / 2 }.make(&world, tenant);
    }
    for number in 1..=2 {
        Edit::Contact { number, phone: 0 }.make(&world, tenant);
    }
    world.synchronize("hr").await;
    world.synchronize("crm").await;
    world.provision("ad").await;
    world
}

pub(super) fn configuration(tenant: usize, life: Life) -> Vec<(ConfigurationKind, Value)> {
    let limit = LIMITS[tenant];
    let guards = json!({ "disable": { "count": limit }, "delete": { "count": limit } });
    let mut all = usual();
    for (kind, document) in &mut all {
        if *kind == ConfigurationKind::ConnectorDefinition {
            let place = SYSTEMS.iter().position(|system| document["id"] == **system).expect("a system");
            document["type"] = json!(TYPES[tenant][place]);
        }
    }
    let mut staff = staff();
    staff["deprovisioning"] = json!(DEPROVISIONING[tenant]);
    let mut hr = reconciliation("hr", "person");
    let mut crm = reconciliation("crm", "contact");
    let mut ad = provisioning();
    hr["guards"] = guards.clone();
    ad["guards"] = guards;
    if life == Life::Disturbed {
        all.push((ConfigurationKind::SynchronizationTaskPostProcessingDefinition, afterwards()));
        hr["postProcessingId"] = json!("after");
        let (task, seconds) = SCHEDULED[tenant];
        let scheduled = if task == "hr" { &mut hr } else { &mut crm };
        scheduled["executionPlan"] =
            json!({ "scheduleType": "INTERVAL", "interval": seconds, "intervalUnit": "SECONDS" });
    }
    all.extend([
        (ConfigurationKind::ApplicationProfile, staff),
        (ConfigurationKind::SynchronizationTaskDefinition, hr),
        (ConfigurationKind::SynchronizationTaskDefinition, crm),
        (ConfigurationKind::ProvisioningTaskDefinition, ad),
    ]);
    all
}

/// After the people come their accounts.
fn afterwards() -> Value {
    let next = json!({ "taskDefinitionId": "ad", "outcomes": ["SUCCESS", "PARTIAL"] });
    json!({ "id": "after", "launch": [next] })
}
