//! Users and tokens of a tenant: names, roles and hashes; what they mean is the caller's.

use chrono::{DateTime, Utc};
use muster_model::audit::{Act, Subject, SubjectKind};
use sea_orm::QueryResult;

use crate::audit::NewAuditEntry;
use crate::database::Urgency;
use crate::error::StoreError;
use crate::row::{get, instant, number};
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
    /// The instant.
    pub now: DateTime<Utc>,
}

const COLUMNS: &str = "name, roles, password_hash, created_at";

fn principal(row: &QueryResult) -> Result<Principal, StoreError> {
    Ok(Principal {
        name: get(row, 0)?,
        roles: get(row, 1)?,
        password_hash: get(row, 2)?,
        created_at: instant(number(row, 3)?)?,
    })
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

    /// Deletes a user. Answers whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_principal(&self, name: &str) -> Result<bool, StoreError> {
        let subject = Subject::new(SubjectKind::User, name);
        self.delete_named("DELETE FROM principal WHERE tenant = ? AND name = ?", subject).await
    }

    /// Keeps a token.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when there is one of that name.
    pub async fn create_token(&self, token: &NewToken) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let made = tx
            .execute(
                "INSERT INTO token (tenant, name, roles, hash, created_at) VALUES (?, ?, ?, ?, ?) \
                 ON CONFLICT DO NOTHING",
                vec![
                    self.tenant.into(),
                    token.name.clone().into(),
                    token.roles.clone().into(),
                    token.hash.clone().into(),
                    token.now.timestamp_millis().into(),
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
        let sql = "SELECT name, roles, created_at FROM token WHERE tenant = ? ORDER BY name";
        let rows = self.database.query(sql, vec![self.tenant.into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(Token { name: get(row, 0)?, roles: get(row, 1)?, created_at: instant(number(row, 2)?)? })
            })
            .collect()
    }

    /// The token whose text has this hash.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn token_by_hash(&self, hash: &[u8]) -> Result<Option<Token>, StoreError> {
        let sql = "SELECT name, roles, created_at FROM token WHERE tenant = ? AND hash = ?";
        let row = self.database.query_one(sql, vec![self.tenant.into(), hash.to_vec().into()]).await?;
        row.map(|row| {
            Ok(Token { name: get(&row, 0)?, roles: get(&row, 1)?, created_at: instant(number(&row, 2)?)? })
        })
        .transpose()
    }

    /// Deletes a token; it is refused from then on. Answers whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_token(&self, name: &str) -> Result<bool, StoreError> {
        let subject = Subject::new(SubjectKind::Token, name);
        self.delete_named("DELETE FROM token WHERE tenant = ? AND name = ?", subject).await
    }

    async fn delete_named(&self, sql: &str, subject: Subject) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let deleted = tx.execute(sql, vec![self.tenant.into(), subject.id.as_str().into()]).await?;
        if deleted == 0 {
            return Ok(false);
        }
        self.append(&tx, NewAuditEntry::new(Act::Delete, subject)).await?;
        tx.commit().await?;
        Ok(true)
    }
}
