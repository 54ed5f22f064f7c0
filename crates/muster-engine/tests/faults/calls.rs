//! Calls that fail or whose answers are lost, while the process lives: the run says so, and the next one mends.

use std::sync::Arc;

use muster_connector::faulty::{Call, CallKind, Fault, FaultPlan, Moment, no_faults};
use muster_connector::memory::CAPABLE;
use muster_connector::{Capabilities, ConnectorError, Durable};
use muster_model::run::{Outcome, OutcomeStatus};
use muster_testkit::world::{TestDatabase, World, difference, on_each_database};

async fn before(database: &TestDatabase, durable: Durable) -> World {
    let target = Capabilities { durable, ..CAPABLE };
    let world = World::usual(database).await.with_page_size(2).with_capabilities("ad", target);
    for number in 1..=5 {
        world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
    }
    world.synchronize("hr").await;
    world.provision("ad").await;
    world.hire("1", "1@x", "Renamed", "FIN");
    world.hire("2", "2@x", "Name 2", "HR");
    world.hire("6", "6@x", "Six", "IT");
    world.hire("7", "7@x", "Seven", "IT");
    world.synchronize("hr").await;
    world
}

fn fail(kind: CallKind, number: u64, moment: Moment) -> FaultPlan {
    Arc::new(move |call: &Call| {
        let lost = ConnectorError::Transient { message: "no answer".to_owned(), retry_after: None };
        (call.kind == kind && call.number == number).then_some(Fault::Fail(moment, lost))
    })
}

/// Fails each call of a kind once; the run ends as it should, and after another the world is as it should be.
async fn every(database: &TestDatabase, durable: Durable, kind: CallKind, ends: OutcomeStatus) {
    let before = before(database, durable).await;
    let calm = before.copy().await;
    calm.provision("ad").await;
    let calm = calm.visible_state().await;
    for moment in [Moment::Before, Moment::After] {
        let mut number = 0;
        loop {
            number += 1;
            let mut world = before.copy().await;
            let watch = world.disturb("ad", fail(kind, number, moment));
            let run = world.provision("ad").await;
            if watch.calls_of(kind) < number {
                assert!(number > 1, "no call of {kind:?}");
                break;
            }
            assert_eq!(run.state.outcome, Some(ends), "{moment:?} {number}: {run:?}");
            if ends == OutcomeStatus::Partial {
                assert_eq!(run.counters.outcome(Outcome::Failed), 1);
            }
            world.disturb("ad", no_faults());
            let run = world.provision("ad").await;
            assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{moment:?} {number}: {run:?}");
            let state = world.visible_state().await;
            assert!(state == calm, "{moment:?} {kind:?} {number}:\n{}", difference(&calm, &state));
        }
    }
}

#[test]
fn an_operation_that_fails_or_whose_answer_is_lost_is_mended_by_the_next_run() {
    on_each_database(async |database| {
        every(database, Durable::EachCall, CallKind::Operation, OutcomeStatus::Partial).await;
    });
}

#[test]
fn a_session_that_cannot_be_closed_is_mended_by_the_next_run() {
    on_each_database(async |database| {
        every(database, Durable::AtClose, CallKind::Close, OutcomeStatus::Failure).await;
    });
}

#[test]
fn a_session_that_cannot_be_opened_is_mended_by_the_next_run() {
    on_each_database(async |database| {
        every(database, Durable::EachCall, CallKind::Writer, OutcomeStatus::Failure).await;
    });
}

#[test]
fn a_target_that_cannot_be_read_is_not_written() {
    on_each_database(async |database| {
        every(database, Durable::EachCall, CallKind::Page, OutcomeStatus::Failure).await;
        every(database, Durable::EachCall, CallKind::Sweep, OutcomeStatus::Failure).await;
    });
}
