//! `muster run` in its own process: what it says and how it ends.

use muster_testkit::people::BadLines;

use crate::world::{World, people};

const RUN: [&str; 5] = ["run", "sync", "hr-reconciliation", "--tenant", "acme"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    RUN.into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn a_run_ends_in_numbers() {
    let world = World::example();
    world.deliver(&people(40, BadLines::None));
    let text = world.call(&RUN).expect(0).out;
    for part in ["`hr-reconciliation`: done", "entries     40 read", "created     40", "statements"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let figures = world.call(&with(&["--output", "json"])).expect(0).json();
    let ended = (&figures["progressStatus"], &figures["outcomeStatus"]);
    assert_eq!(ended, (&"FINISHED".into(), &"SUCCESS".into()));
    assert_eq!(figures["numberOfProcessedEntries"], 40);
    assert_eq!(figures["counters"]["actions"]["unchanged"], 40);
    for figure in ["seconds", "entriesPerSecond", "cpuSeconds"] {
        assert!(figures[figure].is_f64(), "{figure} in {figures}");
    }
    assert!(figures["statements"].as_u64() > Some(0) && figures["peakMemoryBytes"].as_u64() > Some(1 << 20));
    assert!(figures["id"].is_string() && figures["planHash"].is_string());
    assert!(figures["endDate"].as_str().unwrap().ends_with('Z'), "{figures}");
    for name in figures.as_object().unwrap().keys() {
        assert!(!name.contains('_'), "{name} is spelt as nothing of the API is");
    }
}

#[test]
fn some_entries_that_fail_are_partial() {
    let world = World::example();
    world.deliver(&people(40, BadLines::Some));
    let called = world.call(&RUN).expect(3);
    assert!(called.out.contains("some entries failed") && called.out.contains("`hr/people.csv` line "));
    assert!(called.out.contains("6 entries failed"), "{}", called.out);
}

#[test]
fn a_simulation_writes_nothing_until_it_is_approved() {
    let world = World::example();
    world.deliver(&people(40, BadLines::None));
    let simulated = world.call(&with(&["--simulate", "--output", "json"])).expect(0).json();
    let created = &simulated["counters"]["actions"]["created"];
    assert_eq!((&simulated["mode"], created), (&"SIMULATE".into(), &40.into()));
    let (run, plan) = (simulated["id"].as_str().unwrap(), simulated["planHash"].as_str().unwrap());
    let approve = |plan: &str| world.call(&["run", "approve", run, "--plan", plan, "--tenant", "acme"]);
    let other = approve(&"0".repeat(32)).expect(1);
    assert!(other.err.contains("another hash") && other.err.contains("hint: "), "{}", other.err);
    assert!(approve(plan).expect(0).out.contains("created     40"));
    let single = world.call(&with(&["--keys", "E0000007,E0000009", "--output", "json"])).expect(0).json();
    assert_eq!(single["numberOfProcessedEntries"], 2);
    assert_eq!(single["counters"]["actions"]["unchanged"], 2);
}

#[test]
fn a_plan_beyond_its_limits_is_held_until_somebody_decides() {
    let world = World::example();
    let first = people(100, BadLines::None);
    world.deliver(&first);
    world.call(&RUN).expect(0);
    // Everybody is gone, and as many strangers have come.
    let strangers = String::from_utf8(first).unwrap().replace("\nE", "\nN");
    world.deliver(strangers.as_bytes());
    let held = world.call(&RUN).expect(4).out;
    assert!(held.contains("held, nothing was written") && held.contains("disable: 100 of 100"), "{held}");
    let command = held.lines().find_map(|line| line.strip_prefix("to carry it out:  muster ")).unwrap();
    let meanwhile = world.call(&RUN).expect(1);
    assert!(meanwhile.err.contains("HELD since") && meanwhile.err.contains("muster run approve"));
    // The command as it was told names the data itself.
    let called = crate::world::finish(&mut crate::world::bare(&command.split(' ').collect::<Vec<_>>()));
    let called = called.expect(0);
    assert!(
        called.out.contains("disabled    100") && called.out.contains("created     100"),
        "{}",
        called.out
    );
}

#[test]
fn a_simulation_says_that_its_plan_would_be_held() {
    let world = World::example();
    world.deliver(&people(100, BadLines::None));
    world.call(&RUN).expect(0);
    world.deliver(String::from_utf8(people(100, BadLines::None)).unwrap().replace("\nE", "\nN").as_bytes());
    let simulated = world.call(&with(&["--simulate"])).expect(4).out;
    for part in [
        "nothing was written, but the plan would be held",
        "would be held by\n  disable: 100 of 100, the limit",
    ] {
        assert!(simulated.contains(part), "{part} in {simulated}");
    }
    assert!(simulated.contains("to carry it out:  muster run approve"), "{simulated}");
    let simulated = world.call(&with(&["--simulate", "--output", "json"])).expect(4).json();
    assert_eq!(
        (&simulated["progressStatus"], &simulated["outcomeStatus"]),
        (&"FINISHED".into(), &"SUCCESS".into())
    );
    assert!(simulated["heldBy"].as_str().unwrap().starts_with("disable: 100 of 100"), "{simulated}");
}

#[test]
fn a_rejected_plan_is_dropped() {
    let world = World::example();
    world.deliver(&people(100, BadLines::None));
    world.call(&RUN).expect(0);
    world.deliver(String::from_utf8(people(100, BadLines::None)).unwrap().replace("\nE", "\nN").as_bytes());
    let held = world.call(&with(&["--output", "json"])).expect(4).json();
    assert_eq!(held["progressStatus"], "HELD");
    let (run, plan) = (held["id"].as_str().unwrap(), held["planHash"].as_str().unwrap());
    let reject = ["run", "reject", run, "--plan", plan, "--tenant", "acme"];
    world.call(&reject).expect(0);
    assert!(world.call(&reject).expect(1).err.contains("holds no plan"));
    world.deliver(&people(100, BadLines::None));
    assert!(world.call(&RUN).expect(0).out.contains("unchanged   100"), "nothing was written");
}

#[test]
fn an_unknown_task_is_told_so() {
    let world = World::example();
    let called = world.call(&["run", "sync", "accounts", "--tenant", "acme"]).expect(1);
    assert!(called.err.contains("there is no task definition `accounts`\nhint: "), "{}", called.err);
}
