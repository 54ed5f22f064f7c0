//! What targets refuse is parked by its key while the others go on, and asked again when that can come to something.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use muster_connector::faulty::{Call, CallKind, Fault, FaultPlan, Moment, no_faults};
use muster_connector::{ConnectorError, Durable};
use muster_engine::RetryError;
use muster_model::ApplicationId;
use muster_model::audit::Act;
use muster_model::configuration::ConfigurationKind;
use muster_model::error::ErrorCode;
use muster_model::failure::FailureClass;
use muster_model::run::{Outcome, OutcomeStatus};
use muster_store::{AuditFilter, Failures, Parked, ParkedFilter, Release, RunRecord};
use muster_testkit::world::configuration::{ad, provisioning};
use muster_testkit::world::{TestDatabase, World, on_each_database};
use serde_json::json;

use crate::left_out::{failing, three_targets};

/// Each launch is a minute after the one before.
const TEN_MINUTES: Duration = Duration::from_secs(600);

/// A target that refuses one account, and is too busy for another.
fn picky() -> FaultPlan {
    Arc::new(|call: &Call| {
        let error = match call.uid.as_deref()? {
            "1" => ConnectorError::Rejected { message: "no room".to_owned() },
            "2" => ConnectorError::Transient { message: "busy".to_owned(), retry_after: Some(TEN_MINUTES) },
            _ => return None,
        };
        (call.kind == CallKind::Operation).then_some(Fault::Fail(Moment::Before, error))
    })
}

async fn three(database: &TestDatabase) -> World {
    let world = World::usual(database).await;
    for number in 1..=3 {
        world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), "IT");
    }
    world.synchronize("hr").await;
    world
}

async fn parked(world: &World) -> Vec<Parked> {
    let filter = ParkedFilter { after: None, limit: 10, application: None };
    let mut parked: Vec<Parked> = world
        .store()
        .parked(&filter)
        .await
        .expect("the database")
        .into_iter()
        .map(|one| one.parked)
        .collect();
    parked.sort_unstable_by(|one, other| one.uid.cmp(&other.uid));
    parked
}

/// The accounts that are parked, and how often each was tried.
async fn tried(world: &World) -> Vec<(String, u32)> {
    parked(world).await.into_iter().map(|one| (one.uid, one.attempts)).collect()
}

fn expected(of: &[(&str, u32)]) -> Vec<(String, u32)> {
    of.iter().map(|(uid, attempts)| ((*uid).to_owned(), *attempts)).collect()
}

/// A run of the target's task, and how many operations it asked for.
async fn provision(world: &mut World, plan: FaultPlan) -> (RunRecord, u64) {
    let watch = world.disturb("ad", plan);
    let run = world.provision("ad").await;
    (run, watch.calls_of(CallKind::Operation))
}

#[test]
fn what_was_refused_waits_for_its_time_or_a_change_while_the_others_go_on() {
    on_each_database(async |database| {
        let mut world = three(database).await;
        let (run, asked) = provision(&mut world, picky()).await;
        assert_eq!((run.counters.outcome(Outcome::Created), asked), (1, 3));
        assert_eq!(tried(&world).await, expected(&[("1", 1), ("2", 1)]));
        let now = world.clock().instant();
        let times: Vec<_> = parked(&world).await.iter().map(|one| (one.failure, one.retry_at)).collect();
        let later = now + TimeDelta::minutes(10);
        assert_eq!(times, [(FailureClass::Rejected, None), (FailureClass::Transient, Some(later))]);

        // Neither is asked again at once; both count as failed, and say why.
        let (run, asked) = provision(&mut world, picky()).await;
        assert_eq!((run.counters.outcome(Outcome::Failed), asked), (2, 0));
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Partial));
        let failures =
            world.store().failures(&run, &Failures::All, (i64::MIN, 10)).await.expect("the database");
        let told: Vec<_> = failures.iter().map(|one| (one.code.as_str(), one.message.as_str())).collect();
        let code = ErrorCode::ChangeParked.id();
        assert!(told.iter().all(|(of, message)| *of == code && message.contains("tried once")), "{told:?}");
        assert!(told.iter().any(|(_, message)| message.contains("no room")), "{told:?}");

        // When its time has come the busy one is, at first in vain.
        world.clock().pass(TimeDelta::minutes(8));
        let (_, asked) = provision(&mut world, picky()).await;
        assert_eq!((asked, tried(&world).await), (1, expected(&[("1", 1), ("2", 2)])));
        let (_, asked) = provision(&mut world, no_faults()).await;
        assert_eq!(asked, 0);
        world.clock().pass(TimeDelta::minutes(9));
        let (run, asked) = provision(&mut world, no_faults()).await;
        assert_eq!((asked, run.counters.outcome(Outcome::Created)), (1, 1));
        assert_eq!(tried(&world).await, expected(&[("1", 1)]));

        // What is to become something else is asked.
        world.hire("1", "1@x", "Another name", "IT");
        world.synchronize("hr").await;
        let (run, asked) = provision(&mut world, no_faults()).await;
        assert_eq!((asked, run.state.outcome), (1, Some(OutcomeStatus::Success)));
        assert_eq!(tried(&world).await, []);
        assert_eq!(world.system("ad").accounts("account").len(), 3);
    });
}

#[test]
fn a_change_of_configuration_has_everything_tried_again() {
    on_each_database(async |database| {
        let mut world = three(database).await;
        provision(&mut world, picky()).await;
        let mut application = ad();
        application["name"] = json!("Another name");
        world.save(ConfigurationKind::Application, application).await;
        let (run, asked) = provision(&mut world, no_faults()).await;
        assert_eq!((asked, run.counters.outcome(Outcome::Created)), (2, 2));
        assert_eq!(tried(&world).await, []);
    });
}

#[test]
fn whoever_releases_an_account_has_the_next_run_ask_for_it() {
    on_each_database(async |database| {
        let mut world = three(database).await;
        provision(&mut world, picky()).await;
        let rejected = parked(&world).await.remove(0);
        let now = world.clock().instant();
        let release =
            async |which: Release<'_>| world.store().release_parked(which, now).await.expect("the database");
        assert_eq!(release(Release::These(&[rejected.key])).await, 1);
        assert_eq!(release(Release::These(&[rejected.key])).await, 0, "it is no longer parked");
        let (hr, ad) = (ApplicationId::new("hr").expect("an id"), ApplicationId::new("ad").expect("an id"));
        assert_eq!(release(Release::OfApplication(&hr)).await, 0);
        assert_eq!(release(Release::OfApplication(&ad)).await, 1);
        let released = AuditFilter { act: Some(Act::Release), limit: 10, ..AuditFilter::default() };
        let noted = world.store().audit(&released).await.expect("the database").len();
        assert_eq!(noted, 2, "what changes nothing is no act");
        let (run, asked) = provision(&mut world, no_faults()).await;
        assert_eq!((asked, run.state.outcome), (2, Some(OutcomeStatus::Success)));
    });
}

#[test]
fn accounts_of_which_nothing_is_wanted_any_more_are_parked_no_longer() {
    on_each_database(async |database| {
        let mut world = three(database).await;
        provision(&mut world, picky()).await;
        world.hire("1", "1@x", "Name 1", "HR");
        world.synchronize("hr").await;
        let (_, asked) = provision(&mut world, picky()).await;
        assert_eq!((asked, tried(&world).await), (0, expected(&[("2", 1)])));
    });
}

#[test]
fn who_tries_failed_entries_again_means_those_that_are_parked_as_well() {
    on_each_database(async |database| {
        let mut world = three(database).await;
        let (run, _) = provision(&mut world, picky()).await;
        // They are not in the target yet, and cannot be read there.
        let refused = world.engine().admit_retry(world.store(), &run, &Failures::All).await;
        assert!(matches!(refused, Err(RetryError::NoKey(2))), "{refused:?}");
        assert_eq!(tried(&world).await, []);
        let released =
            AuditFilter { act: Some(Act::Release), run: Some(run.id), limit: 10, ..AuditFilter::default() };
        assert_eq!(world.store().audit(&released).await.expect("the database").len(), 1);
        let (run, _) = provision(&mut world, no_faults()).await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));

        // Those that are there are asked for by their keys at once.
        world.hire("1", "1@x", "Another name", "IT");
        world.synchronize("hr").await;
        let (run, _) = provision(&mut world, picky()).await;
        assert_eq!(tried(&world).await, expected(&[("1", 1)]));
        let watch = world.disturb("ad", no_faults());
        let retried = world.engine().admit_retry(world.store(), &run, &Failures::All).await.expect("a run");
        world.engine().execute(world.store(), retried.run).await.expect("a run");
        assert_eq!((watch.calls_of(CallKind::Operation), tried(&world).await), (1, vec![]));
    });
}

#[test]
fn a_target_that_cannot_be_used_parks_nobody() {
    on_each_database(async |database| {
        let mut world = three(database).await;
        let unusable = || ConnectorError::Unusable { message: "the password has expired".to_owned() };
        let plan: FaultPlan = Arc::new(move |call: &Call| {
            (call.kind == CallKind::Operation).then(|| Fault::Fail(Moment::Before, unusable()))
        });
        provision(&mut world, plan).await;
        assert_eq!(tried(&world).await, []);
        let (run, asked) = provision(&mut world, no_faults()).await;
        assert_eq!((asked, run.state.outcome), (3, Some(OutcomeStatus::Success)));
    });
}

#[test]
fn what_an_application_refused_stays_parked_where_it_is_left_out_afterwards() {
    on_each_database(async |database| {
        let mut world = three_targets(database, Durable::EachCall).await;
        world.disturb("mail", picky());
        world.provision("ad").await;
        let before = tried(&world).await;
        assert_eq!(before, expected(&[("1", 1), ("2", 1)]));
        // Others are to be changed, and the target is gone before anything is written.
        world.hire("3", "3@x", "Another name", "IT");
        world.synchronize("hr").await;
        world.disturb("mail", failing(CallKind::Writer, 1));
        let run = world.provision("ad").await;
        assert_eq!(run.left_out.len(), 1, "{:?}", world.problems(&run).await);
        assert_eq!(tried(&world).await, before);
    });
}

#[test]
fn memberships_that_were_refused_are_asked_for_again_without_anybody_releasing_them() {
    on_each_database(async |database| {
        let mut world = three(database).await;
        provision(&mut world, no_faults()).await;
        // What is asked concerns a group alone, which the target does not have just now.
        world.hire("1", "1@x", "Name 1", "FIN");
        world.synchronize("hr").await;
        let (run, asked) = provision(&mut world, picky()).await;
        assert_eq!((run.counters.outcome(Outcome::Failed), asked), (1, 1));
        let soon = world.clock().instant() + TimeDelta::minutes(1);
        let times: Vec<_> = parked(&world).await.iter().map(|one| (one.failure, one.retry_at)).collect();
        assert_eq!(times, [(FailureClass::Rejected, Some(soon))]);
        let (run, asked) = provision(&mut world, no_faults()).await;
        assert_eq!((asked, run.state.outcome), (1, Some(OutcomeStatus::Success)));
        assert_eq!(tried(&world).await, []);
    });
}

#[test]
fn what_could_not_be_corrected_is_not_forgotten_where_shadows_are_trusted() {
    on_each_database(async |database| {
        let mut world = three(database).await;
        provision(&mut world, no_faults()).await;
        world.put("ad", "account", "2", &[("uid", "2"), ("mail", "other@x"), ("cn", "Name 2")]);
        let (run, _) = provision(&mut world, picky()).await;
        assert_eq!(run.counters.outcome(Outcome::Failed), 1);

        let mut task = provisioning();
        task["verify"] = json!("SHADOW");
        world.save(ConfigurationKind::ProvisioningTaskDefinition, task).await;
        // Another configuration has it tried at once, and from then on it waits for its time.
        let (run, asked) = provision(&mut world, picky()).await;
        assert_eq!((run.counters.outcome(Outcome::Failed), asked), (1, 1));
        let (run, asked) = provision(&mut world, no_faults()).await;
        assert_eq!((run.counters.outcome(Outcome::Failed), asked), (1, 0));
        world.clock().pass(TimeDelta::minutes(10));
        let (run, asked) = provision(&mut world, no_faults()).await;
        assert_eq!((run.counters.outcome(Outcome::Updated), asked), (1, 1));
        assert_eq!(tried(&world).await, []);
    });
}
