//! The audit log: every act of a tenant, appended in the transaction that carries it out.
//!
//! Invariant: there is no act without its audit entry, and no audit entry without its act. Who acts is said by the
//! door: whatever is written through it is noted on their behalf.

mod list;
mod verify;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound as _, Utc};
use muster_model::RunId;
use muster_model::audit::{Act, Actor, AuditEntry, Subject};
use muster_model::run::OutcomeStatus;
use muster_model::text::hex;
use muster_plan::audit::{ChainHash, Head};
use sea_orm::Value;

use crate::Store;
use crate::database::{Transaction, Urgency};
use crate::error::StoreError;
use crate::row::{get, number};
use crate::rows::{Bulk, Kind};
use crate::run::Hash;
use crate::tenant::TenantStore;

pub use list::{AuditFilter, ChainedEntry};
pub use verify::AuditVerification;

/// On whose behalf a door is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    /// Who.
    pub actor: Actor,
    /// From where: an address, or a process and its machine.
    pub origin: String,
    /// When it was asked for; without it the clock of the machine says when an act is noted that knows no instant
    /// of its own.
    pub at: Option<DateTime<Utc>>,
}

impl Acting {
    /// Muster itself, in this process.
    #[must_use]
    pub fn system(origin: impl Into<String>) -> Self {
        Self { actor: Actor::system(), origin: origin.into(), at: None }
    }
}

impl Default for Acting {
    fn default() -> Self {
        Self::system(format!("process {}", std::process::id()))
    }
}

/// An act that is to be noted: what its audit entry says besides who acts, from where, and its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAuditEntry {
    act: Act,
    subject: Subject,
    at: Option<DateTime<Utc>>,
    run: Option<RunId>,
    outcome: Option<OutcomeStatus>,
    details: BTreeMap<String, String>,
}

impl NewAuditEntry {
    /// An act on a subject.
    #[must_use]
    pub fn new(act: Act, subject: Subject) -> Self {
        Self { act, subject, at: None, run: None, outcome: None, details: BTreeMap::new() }
    }

    /// Says when, where the act knows better than its door.
    #[must_use]
    pub fn at(self, instant: DateTime<Utc>) -> Self {
        Self { at: Some(instant), ..self }
    }

    /// Says which run it is about.
    #[must_use]
    pub fn of_run(self, run: RunId) -> Self {
        Self { run: Some(run), ..self }
    }

    /// Says how the run ended.
    #[must_use]
    pub fn ended(self, outcome: Option<OutcomeStatus>) -> Self {
        Self { outcome, ..self }
    }

    /// Says something more. Never a secret, never an attribute of a person.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.details.insert(name.to_owned(), value.to_string());
        self
    }

    /// Names a plan or document by its hash.
    #[must_use]
    pub fn with_hash(self, name: &str, hash: Hash) -> Self {
        self.with(name, hex(&hash))
    }
}

impl Store {
    /// The same store, whose doors are used on somebody's behalf.
    #[must_use]
    pub fn acting(&self, acting: Acting) -> Self {
        Self { acting: Arc::new(acting), ..self.clone() }
    }
}

impl TenantStore {
    /// The same door, used on somebody's behalf: every act through it is theirs in the audit log.
    #[must_use]
    pub fn acting(&self, acting: Acting) -> Self {
        let mut door = self.clone();
        door.acting = Arc::new(acting);
        door
    }

    /// On whose behalf the door is used.
    #[must_use]
    pub fn on_behalf_of(&self) -> &Acting {
        &self.acting
    }

    /// When an act through this door is done that knows no instant of its own, to the millisecond.
    #[must_use]
    pub fn instant(&self) -> DateTime<Utc> {
        self.acting.at.unwrap_or_else(Utc::now).trunc_subsecs(3)
    }

    /// Does something outside of the database and notes what it says of itself. What fails is not noted, and what
    /// cannot be noted is not begun. With SQLite nobody else can write meanwhile, so it has to be short.
    ///
    /// Only a process or a database that ends between the two leaves the act without its entry.
    ///
    /// # Errors
    /// When the act fails, or the database does.
    pub async fn noting<T, E: From<StoreError>>(
        &self,
        act: impl Future<Output = Result<(T, NewAuditEntry), E>>,
    ) -> Result<T, E> {
        let tx = self.database.begin(Urgency::Short).await?;
        let (done, entry) = act.await?;
        self.append(&tx, entry).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Appends to the audit log, as a part of the transaction of the act. Called as late as
    /// can be, since from here on all other acts of the tenant wait for the end of the transaction.
    pub(crate) async fn append(&self, tx: &Transaction, entry: NewAuditEntry) -> Result<(), StoreError> {
        self.append_all(tx, vec![entry]).await
    }

    /// The same for acts that are one transaction, in few statements however many they are.
    pub(crate) async fn append_all(
        &self,
        tx: &Transaction,
        entries: Vec<NewAuditEntry>,
    ) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut head = self.lock_head(tx).await?;
        let mut rows = Vec::with_capacity(entries.len());
        for entry in entries {
            let entry = self.signed(entry, head.seq + 1);
            head = head.followed_by(&entry);
            rows.push(self.values_of(entry, head.hash));
        }
        match AUDIT.insert(tx, rows).await {
            // A launch that loses its number to another is tried again; this is not that.
            Err(error) if error.is_unique_violation() => {
                Err(StoreError::unreadable("head of the audit log", "entries stand behind it"))
            }
            other => other.map(|_| ()),
        }
    }

    /// The entry as it stands in the log: with its number, and who acts.
    fn signed(&self, entry: NewAuditEntry, seq: u64) -> AuditEntry {
        let NewAuditEntry { act, subject, at, run, outcome, details } = entry;
        AuditEntry {
            seq,
            at: at.map_or_else(|| self.instant(), |at| at.trunc_subsecs(3)),
            actor: self.acting.actor.clone(),
            origin: self.acting.origin.clone(),
            act,
            subject,
            run,
            outcome,
            details,
        }
    }

    /// Where the log ends. Nobody else appends to it until the transaction has ended.
    async fn lock_head(&self, tx: &Transaction) -> Result<Head, StoreError> {
        let beginning = Head::beginning(self.slug());
        let row = tx
            .query_one(
                "INSERT INTO audit_head (tenant, seq, hash) VALUES (?, 0, ?) \
                 ON CONFLICT (tenant) DO UPDATE SET seq = audit_head.seq RETURNING seq, hash",
                vec![self.tenant.into(), beginning.hash.0.to_vec().into()],
            )
            .await?;
        let row = row.ok_or_else(|| StoreError::unreadable("head of the audit log", "it is missing"))?;
        Ok(Head { seq: seq(number(&row, 0)?)?, hash: chain_hash(get(&row, 1)?)? })
    }

    fn values_of(&self, entry: AuditEntry, hash: ChainHash) -> Vec<Value> {
        vec![
            self.tenant.into(),
            entry.seq.cast_signed().into(),
            entry.at.timestamp_millis().into(),
            entry.actor.kind.as_str().into(),
            entry.actor.name.into(),
            entry.origin.into(),
            entry.act.as_str().into(),
            entry.subject.kind.as_str().into(),
            entry.subject.id.into(),
            entry.run.map(|run| run.0).into(),
            entry.outcome.map(OutcomeStatus::as_str).into(),
            // A map of texts is always JSON.
            serde_json::to_string(&entry.details).unwrap_or_default().into(),
            hash.0.to_vec().into(),
        ]
    }
}

const AUDIT: Bulk = Bulk {
    table: "audit",
    columns: &[
        ("tenant", Kind::Integer),
        ("seq", Kind::Integer),
        ("at", Kind::Integer),
        ("actor_kind", Kind::Text),
        ("actor", Kind::Text),
        ("origin", Kind::Text),
        ("act", Kind::Text),
        ("subject_kind", Kind::Text),
        ("subject", Kind::Text),
        ("run", Kind::Uuid),
        ("outcome", Kind::Text),
        ("details", Kind::Text),
        ("hash", Kind::Octets),
    ],
    suffix: "",
};

fn seq(stored: i64) -> Result<u64, StoreError> {
    u64::try_from(stored).map_err(|_| StoreError::unreadable("number of an audit entry", stored))
}

fn chain_hash(octets: Vec<u8>) -> Result<ChainHash, StoreError> {
    let length = octets.len();
    octets.try_into().map(ChainHash).map_err(|_| StoreError::unreadable("hash", format!("{length} octets")))
}
