//! Configuration resources as documents: stored and read whole; their meaning is the caller's.
//!
//! Invariant: every write moves the version of the whole configuration on from the one that the writer checked
//! it against, in the transaction of the write. So no other write, of whatever process, comes between the two.

use muster_model::DirectoryId;
use sea_orm::QueryResult;

use crate::database::{Transaction, Urgency};
use crate::error::StoreError;
use crate::row::{get, number};
use crate::tenant::TenantStore;

/// A configuration resource as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResource {
    /// The number of its kind.
    pub kind: u8,
    /// The caller's id.
    pub id: String,
    /// Counts its changes from 1.
    pub version: i64,
    /// Its JSON document.
    pub body: String,
}

/// Tells one state of a tenant's configuration from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigurationVersion(i64);

impl ConfigurationVersion {
    pub(crate) fn number(self) -> i64 {
        self.0
    }
}

impl TenantStore {
    /// The version of the whole configuration. Asked for *before* the resources are read: what is read after it
    /// can only be newer, and then the write that names it is refused.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn configuration_version(&self) -> Result<ConfigurationVersion, StoreError> {
        let sql = "SELECT configuration FROM tenant WHERE id = ?";
        let row = self.database.query_one(sql, vec![self.tenant.into()]).await?;
        let version = row.map(|row| number(&row, 0)).transpose()?;
        version.map(ConfigurationVersion).ok_or_else(|| StoreError::unreadable("tenant", "it is gone"))
    }

    /// Moves the version on. The row stays locked to the end of the transaction.
    async fn move_version(&self, tx: &Transaction, checked: ConfigurationVersion) -> Result<(), StoreError> {
        let sql = "UPDATE tenant SET configuration = configuration + 1 WHERE id = ? AND configuration = ?";
        let moved = tx.execute(sql, vec![self.tenant.into(), checked.0.into()]).await?;
        if moved == 0 { Err(StoreError::ConfigurationMoved) } else { Ok(()) }
    }

    /// All resources, by kind and id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn resources(&self) -> Result<Vec<StoredResource>, StoreError> {
        let sql = "SELECT kind, id, version, body FROM configuration WHERE tenant = ? ORDER BY kind, id";
        let rows = self.database.query(sql, vec![self.tenant.into()]).await?;
        rows.iter().map(resource).collect()
    }

    /// One resource.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn resource(&self, kind: u8, id: &str) -> Result<Option<StoredResource>, StoreError> {
        let sql =
            "SELECT kind, id, version, body FROM configuration WHERE tenant = ? AND kind = ? AND id = ?";
        let values = vec![self.tenant.into(), i64::from(kind).into(), id.into()];
        self.database.query_one(sql, values).await?.map(|row| resource(&row)).transpose()
    }

    /// Stores a new resource.
    ///
    /// # Errors
    /// [`StoreError::ConfigurationMoved`] when the configuration is no longer the one it was checked against,
    /// [`StoreError::Exists`] when there is one of that kind and id.
    pub async fn create_resource(
        &self,
        checked: ConfigurationVersion,
        kind: u8,
        id: &str,
        body: &str,
    ) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        self.move_version(&tx, checked).await?;
        let made = tx
            .execute(
                "INSERT INTO configuration (tenant, kind, id, version, body) VALUES (?, ?, ?, 1, ?) \
                 ON CONFLICT DO NOTHING",
                vec![self.tenant.into(), i64::from(kind).into(), id.into(), body.into()],
            )
            .await?;
        if made == 0 {
            return Err(StoreError::Exists(format!("`{id}`")));
        }
        tx.commit().await
    }

    /// Puts another document in the place of a resource's. Answers whether there is one.
    ///
    /// # Errors
    /// [`StoreError::ConfigurationMoved`] when the configuration is no longer the one it was checked against.
    pub async fn replace_resource(
        &self,
        checked: ConfigurationVersion,
        kind: u8,
        id: &str,
        body: &str,
    ) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        self.move_version(&tx, checked).await?;
        let changed = tx
            .execute(
                "UPDATE configuration SET version = version + 1, body = ? \
                 WHERE tenant = ? AND kind = ? AND id = ?",
                vec![body.into(), self.tenant.into(), i64::from(kind).into(), id.into()],
            )
            .await?;
        if changed == 0 {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Deletes a resource. Answers whether there was one.
    ///
    /// # Errors
    /// [`StoreError::ConfigurationMoved`] when the configuration is no longer the one it was checked against.
    pub async fn delete_resource(
        &self,
        checked: ConfigurationVersion,
        kind: u8,
        id: &str,
    ) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        self.move_version(&tx, checked).await?;
        let deleted = tx
            .execute(
                "DELETE FROM configuration WHERE tenant = ? AND kind = ? AND id = ?",
                vec![self.tenant.into(), i64::from(kind).into(), id.into()],
            )
            .await?;
        if deleted == 0 {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Makes a directory unless there is one of that id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ensure_directory(&self, id: &DirectoryId) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        tx.execute(
            "INSERT INTO directory (tenant, id, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            vec![self.tenant.into(), id.as_str().into(), id.as_str().into()],
        )
        .await?;
        tx.commit().await
    }

    /// The ids of all directories.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn directories(&self) -> Result<Vec<DirectoryId>, StoreError> {
        let sql = "SELECT id FROM directory WHERE tenant = ? ORDER BY id";
        let rows = self.database.query(sql, vec![self.tenant.into()]).await?;
        rows.iter().map(|row| Ok(DirectoryId::new(&get::<String>(row, 0)?)?)).collect()
    }
}

fn resource(row: &QueryResult) -> Result<StoredResource, StoreError> {
    let kind = number(row, 0)?;
    Ok(StoredResource {
        kind: u8::try_from(kind).map_err(|_| StoreError::unreadable("kind of configuration", kind))?,
        id: get(row, 1)?,
        version: number(row, 2)?,
        body: get(row, 3)?,
    })
}
