//! The schema: brought up to date at start under a lock; a newer one is refused.

use sea_orm::Value;

use crate::database::{Database, Dialect, Transaction, Urgency};
use crate::error::StoreError;

struct Step {
    sqlite: &'static str,
    postgres: &'static str,
}

/// All steps in their order; a step's version is its place from 1. A step that has been released never changes.
const STEPS: [Step; 3] = [
    Step {
        sqlite: include_str!("../../../migrations/sqlite/0001_initial.sql"),
        postgres: include_str!("../../../migrations/postgres/0001_initial.sql"),
    },
    Step {
        sqlite: include_str!("../../../migrations/sqlite/0004_configuration_history.sql"),
        postgres: include_str!("../../../migrations/postgres/0004_configuration_history.sql"),
    },
    Step {
        sqlite: include_str!("../../../migrations/sqlite/0007_by_hand.sql"),
        postgres: include_str!("../../../migrations/postgres/0007_by_hand.sql"),
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
        if version <= found {
            continue;
        }
        let script = match tx.dialect() {
            Dialect::Sqlite => step.sqlite,
            Dialect::Postgres => step.postgres,
        };
        tx.script(script).await?;
        tx.execute("INSERT INTO schema_version (version) VALUES (?)", vec![Value::from(version)]).await?;
    }
    tx.commit().await
}

async fn current(tx: &Transaction) -> Result<i64, StoreError> {
    let row = tx.query_one("SELECT max(version) FROM schema_version", Vec::new()).await?;
    let version = row.map(|row| row.try_get_by_index::<Option<i64>>(0)).transpose();
    Ok(version.map_err(|error| StoreError::unreadable("schema version", error))?.flatten().unwrap_or(0))
}
