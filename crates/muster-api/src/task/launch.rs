//! Launching: what the body may say, and what stands in the way.

use std::collections::BTreeMap;
use std::error::Error as _;

use actix_web::HttpResponse;
use muster_engine::{ConfigurationError, Launch, LaunchError};
use muster_model::configuration::document::check::parse;
use muster_model::configuration::document::overriding::OverrideDocument;
use muster_model::configuration::document::reader;
use muster_model::configuration::problems::push_segment;
use muster_model::configuration::{Configuration, ConfigurationKind, Leniency, Problems, Resource};
use muster_model::run::{Mode, Override, ProgressStatus, TaskKind};
use muster_model::{ConfigurationId, RunId};
use serde_json::Value;

use crate::call::Call;
use crate::configuration::{as_reference, read_document};
use crate::error::{ApiError, Conflict};
use crate::fields::{Fields, Form};
use crate::query::NUL;
use crate::rights::Permission;

/// The most keys of a run of single keys.
const MOST_KEYS: usize = 1000;

/// The body of a launch.
const FORM: Form = Form {
    such_as: Some(r#"{"mode": "SIMULATE"}"#),
    fields: &["mode", "keys", "override", "configuration"],
    known: "known are `mode`, `keys`, `override`, `configuration`",
};

/// What the body of a launch says.
#[derive(Debug, PartialEq)]
struct Wishes {
    mode: Mode,
    keys: Option<Vec<String>>,
    overriding: Option<Override>,
    instead: Vec<Unsaved>,
}

/// An unsaved resource, and where in the body it stands.
#[derive(Debug, PartialEq)]
struct Unsaved {
    place: String,
    resource: Resource,
}

pub(super) async fn launch(kind: TaskKind, mut call: Call) -> Result<HttpResponse, ApiError> {
    let task = call.id("definition", kind.definition_kind())?;
    let wishes = match call.optional_json().await? {
        Some(body) => read(&body).map_err(ApiError::Invalid)?,
        None => Wishes { mode: Mode::Apply, keys: None, overriding: None, instead: Vec::new() },
    };
    if !wishes.instead.is_empty() {
        // Unsaved configuration reaches as far as a saved one.
        call.caller.needs(Permission::Configure)?;
    }
    if wishes.overriding.is_some() {
        call.caller.needs(Permission::Approve)?;
    }
    let Wishes { mode, keys, overriding, instead } = wishes;
    let places =
        instead.iter().map(|one| (Configuration::pointer(&one.resource), one.place.clone())).collect();
    let instead = instead.into_iter().map(|one| one.resource).collect();
    let launch = Launch { keys, instead, overriding, ..Launch::of(kind, task.clone(), mode) };
    match call.engine().launch(&call.store, launch).await {
        Ok(run) => {
            call.note(format_args!("run {} of task `{task}` launched", run.id));
            Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(run.id.to_string()))
        }
        Err(error) => Err(refusal(&Asked { kind, task, places }, &call, error).await),
    }
}

/// What was to be launched.
pub(crate) struct Asked {
    pub(super) kind: TaskKind,
    pub(super) task: ConfigurationId,
    /// Where in the body unsaved resources stand, by their pointer within the configuration.
    pub(super) places: BTreeMap<String, String>,
}

impl Asked {
    /// A task as it is saved.
    pub(crate) fn saved(kind: TaskKind, task: ConfigurationId) -> Self {
        Self { kind, task, places: BTreeMap::new() }
    }
}

pub(crate) async fn refusal(asked: &Asked, call: &Call, error: LaunchError) -> ApiError {
    match error {
        LaunchError::NoTask(_) => {
            ApiError::NotFound(format!("{} `{}`", asked.kind.definition_kind(), asked.task))
        }
        LaunchError::AlreadyRunning(_, run) => running(call, &asked.task, run).await,
        LaunchError::Refused(message) => ApiError::invalid("", message),
        LaunchError::Configuration(ConfigurationError::Invalid(problems)) => {
            ApiError::Invalid(placed(&problems, &asked.places))
        }
        LaunchError::Configuration(ConfigurationError::Lacking(what)) => {
            let fix = "correct the configuration, then launch the task again";
            ApiError::conflict(format!("the task cannot be run: {what} does not exist"), fix)
        }
        LaunchError::Configuration(ConfigurationError::Store(error)) | LaunchError::Store(error) => {
            error.into()
        }
        LaunchError::Preceding { task, source } => {
            let why =
                source.source().map_or_else(|| source.to_string(), |cause| format!("{source}: {cause}"));
            let fix = format!(
                "correct the configuration of `{task}`, or take it out of `preSynchronization`, then launch the task \
                 again"
            );
            let asked = &asked.task;
            ApiError::conflict(format!("`{task}`, which comes before `{asked}`, cannot be run: {why}"), fix)
        }
    }
}

/// Problems of a whole configuration where the caller looks for them: those of unsaved resources in the body, those
/// of saved ones under their reference.
fn placed(problems: &Problems, places: &BTreeMap<String, String>) -> Problems {
    let mut placed = Problems::new();
    for (pointer, messages) in problems.iter() {
        let in_body = places.iter().find_map(|(resource, place)| {
            let rest = pointer.strip_prefix(resource.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{place}{rest}"))
        });
        let at = in_body.unwrap_or_else(|| as_reference(pointer));
        messages.iter().for_each(|message| placed.add(at.clone(), message));
    }
    placed
}

/// The run that is in the way, and what can be done about it.
pub(super) async fn running(call: &Call, task: &ConfigurationId, id: RunId) -> ApiError {
    let mut properties: BTreeMap<String, String> = [("instanceId".to_owned(), id.to_string())].into();
    let mut fix = "wait until it has ended, or cancel it with POST …/instances/{instance}/~cancel";
    match call.store.run(id).await {
        Err(error) => return error.into(),
        Ok(None) => {}
        Ok(Some(run)) => {
            properties.insert("progressStatus".to_owned(), run.state.status.as_str().to_owned());
            if run.state.status == ProgressStatus::Paused {
                fix = "let it go on with POST …/instances/{instance}/~resume, or cancel it with ~cancel";
            }
            if run.state.status == ProgressStatus::Held {
                fix = "look at its changes, then approve or reject its plan with POST \
                       …/instances/{instance}/~approve or ~reject, or cancel it";
                properties.insert("heldBy".to_owned(), run.held_by.unwrap_or_default());
            }
        }
    }
    let fix = fix.replace("{instance}", &id.to_string());
    let description = format!("task `{task}` is running already, instance {id}");
    ApiError::Conflict(Box::new(Conflict { description, fix, properties }))
}

fn read(body: &Value) -> Result<Wishes, Problems> {
    let mut fields = Fields::of(body, &FORM)?;
    let mode = read_mode(&mut fields);
    let keys = read_keys(&mut fields);
    let overriding = read_override(&mut fields);
    let instead = read_configuration(&mut fields);
    if mode == Mode::Apply && fields.field("configuration").is_some() {
        fields.problem("configuration", "can only be simulated; save it, or use `mode` SIMULATE");
    }
    fields.finish()?;
    Ok(Wishes { mode, keys, overriding, instead })
}

fn read_mode(fields: &mut Fields<'_>) -> Mode {
    match fields.field("mode") {
        None => Mode::Apply,
        Some(mode) if mode == "APPLY" => Mode::Apply,
        Some(mode) if mode == "SIMULATE" => Mode::Simulate,
        Some(_) => {
            fields.problem("mode", "is none of `APPLY`, `SIMULATE`");
            Mode::Simulate
        }
    }
}

/// Limits for this run alone, and why.
fn read_override(fields: &mut Fields<'_>) -> Option<Override> {
    let document = fields.field("override")?;
    let read = reader::read::<OverrideDocument>(document, Leniency::Strict);
    match read.and_then(|document| parse(&document)) {
        Ok(overriding) => Some(overriding),
        Err(problems) => {
            fields.problems().merge(problems.placed_under("/override"));
            None
        }
    }
}

fn read_keys(fields: &mut Fields<'_>) -> Option<Vec<String>> {
    let Value::Array(keys) = fields.field("keys")? else {
        fields.problem("keys", "is no list of texts");
        return None;
    };
    if keys.is_empty() {
        fields.problem("keys", "is empty; leave it out to look at all accounts");
    }
    if keys.len() > MOST_KEYS {
        fields.problem("keys", format!("holds more than {MOST_KEYS} keys"));
        return None;
    }
    let mut read = Vec::with_capacity(keys.len());
    for (index, key) in keys.iter().enumerate() {
        match key.as_str().filter(|key| !key.is_empty()) {
            Some(key) if key.contains(NUL) => {
                fields.problem(&format!("keys/{index}"), "holds U+0000, as no key does");
            }
            Some(key) => read.push(key.to_owned()),
            None => fields.problem(&format!("keys/{index}"), "is no text, or an empty one"),
        }
    }
    Some(read)
}

/// Unsaved resources: lists of documents by the kinds' names in paths.
fn read_configuration(fields: &mut Fields<'_>) -> Vec<Unsaved> {
    let kinds = match fields.field("configuration") {
        None => return Vec::new(),
        Some(Value::Object(kinds)) => kinds,
        Some(_) => {
            fields.problem("configuration", "is no object such as {\"applications\": [{…}]}");
            return Vec::new();
        }
    };
    let mut resources = Vec::new();
    for (name, documents) in kinds {
        let mut place = "/configuration".to_owned();
        push_segment(&mut place, name);
        let (Some(kind), Some(documents)) =
            (ConfigurationKind::from_path_segment(name), documents.as_array())
        else {
            let known: Vec<_> = ConfigurationKind::ALL.iter().map(|kind| kind.path_segment()).collect();
            let message = format!("has to be a list of documents under one of {}", known.join(", "));
            fields.problems().add(place, message);
            continue;
        };
        for (index, document) in documents.iter().enumerate() {
            let place = format!("{place}/{index}");
            match read_document(kind, document) {
                Ok((_, resource)) => resources.push(Unsaved { place, resource }),
                Err(found) => fields.problems().merge(found.placed_under(&place)),
            }
        }
    }
    resources
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_read() {
        let connector = json!({"id": "c", "name": "C", "type": "memory"});
        let unsaved = json!({"connector-definitions": [connector]});
        let body = json!({"mode": "SIMULATE", "keys": ["1"], "configuration": unsaved});
        let wishes = read(&body).unwrap();
        assert_eq!((wishes.mode, wishes.keys), (Mode::Simulate, Some(vec!["1".to_owned()])));
        assert_eq!(wishes.instead.len(), 1);
        let nothing = Wishes { mode: Mode::Apply, keys: None, overriding: None, instead: Vec::new() };
        assert_eq!(read(&json!({})), Ok(nothing));
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let body = json!({
            "mode": "apply", "keys": ["", 1, "a\u{0}"], "a/b": 1,
            "configuration": {"people": [], "applications": [{"id": "x"}]},
        });
        let problems = read(&body).unwrap_err();
        let places: Vec<_> = problems.iter().map(|(place, _)| place.to_owned()).collect();
        for place in ["/a~1b", "/mode", "/keys/0", "/keys/1", "/keys/2", "/configuration/people"] {
            assert!(places.contains(&place.to_owned()), "{place} in {places:?}");
        }
        assert!(places.iter().any(|place| place.starts_with("/configuration/applications/0/")));
        assert!(read(&json!([])).is_err());
        assert!(read(&json!({"keys": []})).is_err());
        let unbounded = read(&json!({"override": {"reason": "r"}})).unwrap_err();
        assert_eq!(unbounded.iter().map(|(place, _)| place).collect::<Vec<_>>(), ["/override/guards"]);
        assert!(read(&json!({"override": null})).is_ok());
        let unsaved = read(&json!({"configuration": {}})).unwrap_err();
        assert_eq!(unsaved.iter().count(), 1, "unsaved configuration is simulated only");
    }
}
