//! Connectors as a file: exported, and imported all or none. They are matched by their unique ids; directories are a
//! matter of the tenant, and stay out of it.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use muster_model::configuration::Problems;
use muster_model::{ConfigurationId, DirectoryId};
use serde_json::Value;
use uuid::Uuid;

use super::propose::{Broken, Deleted, Proposed, Whose, save};
use super::stored::Connector;
use crate::call::Call;
use crate::configuration::change;
use crate::error::ApiError;
use crate::fields::{Fields, Form};
use crate::view::ConnectorView;

const DIRECTORY: &str = "directoryId";

const FORM: Form = Form {
    such_as: Some(
        r#"{"uniqueId": "7df9fd3f-793f-4595-b415-b839b76b0018", "id": "hr", "configuration": {…}}"#,
    ),
    fields: &["uniqueId", "id", "name", DIRECTORY, "configuration"],
    known: "known are `uniqueId`, `id` and `configuration`, and `name` and `directoryId`, which say nothing here",
};

pub(super) async fn export(call: &Call) -> Result<HttpResponse, ApiError> {
    let connectors = Connector::all(&call.store.resources().await?)?;
    let views: Vec<_> = connectors.iter().map(|connector| portable(connector.view())).collect();
    Ok(HttpResponse::Ok().json(views))
}

/// A connector without its directory.
fn portable(mut view: ConnectorView) -> ConnectorView {
    view.directory_id = None;
    settle(&mut view.configuration, None);
    view
}

/// Gives a configuration a directory, or takes it away.
fn settle(configuration: &mut Value, directory: Option<&str>) {
    if let Value::Object(fields) = configuration {
        // In the order of the others.
        fields.shift_remove(DIRECTORY);
        fields.extend(directory.map(|directory| (DIRECTORY.to_owned(), directory.into())));
    }
}

pub(super) async fn import(mut call: Call) -> Result<HttpResponse, ApiError> {
    // What a tenant exports it can import, like a dataset.
    let Value::Array(items) = call.json_of(call.settings().dataset_limit).await? else {
        return Err(ApiError::invalid("", "is no array of connectors"));
    };
    let saved = change(&call, async |basis| {
        let connectors = Connector::all(&basis.rows)?;
        let known = Known::of(&connectors);
        let read = |(index, item)| {
            let place = format!("/{index}");
            let new_id = || call.engine().surroundings().new_id();
            known.read(&place, item, new_id).map_err(|problems| {
                let id = ["id", "uniqueId"].iter().find_map(|field| item.get(field)?.as_str());
                let id = id.and_then(|id| ConfigurationId::new(id).ok());
                Broken { id, problems: problems.placed_under(&place) }
            })
        };
        save(&call, &basis, items.iter().enumerate().map(read).collect(), Deleted::Left).await
    })
    .await?;
    call.note(format_args!("{} connectors imported", items.len()));
    let views: Vec<_> = Connector::all(&saved)?.iter().map(Connector::view).collect();
    Ok(HttpResponse::Ok().json(views))
}

/// The connectors that are there.
struct Known<'a> {
    by_unique_id: BTreeMap<Uuid, &'a Connector>,
    by_task: BTreeMap<&'a str, &'a Connector>,
}

impl<'a> Known<'a> {
    fn of(connectors: &'a [Connector]) -> Self {
        let unique = connectors.iter().filter_map(|connector| Some((connector.unique_id()?, connector)));
        let tasks = connectors.iter().map(|connector| (connector.task_id(), connector));
        Self { by_unique_id: unique.collect(), by_task: tasks.collect() }
    }

    /// Reads an item of a file. Pointers of problems are within it.
    fn read(
        &self,
        place: &str,
        item: &Value,
        new_id: impl FnOnce() -> Uuid,
    ) -> Result<Proposed<'a>, Problems> {
        let mut fields = Fields::of(item, &FORM)?;
        let unique_id = fields.text("uniqueId").map(str::parse::<Uuid>);
        if let Some(Err(_)) = unique_id {
            fields.problem("uniqueId", "is not a UUID");
        }
        let unique_id = unique_id.and_then(Result::ok);
        let old = unique_id.and_then(|unique_id| self.by_unique_id.get(&unique_id).copied());
        let given = fields.text("id");
        let whose = match old {
            Some(old) => Some(Whose::Known(old)),
            None => self.new_one(&mut fields, given, unique_id.unwrap_or_else(new_id)),
        };
        let configuration = fields.field("configuration").cloned();
        if configuration.is_none() {
            fields.problem("configuration", "is required");
        }
        let proposed = whose.zip(configuration).map(|(whose, mut configuration)| {
            // Whatever the file says: a directory of that id may be another one here.
            let is_cleanup = configuration.get("taskType").is_some_and(|word| word == "CLEANUP");
            let main = DirectoryId::main();
            let needed = is_cleanup.then_some(main.as_str());
            settle(&mut configuration, old.and_then(Connector::directory).or(needed));
            Proposed { place: format!("{place}/configuration"), configuration, whose }
        });
        fields.read(proposed)
    }

    /// A connector that is not there. Its task is called as the file says, or by the unique id.
    fn new_one(&self, fields: &mut Fields<'_>, given: Option<&str>, unique_id: Uuid) -> Option<Whose<'a>> {
        let id = given.map_or_else(|| unique_id.to_string(), str::to_owned);
        if let Some(other) = self.by_task.get(id.as_str()) {
            let known = other.unique_id().map(|id| format!(", as connector `{id}`")).unwrap_or_default();
            fields.problem("id", format!("there is a task `{id}` already{known}"));
        }
        match ConfigurationId::new(&id) {
            Ok(id) => Some(Whose::New { id, unique_id }),
            Err(error) => {
                fields.problem("id", error.to_string());
                None
            }
        }
    }
}
