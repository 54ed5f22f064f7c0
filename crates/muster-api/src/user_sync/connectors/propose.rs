//! Connectors that are to be saved: taken apart into the documents of task and application, which are checked and
//! written together.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::configuration::{Configuration, ConfigurationKind, ConfigurationReference, Problems};
use muster_model::{ConfigurationId, DirectoryId};
use muster_store::{StoredResource, Written};
use serde_json::Value;
use uuid::Uuid;

use super::stored::{Connector, OUTSIDE};
use crate::call::Call;
use crate::configuration::change::directories;
use crate::configuration::{self, Basis, Draft, Named, Put, check_parts};
use crate::error::ApiError;

const TASK: ConfigurationKind = ConfigurationKind::SynchronizationTaskDefinition;
const APPLICATION: ConfigurationKind = ConfigurationKind::Application;

/// A connector that is to be saved.
pub(super) struct Proposed<'a> {
    /// Where the request has its configuration, as a JSON pointer.
    pub(super) place: String,
    pub(super) configuration: Value,
    pub(super) whose: Whose<'a>,
}

/// A connector that cannot be read.
pub(super) struct Broken {
    /// What its task would be called, if it says so.
    pub(super) id: Option<ConfigurationId>,
    pub(super) problems: Problems,
}

/// Which connector it is.
pub(super) enum Whose<'a> {
    /// One that is there.
    Known(&'a Connector),
    /// A new one.
    New { id: ConfigurationId, unique_id: Uuid },
}

/// What becomes of the directory of a connector if it was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deleted {
    /// It is made again, empty.
    Restored,
    /// It stays deleted.
    Left,
}

/// Saves connectors, all or none. Answers the resources that they consist of, as they are then.
pub(super) async fn save(
    call: &Call,
    basis: &Basis,
    proposed: Vec<Result<Proposed<'_>, Broken>>,
    deleted: Deleted,
) -> Result<Vec<StoredResource>, ApiError> {
    let (mut puts, mut problems) = (Puts::default(), Problems::new());
    for one in proposed {
        match one {
            Ok(proposed) => problems.merge(proposed.read(call, basis, &mut puts)),
            Err(Broken { id, problems: others }) => {
                puts.broken.extend(id);
                problems.merge(others);
            }
        }
    }
    if problems.is_empty() {
        let restored = match deleted {
            Deleted::Restored => puts.lacking_directories(call).await?,
            Deleted::Left => BTreeSet::new(),
        };
        return configuration::save(call, basis, puts.in_order, restored).await;
    }
    problems.merge(puts.lacking(basis));
    Err(ApiError::Invalid(problems))
}

/// Drafts that are in order by themselves, each resource once.
#[derive(Default)]
struct Puts {
    in_order: Vec<Put>,
    places: BTreeMap<(ConfigurationKind, ConfigurationId), usize>,
    /// The tasks that would be there were it not for what is wrong with them.
    broken: BTreeSet<ConfigurationId>,
}

impl Puts {
    /// Adds a draft. Several connectors may have one application, but say the same of it.
    fn add(&mut self, basis: &Basis, place: String, draft: Draft) -> Problems {
        let (kind, id, mut problems) = (draft.resource.kind(), draft.id(), Problems::new());
        match self.places.get(&(kind, id.clone())).map(|index| &self.in_order[*index]) {
            Some(first) if first.draft.body == draft.body => {}
            Some(first) => {
                let message = format!("is another {kind} `{id}` than the one at `{}`", first.place);
                problems.add(place, message);
            }
            None => {
                let before = basis.row(kind, &id);
                let written = if before.is_some() { Written::Updated } else { Written::Created };
                self.places.insert((kind, id), self.in_order.len());
                self.in_order.push(Put { place, draft, before, written });
            }
        }
        problems
    }

    /// The directories that they name and that are not there.
    async fn lacking_directories(&self, call: &Call) -> Result<BTreeSet<DirectoryId>, ApiError> {
        let there = call.store.directories().await?;
        let mut named = directories(self.in_order.iter().map(|put| &put.draft.resource));
        named.retain(|directory| !there.contains(directory));
        Ok(named)
    }

    /// What they refer to in vain, where others are broken, so that not all can be looked at together.
    fn lacking(&self, basis: &Basis) -> Problems {
        let resources = self.in_order.iter().map(|put| put.draft.resource.clone());
        let after: Configuration = resources.fold(basis.resources.clone(), Configuration::with);
        let mut problems = Problems::new();
        for Put { place, draft, .. } in &self.in_order {
            let references = draft.resource.references();
            // Of its application, which has come with it, and of another task here it was told if that is broken.
            let is_told = |one: &ConfigurationReference| {
                one.pointer == "/applicationId" || one.kinds.contains(&TASK) && self.broken.contains(&one.id)
            };
            let others = references.into_iter().filter(|one| !is_told(one));
            problems.merge(after.dangling(&others.collect::<Vec<_>>()).placed_under(place));
        }
        problems
    }
}

impl Proposed<'_> {
    /// Reads it into drafts. Answers all that is wrong with it.
    fn read(self, call: &Call, basis: &Basis, puts: &mut Puts) -> Problems {
        let (mut task, application) = take_apart(self.configuration);
        let outside = OUTSIDE.into_iter().filter(|field| task.get(field).is_some()).collect::<Vec<_>>();
        let mut problems = Problems::new();
        let mut read = |place: &str, (kind, body): (_, Value), named| {
            let new_id = || call.engine().surroundings().new_id();
            match Draft::of(kind, body.clone(), named, new_id) {
                Ok(draft) => puts.add(basis, place.to_owned(), draft),
                Err(mut broken) => {
                    broken.merge(check_parts(call, basis, kind, &without(body, "applicationId")));
                    broken.placed_under(place)
                }
            }
        };
        let place = format!("{}/application", self.place);
        if let Some(application) = application {
            let (id, named) = self.whose.application(basis, &application);
            put(&mut task, "applicationId", id);
            problems.merge(read(&place, (APPLICATION, application), named));
        }
        let named = self.whose.task(basis, &mut task);
        problems.merge(read(&self.place, (TASK, task), named));
        let mut problems = renamed(&problems, &format!("{}/applicationId", self.place), &place);
        for field in outside {
            problems.add(format!("{}/{field}", self.place), "is no part of a connector's configuration");
        }
        if let (Whose::New { id, .. }, false) = (self.whose, problems.is_empty()) {
            puts.broken.insert(id);
        }
        problems
    }
}

impl Whose<'_> {
    /// The id of its application, and in whose place that is put.
    fn application<'b>(&self, basis: &'b Basis, body: &Value) -> (Option<String>, Named<'b>) {
        let given = body.get("id").and_then(Value::as_str);
        let own = match self {
            Self::Known(connector) => connector.application_id(),
            Self::New { .. } => None,
        };
        let id = own.or(given);
        (id.map(str::to_owned), named(basis, APPLICATION, id.unwrap_or_default()))
    }

    /// In whose place its task is put. A new one is told what it is called.
    fn task<'b>(&self, basis: &'b Basis, body: &mut Value) -> Named<'b> {
        match self {
            Self::Known(connector) => named(basis, TASK, connector.task_id()),
            Self::New { id, unique_id } => {
                put(body, "id", Some(id.to_string()));
                put(body, "uniqueId", Some(unique_id.to_string()));
                Named::Freely
            }
        }
    }
}

fn named<'b>(basis: &'b Basis, kind: ConfigurationKind, id: &str) -> Named<'b> {
    let id = ConfigurationId::new(id).ok();
    let old = id.and_then(|id| basis.resources.get(kind, &id));
    old.map_or(Named::Freely, Named::AsBefore)
}

/// The fields of a configuration that are its task's, and its application.
fn take_apart(configuration: Value) -> (Value, Option<Value>) {
    let application = configuration.get("application").filter(|value| !value.is_null()).cloned();
    (without(configuration, "application"), application)
}

fn without(mut body: Value, field: &str) -> Value {
    if let Value::Object(fields) = &mut body {
        fields.remove(field);
    }
    body
}

fn put(body: &mut Value, field: &str, text: Option<String>) {
    if let (Value::Object(fields), Some(text)) = (body, text) {
        fields.insert(field.to_owned(), text.into());
    }
}

/// The same problems, those at one place told at another.
fn renamed(problems: &Problems, from: &str, to: &str) -> Problems {
    let mut renamed = Problems::new();
    for (place, messages) in problems.iter() {
        let place = if place == from { to } else { place };
        messages.iter().for_each(|message| renamed.add(place, message));
    }
    renamed
}
