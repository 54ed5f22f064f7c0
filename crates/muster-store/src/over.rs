//! Statements over listed changes, and which of those were decided on what is so no longer.

use sea_orm::Value;

use crate::TenantStore;
use crate::database::{Dialect, Transaction};
use crate::error::StoreError;
use crate::page::change_id;
use crate::row::{number, unsigned};
use crate::run::RunRecord;

/// Keeps SQLite from mixing a subquery into the statement around it; then the changes come first and the rows
/// they change are looked up by key. Mixed, all rows of the table would be read for each batch.
pub(crate) const APART: &str = "LIMIT 1000000";

/// What must not have changed since a change was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bases {
    /// Its shadow.
    Shadows,
    /// Its shadow and its object.
    ObjectsAndShadows,
}

/// One statement over a list of changes.
pub(crate) struct Over<'a> {
    pub(crate) tx: &'a Transaction,
    pub(crate) tenant: i64,
    pub(crate) run: i64,
}

impl Over<'_> {
    /// `{changes}` in the text becomes the listed changes as `c`, in their order, `{index}` their place from
    /// 0; the parameters of the list come where the token stands.
    pub(crate) async fn execute(
        &self,
        sql: &str,
        before: Vec<Value>,
        numbers: &[u32],
        after: Vec<Value>,
    ) -> Result<u64, StoreError> {
        if numbers.is_empty() {
            return Ok(0);
        }
        let mut values = before;
        values.extend(self.list(numbers));
        values.extend(after);
        self.tx.execute(&self.text(sql), values).await
    }

    pub(crate) fn text(&self, sql: &str) -> String {
        over_changes(self.tx.dialect(), sql)
    }

    pub(crate) fn list(&self, numbers: &[u32]) -> [Value; 3] {
        listed(self.tenant, self.run, numbers)
    }
}

fn over_changes(dialect: Dialect, sql: &str) -> String {
    let (changes, index) = match dialect {
        Dialect::Sqlite => {
            ("json_each(?) j CROSS JOIN change c ON c.id = ? + j.value AND c.tenant = ?", "j.key")
        }
        Dialect::Postgres => (
            // Computed apart, as in `TenantStore::list_of`.
            "(SELECT j.key, run.id + j.value::bigint AS id FROM jsonb_array_elements_text(?::text::jsonb) \
             WITH ORDINALITY AS j(value, key) CROSS JOIN (SELECT ?::bigint AS id) AS run OFFSET 0) AS j \
             JOIN change c ON c.id = j.id AND c.tenant = ?",
            "(j.key - 1)",
        ),
    };
    sql.replace("{changes}", changes).replace("{index}", index)
}

fn listed(tenant: i64, run: i64, numbers: &[u32]) -> [Value; 3] {
    let list = serde_json::to_string(numbers).unwrap_or_default();
    [list.into(), change_id(run, 0).into(), tenant.into()]
}

/// Finds, of listed changes, those whose shadow, or object, no longer has the version they were decided on. Takes the
/// number of the run after the list.
fn moved_on(bases: Bases) -> String {
    let object = match bases {
        Bases::Shadows => "",
        Bases::ObjectsAndShadows => {
            "(c.object_version > 0 AND (o.version IS NULL OR o.version <> c.object_version)) OR "
        }
    };
    format!(
        "SELECT c.id FROM {{changes}} \
         JOIN bucket b ON b.tenant = c.tenant AND b.run = ? AND b.no = c.bucket \
         LEFT JOIN object o ON o.tenant = c.tenant AND o.id = c.object \
         LEFT JOIN shadow s ON s.tenant = c.tenant AND s.application = b.application AND s.no = c.shadow \
         LEFT JOIN shadow t ON t.tenant = c.tenant AND t.application = b.application \
             AND t.uid_key = c.uid_key AND (c.shadow IS NULL OR c.shadow <> t.no) \
         WHERE {object}(c.shadow IS NOT NULL AND (s.version IS NULL OR s.version <> c.shadow_version)) \
         OR t.no IS NOT NULL"
    )
}

impl TenantStore {
    /// Of the listed changes those whose shadow, or object, no longer has the version they were decided on.
    pub(crate) async fn moved_on(
        &self,
        over: &Over<'_>,
        numbers: &[u32],
        bases: Bases,
    ) -> Result<Vec<u32>, StoreError> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let mut values = over.list(numbers).to_vec();
        values.push(over.run.into());
        let rows = over.tx.query(&over.text(&moved_on(bases)), values).await?;
        rows.iter().map(|row| change_number(number(row, 0)?)).collect()
    }

    /// Of the listed changes those whose object or shadow has moved on since the plan was made.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stale(&self, run: &RunRecord, numbers: &[u32]) -> Result<Vec<u32>, StoreError> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let sql = over_changes(self.dialect(), &moved_on(Bases::ObjectsAndShadows));
        let mut values = listed(self.tenant, run.seq, numbers).to_vec();
        values.push(run.seq.into());
        let rows = self.database.query(&sql, values).await?;
        rows.iter().map(|row| change_number(number(row, 0)?)).collect()
    }
}

pub(crate) fn change_number(id: i64) -> Result<u32, StoreError> {
    unsigned(id & i64::from(u32::MAX), "number of a change")
}
