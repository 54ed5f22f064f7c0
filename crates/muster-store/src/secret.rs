//! Secrets of a tenant: kept sealed with the tenant's own key, opened for one connector definition at a time, with
//! where it led when they were entered. Who may see one is the caller's.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use muster_model::audit::{Act, Subject, SubjectKind};
use muster_model::{ConfigurationId, SecretName};
use sea_orm::Value;
use secrecy::{ExposeSecret, SecretString};

use crate::audit::NewAuditEntry;
use crate::configuration::ConfigurationVersion;
use crate::database::{Transaction, Urgency};
use crate::error::StoreError;
use crate::row::{get, instant, number};
use crate::run::Hash;
use crate::seal::{self, Key, MasterKey};
use crate::tenant::TenantStore;

/// A secret as it may be shown: without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRecord {
    /// Its name.
    pub name: SecretName,
    /// When it was first written.
    pub created_at: DateTime<Utc>,
    /// When it was last written.
    pub updated_at: DateTime<Utc>,
    /// The connector definitions that it is bound to.
    pub definitions: Vec<ConfigurationId>,
}

/// A secret to keep.
#[derive(Debug)]
pub struct NewSecret<'a> {
    /// Its name.
    pub name: &'a SecretName,
    /// Its value.
    pub value: &'a SecretString,
    /// What it is entered for.
    pub bindings: &'a [Binding],
    /// The instant.
    pub now: DateTime<Utc>,
}

/// A connector definition that a secret is for, as it was when the secret was entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The definition.
    pub definition: ConfigurationId,
    /// A hash of where it leads.
    pub address: Hash,
}

/// When a secret is bound to a further definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BindingRule {
    /// In any case.
    Always,
    /// When it is bound to none.
    #[default]
    IfUnbound,
}

/// What became of a secret that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// There was none of that name.
    Created,
    /// It took the place of another value.
    Replaced,
}

/// A secret, opened.
#[derive(Debug)]
pub struct OpenSecret {
    /// Its value.
    pub value: SecretString,
    /// Where the definition led that it was opened for, if it is bound to that.
    pub address: Option<Hash>,
}

impl TenantStore {
    /// All secrets by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn secrets(&self) -> Result<Vec<SecretRecord>, StoreError> {
        let sql = "SELECT s.name, s.created_at, s.updated_at, b.definition FROM secret s \
                   LEFT JOIN secret_binding b ON b.tenant = s.tenant AND b.secret = s.name \
                   WHERE s.tenant = ? ORDER BY s.name, b.definition";
        let mut secrets: Vec<SecretRecord> = Vec::new();
        for row in self.database.query(sql, vec![self.tenant.into()]).await? {
            let (name, definition) = (get::<String>(&row, 0)?, get::<Option<String>>(&row, 3)?);
            let definition = definition.map(|id| ConfigurationId::new(&id)).transpose()?;
            if let Some(last) = secrets.last_mut().filter(|last| last.name.as_str() == name) {
                last.definitions.extend(definition);
                continue;
            }
            secrets.push(SecretRecord {
                name: SecretName::new(&name)?,
                created_at: instant(number(&row, 1)?)?,
                updated_at: instant(number(&row, 2)?)?,
                definitions: definition.into_iter().collect(),
            });
        }
        Ok(secrets)
    }

    /// Keeps a secret, in the place of the one of its name. What that one was bound to is forgotten.
    ///
    /// # Errors
    /// [`StoreError::NoMasterKey`] when nothing can be sealed.
    pub async fn put_secret(&self, secret: &NewSecret<'_>) -> Result<Put, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        // It locks the tenant as well.
        self.touch_version(&tx, secret.now).await?;
        let key = self.data_key(&tx).await?;
        let name: Value = secret.name.as_str().into();
        let sql = "SELECT version FROM secret WHERE tenant = ? AND name = ?";
        let found = tx.query_one(sql, vec![self.tenant.into(), name.clone()]).await?;
        let version = found.as_ref().map(|row| number(row, 0)).transpose()?.unwrap_or(0) + 1;
        let place = self.place(secret.name.as_str(), version);
        let place: Vec<_> = place.iter().map(String::as_str).collect();
        let sealed = key.seal(secret.value.expose_secret().as_bytes(), &place)?;
        let now: Value = secret.now.timestamp_millis().into();
        tx.execute(
            "INSERT INTO secret (tenant, name, version, sealed, created_at, updated_at) \
             VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, name) DO UPDATE \
             SET version = excluded.version, sealed = excluded.sealed, updated_at = excluded.updated_at",
            vec![self.tenant.into(), name.clone(), version.into(), sealed.into(), now.clone(), now],
        )
        .await?;
        let sql = "DELETE FROM secret_binding WHERE tenant = ? AND secret = ?";
        tx.execute(sql, vec![self.tenant.into(), name]).await?;
        for binding in secret.bindings {
            self.bind(&tx, secret.name, binding, BindingRule::Always).await?;
        }
        let (act, put) = match found {
            Some(_) => (Act::Replace, Put::Replaced),
            None => (Act::Create, Put::Created),
        };
        let entry =
            NewAuditEntry::new(act, Subject::new(SubjectKind::Secret, secret.name.as_str())).at(secret.now);
        self.append(&tx, entry).await?;
        tx.commit().await?;
        Ok(put)
    }

    /// Binds secrets that there are to further definitions; answers what the audit log says of each.
    pub(crate) async fn bind_secrets(
        &self,
        tx: &Transaction,
        bindings: &[(SecretName, Binding)],
        rule: BindingRule,
    ) -> Result<Vec<NewAuditEntry>, StoreError> {
        let mut bound = Vec::new();
        for (name, binding) in bindings {
            if self.bind(tx, name, binding, rule).await? {
                let subject = Subject::new(SubjectKind::Secret, name.as_str());
                bound.push(NewAuditEntry::new(Act::Replace, subject).with("boundTo", &binding.definition));
            }
        }
        Ok(bound)
    }

    /// Binds a secret. `false` when there is none, the rule forbids it, or it is bound so already.
    async fn bind(
        &self,
        tx: &Transaction,
        name: &SecretName,
        binding: &Binding,
        rule: BindingRule,
    ) -> Result<bool, StoreError> {
        let unbound = match rule {
            BindingRule::Always => "",
            BindingRule::IfUnbound => {
                " AND NOT EXISTS (SELECT 1 FROM secret_binding b WHERE b.tenant = s.tenant AND b.secret = s.name)"
            }
        };
        let sql = format!(
            "INSERT INTO secret_binding (tenant, secret, definition, address) \
             SELECT s.tenant, s.name, ?, ? FROM secret s WHERE s.tenant = ? AND s.name = ?{unbound} \
             ON CONFLICT (tenant, secret, definition) DO UPDATE SET address = excluded.address \
             WHERE secret_binding.address <> excluded.address"
        );
        let values = vec![
            binding.definition.as_str().into(),
            binding.address.to_vec().into(),
            self.tenant.into(),
            name.as_str().into(),
        ];
        Ok(tx.execute(&sql, values).await? > 0)
    }

    /// Deletes a secret. Answers whether there was one.
    ///
    /// # Errors
    /// [`StoreError::ConfigurationMoved`] when the configuration is no longer the one in which nothing refers to it.
    pub async fn delete_secret(
        &self,
        checked: ConfigurationVersion,
        name: &SecretName,
    ) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        self.move_version(&tx, checked).await?;
        let values: Vec<Value> = vec![self.tenant.into(), name.as_str().into()];
        tx.execute("DELETE FROM secret_binding WHERE tenant = ? AND secret = ?", values.clone()).await?;
        let deleted = tx.execute("DELETE FROM secret WHERE tenant = ? AND name = ?", values).await?;
        if deleted == 0 {
            return Ok(false);
        }
        let subject = Subject::new(SubjectKind::Secret, name.as_str());
        self.append(&tx, NewAuditEntry::new(Act::Delete, subject)).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Opens the secrets of these names for a connector definition. Names of none are left out.
    ///
    /// # Errors
    /// [`StoreError::NoMasterKey`] when nothing can be opened, [`StoreError::Unsealable`] when a row was exchanged
    /// or changed.
    pub async fn open_secrets(
        &self,
        names: &[SecretName],
        definition: &ConfigurationId,
    ) -> Result<BTreeMap<SecretName, OpenSecret>, StoreError> {
        let marks = vec!["?"; names.len()].join(", ");
        let sql = format!(
            "SELECT s.name, s.version, s.sealed, b.address, k.wrapped FROM secret s \
             JOIN data_key k ON k.tenant = s.tenant \
             LEFT JOIN secret_binding b \
                 ON b.tenant = s.tenant AND b.secret = s.name AND b.definition = ? \
             WHERE s.tenant = ? AND s.name IN ({marks})"
        );
        let mut values: Vec<Value> = vec![definition.as_str().into(), self.tenant.into()];
        values.extend(names.iter().map(|name| name.as_str().into()));
        let mut opened = BTreeMap::new();
        for row in self.database.query(&sql, values).await? {
            let name: String = get(&row, 0)?;
            let key = self.unwrap_key(&get::<Vec<u8>>(&row, 4)?)?;
            let place = self.place(&name, number(&row, 1)?);
            let place: Vec<_> = place.iter().map(String::as_str).collect();
            let octets = key.open(&get::<Vec<u8>>(&row, 2)?, &place)?;
            let text = str::from_utf8(&octets).map_err(|_| StoreError::unreadable("secret", "no text"))?;
            let address = get::<Option<Vec<u8>>>(&row, 3)?;
            let address = address.map(|octets| octets.try_into()).transpose();
            let address = address.map_err(|_| StoreError::unreadable("address", "it has another length"))?;
            let secret = OpenSecret { value: SecretString::from(text), address };
            opened.insert(SecretName::new(&name)?, secret);
        }
        Ok(opened)
    }

    /// The key that the tenant's secrets are sealed with, made with the first of them.
    async fn data_key(&self, tx: &Transaction) -> Result<Key, StoreError> {
        let sql = "SELECT wrapped FROM data_key WHERE tenant = ?";
        if let Some(row) = tx.query_one(sql, vec![self.tenant.into()]).await? {
            return self.unwrap_key(&get::<Vec<u8>>(&row, 0)?);
        }
        let key = Key::generate();
        seal::admit(tx, self.wrapping_key()?).await?;
        let wrapped = self.wrapping_key()?.key().wrap(&key, &self.key_place())?;
        let sql = "INSERT INTO data_key (tenant, wrapped) VALUES (?, ?)";
        tx.execute(sql, vec![self.tenant.into(), wrapped.into()]).await?;
        Ok(key)
    }

    fn unwrap_key(&self, wrapped: &[u8]) -> Result<Key, StoreError> {
        self.wrapping_key()?.key().open_key(wrapped, &self.key_place())
    }

    fn wrapping_key(&self) -> Result<&MasterKey, StoreError> {
        self.master_key.as_deref().ok_or(StoreError::NoMasterKey)
    }

    fn key_place(&self) -> [&str; 2] {
        ["data key of tenant", self.slug().as_str()]
    }

    fn place(&self, name: &str, version: i64) -> [String; 4] {
        ["secret".to_owned(), name.to_owned(), format!("of tenant {}", self.slug()), version.to_string()]
    }
}
