//! What a change of the configuration consists of: the resources that are written, and all that has to come or to be
//! as it was together with them. It is written by [`TenantStore::write_resources`](crate::TenantStore::write_resources).

use std::collections::BTreeSet;

use muster_model::{DirectoryId, RunId, SecretName};

use crate::configuration::ResourceWrite;
use crate::configuration_history::Written;
use crate::database::Transaction;
use crate::error::StoreError;
use crate::row::get;
use crate::secret::{Binding, BindingRule};
use crate::tenant::TenantStore;

/// A change of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResourceChanges {
    /// The resources that are written; none stands here twice.
    pub writes: Vec<ResourceWrite>,
    /// Directories that have to be there. One that was deleted stays so.
    pub directories: Vec<DirectoryId>,
    /// Directories that are made again, empty, where they were deleted.
    pub restored: Vec<DirectoryId>,
    /// Secrets, and the definitions that they are bound to.
    pub bindings: Vec<(SecretName, Binding)>,
    /// When they are.
    pub rule: BindingRule,
    /// The runs that had not ended when somebody looked whether they use what is deleted. Where there is another one,
    /// nothing is deleted.
    pub seen_runs: BTreeSet<RunId>,
}

impl ResourceChanges {
    /// These writes, and nothing besides.
    #[must_use]
    pub fn of(writes: Vec<ResourceWrite>) -> Self {
        Self { writes, ..Self::default() }
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.directories.is_empty() && self.restored.is_empty()
    }

    pub(crate) fn deletes(&self) -> bool {
        self.writes.iter().any(|write| write.written == Written::Deleted)
    }
}

impl TenantStore {
    /// Refuses to delete under a run that nobody has looked at. Whoever launches one keeps the version of the
    /// configuration to the end of the launch, so after that has moved no further one comes.
    pub(crate) async fn refuse_unseen_runs(
        &self,
        tx: &Transaction,
        seen: &BTreeSet<RunId>,
    ) -> Result<(), StoreError> {
        // By the index of the runs that have not ended, not through all of the tenant's.
        let sql = "SELECT r.id FROM run r WHERE r.tenant + 0 = ? AND r.status >= 0 AND r.status < 4";
        for row in tx.query(sql, vec![self.tenant.into()]).await? {
            if !seen.contains(&RunId(get(&row, 0)?)) {
                return Err(StoreError::ConfigurationMoved);
            }
        }
        Ok(())
    }
}
