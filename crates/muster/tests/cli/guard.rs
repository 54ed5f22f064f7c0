//! Several processes on one database, and processes that are killed: the guard holds, and work is finished.

use muster_testkit::people::BadLines;

use crate::world::{Called, World, finish, people, signal, start, wait_until};

const RUN: [&str; 5] = ["run", "sync", "hr-reconciliation", "--tenant", "acme"];

#[test]
fn a_second_process_is_told_of_the_first_and_the_first_can_be_interrupted() {
    let world = World::example();
    world.deliver(&people(60_000, BadLines::None));
    let first = start(world.command(&RUN).env("MUSTER_WORK_PAGE_SIZE", "100"));
    let running = world.wait_for_run(|run| run.counters.read > 0);
    let second = world.call(&RUN).expect(1);
    let named =
        format!("error: task `hr-reconciliation` is running already: run {}, RUNNING since", running.id);
    assert!(second.err.contains(&named) && second.err.contains("hint: wait until"), "{}", second.err);
    signal(&first, "INT");
    let interrupted = Called::from(first.wait_with_output().unwrap()).expect(1);
    assert!(interrupted.out.contains("cancelled"), "{}\n{}", interrupted.out, interrupted.err);
    // Nothing stands in the way of the next one. It holds what it finds: most people are gone from its file.
    world.deliver(&people(200, BadLines::None));
    let next = world.call(&RUN);
    assert!([0, 4].contains(&next.code), "{}\n{}", next.out, next.err);
}

#[test]
fn what_a_killed_process_left_is_finished_by_the_next() {
    let world = World::example();
    world.deliver(&people(4_000, BadLines::None));
    let run = || {
        let mut command = world.command(&RUN);
        command.env("MUSTER_WORK_PAGE_SIZE", "50").env("MUSTER_WORK_LEASE_SECONDS", "1");
        command
    };
    let mut first = start(&mut run());
    let left = world.wait_for_run(|run| run.counters.read > 0);
    first.kill().unwrap();
    first.wait().unwrap();
    let taken_up = wait_until(|| {
        let called = finish(&mut run());
        let waits = called.code == 1 && called.err.contains("is running already");
        (!waits).then_some(called)
    });
    let taken_up = taken_up.expect(0);
    assert!(taken_up.err.contains(&format!("taking up run {}", left.id)), "{}", taken_up.err);
    assert!(taken_up.out.contains("created     4,000"), "{}", taken_up.out);
    assert!(world.call(&RUN).expect(0).out.contains("unchanged   4,000"));
}
