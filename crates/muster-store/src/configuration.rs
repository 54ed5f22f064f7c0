//! Configuration resources as documents: stored and read whole; their meaning is the caller's.
//!
//! Invariant: every write moves the version of the whole configuration on from the one that the writer checked
//! it against, in the transaction of the write. So no other write, of whatever process, comes between the two.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use muster_model::audit::{Act, Subject, SubjectKind};
use muster_model::configuration::ConfigurationKind;
use muster_plan::digest;
use sea_orm::{QueryResult, Value};

use crate::audit::NewAuditEntry;
use crate::change::ResourceChanges;
use crate::configuration_history::Written;
use crate::database::{Dialect, Transaction, Urgency};
use crate::error::StoreError;
use crate::row::{get, number, optional_number};
use crate::rows::{Bulk, Kind};
use crate::tenant::TenantStore;

/// A configuration resource as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResource {
    /// The number of its kind.
    pub kind: u8,
    /// The caller's id.
    pub id: String,
    /// Counts the writes of its id from 1.
    pub version: i64,
    /// Its JSON document.
    pub body: String,
}

/// Tells one state of a tenant's configuration from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfigurationVersion {
    pub(crate) number: i64,
    at: Option<i64>,
}

impl ConfigurationVersion {
    pub(crate) fn new(number: i64) -> Self {
        Self { number, at: None }
    }

    /// The same, for a write at this instant: what is scheduled by it counts from here. Where a writer does not
    /// say, it counts from when the write is found.
    #[must_use]
    pub fn at(self, now: DateTime<Utc>) -> Self {
        Self { at: Some(now.timestamp_millis()), ..self }
    }
}

/// One resource that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceWrite {
    /// The number of its kind.
    pub kind: u8,
    /// The caller's id.
    pub id: String,
    /// What is done to it.
    pub written: Written,
}

impl ResourceWrite {
    /// A write of the resource of that kind and id.
    #[must_use]
    pub fn new(kind: u8, id: impl Into<String>, written: Written) -> Self {
        Self { kind, id: id.into(), written }
    }

    /// Kind and id as one text: a list of texts both databases take apart in the same way.
    fn key(&self) -> String {
        format!("{:03}{}", self.kind, self.id)
    }

    /// What the audit log says of it: of a document enough to tell whether another one is the same.
    fn act(&self) -> Result<NewAuditEntry, StoreError> {
        let known = ConfigurationKind::of_number(self.kind);
        let kind = known.ok_or_else(|| StoreError::unreadable("kind of configuration", self.kind))?;
        let act = match &self.written {
            Written::Created(_) => Act::Create,
            Written::Updated(_) | Written::Restored(_) => Act::Replace,
            Written::Deleted => Act::Delete,
        };
        let entry = NewAuditEntry::new(act, Subject::new(SubjectKind::Configuration(kind), &*self.id));
        Ok(match self.written.body() {
            Some(body) => entry.with_hash("documentHash", digest::hash(body.as_bytes())),
            None => entry,
        })
    }

    fn next_version(&self, known: KnownVersions) -> Result<i64, StoreError> {
        let next = known.last.max(known.now).unwrap_or(0) + 1;
        match (&self.written, known.now) {
            (Written::Created(_), Some(_)) => Err(StoreError::Exists(format!("`{}`", self.id))),
            (Written::Updated(_) | Written::Deleted, None) => {
                Err(StoreError::Absent(format!("`{}`", self.id)))
            }
            (Written::Created(_), None)
            | (Written::Updated(_) | Written::Deleted, Some(_))
            | (Written::Restored(_), _) => Ok(next),
        }
    }
}

/// The kind in a [`ResourceWrite::key`].
const KEY_KIND: &str = "CAST(substr(j.value, 1, 3) AS BIGINT)";
/// The id in a [`ResourceWrite::key`].
const KEY_ID: &str = "substr(j.value, 4)";

/// The documents of today.
const DOCUMENTS: Bulk = Bulk {
    table: "configuration",
    columns: &[
        ("tenant", Kind::Integer),
        ("kind", Kind::Integer),
        ("id", Kind::Text),
        ("version", Kind::Integer),
        ("body", Kind::Text),
    ],
    suffix: "ON CONFLICT (tenant, kind, id) DO UPDATE SET version = excluded.version, body = excluded.body",
};

/// The versions of a resource before it is written.
#[derive(Debug, Clone, Copy, Default)]
struct KnownVersions {
    /// That of the resource, if it is there.
    now: Option<i64>,
    /// The newest that there has ever been.
    last: Option<i64>,
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
        version.map(ConfigurationVersion::new).ok_or_else(|| StoreError::unreadable("tenant", "it is gone"))
    }

    /// Moves the version on. The row stays locked to the end of the transaction.
    pub(crate) async fn move_version(
        &self,
        tx: &Transaction,
        checked: ConfigurationVersion,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE tenant SET configuration = configuration + 1, \
            configured_at = CASE WHEN configuration = scheduled THEN ? ELSE configured_at END \
            WHERE id = ? AND configuration = ?";
        let values = vec![checked.at.into(), self.tenant.into(), checked.number.into()];
        let moved = tx.execute(sql, values).await?;
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

    /// Writes resources, all or none, with their history and all that has to come with them: the one way in which
    /// configuration changes. Where there are none, nothing is moved on. Answers the new version of each, in their
    /// order.
    ///
    /// # Errors
    /// [`StoreError::ConfigurationMoved`] when the configuration is no longer the one it was checked against, or when
    /// something is deleted and a run is under way that nobody has looked at; [`StoreError::Exists`] when a resource
    /// that is to be created is there, [`StoreError::Absent`] when one that is to be updated or deleted is not.
    pub async fn write_resources(
        &self,
        checked: ConfigurationVersion,
        changes: &ResourceChanges,
    ) -> Result<Vec<i64>, StoreError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let writes = &changes.writes;
        let tx = self.database.begin(Urgency::Short).await?;
        self.move_version(&tx, checked).await?;
        if changes.deletes() {
            self.refuse_unseen_runs(&tx, &changes.seen_runs).await?;
        }
        let known = self.known_versions(&tx, writes).await?;
        let versions: Vec<i64> = writes
            .iter()
            .map(|write| write.next_version(known.get(&write.key()).copied().unwrap_or_default()))
            .collect::<Result<_, _>>()?;
        let written: Vec<_> = versions.iter().copied().zip(writes).collect();
        self.add_versions(&tx, &written).await?;
        self.put_documents(&tx, &written).await?;
        self.remove_documents(&tx, writes).await?;
        let mut acts = self.make_directories(&tx, &changes.directories).await?;
        acts.extend(self.restore_directories(&tx, &changes.restored).await?);
        for write in writes {
            acts.push(write.act()?);
        }
        acts.extend(self.bind_secrets(&tx, &changes.bindings, changes.rule).await?);
        self.append_all(&tx, acts).await?;
        tx.commit().await?;
        Ok(versions)
    }

    /// Writes one resource and nothing besides. Answers its new version.
    ///
    /// # Errors
    /// Those of [`write_resources`](Self::write_resources).
    pub async fn write_resource(
        &self,
        checked: ConfigurationVersion,
        write: ResourceWrite,
    ) -> Result<i64, StoreError> {
        let versions = self.write_resources(checked, &ResourceChanges::of(vec![write])).await?;
        versions.first().copied().ok_or_else(|| StoreError::unreadable("version", "it was not made"))
    }

    /// Keeps the configuration as it is to the end of the transaction. `false` when it has moved on already.
    pub(crate) async fn keep_version(
        &self,
        tx: &Transaction,
        made_from: ConfigurationVersion,
    ) -> Result<bool, StoreError> {
        // Shared, so that launches do not wait for each other. SQLite has one writer anyway.
        let lock = match tx.dialect() {
            Dialect::Sqlite => "",
            Dialect::Postgres => " FOR SHARE",
        };
        let sql = format!("SELECT 1 FROM tenant WHERE id = ? AND configuration = ?{lock}");
        let kept = tx.query_one(&sql, vec![self.tenant.into(), made_from.number.into()]).await?;
        Ok(kept.is_some())
    }

    /// What is known of the resources that are to be written, by their keys.
    async fn known_versions(
        &self,
        tx: &Transaction,
        writes: &[ResourceWrite],
    ) -> Result<HashMap<String, KnownVersions>, StoreError> {
        let (list, [kind, id]) = self.list_of([KEY_KIND, KEY_ID]);
        let sql = format!(
            "SELECT j.value, c.version, (SELECT max(h.version) FROM configuration_history h \
             WHERE h.tenant = ? AND h.kind = {kind} AND h.id = {id}) FROM {list} \
             LEFT JOIN configuration c ON c.tenant = ? AND c.kind = {kind} AND c.id = {id}"
        );
        let values = vec![self.tenant.into(), keys(writes), self.tenant.into()];
        let rows = tx.query(&sql, values).await?;
        rows.iter()
            .map(|row| {
                let known = KnownVersions { now: optional_number(row, 1)?, last: optional_number(row, 2)? };
                Ok((get(row, 0)?, known))
            })
            .collect()
    }

    async fn put_documents(
        &self,
        tx: &Transaction,
        written: &[(i64, &ResourceWrite)],
    ) -> Result<(), StoreError> {
        let row = |(version, write): &(i64, &ResourceWrite)| -> Option<Vec<Value>> {
            let body = write.written.body()?;
            let (kind, id) = (i64::from(write.kind), write.id.as_str());
            Some(vec![self.tenant.into(), kind.into(), id.into(), (*version).into(), body.into()])
        };
        DOCUMENTS.insert(tx, written.iter().filter_map(row).collect()).await?;
        Ok(())
    }

    async fn remove_documents(&self, tx: &Transaction, writes: &[ResourceWrite]) -> Result<(), StoreError> {
        let deleted = deleted(writes);
        if deleted.is_empty() {
            return Ok(());
        }
        let (list, [kind, id]) = self.list_of([KEY_KIND, KEY_ID]);
        let sql = format!(
            "DELETE FROM configuration WHERE tenant = ? AND (kind, id) IN (SELECT {kind}, {id} FROM {list})"
        );
        tx.execute(&sql, vec![self.tenant.into(), keys(deleted)]).await?;
        Ok(())
    }
}

fn deleted(writes: &[ResourceWrite]) -> Vec<&ResourceWrite> {
    writes.iter().filter(|write| write.written == Written::Deleted).collect()
}

/// The keys of writes, as the list that both databases read.
fn keys<'a>(writes: impl IntoIterator<Item = &'a ResourceWrite>) -> Value {
    let keys: Vec<String> = writes.into_iter().map(ResourceWrite::key).collect();
    serde_json::to_string(&keys).unwrap_or_default().into()
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
