//! Making objects and shadows from staged creates.

use chrono::{DateTime, Utc};
use muster_model::ApplicationId;
use sea_orm::Value;

use crate::TenantStore;
use crate::apply::Target;
use crate::database::{Dialect, Transaction};
use crate::error::StoreError;
use crate::in_order::terms_of;
use crate::over::{Over, change_number};
use crate::row::number;

/// What becomes of a change whose account has got a shadow meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Its whole batch is refused.
    Refused,
    /// It is left out.
    LeftOut,
}

/// Whether objects that are made were there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Making {
    /// They are new.
    First,
    /// They were deleted, and are made again under their ids, with the types they had.
    Again,
}

/// What a run has read of the accounts that it writes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// All of a source, or what is no source.
    All,
    /// Single accounts of a source, just now: what runs over all have read of them that are under way may be older.
    Single,
}

impl Reading {
    /// What shadows of changes `c` remember of it: the newest run there is.
    pub(crate) fn read_by(self) -> &'static str {
        match self {
            Self::All => "CAST(NULL AS BIGINT)",
            Self::Single => "(SELECT max(r.no) FROM run r WHERE r.tenant = c.tenant)",
        }
    }
}

const OBJECT: &str = "INSERT INTO object (tenant, id, kind, directory, type, disabled, version, attributes, provenance) \
     SELECT c.tenant, c.object, ?, ?, {type}, CASE WHEN c.state > 1 THEN c.state - 2 END, {version}, \
     coalesce(c.result, '{}'), coalesce(c.provenance, '')";

const SHADOW: &str = "INSERT INTO shadow (tenant, application, no, class, read_by, uid_key, uid, owner, state, version, disabled, \
     digest, account_digest, terms, owner_version, due_at, profile, granted, snapshot) \
     SELECT c.tenant, ?, ? + {place}, ?, {read_by}, c.uid_key, c.uid, c.object, 0, 1, \
     CASE WHEN c.state > 1 THEN c.state - 2 END, c.digest, c.account_digest, {terms}, \
     CASE WHEN c.terms IS NULL THEN NULL ELSE c.object_version END, c.due_at, c.profile, c.granted, \
     coalesce(c.snapshot, '{}')";

impl TenantStore {
    /// What makes objects of a target from changes `c`. What was there before goes on behind its history.
    pub(crate) fn objects_made(&self, target: &Target) -> String {
        let behind = "(SELECT coalesce(max(h.version), 0) + 2 FROM history h \
            WHERE h.tenant = c.tenant AND h.id = c.object)";
        let its_type = match self.dialect() {
            Dialect::Sqlite => "json_extract(c.replaced, '$.type')",
            Dialect::Postgres => "c.replaced::json ->> 'type'",
        };
        let (version, its_type) = match target.making {
            Making::First => ("1", "?".to_owned()),
            Making::Again => (behind, format!("CASE WHEN c.replaced IS NULL THEN ? ELSE {its_type} END")),
        };
        OBJECT.replace("{version}", version).replace("{type}", &its_type)
    }

    /// Notes that objects were made again: it replaces that they were deleted.
    pub(crate) async fn note_made_again(
        &self,
        over: &Over<'_>,
        numbers: &[u32],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO history (tenant, id, version, run, at, action, kind) \
            SELECT c.tenant, o.id, o.version - 1, ?, ?, c.action, o.kind FROM {changes} \
            CROSS JOIN object o WHERE o.tenant = c.tenant AND o.id = c.object";
        let before = vec![over.run.into(), now.timestamp_millis().into()];
        over.execute(sql, before, numbers, Vec::new()).await.map(|_| ())
    }

    /// Makes objects and their shadows; answers the changes whose account has got a shadow meanwhile.
    pub(crate) async fn create(
        &self,
        over: &Over<'_>,
        target: &Target,
        numbers: &[u32],
        taken: Taken,
    ) -> Result<Vec<u32>, StoreError> {
        if self.dialect() == Dialect::Postgres && taken == Taken::Refused {
            self.create_at_once(over, target, numbers).await?;
            return Ok(Vec::new());
        }
        let inserted = self.insert_shadows(over, target, numbers, taken).await?;
        let taken = if inserted == numbers.len() as u64 {
            Vec::new()
        } else {
            self.taken(over, target, numbers).await?
        };
        let made: Vec<u32> = numbers.iter().copied().filter(|number| !taken.contains(number)).collect();
        let sql = format!("{} FROM {{changes}}", self.objects_made(target));
        over.execute(&sql, object_values(target).to_vec(), &made, Vec::new()).await?;
        Ok(taken)
    }

    /// Both in one statement, so that PostgreSQL reads the changes, which lie far apart, only once.
    async fn create_at_once(
        &self,
        over: &Over<'_>,
        target: &Target,
        numbers: &[u32],
    ) -> Result<(), StoreError> {
        if numbers.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "WITH c AS MATERIALIZED (SELECT c.tenant, c.object, c.uid_key, c.uid, c.state, c.digest, \
             c.account_digest, c.terms, c.object_version, c.due_at, c.profile, c.granted, c.snapshot, c.result, c.provenance, c.replaced, {{index}} AS place \
             FROM {{changes}} WHERE c.object IS NOT NULL), made AS ({} FROM c) {} FROM c",
            self.objects_made(target),
            shadows_made(target, "c.place")
        );
        let first = self.reserve_numbers(over.tx, &target.application, numbers.len()).await?;
        let mut after = object_values(target).to_vec();
        after.extend(shadow_values(target, first));
        over.execute(&sql, Vec::new(), numbers, after).await.map(|_| ())
    }

    pub(crate) async fn insert_shadows(
        &self,
        over: &Over<'_>,
        target: &Target,
        numbers: &[u32],
        taken: Taken,
    ) -> Result<u64, StoreError> {
        if numbers.is_empty() {
            return Ok(0);
        }
        let on_conflict = match taken {
            Taken::Refused => "",
            Taken::LeftOut => "ON CONFLICT DO NOTHING",
        };
        let shadow = shadows_made(target, "{index}");
        let sql = format!("{shadow} FROM {{changes}} WHERE c.object IS NOT NULL {on_conflict}");
        let first = self.reserve_numbers(over.tx, &target.application, numbers.len()).await?;
        over.execute(&sql, shadow_values(target, first).to_vec(), numbers, Vec::new()).await
    }

    async fn reserve_numbers(
        &self,
        tx: &Transaction,
        application: &ApplicationId,
        count: usize,
    ) -> Result<i64, StoreError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let row = tx
            .query_one(
                "INSERT INTO shadow_number (tenant, application, next) VALUES (?, ?, 1 + ?) \
                 ON CONFLICT (tenant, application) DO UPDATE SET next = shadow_number.next + ? RETURNING next",
                vec![self.tenant.into(), application.as_str().into(), count.into(), count.into()],
            )
            .await?;
        let next = row.map(|row| number(&row, 0)).transpose()?;
        Ok(next.ok_or_else(|| StoreError::unreadable("shadow number", "none was reserved"))? - count)
    }

    async fn taken(&self, over: &Over<'_>, target: &Target, numbers: &[u32]) -> Result<Vec<u32>, StoreError> {
        let sql = "SELECT c.id FROM {changes} JOIN shadow s ON s.tenant = c.tenant AND s.application = ? \
            AND s.uid_key = c.uid_key WHERE s.owner IS NULL OR s.owner <> c.object";
        let mut values = over.list(numbers).to_vec();
        values.push(target.application.as_str().into());
        let rows = over.tx.query(&over.text(sql), values).await?;
        rows.iter().map(|row| change_number(number(row, 0)?)).collect()
    }
}

/// What makes shadows of a target from changes `c`, which stand at these places.
fn shadows_made(target: &Target, place: &str) -> String {
    let read_by = target.reading.read_by();
    SHADOW.replace("{place}", place).replace("{read_by}", read_by).replace("{terms}", &terms_of("c"))
}

pub(crate) fn object_values(target: &Target) -> [Value; 3] {
    [(target.kind as i64).into(), target.directory.as_str().into(), target.object_type.clone().into()]
}

fn shadow_values(target: &Target, first: i64) -> [Value; 3] {
    [target.application.as_str().into(), first.into(), target.class_name().into()]
}
