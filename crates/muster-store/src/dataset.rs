//! Many resources at once: all of them are written, or none.

use std::collections::HashSet;

use muster_model::DirectoryId;

use crate::configuration::{ConfigurationVersion, ResourceWrite};
use crate::configuration_history::Written;
use crate::error::StoreError;
use crate::row::{get, number};
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
        let known: HashSet<(u8, String)> = self.resource_ids().await?.into_iter().collect();
        let deleted =
            changes.delete.into_iter().map(|(kind, id)| ResourceWrite::new(kind, id, Written::Deleted));
        let put = changes.put.into_iter().map(|ResourceBody { kind, id, body }| {
            let is_known = known.contains(&(kind, id.clone()));
            let written = if is_known { Written::Updated(body) } else { Written::Created(body) };
            ResourceWrite::new(kind, id, written)
        });
        let writes: Vec<ResourceWrite> = deleted.chain(put).collect();
        match self.write_resources_in(checked, &writes, &changes.directories).await {
            // What is there has been looked up before the transaction: another writer was faster.
            Err(StoreError::Exists(_) | StoreError::Absent(_)) => Err(StoreError::ConfigurationMoved),
            written => written.map(|_| ()),
        }
    }

    async fn resource_ids(&self) -> Result<Vec<(u8, String)>, StoreError> {
        let sql = "SELECT kind, id FROM configuration WHERE tenant = ?";
        let rows = self.database.query(sql, vec![self.tenant.into()]).await?;
        let kind = |row| small(number(row, 0)?, "kind of configuration");
        rows.iter().map(|row| Ok((kind(row)?, get(row, 1)?))).collect()
    }
}

fn small(stored: i64, what: &'static str) -> Result<u8, StoreError> {
    u8::try_from(stored).map_err(|_| StoreError::unreadable(what, stored))
}
