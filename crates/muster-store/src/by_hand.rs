//! Objects written by hand: in one transaction the object, its history, its keys, and the promises that others made
//! in view of it. What is written was decided by `muster-plan`.

use chrono::{DateTime, Utc};
use muster_model::audit::{Act, Subject, SubjectKind};
use muster_model::{DirectoryId, ObjectId};
use muster_plan::by_hand::HandChange;
use muster_plan::change::Action;
use muster_plan::key::KeyHash;
use muster_plan::lookup::Indexed;
use sea_orm::Value;

use crate::apply::KEYS;
use crate::audit::NewAuditEntry;
use crate::codec;
use crate::configuration::ConfigurationVersion;
use crate::database::{Dialect, Transaction, Urgency};
use crate::error::StoreError;
use crate::facts::{hex_list, text_list};
use crate::row::{encode_provenance, get};
use crate::tenant::TenantStore;

/// Referring objects whose promises one statement takes back.
const REFERRERS_AT_ONCE: usize = 1000;

/// A write by hand, and all that goes with it.
#[derive(Debug, Clone, Copy)]
pub struct HandWrite<'a> {
    /// What is written.
    pub change: &'a HandChange,
    /// The configuration whose keys and types it was decided by.
    pub checked: ConfigurationVersion,
    /// Names of keys of the directory that no rule needs: they are kept no longer.
    pub dropped_keys: &'a [String],
    /// Objects that referred to this one by a key that is lost.
    pub referrers: &'a [ObjectId],
    /// The instant.
    pub now: DateTime<Utc>,
}

impl TenantStore {
    /// Carries a write by hand out, wholly or not at all.
    ///
    /// # Errors
    /// [`StoreError::ConfigurationMoved`] and [`StoreError::ObjectMoved`] when configuration or object are no longer
    /// what the write was decided on.
    pub async fn write_by_hand(&self, write: &HandWrite<'_>) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        self.note_hand(&tx, write).await?;
        self.write_object(&tx, write.change).await?;
        self.write_hand_history(&tx, write).await?;
        self.write_hand_keys(&tx, write.change).await?;
        self.drop_key_specs(&tx, &write.change.object.directory, write.dropped_keys).await?;
        if write.change.action != Action::Create {
            let sql = "UPDATE shadow SET digest = NULL, account_digest = NULL WHERE tenant = ? AND owner = ?";
            tx.execute(sql, vec![self.tenant.into(), write.change.object.id.0.into()]).await?;
        }
        self.forget_promises(&tx, write.referrers).await?;
        self.append(&tx, act(write)).await?;
        tx.commit().await
    }

    /// Tells runs that somebody has written, and keeps configuration and other writes by hand as they are to the end
    /// of the transaction.
    async fn note_hand(&self, tx: &Transaction, write: &HandWrite<'_>) -> Result<(), StoreError> {
        let at = write.now.timestamp_millis();
        // Clocks of two machines may differ; the later instant counts.
        let sql = "UPDATE tenant SET objects_written_at = CASE WHEN objects_written_at > ? \
            THEN objects_written_at ELSE ? END WHERE id = ? AND configuration = ?";
        let values = vec![at.into(), at.into(), self.tenant.into(), write.checked.number.into()];
        if tx.execute(sql, values).await? == 0 { Err(StoreError::ConfigurationMoved) } else { Ok(()) }
    }

    async fn write_object(&self, tx: &Transaction, change: &HandChange) -> Result<(), StoreError> {
        let object = &change.object;
        let base: [Value; 3] = [self.tenant.into(), object.id.0.into(), i64::from(object.version).into()];
        let Some(wanted) = &change.wanted else {
            let sql = "DELETE FROM object WHERE tenant = ? AND id = ? AND version = ?";
            return moved_if_none(tx.execute(sql, base.to_vec()).await?);
        };
        let mut values: Vec<Value> = vec![
            wanted.object_type.clone().into(),
            wanted.disabled.map(|reason| reason as i64).into(),
            codec::encode(&wanted.attributes).into(),
        ];
        values.extend(base);
        if change.action != Action::Create {
            let sql = "UPDATE object SET version = version + 1, type = ?, disabled = ?, attributes = ? \
                WHERE tenant = ? AND id = ? AND version = ?";
            return moved_if_none(tx.execute(sql, values).await?);
        }
        let sql = "INSERT INTO object (type, disabled, attributes, tenant, id, version, kind, directory, \
            provenance) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
        values.extend([
            (object.kind as i64).into(),
            object.directory.as_str().into(),
            encode_provenance(&object.provenance).into(),
        ]);
        tx.execute(sql, values).await.map(|_| ())
    }

    /// What was replaced stands under the version that had it: that of a new object under 0.
    async fn write_hand_history(&self, tx: &Transaction, write: &HandWrite<'_>) -> Result<(), StoreError> {
        let HandChange { action, object, wanted, differences, .. } = write.change;
        let (version, disabled) =
            if *action == Action::Create { (0, None) } else { (object.version, object.disabled) };
        let is_typed = wanted.as_ref().is_none_or(|wanted| wanted.object_type != object.object_type);
        let replaced_type = is_typed.then(|| object.object_type.clone().unwrap_or_default());
        let before = (!differences.is_empty()).then(|| codec::encode_before(differences));
        let sql = "INSERT INTO history (tenant, id, version, at, action, disabled, before, actor_kind, actor, \
            replaced_type, kind) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let actor = &self.on_behalf_of().actor;
        let values = vec![
            self.tenant.into(),
            object.id.0.into(),
            i64::from(version).into(),
            write.now.timestamp_millis().into(),
            (*action as i64).into(),
            disabled.map(|reason| reason as i64).into(),
            before.into(),
            (actor.kind as i64).into(),
            actor.name.as_str().into(),
            replaced_type.into(),
            (object.kind as i64).into(),
        ];
        tx.execute(sql, values).await.map(|_| ())
    }

    async fn write_hand_keys(&self, tx: &Transaction, change: &HandChange) -> Result<(), StoreError> {
        let id = change.object.id.0;
        if !change.keys_removed.is_empty() {
            let sql = format!(
                "DELETE FROM key WHERE tenant = ? AND object = ? AND hash IN (SELECT unhex(j.value) FROM {})",
                self.list()
            );
            let values = vec![self.tenant.into(), id.into(), hex_list(&change.keys_removed)];
            tx.execute(&sql, values).await?;
        }
        let row = |key: &KeyHash| vec![self.tenant.into(), key.0.to_vec().into(), id.into()];
        KEYS.insert(tx, change.keys_added.iter().map(row).collect()).await.map(|_| ())
    }

    async fn forget_promises(&self, tx: &Transaction, owners: &[ObjectId]) -> Result<(), StoreError> {
        let (list, [owner]) = match self.dialect() {
            Dialect::Sqlite => self.list_of(["unhex(j.value)"]),
            Dialect::Postgres => self.list_of(["j.value::uuid"]),
        };
        let sql = format!(
            "UPDATE shadow SET digest = NULL, account_digest = NULL WHERE tenant = ? AND owner IN \
             (SELECT {owner} FROM {list})"
        );
        for owners in owners.chunks(REFERRERS_AT_ONCE) {
            let list = text_list(owners, 32, |list, owner| list.push_str(&owner.0.simple().to_string()));
            tx.execute(&sql, vec![self.tenant.into(), list]).await?;
        }
        Ok(())
    }

    /// All directories, each with the keys that all its objects can be found by.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn indexed_directories(&self) -> Result<Vec<Indexed>, StoreError> {
        let sql = "SELECT d.id, k.name FROM directory d LEFT JOIN key_spec k \
            ON k.tenant = d.tenant AND k.directory = d.id WHERE d.tenant = ? AND d.deleted_at IS NULL ORDER BY d.id, k.name";
        let mut directories: Vec<Indexed> = Vec::new();
        for row in self.database.query(sql, vec![self.tenant.into()]).await? {
            let directory = DirectoryId::new(&get::<String>(&row, 0)?)?;
            if directories.last().is_none_or(|last| last.directory != directory) {
                directories.push(Indexed { directory, keys: Vec::new() });
            }
            if let (Some(last), Some(name)) = (directories.last_mut(), get::<Option<String>>(&row, 1)?) {
                last.keys.push(name);
            }
        }
        Ok(directories)
    }
}

/// What the audit log says of a write: which object and which of its attributes, and nothing of what they hold.
fn act(write: &HandWrite<'_>) -> NewAuditEntry {
    let HandChange { action, object, differences, .. } = write.change;
    let act = match action {
        Action::Create => Act::Create,
        Action::Delete => Act::Delete,
        Action::Link
        | Action::Update
        | Action::Refresh
        | Action::Disable
        | Action::Unlink
        | Action::MarkGone => Act::Replace,
    };
    let names: Vec<_> = differences.iter().map(|difference| difference.name.as_str()).collect();
    let entry =
        NewAuditEntry::new(act, Subject::new(SubjectKind::Object, object.id.to_string())).at(write.now);
    let entry = entry.with("kind", object.kind.as_str());
    if names.is_empty() { entry } else { entry.with("attributes", names.join(", ")) }
}

fn moved_if_none(written: u64) -> Result<(), StoreError> {
    if written == 0 { Err(StoreError::ObjectMoved) } else { Ok(()) }
}
