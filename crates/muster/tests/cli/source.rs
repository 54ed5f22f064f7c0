//! Files that are missing, empty or cut short: the run fails, says where and what to do, and takes nobody for gone.

use muster_model::configuration::ConfigurationKind;
use muster_testkit::people::BadLines;
use serde_json::json;

use crate::world::{World, people};

const RUN: [&str; 5] = ["run", "sync", "hr-reconciliation", "--tenant", "acme"];

fn fails(world: &World, parts: &[&str]) {
    let called = world.call(&RUN).expect(1);
    assert!(called.out.contains(": failed"), "{}", called.out);
    assert!(called.err.starts_with("error: run ") && called.err.contains("hint: "), "{}", called.err);
    for part in parts {
        assert!(called.err.contains(part), "{part} in {}", called.err);
    }
}

#[test]
fn a_missing_file_is_named() {
    let world = World::example();
    fails(&world, &["`hr/people.csv` does not exist", "put the file there"]);
    world.deliver(&people(40, BadLines::None));
    assert!(world.call(&RUN).expect(0).out.contains("created     40"));
}

#[test]
fn an_empty_file_is_no_file_without_people() {
    let world = World::example();
    world.deliver(&people(40, BadLines::None));
    world.call(&RUN).expect(0);
    world.deliver(b"");
    let called = world.call(&RUN);
    assert_ne!(called.code, 0, "{}", called.out);
    let told = format!("{}{}", called.out, called.err);
    assert!(told.contains("`hr/people.csv` is empty"), "{told}");
    let ending = "done, but the source was cut short, so nobody was taken for gone\n";
    assert!(told.contains(ending) && !told.contains("failed"), "{told}");
    let shown = world.call(&[&RUN[..], &["--output", "json"]].concat()).expect(3).json();
    let detail = &shown["errorDetails"][0];
    assert_eq!((&shown["numberOfErrors"], &detail["label"]), (&0.into(), &"SOURCE_CUT_SHORT".into()));
    assert!(detail["fix"].as_str().unwrap().starts_with("deliver the whole source"), "{detail}");
    assert!(!called.out.contains("disabled"), "nobody is taken for gone: {}", called.out);
}

#[test]
fn a_file_that_was_cut_is_recognised() {
    let world = World::adapted(|kind, document| {
        if kind == ConfigurationKind::ConnectorDefinition && document["id"] == "hr-csv" {
            let properties = document["connectorProperties"].as_array_mut().unwrap();
            properties.push(json!({"name": "minimumShare", "value": "90"}));
        }
    });
    let whole = people(100, BadLines::None);
    world.deliver(&whole);
    world.call(&RUN).expect(0);
    world.deliver(&whole[..whole.len() / 2]);
    let called = world.call(&RUN);
    assert_ne!(called.code, 0, "{}", called.out);
    let told = format!("{}{}", called.out, called.err);
    assert!(told.contains("fewer than 90 percent of the 100 last time"), "{told}");
    assert!(told.contains("the source was cut short, so nobody was taken for gone"), "{told}");
    assert!(!called.out.contains("disabled"), "nobody is taken for gone: {}", called.out);
}

#[test]
fn entries_that_may_be_anybody_are_one_note_of_its_own() {
    let world = World::example();
    let mut with_a_blank = people(40, BadLines::None);
    with_a_blank.extend_from_slice(b" \n");
    world.deliver(&with_a_blank);
    let shown = world.call(&[&RUN[..], &["--output", "json"]].concat()).expect(3).json();
    let details = shown["errorDetails"].as_array().unwrap();
    let labels: Vec<_> = details.iter().map(|detail| &detail["label"]).collect();
    assert_eq!(labels, ["ENTRY_UNREADABLE", "ENTRY_UNIDENTIFIED"]);
    assert_eq!(shown["numberOfErrors"], 1);
    assert!(details[0]["description"].as_str().unwrap().contains("it has 1 cell instead"), "{shown}");
    assert!(details[1]["description"].as_str().unwrap().starts_with("1 bad entry has no"), "{shown}");
    assert_ne!(details[0]["fix"], details[1]["fix"], "what is to be done about them differs");
}

#[test]
fn a_file_of_something_else_is_told_so() {
    let world = World::example();
    world.deliver(b"id;name\n1;Ann\n");
    fails(&world, &["`hr/people.csv` line 1", "no column `employeeNumber`"]);
}
