//! The schema: brought up to date at start under a lock; a newer one is refused.

use sea_orm::Value;

use crate::database::{Database, Dialect, Transaction, Urgency};
use crate::error::StoreError;

struct Step {
    sqlite: &'static str,
    postgres: &'static str,
}

/// All steps in their order; a step's version is its place from 1. A step that has been released never changes.
const STEPS: [Step; 2] = [
    Step {
        sqlite: include_str!("../../../migrations/sqlite/0001_initial.sql"),
        postgres: include_str!("../../../migrations/postgres/0001_initial.sql"),
    },
    Step {
        sqlite: include_str!("../../../migrations/sqlite/0004_configuration_history.sql"),
        postgres: include_str!("../../../migrations/postgres/0004_configuration_history.sql"),
    },
];

/// The key of the advisory lock that keeps two starts on PostgreSQL apart.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7526466203)";

/// Brings the schema up to date, in one transaction.
pub(crate) async fn migrate(database: &Database) -> Result<(), StoreError> {
    let tx = database.begin(Urgency::Short).await?;
    if tx.dialect() == Dialect::Postgres {
        tx.query(LOCK, Vec::new()).await?;
    }
    tx.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY)", Vec::new())
        .await?;
    let found = current(&tx).await?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    for (version, step) in (1..).zip(&STEPS) {
        if version > found {
            take(&tx, version, step).await?;
        }
    }
    tx.commit().await
}

async fn take(tx: &Transaction, version: i64, step: &Step) -> Result<(), StoreError> {
    let script = match tx.dialect() {
        Dialect::Sqlite => step.sqlite,
        Dialect::Postgres => step.postgres,
    };
    tx.script(script).await?;
    tx.execute("INSERT INTO schema_version (version) VALUES (?)", vec![Value::from(version)]).await?;
    Ok(())
}

async fn current(tx: &Transaction) -> Result<i64, StoreError> {
    let row = tx.query_one("SELECT max(version) FROM schema_version", Vec::new()).await?;
    let version = row.map(|row| row.try_get_by_index::<Option<i64>>(0)).transpose();
    Ok(version.map_err(|error| StoreError::unreadable("schema version", error))?.flatten().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans::at_each_location;
    use crate::{Actor, ActorKind, ResourceWrite, Store, Written};

    const FIRST: &str = "CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY)";
    const OLD: &str = "INSERT INTO tenant (id, slug, created_at) VALUES (1, 'acme', 0); \
        INSERT INTO configuration (tenant, kind, id, version, body) VALUES (1, 3, 'hr', 7, '{}')";

    #[test]
    fn what_was_there_before_history_has_one() {
        at_each_location(async |location| {
            let database = Database::connect(&location).await.unwrap();
            let tx = database.begin(Urgency::Short).await.unwrap();
            tx.script(FIRST).await.unwrap();
            take(&tx, 1, &STEPS[0]).await.unwrap();
            tx.script(OLD).await.unwrap();
            tx.commit().await.unwrap();

            let store = Store::open(&location).await.unwrap();
            let tenant = store.tenant(&"acme".parse().unwrap()).await.unwrap().unwrap();
            let history = tenant.resource_history((3, "hr"), None, 10).await.unwrap();
            assert_eq!(history.len(), 1);
            assert_eq!((history[0].version, history[0].actor.kind), (7, ActorKind::Muster));
            assert_eq!(history[0].written, Written::Created("{}".to_owned()));
            assert!(history[0].at.timestamp() > 0);
            let checked = tenant.configuration_version().await.unwrap();
            let by = (&Actor::new(ActorKind::User, "ann"), history[0].at);
            let write = ResourceWrite::new(3, "hr", Written::Deleted);
            assert_eq!(tenant.write_resource(checked, by, write).await.unwrap(), 8);
        });
    }
}
