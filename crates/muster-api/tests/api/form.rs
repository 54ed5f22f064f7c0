//! The form of requests and refusals: one body for every error, and nothing of the inside in it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use muster_api::ApiSettings;
use muster_connector::memory::CAPABLE;
use muster_connector::{
    Capabilities, ClassProblem, Connector, ConnectorError, ConnectorKind, FileRoots, Host, Place, Properties,
    PropertyProblem, RemoteClass,
};
use muster_store::{ResourceWrite, Written};
use muster_testkit::server::{Staff, TestServer};
use serde_json::json;

use crate::world::{conf, connector_definition, expect_error, places, server};

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn what_is_not_served_is_said_in_the_one_form() {
    let (server, admin) = server(Staff::Absent);
    for path in ["/", "/nothing", "/acme/api/sync/conf/people", "/acme/api/sync/conf/applications/a/b"] {
        expect_error(admin.get(path), 404, "NOT_FOUND");
        expect_error(server.anybody().get(path), 404, "NOT_FOUND");
    }
    for (method, path, allowed) in [
        ("PUT", "applications", "GET, HEAD, POST"),
        ("DELETE", "applications/", "GET, HEAD, POST"),
        ("POST", "applications/hr", "GET, HEAD, PUT, PATCH, DELETE"),
        ("PATCH", "applications", "GET, HEAD, POST"),
    ] {
        let answer = admin.send(method, &conf("acme", path), &[JSON], b"{}");
        assert_eq!(answer.header("allow"), allowed, "{method} {path}");
        expect_error(answer, 405, "METHOD_NOT_ALLOWED");
    }
}

#[test]
fn a_body_that_is_no_json_is_told_with_its_place() {
    let (_server, admin) = server(Staff::Absent);
    let path = conf("acme", "applications");
    for (body, place) in [("{\"id\": \"hr\",\n \"name\" 2}", "2:9"), ("", "1:0"), ("{} {}", "1:4")] {
        let error = expect_error(admin.send("POST", &path, &[JSON], body.as_bytes()), 400, "MALFORMED");
        let named: Vec<_> = error["properties"].as_object().unwrap().keys().collect();
        assert_eq!(named, [place], "{body}");
    }
    expect_error(admin.send("POST", &path, &[JSON], b"{\"id\": \"\xff\"}"), 400, "MALFORMED");
    expect_error(admin.send("POST", &path, &[JSON], "[".repeat(50_000).as_bytes()), 400, "MALFORMED");
    assert_eq!(places(admin.post(&path, &json!([1]))), [""]);
}

#[test]
fn a_body_of_another_type_is_refused() {
    let (_server, admin) = server(Staff::Absent);
    let path = conf("acme", "connector-definitions");
    let body = connector_definition("memory").to_string();
    for headers in [
        vec![],
        vec![("content-type", "text/plain")],
        vec![("content-type", "application/x-www-form-urlencoded")],
        vec![JSON, ("content-encoding", "gzip")],
    ] {
        let answer = admin.send("POST", &path, &headers, body.as_bytes());
        expect_error(answer, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let answer =
        admin.send("POST", &path, &[("content-type", "Application/JSON; charset=utf-8")], body.as_bytes());
    let _ = answer.expect(201);
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let (_server, admin) = server(Staff::Absent);
    let path = conf("acme", "connector-definitions");
    let large = |octets: usize| {
        let mut body = connector_definition("memory");
        body["description"] = "x".repeat(octets).into();
        body.to_string()
    };
    for octets in [1 << 20, 3 << 20] {
        let answer = admin.send("POST", &path, &[JSON], large(octets).as_bytes());
        expect_error(answer, 413, "TOO_LARGE");
    }
    // Not announced: it is counted while it arrives.
    let body = large(1 << 20);
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let answer = admin.send("POST", &path, &[JSON, ("transfer-encoding", "chunked")], chunked.as_bytes());
    expect_error(answer, 413, "TOO_LARGE");
    let _ = admin.send("POST", &path, &[JSON], large(1 << 19).as_bytes()).expect(201);
}

#[test]
fn unknown_query_parameters_are_refused_all_at_once() {
    let (_server, admin) = server(Staff::Absent);
    let answer = admin.get(&conf("acme", "applications?limit=many&colour=red&size=9"));
    assert_eq!(places(answer), ["?colour", "?limit", "?size"]);
    let answer = admin.send("POST", &conf("acme", "applications?dryRun=true"), &[JSON], b"{}");
    assert_eq!(places(answer), ["?dryRun"]);
}

#[test]
fn answers_are_not_to_be_kept_or_guessed_at() {
    let (server, admin) = server(Staff::Absent);
    for answer in [
        admin.get(&conf("acme", "applications")).expect(200),
        admin.get("/nothing").expect(404),
        server.anybody().get("/health/live").expect(200),
    ] {
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[test]
fn a_head_is_a_get_without_a_body() {
    let (server, admin) = server(Staff::Absent);
    let path = conf("acme", "applications");
    let answer = admin.send("HEAD", &path, &[], b"").expect(200);
    assert_eq!((answer.header("content-length"), answer.body.len()), ("2", 0));
    let _ = server.anybody().send("HEAD", &path, &[], b"").expect(401);
}

#[test]
fn a_body_that_does_not_arrive_is_not_waited_for() {
    let patience = Duration::from_millis(300);
    let server = TestServer::start(Staff::Absent, ApiSettings { patience, ..ApiSettings::default() });
    server.make_tenant("acme");
    let admin = server.make_token("acme", "admin");
    let headers = [JSON, ("content-length", "100")];
    let path = conf("acme", "applications");
    expect_error(admin.send("POST", &path, &headers, b"{\"id\":"), 408, "MALFORMED");
    let path = "/acme/api/sync/files/in/hr.csv";
    expect_error(admin.send("PUT", path, &headers, b"no,name"), 408, "MALFORMED");
    assert_eq!(std::fs::read_dir(server.files("acme").join("in")).unwrap().count(), 0);
}

/// A connector whose check ends in a panic.
struct Panicking;

#[async_trait]
impl ConnectorKind for Panicking {
    fn name(&self) -> &'static str {
        "panicking"
    }

    fn check(&self, _: &Properties) -> Vec<PropertyProblem> {
        panic!("the secret is swordfish")
    }

    fn check_class(&self, _: &Properties, _: &RemoteClass, _: &FileRoots) -> Vec<ClassProblem> {
        Vec::new()
    }

    fn place(&self, _: &RemoteClass, place: Place) -> String {
        place.0.to_string()
    }

    fn capabilities(&self, _: &Properties) -> Capabilities {
        CAPABLE
    }

    async fn open(&self, _: &Properties, _: &Host) -> Result<Box<dyn Connector>, ConnectorError> {
        Err(ConnectorError::Unusable { message: "it only panics".to_owned() })
    }
}

#[test]
fn a_panic_is_an_error_like_others() {
    let connectors = [("panicking", Arc::new(Panicking) as Arc<_>)].into();
    let server = TestServer::start_with(Staff::Absent, ApiSettings::default(), connectors);
    server.make_tenant("acme");
    let admin = server.make_token("acme", "admin");
    let path = conf("acme", "connector-definitions");
    let mut body = connector_definition("memory");
    body["type"] = "panicking".into();
    for _ in 0..3 {
        let answer = admin.post(&path, &body);
        assert!(!answer.text().contains("swordfish"), "{}", answer.text());
        expect_error(answer, 500, "INTERNAL_ERROR");
    }
    let _ = admin.post(&path, &connector_definition("memory")).expect(201);
}

#[test]
fn a_failure_of_the_store_shows_nothing_of_it() {
    let (server, admin) = server(Staff::Absent);
    let path = conf("acme", "applications");
    let _ = admin.get(&path).expect(200);
    let _ = server.anybody().get("/health/ready").expect(200);
    let tenant = server.tenant("acme");
    let checked = server.block_on(tenant.configuration_version()).unwrap();
    let write = ResourceWrite::new(1, "hr", Written::Created("no json".to_owned()));
    server.block_on(tenant.write_resource(checked, write)).unwrap();
    let answer = admin.post(&conf("acme", "connector-definitions"), &connector_definition("memory"));
    let error = expect_error(answer, 500, "INTERNAL_ERROR");
    assert_eq!(error["description"], "an internal error occurred");
    assert_eq!(error["properties"], json!({}));
}
