//! A world for tests of the engine: one tenant on a real database, three systems in memory, a clock that
//! stands still. Everything that a run depends on is in the test's hand; nothing of ours is mocked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::TimeDelta;
use muster_connector::faulty::{FaultPlan, FaultyKind, Watch};
use muster_connector::memory::{CAPABLE, MemoryAccount, MemoryKind, MemorySystem};
use muster_connector::{Capabilities, ConnectorKind};
use muster_engine::{Channel, Connectors, Delivery, Engine, Launch, Retention, Settings};
use muster_model::configuration::{Configuration, ConfigurationKind, Document, Leniency};
use muster_model::run::{Mode, ProgressStatus, TaskKind};
use muster_model::{Attributes, ConfigurationId, Field, TenantSlug};
use muster_plan::guard::Hold;
use muster_store::{Fuse, ResourceChanges, ResourceWrite, RunRecord, Store, TenantStore, Written};
use serde_json::Value;

mod barrier;
mod by_hand;
mod clock;
pub mod configuration;
mod copy;
mod database;
mod picture;

pub use barrier::{Barrier, Stopped};
pub use clock::StoppedClock;
pub use database::{TestDatabase, on_each_database, on_sqlite};
pub use picture::difference;

/// The systems that a world has, each behind the connector type of its name.
pub const SYSTEMS: [&str; 3] = ["hr", "crm", "ad"];

/// One tenant, its systems and its clock. Worlds on one database do not see each other.
pub struct World {
    database: TestDatabase,
    store: TenantStore,
    clock: Arc<StoppedClock>,
    systems: BTreeMap<&'static str, MemorySystem>,
    connectors: Connectors,
    settings: Settings,
}

impl World {
    /// A new tenant without any configuration, and empty systems. The clock stands where it does in every new
    /// world, so that the same history gives the same ids.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn open(database: &TestDatabase) -> Self {
        let clock = Arc::new(StoppedClock::default());
        let slug = database.new_slug();
        let store = database.store().create_tenant(&slug, clock.instant()).await.expect("a new tenant");
        let mut settings = Settings::new(PathBuf::from("/nonexistent"), "nobody".to_owned());
        settings.page_size = 3;
        (settings.apply_size, settings.batch_size) = (2, 3);
        let mut world = Self {
            database: database.clone(),
            store,
            clock,
            systems: BTreeMap::new(),
            connectors: Connectors::new(),
            settings,
        };
        for name in SYSTEMS {
            world.set_system(name, MemorySystem::new(CAPABLE));
        }
        world
    }

    /// A new tenant that has the usual configuration of [`configuration`].
    ///
    /// # Panics
    /// When the database fails.
    pub async fn usual(database: &TestDatabase) -> Self {
        let world = Self::open(database).await;
        for (kind, document) in configuration::usual() {
            world.save(kind, document).await;
        }
        world
    }

    /// A tenant that exists, of another world's database or a copy of it: its systems hold what the other's do, and
    /// go their own way.
    ///
    /// # Panics
    /// When the database fails.
    pub(crate) async fn again(&self, database: &TestDatabase, clock: Arc<StoppedClock>) -> Self {
        let slug = self.store.slug();
        let store = database.store().tenant(slug).await.expect("the database").expect("the tenant");
        let settings = self.settings.clone();
        let (database, connectors) = (database.clone(), self.connectors.clone());
        let mut world = Self { database, store, clock, systems: BTreeMap::new(), connectors, settings };
        for (name, system) in &self.systems {
            world.set_system(name, system.copy());
        }
        world
    }

    fn set_system(&mut self, name: &'static str, system: MemorySystem) {
        let kind = MemoryKind { name, system: system.clone() };
        self.connectors.insert(name, Arc::new(kind));
        self.systems.insert(name, system);
    }

    /// The same world, where the pages of sweeps and the batches of applying have this size.
    #[must_use]
    pub fn with_page_size(self, size: usize) -> Self {
        self.with_sizes(size, size)
    }

    /// The same world, where the pages of sweeps and the batches of applying have these sizes.
    #[must_use]
    pub fn with_sizes(mut self, pages: usize, batches: usize) -> Self {
        (self.settings.page_size, self.settings.batch_size) = (pages, batches);
        self.settings.apply_size = batches.div_ceil(2);
        self
    }

    /// The same world, where so many changes of a plan are held against each other in memory at a time.
    #[must_use]
    pub fn with_ordered_at_once(mut self, changes: u64) -> Self {
        self.settings.ordered_at_once = changes;
        self
    }

    /// The same world, where each process has so many workers, who get nothing but what is delivered: the look
    /// for runs comes once, at their start.
    #[must_use]
    pub fn with_workers_that_do_not_look(mut self, workers: usize) -> Self {
        self.settings.workers = workers;
        self.settings.look_every = std::time::Duration::from_secs(24 * 60 * 60);
        self
    }

    /// The same world, where things are kept so long.
    #[must_use]
    pub fn with_retention(mut self, retention: Retention) -> Self {
        self.settings.retention = retention;
        self
    }

    /// The same world, where a silent worker keeps its run for so long.
    #[must_use]
    pub fn with_lease(mut self, lease: std::time::Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// The same world, where tenants' files lie below this directory.
    #[must_use]
    pub fn with_data_dir(mut self, directory: PathBuf) -> Self {
        self.settings.data_dir = directory;
        self
    }

    /// The same world with other settings.
    #[must_use]
    pub fn with_settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// The same world with another connector type.
    #[must_use]
    pub fn with_connector(mut self, kind: Arc<dyn ConnectorKind>) -> Self {
        self.connectors.insert(kind.name(), kind);
        self
    }

    /// The same world, where a system can do this and no more. It is empty.
    #[must_use]
    pub fn with_capabilities(mut self, system: &'static str, capabilities: Capabilities) -> Self {
        self.set_system(system, MemorySystem::new(capabilities));
        self
    }

    /// The same world with another system in the place of one of that name.
    #[must_use]
    pub fn with_system(mut self, name: &'static str, system: MemorySystem) -> Self {
        self.set_system(name, system);
        self
    }

    /// Lets calls to a system go wrong by a plan from now on, and counts them.
    pub fn disturb(&mut self, system: &'static str, plan: FaultPlan) -> Watch {
        let watch = Watch::new(plan);
        let kind = MemoryKind { name: system, system: self.system(system).clone() };
        self.connectors.insert(system, Arc::new(FaultyKind::new(Box::new(kind), watch.clone())));
        watch
    }

    /// A system of the world.
    ///
    /// # Panics
    /// When there is none of that name.
    #[must_use]
    pub fn system(&self, name: &str) -> &MemorySystem {
        &self.systems[name]
    }

    /// The tenant's data.
    #[must_use]
    pub fn store(&self) -> &TenantStore {
        &self.store
    }

    /// The database that the tenant lives in.
    #[must_use]
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &StoppedClock {
        &self.clock
    }

    /// The settings of its engines.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// An engine as a newly started process has it.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine_on(self.database.store().clone())
    }

    /// An engine on a store of its own, as another process has it.
    #[must_use]
    pub fn engine_on(&self, store: Store) -> Engine {
        self.engine_with(store, Arc::new(Channel::default()))
    }

    /// The same, with this delivery.
    #[must_use]
    pub fn engine_with(&self, store: Store, delivery: Arc<dyn Delivery>) -> Engine {
        let settings = Settings { owner: self.clock.next_id().to_string(), ..self.settings.clone() };
        Engine::new(store, self.connectors.clone(), self.clock.clone(), delivery, settings)
    }

    /// A process that dies after so many points of a [`Fuse`]: its engine, its door to the tenant's data, and
    /// the fuse.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn mortal_process(&self, points: u32) -> (Engine, TenantStore, Fuse) {
        let fuse = Fuse::after(points);
        let store = self.database.store().clone().with_fuse(fuse.clone());
        let door = store.tenant(self.store.slug()).await.expect("the database").expect("the tenant");
        (self.engine_on(store), door, fuse)
    }

    /// Stores a resource, or puts it in the place of the one of its id.
    ///
    /// # Panics
    /// When it breaks a rule, alone or beside the others.
    pub async fn save(&self, kind: ConfigurationKind, document: Value) {
        let document =
            Document::read(kind, &document, Leniency::Strict).unwrap_or_else(|found| panic!("{found}"));
        let resource = document.parse().unwrap_or_else(|found| panic!("{found}"));
        let number = kind.number();
        let (id, body) = (document.id().to_string(), document.to_value().to_string());
        let whole = self.configuration().await.with(resource).check();
        assert!(whole.is_empty(), "{whole}");
        let checked =
            self.store.configuration_version().await.expect("the database").at(self.clock.instant());
        let written = match self.store.resource(number, &id).await.expect("the database") {
            Some(_) => Written::Updated(body),
            None => Written::Created(body),
        };
        let write = ResourceWrite::new(number, id, written);
        self.store.write_resource(checked, write).await.expect("the database");
    }

    /// Deletes a resource, whoever refers to it, and whichever run uses it.
    ///
    /// # Panics
    /// When there is none.
    pub async fn delete(&self, kind: ConfigurationKind, id: &str) {
        let checked =
            self.store.configuration_version().await.expect("the database").at(self.clock.instant());
        let runs = self.store.live_runs().await.expect("the database");
        let changes = ResourceChanges {
            seen_runs: runs.iter().map(|(run, _)| run.id).collect(),
            ..ResourceChanges::of(vec![ResourceWrite::new(kind.number(), id, Written::Deleted)])
        };
        self.store.write_resources(checked, &changes).await.expect("the database");
    }

    async fn configuration(&self) -> Configuration {
        muster_engine::LoadedConfiguration::load(&self.store).await.expect("a configuration").resources
    }

    /// Launches a run and works on it until there is nothing left to do for a worker. A plan that is held for nothing
    /// but what the configuration takes away since it was changed, or because a target is empty, is approved: a test
    /// that changes the one and empties the other means it.
    ///
    /// # Panics
    /// When it cannot be launched, is lost, or counts wrong.
    pub async fn run(&self, launch: Launch) -> RunRecord {
        let run = self.attempt(launch).await;
        let holds = self.store.trips(&run).await.expect("the database");
        let is_meant = |hold: &Hold| match hold {
            Hold::Widened(_) => true,
            Hold::Emptied { application, .. } => {
                self.system(application.as_str()).accounts("account").is_empty()
            }
            Hold::Limit { .. } | Hold::Undo(_) => false,
        };
        let is_meant = !holds.is_empty() && holds.iter().all(is_meant);
        if run.state.status != ProgressStatus::Held || !is_meant {
            return run;
        }
        let engine = self.engine();
        engine.approve(&self.store, run.id, run.plan_hash.expect("a plan")).await.expect("approved");
        let run = self.store.run(run.id).await.expect("the database").expect("a run");
        engine.execute(&self.store, run).await.expect("a run that is not lost")
    }

    /// Launches a run and works on it until there is nothing left to do for a worker, or for nobody but a person.
    ///
    /// # Panics
    /// When it cannot be launched, is lost, or counts wrong.
    pub async fn attempt(&self, launch: Launch) -> RunRecord {
        let run = self.admit(launch).await;
        let run = self.engine().execute(&self.store, run).await.expect("a run that is not lost");
        assert!(run.counters.add_up(), "{:?}", run.counters);
        run
    }

    /// Launches a run a minute later than whatever was before, and does not work on it.
    ///
    /// # Panics
    /// When it cannot be launched.
    pub async fn admit(&self, launch: Launch) -> RunRecord {
        self.clock.pass(TimeDelta::minutes(1));
        self.engine().admit(&self.store, launch).await.expect("a run")
    }

    /// Runs a synchronization task.
    pub async fn synchronize(&self, task: &str) -> RunRecord {
        self.run(synchronization(task, Mode::Apply)).await
    }

    /// Runs a provisioning task.
    pub async fn provision(&self, task: &str) -> RunRecord {
        self.run(provisioning(task, Mode::Apply)).await
    }

    /// What a newly started process does after the lease of the last one has ended: takes up every run of the
    /// tenant that waits for a worker, until none does.
    ///
    /// # Panics
    /// When the database fails, or a run stays unfinished.
    pub async fn resume(&self) {
        for _ in 0..10 {
            self.clock.pass(TimeDelta::minutes(1));
            let engine = self.engine();
            let waiting = engine.store().claimable(self.clock.instant()).await.expect("the database");
            let mut found = false;
            for (store, run) in waiting {
                if store.slug() == self.store.slug() {
                    found = true;
                    engine.execute(&store, run).await.expect("a run that is not lost");
                }
            }
            if !found {
                return;
            }
        }
        panic!("a run is taken up again and again");
    }

    /// Puts an account into a system.
    pub fn put(&self, system: &str, class: &str, uid: &str, fields: &[(&str, &str)]) {
        let account = MemoryAccount { enabled: true, attributes: attributes(fields) };
        self.system(system).put(class, uid, account);
    }

    /// Puts a person into the HR system: number, e-mail address, name, department.
    pub fn hire(&self, number: &str, email: &str, name: &str, department: &str) {
        let fields = [("number", number), ("email", email), ("name", name), ("department", department)];
        self.put("hr", "person", number, &fields);
    }

    /// Takes a person out of the HR system.
    pub fn dismiss(&self, number: &str) {
        self.system("hr").take("person", number);
    }

    /// Puts a contact into the CRM.
    pub fn contact(&self, id: &str, email: &str, phone: &str) {
        self.put("crm", "contact", id, &[("id", id), ("email", email), ("phone", phone)]);
    }
}

/// Attributes of single texts; an empty text is left out.
fn attributes(fields: &[(&str, &str)]) -> Attributes {
    let said = fields.iter().filter(|(_, text)| !text.is_empty());
    said.map(|(name, text)| (*name, Field::text(*text))).collect()
}

/// A launch of a synchronization task.
///
/// # Panics
/// When the id is none.
#[must_use]
pub fn synchronization(task: &str, mode: Mode) -> Launch {
    launch(TaskKind::Synchronization, task, mode)
}

/// A launch of a provisioning task.
///
/// # Panics
/// When the id is none.
#[must_use]
pub fn provisioning(task: &str, mode: Mode) -> Launch {
    launch(TaskKind::Provisioning, task, mode)
}

fn launch(kind: TaskKind, task: &str, mode: Mode) -> Launch {
    let task = ConfigurationId::new(task).unwrap_or_else(|error| panic!("{error}"));
    Launch::of(kind, task, mode)
}

/// A tenant's name.
fn slug(text: &str) -> TenantSlug {
    TenantSlug::new(text).unwrap_or_else(|error| panic!("{error}"))
}
