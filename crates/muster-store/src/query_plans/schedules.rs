//! How the databases find what is due among some thousand schedules of several tenants, and deal with it.

use chrono::{DateTime, TimeDelta, Utc};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, OwnerBy, TaskKind};
use muster_model::{ConfigurationId, RunId, TenantSlug};
use muster_plan::lifecycle::{Absence, RunState};
use muster_plan::schedule::Standing;
use sea_orm::Value;
use uuid::Uuid;

use super::explain::findings;
use super::{Sent, on_each_database};
use crate::database::Urgency;
use crate::rows::{Bulk, Kind};
use crate::{Fired, KEPT_FIRES, NewFire, NewRun, NewSchedule, NextDue, NoLaunch, Store, TenantStore};

const TASKS: u32 = 2000;

const DEFINITIONS: Bulk = Bulk {
    table: "configuration",
    columns: &[
        ("tenant", Kind::Integer),
        ("kind", Kind::Integer),
        ("id", Kind::Text),
        ("version", Kind::Integer),
        ("body", Kind::Text),
    ],
    suffix: "",
};

/// How each statement begins that must have been explained.
const TOLD: [&str; 12] = [
    "SELECT slug, created_at, id, configuration",
    "SELECT c.kind, c.id, c.version",
    "INSERT INTO schedule",
    "SELECT s.next_due FROM",
    "SELECT t.slug, t.created_at",
    "SELECT r.id FROM run",
    "UPDATE schedule SET next_due",
    "INSERT INTO fire",
    "DELETE FROM fire",
    "UPDATE schedule SET paused",
    "SELECT due_at, at",
    "SELECT s.kind, s.task",
];

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_793_520_000_000).unwrap()
}

fn task(number: u32) -> ConfigurationId {
    ConfigurationId::new(&format!("task-{number}")).unwrap()
}

/// A tenant with many task definitions, and not one schedule.
async fn tenant(store: &Store, slug: &str) -> TenantStore {
    let tenant = store.create_tenant(&TenantSlug::new(slug).unwrap(), now()).await.unwrap();
    let kind = ConfigurationKind::SynchronizationTaskDefinition as i64;
    let definition = |number| -> Vec<Value> {
        let id = task(number);
        vec![tenant.tenant.into(), kind.into(), id.as_str().into(), 1_i64.into(), "{}".into()]
    };
    let tx = tenant.database.begin(Urgency::Short).await.unwrap();
    DEFINITIONS.insert(&tx, (0..TASKS).map(definition).collect()).await.unwrap();
    let sql = "UPDATE tenant SET configuration = 1 WHERE id = ?";
    tx.execute(sql, vec![tenant.tenant.into()]).await.unwrap();
    tx.commit().await.unwrap();
    tenant
}

/// Computes the schedules of a tenant: each task is due a second after the one before.
async fn schedule(tenant: &TenantStore) {
    let unscheduled = tenant.unscheduled().await.unwrap().unwrap();
    let schedules: Vec<_> = tenant
        .unscheduled_tasks()
        .await
        .unwrap()
        .into_iter()
        .map(|found| {
            let number: i64 = found.task.as_str().trim_start_matches("task-").parse().unwrap();
            let next_due = Some(now() + TimeDelta::seconds(number));
            NewSchedule {
                kind: found.kind,
                task: found.task,
                version: found.version,
                job: Uuid::new_v4(),
                standing: Standing { plan: [1; 16], anchor: now(), paused: false, next_due },
            }
        })
        .collect();
    assert!(tenant.store_schedules(unscheduled.version, &schedules).await.unwrap());
    assert!(!tenant.store_schedules(unscheduled.version, &schedules).await.unwrap(), "the first counts");
}

fn run(task: ConfigurationId) -> NewRun {
    NewRun {
        id: RunId(Uuid::new_v4()),
        task_kind: TaskKind::Synchronization,
        task,
        state: RunState::launched(Mode::Apply, Absence::Concluded),
        keys: None,
        owner_by: OwnerBy::Key,
        rules: [7; 16],
        rules_body: "[]".to_owned(),
        estimate: 0,
        approved_hash: None,
        overriding: None,
        chain: None,
        preceded_by: None,
        undoes: None,
        now: now(),
    }
}

/// Looks, and fires what is due first.
async fn look(store: &Store, failure: Option<&str>) -> Fired {
    let due = store.earliest_due().await.unwrap().unwrap();
    let found = store.due_schedules(due, 10).await.unwrap();
    let (tenant, made_from, schedule) = &found[0];
    assert_eq!(schedule.standing.next_due, Some(due));
    let run = run(schedule.task.clone());
    let fire = NewFire {
        schedule,
        due,
        made_from: *made_from,
        at: due,
        missed: 0,
        next_due: NextDue::Known(Some(due + TimeDelta::milliseconds(1))),
        launch: failure.map_or(Ok(&run), |why| Err(NoLaunch::Error(why))),
    };
    let fired = tenant.fire(&fire).await.unwrap();
    assert_eq!(tenant.fire(&fire).await.unwrap(), Fired::Passed, "a due time fires once");
    fired
}

#[test]
fn what_is_due_is_found_by_its_time() {
    on_each_database(async |store| {
        let tenants = [tenant(&store, "acme").await, tenant(&store, "beta").await];
        let recorder = &tenants[0].database.recorder;
        recorder.take();
        assert_eq!(store.unscheduled().await.unwrap().len(), 2);
        for tenant in &tenants {
            schedule(tenant).await;
        }
        assert!(store.unscheduled().await.unwrap().is_empty());
        assert_eq!(look(&store, None).await, Fired::Launched);
        assert_eq!(look(&store, None).await, Fired::Launched, "the other tenant's");
        assert!(matches!(look(&store, None).await, Fired::Blocked(_)), "the first has not ended");
        for _ in 0..2 * KEPT_FIRES + 10 {
            assert_eq!(look(&store, Some("it cannot")).await, Fired::Failed);
        }
        let first = tenants[0].schedule(TaskKind::Synchronization, &task(0)).await.unwrap().unwrap();
        assert_eq!(first.previous, Some(now()), "only launches count");
        let fires = tenants[0].fires(TaskKind::Synchronization, &task(0), 1000).await.unwrap();
        assert_eq!(fires.len(), KEPT_FIRES as usize);
        assert!(fires.is_sorted_by(|newer, older| newer.due_at > older.due_at));
        assert!(tenants[0].restate_schedule(&first, &first.standing.paused()).await.unwrap());
        let mut found = Vec::new();
        let statements = recorder.take();
        for start in TOLD {
            assert!(
                statements.iter().any(|sent| sent.sql.starts_with(start)),
                "nothing began with `{start}`"
            );
        }
        let mut explained = std::collections::BTreeSet::new();
        for Sent { sql, values } in statements {
            // Its number is the tenant's greatest, which both databases take from the end of an index.
            let is_launch = sql.starts_with("INSERT INTO run ");
            if !is_launch && explained.insert(sql.clone()) {
                found.extend(findings(&tenants[0].database, &sql, values).await);
            }
        }
        assert!(found.is_empty(), "{}", found.join("\n\n"));
    });
}
