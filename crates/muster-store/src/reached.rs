//! How far a plan has been carried out: what the step and the cursor of a bucket say about each of its changes.
//!
//! The engine writes both with every piece of a batch and in its transaction; nothing else says whether a change was applied.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use muster_model::run::Wave;
use muster_plan::key::Position;
use sea_orm::{QueryResult, Value};

use crate::TenantStore;
use crate::database::{Dialect, Urgency};
use crate::error::StoreError;
use crate::lists::Slot;
use crate::over::APART;
use crate::page::change_id;
use crate::row::{get, number, unsigned};
use crate::run::RunRecord;
use crate::stage::Bucket;

/// Levels that are stored at a time.
const LEVELS_AT_ONCE: usize = 1000;

/// The step of a bucket in its first wave.
const FIRST_WAVE: u32 = 3;

/// The step of a bucket in which a wave is applied; in the next it is over.
#[must_use]
pub fn step_of(wave: Wave) -> u32 {
    FIRST_WAVE + 2 * wave as u32
}

/// How the changes of a level follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sorting {
    /// By the places of their accounts' keys: shadows are made in the order of their index.
    ByKey,
    /// By their numbers, as they lie in the store: where the target gives keys, nobody knows these before.
    ByNumber,
}

/// The place of a change among those of its wave: they are applied in this order. Places of one sorting compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageOrder {
    /// Applied once all lower levels are; 0 but where accounts have to exist before others name them.
    pub level: u32,
    /// The place of the account's key as the store sorts it, where it counts.
    pub position: Option<i64>,
    /// The number of the change.
    pub number: u32,
}

impl PageOrder {
    /// The place of a slot in its level.
    #[must_use]
    pub fn of(slot: Slot, level: u32, sorting: Sorting) -> Self {
        let position = match sorting {
            Sorting::ByKey => Some(slot.position.to_i64()),
            Sorting::ByNumber => None,
        };
        Self { level, position, number: slot.change }
    }

    /// How those were sorted among whom this is a place.
    #[must_use]
    pub fn sorting(self) -> Sorting {
        if self.position.is_some() { Sorting::ByKey } else { Sorting::ByNumber }
    }

    /// The cursor of a bucket whose changes have been applied up to this one.
    #[must_use]
    pub fn cursor(self) -> String {
        let position = self.position.map(|position| format!("{:016x}", Position::from_i64(position).0));
        format!("{:08x}{}{:08x}", self.level, position.unwrap_or_default(), self.number)
    }

    /// The place that a cursor of applying names.
    #[must_use]
    pub fn read(cursor: &str) -> Option<Self> {
        let (position, number) = match cursor.len() {
            32 => (Some(u64::from_str_radix(cursor.get(8..24)?, 16).ok()?), cursor.get(24..)?),
            16 => (None, cursor.get(8..)?),
            _ => return None,
        };
        Some(Self {
            level: u32::from_str_radix(cursor.get(..8)?, 16).ok()?,
            position: position.map(|position| Position(position).to_i64()),
            number: u32::from_str_radix(number, 16).ok()?,
        })
    }

    /// Compares the place of a change `c` with this one.
    pub(crate) fn comparison(self, operator: &str, run: i64) -> (String, Vec<Value>) {
        let (level, id) = (Value::from(i64::from(self.level)), Value::from(change_id(run, self.number)));
        match self.position {
            Some(position) => (
                format!("(c.level, c.position, c.id) {operator} (?, ?, ?)"),
                vec![level, position.into(), id],
            ),
            None => (format!("(c.level, c.id) {operator} (?, ?)"), vec![level, id]),
        }
    }
}

/// How far a bucket has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reached {
    step: u32,
    last: Option<PageOrder>,
}

/// Which changes of a wave have been applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    Nothing,
    UpTo(PageOrder),
    All,
}

impl Reached {
    /// What a row says that begins with the step and the cursor of a bucket.
    pub(crate) fn read(row: &QueryResult) -> Result<Self, StoreError> {
        let cursor: Option<String> = get(row, 1)?;
        Ok(Self::new(unsigned(number(row, 0)?, "step")?, cursor.as_deref()))
    }

    fn new(step: u32, cursor: Option<&str>) -> Self {
        Self { step, last: cursor.and_then(PageOrder::read) }
    }

    /// What has been applied of a wave.
    pub(crate) fn of(&self, wave: Wave) -> Applied {
        match (self.step.cmp(&step_of(wave)), self.last) {
            (Ordering::Greater, _) => Applied::All,
            (Ordering::Equal, Some(last)) => Applied::UpTo(last),
            (Ordering::Equal, None) | (Ordering::Less, _) => Applied::Nothing,
        }
    }

    /// Whether the change of this place has been applied.
    pub(crate) fn has_applied(&self, wave: Wave, order: PageOrder) -> bool {
        match self.of(wave) {
            Applied::Nothing => false,
            // A change always has a position; where the cursor has none it does not count.
            Applied::UpTo(last) => PageOrder { position: last.position.and(order.position), ..order } <= last,
            Applied::All => true,
        }
    }
}

impl TenantStore {
    /// Stores the levels of changes, by their numbers; 0 for those that are not named. Some of them at a time, so
    /// that no other write waits for all; to store them again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::LostFence`] when the worker has the run no longer; nothing more is written then.
    pub async fn set_levels(
        &self,
        run: &RunRecord,
        bucket: &Bucket,
        levels: &[(u32, u32)],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (id, level, rows) = match self.dialect() {
            Dialect::Sqlite => {
                ("json_extract(j.value, '$[0]')", "json_extract(j.value, '$[1]')", "json_each(?) AS j")
            }
            Dialect::Postgres => (
                "(j.value ->> 0)::bigint",
                "(j.value ->> 1)::bigint",
                "jsonb_array_elements(?::text::jsonb) AS j(value)",
            ),
        };
        let sql = format!(
            "UPDATE change SET level = n.level FROM (SELECT ? + {id} AS id, {level} AS level FROM {rows} {APART}) \
             AS n WHERE change.id = n.id AND change.tenant = ?"
        );
        for levels in levels.chunks(LEVELS_AT_ONCE) {
            let tx = self.database.begin(Urgency::Bulk).await?;
            self.move_cursor(&tx, run, bucket, now).await?;
            let list = serde_json::to_string(levels).unwrap_or_default();
            let values = vec![change_id(run.seq, 0).into(), list.into(), self.tenant.into()];
            tx.execute(&sql, values).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(level: u32, position: u64, number: u32) -> PageOrder {
        PageOrder { level, position: Some(Position(position).to_i64()), number }
    }

    fn numbered(level: u32, number: u32) -> PageOrder {
        PageOrder { level, position: None, number }
    }

    #[test]
    fn cursors_are_read_back_and_sort_as_their_places() {
        let by_key = [at(0, 1, 2), at(0, u64::MAX, 1), at(1, 0, 9), at(1, 1 << 63, 9)];
        let by_number = [numbered(0, 1), numbered(0, 70), numbered(1, 2), numbered(1, u32::MAX)];
        for pair in by_key.windows(2).chain(by_number.windows(2)) {
            assert!(pair[0] < pair[1] && pair[0].cursor() < pair[1].cursor());
            assert_eq!(PageOrder::read(&pair[0].cursor()), Some(pair[0]));
        }
        assert_eq!(PageOrder::read("77"), None);
    }

    #[test]
    fn what_comes_before_the_cursor_has_been_applied() {
        let inbound = "0000000080000000000000000000000a";
        let outbound = "0000000180000000000000000000000a";
        let numbered = "000000010000000a";
        for (step, cursor, wave, order, expected) in [
            (0, None, Wave::Build, at(0, 1, 1), false),
            (2, Some("names"), Wave::Build, at(0, 1, 1), false),
            (3, None, Wave::Build, at(0, 0, 0), false),
            (3, Some(inbound), Wave::Build, at(0, 1, 99), true),
            (3, Some(inbound), Wave::Build, at(0, 1 << 63, 10), true),
            (3, Some(inbound), Wave::Build, at(0, 1 << 63, 11), false),
            (3, Some(inbound), Wave::Build, at(0, u64::MAX, 1), false),
            (3, Some(outbound), Wave::Build, at(0, u64::MAX, 99), true),
            (3, Some(outbound), Wave::Build, at(1, 1 << 63, 10), true),
            (3, Some(outbound), Wave::Build, at(2, 1, 1), false),
            (3, Some(numbered), Wave::Build, at(0, u64::MAX, 99), true),
            (3, Some(numbered), Wave::Build, at(1, u64::MAX, 10), true),
            (3, Some(numbered), Wave::Build, at(1, 0, 11), false),
            (3, Some(numbered), Wave::Build, at(2, 0, 1), false),
            (3, Some(inbound), Wave::Withdraw, at(0, 1, 1), false),
            (4, None, Wave::Build, at(9, u64::MAX, 99), true),
            (5, Some(inbound), Wave::Build, at(9, u64::MAX, 99), true),
            (6, None, Wave::Withdraw, at(0, 0, 0), false),
            (7, Some(inbound), Wave::Withdraw, at(0, 1, 1), true),
            (8, None, Wave::Withdraw, at(9, u64::MAX, 99), true),
        ] {
            let reached = Reached::new(step, cursor);
            assert_eq!(reached.has_applied(wave, order), expected, "{step} {cursor:?} {wave:?} {order:?}");
        }
    }
}
