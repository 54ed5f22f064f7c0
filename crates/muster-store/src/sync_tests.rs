//! Tests of the numbers of syncs, and of what runs say: each once, in one order, whoever comes at the same time or again.

use chrono::TimeDelta;
use futures_util::future::join_all;
use muster_model::run::{Mode, Outcome, TaskKind};
use muster_model::{ApplicationId, ConfigurationId, RunId};
use muster_plan::lifecycle::{Event, RunState, step};
use uuid::Uuid;

use crate::query_plans::{launch, new_run, now, on_each_database, tenant};
use crate::{Advance, Bucket, Met, NewRun, OldRuns, PageRows, RunRecord, StoreError, TenantStore};

async fn number(tenant: &TenantStore, run: RunId) -> Option<i64> {
    tenant.sync_of(run).await.unwrap().map(|sync| sync.number)
}

async fn admit(tenant: &TenantStore, new: NewRun) -> RunRecord {
    let made_from = tenant.configuration_version().await.unwrap();
    tenant.launch(made_from, &new).await.unwrap()
}

/// Ends a run that somebody has claimed.
async fn end(tenant: &TenantStore, run: &RunRecord) {
    let (state, _) = step(run.state, Event::Failed).unwrap();
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
    tenant.advance(run, &advance).await.unwrap();
}

#[test]
fn syncs_are_numbered_without_gaps_or_twins_however_many_are_launched_at_once() {
    on_each_database(async |store| {
        let tenant = tenant(&store).await;
        let runs = join_all((0..8).map(async |task| launch(&tenant, &format!("task-{task}")).await.id)).await;
        let mut numbers = Vec::new();
        for run in runs {
            numbers.push(number(&tenant, run).await.unwrap());
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
        assert_eq!(tenant.sync(3).await.unwrap().unwrap().number, 3);
        assert_eq!(tenant.sync(9).await.unwrap(), None);
    });
}

#[test]
fn what_brings_nothing_in_is_no_sync_and_single_keys_are_one() {
    on_each_database(async |store| {
        let tenant = tenant(&store).await;
        let first = launch(&tenant, "hr").await;
        let task = ConfigurationId::new("hr").unwrap();
        let base = || NewRun { id: RunId(Uuid::new_v4()), ..new_run("hr") };
        let simulated = RunState { mode: Mode::Simulate, ..base().state };
        let keys = Some(vec!["7".to_owned()]);
        for (new, expected) in [
            (NewRun { state: simulated, ..base() }, None),
            (NewRun { task_kind: TaskKind::Provisioning, ..base() }, None),
            (NewRun { undoes: Some(first.id), keys: keys.clone(), ..base() }, None),
            (NewRun { keys, ..base() }, Some(2)),
        ] {
            let run = admit(&tenant, new).await;
            assert_eq!(number(&tenant, run.id).await, expected, "{run:?}");
        }
        // The last over all accounts.
        assert_eq!(tenant.last_sync(&task).await.unwrap().unwrap().run.id, first.id);
        let other = ConfigurationId::new("other").unwrap();
        assert_eq!(tenant.last_sync(&other).await.unwrap(), None);
    });
}

#[test]
fn the_number_of_the_last_sync_is_not_given_again_when_old_runs_are_dropped() {
    on_each_database(async |store| {
        let tenant = tenant(&store).await;
        for task in ["first", "second"] {
            let run = launch(&tenant, task).await;
            end(&tenant, &tenant.claim(&run, "nobody", now(), now()).await.unwrap()).await;
        }
        // A later run that is none.
        admit(&tenant, NewRun { task_kind: TaskKind::Provisioning, ..new_run("out") }).await;
        let old = store.old_runs(OldRuns::Whole, now() + TimeDelta::hours(1), 10).await.unwrap();
        assert_eq!(old.len(), 1, "the last sync stays");
        tenant.drop_run(old[0].1).await.unwrap();
        assert_eq!(number(&tenant, launch(&tenant, "third").await.id).await, Some(3));
    });
}

/// A run with one bucket, claimed.
async fn work(tenant: &TenantStore) -> (RunRecord, Bucket) {
    let run = launch(tenant, "hr").await;
    let run = tenant.claim(&run, "nobody", now(), now()).await.unwrap();
    let hr = ApplicationId::new("hr").unwrap();
    let bucket = tenant.buckets(&run, &[hr]).await.unwrap().remove(0);
    (run, bucket)
}

async fn say(
    tenant: &TenantStore,
    run: &RunRecord,
    bucket: &Bucket,
    messages: u32,
) -> Result<(), StoreError> {
    let mut rows = PageRows::default();
    for number in 1..=messages {
        rows.say(format!("page {} says {number}", bucket.page));
    }
    tenant.stage(run, bucket, &Met::default(), rows, now()).await.map(|_| ())
}

#[test]
fn what_pages_say_is_kept_in_order_once_and_not_without_end() {
    on_each_database(async |store| {
        let tenant = tenant(&store).await;
        let (run, mut bucket) = work(&tenant).await;
        bucket.page = 1;
        say(&tenant, &run, &bucket, 2).await.unwrap();
        assert_eq!(tenant.messages(&run).await.unwrap(), ["page 1 says 1", "page 1 says 2"]);
        // Whoever takes the run up decides a page again that was not stored.
        let taken = tenant.claim(&run, "another", now() + TimeDelta::hours(1), now()).await.unwrap();
        bucket.page = 2;
        assert!(matches!(say(&tenant, &run, &bucket, 1).await, Err(StoreError::LostFence)));
        bucket.fence += 1;
        say(&tenant, &taken, &bucket, 1).await.unwrap();
        let expected = ["page 1 says 1", "page 1 says 2", "page 2 says 1"];
        assert_eq!(tenant.messages(&taken).await.unwrap(), expected);
        bucket.page = 3;
        say(&tenant, &taken, &bucket, 1500).await.unwrap();
        bucket.page = 4;
        say(&tenant, &taken, &bucket, 7).await.unwrap();
        let messages = tenant.messages(&taken).await.unwrap();
        assert_eq!(
            (messages.len(), &*messages[999], &*messages[1000]),
            (1001, "page 3 says 997", "and 510 more")
        );
        // The sweep starts over.
        tenant.restart(&taken, &bucket, now()).await.unwrap();
        assert!(tenant.messages(&taken).await.unwrap().is_empty());
        bucket.page = 1;
        say(&tenant, &taken, &bucket, 1).await.unwrap();
        assert_eq!(tenant.messages(&taken).await.unwrap(), ["page 1 says 1"]);
        end(&tenant, &taken).await;
        tenant.drop_run(taken.seq).await.unwrap();
        let left =
            tenant.database.query("SELECT text FROM message WHERE tenant = ?", vec![tenant.tenant.into()]);
        assert!(left.await.unwrap().is_empty());
    });
}

#[test]
fn entries_that_leave_no_other_trace_are_told_page_by_page() {
    on_each_database(async |store| {
        let tenant = tenant(&store).await;
        let (run, mut bucket) = work(&tenant).await;
        for page in 1..=2 {
            let mut rows = PageRows::default();
            rows.leave(&format!("filtered {page}"), Outcome::Filtered);
            rows.leave(&format!("ignored {page}"), Outcome::Ignored);
            bucket.page = page;
            tenant.stage(&run, &bucket, &Met::default(), rows, now()).await.unwrap();
        }
        let (mut after, mut found) = (0, Vec::new());
        while let Some(left) = tenant.left_entries(&run, after, &Default::default()).await.unwrap() {
            after = left.page;
            found.extend(left.entries);
        }
        let entry = |outcome, key: &str| (outcome, key.to_owned());
        let (filtered, ignored) = (Outcome::Filtered, Outcome::Ignored);
        let expected = [
            entry(filtered, "filtered 1"),
            entry(ignored, "ignored 1"),
            entry(filtered, "filtered 2"),
            entry(ignored, "ignored 2"),
        ];
        assert_eq!(found, expected);
    });
}
