//! Changes looked for: pages of those that fit, whatever the size of the plan. Never writes.
//!
//! Invariant: a page looks at a bounded number of changes, by their ids. Where few fit it may be short, or empty, and
//! still say where to look on.

use muster_model::AttributeName;
use muster_model::configuration::application::Situation;
use muster_model::run::{Outcome, Wave};
use muster_plan::change::Action;
use sea_orm::Value;

use crate::TenantStore;
use crate::changes::{COLUMNS, ChangeRow, ChangeStatus, change};
use crate::codec;
use crate::database::Dialect;
use crate::error::StoreError;
use crate::page::change_id;
use crate::reached::{Applied, Reached};
use crate::row::{number, optional_number, unsigned};
use crate::run::RunRecord;

/// The attribute by whose name the new state of an object or account is looked for.
const ENABLED: &str = "enabled";

/// Changes, or findings about some, that a page looks at.
pub(crate) const LOOKED_AT: u32 = 10_000;

/// What has become of the changes that are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeState {
    /// Their turn has not come; in a run that has ended it never will.
    Planned,
    /// They have been applied.
    Applied,
    /// They ended otherwise.
    Ended(Outcome),
}

/// Which changes of a run are looked for. What is `None` is not asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeQuery {
    /// Only those that do this.
    pub action: Option<Action>,
    /// Only those found in this situation.
    pub situation: Option<Situation>,
    /// Only those of which this has become.
    pub state: Option<ChangeState>,
    /// Only that of this account.
    pub uid: Option<String>,
    /// Only those that change this attribute.
    pub attribute: Option<AttributeName>,
    /// Only those after this number.
    pub after: u32,
    /// At most so many.
    pub limit: u32,
}

/// Some changes, and where to look on.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangePage {
    /// Those that fit, by their numbers.
    pub changes: Vec<ChangeRow>,
    /// The number after which more may follow; `None` when that was all.
    pub next: Option<u32>,
}

impl ChangeQuery {
    fn asks(&self) -> bool {
        let Self { action, situation, state, uid, attribute, after: _, limit: _ } = self;
        action.is_some() || situation.is_some() || state.is_some() || uid.is_some() || attribute.is_some()
    }
}

/// Conditions on a row `c` of changes and `p` of what was noted about it.
#[derive(Debug, Default)]
struct Conditions {
    texts: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    fn add(&mut self, text: impl Into<String>, values: impl IntoIterator<Item = Value>) {
        self.texts.push(text.into());
        self.values.extend(values);
    }

    fn of(query: &ChangeQuery, run: &RunRecord, reached: &[(u32, Reached)], dialect: Dialect) -> Self {
        let mut conditions = Self::default();
        if let Some(action) = query.action {
            conditions.add("c.action = ?", [(action as i64).into()]);
        }
        if let Some(situation) = query.situation {
            conditions.add("c.situation = ?", [(situation as i64).into()]);
        }
        if let Some(uid) = &query.uid {
            conditions.add("c.uid = ?", [uid.as_str().into()]);
        }
        match query.state {
            None => {}
            Some(ChangeState::Ended(outcome)) => conditions.add("p.outcome = ?", [(outcome as i64).into()]),
            Some(ChangeState::Applied) => {
                let (text, values) = applied(run, reached);
                conditions.add(format!("p.outcome IS NULL AND ({text})"), values);
            }
            Some(ChangeState::Planned) => {
                let (text, values) = applied(run, reached);
                conditions.add(format!("p.outcome IS NULL AND NOT ({text})"), values);
            }
        }
        if let Some(attribute) = &query.attribute {
            conditions.touching(attribute, dialect);
        }
        conditions
    }

    /// What may change an attribute: the texts hold its name where names stand. The rows tell whether it is so.
    fn touching(&mut self, attribute: &AttributeName, dialect: Dialect) {
        let found = match dialect {
            Dialect::Sqlite => "instr",
            Dialect::Postgres => "strpos",
        };
        let name = codec::name(attribute);
        let enabled = if attribute.as_str() == ENABLED { " OR c.state > 0" } else { "" };
        let text = format!(
            "({found}(CASE WHEN c.action = {} THEN c.result ELSE c.before END, ?) > 0 \
             OR {found}(c.memberships, ?) > 0{enabled})",
            Action::Create as i64
        );
        self.add(text, [format!("{name}:").into(), format!("[{name},").into()]);
    }
}

/// The changes that the buckets have applied.
fn applied(run: &RunRecord, reached: &[(u32, Reached)]) -> (String, Vec<Value>) {
    let (mut texts, mut values) = (vec!["1 = 0".to_owned()], Vec::new());
    for (bucket, reached) in reached {
        for wave in Wave::ALL {
            let actions: Vec<String> = Action::ALL
                .into_iter()
                .filter(|action| action.wave() == wave)
                .map(|action| (action as i64).to_string())
                .collect();
            let applied = reached.of(wave);
            if actions.is_empty() || applied == Applied::Nothing {
                continue;
            }
            let mut text = format!("c.bucket = ? AND c.action IN ({})", actions.join(", "));
            values.push(i64::from(*bucket).into());
            if let Applied::UpTo(last) = applied {
                let (is_reached, place) = last.comparison("<=", run.seq);
                text = format!("{text} AND {is_reached}");
                values.extend(place);
            }
            texts.push(format!("({text})"));
        }
    }
    (texts.join(" OR "), values)
}

fn touches(change: &ChangeRow, attribute: &AttributeName) -> bool {
    let is_it = |name: &AttributeName| name == attribute;
    let changed = match change.action {
        Action::Create => change.result.iter().any(|(name, _)| is_it(name)),
        Action::Link
        | Action::Update
        | Action::Refresh
        | Action::Disable
        | Action::Delete
        | Action::Unlink
        | Action::MarkGone => change.before.iter().any(|(name, _)| is_it(name)),
    };
    let of_members = change.memberships.iter().any(|membership| is_it(&membership.attribute));
    changed || of_members || (attribute.as_str() == ENABLED && change.state > 0)
}

impl TenantStore {
    /// A page of the changes of a run that fit, by their numbers: three statements, whatever is asked for.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn change_page(&self, run: &RunRecord, query: &ChangeQuery) -> Result<ChangePage, StoreError> {
        let reached = self.reached(run).await?;
        let (last, goes_on) = self.looked_at(run, query).await?;
        let (sql, values) = self.page_statement(run, query, (&reached, last));
        let rows = self.database.query(&sql, values).await?;
        let mut changes = rows.iter().map(change).collect::<Result<Vec<_>, _>>()?;
        let is_full = changes.len() >= query.limit as usize;
        let next = match changes.last().filter(|_| is_full) {
            Some(change) => Some(change.number),
            None => goes_on.then_some(last),
        };
        for change in changes.iter_mut().filter(|change| change.status == ChangeStatus::Planned) {
            let bucket = reached.iter().find(|(bucket, _)| *bucket == change.bucket);
            if bucket.is_some_and(|(_, reached)| reached.has_applied(change.action.wave(), change.order)) {
                change.status = ChangeStatus::Applied;
            }
        }
        if let Some(attribute) = &query.attribute {
            changes.retain(|change| touches(change, attribute));
        }
        Ok(ChangePage { changes, next })
    }

    /// The statement of a page that looks as far as the change of a number.
    fn page_statement(
        &self,
        run: &RunRecord,
        query: &ChangeQuery,
        (reached, last): (&[(u32, Reached)], u32),
    ) -> (String, Vec<Value>) {
        let conditions = Conditions::of(query, run, reached, self.dialect());
        let first = change_id(run.seq, 0);
        let (from, mut values): (_, Vec<Value>) = match query.state {
            // What was noted is looked up by its change, so all that lies between costs nothing.
            Some(ChangeState::Ended(_)) => (
                format!(
                    "(SELECT q.outcome, q.message, q.change + ? AS id FROM problem q WHERE q.tenant = ? \
                     AND q.run = ? AND q.change IS NOT NULL AND q.outcome IS NOT NULL AND q.change > ? \
                     AND q.change <= ? ORDER BY q.change LIMIT {LOOKED_AT}) p CROSS JOIN change c WHERE c.id = p.id"
                ),
                vec![
                    first.into(),
                    self.tenant.into(),
                    run.seq.into(),
                    i64::from(query.after).into(),
                    i64::from(last).into(),
                ],
            ),
            Some(ChangeState::Planned | ChangeState::Applied) | None => (
                "change c LEFT JOIN problem p ON p.change = c.id - ? AND p.tenant = c.tenant AND p.run = ? \
                 AND p.change IS NOT NULL AND p.outcome IS NOT NULL WHERE c.id > ? AND c.id <= ?"
                    .to_owned(),
                vec![
                    first.into(),
                    run.seq.into(),
                    change_id(run.seq, query.after).into(),
                    change_id(run.seq, last).into(),
                ],
            ),
        };
        let asked: String = conditions.texts.iter().map(|text| format!(" AND {text}")).collect();
        let sql = format!("SELECT {COLUMNS} FROM {from} AND c.tenant = ?{asked} ORDER BY c.id LIMIT ?");
        values.push(self.tenant.into());
        values.extend(conditions.values);
        values.push(i64::from(query.limit).into());
        (sql, values)
    }

    /// The number of the last change that a page looks at, and whether more come after it.
    async fn looked_at(&self, run: &RunRecord, query: &ChangeQuery) -> Result<(u32, bool), StoreError> {
        if !query.asks() {
            return Ok((u32::MAX, false));
        }
        let limit = Value::from(i64::from(LOOKED_AT));
        let (sql, values): (_, Vec<Value>) = match query.state {
            Some(ChangeState::Ended(_)) => (
                "SELECT max(n.change), count(*) FROM (SELECT p.change FROM problem p WHERE p.tenant = ? AND p.run = ? \
                 AND p.change IS NOT NULL AND p.change > ? ORDER BY p.change LIMIT ?) n",
                vec![self.tenant.into(), run.seq.into(), i64::from(query.after).into(), limit],
            ),
            Some(ChangeState::Planned | ChangeState::Applied) | None => (
                "SELECT max(n.id) - ?, count(*) FROM (SELECT id FROM change WHERE tenant = ? AND id > ? AND id <= ? \
                 ORDER BY id LIMIT ?) n",
                vec![
                    change_id(run.seq, 0).into(),
                    self.tenant.into(),
                    change_id(run.seq, query.after).into(),
                    change_id(run.seq, u32::MAX).into(),
                    limit,
                ],
            ),
        };
        let Some(row) = self.database.query_one(sql, values).await? else { return Ok((u32::MAX, false)) };
        let last = optional_number(&row, 0)?.map(|last| unsigned(last, "number of a change")).transpose()?;
        Ok((last.unwrap_or(query.after), number(&row, 1)? >= i64::from(LOOKED_AT)))
    }
}
