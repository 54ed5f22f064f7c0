//! Tenants, and the one door to the data of each.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use muster_model::audit::{Act, Subject, SubjectKind};
use muster_model::{DirectoryId, TenantSlug};
use sea_orm::QueryResult;

use crate::Store;
use crate::audit::{Acting, NewAuditEntry};
use crate::database::{Database, Dialect, Transaction, Urgency};
use crate::error::StoreError;
use crate::row::{get, instant, number};
use crate::seal::MasterKey;
use crate::sight::Sight;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its name in every path.
    pub slug: TenantSlug,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    pub(crate) number: i64,
}

impl Tenant {
    /// Reads name, instant and number, which stand first in a row.
    pub(crate) fn read(row: &QueryResult) -> Result<Self, StoreError> {
        Ok(Self {
            slug: TenantSlug::new(&get::<String>(row, 0)?)?,
            created_at: instant(number(row, 1)?)?,
            number: number(row, 2)?,
        })
    }
}

/// Tells a tenant from all that there ever were, those of its name as well: no number is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TenantNumber(i64);

/// The only door to a tenant's data: every statement behind it names the tenant. On PostgreSQL it is sent by a role
/// that sees the rows of that tenant alone.
#[derive(Debug, Clone)]
pub struct TenantStore {
    pub(crate) database: Database,
    pub(crate) tenant: i64,
    pub(crate) acting: Arc<Acting>,
    pub(crate) master_key: Option<Arc<MasterKey>>,
    slug: TenantSlug,
}

/// Every table of a tenant's data, those first that refer to others.
const TABLES: [&str; 31] = [
    "message",
    "parked",
    "quarantine",
    "dispute",
    "outbox",
    "fire",
    "schedule",
    "audit",
    "audit_head",
    "principal",
    "token",
    "secret_binding",
    "secret",
    "data_key",
    "settings",
    "directory",
    "configuration",
    "configuration_history",
    "rules",
    "problem",
    "met",
    "bucket",
    "change",
    "run",
    "history",
    "population",
    "shadow_number",
    "shadow",
    "key",
    "key_spec",
    "object",
];

impl TenantStore {
    /// The tenant's name.
    #[must_use]
    pub fn slug(&self) -> &TenantSlug {
        &self.slug
    }

    /// The tenant's number.
    #[must_use]
    pub fn number(&self) -> TenantNumber {
        TenantNumber(self.tenant)
    }

    /// Has everybody else who locks the tenant wait for the end of the transaction: what is read after it is what
    /// is there when it is written.
    pub(crate) async fn lock(&self, tx: &Transaction) -> Result<(), StoreError> {
        let sql = "UPDATE tenant SET slug = slug WHERE id = ?";
        tx.execute(sql, vec![self.tenant.into()]).await.map(|_| ())
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.database.dialect
    }

    /// How many statements this process has sent; through a door that counts its own, how many went through it.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.database.statements()
    }

    /// The same door with a count of its own, from 0: for work whose cost somebody wants to know.
    #[must_use]
    pub fn counting_its_own(&self) -> Self {
        Self { database: self.database.clone().counting_its_own(), ..self.clone() }
    }

    /// The same door for the pages of a run: its questions do not stand before those that somebody waits for.
    #[must_use]
    pub fn for_bulk(&self) -> Self {
        Self { database: self.database.clone().for_bulk(), ..self.clone() }
    }

    /// How many entries the next page or batch of a run should have, where it usually has so many: fewer while others
    /// wait for the writer of SQLite, so that they do not wait long.
    #[must_use]
    pub fn at_once(&self, usual: usize) -> usize {
        self.database.at_once(usual)
    }
}

impl Store {
    /// Makes a tenant with its directory `main`.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when there is one of that name.
    pub async fn create_tenant(
        &self,
        slug: &TenantSlug,
        now: DateTime<Utc>,
    ) -> Result<TenantStore, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let (id, next) = self.database.dialect.new_number("tenant", "id");
        let sql = format!(
            "INSERT INTO tenant ({id}slug, created_at) VALUES ({next}?, ?) ON CONFLICT DO NOTHING RETURNING id"
        );
        let made = tx.query_one(&sql, vec![slug.as_str().into(), now.timestamp_millis().into()]).await?;
        let Some(made) = made else { return Err(StoreError::Exists(format!("tenant `{slug}`"))) };
        let tenant = self.door(number(&made, 0)?, slug.clone());
        tx.seen_by(Sight::Tenant(tenant.tenant)).await?;
        tx.execute(
            "INSERT INTO directory (tenant, id, name) VALUES (?, ?, ?)",
            vec![tenant.tenant.into(), DirectoryId::main().as_str().into(), "Main".into()],
        )
        .await?;
        let subject = Subject::new(SubjectKind::Tenant, slug.as_str());
        tenant.append(&tx, NewAuditEntry::new(Act::Create, subject).at(now)).await?;
        tx.commit().await?;
        Ok(tenant)
    }

    /// All tenants by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        let sql = "SELECT slug, created_at, id FROM tenant ORDER BY slug";
        let rows = self.database.query(sql, Vec::new()).await?;
        rows.iter().map(Tenant::read).collect()
    }

    /// The door to the tenant of this name, if there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tenant(&self, slug: &TenantSlug) -> Result<Option<TenantStore>, StoreError> {
        let sql = "SELECT id FROM tenant WHERE slug = ?";
        let row = self.database.query_one(sql, vec![slug.as_str().into()]).await?;
        let number = row.map(|row| number(&row, 0)).transpose()?;
        Ok(number.map(|number| self.door(number, slug.clone())))
    }

    pub(crate) fn door(&self, tenant: i64, slug: TenantSlug) -> TenantStore {
        let database = self.database.clone().seen_by(Sight::Tenant(tenant));
        let (acting, master_key) = (Arc::clone(&self.acting), self.master_key.clone());
        TenantStore { database, tenant, acting, master_key, slug }
    }

    /// Deletes a tenant with everything that belongs to it. Answers whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_tenant(&self, slug: &TenantSlug) -> Result<bool, StoreError> {
        let Some(tenant) = self.tenant(slug).await? else { return Ok(false) };
        let tx = tenant.database.begin(Urgency::Short).await?;
        for table in TABLES {
            tx.execute(&format!("DELETE FROM {table} WHERE tenant = ?"), vec![tenant.tenant.into()]).await?;
        }
        tx.seen_by(Sight::System).await?;
        tx.execute("DELETE FROM tenant WHERE id = ?", vec![tenant.tenant.into()]).await?;
        tx.commit().await?;
        Ok(true)
    }
}
