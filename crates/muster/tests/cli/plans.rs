//! `muster run changes` and `muster run undo`: the same in its own process and on a server.

use muster_testkit::people::BadLines;

use crate::server::{Served, token};
use crate::world::{Called, World, people};

const RUN: [&str; 5] = ["run", "sync", "hr-reconciliation", "--tenant", "acme"];

#[test]
fn a_plan_is_read_and_undone_here_as_on_a_server() {
    let world = World::example();
    world.deliver(&people(40, BadLines::None));
    let run = world.call(&[&RUN[..], &["--output", "json"]].concat()).expect(0).json();
    let id = run["id"].as_str().unwrap();
    let served = Served::start(&world);
    let operator = token(&world, "operator");
    let changes = |more: &[&str]| -> [Called; 2] {
        let arguments = [&["run", "changes", id, "--tenant", "acme"], more].concat();
        [world.call(&arguments), served.run(&operator, &arguments)].map(|called| called.expect(0))
    };
    for called in changes(&["--action", "create", "--status", "applied", "--limit", "2"]) {
        let lines: Vec<_> = called.out.lines().collect();
        assert!(lines[0].starts_with("NUMBER  ACTION  STATUS   SITUATION  ACCOUNT"), "{}", called.out);
        assert!(lines[1].starts_with("1       CREATE  APPLIED  UNMATCHED  E00000"), "{}", called.out);
        assert!(lines[1].contains("no object fits"), "why: {}", called.out);
        assert!(
            lines[2].contains("– → ") && lines[2].contains(", STRONG"),
            "by which mapping: {}",
            called.out
        );
        assert!(called.err.contains("add --after 2"), "{}", called.err);
    }
    let [here, there] = changes(&["--uid", "E0000007", "--output", "json"]).map(|called| called.json());
    assert_eq!(here, there);
    assert_eq!(here.as_array().unwrap().len(), 1);
    assert!(here[0]["placeInWords"].as_str().unwrap().contains("people.csv"), "{here}");
    let [here, there] = changes(&["--output", "csv"]).map(|called| called.out);
    assert!(here == there && here.starts_with("number,action,") && here.lines().count() > 40, "{here}");
    let refused = world.call(&[&RUN[..], &["--output", "csv"]].concat()).expect(2);
    assert!(refused.err.contains("writes no CSV"), "{}", refused.err);

    let undo = ["run", "undo", id, "--tenant", "acme"];
    let held = served.run(&operator, &undo).expect(4).out;
    assert!(held.contains("an undo is always held") && held.contains("deleted     40"), "{held}");
    assert!(held.contains("to see it:        muster run changes"), "{held}");
    let again = world.call(&undo).expect(1);
    assert!(again.err.contains("running already") && again.err.contains("hint: "), "{}", again.err);
    let plan = held.lines().find_map(|line| line.strip_prefix("plan ")).unwrap();
    let other = held.split(' ').nth(1).unwrap();
    let decide = |word: &str| world.call(&["run", word, other, "--plan", plan, "--tenant", "acme"]);
    served.stop();
    assert!(decide("approve").expect(0).out.contains("deleted     40"));
    let simulated = world.call(&[&RUN[..], &["--simulate"]].concat()).expect(0).out;
    assert!(simulated.contains("created     40"), "{simulated}");
}
