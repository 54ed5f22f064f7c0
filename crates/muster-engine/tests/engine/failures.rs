//! Failed entries: listed one by one and by their causes, and tried again by a run of their keys.

use std::sync::Arc;

use muster_connector::ConnectorError;
use muster_connector::faulty::{Call, CallKind, Fault, FaultPlan, Moment, no_faults};
use muster_engine::RetryError;
use muster_model::failure::FailureClass;
use muster_model::run::{Outcome, OutcomeStatus};
use muster_store::{FailureRecord, Failures, ProblemStep, RunRecord};
use muster_testkit::world::{TestDatabase, World, on_each_database, on_sqlite};

async fn four(database: &TestDatabase) -> World {
    let world = World::usual(database).await.with_page_size(2);
    for number in 1..=4 {
        world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
    }
    world
}

/// A target that has no room for two accounts, and is too busy for a third.
fn picky() -> FaultPlan {
    Arc::new(|call: &Call| {
        let uid = call.uid.as_deref()?;
        let error = match uid {
            "1" | "2" => ConnectorError::Rejected { message: format!("`{uid}` has no room") },
            "3" => ConnectorError::Transient { message: "busy".to_owned(), retry_after: None },
            _ => return None,
        };
        (call.kind == CallKind::Operation).then_some(Fault::Fail(Moment::Before, error))
    })
}

async fn failures(world: &World, run: &RunRecord, which: &Failures) -> Vec<FailureRecord> {
    world.store().failures(run, which, (i64::MIN, 100)).await.expect("the database")
}

/// The accounts of the target that have been renamed.
fn renamed(world: &World) -> Vec<String> {
    let accounts = world.system("ad").accounts("account").into_iter();
    let is_renamed = |name: &str| name.starts_with("Renamed");
    let renamed = accounts.filter(|(_, account)| {
        account.attributes.get("cn").first().is_some_and(|name| is_renamed(&name.to_text()))
    });
    renamed.map(|(uid, _)| uid).collect()
}

fn uids(failures: &[FailureRecord]) -> Vec<&str> {
    failures.iter().filter_map(|failure| failure.uid.as_deref()).collect()
}

#[test]
fn entries_that_failed_for_the_same_reason_have_one_cause_and_are_tried_again_alone() {
    on_each_database(async |database| {
        let mut world = four(database).await;
        world.synchronize("hr").await;
        world.provision("ad").await;
        for number in 1..=4 {
            world.hire(&number.to_string(), &format!("{number}@x"), &format!("Renamed {number}"), "IT");
        }
        world.synchronize("hr").await;
        world.disturb("ad", picky());
        let run = world.provision("ad").await;
        assert_eq!(run.counters.outcome(Outcome::Failed), 3, "{run:?}");
        let all = failures(&world, &run, &Failures::All).await;
        let mut shown: Vec<_> =
            all.iter().map(|one| (one.uid.as_deref().unwrap_or_default(), one.class, one.step)).collect();
        shown.sort_unstable();
        let (rejected, transient) = (FailureClass::Rejected, FailureClass::Transient);
        let apply = ProblemStep::Apply;
        assert_eq!(shown, [("1", rejected, apply), ("2", rejected, apply), ("3", transient, apply)]);

        // Page by page comes to the same.
        let mut paged: Vec<FailureRecord> = Vec::new();
        loop {
            let after = paged.last().map_or(i64::MIN, |last| last.entry);
            let page = world.store().failures(&run, &Failures::All, (after, 1)).await.expect("the database");
            assert!(page.len() <= 1);
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, all);

        let causes = world.store().failure_causes(&run, &Failures::All, 10).await.expect("the database");
        let counted: Vec<_> = causes.iter().map(|cause| (cause.entries, cause.samples.len())).collect();
        assert_eq!(counted, [(2, 2), (1, 1)]);
        let no_room = Failures::OfCause(causes[0].cause.clone());
        assert_eq!(failures(&world, &run, &no_room).await, causes[0].samples);
        let first = world.store().failure_causes(&run, &Failures::All, 1).await.expect("the database");
        assert_eq!(first, causes[..1]);
        let only = world.store().failure_causes(&run, &no_room, 10).await.expect("the database");
        assert_eq!(only, causes[..1]);

        let watch = world.disturb("ad", no_faults());
        let retried = world.engine().admit_retry(world.store(), &run, &no_room).await.expect("a run");
        assert_eq!((retried.left_out, retried.run.keys.clone()), (0, Some(vec!["1".into(), "2".into()])));
        let retried = world.engine().execute(world.store(), retried.run).await.expect("a run");
        assert_eq!(retried.state.outcome, Some(OutcomeStatus::Success));
        assert_eq!(watch.calls_of(CallKind::Operation), 2, "nobody else is asked for");
        assert_eq!(renamed(&world), ["1", "2", "4"]);

        let busy = Failures::Entries(vec![causes[1].samples[0].entry]);
        let retried = world.engine().admit_retry(world.store(), &run, &busy).await.expect("a run");
        world.engine().execute(world.store(), retried.run).await.expect("a run");
        assert_eq!(renamed(&world), ["1", "2", "3", "4"]);
    });
}

#[test]
fn accounts_that_could_not_be_made_are_left_to_a_run_over_all() {
    on_each_database(async |database| {
        let mut world = four(database).await;
        world.synchronize("hr").await;
        world.disturb("ad", picky());
        let run = world.provision("ad").await;
        let all = failures(&world, &run, &Failures::All).await;
        assert_eq!((all.len(), all.iter().any(|one| one.retriable)), (3, false), "{all:?}");
        // There is nothing in the target that could be read by their keys.
        let refused = world.engine().admit_retry(world.store(), &run, &Failures::All).await;
        assert!(matches!(refused, Err(RetryError::NoKey(3))), "{refused:?}");
        let named = Failures::Entries(vec![all[0].entry]);
        let refused = world.engine().admit_retry(world.store(), &run, &named).await;
        assert!(matches!(refused, Err(RetryError::Keyless(_))), "{refused:?}");
        world.disturb("ad", no_faults());
        world.provision("ad").await;
        assert_eq!(world.system("ad").accounts("account").len(), 4);
    });
}

#[test]
fn what_has_no_key_is_left_out_and_said_so() {
    on_each_database(async |database| {
        let world = four(database).await;
        world.system("hr").put_bad("person", "5", Some("5".to_owned()));
        world.system("hr").put_bad("person", "6", None);
        let run = world.synchronize("hr").await;
        let all = failures(&world, &run, &Failures::All).await;
        assert_eq!((all.len(), uids(&all)), (2, vec!["5"]));
        let keyless: Vec<i64> = all.iter().filter(|one| one.uid.is_none()).map(|one| one.entry).collect();
        let retry = async |which: Failures| world.engine().admit_retry(world.store(), &run, &which).await;

        let refused = retry(Failures::Entries(keyless.clone())).await;
        assert!(matches!(&refused, Err(RetryError::Keyless(found)) if *found == keyless), "{refused:?}");
        let refused = retry(Failures::Entries(vec![all[0].entry, 999])).await;
        assert!(matches!(&refused, Err(RetryError::Unknown(found)) if *found == [999]), "{refused:?}");
        let refused = retry(Failures::OfCause("none".to_owned())).await;
        assert!(matches!(refused, Err(RetryError::Nothing)), "{refused:?}");

        world.hire("5", "5@x", "Name 5", "IT");
        let retried = retry(Failures::All).await.expect("a run");
        assert_eq!((retried.left_out, retried.run.keys.clone()), (1, Some(vec!["5".to_owned()])));
        let retried = world.engine().execute(world.store(), retried.run).await.expect("a run");
        assert_eq!((retried.counters.read, retried.counters.outcome(Outcome::Created)), (1, 1));
        let refused = world.engine().admit_retry(world.store(), &retried, &Failures::All).await;
        assert!(matches!(refused, Err(RetryError::Nothing)), "{refused:?}");

        world.system("hr").take("person", "5");
        let run = world.synchronize("hr").await;
        let refused = world.engine().admit_retry(world.store(), &run, &Failures::All).await;
        assert!(matches!(refused, Err(RetryError::NoKey(1))), "{refused:?}");
    });
}

#[test]
fn no_retry_is_without_bounds() {
    on_sqlite(async |database| {
        let world = World::usual(database).await.with_page_size(2000);
        let most = muster_engine::MOST_RETRIED;
        for number in 0..=most {
            let uid = format!("{number:05}");
            world.system("hr").put_bad("person", &uid, Some(uid.clone()));
        }
        let run = world.synchronize("hr").await;
        let refused = world.engine().admit_retry(world.store(), &run, &Failures::All).await;
        assert!(matches!(refused, Err(RetryError::TooMany)), "{refused:?}");
        let causes = world.store().failure_causes(&run, &Failures::All, 10).await.expect("the database");
        let counted: Vec<_> = causes.iter().map(|cause| (cause.entries, cause.samples.len())).collect();
        assert_eq!(counted, [(u64::from(most) + 1, 5)]);

        let named: Vec<i64> = (1..=i64::from(most)).collect();
        let retried = world.engine().admit_retry(world.store(), &run, &Failures::Entries(named)).await;
        assert_eq!(retried.expect("a run").run.keys.map(|keys| keys.len()), Some(most as usize));
    });
}
