//! The changes of a run, page by page, as clients see them: for the API and for the command line, and all of them as
//! CSV. Never more than a page is held.

use csv::{Terminator, WriterBuilder};
use muster_engine::{Engine, Explanation};
use muster_plan::change::Action;
use muster_plan::errand::cell;
use muster_store::{ChangeQuery, RunRecord, StoreError, TenantStore};
use serde_json::Value;

use crate::view::{AttributeView, ChangeStanding, ChangeView};

/// Changes of a page of CSV.
const PAGE: u32 = 1000;

/// The columns of CSV.
const COLUMNS: [&str; 17] = [
    "number",
    "action",
    "situation",
    "reaction",
    "status",
    "accountKey",
    "place",
    "objectKind",
    "objectId",
    "objectName",
    "profileId",
    "attribute",
    "before",
    "after",
    "mapping",
    "why",
    "message",
];

/// Who reads the changes of a run.
pub struct ChangeReader {
    store: TenantStore,
    run: RunRecord,
    explanation: Explanation,
}

impl ChangeReader {
    /// Reads the configuration of the run, which explains its changes.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open(engine: &Engine, store: TenantStore, run: RunRecord) -> Result<Self, StoreError> {
        let explanation = engine.explain(&store, &run).await?;
        Ok(Self { store, run, explanation })
    }

    /// The changes that fit and have come so far, and the number after which to look on.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn page(
        &self,
        query: &ChangeQuery,
        standing: Option<ChangeStanding>,
    ) -> Result<(Vec<ChangeView>, Option<u32>), StoreError> {
        let state = match standing.map(|standing| standing.in_run(self.run.state)) {
            Some(None) => return Ok((Vec::new(), None)),
            Some(state) => state,
            None => None,
        };
        let query = ChangeQuery { state, ..query.clone() };
        let page = self.store.change_page(&self.run, &query).await?;
        let view = |change| ChangeView::new(change, self.run.state, &self.explanation);
        Ok((page.changes.iter().map(view).collect(), page.next))
    }

    /// A page of CSV, and the number after which to look on. The first page begins with the names of the columns.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn csv(
        &self,
        query: &ChangeQuery,
        standing: Option<ChangeStanding>,
        head: Head,
    ) -> Result<(Vec<u8>, Option<u32>), StoreError> {
        let (changes, next) = self.page(&ChangeQuery { limit: PAGE, ..query.clone() }, standing).await?;
        // Written to memory, which does not fail.
        Ok((octets(head, &changes).unwrap_or_default(), next))
    }
}

/// Whether a page begins with the names of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// It does.
    Written,
    /// It does not.
    LeftOut,
}

fn octets(head: Head, changes: &[ChangeView]) -> csv::Result<Vec<u8>> {
    let mut octets = Vec::new();
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(&mut octets);
    match head {
        Head::Written => writer.write_record(COLUMNS)?,
        Head::LeftOut => {}
    }
    for change in changes {
        for row in rows(change) {
            writer.write_record(row.iter().map(|text| cell(text)))?;
        }
    }
    writer.flush()?;
    drop(writer);
    Ok(octets)
}

/// One row an attribute, and one for a change without any.
fn rows(change: &ChangeView) -> Vec<[String; COLUMNS.len()]> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let row = |[attribute, before, after, mapping]: [String; 4]| {
        [
            change.number.to_string(),
            change.action.to_owned(),
            change.situation.to_owned(),
            change.reaction.to_owned(),
            change.status.to_owned(),
            change.account_key.clone(),
            text(&change.place_in_words),
            change.object_kind.unwrap_or_default().to_owned(),
            text(&change.object_id),
            text(&change.object_name),
            text(&change.profile_id),
            attribute,
            before,
            after,
            mapping,
            text(&change.why),
            text(&change.message),
        ]
    };
    let mut rows: Vec<_> = change.attributes.iter().map(|attribute| row(of_attribute(attribute))).collect();
    rows.extend(change.memberships.iter().map(|membership| {
        let attribute = membership.attribute.clone();
        row([attribute, membership.remove.join(", "), membership.add.join(", "), String::new()])
    }));
    if let Some(enabled) = change.enabled {
        // What is made was neither.
        let before =
            if change.action == Action::Create.as_str() { String::new() } else { (!enabled).to_string() };
        rows.push(row(["enabled".to_owned(), before, enabled.to_string(), String::new()]));
    }
    if rows.is_empty() {
        rows.push(row([const { String::new() }; 4]));
    }
    rows
}

fn of_attribute(attribute: &AttributeView) -> [String; 4] {
    let mappings: Vec<_> = attribute.why.iter().map(|mapping| mapping.text.as_str()).collect();
    [attribute.name.clone(), in_cell(&attribute.before), in_cell(&attribute.after), mappings.join(" or ")]
}

fn in_cell(value: &Option<Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
