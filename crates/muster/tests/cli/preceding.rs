//! `muster run` of a task that another comes before, without a server: the process works on both.

use std::io::{BufRead as _, BufReader};
use std::process::Command;

use muster_model::configuration::ConfigurationKind;
use muster_model::run::{OutcomeStatus, ProgressStatus, TaskKind};
use muster_store::{ResourceWrite, RunFilter, RunRecord, Written};
use muster_testkit::people::BadLines;
use serde_json::{Value, json};

use crate::world::{Called, World, bare, example, finish, people, signal, start, wait_until};

const TASK: ConfigurationKind = ConfigurationKind::SynchronizationTaskDefinition;
const FIRST: &str = "hr-reconciliation";
const RUN: [&str; 5] = ["run", "sync", "second", "--tenant", "acme"];

/// The example, with a task that does the same after the one that is there.
fn world() -> World {
    let world = World::example();
    let (_, mut task) = example().into_iter().find(|(kind, _)| *kind == TASK).unwrap();
    (task["id"], task["preSynchronization"]) = (json!("second"), json!(FIRST));
    world.with_tenant(async |store| {
        let checked = store.configuration_version().await.unwrap();
        let write = ResourceWrite::new(TASK as u8, "second", Written::Created(task.to_string()));
        store.write_resource(checked, write).await.unwrap();
    });
    world
}

/// All runs, oldest first.
fn runs(world: &World) -> Vec<RunRecord> {
    let mut runs = world.with_tenant(async |store| {
        store.runs(TaskKind::Synchronization, &RunFilter::default()).await.unwrap()
    });
    runs.reverse();
    runs
}

fn ended(world: &World) -> Vec<(String, Option<OutcomeStatus>)> {
    runs(world).iter().map(|run| (run.task.to_string(), run.state.outcome)).collect()
}

#[test]
fn both_are_worked_on_and_the_wait_is_told() {
    let world = world();
    world.deliver(&people(40, BadLines::None));
    let called = world.call(&[&RUN[..], &["--output", "json"]].concat()).expect(0);
    let (summary, runs) = (called.json(), runs(&world));
    let told = format!("run {} waits for run {} of task `{FIRST}`", runs[1].id, runs[0].id);
    assert!(called.err.contains(&told), "{}", called.err);
    assert_eq!(
        (&summary["id"], &summary["waitsForInstanceId"]),
        (&json!(runs[1].id.to_string()), &Value::Null)
    );
    assert_eq!(summary["counters"]["actions"]["unchanged"], 40, "the first has made them");
    let well = Some(OutcomeStatus::Success);
    assert_eq!(ended(&world), [(FIRST.to_owned(), well), ("second".to_owned(), well)]);
}

#[test]
fn a_first_run_that_fails_is_the_reason_of_the_failure() {
    let world = world();
    // There is no file to read.
    let called = world.call(&RUN).expect(1);
    let first = runs(&world)[0].id.to_string();
    assert!(
        called
            .err
            .contains(&format!("the run of `{FIRST}` that comes before this one, {first}, ended FAILURE"))
    );
    let failure = Some(OutcomeStatus::Failure);
    assert_eq!(ended(&world), [(FIRST.to_owned(), failure), ("second".to_owned(), failure)]);
}

#[test]
fn a_first_run_that_is_held_is_waited_for_until_somebody_decides() {
    let world = world();
    let first = people(100, BadLines::None);
    world.deliver(&first);
    world.call(&["run", "sync", FIRST, "--tenant", "acme"]).expect(0);
    world.deliver(String::from_utf8(first).unwrap().replace("\nE", "\nN").as_bytes());
    let mut waiting = start(&mut world.command(&RUN));
    let mut lines = BufReader::new(waiting.stderr.take().unwrap()).lines().map(Result::unwrap);
    let told = lines.find(|line| line.contains(" is held: ")).unwrap();
    let (id, command) = told.split_once(" is held: ").unwrap();
    let id = id.trim_start_matches("run ");
    assert_eq!(runs(&world)[1].id.to_string(), id, "{told}");
    assert_eq!(runs(&world)[1].state.status, ProgressStatus::Held);
    let approve = command.split('`').nth(1).unwrap().trim_start_matches("muster ");
    assert!(approve.starts_with(&format!("run approve {id} --plan ")), "{told}");
    // The command as it was told names the data itself.
    finish(&mut bare(&approve.split(' ').collect::<Vec<_>>())).expect(0);
    let more: Vec<_> = lines.filter(|line| line.contains(" is held")).collect();
    assert_eq!((waiting.wait().unwrap().code(), more), (Some(0), Vec::new()), "it is told once");
    assert_eq!(ended(&world).last(), Some(&("second".to_owned(), Some(OutcomeStatus::Success))));
}

/// The command on so many people, in small pages.
fn at_length(world: &World, count: u64) -> impl Fn() -> Command + '_ {
    world.deliver(&people(count, BadLines::None));
    || {
        let mut command = world.command(&RUN);
        command.env("MUSTER_WORK_PAGE_SIZE", "50").env("MUSTER_WORK_LEASE_SECONDS", "1");
        command
    }
}

fn wait_for_work(world: &World) {
    wait_until(|| runs(world).into_iter().find(|run| run.counters.read > 0));
}

#[test]
fn a_line_that_was_left_behind_is_taken_up() {
    let world = world();
    let command = at_length(&world, 4_000);
    let mut gone = start(&mut command());
    wait_for_work(&world);
    gone.kill().unwrap();
    gone.wait().unwrap();
    let left = runs(&world);
    assert_eq!((left.len(), left[1].awaited()), (2, Some(left[0].id)), "{left:?}");
    let taken_up = wait_until(|| {
        let called = finish(&mut command());
        let waits = called.code == 1 && called.err.contains("is running already");
        (!waits).then_some(called)
    });
    let told = taken_up.expect(0).err;
    assert!(told.contains(&format!("taking up run {}", left[1].id)), "{told}");
    let well = Some(OutcomeStatus::Success);
    assert_eq!(ended(&world), [(FIRST.to_owned(), well), ("second".to_owned(), well)]);
}

#[test]
fn whoever_interrupts_it_means_both() {
    let world = world();
    let started = start(&mut at_length(&world, 20_000)());
    wait_for_work(&world);
    signal(&started, "INT");
    let interrupted = Called::from(started.wait_with_output().unwrap()).expect(1);
    assert!(interrupted.out.contains("cancelled"), "{}\n{}", interrupted.out, interrupted.err);
    let aborted = Some(OutcomeStatus::Aborted);
    assert_eq!(ended(&world), [(FIRST.to_owned(), aborted), ("second".to_owned(), aborted)]);
}
