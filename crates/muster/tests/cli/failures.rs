//! `muster run failures` and `muster run retry`, in their own process and on a server.

use muster_testkit::people::BadLines;

use crate::server::{Served, token};
use crate::world::{World, people};

const TASK: [&str; 7] = ["run", "sync", "hr-reconciliation", "--tenant", "acme", "--output", "json"];

#[test]
fn failed_entries_are_listed_grouped_and_tried_again() {
    let world = World::example();
    world.deliver(&people(40, BadLines::Some));
    let run = world.call(&TASK).expect(3).json()["id"].as_str().unwrap().to_owned();
    let list = |more: &[&str]| {
        let call = [&["run", "failures", &run, "--tenant", "acme"], more].concat();
        world.call(&call).expect(0)
    };
    let all = list(&["--output", "json"]).json();
    assert_eq!(all.as_array().unwrap().len(), 6, "{all}");
    let text = list(&[]).out;
    assert!(text.starts_with("ENTRY") && text.lines().count() == 7, "{text}");
    let csv = list(&["--output", "csv", "--limit", "2"]).out;
    assert!(csv.starts_with("entry,uid,place,step,code,label,message,class,cause,retriable\r\n"), "{csv}");
    assert_eq!(csv.lines().count(), 3, "{csv}");

    let causes = list(&["--group-by", "cause", "--output", "json"]).json();
    let causes = causes.as_array().unwrap();
    assert_eq!(causes.iter().map(|cause| cause["count"].as_u64().unwrap()).sum::<u64>(), 6, "{causes:?}");
    assert!(list(&["--group-by", "cause"]).out.starts_with("CAUSE"));
    let cause = causes[0]["cause"].as_str().unwrap();
    let of_cause = list(&["--cause", cause, "--output", "json"]).json();
    assert_eq!(Some(of_cause.as_array().unwrap().len() as u64), causes[0]["count"].as_u64());

    world.deliver(&people(40, BadLines::None));
    let retry = |more: &[&str]| {
        let call = [&["run", "retry", &run, "--tenant", "acme", "--output", "json"], more].concat();
        world.call(&call)
    };
    let none = retry(&["--cause", "none"]).expect(1).err;
    assert!(none.contains("has failed") && none.contains("hint: "), "{none}");
    for unclear in [&[][..], &["--all", "--cause", "x"]] {
        retry(unclear).expect(2);
    }
    // The lines that were wrong are gone with their keys: a retry asks for exactly these, and finds none.
    let all = all.as_array().unwrap();
    let one = all.iter().find(|one| one["uid"].is_string()).unwrap();
    let retried = retry(&["--entries", &one["entry"].to_string()]).expect(3).json();
    assert_eq!(retried["numberOfProcessedEntries"], 1, "{retried}");
    assert_eq!(retried["errorDetails"][0]["properties"]["accountKey"], one["uid"], "{retried}");
    let keyless = all.iter().filter(|one| one["uid"].is_null()).count();
    let called = retry(&["--all"]).expect(3);
    assert_eq!(called.json()["numberOfProcessedEntries"], 6 - keyless, "{}", called.out);
    assert_eq!(called.err.contains(&format!("left out {keyless} ")), keyless > 0, "{}", called.err);
}

#[test]
fn a_server_lists_groups_and_retries_them_as_well() {
    let world = World::example();
    world.deliver(&people(40, BadLines::Some));
    let run = world.call(&TASK).expect(3).json()["id"].as_str().unwrap().to_owned();
    let served = Served::start(&world);
    let (operator, viewer) = (token(&world, "operator"), token(&world, "viewer"));
    for more in [
        &[][..],
        &["--output", "json"],
        &["--output", "csv"],
        &["--group-by", "cause"],
        &["--group-by", "cause", "--output", "json"],
        &["--group-by", "cause", "--output", "csv"],
    ] {
        let arguments = [&["run", "failures", &run, "--tenant", "acme"], more].concat();
        let (here, there) = (world.call(&arguments).expect(0), served.run(&viewer, &arguments).expect(0));
        assert_eq!(here.out, there.out, "{more:?}");
        assert!(here.out.contains("people.csv"), "{more:?}: {}", here.out);
    }
    let retry = |token: &str, more: &[&str]| {
        served.run(token, &[&["run", "retry", &run, "--tenant", "acme"], more].concat())
    };
    assert!(retry(&viewer, &["--all"]).expect(1).err.contains("the right to operate tasks"));
    let unknown = retry(&operator, &["--entries", "999"]).expect(1).err;
    assert!(unknown.contains("999") && unknown.contains("hint: "), "{unknown}");
    let none = retry(&operator, &["--cause", "none"]).expect(1).err;
    assert!(none.contains("has failed") && none.contains("hint: "), "{none}");
    let own = world.call(&["run", "retry", &run, "--tenant", "acme", "--all", "--output", "json"]).expect(3);
    let tried = retry(&operator, &["--all", "--output", "json"]).expect(3);
    assert_eq!(tried.json()["numberOfProcessedEntries"], own.json()["numberOfProcessedEntries"]);
    assert_eq!(tried.err, own.err, "what was left out");
    served.stop();
}
