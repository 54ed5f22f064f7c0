//! How the databases find the failed entries of a run among those of all others.

use muster_model::run::Outcome;
use sea_orm::Value;

use super::explain::findings;
use super::story::{self, launch};
use super::{Sent, on_each_database};
use crate::database::Urgency;
use crate::sight::Sight;
use crate::{Failures, RunRecord, TenantStore};

/// Failed entries of each of some runs.
const ENTRIES: i64 = 200;
const RUNS: i64 = 100;

async fn fill(tenant: &TenantStore, run: &RunRecord) {
    let sql = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?) \
        INSERT INTO problem (tenant, run, no, change, bucket, outcome, step, code, uid, message, noted_at, cause) \
        SELECT t.id, ? + i / ?, 1 + i % ?, 1 + i % ?, 0, ?, 0, 'code', 'uid' || (i % ?), 'message', 0, \
        'cause' || (i % 3) FROM tenant t CROSS JOIN n WHERE t.id = ?";
    let values = [
        ENTRIES * RUNS - 1,
        run.seq,
        ENTRIES,
        ENTRIES,
        ENTRIES,
        Outcome::Failed as i64,
        ENTRIES,
        tenant.tenant,
    ];
    let changes = "INSERT INTO change (id, tenant, bucket, position, action, situation, reaction, uid, uid_key, state) \
        SELECT run * 4294967296 + change, tenant, 0, no, 2, 0, 0, uid, unhex('01'), 0 FROM problem WHERE tenant = ?";
    let tx = tenant.database.begin(Urgency::Bulk).await.unwrap();
    tx.execute(sql, values.map(Value::from).into()).await.unwrap();
    tx.execute(changes, vec![tenant.tenant.into()]).await.unwrap();
    tx.commit().await.unwrap();
    let tx = tenant.database.begin(Urgency::Short).await.unwrap();
    tx.seen_by(Sight::Owner).await.unwrap();
    for table in ["problem", "change"] {
        tx.script(&format!("ANALYZE {table}")).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[test]
fn failed_entries_are_found_by_their_run_in_one_statement_each() {
    on_each_database(async |store| {
        let tenant = story::tenant(&store).await;
        let run = launch(&tenant, "task").await;
        fill(&tenant, &run).await;
        tenant.database.recorder.take();
        let named = Failures::Entries(vec![1, 2, 1000]);
        let of_cause = Failures::OfCause("cause1".to_owned());
        for (which, entries) in [(&Failures::All, 200), (&of_cause, 67), (&named, 2)] {
            let found = tenant.failures(&run, which, (0, 1000)).await.unwrap();
            assert_eq!(found.len(), entries, "{which:?}");
            let keys = tenant.failed_keys(&run, which, 1000).await.unwrap();
            assert_eq!((keys.keys.len(), keys.without), (entries, 0), "{which:?}");
        }
        let causes = tenant.failure_causes(&run, &Failures::All, 2).await.unwrap();
        let counted: Vec<_> = causes.iter().map(|cause| (cause.cause.as_str(), cause.entries)).collect();
        assert_eq!(counted, [("cause0", 67), ("cause1", 67)]);
        assert!(causes.iter().all(|cause| cause.samples.len() == 5));

        let statements = tenant.database.recorder.take();
        assert_eq!(statements.len(), 3 * 3 + 1, "one for each list, two for keys: {statements:?}");
        let mut found = Vec::new();
        for Sent { sql, values } in statements {
            found.extend(findings(&tenant.database, &sql, values).await);
        }
        assert!(found.is_empty(), "{}", found.join("\n\n"));
    });
}
