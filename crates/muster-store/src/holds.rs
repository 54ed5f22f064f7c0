//! Why plans are held, and what somebody answers for: how both are stored, and what guards want to know of the runs
//! before.

use chrono::{DateTime, TimeDelta, Utc};
use muster_model::configuration::Leniency;
use muster_model::configuration::document::check::parse;
use muster_model::configuration::document::overriding::OverrideDocument;
use muster_model::configuration::document::reader;
use muster_model::configuration::document::value::FieldValue as _;
use muster_model::configuration::guard::{Guarded, Limit};
use muster_model::run::Override;
use muster_model::{ApplicationId, ConfigurationId, RunId};
use muster_plan::guard::{Earlier, Hold, Trip, Window};
use sea_orm::Value;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::TenantStore;
use crate::error::StoreError;
use crate::row::{counted_in_tally, decode_tally, get, instant, number, optional_number, unsigned};
use crate::run::{Hash, RunRecord};

/// Phases from which on a run has passed its guards: applying, and what comes after.
const PASSED: &str = "r.phase >= 4";

/// The most earlier runs that a window is made of.
const MOST_EARLIER: i64 = 1000;

/// What another run did in one of its buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierBucket {
    /// Its application.
    pub application: ApplicationId,
    /// Its place among the buckets of the application, from 1: which class of accounts it is about.
    pub place: u32,
    /// What was done, and when.
    pub earlier: Earlier,
}

impl TenantStore {
    /// What other runs of some tasks of the kind of a run have done, newest first: those that ended at most so many
    /// hours ago, and those that are at it. What a person has approved or answered for is not among it.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn earlier(
        &self,
        run: &RunRecord,
        tasks: &[&ConfigurationId],
        (hours, now): (u32, DateTime<Utc>),
    ) -> Result<Vec<EarlierBucket>, StoreError> {
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let marks = vec!["?"; tasks.len()].join(", ");
        let sql = format!(
            "SELECT b.application, row_number() OVER (PARTITION BY b.run, b.application ORDER BY b.no), b.tally, \
             r.ended_at FROM run r JOIN bucket b ON b.tenant = r.tenant AND b.run = r.seq \
             WHERE r.tenant = ? AND r.task_kind = ? AND r.task IN ({marks}) AND r.no <> ? AND r.mode = 0 \
             AND {PASSED} AND (r.ended_at IS NULL OR r.ended_at > ?) \
             AND r.approved_at IS NULL AND r.approved_hash IS NULL AND r.overriding IS NULL \
             ORDER BY r.no DESC LIMIT ?"
        );
        let mut values = vec![self.tenant.into(), Value::from(run.task_kind as i64)];
        values.extend(tasks.iter().map(|task| Value::from(task.as_str())));
        let since = now - TimeDelta::hours(hours.into());
        values.extend([run.no.into(), since.timestamp_millis().into(), MOST_EARLIER.into()]);
        let rows = self.database.query(&sql, values).await?;
        rows.iter()
            .map(|row| {
                let ended = optional_number(row, 3)?.map(instant).transpose()?;
                let ago = ended.map_or(0, |ended| (now - ended).num_hours());
                Ok(EarlierBucket {
                    application: ApplicationId::of_run(&get::<String>(row, 0)?)?,
                    place: unsigned(number(row, 1)?, "place of a bucket")?,
                    earlier: Earlier {
                        hours_ago: u32::try_from(ago).unwrap_or(0),
                        tally: decode_tally(&get::<String>(row, 2)?)?,
                    },
                })
            })
            .collect()
    }

    /// The hashes of the configurations that a person has seen at work, as far as runs are kept: of the last full run
    /// of the task before a run, and of the last of them whose plan took something from somebody, or where none did, of
    /// the first. Nothing where the task was never carried out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn known_rules(&self, run: &RunRecord) -> Result<Vec<Hash>, StoreError> {
        let last = self.rules_before(run, "ORDER BY r.no DESC").await?;
        let withdraws = Guarded::ALL.into_iter().filter(|guarded| guarded.withdraws());
        let counted: Vec<_> =
            withdraws.map(|guarded| format!("b.tally LIKE '{}'", counted_in_tally(guarded))).collect();
        let took = format!(
            "AND EXISTS (SELECT 1 FROM bucket b WHERE b.tenant = r.tenant AND b.run = r.seq AND ({})) \
             ORDER BY r.no DESC",
            counted.join(" OR ")
        );
        let looked_at = match self.rules_before(run, &took).await? {
            Some(rules) => Some(rules),
            None => self.rules_before(run, "ORDER BY r.no").await?,
        };
        let mut known: Vec<Hash> = last.into_iter().chain(looked_at).collect();
        known.dedup();
        Ok(known)
    }

    /// The configuration of the first of the full runs of the task before a run, as such a rest of a statement says.
    async fn rules_before(&self, run: &RunRecord, rest: &str) -> Result<Option<Hash>, StoreError> {
        let sql = format!(
            "SELECT r.rules FROM run r WHERE r.tenant = ? AND r.task_kind = ? AND r.task = ? AND r.no < ? \
             AND r.mode = 0 AND r.keys IS NULL AND r.undoes IS NULL AND {PASSED} {rest} LIMIT 1"
        );
        let row = self.database.query_one(&sql, self.of_task_before(run)).await?;
        row.map(|row| crate::facts::octets(get(&row, 0)?)).transpose()
    }

    /// Why guards held the plan of a run, or would have; nothing where they did not.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn trips(&self, run: &RunRecord) -> Result<Vec<Hold>, StoreError> {
        let sql = "SELECT trips FROM run WHERE tenant = ? AND seq = ?";
        let row = self.database.query_one(sql, vec![self.tenant.into(), run.seq.into()]).await?;
        let text = row.map(|row| get::<Option<String>>(&row, 0)).transpose()?.flatten();
        text.map_or(Ok(Vec::new()), |text| decode(&text))
    }

    fn of_task_before(&self, run: &RunRecord) -> Vec<Value> {
        vec![self.tenant.into(), (run.task_kind as i64).into(), run.task.as_str().into(), run.no.into()]
    }
}

/// An override as its document.
pub(crate) fn encode_override(overriding: &Override) -> String {
    OverrideDocument::from(overriding).write().to_string()
}

/// Reads what [`encode_override`] wrote.
pub(crate) fn decode_override(text: &str) -> Result<Override, StoreError> {
    let unreadable = |detail: String| StoreError::unreadable("override", detail);
    let document: Json = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    let read = reader::read::<OverrideDocument>(&document, Leniency::Strict);
    read.and_then(|document| parse(&document)).map_err(|problems| unreadable(problems.to_string()))
}

/// Why a plan is held, as a list of objects; `None` for nothing.
pub(crate) fn encode(holds: &[Hold]) -> Option<String> {
    let rows: Vec<Json> = holds.iter().map(row).collect();
    (!rows.is_empty()).then(|| Json::from(rows).to_string())
}

fn row(hold: &Hold) -> Json {
    match hold {
        Hold::Widened(how) => json!({ "widened": how }),
        Hold::Undo(undone) => json!({ "undoes": undone.to_string() }),
        Hold::Emptied { application, known } => {
            json!({ "application": application.as_str(), "emptied": known })
        }
        Hold::Limit { application, trip } => {
            let Trip { guarded, of, changes, population, limit, window } = trip;
            json!({
                "application": application.as_str(), "guarded": *guarded as u8, "of": of, "changes": changes,
                "population": population, "count": limit.count, "percent": limit.percent,
                "minimum": limit.minimum, "windowHours": limit.window_hours,
                "hours": window.map(|window| window.hours), "before": window.map(|window| window.before),
            })
        }
    }
}

/// Reads what [`encode`] wrote.
fn decode(text: &str) -> Result<Vec<Hold>, StoreError> {
    let rows: Vec<Json> =
        serde_json::from_str(text).map_err(|error| StoreError::unreadable("trips", error))?;
    rows.iter().map(|row| hold(row).ok_or_else(|| StoreError::unreadable("trip", row))).collect()
}

fn hold(row: &Json) -> Option<Hold> {
    if let Some(how) = row["widened"].as_str() {
        return Some(Hold::Widened(how.to_owned()));
    }
    if let Some(undone) = row["undoes"].as_str() {
        return Uuid::parse_str(undone).ok().map(|undone| Hold::Undo(RunId(undone)));
    }
    let application = ApplicationId::of_run(row["application"].as_str()?).ok()?;
    if let Some(known) = row["emptied"].as_u64() {
        return Some(Hold::Emptied { application, known });
    }
    let small = |name: &str| row[name].as_u64().and_then(|number| u32::try_from(number).ok());
    let limit = Limit {
        count: row["count"].as_u64(),
        percent: small("percent").and_then(|percent| u8::try_from(percent).ok()),
        minimum: row["minimum"].as_u64()?,
        window_hours: small("windowHours"),
    };
    let window = small("hours").zip(row["before"].as_u64());
    Some(Hold::Limit {
        application,
        trip: Trip {
            guarded: *Guarded::ALL.get(usize::try_from(row["guarded"].as_u64()?).ok()?)?,
            of: row["of"].as_str().map(str::to_owned),
            changes: row["changes"].as_u64()?,
            population: row["population"].as_u64()?,
            limit,
            window: window.map(|(hours, before)| Window { hours, before }),
        },
    })
}

#[cfg(test)]
mod tests {
    use muster_model::configuration::guard::Guards;

    use super::*;

    #[test]
    fn what_is_stored_reads_back() {
        let limit = Limit { count: Some(3), percent: Some(10), minimum: 20, window_hours: Some(24) };
        let trip = |of: Option<&str>, window| Hold::Limit {
            application: ApplicationId::new("hr").unwrap(),
            trip: Trip {
                guarded: Guarded::Clearing,
                of: of.map(str::to_owned),
                changes: 40,
                population: 100,
                limit,
                window,
            },
        };
        let holds = [
            trip(Some("email"), None),
            trip(None, Some(Window { hours: 24, before: 12 })),
            Hold::Widened("the limit is wider".to_owned()),
            Hold::Undo(RunId(Uuid::from_u128(7))),
            Hold::Emptied { application: ApplicationId::new("ad").unwrap(), known: 7 },
        ];
        assert_eq!(decode(&encode(&holds).unwrap()).unwrap(), holds);
        assert_eq!(encode(&[]), None);
        assert!(decode(r#"[{"guarded": 99}]"#).is_err());
        let overriding =
            Override { reason: "because".into(), guards: Guards(vec![(Guarded::Delete, limit)]) };
        assert_eq!(decode_override(&encode_override(&overriding)).unwrap(), overriding);
        assert!(decode_override("{}").is_err());
    }
}
