//! Applying to our own rows: set-based over the staged changes, which do not pass through the program again.
//!
//! Every function is one transaction that begins by moving the bucket's cursor under the fence.

use chrono::{DateTime, Utc};
use muster_model::text::push_hex;
use muster_model::{ApplicationId, DirectoryId, ObjectClassId, ObjectKind};
use muster_plan::change::Action;
use muster_plan::key::KeySpecs;
use sea_orm::Value;

use crate::TenantStore;
use crate::database::{Dialect, Transaction, Urgency};
use crate::error::StoreError;
use crate::facts::text_list;
use crate::lists::{KeyEntry, Mention};
use crate::make::{Making, Reading, Taken, object_values};
use crate::over::{APART, Bases, Over, change_number};
use crate::page::change_id;
use crate::row::number;
use crate::rows::{Bulk, Kind};
use crate::run::RunRecord;
use crate::stage::{Bucket, ProblemRow};
use crate::tries::Tries;

pub(crate) const KEYS: Bulk = Bulk {
    table: "key",
    columns: &[("tenant", Kind::Integer), ("hash", Kind::Octets), ("object", Kind::Uuid)],
    suffix: "ON CONFLICT DO NOTHING",
};

/// A batch of changes of one bucket, in their order.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Changes that make an object and its shadow.
    pub creates: Vec<u32>,
    /// Changes that make a shadow of an object that exists.
    pub links: Vec<u32>,
    /// Changes that make an object alone.
    pub objects: Vec<u32>,
    /// All others.
    pub others: Vec<u32>,
    /// What there is to do about all but the creates: no statement is sent for what nobody asks for.
    pub actions: Vec<Action>,
    /// Of the others those that give a shadow another key.
    pub rekeyed: Vec<u32>,
    /// The keys that the owners of creates were looked for with, where another run may have made them since.
    pub contested: Vec<Mention>,
    /// Of all these, the ones whose digest is not stored, since a reference is open.
    pub undigested: Vec<u32>,
}

/// What the changes of a run have in common.
#[derive(Debug, Clone)]
pub struct Target {
    /// The application of the accounts.
    pub application: ApplicationId,
    /// The class of the accounts; `None` where none are concerned.
    pub class: Option<ObjectClassId>,
    /// The population of the objects.
    pub directory: DirectoryId,
    /// The kind of the objects.
    pub kind: ObjectKind,
    /// The type of objects that are made.
    pub object_type: Option<String>,
    /// Whether they were there before.
    pub making: Making,
    /// What was read of the accounts, and when.
    pub reading: Reading,
}

impl Target {
    pub(crate) fn class_name(&self) -> Option<&str> {
        self.class.as_ref().map(ObjectClassId::as_str)
    }
}

/// Whether a change gives an object that exists a new version.
const TOUCHES: &str = "(c.before IS NOT NULL OR c.state > 0) AND c.object_version > 0";

impl TenantStore {
    /// Applies a batch of inbound changes.
    ///
    /// Changes whose object or shadow has moved on are left out, noted as stale and answered.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when the worker has the run no longer; nothing is written then.
    pub async fn apply_inbound(
        &self,
        run: &RunRecord,
        bucket: &Bucket,
        target: &Target,
        (batch, keys): (&Batch, &KeySpecs),
        now: DateTime<Utc>,
    ) -> Result<Vec<u32>, StoreError> {
        let mut tries = Tries::begin();
        loop {
            match self.apply_batch(run, bucket, target, (batch, keys, tries.taken), now).await {
                Err(error) if tries.again(&error) => {}
                applied => return applied,
            }
        }
    }

    async fn apply_batch(
        &self,
        run: &RunRecord,
        bucket: &Bucket,
        target: &Target,
        (batch, keys, taken): (&Batch, &KeySpecs, Taken),
        now: DateTime<Utc>,
    ) -> Result<Vec<u32>, StoreError> {
        let tx = self.database.begin(Urgency::Bulk).await?;
        self.move_cursor(&tx, run, bucket, now).await?;
        let over = Over { tx: &tx, tenant: self.tenant, run: run.seq };
        self.line_up(&tx, &batch.contested).await?;
        let mut stale = self.made_by_rivals(&tx, &batch.contested, keys).await?;
        let creates: Vec<u32> =
            batch.creates.iter().copied().filter(|number| stale.binary_search(number).is_err()).collect();
        let left = self.create(&over, target, &creates, taken).await?;
        if target.making == Making::Again {
            let made: Vec<u32> = creates.into_iter().filter(|number| !left.contains(number)).collect();
            self.note_made_again(&over, &made, now).await?;
        }
        stale.extend(left);
        let changing = [batch.links.clone(), batch.others.clone()].concat();
        self.lock_objects(&over, &changing).await?;
        let mut moved = self.moved_on(&over, &changing, Bases::ObjectsAndShadows).await?;
        if changing.len() > 1 {
            moved.extend(self.second_hands(&over, &changing).await?);
        }
        moved.sort_unstable();
        moved.dedup();
        let still = |numbers: &[u32]| -> Vec<u32> {
            numbers.iter().copied().filter(|number| !moved.contains(number)).collect()
        };
        let (links, others) = (still(&batch.links), still(&batch.others));
        self.insert_shadows(&over, target, &links, taken).await?;
        let objects = [links, batch.objects.clone(), others.clone()].concat();
        self.change_objects(&over, target, (&objects, &batch.actions), now).await?;
        if target.making == Making::Again {
            self.note_made_again(&over, &batch.objects, now).await?;
        }
        self.change_shadows(&over, target, (&others, &batch.actions)).await?;
        self.change_keys(&over, target, &still(&batch.rekeyed)).await?;
        self.forget_digests(&over, target, &batch.undigested).await?;
        stale.extend(moved);
        let problems: Vec<_> = stale.iter().map(|number| ProblemRow::stale(*number)).collect();
        self.note_in(&tx, run, bucket.no, &problems, now).await?;
        tx.commit().await?;
        Ok(stale)
    }

    /// Keeps other transactions from changing the objects of the listed changes; the same order everywhere
    /// keeps two runs from waiting for each other. SQLite has one writer anyway.
    async fn lock_objects(&self, over: &Over<'_>, numbers: &[u32]) -> Result<(), StoreError> {
        if numbers.is_empty() || self.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let sql = "SELECT 1 FROM object o WHERE (o.tenant, o.id) IN \
            (SELECT c.tenant, c.object FROM {changes} WHERE c.object IS NOT NULL) ORDER BY o.id FOR UPDATE";
        over.tx.query(&over.text(sql), over.list(numbers).to_vec()).await.map(|_| ())
    }

    /// Of the listed changes those whose object an earlier one of them changes: of two accounts that write one
    /// object the first counts, in whatever batches they come.
    async fn second_hands(&self, over: &Over<'_>, numbers: &[u32]) -> Result<Vec<u32>, StoreError> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT n.id FROM (SELECT c.id, sum(CASE WHEN {TOUCHES} OR c.action IN ({}, {}) THEN 1 ELSE 0 END) OVER \
             (PARTITION BY c.object ORDER BY c.position, c.id \
             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier \
             FROM {{changes}} WHERE c.object_version > 0) AS n WHERE n.earlier > 0",
            Action::Delete as i64,
            Action::Link as i64
        );
        let rows = over.tx.query(&over.text(&sql), over.list(numbers).to_vec()).await?;
        rows.iter().map(|row| change_number(number(row, 0)?)).collect()
    }

    async fn change_objects(
        &self,
        over: &Over<'_>,
        target: &Target,
        (numbers, actions): (&[u32], &[Action]),
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let delete = Action::Delete as i64;
        let of = |action: Action| if actions.contains(&action) { numbers } else { &[] };
        over.execute(
            &format!(
                "INSERT INTO history (tenant, id, version, run, at, action, disabled, before, kind) \
                 SELECT c.tenant, o.id, o.version, ?, ?, c.action, o.disabled, c.before, o.kind FROM {{changes}} \
                 CROSS JOIN object o WHERE o.tenant = c.tenant AND o.id = c.object \
                 AND ({TOUCHES} OR c.action = {delete})"
            ),
            vec![over.run.into(), now.timestamp_millis().into()],
            numbers,
            Vec::new(),
        )
        .await?;
        let creates = Action::Create as i64;
        over.execute(
            &format!(
                "{} FROM {{changes}} WHERE c.action = ? AND c.object_version = 0",
                self.objects_made(target)
            ),
            object_values(target).to_vec(),
            of(Action::Create),
            vec![creates.into()],
        )
        .await?;
        over.execute(
            &format!(
                "UPDATE object SET version = object.version + 1, \
                 attributes = coalesce(n.result, object.attributes), \
                 provenance = coalesce(n.provenance, object.provenance), disabled = CASE n.state \
                 WHEN 0 THEN object.disabled WHEN 1 THEN NULL ELSE n.state - 2 END \
                 FROM (SELECT c.tenant, c.object, c.result, c.provenance, c.state FROM {{changes}} \
                 WHERE {TOUCHES} AND c.action <> {delete} {APART}) AS n \
                 WHERE object.tenant = n.tenant AND object.id = n.object"
            ),
            Vec::new(),
            numbers,
            Vec::new(),
        )
        .await?;
        over.execute(
            "DELETE FROM object WHERE (tenant, id) IN (SELECT c.tenant, c.object FROM {changes} WHERE c.action = ?)",
            Vec::new(),
            of(Action::Delete),
            vec![delete.into()],
        )
        .await?;
        // Whoever changes an object takes back the promises of its other shadows, and all about accounts that are written.
        over.execute(
            &format!(
                "UPDATE shadow SET digest = NULL, account_digest = NULL WHERE (tenant, owner) IN \
                 (SELECT c.tenant, c.object FROM {{changes}} WHERE {TOUCHES} OR c.action = {delete}) \
                 AND (application <> ? OR account_digest IS NOT NULL)"
            ),
            Vec::new(),
            numbers,
            vec![target.application.as_str().into()],
        )
        .await?;
        Ok(())
    }

    async fn change_shadows(
        &self,
        over: &Over<'_>,
        target: &Target,
        (numbers, actions): (&[u32], &[Action]),
    ) -> Result<(), StoreError> {
        let application = || vec![Value::from(target.application.as_str())];
        let of = |wanted: [Action; 2]| {
            if wanted.iter().any(|action| actions.contains(action)) { numbers } else { &[] }
        };
        over.execute(
            &format!(
                "UPDATE shadow SET version = shadow.version + 1, read_by = n.read_by, state = 0, owner = n.object, \
                 digest = n.digest, account_digest = n.account_digest, due_at = n.due_at, \
                 snapshot = coalesce(n.snapshot, shadow.snapshot), \
                 profile = coalesce(n.profile, shadow.profile), disabled = CASE n.state \
                 WHEN 0 THEN shadow.disabled WHEN 1 THEN NULL ELSE n.state - 2 END \
                 FROM (SELECT c.*, {} AS read_by FROM {{changes}} WHERE c.action <= {} {APART}) AS n \
                 WHERE shadow.tenant = n.tenant AND shadow.application = ? AND shadow.no = n.shadow",
                target.reading.read_by(),
                Action::Refresh as i64
            ),
            Vec::new(),
            numbers,
            application(),
        )
        .await?;
        let gone = [Action::Disable, Action::MarkGone];
        over.execute(
            &format!(
                // Who was not met has nothing new to be remembered; of who is undone the old is put back.
                "UPDATE shadow SET version = shadow.version + 1, state = 1, digest = NULL, snapshot = CASE \
                 WHEN n.snapshot IS NULL OR n.snapshot = '{{}}' THEN shadow.snapshot ELSE n.snapshot END \
                 FROM (SELECT c.tenant, c.shadow, c.snapshot FROM {{changes}} WHERE c.action IN ({}, {}) {APART}) AS n \
                 WHERE shadow.tenant = n.tenant AND shadow.application = ? AND shadow.no = n.shadow",
                gone[0] as i64, gone[1] as i64
            ),
            Vec::new(),
            of(gone),
            application(),
        )
        .await?;
        self.delete_shadows(over, target, of([Action::Delete, Action::Unlink])).await
    }

    /// Lets shadows go on under the keys of the accounts that took the place of theirs.
    async fn change_keys(&self, over: &Over<'_>, target: &Target, numbers: &[u32]) -> Result<(), StoreError> {
        over.execute(
            &format!(
                "UPDATE shadow SET uid = n.uid, uid_key = n.uid_key \
                 FROM (SELECT c.tenant, c.shadow, c.uid, c.uid_key FROM {{changes}} {APART}) AS n \
                 WHERE shadow.tenant = n.tenant AND shadow.application = ? AND shadow.no = n.shadow"
            ),
            Vec::new(),
            numbers,
            vec![target.application.as_str().into()],
        )
        .await
        .map(|_| ())
    }

    pub(crate) async fn delete_shadows(
        &self,
        over: &Over<'_>,
        target: &Target,
        numbers: &[u32],
    ) -> Result<(), StoreError> {
        let [delete, unlink] = [Action::Delete as i64, Action::Unlink as i64];
        over.execute(
            &format!(
                "DELETE FROM shadow WHERE tenant = ? AND application = ? AND no IN \
                 (SELECT c.shadow FROM {{changes}} WHERE c.action IN ({delete}, {unlink}))"
            ),
            vec![self.tenant.into(), target.application.as_str().into()],
            numbers,
            Vec::new(),
        )
        .await
        .map(|_| ())
    }

    async fn forget_digests(
        &self,
        over: &Over<'_>,
        target: &Target,
        numbers: &[u32],
    ) -> Result<(), StoreError> {
        over.execute(
            "UPDATE shadow SET digest = NULL WHERE tenant = ? AND application = ? AND uid_key IN \
             (SELECT c.uid_key FROM {changes})",
            vec![self.tenant.into(), target.application.as_str().into()],
            numbers,
            Vec::new(),
        )
        .await
        .map(|_| ())
    }

    /// Adds and removes keys of objects, sorted by the caller.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when the worker has the run no longer.
    pub async fn apply_keys(
        &self,
        run: &RunRecord,
        bucket: &Bucket,
        (removed, added): (&[KeyEntry], &[KeyEntry]),
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Bulk).await?;
        self.move_cursor(&tx, run, bucket, now).await?;
        self.remove_keys(&tx, run, removed).await?;
        let rows =
            added.iter().map(|key| vec![self.tenant.into(), key.hash.0.to_vec().into(), key.object.into()]);
        KEYS.insert(&tx, rows.collect()).await?;
        tx.commit().await
    }

    async fn remove_keys(
        &self,
        tx: &Transaction,
        run: &RunRecord,
        removed: &[KeyEntry],
    ) -> Result<(), StoreError> {
        if removed.is_empty() {
            return Ok(());
        }
        let (hash, object) = ("unhex(substr(j.value, 1, 32))", "substr(j.value, 33, 32)");
        let change = "CAST(substr(j.value, 65) AS BIGINT)";
        let (keys, [hash, object, change]) = match self.dialect() {
            Dialect::Sqlite => self.list_of([hash, &format!("unhex({object})"), change]),
            Dialect::Postgres => self.list_of([hash, &format!("{object}::uuid"), change]),
        };
        // Whoever changed the object since may have given it this key again. One that this run did not make may have been
        // made by another in the same instant, under the same id.
        let sql = format!(
            "DELETE FROM key WHERE (tenant, hash, object) IN (SELECT c.tenant, n.hash, n.object FROM \
             (SELECT {hash} AS hash, {object} AS object, ? + {change} AS id FROM {keys} {APART}) AS n \
             CROSS JOIN change c WHERE c.tenant = ? AND c.id = n.id AND NOT EXISTS \
             (SELECT 1 FROM object o WHERE o.tenant = c.tenant AND o.id = n.object \
             AND (c.object_version = 0 OR o.version <> c.object_version + 1)))"
        );
        let list = text_list(removed, 74, |list, key| {
            push_hex(list, &key.hash.0);
            push_hex(list, key.object.as_bytes());
            list.push_str(&key.change.to_string());
        });
        tx.execute(&sql, vec![change_id(run.seq, 0).into(), list, self.tenant.into()]).await.map(|_| ())
    }
}
