//! Secrets over HTTP: written, used, and shown by nothing: no answer, no line of the log, no file.

use std::fs;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use muster_api::ApiSettings;
use muster_connector::memory::{CAPABLE, MemorySystem};
use muster_engine::Connectors;
use muster_testkit::http::Client;
use muster_testkit::locked::LockedKind;
use muster_testkit::server::{Staff, TestServer};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::tasks::wait_for_end;
use crate::world::{application, conf, expect_error, places, synchronization_task};

const SECRETS: &str = "/acme/api/sync/secrets";
const PASSWORD: &str = "Tr0ub4dor-and-three-more";
const WRONG: &str = "an-old-Tr0ub4dor-that-is-wrong";

/// The log of this process, as far as tests want to read it.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn definition(host: &str) -> Value {
    json!({
        "id": "memory", "name": "HR", "type": "locked",
        "connectorProperties": [
            {"name": "host", "value": host},
            {"name": "password", "value": "${secret:hr.password}"},
        ],
    })
}

fn put(client: &Client, name: &str, value: &str) -> (u16, Value) {
    let text = [("content-type", "text/plain; charset=utf-8")];
    let answer = client.send("PUT", &format!("{SECRETS}/{name}"), &text, value.as_bytes());
    (answer.status, answer.json())
}

/// A server with a system that wants a password, the admin of `acme`, and its configurator.
fn locked() -> (TestServer, Client, Client) {
    let kind = LockedKind::new("locked", PASSWORD, MemorySystem::new(CAPABLE));
    let connectors: Connectors = [("locked", Arc::new(kind) as _)].into();
    let server = TestServer::start_with(Staff::Working, ApiSettings::default(), connectors);
    server.make_tenant("acme");
    let (admin, configurator) =
        (server.make_token("acme", "admin"), server.make_token("acme", "configurator"));
    (server, admin, configurator)
}

fn configure(client: &Client) {
    for (kind, body) in [
        ("connector-definitions", definition("hr.example")),
        ("applications", application("hr")),
        ("sync-task-definitions", synchronization_task("hr")),
    ] {
        let _ = client.post(&conf("acme", kind), &body).expect(201);
    }
}

/// Runs the task; answers the path of the run and its progress.
fn run(client: &Client) -> (String, Value) {
    let instances = "/acme/api/sync/sync-tasks/hr/instances";
    let id = client.post_nothing(instances).expect(200).text().to_owned();
    let path = format!("{instances}/{id}");
    let progress = wait_for_end(client, &path);
    (path, progress)
}

#[test]
fn a_secret_is_put_listed_and_deleted() {
    let (_server, admin, configurator) = locked();
    let (status, made) = put(&admin, "hr.password", PASSWORD);
    assert_eq!((status, &made["name"], &made["usedBy"]), (201, &json!("hr.password"), &json!([])));
    let json = admin.put(&format!("{SECRETS}/hr.password"), &json!({"value": WRONG})).expect(200).json();
    assert_eq!(json["createdAt"], made["createdAt"]);
    let listed = admin.get(SECRETS).expect(200).json();
    let fields: Vec<_> = listed[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["name", "createdAt", "updatedAt", "usedBy"]);
    for method in ["GET", "POST"] {
        let _ = admin.send(method, &format!("{SECRETS}/hr.password"), &[], b"").expect(405);
    }
    let _ = configurator.get(SECRETS).expect(403);
    assert_eq!(put(&configurator, "x", "x").0, 403);
    let _ = admin.delete(&format!("{SECRETS}/hr.password")).expect(204);
    expect_error(admin.delete(&format!("{SECRETS}/hr.password")), 404, "NOT_FOUND");
    expect_error(admin.delete(&format!("{SECRETS}/~x")), 404, "NOT_FOUND");
}

#[test]
fn what_cannot_be_a_secret_is_refused() {
    let (_server, admin, _) = locked();
    let path = format!("{SECRETS}/x");
    let send = |kind: &str, body: &[u8]| admin.send("PUT", &path, &[("content-type", kind)], body);
    assert_eq!(places(send("text/plain", b"")), [""]);
    assert_eq!(places(send("text/plain", b"\xff")), [""]);
    assert_eq!(places(send("text/plain", &[b'x'; 65_537])), [""]);
    assert_eq!(places(send("application/json", b"{\"value\": \"\"}")), ["/value"]);
    assert_eq!(places(send("application/json", b"{\"value\": 7, \"name\": \"x\"}")), ["/name", "/value"]);
    expect_error(send("application/xml", b"<x/>"), 415, "UNSUPPORTED_MEDIA_TYPE");
    expect_error(admin.send("PUT", &path, &[], b"x"), 415, "UNSUPPORTED_MEDIA_TYPE");
    assert_eq!(places(admin.put(&format!("{SECRETS}/a%20b"), &json!({"value": "x"}))), ["{name}"]);
    assert_eq!(admin.get(SECRETS).expect(200).json(), json!([]));
}

#[test]
fn references_lead_to_secrets_that_there_are() {
    let (_server, admin, configurator) = locked();
    let definitions = conf("acme", "connector-definitions");
    let pointer = "/connectorProperties/1/value";
    assert_eq!(places(configurator.post(&definitions, &definition("hr.example"))), [pointer]);
    let mut broken = definition("hr.example");
    broken["name"] = Value::Null;
    assert_eq!(places(configurator.post(&definitions, &broken)), [pointer, "/name"], "all at once");
    broken["name"] = "HR".into();
    broken["connectorProperties"][1]["value"] = "${secret:hr.password".into();
    assert_eq!(places(configurator.post(&definitions, &broken)), [pointer]);
    let webhook = json!({
        "id": "after", "webhooks": [{"url": "https://hooks.example.org/x", "secret": "${secret:hook}"}],
    });
    let after = conf("acme", "sync-task-post-processing-definitions");
    assert_eq!(places(configurator.post(&after, &webhook)), ["/webhooks/0/secret"]);
    put(&admin, "hook", "h00k");
    put(&admin, "hr.password", PASSWORD);
    let _ = configurator.post(&after, &webhook).expect(201);
    let _ = configurator.post(&definitions, &definition("hr.example")).expect(201);
    for (name, referrer) in [
        ("hr.password", "connector-definitions/memory/connectorProperties/1/value"),
        ("hook", "sync-task-post-processing-definitions/after/webhooks/0/secret"),
    ] {
        let error = expect_error(admin.delete(&format!("{SECRETS}/{name}")), 409, "CONFLICT");
        assert_eq!(error["properties"][referrer], "refers to it", "{error}");
    }
}

#[test]
fn a_secret_follows_a_definition_only_where_it_was_entered_for() {
    let (_server, admin, configurator) = locked();
    put(&admin, "hr.password", PASSWORD);
    configure(&configurator);
    let used_by = || admin.get(SECRETS).expect(200).json()[0]["usedBy"].clone();
    assert_eq!(used_by(), json!(["memory"]));
    assert_eq!(run(&configurator).1["failure"], Value::Null);
    let path = conf("acme", "connector-definitions/memory");
    for client in [&configurator, &admin] {
        let _ = client.put(&path, &definition("evil.example")).expect(200);
        let failure = run(&configurator).1["failure"].as_str().unwrap().to_owned();
        assert!(failure.contains("secret `hr.password` was not entered for where"), "{failure}");
    }
    let mut other = definition("evil.example");
    other["id"] = "other".into();
    let _ = configurator.post(&conf("acme", "connector-definitions"), &other).expect(201);
    assert_eq!(used_by(), json!(["memory"]), "a configurator sends it nowhere else");
    other["id"] = "third".into();
    let _ = admin.post(&conf("acme", "connector-definitions"), &other).expect(201);
    assert_eq!(used_by(), json!(["memory", "third"]));
    let (_, again) = put(&admin, "hr.password", PASSWORD);
    assert_eq!(again["usedBy"], json!(["memory", "other", "third"]));
    assert_eq!(run(&configurator).1["failure"], Value::Null);
}

#[test]
fn no_answer_no_log_and_no_file_holds_a_value() {
    let log = Log::default();
    let lines = tracing_subscriber::fmt().with_env_filter("trace").with_writer(log.clone());
    tracing::subscriber::set_global_default(lines.finish()).unwrap();
    let (server, admin, configurator) = locked();
    put(&admin, "hr.password", WRONG);
    configure(&configurator);
    let (failed, progress) = run(&configurator);
    assert!(progress["failure"].as_str().unwrap().contains("not `${secret:hr.password}`"), "{progress}");
    put(&admin, "hr.password", PASSWORD);
    let (done, progress) = run(&configurator);
    assert_eq!(progress["failure"], Value::Null);
    let mut shown = String::new();
    for path in [
        SECRETS.to_owned(),
        conf("acme", "connector-definitions"),
        conf("acme", "connector-definitions/memory"),
        format!("{failed}?option=expandErrorDetails:true"),
        format!("{done}?option=expandErrorDetails:true"),
        format!("{done}/changes"),
        "/acme/api/sync/sync-tasks/~instances?option=expandErrorDetails:true".to_owned(),
    ] {
        shown.push_str(admin.get(&path).expect(200).text());
    }
    let log = log.0.lock().unwrap().clone();
    let log_text = String::from_utf8_lossy(&log);
    assert!(
        log_text.contains("secret `hr.password` replaced") && log_text.contains("run failed"),
        "{log_text}"
    );
    let files = fs::read_dir(server.data()).unwrap().filter_map(|entry| fs::read(entry.unwrap().path()).ok());
    let files: Vec<_> = files.flatten().collect();
    assert!(files.windows(11).any(|part| part == b"hr.password"), "the database is among them");
    for value in [PASSWORD, WRONG] {
        assert!(!shown.contains(value), "{shown}");
        assert!(!log_text.contains(value), "it is in the log");
        assert!(!files.windows(value.len()).any(|part| part == value.as_bytes()), "it is in a file");
    }
}
