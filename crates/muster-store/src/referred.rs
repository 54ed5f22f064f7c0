//! Whom references mean, and which accounts exist under a key: what provisioning asks before it names anybody.
//! Never writes.

use std::collections::HashMap;

use muster_model::shadow::ShadowState;
use muster_model::{
    ApplicationId, AttributeName, Attributes, ConfigurationId, Field, ImObject, ObjectClassId, ObjectId,
};
use muster_plan::key::KeyHash;
use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use crate::TenantStore;
use crate::codec;
use crate::database::Dialect;
use crate::error::StoreError;
use crate::facts::{OBJECT_COLUMNS, hex_list, object_at, octets};
use crate::over::APART;
use crate::page::change_id;
use crate::row::{get, number, unsigned};
use crate::run::RunRecord;

/// An object that a reference means, with its accounts in one application.
#[derive(Debug, Clone)]
pub struct ReferredObject {
    /// The object.
    pub object: ImObject,
    /// Its accounts there, those it had included, in the order of their numbers.
    pub accounts: Vec<KnownAccount>,
}

/// What is known of an account of an object that a reference means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAccount {
    /// The key by which it is found here.
    pub key: KeyHash,
    /// Its key in the remote system.
    pub uid: String,
    /// What is remembered of it.
    pub snapshot: Attributes,
    /// Its class.
    pub class: ObjectClassId,
    /// Whether it exists, as far as is known.
    pub state: ShadowState,
    /// The profile that granted it last.
    pub profile: Option<ConfigurationId>,
}

impl TenantStore {
    /// The objects that are found by each of these keys, with their accounts in an application.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn referred_objects(
        &self,
        application: &ApplicationId,
        keys: &[KeyHash],
    ) -> Result<HashMap<KeyHash, Vec<ReferredObject>>, StoreError> {
        let mut found: HashMap<KeyHash, Vec<ReferredObject>> = HashMap::new();
        if keys.is_empty() {
            return Ok(found);
        }
        let (list, [key]) = self.list_of(["unhex(j.value)"]);
        let sql = format!(
            "SELECT {OBJECT_COLUMNS}, k.hash, s.uid_key, s.uid, s.class, s.state, s.profile, s.snapshot \
             FROM {list} CROSS JOIN key k CROSS JOIN object o LEFT JOIN shadow s \
             ON s.tenant = o.tenant AND s.owner = o.id AND s.application = ? \
             WHERE k.tenant = ? AND k.hash = {key} AND o.tenant = k.tenant AND o.id = k.object \
             ORDER BY o.id, s.no"
        );
        let values = vec![hex_list(keys), Value::from(application.as_str()), Value::from(self.tenant)];
        for row in self.database.query(&sql, values).await? {
            let Some(object) = object_at(&row, 0)? else { continue };
            let objects = found.entry(KeyHash(octets(get(&row, 8)?)?)).or_default();
            if objects.last().is_none_or(|last| last.object.id != object.id) {
                objects.push(ReferredObject { object, accounts: Vec::new() });
            }
            if let (Some(last), Some(account)) = (objects.last_mut(), account_at(&row, 9)?) {
                last.accounts.push(account);
            }
        }
        Ok(found)
    }

    /// The names that the accounts of outbound changes had when they were last brought up to date, or else when they were
    /// last read, by the numbers of the changes. Accounts of which nothing is remembered are left out.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn remembered_names(
        &self,
        run: &RunRecord,
        application: &ApplicationId,
        numbers: &[u32],
        name: &AttributeName,
    ) -> Result<HashMap<u32, String>, StoreError> {
        if numbers.is_empty() {
            return Ok(HashMap::new());
        }
        let (list, [listed]) = match self.dialect() {
            Dialect::Sqlite => self.list_of(["j.value"]),
            Dialect::Postgres => self.list_of(["j.value::bigint"]),
        };
        let sql = format!(
            "SELECT n.number, c.before, c.snapshot, s.snapshot FROM \
             (SELECT ? + {listed} AS id, {listed} AS number FROM {list} {APART}) AS n \
             CROSS JOIN change c \
             LEFT JOIN shadow s ON s.tenant = c.tenant AND s.application = ? AND s.no = c.shadow \
             WHERE c.id = n.id AND c.tenant = ?"
        );
        let numbers = serde_json::to_string(numbers).unwrap_or_default();
        let values = vec![
            change_id(run.seq, 0).into(),
            Value::from(numbers),
            Value::from(application.as_str()),
            Value::from(self.tenant),
        ];
        let mut names = HashMap::new();
        for row in self.database.query(&sql, values).await? {
            let held = |column| -> Result<Option<Field>, StoreError> {
                let snapshot = get::<Option<String>>(&row, column)?.map(|text| codec::decode(&text));
                let field = snapshot.transpose()?.map(|snapshot| snapshot.get(name.as_str()).clone());
                Ok(field.filter(|field| !field.has_no_value()))
            };
            let before =
                get::<Option<String>>(&row, 1)?.map(|text| codec::decode_fields(&text)).transpose()?;
            let before = before.into_iter().flatten().find(|(changed, _)| changed == name);
            let field = match (held(3)?, before) {
                (Some(field), _) | (None, Some((_, field))) => Some(field),
                // What changes otherwise leaves the name as it is.
                (None, None) => held(2)?,
            };
            if let Some(text) = field.as_ref().and_then(Field::first) {
                names.insert(unsigned(number(&row, 0)?, "number of a change")?, text.to_text().into_owned());
            }
        }
        Ok(names)
    }

    /// Of these keys of accounts those under which one exists, as far as is known, with its owner.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn live_owners(
        &self,
        application: &ApplicationId,
        keys: &[KeyHash],
    ) -> Result<HashMap<KeyHash, Option<ObjectId>>, StoreError> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let (list, [key]) = self.list_of(["unhex(j.value)"]);
        let sql = format!(
            "SELECT s.uid_key, s.owner FROM {list} CROSS JOIN shadow s \
             WHERE s.tenant = ? AND s.application = ? AND s.uid_key = {key} AND s.state = 0"
        );
        let values = vec![hex_list(keys), Value::from(self.tenant), Value::from(application.as_str())];
        let rows = self.database.query(&sql, values).await?;
        rows.iter()
            .map(|row| Ok((KeyHash(octets(get(row, 0)?)?), get::<Option<Uuid>>(row, 1)?.map(ObjectId))))
            .collect()
    }
}

/// `None` where the left join found no account.
fn account_at(row: &QueryResult, first: usize) -> Result<Option<KnownAccount>, StoreError> {
    let Some(key) = get::<Option<Vec<u8>>>(row, first)? else { return Ok(None) };
    let profile: Option<String> = get(row, first + 4)?;
    let snapshot: Option<String> = get(row, first + 5)?;
    Ok(Some(KnownAccount {
        key: KeyHash(octets(key)?),
        uid: get(row, first + 1)?,
        snapshot: snapshot.map(|text| codec::decode(&text)).transpose()?.unwrap_or_default(),
        class: ObjectClassId::new(&get::<String>(row, first + 2)?)?,
        state: match number(row, first + 3)? {
            0 => ShadowState::Live,
            _ => ShadowState::Gone,
        },
        profile: profile.map(|id| ConfigurationId::new(&id)).transpose()?,
    }))
}
