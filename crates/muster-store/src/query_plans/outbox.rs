//! How the databases find what is to be done after runs among thousands of errands, and note what came of it.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use muster_model::errand::{ErrandKind, ErrandState};
use muster_plan::lifecycle::Event;
use uuid::Uuid;

use super::explain::findings;
use super::story::{self, Story, launch};
use super::{Sent, on_each_database};
use crate::database::Urgency;
use crate::sight::Sight;
use crate::{Advance, ErrandRecord, NewErrand, RunRecord, Settled, StoreError, TenantStore};

/// How each statement begins that must have been explained.
const TOLD: [&str; 6] = [
    "SELECT o.run, o.no, o.id, o.kind, o.item, o.attempts, o.state, o.message, o.path, r.id",
    "SELECT o.run, o.no, o.id, o.kind, o.item, o.attempts, o.state, o.message, o.path FROM",
    "UPDATE outbox SET attempts",
    "UPDATE outbox SET due_at",
    "UPDATE outbox SET state",
    "SELECT p.no, p.step",
];

fn errands(kinds: &[ErrandKind]) -> Vec<NewErrand> {
    let errand = |kind: &ErrandKind| NewErrand { id: Uuid::new_v4(), kind: *kind, item: 0 };
    kinds.iter().map(errand).collect()
}

/// A run that has failed and left errands.
async fn ended(tenant: &TenantStore, task: &str, kinds: &[ErrandKind]) -> RunRecord {
    let run = launch(tenant, task).await;
    let lease = story::now() + TimeDelta::minutes(1);
    let run = tenant.claim(&run, "worker", story::now(), lease).await.unwrap();
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
        errands: &errands(kinds),
        statements: 0,
        peak_memory: 0,
        now: story::now(),
    };
    tenant.advance(&run, &advance).await.unwrap();
    tenant.run(run.id).await.unwrap().unwrap()
}

fn settled(state: ErrandState) -> Settled {
    let due_at = story::now() + TimeDelta::hours(1);
    Settled { state, message: Some("so it is".to_owned()), path: None, due_at }
}

#[test]
fn errands_are_found_by_their_time_and_settled_by_their_key() {
    on_each_database(async |store| {
        let tenant = story::tenant(&store).await;
        Story::begin(tenant.clone()).await;
        // Among a handful of runs any way to one is as good as any other.
        for number in 0..300 {
            launch(&tenant, &format!("task-{number}")).await;
        }
        let first =
            ended(&tenant, "with-errands", &[ErrandKind::Archive, ErrandKind::Launch, ErrandKind::Webhook])
                .await;
        // What was done long ago, and what waits for another day, is most of it.
        let tx = tenant.database.begin(Urgency::Bulk).await.unwrap();
        let many = errands(&[ErrandKind::Webhook; 2000]);
        tenant.put_errands(&tx, first.seq + 1000, &many, story::now() + TimeDelta::days(1)).await.unwrap();
        tenant.put_errands(&tx, first.seq + 1001, &many, story::now()).await.unwrap();
        let sql = "UPDATE outbox SET state = 1 WHERE tenant = ? AND run = ?";
        tx.execute(sql, vec![tenant.tenant.into(), (first.seq + 1001).into()]).await.unwrap();
        tx.commit().await.unwrap();
        tenant.refresh_statistics().await.unwrap();
        let tx = tenant.database.begin(Urgency::Short).await.unwrap();
        tx.seen_by(Sight::Owner).await.unwrap();
        for table in ["outbox", "run"] {
            tx.script(&format!("ANALYZE {table}")).await.unwrap();
        }
        tx.commit().await.unwrap();
        tenant.database.recorder.take();

        let now = story::now();
        let due = async || {
            let due = store.due_errands(now, 10).await.unwrap();
            due.into_iter().map(|(_, _, errand)| errand).collect::<Vec<_>>()
        };
        let kinds = |errands: &[ErrandRecord]| errands.iter().map(|errand| errand.kind).collect::<Vec<_>>();
        let found = due().await;
        assert_eq!(kinds(&found), [ErrandKind::Archive], "the others come after it");
        let lease = now + TimeDelta::seconds(15);
        let claimed = tenant.claim_errand(&found[0], now, lease).await.unwrap().unwrap();
        assert_eq!(tenant.claim_errand(&found[0], now, lease).await.unwrap(), None, "the first counts");
        assert_eq!(due().await, [], "nor do they while it is carried out");
        tenant.renew_errand(&claimed, now).await.unwrap();
        let again = tenant.claim_errand(&claimed, now, lease).await.unwrap().unwrap();
        let late = tenant.settle_errand(&claimed, &settled(ErrandState::Done)).await;
        assert!(matches!(late, Err(StoreError::LostFence)), "{late:?}");
        tenant.settle_errand(&again, &settled(ErrandState::Failed)).await.unwrap();
        assert_eq!(kinds(&due().await), [ErrandKind::Launch]);
        let launch = tenant.claim_errand(&due().await[0], now, lease).await.unwrap().unwrap();
        tenant.settle_errand(&launch, &settled(ErrandState::Done)).await.unwrap();
        assert_eq!(kinds(&due().await), [ErrandKind::Webhook]);
        let of_run = tenant.errands_of(std::slice::from_ref(&first)).await.unwrap();
        let states: Vec<_> = of_run[&first.seq].iter().map(|errand| errand.state).collect();
        assert_eq!(states, [ErrandState::Failed, ErrandState::Done, ErrandState::Pending]);
        tenant.report_rows(&first, None, 10).await.unwrap();

        let statements = tenant.database.recorder.take();
        for start in TOLD {
            assert!(
                statements.iter().any(|sent| sent.sql.starts_with(start)),
                "nothing began with `{start}`"
            );
        }
        let (mut found, mut explained) = (Vec::new(), BTreeSet::new());
        for Sent { sql, values } in statements {
            if explained.insert(sql.clone()) {
                let of_all_tenants = sql.contains("JOIN tenant t");
                let database = if of_all_tenants { &store.database } else { &tenant.database };
                found.extend(findings(database, &sql, values).await);
            }
        }
        assert!(found.is_empty(), "{}", found.join("\n\n"));
    });
}
