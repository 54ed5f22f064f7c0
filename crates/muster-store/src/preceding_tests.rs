//! Tests of a launch and the end of the run before it at the very same time: whoever is second sees what the first did.

use muster_model::RunId;
use muster_plan::lifecycle::Event;
use uuid::Uuid;

use crate::database::{Dialect, Urgency};
use crate::query_plans::{launch, new_run, now, on_each_database, tenant};
use crate::sight::Sight;
use crate::{Advance, NewRun, RunRecord, Store, TenantStore};

/// A run that comes after one of the task `first`.
fn second() -> NewRun {
    let preceded_by = Some(Box::new(new_run("first")));
    NewRun { id: RunId(Uuid::new_v4()), preceded_by, ..new_run("second") }
}

/// Ends a run that its worker has.
async fn end(tenant: TenantStore, claimed: RunRecord) {
    let (state, _) = muster_plan::lifecycle::step(claimed.state, Event::Failed).unwrap();
    let advance = Advance {
        state,
        plan_hash: None,
        holds: &[],
        failure: Some("it failed"),
        counters: None,
        problems: &[],
        failed_at: None,
        came_through: &[],
        errands: &[],
        statements: 0,
        peak_memory: 0,
        now: now(),
    };
    tenant.advance(&claimed, &advance).await.unwrap();
}

/// Waits until another connection waits for a lock, or the work that should have is over.
async fn until_it_waits(store: &Store, work: &tokio::task::JoinHandle<()>) {
    let sql =
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    // Other roles are not shown what connections wait for.
    let database = store.database.clone().seen_by(Sight::Owner);
    while !work.is_finished() && database.query(sql, Vec::new()).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}

async fn launch_second(tenant: TenantStore, run: NewRun) {
    let made_from = tenant.configuration_version().await.unwrap();
    tenant.launch(made_from, &run).await.unwrap();
}

#[test]
fn a_launch_waits_for_an_end_that_is_under_way() {
    on_each_database(async |store| {
        let tenant = tenant(&store).await;
        // SQLite has one writer.
        if tenant.database.dialect == Dialect::Sqlite {
            return;
        }
        let first = launch(&tenant, "first").await;
        let ending = tenant.database.begin(Urgency::Short).await.unwrap();
        let sql = "UPDATE run SET status = 4, outcome = 0 WHERE tenant = ? AND seq = ?";
        ending.execute(sql, vec![tenant.tenant.into(), first.seq.into()]).await.unwrap();
        tenant.release_waiting(&ending, first.id).await.unwrap();
        let run = second();
        let id = run.id;
        let launching = tokio::spawn(launch_second(tenant.clone(), run));
        until_it_waits(&store, &launching).await;
        ending.commit().await.unwrap();
        launching.await.unwrap();
        let waits_for = tenant.run(id).await.unwrap().unwrap().awaited().unwrap();
        assert_ne!(waits_for, first.id, "that one has ended");
        let another = tenant.run(waits_for).await.unwrap().unwrap();
        assert_eq!((another.awaited(), another.task), (None, first.task));
    });
}

#[test]
fn an_end_waits_for_a_launch_that_is_under_way_and_releases_what_that_made() {
    on_each_database(async |store| {
        let tenant = tenant(&store).await;
        if tenant.database.dialect == Dialect::Sqlite {
            return;
        }
        let first = launch(&tenant, "first").await;
        let first = tenant.claim(&first, "worker", now(), now()).await.unwrap();
        let run = second();
        let launching = tenant.database.begin(Urgency::Short).await.unwrap();
        tenant.insert_runs(&launching, &run, None).await.unwrap();
        let ending = tokio::spawn(end(tenant.clone(), first.clone()));
        until_it_waits(&store, &ending).await;
        launching.commit().await.unwrap();
        ending.await.unwrap();
        let released = tenant.run(run.id).await.unwrap().unwrap();
        assert_eq!((released.waits_for, released.awaited()), (Some(first.id), None));
        assert_eq!(tenant.released(first.id).await.unwrap(), [run.id]);
    });
}
