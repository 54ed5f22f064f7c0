//! Searching objects by a condition. The database says which objects a condition may hold for, the condition itself
//! decides about each of them: so its meaning is one, wherever it is asked. Never writes.

mod approximation;
#[cfg(test)]
mod tests;

use muster_model::condition::Condition;
use muster_model::{AttributeName, DirectoryId, ImObject, ObjectId, ObjectKind};
use muster_plan::key::KeyHash;
use sea_orm::Value;
use uuid::Uuid;

use crate::codec;
use crate::database::Dialect;
use crate::error::StoreError;
use crate::facts::{OBJECT_COLUMNS, hex_list, object_at};
use crate::row::get;
use crate::tenant::TenantStore;

/// Objects that one statement looks at, at most: no read outlives such a slice, however few objects are found.
/// Few in tests, so that they cross its borders.
const SLICE: u32 = if cfg!(test) { 7 } else { 5000 };

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct ObjectSearch<'a> {
    /// The kind of objects.
    pub kind: ObjectKind,
    /// The population they belong to; all where there is none.
    pub directory: Option<&'a DirectoryId>,
    /// What has to hold for them.
    pub condition: Option<&'a Condition>,
    /// Keys under which all objects are found that the condition holds for; all objects are looked at without.
    pub keys: Option<&'a [KeyHash]>,
    /// Only objects after this one.
    pub after: Option<ObjectId>,
    /// At most so many.
    pub limit: u32,
}

/// A part of a statement, with the values of its parameters.
#[derive(Debug, Clone, PartialEq, Default)]
struct Part {
    text: String,
    values: Vec<Value>,
}

impl Part {
    /// One more that has to hold.
    fn and(&mut self, text: &str, values: impl IntoIterator<Item = Value>) {
        self.text.push_str(" AND ");
        self.text.push_str(text);
        self.values.extend(values);
    }
}

/// A part of all objects in the order of their ids.
#[derive(Debug, Clone, Copy)]
struct Slice {
    /// Those after this one.
    after: Uuid,
    /// Up to this one; to the end where there is none.
    end: Option<Uuid>,
    /// At most so many.
    limit: usize,
}

impl TenantStore {
    /// The objects that are looked for, in the order of their ids.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn search_objects(&self, search: &ObjectSearch<'_>) -> Result<Vec<ImObject>, StoreError> {
        let mut tests = Part::default();
        tests.and("o.kind = ?", [(search.kind as i64).into()]);
        if let Some(directory) = search.directory {
            tests.and("o.directory = ?", [directory.as_str().into()]);
        }
        if let Some(condition) = search.condition {
            let may_hold = approximation::of(condition, self.dialect());
            tests.and(&may_hold.text, may_hold.values);
        }
        let holds = |object: &ImObject| search.condition.is_none_or(|condition| condition.holds(object));
        let mut slice = Slice {
            after: search.after.map_or(Uuid::nil(), |id| id.0),
            end: None,
            limit: search.limit as usize,
        };
        let mut found = Vec::new();
        if let Some(keys) = search.keys {
            self.search_slice((self.found_by(keys), &tests), slice, &holds, &mut found).await?;
            return Ok(found);
        }
        loop {
            slice.end = self.slice_end(slice.after).await?;
            self.search_slice((all_source(), &tests), slice, &holds, &mut found).await?;
            match slice.end {
                Some(end) if found.len() < slice.limit => slice.after = end,
                Some(_) | None => return Ok(found),
            }
        }
    }

    /// The objects of a directory that hold a reference by one of these attributes of a kind of objects, as far as
    /// `refers` says that they do.
    ///
    /// # Errors
    /// When the database fails or holds something unreadable.
    pub async fn referring_objects(
        &self,
        directory: &DirectoryId,
        (kind, by): (ObjectKind, &[&AttributeName]),
        refers: impl Fn(&ImObject) -> bool,
    ) -> Result<Vec<ObjectId>, StoreError> {
        let marks = by.iter().map(|by| Value::from(codec::reference_beginning(kind, by)));
        let any = vec![format!("{} > 0", self.dialect().place_of("o.attributes", "?")); by.len()];
        let mut tests = Part::default();
        tests.and("o.directory = ?", [directory.as_str().into()]);
        tests.and(&format!("({})", any.join(" OR ")), marks);
        let mut slice = Slice { after: Uuid::nil(), end: None, limit: usize::MAX };
        let mut found = Vec::new();
        loop {
            slice.end = self.slice_end(slice.after).await?;
            let mut referring = Vec::new();
            self.search_slice((all_source(), &tests), slice, &refers, &mut referring).await?;
            found.extend(referring.iter().map(|object| object.id));
            let Some(end) = slice.end else { return Ok(found) };
            slice.after = end;
        }
    }

    /// The objects that keys find, each once.
    fn found_by(&self, keys: &[KeyHash]) -> Part {
        let text = format!(
            "(SELECT DISTINCT k.object FROM {} CROSS JOIN key k WHERE k.tenant = ? AND k.hash = unhex(j.value)) AS f \
             CROSS JOIN object o WHERE o.id = f.object",
            self.list()
        );
        Part { text, values: vec![hex_list(keys), self.tenant.into()] }
    }

    /// The last object of the next slice; `None` where fewer than a whole slice are left. Asked for before the slice
    /// is read: what is made or deleted in between moves no object past it.
    async fn slice_end(&self, after: Uuid) -> Result<Option<Uuid>, StoreError> {
        let sql = "SELECT o.id FROM object o WHERE o.tenant = ? AND o.id > ? ORDER BY o.id LIMIT 1 OFFSET ?";
        let values = vec![self.tenant.into(), after.into(), i64::from(SLICE - 1).into()];
        self.database.query_one(sql, values).await?.map(|row| get(&row, 0)).transpose()
    }

    /// Adds the objects of a slice that pass the tests and that `holds` admits, until there are as many as wanted.
    async fn search_slice(
        &self,
        (source, tests): (Part, &Part),
        slice: Slice,
        holds: &impl Fn(&ImObject) -> bool,
        found: &mut Vec<ImObject>,
    ) -> Result<(), StoreError> {
        let mut after = slice.after;
        let until = if slice.end.is_some() { " AND o.id <= ?" } else { "" };
        let sql = format!(
            "SELECT {OBJECT_COLUMNS} FROM {} AND o.tenant = ? AND o.id > ?{until}{} ORDER BY o.id LIMIT ?",
            source.text, tests.text
        );
        loop {
            let wanted = (slice.limit - found.len()).min(SLICE as usize);
            let mut values = source.values.clone();
            values.extend([self.tenant.into(), after.into()]);
            values.extend(slice.end.map(Value::from));
            values.extend(tests.values.iter().cloned());
            values.push(i64::try_from(wanted).unwrap_or(i64::MAX).into());
            let rows = self.database.query(&sql, values).await?;
            for row in &rows {
                let Some(object) = object_at(row, 0)? else { continue };
                after = object.id.0;
                if holds(&object) {
                    found.push(object);
                }
            }
            if rows.len() < wanted || found.len() >= slice.limit {
                return Ok(());
            }
        }
    }
}

fn all_source() -> Part {
    Part { text: "object o WHERE TRUE".to_owned(), values: Vec::new() }
}

impl Dialect {
    /// The place of one text in another, from 1; 0 where it is not there.
    fn place_of(self, text: &str, part: &str) -> String {
        match self {
            Self::Sqlite => format!("instr({text}, {part})"),
            Self::Postgres => format!("strpos({text}, {part})"),
        }
    }
}
