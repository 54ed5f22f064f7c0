//! Facts: what the store knows about a page of accounts, in one query each. Never writes.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use muster_model::shadow::ShadowState;
use muster_model::text::push_hex;
use muster_model::{
    ApplicationId, Attributes, ConfigurationId, DirectoryId, ImObject, ObjectId, Provenance, ShadowNo,
};
use muster_plan::change::ShadowBase;
use muster_plan::decision::ShadowFacts;
use muster_plan::digest::Digest;
use muster_plan::key::KeyHash;
use muster_plan::outbound::Promise;
use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use crate::TenantStore;
use crate::codec;
use crate::database::Dialect;
use crate::error::StoreError;
use crate::page::decode_granted;
use crate::row::{decode_provenance, disabled, get, instant, number, object_kind, optional_number, unsigned};

pub(crate) const SHADOW_COLUMNS: &str = "s.no, s.version, s.uid, s.state, s.owner, s.snapshot, s.profile, s.disabled, s.uid_key, \
     s.digest, s.account_digest, s.due_at, s.granted, s.read_by, s.terms";
/// How many columns that are.
pub(crate) const SHADOW_WIDTH: usize = 15;
pub(crate) const OBJECT_COLUMNS: &str =
    "o.id, o.kind, o.directory, o.type, o.disabled, o.version, o.attributes, o.provenance";
pub(crate) const OBJECT_WIDTH: usize = 8;

/// A shadow with the object it belongs to.
#[derive(Debug, Clone)]
pub struct LinkedShadow {
    /// The key of the account.
    pub key: KeyHash,
    /// The shadow.
    pub shadow: ShadowFacts,
    /// Whether the account was disabled by the last change; outbound only.
    pub account_disabled: bool,
    /// Outbound, the promise that nothing has to be decided.
    pub promise: Option<Promise>,
    /// What that promise was made under.
    pub terms: Option<Digest>,
    /// When that promise ends by itself.
    pub due_at: Option<DateTime<Utc>>,
    /// The object, if the shadow has an owner that exists.
    pub owner: Option<ImObject>,
}

impl TenantStore {
    /// Of the accounts given, those for which deciding again would change nothing: their place in the
    /// list and the number of their shadow.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unchanged(
        &self,
        application: &ApplicationId,
        accounts: &[(KeyHash, Digest)],
        now: DateTime<Utc>,
    ) -> Result<Vec<(usize, u32)>, StoreError> {
        let told_by = ("s.digest", "(s.due_at IS NULL OR s.due_at > ?)");
        self.of_digest(application, accounts, told_by, &[now.timestamp_millis().into()]).await
    }

    /// Of the accounts given those whose live shadow `s` has the digest in this column, and is as the condition says.
    pub(crate) async fn of_digest(
        &self,
        application: &ApplicationId,
        accounts: &[(KeyHash, Digest)],
        (column, condition): (&str, &str),
        values: &[Value],
    ) -> Result<Vec<(usize, u32)>, StoreError> {
        let (list, [key, digest]) =
            self.list_of(["unhex(substr(j.value, 1, 32))", "unhex(substr(j.value, 33))"]);
        let of_account = format!("s.tenant = ? AND s.application = ? AND s.uid_key = {key}");
        let (collected, place, found) = match self.dialect() {
            Dialect::Sqlite => ("group_concat", "j.key", format!("shadow s WHERE {of_account} AND")),
            // Where it thinks that hardly any account fulfils the conditions, it would look at all of the application.
            Dialect::Postgres => (
                "string_agg",
                "(j.key - 1)",
                format!("LATERAL (SELECT s.* FROM shadow s WHERE {of_account} OFFSET 0) AS s WHERE"),
            ),
        };
        let sql = format!(
            "SELECT {collected}({place} || ':' || s.no, ',') FROM {list} CROSS JOIN {found} s.state = 0 \
             AND {column} = {digest} AND {condition}"
        );
        let listed = text_list(accounts, 64, |list, (key, digest)| {
            push_hex(list, &key.0);
            push_hex(list, &digest.0);
        });
        let mut given = vec![listed, self.tenant.into(), application.as_str().into()];
        given.extend_from_slice(values);
        let row = self.database.query_one(&sql, given).await?;
        let pairs: Option<String> = row.map(|row| get(&row, 0)).transpose()?.flatten();
        let Some(pairs) = pairs else { return Ok(Vec::new()) };
        pairs.split(',').map(pair).collect()
    }

    /// What is known of accounts by their keys; keys without a shadow are left out.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn linked_shadows(
        &self,
        application: &ApplicationId,
        keys: &[KeyHash],
    ) -> Result<HashMap<KeyHash, LinkedShadow>, StoreError> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let (list, [key]) = self.list_of(["unhex(j.value)"]);
        let sql = format!(
            "SELECT {SHADOW_COLUMNS}, {OBJECT_COLUMNS} FROM {list} CROSS JOIN shadow s \
             LEFT JOIN object o ON o.tenant = s.tenant AND o.id = s.owner \
             WHERE s.tenant = ? AND s.application = ? AND s.uid_key = {key}"
        );
        let values = vec![hex_list(keys), Value::from(self.tenant), Value::from(application.as_str())];
        let rows = self.database.query(&sql, values).await?;
        rows.iter().map(|row| linked_shadow(row).map(|linked| (linked.key, linked))).collect()
    }

    /// The objects that are found by each of these keys.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn objects_by_key(
        &self,
        keys: &[KeyHash],
    ) -> Result<HashMap<KeyHash, Vec<ImObject>>, StoreError> {
        let mut found: HashMap<KeyHash, Vec<ImObject>> = HashMap::new();
        if keys.is_empty() {
            return Ok(found);
        }
        let sql = self.objects_by_key_text();
        let rows = self.database.query(&sql, vec![hex_list(keys), Value::from(self.tenant)]).await?;
        for (key, object) in objects_by_key(&rows)? {
            found.entry(key).or_default().push(object);
        }
        Ok(found)
    }

    pub(crate) fn objects_by_key_text(&self) -> String {
        let (list, [key]) = self.list_of(["unhex(j.value)"]);
        format!(
            "SELECT {OBJECT_COLUMNS}, k.hash FROM {list} CROSS JOIN key k CROSS JOIN object o \
             WHERE k.tenant = ? AND k.hash = {key} AND o.tenant = k.tenant AND o.id = k.object"
        )
    }

    /// Which of these keys some object is found by.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn known_keys(&self, keys: &[KeyHash]) -> Result<Vec<KeyHash>, StoreError> {
        let (list, [key]) = self.list_of(["unhex(j.value)"]);
        let sql = format!(
            "SELECT DISTINCT k.hash FROM {list} CROSS JOIN key k CROSS JOIN object o \
             WHERE k.tenant = ? AND k.hash = {key} AND o.tenant = k.tenant AND o.id = k.object"
        );
        let rows = self.database.query(&sql, vec![hex_list(keys), Value::from(self.tenant)]).await?;
        rows.iter().map(|row| Ok(KeyHash(octets(get(row, 0)?)?))).collect()
    }

    /// The live shadows of these numbers with their objects, and whether another application that also is a
    /// source holds a live shadow of the object.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn missing_shadows(
        &self,
        application: &ApplicationId,
        class: &str,
        numbers: &[u32],
        other_sources: &[ApplicationId],
    ) -> Result<Vec<(LinkedShadow, bool)>, StoreError> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let others: Vec<_> = other_sources.iter().map(ApplicationId::as_str).collect();
        let marks = vec!["?"; others.len()].join(", ");
        let elsewhere = if others.is_empty() {
            "CAST(0 AS BIGINT)".to_owned()
        } else {
            // An expression in the place of the column keeps SQLite from reading all shadows of the applications.
            format!(
                "(SELECT count(*) FROM shadow e WHERE e.tenant = s.tenant AND e.owner = s.owner \
                 AND e.state = 0 AND (e.application || '') IN ({marks}))"
            )
        };
        let (list, [place]) = match self.dialect() {
            Dialect::Sqlite => self.list_of(["j.value"]),
            Dialect::Postgres => self.list_of(["j.value::bigint"]),
        };
        let sql = format!(
            "SELECT {SHADOW_COLUMNS}, {OBJECT_COLUMNS}, {elsewhere} FROM {list} CROSS JOIN shadow s \
             LEFT JOIN object o ON o.tenant = s.tenant AND o.id = s.owner \
             WHERE s.tenant = ? AND s.application = ? AND s.no = {place} AND s.class = ? AND s.state = 0 \
             ORDER BY s.no"
        );
        let mut values: Vec<Value> = others.iter().map(|other| Value::from(*other)).collect();
        values.push(Value::from(serde_json::to_string(numbers).unwrap_or_default()));
        values.extend([Value::from(self.tenant), Value::from(application.as_str()), Value::from(class)]);
        let rows = self.database.query(&sql, values).await?;
        rows.iter()
            .map(|row| Ok((linked_shadow(row)?, number(row, SHADOW_WIDTH + OBJECT_WIDTH)? > 0)))
            .collect()
    }

    /// How many live shadows an application has of a class.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn live_shadows(&self, application: &ApplicationId, class: &str) -> Result<u64, StoreError> {
        let sql =
            "SELECT count(*) FROM shadow WHERE tenant = ? AND application = ? AND class = ? AND state = 0";
        let values = vec![Value::from(self.tenant), Value::from(application.as_str()), Value::from(class)];
        let row = self.database.query_one(sql, values).await?;
        Ok(row.map(|row| number(&row, 0)).transpose()?.unwrap_or(0).unsigned_abs())
    }

    /// A list parameter as rows `j (key, value)`.
    pub(crate) fn list(&self) -> &'static str {
        match self.dialect() {
            Dialect::Sqlite => "json_each(?) j",
            Dialect::Postgres => "jsonb_array_elements_text(?::text::jsonb) WITH ORDINALITY AS j(value, key)",
        }
    }

    /// A list parameter as rows `j`, and what is read of `j.value` in each as columns to look rows up by.
    ///
    /// PostgreSQL computes those apart: where row-level security holds, it looks nothing up by what it has yet to
    /// compute from another table, since an error of that could tell of rows that are not to be seen.
    pub(crate) fn list_of<const N: usize>(&self, reads: [&str; N]) -> (String, [String; N]) {
        let list = self.list();
        match self.dialect() {
            Dialect::Sqlite => (list.to_owned(), reads.map(str::to_owned)),
            Dialect::Postgres => {
                let mut columns = String::new();
                for (no, read) in reads.iter().enumerate() {
                    columns.push_str(&format!(", {read} AS read_{no}"));
                }
                let names = std::array::from_fn(|no| format!("j.read_{no}"));
                (format!("(SELECT j.key, j.value{columns} FROM {list} OFFSET 0) AS j"), names)
            }
        }
    }
}

pub(crate) fn objects_by_key(rows: &[QueryResult]) -> Result<Vec<(KeyHash, ImObject)>, StoreError> {
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(object) = object_at(row, 0)? {
            found.push((KeyHash(octets(get(row, 8)?)?), object));
        }
    }
    Ok(found)
}

fn pair(text: &str) -> Result<(usize, u32), StoreError> {
    let parsed = text.split_once(':').and_then(|(place, no)| Some((place.parse().ok()?, no.parse().ok()?)));
    parsed.ok_or_else(|| StoreError::unreadable("pair of place and shadow", text))
}

/// Reads [`SHADOW_COLUMNS`] and, after them, [`OBJECT_COLUMNS`].
pub(crate) fn linked_shadow(row: &QueryResult) -> Result<LinkedShadow, StoreError> {
    Ok(LinkedShadow {
        key: KeyHash(octets(get(row, 8)?)?),
        shadow: shadow_at(row)?,
        account_disabled: optional_number(row, 7)?.is_some(),
        promise: promise(get(row, 9)?, get(row, 10)?)?,
        terms: get::<Option<Vec<u8>>>(row, 14)?.map(octets).transpose()?.map(Digest),
        due_at: optional_number(row, 11)?.map(instant).transpose()?,
        owner: object_at(row, SHADOW_WIDTH)?,
    })
}

/// Reads [`SHADOW_COLUMNS`].
pub(crate) fn shadow_at(row: &QueryResult) -> Result<ShadowFacts, StoreError> {
    let owner: Option<Uuid> = get(row, 4)?;
    let profile: Option<String> = get(row, 6)?;
    Ok(ShadowFacts {
        base: ShadowBase {
            no: ShadowNo(unsigned(number(row, 0)?, "shadow number")?),
            version: unsigned(number(row, 1)?, "version")?,
        },
        uid: get(row, 2)?,
        state: match number(row, 3)? {
            0 => ShadowState::Live,
            _ => ShadowState::Gone,
        },
        owner: owner.map(ObjectId),
        snapshot: snapshot(&get::<String>(row, 5)?)?,
        profile: profile.map(|id| ConfigurationId::new(&id)).transpose()?,
        disabled: disabled(optional_number(row, 7)?)?,
        granted: decode_granted(&get::<Option<String>>(row, 12)?.unwrap_or_default())?,
        read_by: optional_number(row, 13)?,
    })
}

fn promise(owner: Option<Vec<u8>>, account: Option<Vec<u8>>) -> Result<Option<Promise>, StoreError> {
    let (Some(owner), Some(account)) = (owner, account) else { return Ok(None) };
    Ok(Some(Promise { owner: Digest(octets(owner)?), account: Digest(octets(account)?) }))
}

fn snapshot(text: &str) -> Result<Attributes, StoreError> {
    codec::decode(text)
}

/// Reads [`OBJECT_COLUMNS`] from this place on; `None` when a left join found no object.
pub(crate) fn object_at(row: &QueryResult, first: usize) -> Result<Option<ImObject>, StoreError> {
    let Some(id) = get::<Option<Uuid>>(row, first)? else { return Ok(None) };
    let provenance: String = get(row, first + 7)?;
    Ok(Some(ImObject {
        id: ObjectId(id),
        kind: object_kind(number(row, first + 1)?)?,
        directory: DirectoryId::new(&get::<String>(row, first + 2)?)?,
        object_type: get(row, first + 3)?,
        disabled: disabled(optional_number(row, first + 4)?)?,
        version: unsigned(number(row, first + 5)?, "version")?,
        attributes: codec::decode(&get::<String>(row, first + 6)?)?,
        provenance: if provenance.is_empty() {
            Provenance::default()
        } else {
            decode_provenance(&provenance)?
        },
    }))
}

pub(crate) fn octets(stored: Vec<u8>) -> Result<[u8; 16], StoreError> {
    stored.try_into().map_err(|_| StoreError::unreadable("hash", "it has not 16 octets"))
}

pub(crate) fn hex_list(keys: &[KeyHash]) -> Value {
    text_list(keys, 32, |list, key| push_hex(list, &key.0))
}

/// A list parameter of texts that need no escapes, of about this length each.
pub(crate) fn text_list<T>(items: &[T], length: usize, write: impl Fn(&mut String, &T)) -> Value {
    let mut list = String::with_capacity(items.len() * (length + 3) + 2);
    list.push('[');
    for (index, item) in items.iter().enumerate() {
        list.push_str(if index > 0 { ",\"" } else { "\"" });
        write(&mut list, item);
        list.push('"');
    }
    list.push(']');
    Value::from(list)
}
