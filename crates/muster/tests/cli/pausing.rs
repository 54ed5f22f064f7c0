//! `muster run pause` and `muster run resume`, in their own process and on a server.

use muster_model::run::Mode;
use muster_testkit::people::BadLines;
use muster_testkit::world::synchronization;
use uuid::Uuid;

use crate::server::{Served, token};
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

#[test]
fn a_server_pauses_and_resumes_as_well() {
    let world = World::example();
    world.deliver(&people(40, BadLines::None));
    let run = world.admit(synchronization("hr-reconciliation", Mode::Apply)).id.to_string();
    world.call(&["run", "pause", &run, "--tenant", "acme"]).expect(0);
    // A server that starts leaves what is paused alone.
    let served = Served::start(&world);
    let (operator, viewer) = (token(&world, "operator"), token(&world, "viewer"));
    let call = |token: &str, action: &str| served.run(token, &["run", action, &run, "--tenant", "acme"]);
    for action in ["pause", "resume"] {
        assert!(call(&viewer, action).expect(1).err.contains("the right to operate tasks"));
    }
    let paused = call(&operator, "pause").expect(0).err;
    let leads_on = format!("muster run resume {run} --tenant acme --server http://{}", served.address);
    assert!(paused.contains(&leads_on), "{paused}");
    let meanwhile = served.run(&operator, &TASK).expect(1).err;
    assert!(meanwhile.contains("PAUSED since") && meanwhile.contains(&leads_on), "{meanwhile}");
    let resumed = call(&operator, "resume").expect(0).out;
    assert!(resumed.contains("created     40"), "{resumed}");
    for action in ["pause", "resume"] {
        let ended = call(&operator, action).expect(1).err;
        assert!(ended.contains("has ended") && ended.contains("hint: "), "{ended}");
    }
    let nobody = ["run", "pause", &Uuid::now_v7().to_string(), "--tenant", "acme"];
    assert!(served.run(&operator, &nobody).expect(1).err.contains("there is no run"));
    served.stop();
}
