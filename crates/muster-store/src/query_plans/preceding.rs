//! How the databases find, among thousands of runs, the one that another is to wait for, and those that wait for one
//! which ends.

use chrono::TimeDelta;
use muster_model::RunId;
use muster_model::run::OutcomeStatus;
use muster_plan::lifecycle::Event;
use sea_orm::Value;
use uuid::Uuid;

use super::explain::findings;
use super::story::{self, launch};
use super::{Sent, on_each_database};
use crate::database::Urgency;
use crate::rows::{Bulk, Kind};
use crate::sight::Sight;
use crate::{Advance, NewRun, RunRecord, TenantStore};

/// How each statement begins that must have been explained.
const TOLD: [&str; 3] = ["SELECT r.id FROM run", "UPDATE run SET lease_until = 0", "SELECT id FROM run"];

/// Runs that have waited for another once, each for one of its own.
const ENDED: i64 = 2000;

async fn fill(tenant: &TenantStore) {
    let bulk = Bulk {
        table: "run",
        columns: &[
            ("seq", Kind::Integer),
            ("tenant", Kind::Integer),
            ("id", Kind::Uuid),
            ("no", Kind::Integer),
            ("task_kind", Kind::Integer),
            ("task", Kind::Text),
            ("mode", Kind::Integer),
            ("status", Kind::Integer),
            ("phase", Kind::Integer),
            ("absence", Kind::Integer),
            ("rules", Kind::Octets),
            ("started_at", Kind::Integer),
            ("waits_for", Kind::Uuid),
        ],
        suffix: "",
    };
    let tx = tenant.database.begin(Urgency::Bulk).await.unwrap();
    let row = |no: i64| -> Vec<Value> {
        vec![
            (1_000_000 + no).into(),
            tenant.tenant.into(),
            Uuid::new_v4().into(),
            (1_000_000 + no).into(),
            0_i64.into(),
            format!("task-{}", no % 20).into(),
            0_i64.into(),
            4_i64.into(),
            0_i64.into(),
            0_i64.into(),
            vec![7_u8; 16].into(),
            0_i64.into(),
            Uuid::new_v4().into(),
        ]
    };
    bulk.insert(&tx, (0..ENDED).map(row).collect()).await.unwrap();
    tx.commit().await.unwrap();
    tenant.refresh_statistics().await.unwrap();
    let tx = tenant.database.begin(Urgency::Short).await.unwrap();
    tx.seen_by(Sight::Owner).await.unwrap();
    tx.script("ANALYZE run").await.unwrap();
    tx.commit().await.unwrap();
}

fn after(preceding: NewRun, task: &str) -> NewRun {
    NewRun {
        id: RunId(Uuid::new_v4()),
        task: task.parse().unwrap(),
        preceded_by: Some(Box::new(preceding.clone())),
        ..preceding
    }
}

async fn end(tenant: &TenantStore, run: &RunRecord) {
    let lease = story::now() + TimeDelta::minutes(1);
    let run = tenant.claim(run, "worker", story::now(), lease).await.unwrap();
    let (state, _) = muster_plan::lifecycle::step(run.state, Event::Failed).unwrap();
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
        now: story::now(),
    };
    tenant.advance(&run, &advance).await.unwrap();
}

#[test]
fn who_waits_for_whom_is_found_by_key() {
    on_each_database(async |store| {
        let tenant = story::tenant(&store).await;
        fill(&tenant).await;
        tenant.database.recorder.take();
        let under_way = launch(&tenant, "first").await;
        let made_from = tenant.configuration_version().await.unwrap();
        let waits = async |task: &str| {
            let new = after(story::new_run("first"), task);
            tenant.launch(made_from, &new).await.unwrap()
        };
        let waiting = [waits("second").await, waits("third").await];
        assert!(waiting.iter().all(|run| run.awaited() == Some(under_way.id)), "{waiting:?}");
        end(&tenant, &under_way).await;
        let mut released = tenant.released(under_way.id).await.unwrap();
        released.sort_unstable();
        let mut expected = waiting.each_ref().map(|run| run.id);
        expected.sort_unstable();
        assert_eq!(released, expected);
        let ended = tenant.run(under_way.id).await.unwrap().unwrap();
        assert_eq!(ended.state.outcome, Some(OutcomeStatus::Failure));

        let statements = tenant.database.recorder.take();
        let mut found = Vec::new();
        for start in TOLD {
            let of_start: Vec<_> = statements.iter().filter(|sent| sent.sql.starts_with(start)).collect();
            assert!(!of_start.is_empty(), "nothing began with `{start}`");
            for Sent { sql, values } in of_start {
                found.extend(findings(&tenant.database, sql, values.clone()).await);
            }
        }
        assert!(found.is_empty(), "{}", found.join("\n\n"));
    });
}
