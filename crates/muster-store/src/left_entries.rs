//! The entries of a run that changed nothing and failed at nothing: known by the sets of shadows that its pages met, and by
//! the keys of those that have no shadow. Never writes.

use std::collections::HashMap;

use muster_model::ApplicationId;
use muster_model::run::Outcome;
use roaring::RoaringBitmap;
use sea_orm::Value;

use crate::changes::{ProblemRecord, problem};
use crate::database::Dialect;
use crate::error::StoreError;
use crate::lists::Met;
use crate::row::{case, get, number, unsigned};
use crate::run::RunRecord;
use crate::tenant::TenantStore;

/// The outcomes of which a page tells neither by a change nor by a problem.
const LEFT: [Outcome; 3] = [Outcome::Unchanged, Outcome::Filtered, Outcome::Ignored];

/// The keys of a page's entries that leave no other trace, by what became of them.
#[derive(Debug, Default)]
pub(crate) struct Traceless(Vec<(Outcome, Vec<String>)>);

impl Traceless {
    pub(crate) fn add(&mut self, uid: &str, outcome: Outcome) {
        match self.0.iter_mut().find(|(known, _)| *known == outcome) {
            Some((_, keys)) => keys.push(uid.to_owned()),
            None => self.0.push((outcome, vec![uid.to_owned()])),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn encode(&self) -> Option<String> {
        let rows: Vec<_> = self.0.iter().map(|(outcome, keys)| (*outcome as i64, keys)).collect();
        (!rows.is_empty()).then(|| serde_json::to_string(&rows).unwrap_or_default())
    }

    fn decode(text: &str) -> Result<Vec<(Outcome, String)>, StoreError> {
        let rows: Vec<(i64, Vec<String>)> =
            serde_json::from_str(text).map_err(|error| StoreError::unreadable("list of entries", error))?;
        let mut entries = Vec::new();
        for (outcome, keys) in rows {
            let outcome = case(&Outcome::ALL, outcome, "outcome")?;
            entries.extend(keys.into_iter().map(|key| (outcome, key)));
        }
        Ok(entries)
    }
}

/// The page of a sweep up to which entries have been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct SweptPage {
    bucket: i64,
    page: i64,
}

/// The entries of one page that were left as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftEntries {
    /// Where to go on.
    pub page: SweptPage,
    /// The account's key, and what became of it.
    pub entries: Vec<(Outcome, String)>,
}

impl TenantStore {
    /// The entries of the next page of a run that were left as they are, besides those of shadows that have a change; `None`
    /// behind the last page. Accounts whose shadows are gone since have no key any more, and are left out.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn left_entries(
        &self,
        run: &RunRecord,
        after: SweptPage,
        changed: &RoaringBitmap,
    ) -> Result<Option<LeftEntries>, StoreError> {
        let sql = "SELECT m.bucket, m.page, m.met, m.traceless, b.application FROM met m JOIN bucket b \
            ON b.tenant = m.tenant AND b.run = m.run AND b.no = m.bucket \
            WHERE m.tenant = ? AND m.run = ? AND (m.bucket, m.page) > (?, ?) ORDER BY m.bucket, m.page LIMIT 1";
        let values = vec![self.tenant.into(), run.seq.into(), after.bucket.into(), after.page.into()];
        let Some(row) = self.database.query_one(sql, values).await? else { return Ok(None) };
        let page = SweptPage { bucket: number(&row, 0)?, page: number(&row, 1)? };
        let met = Met::decode(&get::<Vec<u8>>(&row, 2)?)?;
        let left: Vec<_> = LEFT.into_iter().map(|outcome| (outcome, met.of(outcome) - changed)).collect();
        let application = ApplicationId::new(&get::<String>(&row, 4)?)?;
        let keys = self.account_keys(&application, left.iter().flat_map(|(_, shadows)| shadows)).await?;
        let known = |(outcome, shadows): &(Outcome, RoaringBitmap)| {
            let outcome = *outcome;
            shadows
                .iter()
                .filter_map(|no| keys.get(&no))
                .map(move |key| (outcome, key.clone()))
                .collect::<Vec<_>>()
        };
        let mut entries: Vec<_> = left.iter().flat_map(known).collect();
        if let Some(traceless) = get::<Option<String>>(&row, 3)? {
            entries.extend(Traceless::decode(&traceless)?);
        }
        Ok(Some(LeftEntries { page, entries }))
    }

    /// The keys of accounts by the numbers of their shadows.
    async fn account_keys(
        &self,
        application: &ApplicationId,
        shadows: impl Iterator<Item = u32>,
    ) -> Result<HashMap<u32, String>, StoreError> {
        let shadows: Vec<u32> = shadows.collect();
        if shadows.is_empty() {
            return Ok(HashMap::new());
        }
        let (list, [no]) = match self.dialect() {
            Dialect::Sqlite => self.list_of(["j.value"]),
            Dialect::Postgres => self.list_of(["j.value::bigint"]),
        };
        let sql = format!(
            "SELECT s.no, s.uid FROM {list} CROSS JOIN shadow s \
             WHERE s.tenant = ? AND s.application = ? AND s.no = {no}"
        );
        let values: Vec<Value> = vec![
            serde_json::to_string(&shadows).unwrap_or_default().into(),
            self.tenant.into(),
            application.as_str().into(),
        ];
        let rows = self.database.query(&sql, values).await?;
        rows.iter().map(|row| Ok((unsigned(number(row, 0)?, "shadow number")?, get(row, 1)?))).collect()
    }

    /// What was noted about entries of a run that have no change and ended otherwise, those after a number, at most so many.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn entry_problems(
        &self,
        run: &RunRecord,
        (after, limit): (i64, u32),
    ) -> Result<Vec<ProblemRecord>, StoreError> {
        let sql = "SELECT no, change, outcome, step, code, uid, place, message, noted_at FROM problem \
            WHERE tenant = ? AND run = ? AND no > ? AND change IS NULL AND outcome IS NOT NULL ORDER BY no LIMIT ?";
        let values = vec![self.tenant.into(), run.seq.into(), after.into(), i64::from(limit).into()];
        let rows = self.database.query(sql, values).await?;
        rows.iter().map(problem).collect()
    }
}
