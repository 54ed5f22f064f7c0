//! `muster application status` and `muster application release`: the same in its own process and on a server.

use std::fs;

use muster_testkit::people::BadLines;

use crate::server::{Served, token};
use crate::world::{World, people};

const TASK: [&str; 5] = ["run", "sync", "hr-reconciliation", "--tenant", "acme"];

#[test]
fn an_application_in_quarantine_is_shown_and_released() {
    let world = World::example();
    world.deliver(&people(40, BadLines::None));
    let status = |more: &[&str]| world.call(&[&["application", "status", "--tenant", "acme"], more].concat());
    let of_hr = || status(&["hr", "--output", "json"]).expect(0).json();
    assert_eq!(of_hr()["state"], "ACTIVE");
    fs::remove_file(world.people_file()).unwrap();
    for number in 1..=3 {
        world.call(&TASK).expect(1);
        assert_eq!(of_hr()["failures"], number);
    }
    let quarantined = of_hr();
    assert_eq!(quarantined["state"], "QUARANTINED", "{quarantined}");
    let table = status(&[]).expect(0).out;
    assert!(table.starts_with("APPLICATION") && table.contains("QUARANTINED"), "{table}");
    let all = status(&["--output", "json"]).expect(0).json();
    assert_eq!(all.as_array().unwrap().len(), table.lines().count() - 1, "{all}");

    let release = |id: &str| world.call(&["application", "release", id, "--tenant", "acme"]);
    assert!(release("hr").expect(0).err.contains("released application `hr`"));
    assert!(of_hr()["nextAttempt"].as_str() < quarantined["nextAttempt"].as_str());
    for none in [release("nothing"), status(&["nothing"])] {
        assert!(none.expect(1).err.contains("no application `nothing`"));
    }

    // The same over a server.
    let operator = token(&world, "operator");
    let served = Served::start(&world);
    let remote = |call: &[&str]| served.run(&operator, &[call, &["--tenant", "acme"]].concat());
    let seen = remote(&["application", "status", "hr", "--output", "json"]).expect(0).json();
    assert_eq!(seen, of_hr());
    assert_eq!(
        remote(&["application", "status", "--output", "json"]).expect(0).json(),
        status(&["--output", "json"]).expect(0).json()
    );
    assert!(remote(&["application", "release", "hr"]).expect(0).err.contains("released application `hr`"));
    remote(&["application", "release", "nothing"]).expect(1);
}
