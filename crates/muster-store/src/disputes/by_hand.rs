//! Accounts that somebody takes from their owners, or gives to others, by hand.
//!
//! Invariant: the shadow gets a new version, so that what runs have staged on the one before is stale; and none is
//! written while a run has a plan for accounts of the application.

use chrono::{DateTime, Utc};
use muster_model::audit::{Act, Subject, SubjectKind};
use muster_model::configuration::application::Situation;
use muster_model::dispute::DisputeDecision;
use muster_model::text::hex;
use muster_model::{Attributes, ObjectId, RunId};
use muster_plan::dispute::Dispute;
use muster_plan::key::KeyHash;
use sea_orm::Value;
use uuid::Uuid;

use super::DisputesOf;
use crate::audit::NewAuditEntry;
use crate::codec;
use crate::database::{Transaction, Urgency};
use crate::error::StoreError;
use crate::row::{get, number, unsigned};
use crate::tenant::TenantStore;

/// An account that somebody writes the owner of.
#[derive(Debug, Clone, Copy)]
pub struct HandLink<'a> {
    /// Where it is.
    pub of: DisputesOf<'a>,
    /// The hash of its key.
    pub key: KeyHash,
    /// The version that was looked at, if somebody says so.
    pub version: Option<u32>,
    /// The instant.
    pub now: DateTime<Utc>,
}

/// What the next run does with an account that has no owner any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenUnlinked {
    /// It leaves it alone.
    Ignored,
    /// It decides about it like about any other.
    Decided,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandLinked {
    /// It is done.
    Done,
    /// No such account is remembered.
    NoAccount,
    /// It belongs to nobody.
    NotLinked,
    /// It belongs to that object already.
    Linked,
    /// It is gone.
    Gone,
    /// It has another version by now.
    Moved(u32),
    /// A run has a plan for accounts of the application.
    Planned(RunId),
    /// The object has this account, or is to have it.
    Taken(String),
}

/// A shadow, as far as it matters.
struct Found {
    no: i64,
    uid: String,
    owner: Option<Uuid>,
    version: i64,
}

impl TenantStore {
    /// Takes an account from its owner.
    ///
    /// # Errors
    /// When the database fails; nothing is written then, nor with any answer but [`HandLinked::Done`].
    pub async fn unlink_by_hand(
        &self,
        link: &HandLink<'_>,
        afterwards: WhenUnlinked,
    ) -> Result<HandLinked, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let found = match self.find_linked(&tx, link).await? {
            Ok(found) => found,
            Err(refused) => return Ok(refused),
        };
        let Some(owner) = found.owner else { return Ok(HandLinked::NotLinked) };
        self.write_owner(&tx, link, &found, None).await?;
        self.forget_dispute(&tx, link.key).await?;
        if afterwards == WhenUnlinked::Ignored {
            self.ignore_by_hand(&tx, link, &found).await?;
        }
        let entry = entry(Act::Unlink, link).with("object", owner);
        self.append(&tx, entry).await?;
        tx.commit().await?;
        Ok(HandLinked::Done)
    }

    /// Gives an account to another owner.
    ///
    /// # Errors
    /// When the database fails; nothing is written then, nor with any answer but [`HandLinked::Done`].
    pub async fn relink_by_hand(
        &self,
        link: &HandLink<'_>,
        object: ObjectId,
    ) -> Result<HandLinked, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        let found = match self.find_linked(&tx, link).await? {
            Ok(found) => found,
            Err(refused) => return Ok(refused),
        };
        if found.owner == Some(object.0) {
            return Ok(HandLinked::Linked);
        }
        if let Some(uid) = self.other_account(&tx, link, object).await? {
            return Ok(HandLinked::Taken(uid));
        }
        self.write_owner(&tx, link, &found, Some(object.0)).await?;
        self.forget_dispute(&tx, link.key).await?;
        let mut entry = entry(Act::Link, link).with("object", object);
        if let Some(before) = found.owner {
            entry = entry.with("before", before);
        }
        self.append(&tx, entry).await?;
        tx.commit().await?;
        Ok(HandLinked::Done)
    }

    /// The live shadow that is written, unless something stands against that.
    async fn find_linked(
        &self,
        tx: &Transaction,
        link: &HandLink<'_>,
    ) -> Result<Result<Found, HandLinked>, StoreError> {
        self.lock(tx).await?;
        let application = link.of.application.as_str();
        let sql = "SELECT s.no, s.uid, s.owner, s.version, s.state FROM shadow s WHERE s.tenant = ? \
            AND s.application = ? AND s.uid_key = ?";
        let values = vec![self.tenant.into(), application.into(), link.key.0.to_vec().into()];
        let Some(row) = tx.query_one(sql, values).await? else { return Ok(Err(HandLinked::NoAccount)) };
        let found = Found {
            no: number(&row, 0)?,
            uid: get(&row, 1)?,
            owner: get(&row, 2)?,
            version: number(&row, 3)?,
        };
        if number(&row, 4)? != 0 {
            return Ok(Err(HandLinked::Gone));
        }
        if link.version.is_some_and(|version| i64::from(version) != found.version) {
            return Ok(Err(HandLinked::Moved(unsigned(found.version, "version")?)));
        }
        // One that has not begun looks at what is there then.
        let sql = "SELECT r.seq, r.id FROM run r WHERE r.status < 4 AND r.status > 0 AND r.tenant + 0 = ? AND r.mode = 0";
        for row in tx.query(sql, vec![self.tenant.into()]).await? {
            let sql = "SELECT 1 FROM bucket b WHERE b.tenant = ? AND b.run = ? AND b.application = ? LIMIT 1";
            let values = vec![self.tenant.into(), number(&row, 0)?.into(), application.into()];
            if tx.query_one(sql, values).await?.is_some() {
                return Ok(Err(HandLinked::Planned(RunId(get(&row, 1)?))));
            }
        }
        Ok(Ok(found))
    }

    /// The other account of the class that an object has, or is to have.
    async fn other_account(
        &self,
        tx: &Transaction,
        link: &HandLink<'_>,
        object: ObjectId,
    ) -> Result<Option<String>, StoreError> {
        let key = || Value::from(link.key.0.to_vec());
        let (application, class) = (link.of.application.as_str(), link.of.class.as_str());
        let sql = "SELECT s.uid FROM shadow s WHERE s.tenant = ? AND s.owner = ? AND (s.application || '') = ? \
            AND s.class = ? AND s.state = 0 AND s.uid_key <> ? UNION ALL \
            SELECT d.uid FROM dispute d WHERE d.tenant = ? AND d.decided_object = ? AND (d.application || '') = ? \
            AND d.class = ? AND d.uid_key <> ? LIMIT 1";
        let one = || vec![self.tenant.into(), object.0.into(), application.into(), class.into(), key()];
        let row = tx.query_one(sql, [one(), one()].concat()).await?;
        row.map(|row| get(&row, 0)).transpose()
    }

    /// Writes the owner, and takes back what was promised about the account and about those of both owners. Nothing is
    /// known any more of what rules read of it: they read it anew.
    async fn write_owner(
        &self,
        tx: &Transaction,
        link: &HandLink<'_>,
        found: &Found,
        owner: Option<Uuid>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE shadow SET owner = ?, version = version + 1, digest = NULL, account_digest = NULL, \
            due_at = NULL, snapshot = '{}' WHERE tenant = ? AND application = ? AND no = ?";
        let values =
            vec![owner.into(), self.tenant.into(), link.of.application.as_str().into(), found.no.into()];
        tx.execute(sql, values).await?;
        for owner in [found.owner, owner].into_iter().flatten() {
            let sql = "UPDATE shadow SET digest = NULL, account_digest = NULL WHERE tenant = ? AND owner = ?";
            tx.execute(sql, vec![self.tenant.into(), owner.into()]).await?;
        }
        Ok(())
    }

    async fn forget_dispute(&self, tx: &Transaction, key: KeyHash) -> Result<(), StoreError> {
        let sql = "DELETE FROM dispute WHERE tenant = ? AND uid_key = ?";
        tx.execute(sql, vec![self.tenant.into(), key.0.to_vec().into()]).await.map(|_| ())
    }

    /// Remembers that runs leave the account alone: by correlation they would give it back to its owner.
    async fn ignore_by_hand(
        &self,
        tx: &Transaction,
        link: &HandLink<'_>,
        found: &Found,
    ) -> Result<(), StoreError> {
        let dispute = Dispute {
            situation: Situation::Unmatched,
            candidates: found.owner.map(ObjectId).into_iter().collect(),
            rule: None,
            compared: Attributes::new(),
            message: format!("account `{}` was taken from its owner by hand", found.uid),
        };
        let no = self.dispute_numbers(tx, 1).await?;
        let (actor, at) = (&self.on_behalf_of().actor, link.now.timestamp_millis());
        let sql = "INSERT INTO dispute (tenant, uid_key, no, application, class, uid, situation, candidates, compared, \
            message, fingerprint, first_at, seen_at, decision, decided_kind, decided_by, decided_at) \
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let values = vec![
            self.tenant.into(),
            link.key.0.to_vec().into(),
            no.into(),
            link.of.application.as_str().into(),
            link.of.class.as_str().into(),
            found.uid.as_str().into(),
            (dispute.situation as i64).into(),
            super::page::encode_ids(&dispute.candidates).into(),
            codec::encode(&dispute.compared).into(),
            dispute.message.as_str().into(),
            dispute.fingerprint().0.to_vec().into(),
            at.into(),
            at.into(),
            (DisputeDecision::Ignore as i64).into(),
            (actor.kind as i64).into(),
            actor.name.as_str().into(),
            at.into(),
        ];
        tx.execute(sql, values).await.map(|_| ())
    }
}

fn entry(act: Act, link: &HandLink<'_>) -> NewAuditEntry {
    let subject = Subject::new(SubjectKind::Account, hex(&link.key.0));
    let entry = NewAuditEntry::new(act, subject).at(link.now);
    entry.with("application", link.of.application).with("class", link.of.class)
}
