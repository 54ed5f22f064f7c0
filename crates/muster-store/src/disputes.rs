//! Disputes: accounts about which runs do not decide by themselves, a row each, with what somebody decided.
//!
//! Invariant: a run that finds the same disputes again writes none of them. It notes their numbers with its pages, and
//! those of a class that a complete sweep has not noted go when its plan has been carried out.

mod by_hand;
mod list;
mod page;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use muster_model::dispute::DisputeDecision;
use muster_model::error::ErrorCode;
use muster_model::run::Outcome;
use muster_model::{ApplicationId, ObjectClassId, ObjectId};
use muster_plan::digest::Digest;
use muster_plan::dispute::Decided;
use muster_plan::key::KeyHash;
use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use crate::codec;
use crate::database::{Dialect, Transaction, Urgency};
use crate::error::StoreError;
use crate::facts::{OBJECT_COLUMNS, hex_list, object_at, octets, text_list};
use crate::row::{case, get, number, optional_number, unsigned};
use crate::rows::{Bulk, Kind};
use crate::run::RunRecord;
use crate::stage::ProblemStep;
use crate::tenant::TenantStore;

pub use by_hand::{HandLink, HandLinked, WhenUnlinked};
pub use list::{Decides, DisputeFilter, DisputeRecord, MadeDecision};
pub use page::{FoundDispute, PageDisputes};

/// Disputes whose rows are looked at, or dropped, at a time.
const AT_ONCE: u32 = 1000;

const DISPUTES: Bulk = Bulk {
    table: "dispute",
    columns: &[
        ("tenant", Kind::Integer),
        ("uid_key", Kind::Octets),
        ("no", Kind::Integer),
        ("application", Kind::Text),
        ("class", Kind::Text),
        ("uid", Kind::Text),
        ("task_kind", Kind::Integer),
        ("task", Kind::Text),
        ("situation", Kind::Integer),
        ("candidates", Kind::Text),
        ("rule", Kind::Integer),
        ("compared", Kind::Text),
        ("message", Kind::Text),
        ("fingerprint", Kind::Octets),
        ("first_at", Kind::Integer),
        ("seen_run", Kind::Uuid),
        ("seen_at", Kind::Integer),
    ],
    suffix: "ON CONFLICT (tenant, uid_key) DO UPDATE SET task_kind = excluded.task_kind, task = excluded.task, \
        situation = excluded.situation, candidates = excluded.candidates, rule = excluded.rule, \
        compared = excluded.compared, message = excluded.message, fingerprint = excluded.fingerprint, \
        seen_run = excluded.seen_run, seen_at = excluded.seen_at \
        WHERE dispute.fingerprint <> excluded.fingerprint",
};

/// What is known of an account in dispute.
#[derive(Debug, Clone)]
pub struct KnownDispute {
    /// The number of the dispute.
    pub no: u32,
    /// What the last run that wrote it found.
    pub fingerprint: Digest,
    /// What somebody decided; nothing where the object is gone that it was to belong to.
    pub decided: Option<Decided>,
}

/// The class of accounts that disputes are about.
#[derive(Debug, Clone, Copy)]
pub struct DisputesOf<'a> {
    /// The application.
    pub application: &'a ApplicationId,
    /// The class.
    pub class: &'a ObjectClassId,
}

/// The highest numbers that there are; 0 where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastNumbers {
    /// Of a dispute about accounts of a class.
    pub dispute: u32,
    /// Of a shadow of their application.
    pub shadow: u32,
}

impl TenantStore {
    /// The highest numbers of disputes about accounts of a class, and of shadows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_numbers(&self, of: DisputesOf<'_>) -> Result<LastNumbers, StoreError> {
        let sql = "SELECT (SELECT max(no) FROM dispute WHERE tenant = ? AND application = ? AND class = ? AND no > 0), \
            (SELECT next - 1 FROM shadow_number WHERE tenant = ? AND application = ?)";
        let of_application = [self.tenant.into(), of.application.as_str().into()];
        let values = self.of_class(of).into_iter().chain(of_application).collect();
        let row = self.database.query_one(sql, values).await?;
        let last = |place, what| {
            let last = row.as_ref().map(|row| optional_number(row, place)).transpose()?.flatten();
            unsigned(last.unwrap_or(0), what)
        };
        Ok(LastNumbers { dispute: last(0, "number of a dispute")?, shadow: last(1, "shadow number")? })
    }

    fn of_class(&self, of: DisputesOf<'_>) -> [Value; 3] {
        [self.tenant.into(), of.application.as_str().into(), of.class.as_str().into()]
    }

    /// Of these accounts those in dispute, with what somebody decided about them.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn known_disputes(
        &self,
        keys: &[KeyHash],
    ) -> Result<HashMap<KeyHash, KnownDispute>, StoreError> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let (list, [key]) = self.list_of(["unhex(j.value)"]);
        let sql = format!(
            "SELECT {OBJECT_COLUMNS}, d.uid_key, d.no, d.fingerprint, d.decision \
             FROM {list} CROSS JOIN dispute d LEFT JOIN object o \
             ON o.tenant = d.tenant AND o.id = d.decided_object WHERE d.tenant = ? AND d.uid_key = {key}"
        );
        let rows = self.database.query(&sql, vec![hex_list(keys), self.tenant.into()]).await?;
        rows.iter().map(known).collect()
    }

    /// Of these objects those to which somebody decided to link accounts of a class, with those accounts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn decided_links(
        &self,
        of: DisputesOf<'_>,
        objects: &[ObjectId],
    ) -> Result<HashMap<ObjectId, Vec<(KeyHash, String)>>, StoreError> {
        let mut found: HashMap<ObjectId, Vec<(KeyHash, String)>> = HashMap::new();
        if objects.is_empty() {
            return Ok(found);
        }
        let (list, [id]) = self.list_of([self.id_text()]);
        let sql = format!(
            "SELECT d.decided_object, d.uid_key, d.uid FROM {list} CROSS JOIN dispute d WHERE d.tenant = ? \
             AND d.decided_object = {id} AND (d.application || '') = ? AND d.class = ? ORDER BY d.no"
        );
        let mut values = vec![id_list(objects)];
        values.extend(self.of_class(of));
        for row in self.database.query(&sql, values).await? {
            let (object, key): (Uuid, Vec<u8>) = (get(&row, 0)?, get(&row, 1)?);
            found.entry(ObjectId(object)).or_default().push((KeyHash(octets(key)?), get(&row, 2)?));
        }
        Ok(found)
    }

    /// How an id stands in a list parameter.
    fn id_text(&self) -> &'static str {
        match self.dialect() {
            Dialect::Sqlite => "unhex(j.value)",
            Dialect::Postgres => "j.value::uuid",
        }
    }

    /// Writes disputes that a run has found and that are new, or have changed.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when the worker has the run no longer; nothing is written then.
    pub async fn put_disputes(
        &self,
        run: &RunRecord,
        of: DisputesOf<'_>,
        found: Vec<FoundDispute>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        // An account that was read twice has one row.
        let found: BTreeMap<KeyHash, FoundDispute> = found.into_iter().map(|one| (one.key, one)).collect();
        let tx = self.database.begin(Urgency::Bulk).await?;
        self.hold_run(&tx, run).await?;
        let next = self.dispute_numbers(&tx, found.len()).await?;
        let row = |(no, found): (i64, FoundDispute)| {
            vec![
                self.tenant.into(),
                found.key.0.to_vec().into(),
                no.into(),
                of.application.as_str().into(),
                of.class.as_str().into(),
                found.uid.into(),
                Some(run.task_kind as i64).into(),
                Some(run.task.to_string()).into(),
                (found.dispute.situation as i64).into(),
                page::encode_ids(&found.dispute.candidates).into(),
                found.dispute.rule.map(i64::from).into(),
                codec::encode(&found.dispute.compared).into(),
                crate::row::message(&found.dispute.message).into(),
                found.dispute.fingerprint().0.to_vec().into(),
                run.started_at.timestamp_millis().into(),
                Some(run.id.0).into(),
                now.timestamp_millis().into(),
            ]
        };
        DISPUTES.insert(&tx, (next..).zip(found.into_values()).map(row).collect()).await?;
        tx.commit().await
    }

    /// Reserves so many numbers of disputes; answers the first.
    async fn dispute_numbers(&self, tx: &Transaction, count: usize) -> Result<i64, StoreError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let sql = "UPDATE tenant SET last_dispute = last_dispute + ? WHERE id = ? RETURNING last_dispute";
        let row = tx.query_one(sql, vec![count.into(), self.tenant.into()]).await?;
        let last = row.map(|row| number(&row, 0)).transpose()?;
        Ok(last.ok_or_else(|| StoreError::unreadable("tenant", "it is gone"))? - count + 1)
    }

    /// What the check of a whole plan reported as disputed: changes by their numbers, after one, with what was said.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn disputed_changes(
        &self,
        run: &RunRecord,
        bucket: u32,
        after: u32,
    ) -> Result<Vec<(u32, String)>, StoreError> {
        let sql = "SELECT p.change, p.message FROM problem p WHERE p.tenant = ? AND p.run = ? AND p.change > ? \
            AND p.bucket = ? AND p.step = ? AND p.outcome = ? AND p.code = ? ORDER BY p.change LIMIT ?";
        let values: Vec<Value> = vec![
            self.tenant.into(),
            run.seq.into(),
            i64::from(after).into(),
            i64::from(bucket).into(),
            (ProblemStep::Check as i64).into(),
            (Outcome::Reported as i64).into(),
            ErrorCode::Disputed.id().into(),
            i64::from(AT_ONCE).into(),
        ];
        let rows = self.database.query(sql, values).await?;
        rows.iter().map(|row| Ok((unsigned(number(row, 0)?, "number of a change")?, get(row, 1)?))).collect()
    }

    /// The disputes of a task about accounts of a class, after a number and up to another, at most so many as are
    /// dropped at a time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dispute_numbers_of(
        &self,
        run: &RunRecord,
        of: DisputesOf<'_>,
        (after, last): (u32, u32),
    ) -> Result<Vec<(u32, KeyHash)>, StoreError> {
        let sql = "SELECT no, uid_key FROM dispute WHERE tenant = ? AND application = ? AND class = ? AND no > ? \
            AND no <= ? AND (task IS NULL OR (task_kind = ? AND task = ?)) ORDER BY no LIMIT ?";
        let mut values = self.of_class(of).to_vec();
        values.extend([i64::from(after).into(), i64::from(last).into()]);
        values.extend([(run.task_kind as i64).into(), run.task.as_str().into(), i64::from(AT_ONCE).into()]);
        let rows = self.database.query(sql, values).await?;
        let row = |row: &QueryResult| {
            Ok((unsigned(number(row, 0)?, "number of a dispute")?, KeyHash(octets(get(row, 1)?)?)))
        };
        rows.iter().map(row).collect()
    }

    /// Drops disputes that are none any more.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when the worker has the run no longer.
    pub async fn drop_disputes(&self, run: &RunRecord, keys: &[KeyHash]) -> Result<(), StoreError> {
        let (list, [key]) = self.list_of(["unhex(j.value)"]);
        let sql = format!("DELETE FROM dispute WHERE tenant = ? AND uid_key IN (SELECT {key} FROM {list})");
        for keys in keys.chunks(AT_ONCE as usize) {
            let tx = self.database.begin(Urgency::Bulk).await?;
            self.hold_run(&tx, run).await?;
            tx.execute(&sql, vec![self.tenant.into(), hex_list(keys)]).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

fn id_list(ids: &[ObjectId]) -> Value {
    text_list(ids, 32, |list, id| list.push_str(&id.0.simple().to_string()))
}

fn known(row: &QueryResult) -> Result<(KeyHash, KnownDispute), StoreError> {
    let object = object_at(row, 0)?;
    let decision = optional_number(row, 11)?.map(|stored| case(&DisputeDecision::ALL, stored, "decision"));
    let decided = match decision.transpose()? {
        Some(DisputeDecision::Link) => object.map(|object| Decided::Link(Box::new(object))),
        Some(DisputeDecision::New) => Some(Decided::New),
        Some(DisputeDecision::Ignore) => Some(Decided::Ignore),
        None => None,
    };
    let known = KnownDispute {
        no: unsigned(number(row, 9)?, "number of a dispute")?,
        fingerprint: Digest(octets(get(row, 10)?)?),
        decided,
    };
    Ok((KeyHash(octets(get(row, 8)?)?), known))
}
