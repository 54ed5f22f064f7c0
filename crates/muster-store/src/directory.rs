//! Directories: populations of IM objects. One that was deleted keeps its row, so that the tasks which name it do not make
//! it again; only who saves such a task through User Sync does.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use muster_model::audit::{Act, Subject, SubjectKind};
use muster_model::run::TaskKind;
use muster_model::{ConfigurationId, DirectoryId, RunId};
use sea_orm::Value;

use crate::audit::NewAuditEntry;
use crate::configuration::ConfigurationVersion;
use crate::database::{Transaction, Urgency};
use crate::error::StoreError;
use crate::row::get;
use crate::tenant::TenantStore;

/// What goes with the objects of a directory. An account that a profile has granted keeps its shadow: the next provisioning
/// finds that its owner is deleted, and decides.
const WITH_OBJECTS: [&str; 5] = [
    "DELETE FROM key WHERE tenant = ? AND object IN",
    "DELETE FROM history WHERE tenant = ? AND id IN",
    "DELETE FROM dispute WHERE tenant = ? AND decided_object IN",
    "DELETE FROM shadow WHERE tenant = ? AND profile IS NULL AND owner IN",
    "UPDATE shadow SET digest = NULL, account_digest = NULL WHERE tenant = ? AND owner IN",
];

/// What is deleted, and what somebody has looked at before.
#[derive(Debug, Clone)]
pub struct DirectoryDeletion<'a> {
    /// The directory.
    pub id: &'a DirectoryId,
    /// The configuration that was looked at.
    pub checked: ConfigurationVersion,
    /// The synchronization tasks that write the directory by it.
    pub tasks: &'a [ConfigurationId],
    /// The runs that had not ended then, none of which writes the directory.
    pub seen_runs: &'a BTreeSet<RunId>,
    /// The instant.
    pub now: DateTime<Utc>,
}

impl TenantStore {
    /// Makes a directory unless there is, or was, one of that id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ensure_directory(&self, id: &DirectoryId) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let made = self.make_directories(&tx, std::slice::from_ref(id)).await?;
        self.append_all(&tx, made).await?;
        tx.commit().await
    }

    /// Makes the directories that are not there and never were; answers what the audit log says of each.
    pub(crate) async fn make_directories(
        &self,
        tx: &Transaction,
        directories: &[DirectoryId],
    ) -> Result<Vec<NewAuditEntry>, StoreError> {
        let sql = "INSERT INTO directory (tenant, id, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
        let mut made = Vec::new();
        for id in directories {
            let values = vec![self.tenant.into(), id.as_str().into(), id.as_str().into()];
            if tx.execute(sql, values).await? > 0 {
                made.push(act(Act::Create, id));
            }
        }
        Ok(made)
    }

    /// Makes the directories again that were deleted; answers what the audit log says of each.
    pub(crate) async fn restore_directories(
        &self,
        tx: &Transaction,
        directories: &[DirectoryId],
    ) -> Result<Vec<NewAuditEntry>, StoreError> {
        let sql =
            "UPDATE directory SET deleted_at = NULL WHERE tenant = ? AND id = ? AND deleted_at IS NOT NULL";
        let mut made = Vec::new();
        for id in directories {
            if tx.execute(sql, vec![self.tenant.into(), id.as_str().into()]).await? > 0 {
                made.push(act(Act::Create, id));
            }
        }
        Ok(made)
    }

    /// The ids of all directories.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn directories(&self) -> Result<Vec<DirectoryId>, StoreError> {
        let sql = "SELECT id FROM directory WHERE tenant = ? AND deleted_at IS NULL ORDER BY id";
        let rows = self.database.query(sql, vec![self.tenant.into()]).await?;
        rows.iter().map(|row| Ok(DirectoryId::new(&get::<String>(row, 0)?)?)).collect()
    }

    /// Whether a directory was deleted, and not made again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn directory_is_deleted(&self, id: &DirectoryId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM directory WHERE tenant = ? AND id = ? AND deleted_at IS NOT NULL";
        let deleted = self.database.query_one(sql, vec![self.tenant.into(), id.as_str().into()]).await?;
        Ok(deleted.is_some())
    }

    /// Deletes a directory with all its objects: their history, keys and links, what is remembered of the accounts that
    /// they came from, and from where their sources tell changes. One transaction, however many they are: nobody sees half
    /// a directory. Answers how many objects there were.
    ///
    /// # Errors
    /// [`StoreError::Absent`] when there is no such directory; [`StoreError::ConfigurationMoved`] when the configuration is
    /// no longer the one that was looked at, or a run is under way that nobody has looked at.
    pub async fn delete_directory(&self, deletion: &DirectoryDeletion<'_>) -> Result<u64, StoreError> {
        let DirectoryDeletion { id, checked, tasks, seen_runs, now } = deletion;
        let tx = self.database.begin(Urgency::Bulk).await?;
        // Nobody launches a run, or writes an object by hand, by the configuration as it was.
        self.move_version(&tx, checked.at(*now)).await?;
        self.refuse_unseen_runs(&tx, seen_runs).await?;
        let sql = "UPDATE directory SET deleted_at = ? WHERE tenant = ? AND id = ? AND deleted_at IS NULL";
        let values = vec![now.timestamp_millis().into(), self.tenant.into(), id.as_str().into()];
        if tx.execute(sql, values).await? == 0 {
            return Err(StoreError::Absent(format!("directory `{id}`")));
        }
        let of_directory = || vec![Value::from(self.tenant), id.as_str().into()];
        for sql in WITH_OBJECTS {
            let sql = format!("{sql} (SELECT o.id FROM object o WHERE o.tenant = ? AND o.directory = ?)");
            tx.execute(&sql, [vec![self.tenant.into()], of_directory()].concat()).await?;
        }
        let sql = "DELETE FROM object WHERE tenant = ? AND directory = ?";
        let objects = tx.execute(sql, of_directory()).await?;
        tx.execute("DELETE FROM key_spec WHERE tenant = ? AND directory = ?", of_directory()).await?;
        self.forget_tasks(&tx, tasks).await?;
        self.append(&tx, act(Act::Delete, id).at(*now).with("objects", objects)).await?;
        tx.commit().await?;
        Ok(objects)
    }

    /// Forgets what runs of synchronization tasks left for the next: which accounts are in dispute, and from where sources
    /// tell changes.
    async fn forget_tasks(&self, tx: &Transaction, tasks: &[ConfigurationId]) -> Result<(), StoreError> {
        let (list, [task]) = self.list_of(["j.value"]);
        let listed = format!("task_kind = ? AND task IN (SELECT {task} FROM {list})");
        let tasks: Vec<&str> = tasks.iter().map(ConfigurationId::as_str).collect();
        let tasks = serde_json::to_string(&tasks).unwrap_or_default();
        let of_tasks =
            || vec![self.tenant.into(), (TaskKind::Synchronization as i64).into(), tasks.as_str().into()];
        tx.execute(&format!("DELETE FROM dispute WHERE tenant = ? AND {listed}"), of_tasks()).await?;
        let sql = format!(
            "UPDATE bucket SET token = NULL WHERE tenant = ? AND token IS NOT NULL \
             AND run IN (SELECT seq FROM run WHERE tenant = ? AND {listed})"
        );
        tx.execute(&sql, [vec![self.tenant.into()], of_tasks()].concat()).await.map(|_| ())
    }
}

fn act(act: Act, directory: &DirectoryId) -> NewAuditEntry {
    NewAuditEntry::new(act, Subject::new(SubjectKind::Directory, directory.as_str()))
}
