//! Users and tokens of a tenant: names, roles and hashes; what they mean is the caller's.

use chrono::{DateTime, Utc};
use muster_model::audit::{Act, Subject, SubjectKind};
use sea_orm::QueryResult;

use crate::audit::NewAuditEntry;
use crate::database::{Transaction, Urgency};
use crate::error::StoreError;
use crate::row::{get, instant, number, optional_number};
use crate::tenant::TenantStore;

/// A local user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The user's name.
    pub name: String,
    /// Role words, separated by commas.
    pub roles: String,
    /// The hash of the password, in the form of its scheme.
    pub password_hash: String,
    /// When the user was made.
    pub created_at: DateTime<Utc>,
}

/// A token as it is kept: its text is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What the token is called.
    pub name: String,
    /// Role words, separated by commas.
    pub roles: String,
    /// When the token was made.
    pub created_at: DateTime<Utc>,
    /// From when on it is refused; `None` for never.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, as far as that was noted.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A token to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// What the token is called.
    pub name: String,
    /// Role words, separated by commas.
    pub roles: String,
    /// The hash of its text.
    pub hash: Vec<u8>,
    /// From when on it is refused; `None` for never.
    pub expires_at: Option<DateTime<Utc>>,
    /// The instant.
    pub now: DateTime<Utc>,
}

const COLUMNS: &str = "name, roles, password_hash, created_at";
const TOKEN_COLUMNS: &str = "name, roles, created_at, expires_at, last_used_at";

fn principal(row: &QueryResult) -> Result<Principal, StoreError> {
    Ok(Principal {
        name: get(row, 0)?,
        roles: get(row, 1)?,
        password_hash: get(row, 2)?,
        created_at: instant(number(row, 3)?)?,
    })
}

fn token(row: &QueryResult) -> Result<Token, StoreError> {
    Ok(Token {
        name: get(row, 0)?,
        roles: get(row, 1)?,
        created_at: instant(number(row, 2)?)?,
        expires_at: optional_number(row, 3)?.map(instant).transpose()?,
        last_used_at: optional_number(row, 4)?.map(instant).transpose()?,
    })
}

/// Whether role words hold one.
fn holds(roles: &str, role: &str) -> bool {
    roles.split(',').any(|word| word == role)
}

impl TenantStore {
    /// Makes a user.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when there is one of that name.
    pub async fn create_principal(&self, principal: &Principal) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let made = tx
            .execute(
                "INSERT INTO principal (tenant, name, roles, password_hash, created_at) \
                 VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                vec![
                    self.tenant.into(),
                    principal.name.clone().into(),
                    principal.roles.clone().into(),
                    principal.password_hash.clone().into(),
                    principal.created_at.timestamp_millis().into(),
                ],
            )
            .await?;
        if made == 0 {
            return Err(StoreError::Exists(format!("user `{}`", principal.name)));
        }
        let subject = Subject::new(SubjectKind::User, &*principal.name);
        let entry = NewAuditEntry::new(Act::Create, subject).at(principal.created_at);
        self.append(&tx, entry.with("roles", &principal.roles)).await?;
        tx.commit().await
    }

    /// All users by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn principals(&self) -> Result<Vec<Principal>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM principal WHERE tenant = ? ORDER BY name");
        let rows = self.database.query(&sql, vec![self.tenant.into()]).await?;
        rows.iter().map(principal).collect()
    }

    /// The user of this name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn principal(&self, name: &str) -> Result<Option<Principal>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM principal WHERE tenant = ? AND name = ?");
        let row = self.database.query_one(&sql, vec![self.tenant.into(), name.into()]).await?;
        row.as_ref().map(principal).transpose()
    }

    /// Gives a user another password. Answers whether there is one of that name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_password_hash(&self, name: &str, hash: &str) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let sql = "UPDATE principal SET password_hash = ? WHERE tenant = ? AND name = ?";
        let changed = tx.execute(sql, vec![hash.into(), self.tenant.into(), name.into()]).await?;
        if changed == 0 {
            return Ok(false);
        }
        let entry = NewAuditEntry::new(Act::Replace, Subject::new(SubjectKind::User, name));
        self.append(&tx, entry.with("replaced", "password")).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Gives a user other roles, and another password where a hash of one is given. Answers the user as it is now,
    /// if there is one of that name.
    ///
    /// # Errors
    /// [`StoreError::Last`] when nobody would have the needed role any more.
    pub async fn change_principal(
        &self,
        name: &str,
        roles: &str,
        hash: Option<&str>,
        needed: &str,
    ) -> Result<Option<Principal>, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        self.lock(&tx).await?;
        let Some(mut user) = self.principal_within(&tx, name).await? else { return Ok(None) };
        if !holds(roles, needed) {
            self.refuse_last(&tx, &user, needed).await?;
        }
        user.roles = roles.to_owned();
        if let Some(hash) = hash {
            user.password_hash = hash.to_owned();
        }
        let sql = "UPDATE principal SET roles = ?, password_hash = ? WHERE tenant = ? AND name = ?";
        let values = vec![roles.into(), user.password_hash.clone().into(), self.tenant.into(), name.into()];
        tx.execute(sql, values).await?;
        let entry =
            NewAuditEntry::new(Act::Replace, Subject::new(SubjectKind::User, name)).with("roles", roles);
        let entry = if hash.is_some() { entry.with("replaced", "password") } else { entry };
        self.append(&tx, entry).await?;
        tx.commit().await?;
        Ok(Some(user))
    }

    /// Deletes a user. Answers whether there was one.
    ///
    /// # Errors
    /// [`StoreError::Last`] when nobody would have the needed role any more.
    pub async fn delete_principal(&self, name: &str, needed: &str) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        self.lock(&tx).await?;
        let Some(user) = self.principal_within(&tx, name).await? else { return Ok(false) };
        self.refuse_last(&tx, &user, needed).await?;
        let sql = "DELETE FROM principal WHERE tenant = ? AND name = ?";
        tx.execute(sql, vec![self.tenant.into(), name.into()]).await?;
        self.append(&tx, NewAuditEntry::new(Act::Delete, Subject::new(SubjectKind::User, name))).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn principal_within(&self, tx: &Transaction, name: &str) -> Result<Option<Principal>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM principal WHERE tenant = ? AND name = ?");
        let row = tx.query_one(&sql, vec![self.tenant.into(), name.into()]).await?;
        row.as_ref().map(principal).transpose()
    }

    /// Refuses to go on without a user who has the role, if it is the only one.
    async fn refuse_last(&self, tx: &Transaction, user: &Principal, role: &str) -> Result<(), StoreError> {
        if !holds(&user.roles, role) {
            return Ok(());
        }
        let sql = "SELECT count(*) FROM principal WHERE tenant = ? AND name <> ? \
                   AND ',' || roles || ',' LIKE '%,' || ? || ',%'";
        let values = vec![self.tenant.into(), user.name.as_str().into(), role.into()];
        let row = tx.query_one(sql, values).await?;
        match row.map(|row| number(&row, 0)).transpose()?.unwrap_or(0) {
            0 => Err(StoreError::Last(format!("user `{}`", user.name))),
            _ => Ok(()),
        }
    }

    /// Keeps a token.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when there is one of that name.
    pub async fn create_token(&self, token: &NewToken) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let made = tx
            .execute(
                "INSERT INTO token (tenant, name, roles, hash, created_at, expires_at) \
                 VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                vec![
                    self.tenant.into(),
                    token.name.clone().into(),
                    token.roles.clone().into(),
                    token.hash.clone().into(),
                    token.now.timestamp_millis().into(),
                    token.expires_at.map(|instant| instant.timestamp_millis()).into(),
                ],
            )
            .await?;
        if made == 0 {
            return Err(StoreError::Exists(format!("token `{}`", token.name)));
        }
        let subject = Subject::new(SubjectKind::Token, &*token.name);
        let entry = NewAuditEntry::new(Act::Create, subject).at(token.now);
        self.append(&tx, entry.with("roles", &token.roles)).await?;
        tx.commit().await
    }

    /// All tokens by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let sql = format!("SELECT {TOKEN_COLUMNS} FROM token WHERE tenant = ? ORDER BY name");
        let rows = self.database.query(&sql, vec![self.tenant.into()]).await?;
        rows.iter().map(token).collect()
    }

    /// The token whose text has this hash, expired or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn token_by_hash(&self, hash: &[u8]) -> Result<Option<Token>, StoreError> {
        let sql = format!("SELECT {TOKEN_COLUMNS} FROM token WHERE tenant = ? AND hash = ?");
        let row = self.database.query_one(&sql, vec![self.tenant.into(), hash.to_vec().into()]).await?;
        row.as_ref().map(token).transpose()
    }

    /// Notes that a token was used, unless that was noted after `since`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_token_use(
        &self,
        name: &str,
        now: DateTime<Utc>,
        since: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let sql = "UPDATE token SET last_used_at = ? WHERE tenant = ? AND name = ? \
                   AND (last_used_at IS NULL OR last_used_at <= ?)";
        let values = vec![
            now.timestamp_millis().into(),
            self.tenant.into(),
            name.into(),
            since.timestamp_millis().into(),
        ];
        tx.execute(sql, values).await?;
        tx.commit().await
    }

    /// Deletes a token; it is refused from then on. Answers whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_token(&self, name: &str) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let sql = "DELETE FROM token WHERE tenant = ? AND name = ?";
        let deleted = tx.execute(sql, vec![self.tenant.into(), name.into()]).await?;
        if deleted == 0 {
            return Ok(false);
        }
        self.append(&tx, NewAuditEntry::new(Act::Delete, Subject::new(SubjectKind::Token, name))).await?;
        tx.commit().await?;
        Ok(true)
    }
}
