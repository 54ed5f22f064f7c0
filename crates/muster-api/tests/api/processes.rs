//! Two processes on one database: what one changes in the configuration, the other has not checked against.

use std::hint::spin_loop;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Barrier};

use chrono::Utc;
use muster_api::principal::new_token;
use muster_api::{ApiSettings, ApiState, serve_until};
use muster_connector::memory::{CAPABLE, MemoryKind, MemorySystem};
use muster_engine::{Channel, Connectors, Engine, Settings};
use muster_model::TenantSlug;
use muster_store::{NewToken, ResourceWrite, Store, StoreError, TenantStore, Written};
use muster_testkit::http::{Answer, Client};
use muster_testkit::world::{StoppedClock, TestDatabase, on_each_database};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::world::{application, conf, connector_definition, expect_error, places};

/// How often the two race. Each time one of them gets a little more of a start.
const ROUNDS: usize = 60;

/// A server on a store of its own.
struct Process {
    client: Client,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Process {
    fn start(store: Store) -> Self {
        let memory = MemoryKind { name: "memory", system: MemorySystem::new(CAPABLE) };
        let connectors: Connectors = [("memory", Arc::new(memory) as _)].into();
        let settings = Settings::new(PathBuf::from("/nonexistent"), "nobody".to_owned());
        let clock = Arc::new(StoppedClock::default());
        let engine = Engine::new(store, connectors, clock, Arc::new(Channel::default()), settings);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client::new(listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let state = ApiState::new(engine, ApiSettings::default());
        let served = tokio::spawn(serve_until(listener, state, async move {
            let _ = stopped.await;
        }));
        Self { client, stop, served }
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap();
    }
}

/// The tenant `acme`, through the doors of two processes, and what its admin shows.
async fn acme(database: &TestDatabase) -> ([(Store, TenantStore); 2], String) {
    let slug = TenantSlug::new("acme").unwrap();
    let here = database.store().create_tenant(&slug, Utc::now()).await.unwrap();
    let (token, hash) = new_token();
    let (name, roles) = ("admin".to_owned(), "admin".to_owned());
    let admin = NewToken { name, roles, hash, expires_at: None, now: Utc::now() };
    here.create_token(&admin).await.unwrap();
    let other = database.another_process().await;
    let there = other.tenant(&slug).await.unwrap().unwrap();
    ([(database.store().clone(), here), (other, there)], token)
}

/// Runs a test on each database, against two processes that share it: their clients are the same admin.
pub(crate) fn with_two_processes(test: fn(&[Client; 2])) {
    on_each_database(async |database| {
        let (stores, token) = acme(database).await;
        let processes = stores.map(|(store, _)| Process::start(store));
        let clients = [0, 1].map(|place: usize| processes[place].client.with_token(&token));
        spawn_blocking(move || test(&clients)).await.unwrap();
        for process in processes {
            process.end().await;
        }
    });
}

#[test]
fn what_a_dataset_schedules_counts_from_its_import() {
    on_each_database(async |database| {
        let ([(store, here), _], token) = acme(database).await;
        let process = Process::start(store);
        let client = process.client.with_token(&token);
        let text = "<dataset><ConnectorDefinition id='c'><name>C</name><type>memory</type>\
                    </ConnectorDefinition></dataset>";
        let import = move || {
            let xml = [("content-type", "application/xml")];
            client.send("POST", &conf("acme", "dataset/import"), &xml, text.as_bytes()).expect(200).json()
        };
        let _ = spawn_blocking(import).await.unwrap();
        let unscheduled = here.unscheduled().await.unwrap().unwrap();
        assert_eq!(unscheduled.since, Some(StoppedClock::default().instant()));
        process.end().await;
    });
}

#[test]
fn of_two_writes_checked_against_one_configuration_the_first_counts() {
    on_each_database(async |database| {
        let ([(_, here), (_, there)], _) = acme(database).await;
        for turn in 0..2 {
            let (first, second) = if turn == 0 { (&here, &there) } else { (&there, &here) };
            let id = |number: u8| format!("c{turn}.{number}");
            let write = |number: u8, written| ResourceWrite::new(0, id(number), written);
            let [created, updated] = [Written::Created("{}".to_owned()), Written::Updated("[]".to_owned())];
            let (checked, late) =
                (first.configuration_version().await.unwrap(), second.configuration_version().await.unwrap());
            first.write_resource(checked, write(1, created.clone())).await.unwrap();
            for late_write in [write(2, created), write(1, updated.clone()), write(1, Written::Deleted)] {
                let refused = second.write_resource(late, late_write).await;
                assert!(matches!(refused, Err(StoreError::ConfigurationMoved)), "{refused:?}");
            }
            assert_eq!(second.resource(0, &id(1)).await.unwrap().unwrap().body, "{}");
            assert_eq!(second.resource(0, &id(2)).await.unwrap(), None);
            let checked = second.configuration_version().await.unwrap();
            assert_eq!(second.write_resource(checked, write(1, updated)).await.unwrap(), 2);
            let checked = second.configuration_version().await.unwrap();
            assert_eq!(second.write_resource(checked, write(1, Written::Deleted)).await.unwrap(), 3);
            // What changes nothing outruns nobody.
            let checked = first.configuration_version().await.unwrap();
            let refused = first.write_resource(checked, write(1, Written::Deleted)).await;
            assert!(matches!(refused, Err(StoreError::Absent(_))), "{refused:?}");
            assert_eq!(first.configuration_version().await.unwrap(), checked);
        }
    });
}

#[test]
fn what_one_process_deletes_another_does_not_refer_to() {
    with_two_processes(|[deleter, creator]| {
        for round in 0..ROUNDS {
            race(deleter, creator, round);
        }
    });
}

/// One deletes a connector definition while the other creates an application that refers to it.
fn race(deleter: &Client, creator: &Client, round: usize) {
    let (connector, id) = (format!("c{round}"), format!("a{round}"));
    let _ =
        deleter.post(&conf("acme", "connector-definitions"), &connector_definition(&connector)).expect(201);
    let mut body = application(&id);
    body["connectorDefinitionId"] = connector.as_str().into();
    // Applications that map the same attributes would get into each other's way.
    body["objectTypes"] = Value::Array(Vec::new());
    let path = conf("acme", &format!("connector-definitions/{connector}"));
    let start = Barrier::new(2);
    let after = |spins: usize, send: &dyn Fn() -> Answer| {
        start.wait();
        (0..spins).for_each(|_| spin_loop());
        send()
    };
    // Who is late, and by how much, goes round.
    let late = (round % 15) * 20_000;
    let spins = if round.is_multiple_of(2) { (late, 0) } else { (0, late) };
    let (deleted, created) = std::thread::scope(|scope| {
        let deleting = scope.spawn(|| after(spins.0, &|| deleter.delete(&path)));
        let created = after(spins.1, &|| creator.post(&conf("acme", "applications"), &body));
        (deleting.join().unwrap(), created)
    });
    println!("round {round}: {} {}", deleted.status, created.status);
    if deleted.status == 204 {
        assert_eq!(places(created), ["/connectorDefinitionId"]);
    } else {
        let error = expect_error(deleted, 409, "CONFLICT");
        assert_eq!(error["properties"][format!("applications/{id}")], "/connectorDefinitionId");
        let _ = created.expect(201);
    }
}

#[test]
fn who_is_revoked_in_one_process_is_refused_by_all() {
    on_each_database(async |database| {
        let (stores, token) = acme(database).await;
        let processes = stores.map(|(store, _)| Process::start(store));
        let [here, there] = [0, 1].map(|place: usize| processes[place].client.clone());
        spawn_blocking(move || {
            let admin = here.with_token(&token);
            let ann = json!({"name": "ann", "roles": ["viewer"], "password": "correct horse"});
            let _ = admin.post("/acme/api/users", &ann).expect(201);
            let night = json!({"name": "night", "roles": ["viewer"]});
            let night = admin.post("/acme/api/tokens", &night).expect(201).json();
            let callers =
                [there.with_user("ann", "correct horse"), there.with_token(night["token"].as_str().unwrap())];
            let path = conf("acme", "applications");
            for caller in &callers {
                // Twice, so that it is remembered.
                let _ = (caller.get(&path).expect(200), caller.get(&path).expect(200));
                let _ = caller.get("/acme/api/users").expect(403);
            }
            let _ = admin.put("/acme/api/users/ann", &json!({"roles": ["admin"]})).expect(200);
            let _ = callers[0].get("/acme/api/users").expect(200);
            let change = json!({"roles": ["viewer"], "password": "another long one"});
            let another = json!({"name": "bob", "roles": ["admin"], "password": "correct horse"});
            let _ = admin.post("/acme/api/users", &another).expect(201);
            let _ = admin.put("/acme/api/users/ann", &change).expect(200);
            let _ = callers[0].get(&path).expect(404);
            let ann = there.with_user("ann", "another long one");
            let _ = (ann.get(&path).expect(200), ann.get(&path).expect(200));
            let _ = admin.delete("/acme/api/users/ann").expect(204);
            let _ = admin.delete("/acme/api/tokens/night").expect(204);
            let _ = ann.get(&path).expect(404);
            let _ = callers[1].get(&path).expect(404);
        })
        .await
        .unwrap();
        for process in processes {
            process.end().await;
        }
    });
}
