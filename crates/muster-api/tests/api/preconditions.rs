//! Entity tags and preconditions: who changes what is no longer there changes nothing.

use std::collections::BTreeSet;
use std::sync::Barrier;

use muster_testkit::http::{Answer, Client};
use serde_json::json;

use crate::processes::with_two_processes;
use crate::world::{conf, connector_named, expect_error, places};

const JSON: (&str, &str) = ("content-type", "application/json");

/// How often two clients race for one version.
const ROUNDS: usize = 20;

fn list() -> String {
    conf("acme", "connector-definitions")
}

fn one() -> String {
    conf("acme", "connector-definitions/memory")
}

fn put_with(client: &Client, headers: &[(&str, &str)], name: &str) -> Answer {
    let headers: Vec<_> = [JSON].iter().chain(headers).copied().collect();
    client.send("PUT", &one(), &headers, connector_named(name).to_string().as_bytes())
}

#[test]
fn every_write_gives_a_tag_that_was_never_there_before() {
    with_two_processes(|[here, there]| {
        let mut seen = BTreeSet::new();
        for round in 0..2 {
            let created = here.post(&list(), &connector_named("First")).expect(201);
            assert_eq!(there.get(&one()).expect(200).header("etag"), created.header("etag"));
            assert!(seen.insert(created.header("etag").to_owned()), "round {round}");
            for (client, name) in [(there, "Second"), (here, "First"), (there, "Second")] {
                let put = client.put(&one(), &connector_named(name)).expect(200);
                assert!(seen.insert(put.header("etag").to_owned()), "{name} in round {round}");
                assert_eq!(here.get(&one()).header("etag"), put.header("etag"));
                // What is there already is not written again.
                assert_eq!(
                    here.put(&one(), &connector_named(name)).expect(200).header("etag"),
                    put.header("etag")
                );
            }
            let head = here.send("HEAD", &one(), &[], b"").expect(200);
            assert!(seen.contains(head.header("etag")) && head.body.is_empty());
            assert_eq!(there.delete(&one()).expect(204).header("etag"), "");
        }
        assert_eq!(seen.len(), 8);
        assert!(seen.iter().all(|tag| tag.starts_with('"') && tag.ends_with('"')), "{seen:?}");
    });
}

#[test]
fn a_write_is_refused_where_its_precondition_does_not_hold() {
    with_two_processes(|[client, _]| {
        let old = client.post(&list(), &connector_named("Old")).expect(201).header("etag").to_owned();
        let now = client.put(&one(), &connector_named("Now")).expect(200).header("etag").to_owned();
        let (weak, both) = (format!("W/{now}"), format!("{old}, {now}"));
        for (header, value) in [
            ("if-match", old.as_str()),
            ("if-match", &weak),
            ("if-match", "\"\""),
            ("if-none-match", &now),
            ("if-none-match", &weak),
            ("if-none-match", &both),
            ("if-none-match", "*"),
        ] {
            let name = if header == "if-match" { "If-Match" } else { "If-None-Match" };
            let answers = [
                put_with(client, &[(header, value)], "Lost"),
                client.send("DELETE", &one(), &[(header, value)], b""),
            ];
            for answer in answers {
                let error = expect_error(answer, 412, "PRECONDITION_FAILED");
                assert_eq!(error["properties"], json!({ "ETag": now }), "{header}: {value}");
                assert_eq!(error["description"], format!("the precondition in `{name}` does not hold"));
            }
            assert_eq!(client.get(&one()).json()["name"], "Now", "{header}: {value}");
        }
        // A precondition comes before the rules, and what is not there is not there.
        let broken = client.send("PUT", &one(), &[JSON, ("if-match", &old)], b"{\"colour\": 1}");
        expect_error(broken, 412, "PRECONDITION_FAILED");
        let nowhere = format!("{}/nothing", list());
        let absent = client.send("PUT", &nowhere, &[JSON, ("if-match", "*")], b"{}");
        expect_error(absent, 404, "NOT_FOUND");
        for bad in ["now", "\"now", ""] {
            assert_eq!(places(put_with(client, &[("if-match", bad)], "Lost")), ["If-Match"], "{bad}");
        }

        let then = put_with(client, &[("if-match", &both)], "Then").expect(200).header("etag").to_owned();
        let again = put_with(client, &[("if-match", "*"), ("if-none-match", &now)], "Again").expect(200);
        assert_ne!(again.header("etag"), then);
        let lines = [("if-match", old.as_str()), ("if-match", again.header("etag"))];
        let _ = client.send("DELETE", &one(), &lines, b"").expect(204);
    });
}

#[test]
fn who_has_it_already_is_told_so() {
    with_two_processes(|[client, _]| {
        let tag = client.post(&list(), &connector_named("First")).expect(201).header("etag").to_owned();
        for (value, status) in [(tag.clone(), 304), (format!("W/{tag}"), 304), ("*".to_owned(), 304)]
            .into_iter()
            .chain([("\"other\"".to_owned(), 200)])
        {
            let answer = client.send("GET", &one(), &[("if-none-match", &value)], b"").expect(status);
            assert_eq!(answer.body.is_empty(), status == 304, "{value}");
            assert_eq!(answer.header("etag"), tag, "{value}");
        }
        let answer = client.send("GET", &one(), &[("if-match", "\"other\"")], b"");
        expect_error(answer, 412, "PRECONDITION_FAILED");
    });
}

#[test]
fn of_two_who_change_one_version_one_wins() {
    with_two_processes(|clients| {
        let mut tag =
            clients[0].post(&list(), &connector_named("First")).expect(201).header("etag").to_owned();
        for round in 0..ROUNDS {
            let start = Barrier::new(2);
            let put = |who: usize| {
                start.wait();
                put_with(&clients[who], &[("if-match", &tag)], &format!("{round} by {who}"))
            };
            let [first, second] = std::thread::scope(|scope| {
                let other = scope.spawn(|| put(1));
                [put(0), other.join().unwrap()]
            });
            let (winner, won, lost) =
                if first.status == 200 { (0, first, second) } else { (1, second, first) };
            let won = won.expect(200);
            expect_error(lost, 412, "PRECONDITION_FAILED");
            let now = clients[0].get(&one()).expect(200);
            assert_eq!(now.json()["name"], format!("{round} by {winner}"));
            assert_eq!(now.header("etag"), won.header("etag"));
            tag = won.header("etag").to_owned();
        }
    });
}
