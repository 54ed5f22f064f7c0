//! The history of configuration: who wrote what and when, and the way back.

use muster_api::ApiSettings;
use muster_testkit::http::{Answer, Client};
use muster_testkit::server::{Staff, TestServer};
use serde_json::{Value, json};

use crate::processes::with_two_processes;
use crate::world::{
    application, conf, configure, connector_definition, connector_named, expect_error, places,
    synchronization_task,
};

fn one() -> String {
    conf("acme", "connector-definitions/memory")
}

fn history(client: &Client, query: &str) -> Vec<Value> {
    let answer = client.get(&format!("{}/~history{query}", one())).expect(200).json();
    answer.as_array().unwrap().clone()
}

fn versions(history: &[Value]) -> Vec<i64> {
    history.iter().map(|version| version["version"].as_i64().unwrap()).collect()
}

fn restore(client: &Client, path: &str, version: i64) -> Answer {
    client.post(&format!("{path}/~restore"), &json!({ "version": version }))
}

#[test]
fn every_version_says_who_wrote_it_when_and_what_differs() {
    with_two_processes(|[here, there]| {
        let _ = here.post(&conf("acme", "connector-definitions"), &connector_named("First")).expect(201);
        let mut second = connector_named("Second");
        second["connectorProperties"] = json!([]);
        second["description"] = "added".into();
        let _ = there.put(&one(), &second).expect(200);
        let _ = here.delete(&one()).expect(204);
        let restored = restore(there, &one(), 2).expect(201);
        assert_eq!(restored.header("location"), one());
        assert_eq!(here.get(&one()).header("etag"), restored.header("etag"));

        let told = history(here, "");
        assert_eq!(told, history(there, "/"));
        assert_eq!(versions(&told), [4, 3, 2, 1]);
        let field = |name: &str| told.iter().map(|one| one[name].clone()).collect::<Vec<_>>();
        assert_eq!(field("action"), ["RESTORED", "DELETED", "UPDATED", "CREATED"]);
        assert!(field("actor").iter().all(|actor| *actor == json!({"kind": "TOKEN", "name": "admin"})));
        assert!(field("at").iter().all(|at| at.as_str().unwrap().ends_with('Z')), "{told:?}");
        assert_eq!(
            told[2]["differences"],
            json!([
                {"pointer": "/name", "before": "First", "after": "Second"},
                {"pointer": "/description", "after": "added"},
            ])
        );
        for (version, side) in [(0, "after"), (1, "before")] {
            let differences = told[version]["differences"].as_array().unwrap();
            let sides: Vec<_> = differences.iter().map(|one| (&one["pointer"], &one[side])).collect();
            assert!(sides.contains(&(&json!("/name"), &json!("Second"))), "{sides:?}");
            assert!(differences.iter().all(|one| one.as_object().unwrap().len() == 2), "{differences:?}");
        }
        for (version, name) in [(1, Some("First")), (2, Some("Second")), (3, None), (4, Some("Second"))] {
            let then = there.get(&format!("{}/~history/{version}", one()));
            match name {
                Some(name) => assert_eq!(then.expect(200).json()["name"], name),
                None => drop(expect_error(then, 404, "NOT_FOUND")),
            }
        }
        assert_eq!(here.get(&format!("{}/~history/4", one())).json(), here.get(&one()).json());
    });
}

#[test]
fn history_is_paged_and_outlives_its_resource() {
    with_two_processes(|[client, _]| {
        let _ = client.post(&conf("acme", "connector-definitions"), &connector_named("0")).expect(201);
        for round in 1..25 {
            let _ = client.put(&one(), &connector_named(&round.to_string())).expect(200);
        }
        let _ = client.delete(&one()).expect(204);
        assert_eq!(versions(&history(client, "")), (7..=26).rev().collect::<Vec<_>>());
        assert_eq!(versions(&history(client, "?limit=3")), [26, 25, 24]);
        let page = history(client, "?limit=2&after=4");
        assert_eq!(versions(&page), [3, 2]);
        // The last of a page is compared with what the next page begins with.
        let difference = json!([{"pointer": "/name", "before": "0", "after": "1"}]);
        assert_eq!(page[1]["differences"], difference);
        assert_eq!(history(client, "?after=1"), [json!(null); 0]);
        let of_nothing = conf("acme", "connector-definitions/nothing/~history");
        expect_error(client.get(&of_nothing), 404, "NOT_FOUND");
        for version in ["0", "27", "-1", "first", "99999999999999999999"] {
            expect_error(client.get(&format!("{}/~history/{version}", one())), 404, "NOT_FOUND");
        }
        assert_eq!(places(client.get(&format!("{}/~history?after=0&limit=0", one()))), ["?after", "?limit"]);
    });
}

#[test]
fn an_earlier_version_comes_back_unless_it_breaks_rules() {
    with_two_processes(|[client, _]| {
        configure(client, "acme");
        let hr = conf("acme", "applications/hr");
        let mut other = application("hr");
        other["connectorDefinitionId"] = "other".into();
        let _ =
            client.post(&conf("acme", "connector-definitions"), &connector_definition("other")).expect(201);
        let second = client.put(&hr, &other).expect(200);

        let first = restore(client, &hr, 1).expect(200);
        assert_eq!(first.json(), client.get(&format!("{hr}/~history/1")).json());
        assert_eq!(restore(client, &hr, 1).expect(200).header("etag"), first.header("etag"));
        assert_eq!(restore(client, &hr, 2).expect(200).json(), second.json());
        // What it referred to has gone since.
        let _ = restore(client, &hr, 1).expect(200);
        let _ = client.delete(&conf("acme", "connector-definitions/other")).expect(204);
        assert_eq!(places(restore(client, &hr, 2)), ["/connectorDefinitionId"]);
        assert_eq!(client.get(&hr).json(), first.json());
        // And what refers to it would be broken.
        let mut task = synchronization_task("hr-import");
        task["objectClassId"] = "badge".into();
        let mut renamed = application("hr");
        renamed["objectClasses"][0]["id"] = "badge".into();
        renamed["objectTypes"][0]["objectClassId"] = "badge".into();
        let _ = client.delete(&conf("acme", "sync-task-definitions/hr-import")).expect(204);
        let _ = client.put(&hr, &renamed).expect(200);
        let _ = client.post(&conf("acme", "sync-task-definitions"), &task).expect(201);
        assert_eq!(places(restore(client, &hr, 1)), ["sync-task-definitions/hr-import#/objectClassId"]);
    });
}

#[test]
fn a_restore_that_names_nothing_to_restore_is_refused() {
    with_two_processes(|[client, _]| {
        let of_nothing = conf("acme", "connector-definitions/nothing");
        expect_error(restore(client, &of_nothing, 1), 404, "NOT_FOUND");
        let created =
            client.post(&conf("acme", "connector-definitions"), &connector_named("First")).expect(201);
        let now = client.put(&one(), &connector_named("Second")).expect(200).header("etag").to_owned();
        let action = format!("{}/~restore", one());
        for body in [json!({"version": 3}), json!({"version": 0}), json!({"version": "1"}), json!({})] {
            assert_eq!(places(client.post(&action, &body)), ["/version"], "{body}");
        }
        assert_eq!(places(client.post(&action, &json!({"version": 1, "name": "x"}))), ["/name"]);
        let first = json!({"version": 1}).to_string();
        let when = |header, tag: &str| {
            let headers = [("content-type", "application/json"), (header, tag)];
            client.send("POST", &action, &headers, first.as_bytes())
        };
        expect_error(when("if-match", created.header("etag")), 412, "PRECONDITION_FAILED");
        let restored = when("if-match", &now).expect(200);
        assert!(![created.header("etag"), &now].contains(&restored.header("etag")));

        let _ = client.delete(&one()).expect(204);
        assert_eq!(places(restore(client, &one(), 4)), ["/version"]);
        let error = expect_error(when("if-match", "*"), 412, "PRECONDITION_FAILED");
        assert_eq!(error["properties"], json!({}));
        assert_eq!(when("if-none-match", "*").expect(201).json()["name"], "First");
    });
}

#[test]
fn a_restored_task_is_the_one_that_it_was() {
    with_two_processes(|[client, _]| {
        configure(client, "acme");
        let path = conf("acme", "sync-task-definitions/hr-import");
        let before = client.get(&path).json();
        let _ = client.delete(&path).expect(204);
        assert_eq!(restore(client, &path, 1).expect(201).json(), before);
        // A task of the same id that was made anew is another one.
        let _ = client.delete(&path).expect(204);
        let anew = client.post(&conf("acme", "sync-task-definitions"), &synchronization_task("hr-import"));
        assert_ne!(anew.expect(201).json()["uniqueId"], before["uniqueId"]);
        assert_eq!(places(restore(client, &path, 1)), ["/uniqueId"]);
    });
}

#[test]
fn users_are_told_from_tokens_and_tenants_see_their_own() {
    let server = TestServer::start(Staff::Absent, ApiSettings::default());
    for tenant in ["acme", "beta"] {
        server.make_tenant(tenant);
    }
    let (token, stranger) = (server.make_token("acme", "admin"), server.make_token("beta", "admin"));
    let ann = server.make_user("acme", "ann", "a long password", "configurator");
    let _ = token.post(&conf("acme", "connector-definitions"), &connector_named("First")).expect(201);
    let _ = ann.put(&one(), &connector_named("Second")).expect(200);
    let actors: Vec<_> = history(&ann, "").iter().map(|version| version["actor"].clone()).collect();
    assert_eq!(actors, [json!({"kind": "USER", "name": "ann"}), json!({"kind": "TOKEN", "name": "admin"})]);
    expect_error(stranger.get(&format!("{}/~history", one())), 404, "NOT_FOUND");
    let elsewhere = conf("beta", "connector-definitions/memory");
    expect_error(stranger.get(&format!("{elsewhere}/~history")), 404, "NOT_FOUND");
    expect_error(restore(&stranger, &elsewhere, 1), 404, "NOT_FOUND");
}
