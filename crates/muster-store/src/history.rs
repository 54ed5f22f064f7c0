//! The history of objects: what each version replaced, and who replaced it. Never writes.

use chrono::{DateTime, Utc};
use muster_model::audit::{Actor, ActorKind};
use muster_model::run::TaskKind;
use muster_model::{AttributeName, ConfigurationId, DisabledReason, Field, ObjectId, ObjectKind, RunId};
use muster_plan::change::Action;
use sea_orm::QueryResult;

use crate::codec;
use crate::error::StoreError;
use crate::row::{disabled, get, get_case, instant, number, optional_number, unsigned};
use crate::tenant::TenantStore;

/// One write of an object, and what it replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRecord {
    /// The version that was replaced; 0 where the write made the object.
    pub replaced: u32,
    /// When.
    pub at: DateTime<Utc>,
    /// What was done.
    pub action: Action,
    /// The run that did it, with its task; `None` for a write by hand, and where the run has been dropped since.
    pub run: Option<(RunId, TaskKind, ConfigurationId)>,
    /// Who did it by hand.
    pub actor: Option<Actor>,
    /// Why the object was disabled before; `None` where it was enabled.
    pub disabled: Option<DisabledReason>,
    /// The object type before, where it was replaced; empty for none.
    pub object_type: Option<String>,
    /// What the attributes that were replaced held before, absent ones included.
    pub before: Vec<(AttributeName, Field)>,
}

impl TenantStore {
    /// The history of an object of a kind, the newest write first, those before a version that was replaced, at most so
    /// many. None where the object is of another kind, or was.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn object_history(
        &self,
        (kind, id): (ObjectKind, ObjectId),
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<HistoryRecord>, StoreError> {
        let sql = "SELECT h.version, h.at, h.action, h.actor, h.disabled, h.replaced_type, h.before, \
            r.id, r.task_kind, r.task, h.actor_kind \
            FROM history h LEFT JOIN run r ON r.tenant = h.tenant AND r.seq = h.run \
            WHERE h.tenant = ? AND h.id = ? AND coalesce(h.kind, ?) = ? AND h.version < ? \
            ORDER BY h.version DESC LIMIT ?";
        let values = vec![
            self.tenant.into(),
            id.0.into(),
            (kind as i64).into(),
            (kind as i64).into(),
            before.map_or(i64::MAX, i64::from).into(),
            i64::from(limit).into(),
        ];
        self.database.query(sql, values).await?.iter().map(record).collect()
    }
}

fn record(row: &QueryResult) -> Result<HistoryRecord, StoreError> {
    let before: Option<String> = get(row, 6)?;
    let run: Option<uuid::Uuid> = get(row, 7)?;
    let run = run.map(|id| {
        let kind = get_case(row, 8, &TaskKind::ALL, "kind of task")?;
        Ok::<_, StoreError>((RunId(id), kind, ConfigurationId::new(&get::<String>(row, 9)?)?))
    });
    Ok(HistoryRecord {
        replaced: unsigned(number(row, 0)?, "version")?,
        at: instant(number(row, 1)?)?,
        action: get_case(row, 2, &Action::ALL, "action")?,
        run: run.transpose()?,
        actor: actor(row)?,
        disabled: disabled(optional_number(row, 4)?)?,
        object_type: get(row, 5)?,
        before: before.map_or_else(|| Ok(Vec::new()), |before| codec::decode_fields(&before))?,
    })
}

fn actor(row: &QueryResult) -> Result<Option<Actor>, StoreError> {
    let Some(name) = get(row, 3)? else { return Ok(None) };
    Ok(Some(Actor { kind: get_case(row, 10, ActorKind::ALL, "kind of actor")?, name }))
}
