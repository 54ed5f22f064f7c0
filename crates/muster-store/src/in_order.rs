//! Which provisioned accounts are as they should be, and which owners have none, told from a few columns: nothing of
//! accounts and owners in order is decoded. Never writes.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use muster_model::{ApplicationId, ObjectId};
use muster_plan::digest::Digest;
use muster_plan::key::KeyHash;
use sea_orm::Value;
use uuid::Uuid;

use crate::TenantStore;
use crate::database::Dialect;
use crate::error::StoreError;
use crate::row::get;

/// Whether what is promised of the account of shadow `s` holds: made under terms that are given, not taken back since by
/// whoever changed its owner, and not due at an instant that is given.
///
/// The transaction that stores terms looks whether the owner is as it was; whoever changes the owner takes the promise
/// back. On PostgreSQL two such transactions may pass each other, so there the owner is looked at once more. On SQLite
/// they cannot, and looking at every owner would be most of the work. Asked whether there is an owner of that version,
/// PostgreSQL would read all objects of the tenant first.
fn holds(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "s.terms = ? AND s.digest IS NOT NULL AND s.account_digest IS NOT NULL \
             AND (s.due_at IS NULL OR s.due_at > ?)"
        }
        Dialect::Postgres => {
            "s.terms = ? AND s.digest IS NOT NULL AND s.account_digest IS NOT NULL \
             AND (s.due_at IS NULL OR s.due_at > ?) AND s.owner_version = (SELECT o.version FROM object o \
             WHERE o.tenant = s.tenant AND o.id = s.owner)"
        }
    }
}

/// The terms of a change whose outcome is stored, if its owner still is the one that it was decided on.
pub(crate) fn terms_of(change: &str) -> String {
    format!(
        "CASE WHEN {change}.terms IS NULL THEN NULL ELSE (SELECT {change}.terms FROM object o \
         WHERE o.tenant = {change}.tenant AND o.id = {change}.object AND o.version = {change}.object_version) END"
    )
}

/// What promises are held against.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// What they have to be made under.
    pub terms: Digest,
    /// When they have to hold.
    pub at: DateTime<Utc>,
}

impl Terms {
    fn values(self) -> [Value; 2] {
        [self.terms.0.to_vec().into(), self.at.timestamp_millis().into()]
    }
}

/// Live shadows of a class, in the order of their numbers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RememberedAccounts {
    /// Those of which the promise holds.
    pub in_order: Vec<u32>,
    /// All others.
    pub others: Vec<u32>,
}

impl RememberedAccounts {
    /// The last of them.
    #[must_use]
    pub fn last(&self) -> Option<u32> {
        self.in_order.iter().chain(&self.others).max().copied()
    }
}

/// Objects in the order of their ids, by their accounts of one class.
#[derive(Debug, PartialEq, Eq)]
pub struct OwnerPage {
    /// The last of them.
    pub last: ObjectId,
    /// The numbers of the live shadows that belong to them, where a profile has granted the account.
    pub accounts: Vec<u32>,
    /// Those that have no such account.
    pub without: Vec<ObjectId>,
}

impl TenantStore {
    /// Of the accounts given, with the digests of what was read of them, those that are as promised: their place in
    /// the list and the number of their shadow.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn in_order(
        &self,
        application: &ApplicationId,
        accounts: &[(KeyHash, Digest)],
        terms: Terms,
    ) -> Result<Vec<(usize, u32)>, StoreError> {
        let told_by = ("s.account_digest", holds(self.dialect()));
        self.of_digest(application, accounts, told_by, &terms.values()).await
    }

    /// The live shadows of a class after one of them, at most so many, by whether what is promised of their accounts
    /// holds; without terms nothing does.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remembered_accounts(
        &self,
        (application, class): (&ApplicationId, &str),
        terms: Option<Terms>,
        (after, limit): (u32, u32),
    ) -> Result<RememberedAccounts, StoreError> {
        let (collected, no) = match self.dialect() {
            Dialect::Sqlite => ("group_concat", "n.no"),
            Dialect::Postgres => ("string_agg", "n.no::text"),
        };
        let holds = match terms {
            Some(_) => holds(self.dialect()),
            None => "FALSE",
        };
        let sql = format!(
            "SELECT {collected}(CASE WHEN n.holds THEN {no} END, ','), \
             {collected}(CASE WHEN n.holds THEN NULL ELSE {no} END, ',') \
             FROM (SELECT s.no, {holds} AS holds FROM shadow s WHERE s.tenant = ? AND s.application = ? \
             AND s.no > ? AND s.class = ? AND s.state = 0 ORDER BY s.no LIMIT ?) n"
        );
        let mut values: Vec<Value> = terms.map(Terms::values).into_iter().flatten().collect();
        values.extend([self.tenant.into(), application.as_str().into()]);
        values.extend([i64::from(after).into(), class.into(), i64::from(limit).into()]);
        let Some(row) = self.database.query_one(&sql, values).await? else {
            return Ok(RememberedAccounts::default());
        };
        Ok(RememberedAccounts { in_order: numbers(get(&row, 0)?)?, others: numbers(get(&row, 1)?)? })
    }

    /// Objects after one of them, at most so many, by their accounts of a class. `None` after the last.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn owner_page(
        &self,
        (application, class): (&ApplicationId, &str),
        after: Option<ObjectId>,
        limit: u32,
    ) -> Result<Option<OwnerPage>, StoreError> {
        let (collected, no, id) = match self.dialect() {
            Dialect::Sqlite => ("group_concat", "s.no", "hex(o.id)"),
            Dialect::Postgres => ("string_agg", "s.no::text", "o.id::text"),
        };
        // The limit is on objects: one whose accounts stood on two pages would seem to lack those of the other. An
        // account that no profile has granted is found in no index alone, and its owner counts as one without.
        let sql = format!(
            "SELECT max({id}), {collected}({no}, ','), {collected}(CASE WHEN s.no IS NULL THEN {id} END, ',') \
             FROM (SELECT id FROM object WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?) AS o \
             LEFT JOIN shadow s ON s.tenant = ? AND s.owner = o.id AND s.application = ? AND s.class = ? \
             AND s.state = 0 AND s.profile IS NOT NULL"
        );
        let values: Vec<Value> = vec![
            self.tenant.into(),
            after.map_or(Uuid::nil(), |id| id.0).into(),
            i64::from(limit).into(),
            self.tenant.into(),
            application.as_str().into(),
            class.into(),
        ];
        let Some(row) = self.database.query_one(&sql, values).await? else { return Ok(None) };
        let Some(last) = get::<Option<String>>(&row, 0)? else { return Ok(None) };
        let without: Vec<Uuid> = parsed(get(&row, 2)?, "id of an object")?;
        Ok(Some(OwnerPage {
            last: ObjectId(last.parse().map_err(|error| StoreError::unreadable("id of an object", error))?),
            accounts: numbers(get(&row, 1)?)?,
            without: without.into_iter().map(ObjectId).collect(),
        }))
    }
}

fn numbers(list: Option<String>) -> Result<Vec<u32>, StoreError> {
    parsed(list, "number of a shadow")
}

fn parsed<T: FromStr>(list: Option<String>, what: &'static str) -> Result<Vec<T>, StoreError> {
    let list = list.unwrap_or_default();
    let items = list.split(',').filter(|item| !item.is_empty());
    items.map(|item| item.parse().map_err(|_| StoreError::unreadable(what, item))).collect()
}
