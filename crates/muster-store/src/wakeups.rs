//! Wakeups: one process tells all others on the same PostgreSQL that a run waits for a worker.
//!
//! Keeps nothing. A wakeup that is lost costs time, never a run: the run's row says that it waits.

use std::sync::Arc;

use muster_model::{RunId, TenantSlug};
use sea_orm::sqlx::postgres::{PgListener, PgPool};
use sea_orm::{DbErr, RuntimeErr};
use tokio::sync::Mutex;

use crate::database::{Database, Urgency};
use crate::error::StoreError;

/// The channel of the database that wakeups go through.
const CHANNEL: &str = "muster_run";

/// What the connection that listens is called in the database's list of connections.
const LISTENER: &str = "muster wakeups";

/// A run that waits for a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wakeup {
    /// The tenant.
    pub tenant: TenantSlug,
    /// The run.
    pub run: RunId,
}

/// The door by which processes wake each other. Sending takes a connection of the pool for a moment, listening
/// has one of its own: it would be missing in the pool for good.
#[derive(Debug)]
pub struct Wakeups {
    database: Database,
    pool: PgPool,
    listener: Mutex<Option<PgListener>>,
}

impl Wakeups {
    pub(crate) fn of(database: &Database) -> Option<Self> {
        let pool = database.pool_of_one(LISTENER)?;
        Some(Self { database: database.clone(), pool, listener: Mutex::default() })
    }

    /// Wakes all processes that listen, this one too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn send(&self, wakeup: &Wakeup) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        tx.query("SELECT pg_notify(?, ?)", vec![CHANNEL.into(), wakeup.to_text().into()]).await?;
        tx.commit().await
    }

    /// The next wakeup; waits for one, and connects where that is needed. What is sent while there is no
    /// connection is lost. Nothing is lost when the wait is given up.
    ///
    /// # Errors
    /// When the database cannot be reached. The next call connects anew.
    pub async fn receive(&self) -> Result<Wakeup, StoreError> {
        let mut slot = self.listener.lock().await;
        loop {
            let listener = match slot.as_mut() {
                Some(listener) => listener,
                None => slot.insert(self.listen().await.map_err(failed)?),
            };
            match listener.recv().await {
                Ok(notification) => match Wakeup::read(notification.payload()) {
                    Some(wakeup) => return Ok(wakeup),
                    None => tracing::debug!("a notification that is no wakeup was left out"),
                },
                // The listener mends most losses itself; what it does not mend is a connection to begin anew.
                Err(error) => {
                    *slot = None;
                    return Err(failed(error));
                }
            }
        }
    }

    async fn listen(&self) -> Result<PgListener, sea_orm::sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }
}

impl Wakeup {
    fn to_text(&self) -> String {
        format!("{} {}", self.tenant, self.run)
    }

    /// Whoever may connect may notify, so what comes need not be ours.
    fn read(text: &str) -> Option<Self> {
        let (tenant, run) = text.split_once(' ')?;
        Some(Self { tenant: TenantSlug::new(tenant).ok()?, run: RunId(run.parse().ok()?) })
    }
}

fn failed(error: sea_orm::sqlx::Error) -> StoreError {
    let source = DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)));
    StoreError::Statement { start: "LISTEN".to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wakeups_are_read_as_they_are_written_and_nothing_else_is() {
        let wakeup =
            Wakeup { tenant: TenantSlug::new("acme").unwrap(), run: RunId(uuid::Uuid::from_u128(7 << 76)) };
        assert_eq!(Wakeup::read(&wakeup.to_text()), Some(wakeup));
        for other in ["", "acme", "acme 7", "Acme 00000000-0000-7000-0000-000000000000", "acme  "] {
            assert_eq!(Wakeup::read(other), None, "{other}");
        }
    }
}
