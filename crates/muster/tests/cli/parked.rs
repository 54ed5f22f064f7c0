//! `muster run parked` and `muster run release`, in their own process and on a server.

use muster_model::configuration::ConfigurationKind;
use muster_testkit::people::BadLines;
use serde_json::json;

use crate::server::{Served, token};
use crate::world::{World, bare, finish, people};

const PROVISION: [&str; 7] = ["run", "prov", "accounts", "--tenant", "acme", "--output", "json"];

/// A payroll file in whose encoding not every name can be written.
fn narrow() -> World {
    let world = World::adapted(|kind, document| {
        if kind == ConfigurationKind::ConnectorDefinition && document["id"] == "payroll-csv" {
            let encoding = json!({"name": "encoding", "value": "windows-1252"});
            document["connectorProperties"].as_array_mut().unwrap().push(encoding);
        }
    });
    world.deliver(&people(40, BadLines::None));
    world.call(&["run", "sync", "hr-reconciliation", "--tenant", "acme"]).expect(0);
    world
}

#[test]
fn accounts_that_a_target_refuses_are_listed_left_alone_and_released() {
    let world = narrow();
    let failed = world.call(&PROVISION).expect(3).json()["numberOfErrors"].as_u64().unwrap();
    assert!((1..40).contains(&failed), "some names can be written, others cannot: {failed}");
    let list = |more: &[&str]| world.call(&[&["run", "parked", "--tenant", "acme"], more].concat()).expect(0);
    let all = list(&["--output", "json"]).json();
    let parked = all.as_array().unwrap();
    assert_eq!(parked.len() as u64, failed);
    for one in parked {
        assert_eq!((&one["applicationId"], &one["class"]), (&json!("payroll"), &json!("REJECTED")), "{one}");
        assert_eq!((&one["attempts"], &one["nextAttempt"]), (&json!(1), &json!(null)), "{one}");
        assert!(one["message"].as_str().unwrap().contains("encoding"), "{one}");
    }
    let csv = list(&["--output", "csv", "--limit", "1"]).out;
    assert!(csv.starts_with("id,applicationId,objectClassId,accountKey,class,"), "{csv}");
    assert_eq!(csv.lines().count(), 2, "{csv}");
    let first = parked[0]["id"].as_str().unwrap();
    let rest = list(&["--after", first, "--output", "json"]).json();
    assert_eq!(rest.as_array().unwrap(), &parked[1..]);
    assert_eq!(list(&["--application", "badge", "--output", "json"]).json(), json!([]));

    // The next run leaves them alone, and says so.
    let again = world.call(&PROVISION).expect(3).json();
    assert_eq!(again["numberOfErrors"], failed, "{again}");
    assert_eq!(again["errorDetails"][0]["label"], "CHANGE_PARKED", "{again}");
    assert_eq!(list(&["--output", "json"]).json(), all, "nothing was tried");

    let release = |more: &[&str]| world.call(&[&["run", "release", "--tenant", "acme"], more].concat());
    release(&[]).expect(2);
    let one = release(&["--ids", first]).expect(0).err;
    assert!(one.contains("released 1 account;"), "{one}");
    let none = release(&["--application", "badge"]).expect(0).err;
    assert!(none.contains("released 0 accounts;"), "{none}");
    world.call(&PROVISION).expect(3);
    let tried = list(&["--output", "json"]).json();
    assert_eq!(tried.as_array().unwrap().len() as u64, failed, "it is refused once more: {tried}");
}

#[test]
fn a_server_lists_and_releases_them_as_well() {
    let world = narrow();
    world.call(&PROVISION).expect(3);
    let served = Served::start(&world);
    let server = format!("http://{}", served.address);
    let token = token(&world, "operator");
    let call = |arguments: &[&str]| {
        let arguments = [arguments, &["--tenant", "acme", "--server", &server]].concat();
        finish(bare(&arguments).env("MUSTER_TOKEN", &token))
    };
    let there = call(&["run", "parked", "--application", "payroll", "--output", "json"]).expect(0).json();
    let here = world.call(&["run", "parked", "--tenant", "acme", "--output", "json"]).expect(0).json();
    assert_eq!(there, here);
    let released = call(&["run", "release", "--all"]).expect(0).err;
    let count = here.as_array().unwrap().len();
    assert!(released.contains(&format!("released {count} account")), "{released}");
    assert_eq!(call(&["run", "parked", "--output", "json"]).expect(0).json(), json!([]));
}
