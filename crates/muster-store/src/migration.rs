//! The schema: brought up to date at start under a lock; a newer one is refused.

use sea_orm::Value;

use crate::database::{Database, Dialect, Transaction, Urgency};
use crate::error::StoreError;
use crate::sight::Sight;

#[derive(Clone, Copy)]
struct Step {
    sqlite: &'static str,
    postgres: &'static str,
}

/// The step of that name, which has one script a database.
macro_rules! step {
    ($name:literal) => {
        Step {
            sqlite: include_str!(concat!("../../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../../migrations/postgres/", $name, ".sql")),
        }
    };
}

/// All steps in their order; a step's version is its place from 1. A step that has been released never changes.
const STEPS: &[Step] = &[
    step!("0001_initial"),
    step!("0002_granted"),
    step!("0003_schedule"),
    step!("0004_configuration_history"),
    step!("0005_secrets"),
    step!("0006_audit"),
    step!("0007_by_hand"),
    step!("0008_roles"),
    step!("0009_retention"),
    step!("0010_outbox"),
    step!("0011_numbers"),
    step!("0012_history_kind"),
    step!("0013_waits_for"),
    step!("0014_failed_entries"),
    step!("0015_disputes"),
    step!("0016_holds"),
    step!("0017_undo"),
    step!("0018_left_out"),
    step!("0019_parked"),
    step!("0020_changes"),
    step!("0021_user_sync"),
    step!("0022_single"),
    step!("0023_terms"),
];

/// The version of the schema that all steps lead to.
pub(crate) const KNOWN: i64 = STEPS.len().cast_signed() as i64;

/// The key of the advisory lock that keeps two starts on PostgreSQL apart.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7526466203)";

/// Steps move rows as the owner of the tables, who sees all of them only where row-level security is not forced.
const LIFT: &str = "DO $$ DECLARE name REGCLASS; BEGIN \
    FOR name IN SELECT oid FROM pg_class \
        WHERE relforcerowsecurity AND relnamespace = current_schema()::regnamespace \
    LOOP EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', name); END LOOP; END $$";

/// Forces row-level security again, on every table that has it.
const FORCE: &str = "DO $$ DECLARE name REGCLASS; BEGIN \
    FOR name IN SELECT oid FROM pg_class \
        WHERE relrowsecurity AND NOT relforcerowsecurity AND relnamespace = current_schema()::regnamespace \
    LOOP EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', name); END LOOP; END $$";

/// Brings the schema up to date, in one transaction.
pub(crate) async fn migrate(database: &Database) -> Result<(), StoreError> {
    take(database, STEPS).await
}

/// Brings an empty database to an older version.
#[cfg(test)]
pub(crate) async fn take_first(database: &Database, version: i64) -> Result<(), StoreError> {
    take(database, &STEPS[..usize::try_from(version).unwrap()]).await
}

async fn take(database: &Database, steps: &[Step]) -> Result<(), StoreError> {
    let tx = database.begin(Urgency::Short).await?;
    if tx.dialect() == Dialect::Postgres {
        tx.query(LOCK, Vec::new()).await?;
    }
    tx.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY)", Vec::new())
        .await?;
    let found = current(&tx).await?;
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    if found < known {
        let missing: Vec<_> = (1..).zip(steps).filter(|(version, _)| *version > found).collect();
        with_all_rows(&tx, async || go(&tx, &missing).await).await?;
    }
    tx.commit().await
}

/// Does something as the owner of the tables, who sees all rows meanwhile.
pub(crate) async fn with_all_rows<T>(
    tx: &Transaction,
    work: impl AsyncFnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    if tx.dialect() == Dialect::Sqlite {
        return work().await;
    }
    tx.seen_by(Sight::Owner).await?;
    tx.script(LIFT).await?;
    let done = work().await?;
    tx.script(FORCE).await?;
    Ok(done)
}

async fn go(tx: &Transaction, missing: &[(i64, &Step)]) -> Result<(), StoreError> {
    for (version, step) in missing {
        let script = match tx.dialect() {
            Dialect::Sqlite => step.sqlite,
            Dialect::Postgres => step.postgres,
        };
        tx.script(script).await?;
        tx.execute("INSERT INTO schema_version (version) VALUES (?)", vec![Value::from(*version)]).await?;
    }
    Ok(())
}

async fn current(tx: &Transaction) -> Result<i64, StoreError> {
    let row = tx.query_one("SELECT max(version) FROM schema_version", Vec::new()).await?;
    let version = row.map(|row| row.try_get_by_index::<Option<i64>>(0)).transpose();
    Ok(version.map_err(|error| StoreError::unreadable("schema version", error))?.flatten().unwrap_or(0))
}

/// Takes a step more than there are.
#[cfg(test)]
pub(crate) async fn one_more(database: &Database, postgres: &'static str) -> Result<(), StoreError> {
    take(database, &[STEPS, &[Step { sqlite: "SELECT 1", postgres }]].concat()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_model::audit::ActorKind;

    use crate::query_plans::on_each_location;
    use crate::{ResourceWrite, Store, Written};

    const OLD: &str = "INSERT INTO tenant (id, slug, created_at) VALUES (1, 'acme', 0); \
        INSERT INTO configuration (tenant, kind, id, version, body) VALUES (1, 3, 'hr', 7, '{}')";

    #[test]
    fn what_was_there_before_history_has_one() {
        on_each_location(async |location| {
            let database = Database::connect(&location).await.unwrap();
            take(&database, &STEPS[..3]).await.unwrap();
            let tx = database.begin(Urgency::Short).await.unwrap();
            tx.script(OLD).await.unwrap();
            tx.commit().await.unwrap();

            let store = Store::open(&location).await.unwrap();
            let tenant = store.tenant(&"acme".parse().unwrap()).await.unwrap().unwrap();
            let history = tenant.resource_history((3, "hr"), None, 10).await.unwrap();
            assert_eq!(history.len(), 1);
            assert_eq!((history[0].version, history[0].actor.kind), (7, ActorKind::System));
            assert_eq!(history[0].written, Written::Created("{}".to_owned()));
            assert!(history[0].at.timestamp() > 0);
            let checked = tenant.configuration_version().await.unwrap();
            let write = ResourceWrite::new(3, "hr", Written::Deleted);
            assert_eq!(tenant.write_resource(checked, write).await.unwrap(), 8);
        });
    }

    const SHADOWS: &str = "INSERT INTO shadow (tenant, application, no, class, uid_key, uid, state, version, digest, \
        account_digest, profile, snapshot) SELECT 1, 'ad', no, 'person', uid_key, 'x', 0, 1, uid_key, uid_key, \
        profile, '{}' FROM (SELECT 1 AS no, unhex('01') AS uid_key, 'staff' AS profile \
        UNION ALL SELECT 2, unhex('02'), NULL) AS known";

    #[test]
    fn accounts_of_which_nobody_knows_what_they_were_granted_are_decided_again() {
        on_each_location(async |location| {
            let database = Database::connect(&location).await.unwrap();
            take(&database, &STEPS[..1]).await.unwrap();
            let tx = database.begin(Urgency::Short).await.unwrap();
            tx.script(SHADOWS).await.unwrap();
            tx.commit().await.unwrap();
            take(&database, &STEPS[..2]).await.unwrap();
            let sql = "SELECT no FROM shadow WHERE digest IS NOT NULL AND account_digest IS NOT NULL \
                AND granted IS NULL";
            let promised = database.query(sql, Vec::new()).await.unwrap();
            let promised: Vec<i64> = promised.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
            assert_eq!(promised, [2]);
            let newer = take(&database, &STEPS[..1]).await;
            assert!(matches!(newer, Err(StoreError::NewerSchema { found: 2, known: 1 })), "{newer:?}");
        });
    }
}
