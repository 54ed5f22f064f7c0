//! IM objects read in pages, and the keys they are found by.

use std::collections::{BTreeSet, HashMap, HashSet};

use muster_model::{ApplicationId, DirectoryId, ImObject, ObjectId, ObjectKind};
use muster_plan::change::Action;
use muster_plan::decision::ShadowFacts;
use sea_orm::Value;
use uuid::Uuid;

use crate::apply::KEYS;
use crate::database::{Dialect, Transaction, Urgency};
use crate::error::StoreError;
use crate::facts::{
    LinkedShadow, OBJECT_COLUMNS, SHADOW_COLUMNS, SHADOW_WIDTH, linked_shadow, object_at, shadow_at,
    text_list,
};
use crate::lists::KeyEntry;
use crate::page::change_id;
use crate::row::{get, number};
use crate::run::RunRecord;
use crate::tenant::TenantStore;

/// An object with what is known of its account in one application.
#[derive(Debug, Clone)]
pub struct OwnerRow {
    /// The object.
    pub object: ImObject,
    /// Its account there, if it has or had one.
    pub shadow: Option<LinkedShadow>,
}

impl TenantStore {
    /// Objects in the order of their ids, those after one of them, at most so many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn objects(
        &self,
        kind: Option<ObjectKind>,
        after: Option<ObjectId>,
        limit: u32,
    ) -> Result<Vec<ImObject>, StoreError> {
        let mut sql = format!("SELECT {OBJECT_COLUMNS} FROM object o WHERE o.tenant = ? AND o.id > ?");
        let mut values: Vec<Value> = vec![self.tenant.into(), after.map_or(Uuid::nil(), |id| id.0).into()];
        if let Some(kind) = kind {
            sql.push_str(" AND o.kind = ?");
            values.push((kind as i64).into());
        }
        sql.push_str(" ORDER BY o.id LIMIT ?");
        values.push(i64::from(limit).into());
        let rows = self.database.query(&sql, values).await?;
        rows.iter().filter_map(|row| object_at(row, 0).transpose()).collect()
    }

    /// Objects of a kind and directory in the order of their ids, those after one of them, at most so many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn population(
        &self,
        (directory, kind): (&DirectoryId, ObjectKind),
        after: Option<ObjectId>,
        limit: u32,
    ) -> Result<Vec<ImObject>, StoreError> {
        let sql = format!(
            "SELECT {OBJECT_COLUMNS} FROM object o WHERE o.tenant = ? AND o.id > ? AND o.kind = ? \
             AND o.directory = ? ORDER BY o.id LIMIT ?"
        );
        let values: Vec<Value> = vec![
            self.tenant.into(),
            after.map_or(Uuid::nil(), |id| id.0).into(),
            (kind as i64).into(),
            directory.as_str().into(),
            i64::from(limit).into(),
        ];
        let rows = self.database.query(&sql, values).await?;
        rows.iter().filter_map(|row| object_at(row, 0).transpose()).collect()
    }

    /// How many objects of a kind a directory has.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_population(
        &self,
        directory: &DirectoryId,
        kind: ObjectKind,
    ) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM object WHERE tenant = ? AND kind = ? AND directory = ?";
        let values: Vec<Value> = vec![self.tenant.into(), (kind as i64).into(), directory.as_str().into()];
        let row = self.database.query_one(sql, values).await?;
        Ok(row.map(|row| number(&row, 0)).transpose()?.unwrap_or(0).unsigned_abs())
    }

    /// One object.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn object(&self, id: ObjectId) -> Result<Option<ImObject>, StoreError> {
        let sql = format!("SELECT {OBJECT_COLUMNS} FROM object o WHERE o.tenant = ? AND o.id = ?");
        let row = self.database.query_one(&sql, vec![self.tenant.into(), id.0.into()]).await?;
        row.map(|row| object_at(&row, 0)).transpose().map(Option::flatten)
    }

    /// How many objects there are of a kind.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_objects(&self, kind: ObjectKind) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM object WHERE tenant = ? AND kind = ?";
        let row = self.database.query_one(sql, vec![self.tenant.into(), (kind as i64).into()]).await?;
        Ok(row.map(|row| number(&row, 0)).transpose()?.unwrap_or(0).unsigned_abs())
    }

    /// These objects, and those that these shadows belong to, in the order of their ids with what is known of their
    /// accounts of one class; one with several accounts has a row for each.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn owners(
        &self,
        (application, class): (&ApplicationId, &str),
        owners: &[ObjectId],
        shadows: &[u32],
    ) -> Result<Vec<OwnerRow>, StoreError> {
        if owners.is_empty() && shadows.is_empty() {
            return Ok(Vec::new());
        }
        let (id, number) = match self.dialect() {
            Dialect::Sqlite => ("unhex(j.value)", "j.value"),
            Dialect::Postgres => ("j.value::uuid", "j.value::bigint"),
        };
        let list = self.list();
        let (numbers, [number]) = self.list_of([number]);
        // The shadow's columns stand first, so that a missing shadow shows in the first of them.
        let sql = format!(
            "SELECT {SHADOW_COLUMNS}, {OBJECT_COLUMNS} FROM (SELECT {id} AS id FROM {list} UNION \
             SELECT of.owner FROM {numbers} CROSS JOIN shadow of \
             WHERE of.tenant = ? AND of.application = ? AND of.no = {number}) AS listed \
             CROSS JOIN object o LEFT JOIN shadow s \
             ON s.tenant = o.tenant AND s.owner = o.id AND s.application = ? AND s.class = ? \
             WHERE o.tenant = ? AND o.id = listed.id ORDER BY o.id, s.no"
        );
        let values: Vec<Value> = vec![
            text_list(owners, 32, |list, owner| list.push_str(&owner.0.simple().to_string())),
            serde_json::to_string(shadows).unwrap_or_default().into(),
            self.tenant.into(),
            application.as_str().into(),
            application.as_str().into(),
            class.into(),
            self.tenant.into(),
        ];
        let mut owners = Vec::new();
        for row in self.database.query(&sql, values).await? {
            let known: Option<i64> = get(&row, 0)?;
            let shadow = known.map(|_| linked_shadow(&row)).transpose()?;
            let Some(object) = object_at(&row, SHADOW_WIDTH)? else { continue };
            owners.push(OwnerRow { object, shadow });
        }
        Ok(owners)
    }

    /// Of these objects those that a live account of a class belongs to, with its key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn live_accounts(
        &self,
        application: &ApplicationId,
        class: &str,
        owners: &[ObjectId],
    ) -> Result<HashMap<ObjectId, String>, StoreError> {
        let (list, [id]) = match self.dialect() {
            Dialect::Sqlite => self.list_of(["unhex(j.value)"]),
            Dialect::Postgres => self.list_of(["j.value::uuid"]),
        };
        let sql = format!(
            "SELECT s.owner, s.uid FROM {list} CROSS JOIN shadow s WHERE s.tenant = ? AND s.owner = {id} \
             AND s.application = ? AND s.class = ? AND s.state = 0 ORDER BY s.no DESC"
        );
        let ids: Vec<String> = owners.iter().map(|owner| owner.0.simple().to_string()).collect();
        let values: Vec<Value> = vec![
            serde_json::to_string(&ids).unwrap_or_default().into(),
            self.tenant.into(),
            application.as_str().into(),
            class.into(),
        ];
        let rows = self.database.query(&sql, values).await?;
        rows.iter().map(|row| Ok((ObjectId(get(row, 0)?), get(row, 1)?))).collect()
    }

    /// Of these objects those that accounts of a class belong or belonged to, with the shadows of those by number.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn shadows_of(
        &self,
        application: &ApplicationId,
        class: &str,
        owners: &[ObjectId],
    ) -> Result<HashMap<ObjectId, Vec<ShadowFacts>>, StoreError> {
        let (list, [id]) = match self.dialect() {
            Dialect::Sqlite => self.list_of(["unhex(j.value)"]),
            Dialect::Postgres => self.list_of(["j.value::uuid"]),
        };
        let sql = format!(
            "SELECT {SHADOW_COLUMNS} FROM {list} CROSS JOIN shadow s WHERE s.tenant = ? AND s.owner = {id} \
             AND s.application = ? AND s.class = ? ORDER BY s.no"
        );
        // Several accounts may come to one object.
        let owners: BTreeSet<ObjectId> = owners.iter().copied().collect();
        let owners: Vec<ObjectId> = owners.into_iter().collect();
        let values: Vec<Value> = vec![
            text_list(&owners, 32, |list, owner| list.push_str(&owner.0.simple().to_string())),
            self.tenant.into(),
            application.as_str().into(),
            class.into(),
        ];
        let mut found: HashMap<ObjectId, Vec<ShadowFacts>> = HashMap::new();
        for row in self.database.query(&sql, values).await? {
            let shadow = shadow_at(&row)?;
            if let Some(owner) = shadow.owner {
                found.entry(owner).or_default().push(shadow);
            }
        }
        Ok(found)
    }

    /// The objects that changes of a bucket are to link to accounts that exist.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn staged_links(&self, run: &RunRecord, bucket: u32) -> Result<HashSet<ObjectId>, StoreError> {
        let sql =
            "SELECT object FROM change WHERE tenant = ? AND id BETWEEN ? AND ? AND bucket = ? AND action = ?";
        let values: Vec<Value> = vec![
            self.tenant.into(),
            change_id(run.seq, 0).into(),
            change_id(run.seq, u32::MAX).into(),
            i64::from(bucket).into(),
            (Action::Link as i64).into(),
        ];
        let rows = self.database.query(sql, values).await?;
        rows.iter()
            .filter_map(|row| get::<Option<Uuid>>(row, 0).transpose())
            .map(|id| id.map(ObjectId))
            .collect()
    }

    /// The keys by which the objects of a directory can be found already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn key_specs(&self, directory: &DirectoryId) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT name FROM key_spec WHERE tenant = ? AND directory = ?";
        let rows = self.database.query(sql, vec![self.tenant.into(), directory.as_str().into()]).await?;
        rows.iter().map(|row| get(row, 0)).collect()
    }

    /// Adds keys of objects that exist.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_keys(&self, keys: &[KeyEntry]) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Bulk).await?;
        let rows =
            keys.iter().map(|key| vec![self.tenant.into(), key.hash.0.to_vec().into(), key.object.into()]);
        KEYS.insert(&tx, rows.collect()).await?;
        tx.commit().await
    }

    /// Notes that all objects of a directory can be found by these keys, and that others are kept no longer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_key_specs(
        &self,
        directory: &DirectoryId,
        names: &[String],
        dropped: &[String],
    ) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        self.drop_key_specs(&tx, directory, dropped).await?;
        for name in names {
            tx.execute(
                "INSERT INTO key_spec (tenant, directory, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                vec![self.tenant.into(), directory.as_str().into(), name.clone().into()],
            )
            .await?;
        }
        tx.commit().await
    }

    /// Notes that the objects of a directory are no longer found by these keys.
    pub(crate) async fn drop_key_specs(
        &self,
        tx: &Transaction,
        directory: &DirectoryId,
        names: &[String],
    ) -> Result<(), StoreError> {
        for name in names {
            tx.execute(
                "DELETE FROM key_spec WHERE tenant = ? AND directory = ? AND name = ?",
                vec![self.tenant.into(), directory.as_str().into(), name.clone().into()],
            )
            .await?;
        }
        Ok(())
    }
}
