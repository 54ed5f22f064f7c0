//! How the databases find a sync among all runs of a tenant, and what it left.

use muster_model::ConfigurationId;
use roaring::RoaringBitmap;
use sea_orm::Value;

use super::explain::findings;
use super::story::{self, launch};
use super::{Sent, on_each_database};
use crate::database::Urgency;
use crate::sight::Sight;
use crate::{SweptPage, TenantStore};

/// Runs that have ended.
const RUNS: i64 = 5000;

async fn fill(tenant: &TenantStore) {
    let number = if tenant.is_clustered() { "" } else { "seq, " };
    let seq = if tenant.is_clustered() { "" } else { "1000 + n.i, " };
    let sql = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {RUNS}) \
         INSERT INTO run ({number}tenant, id, no, sync, task_kind, task, mode, status, phase, absence, rules, started_at) \
         SELECT {seq}r.tenant, {id}, 1000 + n.i, 1000 + n.i, 0, 'task' || (n.i % 7), 0, 4, 0, 0, r.rules, 0 \
         FROM run r CROSS JOIN n WHERE r.tenant = ?",
        id = if tenant.is_clustered() { "gen_random_uuid()" } else { "randomblob(16)" },
    );
    let tx = tenant.database.begin(Urgency::Bulk).await.unwrap();
    tx.execute(&sql, vec![Value::from(tenant.tenant)]).await.unwrap();
    tx.commit().await.unwrap();
    let tx = tenant.database.begin(Urgency::Short).await.unwrap();
    tx.seen_by(Sight::Owner).await.unwrap();
    tx.script("ANALYZE run").await.unwrap();
    tx.commit().await.unwrap();
}

#[test]
fn a_sync_is_found_by_its_number_and_so_is_all_that_it_left() {
    on_each_database(async |store| {
        let tenant = story::tenant(&store).await;
        let run = launch(&tenant, "task").await;
        fill(&tenant).await;
        tenant.database.recorder.take();
        let task = ConfigurationId::new("task1").unwrap();
        assert_eq!(tenant.sync(1001).await.unwrap().map(|sync| sync.number), Some(1001));
        assert!(tenant.sync_of(run.id).await.unwrap().is_some());
        assert_eq!(tenant.last_sync(&task).await.unwrap().unwrap().run.task, task);
        tenant.messages(&run).await.unwrap();
        tenant.notes(&run, 100).await.unwrap();
        tenant.entry_problems(&run, (i64::MIN, 500)).await.unwrap();
        let nothing = tenant.left_entries(&run, SweptPage::default(), &RoaringBitmap::new()).await.unwrap();
        assert_eq!(nothing, None);
        let mut statements = tenant.database.recorder.take();
        launch(&tenant, "another").await;
        let launched = tenant.database.recorder.take();
        statements.extend(launched.into_iter().filter(|sent| sent.sql.starts_with("INSERT INTO run")));
        let mut found = Vec::new();
        for Sent { sql, values } in statements {
            found.extend(findings(&tenant.database, &sql, values).await);
        }
        assert!(found.is_empty(), "{}", found.join("\n\n"));
    });
}
