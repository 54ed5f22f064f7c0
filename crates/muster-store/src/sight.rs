//! Who looks at the tables of PostgreSQL: the role that each transaction takes, and how those roles come to be.
//!
//! What a role sees stands in the schema (`migrations/postgres/0008_roles.sql`). SQLite knows no roles.

use crate::database::{Database, Dialect, Urgency};
use crate::error::StoreError;

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// The login itself, for what tables are like; row-level security is forced on it too.
    Owner,
    /// Whoever looks after all tenants: sees which there are, and which work waits.
    System,
    /// The tenant of this number: sees its own rows.
    Tenant(i64),
}

/// Roles belong to the whole cluster, so another database's start may make them between two looks of ours.
const TRIES: u32 = 5;

/// Makes the roles that are missing, and lets the login take them. Whoever is not the first to make a role waits
/// for the first, and finds it then.
pub(crate) const MAKE: &str = "DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['muster_tenant', 'muster_system'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            END IF;
            IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
                EXECUTE format('GRANT %I TO CURRENT_USER', name);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END LOOP;
END $$";

impl Sight {
    /// What makes it so to the end of the transaction.
    pub(crate) fn script(self) -> String {
        match self {
            Self::Owner => "SET LOCAL ROLE NONE; SET LOCAL muster.tenant = ''".to_owned(),
            Self::System => "SET LOCAL ROLE muster_system; SET LOCAL muster.tenant = ''".to_owned(),
            Self::Tenant(number) => {
                format!("SET LOCAL ROLE muster_tenant; SET LOCAL muster.tenant = '{number}'")
            }
        }
    }
}

/// Sees that the login may look as all of them, and makes the roles that are missing.
///
/// # Errors
/// [`StoreError::Roles`] when the login may neither take nor make them.
pub(crate) async fn ensure_roles(database: &Database) -> Result<(), StoreError> {
    if database.dialect == Dialect::Sqlite {
        return Ok(());
    }
    let mut tries = 0;
    loop {
        match take_roles(database).await {
            Err(error) if error.is_lack_of_role() && tries < TRIES => tries += 1,
            Err(error) if error.is_lack_of_role() => return Err(lacking(database, error).await),
            answer => return answer,
        }
        match make_roles(database).await {
            Err(error) if error.is_lack_of_role() => return Err(lacking(database, error).await),
            Err(error) if !error.is_contention() => return Err(error),
            Err(_) | Ok(()) => {}
        }
    }
}

async fn take_roles(database: &Database) -> Result<(), StoreError> {
    let tx = database.begin(Urgency::Short).await?;
    tx.seen_by(Sight::System).await?;
    tx.seen_by(Sight::Tenant(0)).await
}

async fn make_roles(database: &Database) -> Result<(), StoreError> {
    let tx = database.begin(Urgency::Short).await?;
    tx.script(MAKE).await?;
    tx.commit().await
}

/// The refusal, with what an administrator has to do about it.
async fn lacking(database: &Database, refused: StoreError) -> StoreError {
    let StoreError::Statement { source, .. } = refused else { return refused };
    let sql = "SELECT quote_ident(current_user::text)";
    let login = match database.query_one(sql, Vec::new()).await {
        Ok(row) => row.and_then(|row| row.try_get_by_index::<String>(0).ok()),
        Err(error) => return error,
    };
    StoreError::Roles { login: login.unwrap_or_else(|| "CURRENT_USER".to_owned()), source }
}
