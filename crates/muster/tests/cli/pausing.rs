//! `muster run pause` and `muster run resume` in their own process.

use muster_model::run::Mode;
use muster_testkit::people::BadLines;
use muster_testkit::world::synchronization;
use uuid::Uuid;

use crate::world::{World, people};

const TASK: [&str; 5] = ["run", "sync", "hr-reconciliation", "--tenant", "acme"];

#[test]
fn a_run_is_paused_and_goes_on_when_it_is_resumed() {
    let world = World::example();
    world.deliver(&people(40, BadLines::None));
    let run = world.admit(synchronization("hr-reconciliation", Mode::Apply)).id.to_string();
    let call = |action: &str| world.call(&["run", action, &run, "--tenant", "acme"]);
    for _ in 0..2 {
        let paused = call("pause").expect(0);
        assert!(paused.err.contains(&format!("muster run resume {run} --tenant acme")), "{}", paused.err);
    }
    let meanwhile = world.call(&TASK).expect(1).err;
    assert!(meanwhile.contains("PAUSED since") && meanwhile.contains("muster run resume"), "{meanwhile}");
    let resumed = call("resume").expect(0).out;
    assert!(resumed.contains("created     40"), "{resumed}");
    for action in ["pause", "resume"] {
        assert!(call(action).expect(1).err.contains("has ended"));
    }
    let nobody = ["run", "pause", &Uuid::now_v7().to_string(), "--tenant", "acme"];
    assert!(world.call(&nobody).expect(1).err.contains("there is no run"));
}

#[test]
fn what_waits_for_a_decision_is_not_paused() {
    let world = World::example();
    world.deliver(&people(100, BadLines::None));
    world.call(&TASK).expect(0);
    world.deliver(String::from_utf8(people(100, BadLines::None)).unwrap().replace("\nE", "\nN").as_bytes());
    let held = world.call(&[&TASK[..], &["--output", "json"]].concat()).expect(4).json();
    let refused =
        world.call(&["run", "pause", held["id"].as_str().unwrap(), "--tenant", "acme"]).expect(1).err;
    assert!(refused.contains("waits for a decision") && refused.contains("hint: approve"), "{refused}");
}
