//! Files: in and out of the tenant's own directory, and nowhere else.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use muster_api::ApiSettings;
use muster_testkit::http::Client;
use muster_testkit::server::{Staff, TestServer};
use serde_json::json;

use crate::world::{expect_error, server};

const FILES: &str = "/acme/api/sync/files/";

fn put(client: &Client, path: &str, body: &[u8]) -> u16 {
    client.send("PUT", &format!("{FILES}{path}"), &[], body).status
}

fn paths(client: &Client, query: &str) -> Vec<String> {
    let files = client.get(&format!("{FILES}{query}")).expect(200).json();
    files.as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_file_goes_in_and_comes_out_again() {
    let (server, admin) = server(Staff::Absent);
    assert_eq!(paths(&admin, ""), [""; 0]);
    expect_error(admin.get(&format!("{FILES}in/hr.csv")), 404, "NOT_FOUND");
    let content: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
    assert_eq!(put(&admin, "in/hr.csv", &content), 201);
    assert_eq!(put(&admin, "in/hr.csv", b"no,name\n"), 204);
    assert_eq!(put(&admin, "in/hr.csv", &content), 204);
    let answer = admin.get(&format!("{FILES}in%2Fhr.csv")).expect(200);
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.header("content-length"), "300000");
    assert!(answer.body == content);
    assert!(fs::read(server.files("acme").join("in/hr.csv")).unwrap() == content);

    assert_eq!(put(&admin, "a%20b%25.csv", b""), 201);
    assert_eq!(admin.get(&format!("{FILES}a%20b%25.csv")).expect(200).body, b"");
    let listed = admin.get(FILES).expect(200).json();
    assert_eq!(listed[1]["size"], 300_000);
    assert_eq!(paths(&admin, ""), ["a b%.csv", "in/hr.csv"]);
    assert_eq!(paths(&admin, "?limit=1"), ["a b%.csv"]);
    assert_eq!(paths(&admin, "?after=a%20b%25.csv"), ["in/hr.csv"]);
    let _ = admin.get("/acme/api/sync/files").expect(200);

    let _ = admin.delete(&format!("{FILES}in/hr.csv")).expect(204);
    expect_error(admin.delete(&format!("{FILES}in/hr.csv")), 404, "NOT_FOUND");
    assert_eq!(paths(&admin, ""), ["a b%.csv"]);
}

#[test]
fn paths_that_lead_out_are_refused() {
    let (server, admin) = server(Staff::Absent);
    server.make_tenant("beta");
    assert_eq!(put(&admin, "in/hr.csv", b"mine"), 201);
    let secret = server.data().join("secret.txt");
    fs::write(&secret, "secret").unwrap();
    symlink(&secret, server.files("acme").join("link.txt")).unwrap();
    symlink(server.data(), server.files("acme").join("door")).unwrap();
    let absolute = format!("%2F{}", secret.display());
    for path in [
        "../beta/hr.csv",
        "..%2Fbeta%2Fhr.csv",
        "%2e%2e/muster.db",
        "in/../../../secret.txt",
        "/etc/passwd",
        "%2Fetc%2Fpasswd",
        absolute.as_str(),
        "link.txt",
        "door/secret.txt",
        "door/new.txt",
        "in",
        "in/",
        "in/hr.csv/deeper",
        "a%00b",
        "a%0Ab",
        "a%FF",
    ] {
        for (method, body) in
            [("GET", b"".as_slice()), ("PUT", b"theirs".as_slice()), ("DELETE", b"".as_slice())]
        {
            let answer = admin.send(method, &format!("{FILES}{path}"), &[], body);
            expect_error(answer, 400, "VALIDATION_FAILED");
        }
    }
    assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
    assert_eq!(fs::read_to_string(server.files("acme").join("in/hr.csv")).unwrap(), "mine");
    assert!(!server.data().join("new.txt").exists());
    assert_eq!(paths(&admin, ""), ["in/hr.csv"]);
}

#[test]
fn a_file_that_does_not_arrive_whole_leaves_no_trace() {
    let server = TestServer::start(Staff::Absent, ApiSettings { file_limit: 1000, ..ApiSettings::default() });
    server.make_tenant("acme");
    let admin = server.make_token("acme", "admin");
    let path = format!("{FILES}in/hr.csv");
    assert_eq!(put(&admin, "in/hr.csv", b"before"), 201);
    expect_error(admin.send("PUT", &path, &[], &[b'x'; 1001]), 413, "TOO_LARGE");
    let chunked = format!("3e9\r\n{}\r\n0\r\n\r\n", "x".repeat(1001));
    let headers = [("transfer-encoding", "chunked")];
    expect_error(admin.send("PUT", &path, &headers, chunked.as_bytes()), 413, "TOO_LARGE");
    let headers = [("content-encoding", "gzip")];
    expect_error(admin.send("PUT", &path, &headers, b"x"), 415, "UNSUPPORTED_MEDIA_TYPE");
    assert_eq!(put(&admin, "in/hr.csv", &[b'x'; 1000]), 204);
    let entries = fs::read_dir(server.files("acme").join("in")).unwrap().count();
    assert_eq!(entries, 1, "nothing is left of what did not arrive");

    // What a killed server has left is not shown, and cleared away a day later.
    let left = server.files("acme").join("in/.arriving-left");
    fs::write(&left, "left").unwrap();
    assert_eq!(paths(&admin, ""), ["in/hr.csv"]);
    assert_eq!(put(&admin, "in/hr.csv", b"again"), 204);
    assert!(left.exists(), "it may still arrive");
    let two_days_ago = SystemTime::now() - Duration::from_secs(48 * 60 * 60);
    fs::File::options().write(true).open(&left).unwrap().set_modified(two_days_ago).unwrap();
    assert_eq!(put(&admin, "in/hr.csv", b"again"), 204);
    assert!(!left.exists());
}

#[test]
fn a_tenant_sees_its_own_files_only() {
    let (server, admin) = server(Staff::Absent);
    server.make_tenant("beta");
    let other = server.make_token("beta", "admin");
    assert_eq!(put(&admin, "hr.csv", b"mine"), 201);
    assert_eq!(other.get("/beta/api/sync/files/").expect(200).json(), json!([]));
    expect_error(other.get("/beta/api/sync/files/hr.csv"), 404, "NOT_FOUND");
    expect_error(other.get(&format!("{FILES}hr.csv")), 404, "NOT_FOUND");
}
