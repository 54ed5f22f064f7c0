//! Runs watched over server-sent events: what is heard, what is not said twice, and what ends a stream.

use std::time::Duration;

use chrono::TimeDelta;
use muster_api::ApiSettings;
use muster_model::RunId;
use muster_testkit::http::Client;
use muster_testkit::server::{Staff, TestServer};
use serde_json::Value;

use crate::tasks::wait_for_end;
use crate::world::{configure, configured, expect_error, put_people};

const TASK: &str = "/acme/api/sync/sync-tasks/hr-import/instances";

/// An event, as its lines tell it.
#[derive(Debug, PartialEq)]
struct Heard {
    name: String,
    id: String,
    data: Value,
}

/// The next event of a stream; `None` when it has ended.
fn next(lines: &mut impl Iterator<Item = String>) -> Option<Heard> {
    let name = lines.find_map(|line| line.strip_prefix("event: ").map(str::to_owned))?;
    let mut field = |start: &str| lines.next().unwrap().strip_prefix(start).unwrap().to_owned();
    Some(Heard { name, id: field("id: "), data: serde_json::from_str(&field("data: ")).unwrap() })
}

fn launch(client: &Client) -> String {
    format!("{TASK}/{}", client.post_nothing(TASK).expect(200).text())
}

/// A server without workers that says every few milliseconds that it lives.
fn restless() -> (TestServer, Client) {
    let heartbeat = Duration::from_millis(5);
    // Streams that do not end by themselves would keep it this long.
    let farewell = Duration::from_secs(600);
    let settings = ApiSettings { heartbeat, farewell, ..ApiSettings::default() };
    let server = TestServer::start(Staff::Absent, settings);
    server.make_tenant("acme");
    let admin = server.make_token("acme", "admin");
    configure(&admin, "acme");
    (server, admin)
}

#[test]
fn all_who_listen_hear_of_the_progress_and_then_of_the_end() {
    let (server, admin) = configured(Staff::Absent);
    put_people(&server, &[("1", "Ann"), ("2", "Bob")]);
    let run = launch(&admin);
    let mut listeners: Vec<_> = (0..3).map(|_| admin.listen(&format!("{run}/~events"), &[])).collect();
    let mut first = Vec::new();
    for lines in &mut listeners {
        let begun = next(lines).unwrap();
        assert_eq!((begun.name.as_str(), &begun.data["progressStatus"]), ("progress", &"PENDING".into()));
        first.push(begun.id);
    }
    assert!(first.iter().all(|id| *id == first[0]), "one progress, one id: {first:?}");

    let workers = server.block_on(async { server.engine().start() });
    let shown = wait_for_end(&admin, &run);
    let mut ends = Vec::new();
    for lines in &mut listeners {
        let mut last = next(lines).unwrap();
        while last.name == "progress" {
            last = next(lines).unwrap();
        }
        assert_eq!((last.name.as_str(), &last.data), ("end", &shown), "the same as a GET");
        assert_eq!(next(lines), None, "nothing follows the end");
        ends.push(last.id);
    }
    // Who comes back with the id of the end has nothing to wait for; who has another id hears the end.
    let _ = admin.send("GET", &format!("{run}/~events"), &[("last-event-id", &ends[0])], b"").expect(204);
    let mut late = admin.listen(&format!("{run}/~events"), &[("last-event-id", &first[0])]);
    assert_eq!(next(&mut late).unwrap().data, shown);
    server.block_on(workers.shut_down());
}

#[test]
fn what_was_heard_is_not_said_again_and_silence_is_filled() {
    let (_server, admin) = restless();
    let run = launch(&admin);
    let path = format!("{run}/~events");
    let heard = next(&mut admin.listen(&path, &[])).unwrap();
    let mut again = admin.listen(&path, &[("last-event-id", &heard.id)]);
    let mut beats = 0;
    while beats < 20 {
        let line = again.next().unwrap();
        assert!(!line.starts_with("event:"), "{line}");
        beats += u32::from(line == ": heartbeat");
    }
    let _ = admin.post_nothing(&format!("{run}/~cancel")).expect(200);
    // A run that is still winding down may tell of that first.
    let end = std::iter::from_fn(|| next(&mut again)).find(|event| event.name == "end").unwrap();
    assert_eq!(end.data["outcomeStatus"], "ABORTED");
    assert_ne!(end.id, heard.id);
}

#[test]
fn a_run_that_does_not_get_on_is_heard_of() {
    let (server, admin) = restless();
    let run = launch(&admin);
    let mut lines = admin.listen(&format!("{run}/~events"), &[]);
    assert_eq!(next(&mut lines).unwrap().data["stalledSince"], Value::Null);
    // A worker took it up an hour ago, and has said since that it lives, but stored nothing.
    let now = server.engine().surroundings().now();
    let (before, tenant) = (now - TimeDelta::hours(1), server.tenant("acme"));
    server.block_on(async {
        let id = run.rsplit('/').next().unwrap().parse().unwrap();
        let launched = tenant.run(RunId(id)).await.unwrap().unwrap();
        tenant.claim(&launched, "slow", before, now + TimeDelta::hours(1)).await.unwrap();
    });
    let mut heard = next(&mut lines).unwrap();
    while heard.data["progressStatus"] == "PENDING" {
        heard = next(&mut lines).unwrap();
    }
    assert_eq!((heard.name.as_str(), &heard.data["progressStatus"]), ("progress", &"RUNNING".into()));
    let since = heard.data["stalledSince"].as_str().unwrap();
    assert_eq!(since.parse(), Ok(before));
    assert_eq!(admin.get(&run).expect(200).json()["stalledSince"], since, "the same as a GET");
    let _ = admin.post_nothing(&format!("{run}/~cancel")).expect(200);
}

#[test]
fn a_listener_who_loses_the_right_hears_no_more() {
    let (server, admin) = restless();
    let viewer = server.make_token("acme", "viewer");
    let run = launch(&admin);
    let mut lines = viewer.listen(&format!("{run}/~events"), &[]);
    assert_eq!(next(&mut lines).unwrap().name, "progress");
    assert!(server.block_on(server.tenant("acme").delete_token("viewer")).unwrap());
    // Heartbeats come until it is noticed; then the stream ends without an end of the run.
    assert_eq!(next(&mut lines), None);
}

#[test]
fn streams_end_when_the_server_does() {
    let (server, admin) = restless();
    let run = launch(&admin);
    let mut lines = admin.listen(&format!("{run}/~events"), &[]);
    assert_eq!(next(&mut lines).unwrap().name, "progress");
    drop(server);
    assert_eq!(next(&mut lines), None);
}

#[test]
fn nobody_listens_to_what_is_not_there() {
    let (_server, admin) = configured(Staff::Absent);
    let run = launch(&admin);
    let elsewhere = run.replace("hr-import", "other");
    for path in [format!("{TASK}/01900000-0000-7000-8000-000000000000"), elsewhere] {
        expect_error(admin.get(&format!("{path}/~events")), 404, "NOT_FOUND");
    }
    let head = admin.send("HEAD", &format!("{run}/~events"), &[], b"").expect(200);
    assert_eq!((head.header("content-type"), head.body.len()), ("text/event-stream", 0));
}
