//! Two servers on one database, and one that is killed: every due time fires once.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Child;

use chrono::TimeDelta;
use muster::{Muster, Place};
use muster_model::ConfigurationId;
use muster_model::configuration::{ConfigurationKind, Document, Leniency};
use muster_model::run::TaskKind;
use muster_model::schedule::FireOutcome;
use muster_store::{FireRecord, ResourceWrite, RunFilter, RunRecord, TenantStore, Written};
use muster_testkit::people::BadLines;
use muster_testkit::world::on_each_database;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::world::{World, example, people, signal, start, wait_until};

const KIND: TaskKind = TaskKind::Synchronization;
const TASK: &str = "hr-reconciliation";

/// The tenant's data, as somebody beside the servers sees it.
struct Onlooker {
    runtime: Runtime,
    store: TenantStore,
}

impl Onlooker {
    /// Makes the tenant of the example, whose synchronization runs every second.
    fn open(place: &Place) -> Self {
        let runtime = Runtime::new().unwrap();
        let store = runtime.block_on(async {
            let muster = Muster::open(place).await.unwrap();
            let now = || muster.engine.surroundings().now();
            let store = muster.store.create_tenant(&"acme".parse().unwrap(), now()).await.unwrap();
            for (kind, mut value) in example() {
                if kind == ConfigurationKind::SynchronizationTaskDefinition {
                    value["executionPlan"] =
                        json!({ "scheduleType": "INTERVAL", "interval": 1, "intervalUnit": "SECONDS" });
                }
                let document = Document::read(kind, &value, Leniency::Strict).unwrap();
                let body = document.to_value().to_string();
                let checked = store.configuration_version().await.unwrap().at(now());
                let write = ResourceWrite::new(kind as u8, document.id().as_str(), Written::Created(body));
                store.write_resource(checked, write).await.unwrap();
            }
            store
        });
        Self { runtime, store }
    }

    /// What has fired, oldest first.
    fn fires(&self) -> Vec<FireRecord> {
        let task = ConfigurationId::new(TASK).unwrap();
        let mut fires = self.runtime.block_on(self.store.fires(KIND, &task, 1000)).unwrap();
        fires.reverse();
        fires
    }

    fn wait_for_launches(&self, more: usize) {
        let launches = || self.fires().iter().filter(|fire| fire.outcome == FireOutcome::Launched).count();
        let before = launches();
        wait_until(|| (launches() >= before + more).then_some(()));
    }

    fn runs(&self) -> Vec<RunRecord> {
        self.runtime.block_on(self.store.runs(KIND, &RunFilter::default())).unwrap()
    }
}

/// Starts a server and waits until it listens.
fn serve(world: &World, place: &Place) -> Child {
    let mut command = world.command(&["serve", "--listen", "127.0.0.1:0"]);
    if let Some(url) = &place.database_url {
        command.args(["--database-url", url]);
    }
    if let Some(key) = &place.master_key_file {
        command.env("MUSTER_MASTER_KEY_FILE", key);
    }
    let mut child = start(&mut command);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("listening on http://")));
    // Whatever it logs from now on is read, so that it never waits for us.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

/// Lets two servers work, kills one without a word, lets the other go on, and starts another after a while.
fn every_due_time_fires_once(database_url: Option<String>) {
    let world = World::empty();
    let data_dir = world.directory.path().to_owned();
    // Servers on PostgreSQL make no key of their own.
    let master_key_file = database_url.is_some().then(|| {
        let path = data_dir.join("shared.key");
        fs::write(&path, [7; 32]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    });
    let place = Place { data_dir, database_url, master_key_file, file_roots: Vec::new() };
    let onlooker = Onlooker::open(&place);
    world.deliver(&people(20, BadLines::None));
    let (mut killed, mut other) = (serve(&world, &place), serve(&world, &place));
    onlooker.wait_for_launches(4);
    signal(&killed, "KILL");
    killed.wait().unwrap();
    onlooker.wait_for_launches(3);
    signal(&other, "KILL");
    other.wait().unwrap();
    let before = onlooker.fires().len();
    let (mut third, mut fourth) = (serve(&world, &place), serve(&world, &place));
    onlooker.wait_for_launches(2);
    for child in [&mut third, &mut fourth] {
        signal(child, "TERM");
        assert_eq!(wait_until(|| child.try_wait().unwrap()).code(), Some(0));
    }
    check(&onlooker.fires(), &onlooker.runs());
    assert!(onlooker.fires().len() > before);
}

/// Every second has one fire, or was missed; every launch is one run, and every run one launch.
fn check(fires: &[FireRecord], runs: &[RunRecord]) {
    for pair in fires.windows(2) {
        let expected = TimeDelta::seconds(i64::from(pair[0].missed) + 1);
        assert_eq!(pair[1].due_at - pair[0].due_at, expected, "{pair:?}");
    }
    let launched: Vec<_> = fires.iter().filter(|fire| fire.outcome == FireOutcome::Launched).collect();
    let ids: BTreeSet<_> = launched.iter().filter_map(|fire| fire.run).collect();
    assert_eq!(ids.len(), launched.len(), "no run was launched twice");
    assert_eq!(runs.iter().map(|run| run.id).collect::<BTreeSet<_>>(), ids);
    assert!(runs.iter().all(|run| run.job.is_some()));
    let blocked = fires.iter().filter(|fire| fire.outcome == FireOutcome::Blocked);
    assert!(blocked.into_iter().all(|fire| fire.run.is_some_and(|run| ids.contains(&run))));
    assert!(fires.iter().all(|fire| fire.outcome != FireOutcome::Error), "{fires:?}");
}

#[test]
fn two_servers_on_one_postgres_fire_once() {
    on_each_database(async |database| {
        let Some(url) = database.url().map(str::to_owned) else { return };
        tokio::task::spawn_blocking(move || every_due_time_fires_once(Some(url))).await.unwrap();
    });
}

#[test]
fn two_servers_on_one_file_fire_once() {
    every_due_time_fires_once(None);
}
