//! The list of disputes, and what somebody decides about one of them.

use chrono::{DateTime, Utc};
use muster_model::audit::{Act, Actor, ActorKind, Subject, SubjectKind};
use muster_model::configuration::application::Situation;
use muster_model::dispute::DisputeDecision;
use muster_model::run::TaskKind;
use muster_model::text::hex;
use muster_model::{ApplicationId, Attributes, ConfigurationId, ImObject, ObjectClassId, ObjectId, RunId};
use muster_plan::key::KeyHash;
use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use super::id_list;
use super::page::decode_ids;
use crate::audit::NewAuditEntry;
use crate::codec;
use crate::database::Urgency;
use crate::error::StoreError;
use crate::facts::{OBJECT_COLUMNS, object_at, octets};
use crate::row::{case, get, get_case, instant, number, optional_number, unsigned};
use crate::tenant::TenantStore;

const COLUMNS: &str = "d.uid_key, d.application, d.class, d.uid, d.task_kind, d.task, d.situation, d.candidates, d.rule, \
    d.compared, d.message, d.first_at, d.seen_run, d.seen_at, d.decision, d.decided_object, d.decided_kind, \
    d.decided_by, d.decided_at, o.id, p.swept_task, p.swept_run, p.swept_at";

const TABLES: &str = "dispute d LEFT JOIN object o ON o.tenant = d.tenant AND o.id = d.decided_object \
    LEFT JOIN population p ON p.tenant = d.tenant AND p.application = d.application AND p.class = d.class";

/// A dispute stands undecided again when the object is gone that the account was to belong to.
const IS_DECIDED: &str = "(d.decision IS NOT NULL AND (d.decided_object IS NULL OR o.id IS NOT NULL))";

/// Which disputes are listed, by the hashes of their accounts' keys.
#[derive(Debug, Clone, Copy)]
pub struct DisputeFilter<'a> {
    /// Those after this one.
    pub after: Option<KeyHash>,
    /// At most so many.
    pub limit: u32,
    /// Only accounts of this application.
    pub application: Option<&'a ApplicationId>,
    /// Only those in this situation.
    pub situation: Option<Situation>,
    /// Only those that somebody decided about, or nobody.
    pub decided: Option<bool>,
}

/// What somebody decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeDecision {
    /// What.
    pub decision: DisputeDecision,
    /// The object that the account is to belong to.
    pub object: Option<ObjectId>,
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: DateTime<Utc>,
}

/// One dispute.
#[derive(Debug, Clone, PartialEq)]
pub struct DisputeRecord {
    /// The hash of the account's key, its id.
    pub key: KeyHash,
    /// The application of the account.
    pub application: ApplicationId,
    /// Its class.
    pub class: ObjectClassId,
    /// Its key in the remote system.
    pub uid: String,
    /// The task whose run found it.
    pub task: Option<(TaskKind, ConfigurationId)>,
    /// What was found.
    pub situation: Situation,
    /// The objects that it belongs or may belong to.
    pub candidates: Vec<ObjectId>,
    /// The correlation rule that found them, from 1.
    pub rule: Option<u32>,
    /// What that rule read of the account.
    pub compared: Attributes,
    /// All that in words.
    pub message: String,
    /// When the run was launched that found it first.
    pub first_at: DateTime<Utc>,
    /// When it was found last.
    pub seen_at: DateTime<Utc>,
    /// The run that found it last.
    pub run: Option<RunId>,
    /// What somebody decided.
    pub decision: Option<MadeDecision>,
    /// The object that is gone since somebody decided that the account belongs to it.
    pub void: Option<ObjectId>,
}

/// What somebody decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decides {
    /// The dispute.
    pub key: KeyHash,
    /// What; `None` takes back what was decided.
    pub decision: Option<DisputeDecision>,
    /// The object that the account is to belong to.
    pub object: Option<ObjectId>,
    /// The instant.
    pub now: DateTime<Utc>,
}

impl TenantStore {
    /// Disputes in the order of their ids.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn disputes(&self, filter: &DisputeFilter<'_>) -> Result<Vec<DisputeRecord>, StoreError> {
        let mut sql = format!("SELECT {COLUMNS} FROM {TABLES} WHERE d.tenant = ? AND d.uid_key > ?");
        let after = filter.after.map_or_else(Vec::new, |key| key.0.to_vec());
        let mut values: Vec<Value> = vec![self.tenant.into(), after.into()];
        if let Some(application) = filter.application {
            sql.push_str(" AND (d.application || '') = ?");
            values.push(application.as_str().into());
        }
        if let Some(situation) = filter.situation {
            sql.push_str(" AND d.situation = ?");
            values.push((situation as i64).into());
        }
        match filter.decided {
            Some(true) => sql.push_str(&format!(" AND {IS_DECIDED}")),
            Some(false) => sql.push_str(&format!(" AND NOT {IS_DECIDED}")),
            None => {}
        }
        sql.push_str(" ORDER BY d.uid_key LIMIT ?");
        values.push(i64::from(filter.limit).into());
        self.database.query(&sql, values).await?.iter().map(record).collect()
    }

    /// One dispute.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn dispute(&self, key: KeyHash) -> Result<Option<DisputeRecord>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM {TABLES} WHERE d.tenant = ? AND d.uid_key = ?");
        let row = self.database.query_one(&sql, vec![self.tenant.into(), key.0.to_vec().into()]).await?;
        row.map(|row| record(&row)).transpose()
    }

    /// The objects of these ids, those that are there.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn objects_of(&self, ids: &[ObjectId]) -> Result<Vec<ImObject>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let (list, [id]) = self.list_of([self.id_text()]);
        let sql = format!(
            "SELECT {OBJECT_COLUMNS} FROM {list} CROSS JOIN object o WHERE o.tenant = ? AND o.id = {id}"
        );
        let rows = self.database.query(&sql, vec![id_list(ids), self.tenant.into()]).await?;
        rows.iter().filter_map(|row| object_at(row, 0).transpose()).collect()
    }

    /// Notes what somebody decides, or that they take it back. The next run follows it. Answers whether there is such a
    /// dispute.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn decide_dispute(&self, decides: &Decides) -> Result<bool, StoreError> {
        let tx = self.database.begin(Urgency::Short).await?;
        self.lock(&tx).await?;
        let actor = &self.on_behalf_of().actor;
        let decided = decides.decision.is_some();
        let sql = "UPDATE dispute SET decision = ?, decided_object = ?, decided_kind = ?, decided_by = ?, \
            decided_at = ? WHERE tenant = ? AND uid_key = ?";
        let values = vec![
            decides.decision.map(|decision| decision as i64).into(),
            decides.object.map(|object| object.0).into(),
            decided.then_some(actor.kind as i64).into(),
            decided.then(|| actor.name.clone()).into(),
            decided.then_some(decides.now.timestamp_millis()).into(),
            self.tenant.into(),
            decides.key.0.to_vec().into(),
        ];
        if tx.execute(sql, values).await? == 0 {
            return Ok(false);
        }
        let act = if decided { Act::Decide } else { Act::Delete };
        let subject = Subject::new(SubjectKind::Dispute, hex(&decides.key.0));
        let mut entry = NewAuditEntry::new(act, subject).at(decides.now);
        if let Some(decision) = decides.decision {
            entry = entry.with("decision", decision);
        }
        if let Some(object) = decides.object {
            entry = entry.with("object", object);
        }
        self.append(&tx, entry).await?;
        tx.commit().await?;
        Ok(true)
    }
}

fn record(row: &QueryResult) -> Result<DisputeRecord, StoreError> {
    let id: Option<String> = get(row, 5)?;
    let task = id.map(|id| {
        let kind = get_case(row, 4, &TaskKind::ALL, "kind of task")?;
        Ok::<_, StoreError>((kind, ConfigurationId::new(&id)?))
    });
    let task = task.transpose()?;
    let object: Option<Uuid> = get(row, 15)?;
    let is_void = object.is_some() && get::<Option<Uuid>>(row, 19)?.is_none();
    let mut seen = (instant(number(row, 13)?)?, get::<Option<Uuid>>(row, 12)?);
    // A sweep of its task that wrote nothing about it has found it the same.
    let swept: Option<String> = get(row, 20)?;
    let is_own = swept.is_some() && swept.as_deref() == task.as_ref().map(|(_, task)| task.as_str());
    if let Some(at) = optional_number(row, 22)?.filter(|_| is_own).map(instant).transpose()?
        && at > seen.0
    {
        seen = (at, get(row, 21)?);
    }
    Ok(DisputeRecord {
        key: KeyHash(octets(get(row, 0)?)?),
        application: ApplicationId::new(&get::<String>(row, 1)?)?,
        class: ObjectClassId::new(&get::<String>(row, 2)?)?,
        uid: get(row, 3)?,
        task,
        situation: get_case(row, 6, &Situation::ALL, "situation")?,
        candidates: decode_ids(&get::<String>(row, 7)?)?,
        rule: optional_number(row, 8)?.map(|rule| unsigned(rule, "correlation rule")).transpose()?,
        compared: codec::decode(&get::<String>(row, 9)?)?,
        message: get(row, 10)?,
        first_at: instant(number(row, 11)?)?,
        seen_at: seen.0,
        run: seen.1.map(RunId),
        decision: if is_void { None } else { decision(row, object)? },
        void: object.filter(|_| is_void).map(ObjectId),
    })
}

fn decision(row: &QueryResult, object: Option<Uuid>) -> Result<Option<MadeDecision>, StoreError> {
    let Some(decision) = optional_number(row, 14)? else { return Ok(None) };
    Ok(Some(MadeDecision {
        decision: case(&DisputeDecision::ALL, decision, "decision")?,
        object: object.map(ObjectId),
        actor: Actor { kind: get_case(row, 16, ActorKind::ALL, "kind of actor")?, name: get(row, 17)? },
        at: instant(number(row, 18)?)?,
    }))
}
