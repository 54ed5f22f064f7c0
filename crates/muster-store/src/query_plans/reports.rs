//! How the databases find the reports of runs that ended long ago, piece by piece, among thousands of runs.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use sea_orm::Value;

use super::explain::findings;
use super::story::{self, launch, now};
use super::{Sent, on_each_database};
use crate::database::{Dialect, Urgency};
use crate::row::get;
use crate::sight::Sight;
use crate::{Report, Store, TenantStore};

/// Runs of which every other left a report, an archive and a webhook that was told; two instants in all, so that many
/// ended at the same one.
const RUNS: i64 = 2500;

async fn busy(store: &Store) -> TenantStore {
    let tenant = story::tenant(store).await;
    let first = launch(&tenant, "task").await;
    let id = match tenant.dialect() {
        Dialect::Sqlite => "randomblob(16)",
        Dialect::Postgres => "gen_random_uuid()",
    };
    let runs = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) \
         INSERT INTO run (tenant, id, no, task_kind, task, mode, status, phase, absence, rules, started_at, ended_at) \
         SELECT r.tenant, {id}, r.no + n.i, 0, 'task', 0, 4, 0, 0, r.rules, 0, ? - n.i % 2 \
         FROM run r CROSS JOIN n WHERE r.seq = ?"
    );
    let errands = format!(
        "INSERT INTO outbox (tenant, run, no, id, kind, item, due_at, state, path) \
         SELECT r.tenant, r.seq, k.no, {id}, k.kind, 0, r.ended_at + 1000, 1, k.path || r.seq FROM run r \
         CROSS JOIN (SELECT 1 AS no, 1 AS kind, 'report' AS path UNION ALL SELECT 2, 2, 'archive' \
         UNION ALL SELECT 3, 4, NULL) k WHERE r.tenant = ? AND r.status = 4 AND r.no % 2 = 0"
    );
    let others = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) \
         INSERT INTO outbox (tenant, run, no, id, kind, item, due_at, state) \
         SELECT t.id, 1000000 + n.i, 1, {id}, 4, 0, 0, 1 FROM tenant t CROSS JOIN n WHERE t.id = ?"
    );
    let tx = tenant.database.begin(Urgency::Bulk).await.unwrap();
    let ended = now().timestamp_millis();
    tx.execute(&runs, [RUNS, ended, first.seq].map(Value::from).into()).await.unwrap();
    tx.execute(&errands, vec![tenant.tenant.into()]).await.unwrap();
    // Who reads a thousand runs of these few should not think of all errands as the cheaper way.
    tx.execute(&others, [40 * RUNS, tenant.tenant].map(Value::from).into()).await.unwrap();
    tx.commit().await.unwrap();
    tenant.refresh_statistics().await.unwrap();
    let tx = tenant.database.begin(Urgency::Short).await.unwrap();
    tx.seen_by(Sight::Owner).await.unwrap();
    for table in ["outbox", "run"] {
        tx.script(&format!("ANALYZE {table}")).await.unwrap();
    }
    tx.commit().await.unwrap();
    tenant
}

/// All reports of runs that ended before now, and how many pieces they came in.
async fn old_reports(store: &Store) -> (Vec<Report>, u32) {
    let (mut reports, mut pieces, mut after) = (Vec::new(), 0, None);
    loop {
        let found = store.old_reports(now() + TimeDelta::milliseconds(1), after).await.unwrap();
        pieces += 1;
        reports.extend(found.reports.into_iter().flat_map(|(_, reports)| reports));
        match found.next {
            Some(next) => after = Some(next),
            None => return (reports, pieces),
        }
    }
}

#[test]
fn reports_are_found_by_the_end_of_their_runs_and_forgotten_by_key() {
    on_each_database(async |store| {
        let tenant = busy(&store).await;
        tenant.database.recorder.take();
        let (reports, pieces) = old_reports(&store).await;
        assert_eq!((reports.len(), pieces), (RUNS as usize / 2, 3));
        let runs: BTreeSet<_> = reports.iter().map(|report| report.run).collect();
        assert_eq!(runs.len(), reports.len(), "each once");
        let own = |report: &Report| (report.no, &report.path) == (1, &format!("report{}", report.run));
        assert!(reports.iter().all(own), "and no archive");
        let none = store.old_reports(now() - TimeDelta::milliseconds(1), None).await.unwrap();
        assert!(none.reports.is_empty() && none.next.is_none(), "of those that ended later none: {none:?}");

        assert_eq!(tenant.reports_of(reports[7].run).await.unwrap(), [reports[7].clone()]);
        tenant.forget_reports(&reports[..500]).await.unwrap();
        tenant.forget_reports(&[]).await.unwrap();
        let (left, _) = old_reports(&store).await;
        assert_eq!(left, reports[500..]);
        assert_eq!(tenant.reports_of(reports[7].run).await.unwrap(), []);
        let statements = tenant.database.recorder.take();
        let sql = "SELECT kind, path FROM outbox WHERE tenant = ? AND run = ? ORDER BY no";
        let rows =
            tenant.database.query(sql, vec![tenant.tenant.into(), reports[7].run.into()]).await.unwrap();
        let paths = rows.iter().map(|row| (get(row, 0).unwrap(), get(row, 1).unwrap()));
        let archive = format!("archive{}", reports[7].run);
        let expected = [(1, None), (2, Some(archive)), (4, None)];
        assert_eq!(paths.collect::<Vec<(i64, Option<String>)>>(), expected);

        let (mut found, mut explained) = (Vec::new(), BTreeSet::new());
        for Sent { sql, values } in statements {
            if explained.insert(sql.clone()) {
                let of_all_tenants = sql.contains("run r");
                let database = if of_all_tenants { &store.database } else { &tenant.database };
                found.extend(findings(database, &sql, values).await);
            }
        }
        assert_eq!(explained.len(), 4, "{explained:?}");
        assert!(found.is_empty(), "{}", found.join("\n\n"));
    });
}
