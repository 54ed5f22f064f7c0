//! Schemas of everything but configuration, and of what varies in paths.

use muster_model::ObjectKind;
use muster_model::configuration::ConfigurationKind;
use muster_model::configuration::application::{Reaction, Situation};
use muster_model::error::ErrorCode;
use muster_model::run::{Outcome, OutcomeStatus, Phase, ProgressStatus};
use muster_plan::change::Action;
use serde_json::{Map, Value, json};

use super::{objects, reference};
use crate::patch::MOST_OPERATIONS;
use crate::routes::Route;
use crate::view::CLASS;

/// The regular expression of configuration ids.
const ID: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$";

pub(super) fn schemas() -> Map<String, Value> {
    let schemas = [
        ("Error", error()),
        ("TaskProgress", progress()),
        ("Counters", counters()),
        ("Change", change()),
        ("JsonPatch", json_patch()),
        ("Launch", launch()),
        ("PlanDecision", decision()),
        ("Approval", object(&[("id", json!({"type": "string", "format": "uuid"}))])),
        ("ImObject", objects::im_object()),
        ("NewImObject", objects::new_im_object()),
        ("ObjectHistory", objects::history()),
        ("Account", objects::account()),
        ("File", file()),
        ("Health", object(&[("status", json!({"type": "string", "enum": ["UP"]}))])),
    ];
    schemas.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// What a segment of a path means, and what it looks like.
pub(super) fn segment(route: &Route, name: &str) -> (&'static str, Value) {
    let uuid = json!({"type": "string", "format": "uuid"});
    match name {
        "tenant" => ("The tenant.", json!({"type": "string", "pattern": "^[a-z][a-z0-9-]{1,62}$"})),
        "definition" => ("The id of the task definition.", json!({"type": "string", "pattern": ID})),
        "instance" => ("The id that launching the task answered.", uuid),
        "kind" => ("The kind of IM objects.", json!({"type": "string", "enum": kinds()})),
        "path" => {
            let description = "The path below the tenant's own directory; it may hold slashes.";
            (description, json!({"type": "string"}))
        }
        _ if route.group == "IM objects" => ("The id of the object.", uuid),
        _ => ("The caller's own id of the resource.", json!({"type": "string", "pattern": ID})),
    }
}

pub(super) fn kinds() -> [&'static str; ObjectKind::ALL.len()] {
    ObjectKind::ALL.map(ObjectKind::as_str)
}

pub(super) fn text() -> Value {
    json!({"type": "string"})
}

pub(super) fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

pub(super) fn instant() -> Value {
    json!({"type": "string", "format": "date-time"})
}

pub(super) fn words(words: &[&str]) -> Value {
    json!({"type": "string", "enum": words})
}

pub(super) fn list(item: Value) -> Value {
    json!({"type": "array", "items": item})
}

/// The same schema, or null.
pub(super) fn or_null(mut schema: Value) -> Value {
    let Some(name) = schema["type"].as_str().map(str::to_owned) else { return schema };
    schema["type"] = json!([name, "null"]);
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    schema
}

pub(super) fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

/// An object that has all these fields.
pub(super) fn object(fields: &[(&str, Value)]) -> Value {
    object_with(fields, &[])
}

/// An object that has all fields of the first list, and may have those of the second.
pub(super) fn object_with(fields: &[(&str, Value)], optional: &[(&str, Value)]) -> Value {
    let properties: Map<_, _> =
        fields.iter().chain(optional).map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let required: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

fn error() -> Value {
    let properties = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let places = "What is to be said about each: for broken rules by JSON pointer, by `line:column` where \
        the body is no JSON, by `?name` for query parameters, and by `kind/id#pointer` for other resources.";
    object(&[
        ("@class", json!({"type": "string", "const": CLASS})),
        ("errorId", words(&ErrorCode::ALL.map(ErrorCode::id))),
        ("label", words(&ErrorCode::ALL.map(ErrorCode::label))),
        ("description", text()),
        ("properties", described(properties, places)),
        ("fix", described(text(), "What to do.")),
        ("appId", described(text(), "The server that answered.")),
        ("timestamp", instant()),
        ("logTrackingId", described(text(), "The id of the line in the server's log.")),
    ])
}

fn progress() -> Value {
    let processed = "How many entries have been processed: accounts read, and things found lacking.";
    let to_process = "How many entries there are; an estimate until all have been read.";
    let phases: Vec<_> = {
        let mut phases = Phase::ALL.map(Phase::as_str).to_vec();
        phases.dedup();
        phases
    };
    object_with(
        &[
            ("id", json!({"type": "string", "format": "uuid"})),
            ("progressStatus", words(&ProgressStatus::ALL.map(ProgressStatus::as_str))),
            (
                "outcomeStatus",
                described(
                    or_null(words(&OutcomeStatus::ALL.map(OutcomeStatus::as_str))),
                    "Null until it is known. RUNNING and ABORTED: cancelled, and still winding down.",
                ),
            ),
            ("startDate", instant()),
            ("endDate", or_null(instant())),
            ("processingTimeMillis", described(count(), "Without the time for which the plan was held.")),
            ("numberOfEntriesToProcess", described(count(), to_process)),
            ("numberOfProcessedEntries", described(count(), processed)),
            ("numberOfErrors", count()),
            (
                "progressPercentage",
                described(
                    json!({"type": "integer", "minimum": 0, "maximum": 100}),
                    "100 only when finished.",
                ),
            ),
            ("jobId", or_null(text())),
            ("phase", words(&phases)),
            ("mode", words(&["APPLY", "SIMULATE"])),
            ("counters", reference("Counters")),
            ("planHash", described(or_null(text()), "What an approval has to name.")),
            ("heldBy", described(or_null(text()), "The limits that hold the plan, one a line.")),
            ("failure", described(or_null(text()), "Why the run failed.")),
            (
                "peakMemoryBytes",
                described(count(), "The most memory that the process held by then, whatever else it did."),
            ),
            ("statements", described(count(), "Statements sent to the database on the run's behalf.")),
        ],
        &[
            ("synchronizationTaskId", text()),
            ("provisioningTaskId", text()),
            (
                "errorDetails",
                described(
                    list(reference("Error")),
                    "Only with `option=expandErrorDetails:true`; 1000 at most. In a list 10000 at most of all \
                     instances together, those of the newest first.",
                ),
            ),
        ],
    )
}

fn counters() -> Value {
    let of = |names: &[&str]| object(&names.iter().map(|name| (*name, count())).collect::<Vec<_>>());
    let planned = "Whether the actions are the plan's, as while it is held and after a simulation. After an end \
        before its time `notApplied` counts what of the plan was not carried out.";
    object(&[
        ("planned", described(json!({"type": "boolean"}), planned)),
        ("read", described(count(), "Accounts read.")),
        ("lacking", described(count(), "Accounts that are gone, and owners without one.")),
        (
            "actions",
            described(
                of(&Outcome::ALL.map(Outcome::as_str)),
                "What became of the entries; they add up to `read` and `lacking`.",
            ),
        ),
        ("situations", of(&Situation::ALL.map(Situation::as_str))),
        ("openReferences", described(count(), "References to objects that do not exist yet.")),
        ("unidentified", described(count(), "Bad entries without a key.")),
    ])
}

fn change() -> Value {
    let any = |what| json!({"description": format!("What it {what}; left out where nothing is said of it.")});
    let attribute =
        object_with(&[("name", text())], &[("before", any("held")), ("after", any("is to hold"))]);
    let membership = object(&[("attribute", text()), ("add", list(text())), ("remove", list(text()))]);
    let mut statuses = ["PLANNED", "APPLIED", "NOT_APPLIED"].map(str::to_owned).to_vec();
    let otherwise = Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::NotApplied);
    statuses.extend(otherwise.map(|outcome| outcome.as_str().to_uppercase()));
    let statuses: Vec<_> = statuses.iter().map(String::as_str).collect();
    let status = "PLANNED until its turn, then APPLIED, or how it ended otherwise; NOT_APPLIED when the run \
        ended before its turn.";
    object(&[
        ("number", count()),
        ("action", words(&Action::ALL.map(Action::as_str))),
        ("situation", words(&Situation::ALL.map(Situation::as_str))),
        ("reaction", words(&Reaction::ALL.map(Reaction::as_str))),
        ("why", or_null(text())),
        ("accountKey", text()),
        ("place", described(or_null(count()), "Where the account stood in its source, such as a line.")),
        ("objectId", or_null(json!({"type": "string", "format": "uuid"}))),
        ("profileId", or_null(text())),
        ("enabled", described(or_null(json!({"type": "boolean"})), "The new state, where it changes.")),
        ("attributes", list(attribute)),
        ("memberships", list(membership)),
        ("status", described(words(&statuses), status)),
        ("message", or_null(text())),
    ])
}

fn launch() -> Value {
    let kinds =
        ConfigurationKind::ALL.map(|kind| (kind.path_segment(), list(reference(kind.element_name()))));
    let mut configuration = object_with(&[], &kinds);
    configuration["additionalProperties"] = false.into();
    let unsaved = "Unsaved resources that stand in for the saved ones; with SIMULATE only, and only for who \
        may configure.";
    let keys = "The keys of the only accounts to look at.";
    let mut launch = object_with(
        &[],
        &[
            ("mode", json!({"type": "string", "enum": ["APPLY", "SIMULATE"], "default": "APPLY"})),
            (
                "keys",
                described(
                    json!({
                        "type": "array",
                        "items": {"type": "string", "minLength": 1},
                        "minItems": 1,
                        "maxItems": 1000,
                    }),
                    keys,
                ),
            ),
            ("configuration", described(configuration, unsaved)),
        ],
    );
    launch["additionalProperties"] = false.into();
    launch
}

fn json_patch() -> Value {
    let pointer = |description| described(text(), description);
    let operation = object_with(
        &[
            ("op", words(&["add", "remove", "replace", "move", "copy", "test"])),
            ("path", pointer("The JSON pointer (RFC 6901) of what is changed or tested.")),
        ],
        &[
            ("from", pointer("What is moved or copied.")),
            ("value", json!({"description": "What is added, put in the place of, or expected."})),
        ],
    );
    let mut patch = list(operation);
    patch["maxItems"] = MOST_OPERATIONS.into();
    described(patch, "Operations of RFC 6902, one after the other; where one fails, nothing is changed.")
}

fn decision() -> Value {
    let hash = json!({"type": "string", "pattern": "^[0-9a-fA-F]{32}$"});
    let mut decision = object(&[("planHash", described(hash, "The hash of the plan that was looked at."))]);
    decision["additionalProperties"] = false.into();
    decision
}

fn file() -> Value {
    object(&[("path", text()), ("size", count()), ("modifiedAt", instant())])
}
