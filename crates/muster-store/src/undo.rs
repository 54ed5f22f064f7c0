//! What has become of the objects that a run wrote, for whoever undoes it: a page of them at once. Never writes.

use std::collections::HashMap;

use muster_model::shadow::ShadowState;
use muster_model::{ApplicationId, ImObject, ObjectId};
use sea_orm::Value;

use crate::TenantStore;
use crate::database::Dialect;
use crate::error::StoreError;
use crate::facts::{OBJECT_COLUMNS, OBJECT_WIDTH, object_at, text_list};
use crate::row::{get, number, optional_number, unsigned};
use crate::run::RunRecord;

/// What is known of an object that a run wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct UndoneObject {
    /// The object, if it exists.
    pub object: Option<ImObject>,
    /// The version that the run replaced, as the history has it.
    pub written: Option<u32>,
    /// Whether one of the other sources holds a live shadow of it.
    pub held_elsewhere: bool,
}

impl TenantStore {
    /// What is known of these objects after a run wrote them, by one statement.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn undone_objects(
        &self,
        run: &RunRecord,
        objects: &[ObjectId],
        other_sources: &[ApplicationId],
    ) -> Result<HashMap<ObjectId, UndoneObject>, StoreError> {
        if objects.is_empty() {
            return Ok(HashMap::new());
        }
        let (list, [id]) = match self.dialect() {
            Dialect::Sqlite => self.list_of(["unhex(j.value)"]),
            Dialect::Postgres => self.list_of(["j.value::uuid"]),
        };
        let marks = vec!["?"; other_sources.len()].join(", ");
        let elsewhere = if other_sources.is_empty() {
            "CAST(0 AS BIGINT)".to_owned()
        } else {
            // An expression in the place of the column keeps SQLite from reading all shadows of the applications.
            format!(
                "(SELECT count(*) FROM shadow e WHERE e.tenant = n.tenant AND e.owner = n.id AND e.state = {} \
                 AND (e.application || '') IN ({marks}))",
                ShadowState::Live as i64
            )
        };
        let sql = format!(
            "SELECT {OBJECT_COLUMNS}, n.id, {elsewhere}, (SELECT max(h.version) FROM history h \
             WHERE h.tenant = n.tenant AND h.id = n.id AND h.run = ?) \
             FROM (SELECT {id} AS id, CAST(? AS BIGINT) AS tenant FROM {list}) n \
             LEFT JOIN object o ON o.tenant = n.tenant AND o.id = n.id"
        );
        let mut values: Vec<Value> = other_sources.iter().map(|other| Value::from(other.as_str())).collect();
        let list = text_list(objects, 32, |list, id| list.push_str(&id.0.simple().to_string()));
        values.extend([run.seq.into(), self.tenant.into(), list]);
        let mut found = HashMap::new();
        for row in self.database.query(&sql, values).await? {
            let written = optional_number(&row, OBJECT_WIDTH + 2)?;
            let known = UndoneObject {
                object: object_at(&row, 0)?,
                written: written.map(|version| unsigned(version, "version")).transpose()?,
                held_elsewhere: number(&row, OBJECT_WIDTH + 1)? > 0,
            };
            found.insert(ObjectId(get(&row, OBJECT_WIDTH)?), known);
        }
        Ok(found)
    }
}
