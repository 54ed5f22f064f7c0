//! What a run comes to that has not gone to its end, counted in steps of a bounded size: a plan of millions keeps no
//! other write waiting.
//!
//! All steps see one state, since nobody writes for such a run any more but who ends it: a run that was told to stop
//! lets no page and no batch through, and one that failed is in the hands of the worker that ends it.

use muster_model::run::{Counters, Mode, Outcome, OutcomeStatus, Wave};
use muster_plan::change::Action;
use sea_orm::{QueryResult, Value};

use crate::TenantStore;
use crate::error::StoreError;
use crate::page::change_id;
use crate::reached::{Applied, Reached};
use crate::row::{decode_counters, get, get_case, number, optional_number};
use crate::run::RunRecord;

/// Changes, or problems, that one statement counts.
const AT_ONCE: u64 = 10_000;

/// What has been counted of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    pub(crate) counters: Counters,
    /// How many entries its sweeps would have read, as far as could be told.
    pub(crate) estimate: u64,
}

/// Whether changes of the plan are left that nobody carries out any more. A simulation carries none out: its
/// counters are the plan's, however it ends.
fn leaves_changes(mode: Mode, outcome: Option<OutcomeStatus>) -> bool {
    let cut_off = matches!(outcome, Some(OutcomeStatus::Aborted | OutcomeStatus::Failure));
    mode == Mode::Apply && cut_off
}

/// The changes that have not been applied, as a condition on a row `c` of them.
#[derive(Default)]
pub(crate) struct Left {
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Left {
    pub(crate) fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    pub(crate) fn add(&mut self, run: i64, bucket: i64, reached: Reached) {
        for wave in Wave::ALL {
            // What changes nothing but what is remembered is as well off as without.
            let actions: Vec<String> = Action::ALL
                .into_iter()
                .filter(|action| action.wave() == wave && action.touches())
                .map(|action| (action as i64).to_string())
                .collect();
            let applied = reached.of(wave);
            if actions.is_empty() || applied == Applied::All {
                continue;
            }
            let mut condition = format!("c.bucket = ? AND c.action IN ({})", actions.join(", "));
            self.values.push(bucket.into());
            if let Applied::UpTo(last) = applied {
                let (is_behind, place) = last.comparison(">", run);
                condition = format!("{condition} AND {is_behind}");
                self.values.extend(place);
            }
            self.conditions.push(format!("({condition})"));
        }
    }
}

impl TenantStore {
    /// Counts a run: what its buckets have counted, how changes came out, and of one that was cut off what has not
    /// been applied.
    pub(crate) async fn count(
        &self,
        run: i64,
        mode: Mode,
        outcome: Option<OutcomeStatus>,
    ) -> Result<Counted, StoreError> {
        let sql = "SELECT step, cursor, no, counters, estimate FROM bucket WHERE tenant = ? AND run = ?";
        let buckets = self.database.query(sql, vec![self.tenant.into(), run.into()]).await?;
        let mut counted = Counted::default();
        let mut left = Left::default();
        for row in &buckets {
            counted.counters.add(&decode_counters(&get::<String>(row, 3)?)?);
            counted.estimate += number(row, 4)?.unsigned_abs();
            left.add(run, number(row, 2)?, Reached::read(row)?);
        }
        for (planned, came_out, entries) in self.ended_otherwise_of(run).await? {
            counted.counters.move_outcome(planned, came_out, entries);
        }
        if leaves_changes(mode, outcome) && !left.is_empty() {
            self.count_left(run, &left, &mut counted.counters).await?;
        }
        Ok(counted)
    }

    /// Moves the changes that have not been applied to an outcome of their own.
    pub(crate) async fn count_left(
        &self,
        run: i64,
        left: &Left,
        counters: &mut Counters,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT c.action, sum(CASE WHEN ({}) AND NOT EXISTS (SELECT 1 FROM problem p WHERE p.tenant = ? \
             AND p.run = ? AND p.change = c.id - ? AND p.change IS NOT NULL AND p.outcome IS NOT NULL) \
             THEN 1 ELSE 0 END), count(*), max(c.id) FROM (SELECT id, bucket, level, position, action FROM change \
             WHERE tenant = ? AND id > ? AND id <= ? ORDER BY id LIMIT {AT_ONCE}) c GROUP BY c.action",
            left.conditions.join(" OR ")
        );
        let mut after = change_id(run, 0);
        loop {
            let mut values = left.values.clone();
            let of_problems: [i64; 3] = [self.tenant, run, change_id(run, 0)];
            let of_changes: [i64; 3] = [self.tenant, after, change_id(run, u32::MAX)];
            values.extend(of_problems.into_iter().chain(of_changes).map(Value::from));
            let rows = self.database.query(&sql, values).await?;
            for row in &rows {
                let action = get_case(row, 0, &Action::ALL, "action")?;
                let left = number(row, 1)?.unsigned_abs();
                counters.move_outcome(action.outcome(), Outcome::NotApplied, left);
            }
            match last_of_full(&rows, 2)? {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }

    /// How changes came out that did not end as planned: planned outcome, actual outcome, how many. A pair may be
    /// answered several times.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ended_otherwise(&self, run: &RunRecord) -> Result<Vec<(Outcome, Outcome, u64)>, StoreError> {
        self.ended_otherwise_of(run.seq).await
    }

    async fn ended_otherwise_of(&self, run: i64) -> Result<Vec<(Outcome, Outcome, u64)>, StoreError> {
        let sql = format!(
            "SELECT c.action, p.outcome, count(*), max(p.no) FROM (SELECT no, ? + change AS id, outcome \
             FROM problem WHERE tenant = ? AND run = ? AND no > ? ORDER BY no LIMIT {AT_ONCE}) p \
             LEFT JOIN change c ON c.id = p.id AND c.tenant = ? AND p.outcome IS NOT NULL \
             GROUP BY c.action, p.outcome"
        );
        let mut ended = Vec::new();
        let mut after = i64::MIN;
        loop {
            let values = [change_id(run, 0), self.tenant, run, after, self.tenant];
            let rows = self.database.query(&sql, values.map(Value::from).to_vec()).await?;
            for row in &rows {
                // A warning, or something about an entry without a change.
                if optional_number(row, 0)?.is_none() {
                    continue;
                }
                let action = get_case(row, 0, &Action::ALL, "action")?;
                let came_out = get_case(row, 1, &Outcome::ALL, "outcome")?;
                ended.push((action.outcome(), came_out, number(row, 2)?.unsigned_abs()));
            }
            match last_of_full(&rows, 2)? {
                Some(last) => after = last,
                None => return Ok(ended),
            }
        }
    }
}

/// Behind what to go on after a step that counted as many as it may: rows hold how many at a place, and their last
/// behind it.
fn last_of_full(rows: &[QueryResult], place: usize) -> Result<Option<i64>, StoreError> {
    let (mut counted, mut last) = (0, i64::MIN);
    for row in rows {
        counted += number(row, place)?.unsigned_abs();
        last = last.max(number(row, place + 1)?);
    }
    Ok((counted >= AT_ONCE).then_some(last))
}
