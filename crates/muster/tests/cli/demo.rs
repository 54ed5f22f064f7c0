//! `muster demo`: the whole job, from any directory, leaving nothing behind.

use crate::world::{World, bare, finish, signal, start, wait_until};
use std::io::{BufRead, BufReader};

#[test]
fn the_demonstration_comes_out_as_expected() {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = bare(&["demo"]);
    // Nobody's data is touched, whatever the environment names.
    command.current_dir(elsewhere.path()).env("MUSTER_DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing");
    let called = finish(command.env("TMPDIR", elsewhere.path())).expect(0);
    for part in [
        "3,000 people created",
        "6 bad lines found",
        "`hr/people.csv` line 430",
        "employeeNumber,name,department,costCenter,managerNumber,status",
        "badgeId,holder,site,zones",
        "Nothing to do: 3,000 people are as the file says",
        "Nothing to do: 3,996 accounts are as they should be",
        "24 people are new, 60 have changed",
        "30 are gone from the file",
        "gone from the HR file, so disabled",
        "no longer opens",
        "badge deleted",
        "Everything came out as expected",
    ] {
        assert!(called.out.contains(part), "{part} in:\n{}", called.out);
    }
    assert_eq!(called.err, "");
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0, "nothing is left");
}

#[test]
fn the_demonstration_goes_on_serving_what_it_made() {
    let world = World::empty();
    let mut child = start(&mut world.command(&["demo", "--keep", "--listen", "127.0.0.1:0"]));
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let commands: Vec<String> = lines.filter(|line| line.trim_start().starts_with("curl ")).take(3).collect();
    assert_eq!(commands.len(), 3);
    for command in commands {
        let command = command.replace("curl ", "curl --silent --show-error --fail ");
        let called = finish(std::process::Command::new("sh").args(["-c", &command])).expect(0);
        assert!(!called.out.is_empty(), "{command}");
    }
    signal(&child, "INT");
    let ended = wait_until(|| child.try_wait().unwrap());
    assert_eq!(ended.code(), Some(0));
    // The data stays where it was wanted, so a second demonstration finds the tenant.
    let called = world.call(&["demo"]).expect(1);
    assert!(called.err.contains("error: tenant `acme` exists already"), "{}", called.err);
    assert!(called.err.contains("hint: "), "{}", called.err);
}
