//! Parked accounts: what targets have refused, a row each, so that runs do not ask for it in vain.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use muster_model::audit::{Act, Subject, SubjectKind};
use muster_model::configuration::ConfigurationKind;
use muster_model::failure::FailureClass;
use muster_model::run::Outcome;
use muster_model::text::hex;
use muster_model::{ApplicationId, ObjectClassId, RunId};
use muster_plan::digest::Digest;
use muster_plan::key::KeyHash;
use sea_orm::{QueryResult, Value};

use crate::TenantStore;
use crate::apply::Target;
use crate::audit::NewAuditEntry;
use crate::database::{Transaction, Urgency};
use crate::error::StoreError;
use crate::facts::{hex_list, octets};
use crate::failures::Failures;
use crate::row::{case, get, instant, message, number, optional_number, unsigned};
use crate::rows::{Bulk, Kind};
use crate::run::RunRecord;
use crate::stage::ProblemRow;

const PARKED: Bulk = Bulk {
    table: "parked",
    columns: &[
        ("tenant", Kind::Integer),
        ("uid_key", Kind::Octets),
        ("application", Kind::Text),
        ("class", Kind::Text),
        ("uid", Kind::Text),
        ("fingerprint", Kind::Octets),
        ("failure", Kind::Integer),
        ("attempts", Kind::Integer),
        ("cause", Kind::Text),
        ("message", Kind::Text),
        ("run", Kind::Uuid),
        ("first_at", Kind::Integer),
        ("last_at", Kind::Integer),
        ("retry_at", Kind::Integer),
    ],
    suffix: "ON CONFLICT (tenant, uid_key) DO UPDATE SET class = excluded.class, uid = excluded.uid, \
        fingerprint = excluded.fingerprint, failure = excluded.failure, attempts = excluded.attempts, \
        cause = excluded.cause, message = excluded.message, run = excluded.run, first_at = excluded.first_at, \
        last_at = excluded.last_at, retry_at = excluded.retry_at",
};

const COLUMNS: &str = "p.uid_key, p.application, p.class, p.uid, p.fingerprint, p.failure, p.attempts, p.cause, \
    p.message, p.run, p.first_at, p.last_at, p.retry_at";

/// An account that a target refuses to have as it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The hash of its key, its id.
    pub key: KeyHash,
    /// Its key in the application.
    pub uid: String,
    /// What tells what was asked from anything else.
    pub fingerprint: Digest,
    /// What is to be expected of asking again.
    pub failure: FailureClass,
    /// How often it was asked.
    pub attempts: u32,
    /// What all that are refused for the same reason have in common.
    pub cause: String,
    /// What the target said.
    pub message: String,
    /// The first time.
    pub first_at: DateTime<Utc>,
    /// The last time.
    pub last_at: DateTime<Utc>,
    /// When runs ask again; `None` when they wait until something else is to be asked.
    pub retry_at: Option<DateTime<Utc>>,
}

/// A parked account as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedRecord {
    /// What is known of it.
    pub parked: Parked,
    /// Its application.
    pub application: ApplicationId,
    /// Its class.
    pub class: ObjectClassId,
    /// The run that asked last.
    pub run: RunId,
}

/// Which parked accounts are listed, in the order of their ids.
#[derive(Debug, Clone, Copy)]
pub struct ParkedFilter<'a> {
    /// Those after this one.
    pub after: Option<KeyHash>,
    /// At most so many.
    pub limit: u32,
    /// Only those of this application.
    pub application: Option<&'a ApplicationId>,
}

/// What is noted of a batch beside what was carried out.
#[derive(Debug, Clone, Default)]
pub struct Noted {
    /// What did not go as planned.
    pub problems: Vec<ProblemRow>,
    /// Accounts that the target has refused.
    pub parked: Vec<Parked>,
    /// Accounts that are parked no longer.
    pub released: Vec<KeyHash>,
    /// The keys that the target has given to accounts that it made.
    pub given: Vec<GivenKey>,
    /// Changes that were to make an account anew whose name another account has: the one that their shadow remembers is
    /// gone, and must not stand in the way of that other.
    pub gone: Vec<u32>,
}

/// The key that a target has given to an account that was made under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenKey {
    /// The change that made it.
    pub change: u32,
    /// The key.
    pub uid: String,
    /// By which it is found here.
    pub key: KeyHash,
}

/// Which parked accounts are released.
#[derive(Debug, Clone, Copy)]
pub enum Release<'a> {
    /// Those of these keys.
    These(&'a [KeyHash]),
    /// All of an application.
    OfApplication(&'a ApplicationId),
    /// All of the tenant.
    All,
}

impl TenantStore {
    /// Whether any account of an application is parked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn any_parked(&self, application: &ApplicationId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM parked WHERE tenant = ? AND application = ? LIMIT 1";
        let values = vec![self.tenant.into(), application.as_str().into()];
        Ok(self.database.query_one(sql, values).await?.is_some())
    }

    /// Of these accounts those that are parked.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn parked_of(&self, keys: &[KeyHash]) -> Result<HashMap<KeyHash, Parked>, StoreError> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let (list, [key]) = self.list_of(["unhex(j.value)"]);
        let sql = format!(
            "SELECT {COLUMNS} FROM {list} CROSS JOIN parked p WHERE p.tenant = ? AND p.uid_key = {key}"
        );
        let rows = self.database.query(&sql, vec![hex_list(keys), self.tenant.into()]).await?;
        rows.iter().map(|row| parked(row).map(|parked| (parked.key, parked))).collect()
    }

    /// Parked accounts in the order of their ids.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn parked(&self, filter: &ParkedFilter<'_>) -> Result<Vec<ParkedRecord>, StoreError> {
        let mut sql = format!("SELECT {COLUMNS} FROM parked p WHERE p.tenant = ?");
        let mut values: Vec<Value> = vec![self.tenant.into()];
        if let Some(application) = filter.application {
            sql.push_str(" AND p.application = ?");
            values.push(application.as_str().into());
        }
        if let Some(after) = filter.after {
            sql.push_str(" AND p.uid_key > ?");
            values.push(after.0.to_vec().into());
        }
        sql.push_str(" ORDER BY p.uid_key LIMIT ?");
        values.push(i64::from(filter.limit).into());
        self.database.query(&sql, values).await?.iter().map(record).collect()
    }

    /// Releases parked accounts: the next run asks for them. Answers how many there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release_parked(&self, which: Release<'_>, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let (list, [key]) = self.list_of(["unhex(j.value)"]);
        let (condition, value): (String, Option<Value>) = match which {
            Release::These(keys) => {
                (format!(" AND uid_key IN (SELECT {key} FROM {list})"), Some(hex_list(keys)))
            }
            Release::OfApplication(application) => {
                (" AND application = ?".to_owned(), Some(application.as_str().into()))
            }
            Release::All => (String::new(), None),
        };
        let subject = match which {
            Release::These([key]) => Subject::new(SubjectKind::Account, hex(&key.0)),
            Release::OfApplication(application) => {
                let kind = SubjectKind::Configuration(ConfigurationKind::Application);
                Subject::new(kind, application.as_str())
            }
            Release::These(_) | Release::All => Subject::new(SubjectKind::Tenant, self.slug().as_str()),
        };
        let tx = self.database.begin(Urgency::Short).await?;
        let sql = format!("DELETE FROM parked WHERE tenant = ?{condition}");
        let values = [Some(self.tenant.into()), value].into_iter().flatten().collect();
        let released = tx.execute(&sql, values).await?;
        if released > 0 {
            let entry = NewAuditEntry::new(Act::Release, subject).at(now).with("accounts", released);
            self.append(&tx, entry).await?;
        }
        tx.commit().await?;
        Ok(released)
    }

    /// Releases the accounts of entries of a run that failed: whoever has them tried again means these as well.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release_failed(
        &self,
        run: &RunRecord,
        which: &Failures,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let (failed, mut values) = self.failed(run, which, (self.apart(), Vec::new()));
        let sql = format!("DELETE FROM parked WHERE uid IN (SELECT p.uid FROM {failed}) AND tenant = ?");
        values.push(self.tenant.into());
        let tx = self.database.begin(Urgency::Short).await?;
        let released = tx.execute(&sql, values).await?;
        if released > 0 {
            let subject = Subject::task(run.task_kind, run.task.as_str());
            let entry = NewAuditEntry::new(Act::Release, subject).of_run(run.id).at(now);
            let entry = entry.with("accounts", released);
            self.append(&tx, entry).await?;
        }
        tx.commit().await?;
        Ok(released)
    }

    /// Forgets the parked accounts of a class for which a run over all of them had nothing to ask any more.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when the worker has the run no longer.
    pub async fn forget_parked(
        &self,
        run: &RunRecord,
        application: &ApplicationId,
        class: &ObjectClassId,
    ) -> Result<(), StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        self.hold_run(&tx, run).await?;
        let sql = "DELETE FROM parked WHERE tenant = ? AND application = ? AND class = ? AND uid NOT IN \
            (SELECT uid FROM problem WHERE tenant = ? AND run = ? AND outcome = ? AND uid IS NOT NULL)";
        let values = vec![
            self.tenant.into(),
            application.as_str().into(),
            class.as_str().into(),
            self.tenant.into(),
            run.seq.into(),
            (Outcome::Failed as i64).into(),
        ];
        tx.execute(sql, values).await?;
        tx.commit().await
    }

    /// Stores which accounts of a target are parked now, and which no longer.
    pub(crate) async fn park(
        &self,
        tx: &Transaction,
        (run, target): (&RunRecord, &Target),
        noted: &Noted,
    ) -> Result<(), StoreError> {
        if !noted.released.is_empty() {
            let (list, [key]) = self.list_of(["unhex(j.value)"]);
            let sql =
                format!("DELETE FROM parked WHERE tenant = ? AND uid_key IN (SELECT {key} FROM {list})");
            tx.execute(&sql, vec![self.tenant.into(), hex_list(&noted.released)]).await?;
        }
        let mut rows: Vec<&Parked> = noted.parked.iter().collect();
        // The same order everywhere keeps two runs from waiting for each other.
        rows.sort_unstable_by_key(|parked| parked.key);
        let row = |parked: &Parked| -> Vec<Value> {
            vec![
                self.tenant.into(),
                parked.key.0.to_vec().into(),
                target.application.as_str().into(),
                target.class_name().into(),
                parked.uid.as_str().into(),
                parked.fingerprint.0.to_vec().into(),
                (parked.failure as i64).into(),
                i64::from(parked.attempts).into(),
                parked.cause.as_str().into(),
                message(&parked.message).into(),
                run.id.0.into(),
                parked.first_at.timestamp_millis().into(),
                parked.last_at.timestamp_millis().into(),
                parked.retry_at.map(|at| at.timestamp_millis()).into(),
            ]
        };
        if rows.is_empty() {
            return Ok(());
        }
        // An account that was to be corrected and was not is not as it was promised.
        let keys: Vec<KeyHash> = rows.iter().map(|parked| parked.key).collect();
        let (list, [key]) = self.list_of(["unhex(j.value)"]);
        let sql = format!(
            "UPDATE shadow SET digest = NULL, account_digest = NULL WHERE tenant = ? AND application = ? \
             AND uid_key IN (SELECT {key} FROM {list})"
        );
        let values = vec![self.tenant.into(), target.application.as_str().into(), hex_list(&keys)];
        tx.execute(&sql, values).await?;
        PARKED.insert(tx, rows.into_iter().map(row).collect()).await.map(|_| ())
    }
}

fn parked(row: &QueryResult) -> Result<Parked, StoreError> {
    Ok(Parked {
        key: KeyHash(octets(get(row, 0)?)?),
        uid: get(row, 3)?,
        fingerprint: Digest(octets(get(row, 4)?)?),
        failure: case(&FailureClass::ALL, number(row, 5)?, "class of a failure")?,
        attempts: unsigned(number(row, 6)?, "number of attempts")?,
        cause: get(row, 7)?,
        message: get(row, 8)?,
        first_at: instant(number(row, 10)?)?,
        last_at: instant(number(row, 11)?)?,
        retry_at: optional_number(row, 12)?.map(instant).transpose()?,
    })
}

fn record(row: &QueryResult) -> Result<ParkedRecord, StoreError> {
    Ok(ParkedRecord {
        parked: parked(row)?,
        application: ApplicationId::new(&get::<String>(row, 1)?)?,
        class: ObjectClassId::new(&get::<String>(row, 2)?)?,
        run: RunId(get(row, 9)?),
    })
}
