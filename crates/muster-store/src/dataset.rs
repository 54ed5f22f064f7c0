//! Many resources at once: all of them are written, or none.

use std::collections::HashSet;

use muster_model::DirectoryId;
use muster_model::audit::Act;
use sea_orm::Value;
use sea_orm::sea_query::ArrayType;

use crate::audit::NewAuditEntry;
use crate::configuration::{ConfigurationVersion, subject, written};
use crate::database::{Dialect, Transaction, Urgency};
use crate::error::StoreError;
use crate::row::{get, number};
use crate::rows::{Bulk, Kind};
use crate::tenant::TenantStore;

/// What becomes of many resources.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResourceChanges {
    /// Those that are new, or take the place of one of their kind and id.
    pub put: Vec<ResourceBody>,
    /// The numbers of the kinds and the ids of those that go.
    pub delete: Vec<(u8, String)>,
    /// Directories that have to be there.
    pub directories: Vec<DirectoryId>,
}

/// A resource that is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceBody {
    /// The number of its kind.
    pub kind: u8,
    /// The caller's id.
    pub id: String,
    /// Its JSON document.
    pub body: String,
}

const CONFIGURATION: Bulk = Bulk {
    table: "configuration",
    columns: &[
        ("tenant", Kind::Integer),
        ("kind", Kind::Integer),
        ("id", Kind::Text),
        ("version", Kind::Integer),
        ("body", Kind::Text),
    ],
    suffix: "ON CONFLICT (tenant, kind, id) DO UPDATE SET version = configuration.version + 1, body = excluded.body",
};

const DIRECTORY: Bulk = Bulk {
    table: "directory",
    columns: &[("tenant", Kind::Integer), ("id", Kind::Text), ("name", Kind::Text)],
    suffix: "ON CONFLICT DO NOTHING",
};

impl TenantStore {
    /// Writes many resources in one transaction, in a few statements however many they are. A resource is named once
    /// at the most.
    ///
    /// # Errors
    /// [`StoreError::ConfigurationMoved`] when the configuration is no longer the one that they were checked against.
    pub async fn apply_resources(
        &self,
        checked: ConfigurationVersion,
        changes: ResourceChanges,
    ) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        self.move_version(&tx, checked).await?;
        let directories = changes
            .directories
            .iter()
            .map(|id| vec![self.tenant.into(), id.as_str().into(), id.as_str().into()]);
        DIRECTORY.insert(&tx, directories.collect()).await?;
        let acts = self.acts(&tx, &changes).await?;
        self.delete_resources(&tx, &changes.delete).await?;
        let rows = changes.put.into_iter().map(|resource| {
            let ResourceBody { kind, id, body } = resource;
            vec![self.tenant.into(), i64::from(kind).into(), id.into(), 1_i64.into(), body.into()]
        });
        CONFIGURATION.insert(&tx, rows.collect()).await?;
        self.append_all(&tx, acts).await?;
        tx.commit().await
    }

    /// What the audit log says of the changes: an act a resource.
    async fn acts(
        &self,
        tx: &Transaction,
        changes: &ResourceChanges,
    ) -> Result<Vec<NewAuditEntry>, StoreError> {
        let sql = "SELECT kind, id FROM configuration WHERE tenant = ?";
        let mut known = HashSet::new();
        for row in tx.query(sql, vec![self.tenant.into()]).await? {
            known.insert((number(&row, 0)?, get::<String>(&row, 1)?));
        }
        let deleted =
            changes.delete.iter().map(|(kind, id)| Ok(NewAuditEntry::new(Act::Delete, subject(*kind, id)?)));
        let put = changes.put.iter().map(|ResourceBody { kind, id, body }| {
            let act =
                if known.contains(&(i64::from(*kind), id.clone())) { Act::Replace } else { Act::Create };
            written(act, *kind, id, body)
        });
        deleted.chain(put).collect()
    }

    /// One statement a kind.
    async fn delete_resources(&self, tx: &Transaction, gone: &[(u8, String)]) -> Result<(), StoreError> {
        let mut kinds: Vec<u8> = gone.iter().map(|(kind, _)| *kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            let ids: Vec<&str> =
                gone.iter().filter(|(of, _)| *of == kind).map(|(_, id)| id.as_str()).collect();
            let (listed, ids) = match self.dialect() {
                Dialect::Sqlite => {
                    let list = serde_json::to_string(&ids)
                        .map_err(|error| StoreError::unreadable("list of ids", error))?;
                    ("IN (SELECT value FROM json_each(?))", list.into())
                }
                Dialect::Postgres => {
                    let ids = ids.into_iter().map(Value::from).collect();
                    ("= ANY(?::text[])", Value::Array(ArrayType::String, Some(Box::new(ids))))
                }
            };
            let sql = format!("DELETE FROM configuration WHERE tenant = ? AND kind = ? AND id {listed}");
            tx.execute(&sql, vec![self.tenant.into(), i64::from(kind).into(), ids]).await?;
        }
        Ok(())
    }
}
