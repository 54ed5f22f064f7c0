//! Schemas of everything but configuration, and of what varies in paths.

mod change;
mod launch;
mod resource;

use muster_dataset::{Fate, ImportMode};
use muster_model::ObjectKind;
use muster_model::audit::{Act, ActorKind};
use muster_model::configuration::ConfigurationKind;
use muster_model::configuration::application::Situation;
use muster_model::errand::{ErrandKind, ErrandState};
use muster_model::error::ErrorCode;
use muster_model::run::{Outcome, OutcomeStatus, Phase, ProgressStatus};
use muster_model::schedule::{FireOutcome, ScheduleState};
use serde_json::{Map, Value, json};

use super::{applications, connections, disputes, objects, reference};
use crate::routes::Route;
use crate::view::CLASS;

/// The regular expression of configuration ids.
pub(super) const ID: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$";

pub(super) fn schemas() -> Map<String, Value> {
    let schemas = [
        ("Error", error()),
        ("TaskProgress", progress()),
        ("Counters", counters()),
        ("Change", change::change()),
        ("JsonPatch", resource::json_patch()),
        ("Launch", launch::launch()),
        ("Trip", launch::trip()),
        ("ResourceVersion", resource::version()),
        ("Restore", resource::restore()),
        ("Scheduling", scheduling()),
        ("PlanDecision", decision()),
        ("Trial", trial()),
        ("Evaluation", evaluation()),
        ("DatasetReport", dataset_report()),
        ("Approval", object(&[("id", json!({"type": "string", "format": "uuid"}))])),
        ("ImObject", objects::im_object()),
        ("NewImObject", objects::new_im_object()),
        ("ObjectHistory", objects::history()),
        ("ValueOrigin", change::value_origin()),
        ("Account", objects::account()),
        ("ApplicationStatus", applications::status()),
        ("ConnectionTest", connections::test()),
        ("ApplicationSchema", connections::schema()),
        ("Dispute", disputes::dispute()),
        ("DisputeDecision", disputes::decision()),
        ("AccountUnlink", disputes::unlink()),
        ("AccountRelink", disputes::relink()),
        ("File", file()),
        ("Actor", actor()),
        ("AuditEntry", audit_entry()),
        ("AuditVerification", audit_verification()),
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
        "version" => ("The number of the version.", json!({"type": "integer", "minimum": 1})),
        "kind" => ("The kind of IM objects.", json!({"type": "string", "enum": kinds()})),
        "path" => {
            let description = "The path below the tenant's own directory; it may hold slashes.";
            (description, json!({"type": "string"}))
        }
        "name" if route.group == "Secrets" => {
            ("What configurations call it.", json!({"type": "string", "pattern": ID}))
        }
        "sync" => ("The number of the sync.", json!({"type": "integer", "minimum": 1})),
        "directory" => ("The id of the directory.", json!({"type": "string", "pattern": ID})),
        "id" if route.path.contains("/connector/") => ("The unique id of the connector.", text()),
        "name" => ("What it is called.", json!({"type": "string"})),
        _ if route.group == "Disputes" => ("The id of the dispute.", disputes::id()),
        _ if route.group == "User Sync" => ("The unique id of the connector, or the id of its task.", text()),
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
    let Some(name) = schema["type"].as_str().map(str::to_owned) else {
        return json!({"anyOf": [schema, {"type": "null"}]});
    };
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
    let places = "What is to be said about each: for broken rules by JSON pointer, by `line:column` of a \
        dataset and where the body is no JSON, by `?name` for query parameters, and by `kind/id#pointer` for other resources.";
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

/// What the progress of a run says of its plan.
fn plan() -> [(&'static str, Value); 4] {
    let overriding = "Limits for this run alone, and who answers for them why.";
    [
        ("planHash", described(or_null(text()), "What an approval has to name.")),
        ("heldBy", described(or_null(text()), "The limits that hold the plan, one a line.")),
        ("expiresAt", described(or_null(instant()), "Of a held plan: until then it may be approved.")),
        ("override", described(or_null(reference("Override")), overriding)),
    ]
}

fn progress() -> Value {
    let processed = "How many entries have been processed: accounts read, and things found lacking.";
    let to_process = "How many entries there are; an estimate until all have been read.";
    let job = "The job of the schedule that started it; null when somebody did.";
    let mut phases = Phase::ALL.map(Phase::as_str).to_vec();
    phases.dedup();
    let [waits_for, paused, stalled, left_out] = standstill();
    let [plan_hash, held_by, expires, overriding] = plan();
    let percent = json!({"type": "integer", "minimum": 0, "maximum": 100});
    let memory = "The most memory that the process held by then, whatever else it did.";
    let memory = ("peakMemoryBytes", described(count(), memory));
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
            (
                "processingTimeMillis",
                described(count(), "Without the time for which it was paused or its plan was held."),
            ),
            ("numberOfEntriesToProcess", described(count(), to_process)),
            ("numberOfProcessedEntries", described(count(), processed)),
            ("numberOfErrors", count()),
            ("progressPercentage", described(percent, "100 only when finished.")),
            ("jobId", described(or_null(text()), job)),
            waits_for,
            paused,
            stalled,
            undoes(),
            left_out,
            ("phase", words(&phases)),
            ("mode", words(&["APPLY", "SIMULATE"])),
            ("counters", reference("Counters")),
            plan_hash,
            held_by,
            expires,
            overriding,
            ("failure", described(or_null(text()), "Why the run failed.")),
            memory,
            ("statements", described(count(), "Statements sent to the database on the run's behalf.")),
            (
                "postProcessing",
                described(
                    list(errand()),
                    "What is to be done after the run, in its order; empty until it has ended.",
                ),
            ),
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

fn undoes() -> (&'static str, Value) {
    let uuid = json!({"type": "string", "format": "uuid"});
    let undoes = "The instance that it undoes; null for one that reads a source.";
    ("undoesInstanceId", described(or_null(uuid), undoes))
}

/// What keeps a run, or a part of it, from getting on.
fn standstill() -> [(&'static str, Value); 4] {
    let waits_for =
        "The instance of the task in `preSynchronization` that it waits for; null once that has ended.";
    let stalled = "When it last got on, of one that should and has not for as long as the server's setting \
        `work.stalled-after-seconds` says; else null.";
    let left_out = "The applications that it goes on without, since they cannot be read or written.";
    [
        ("waitsForInstanceId", described(or_null(json!({"type": "string", "format": "uuid"})), waits_for)),
        ("pausedSince", described(or_null(instant()), "Since when it is paused; null when it is not.")),
        ("stalledSince", described(or_null(instant()), stalled)),
        ("leftOutApplicationIds", described(list(text()), left_out)),
    ]
}

/// What is to be done after a run.
fn errand() -> Value {
    object(&[
        ("kind", words(&ErrandKind::ALL.map(ErrandKind::as_str))),
        ("state", words(&ErrandState::ALL.map(ErrandState::as_str))),
        ("message", described(or_null(text()), "Why it failed or waits, or what came of it.")),
        (
            "path",
            described(
                or_null(text()),
                "The file that it left, in the tenant's directory; a report until it is dropped.",
            ),
        ),
    ])
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

fn scheduling() -> Value {
    let state = "NONE: the task is run by hand alone. NORMAL: it fires at its next time. PAUSED: until it is \
        resumed. BLOCKED: an instance of the task has not ended; a time that is due meanwhile launches nothing, and \
        is not made up for. COMPLETE: it never fires again, as ONCE afterwards, or when its time was past when it \
        was saved. ERROR: what was due last could not be launched, or the definition of the \
        task cannot be read.";
    let next = "At most five, the first of them `nextFireTime`; none while it is paused.";
    object(&[
        (
            "jobId",
            described(json!({"type": "string", "format": "uuid"}), "The `jobId` of instances it starts."),
        ),
        ("taskDefinitionId", text()),
        (
            "scheduleType",
            described(
                or_null(words(&["ONCE", "CRON", "INTERVAL", "MANUAL"])),
                "Null where it cannot be read.",
            ),
        ),
        ("state", described(words(&ScheduleState::ALL.map(ScheduleState::as_str)), state)),
        ("paused", json!({"type": "boolean"})),
        ("cron", or_null(text())),
        ("timeZone", described(or_null(text()), "The time zone that `cron` is read in.")),
        ("previousFireTime", described(or_null(instant()), "The last due time that launched an instance.")),
        ("nextFireTime", or_null(instant())),
        ("nextFireTimes", described(list(instant()), next)),
        ("lastFire", described(or_null(fire()), "What came of the last due time.")),
        (
            "message",
            described(or_null(text()), "Of ERROR: why the definition cannot be read, if that is why."),
        ),
    ])
}

fn fire() -> Value {
    let instance = "The instance that was launched; of BLOCKED the one that had not ended.";
    let missed =
        "Due times after this one that had passed as well, counted up to 1000. They launched nothing.";
    object(&[
        ("dueTime", instant()),
        ("fireTime", described(instant(), "When it was dealt with.")),
        ("outcome", words(&FireOutcome::ALL.map(FireOutcome::as_str))),
        ("instanceId", described(or_null(json!({"type": "string", "format": "uuid"})), instance)),
        ("missed", described(count(), missed)),
        ("message", described(or_null(text()), "Of ERROR: why nothing was launched.")),
    ])
}

fn dataset_report() -> Value {
    let kinds = ConfigurationKind::ALL.map(ConfigurationKind::element_name);
    let fates = Fate::ALL.map(Fate::as_str);
    let counts = object(&fates.map(|fate| (fate, count())));
    let any = |when| json!({"description": format!("Its value {when}; left out where it was absent.")});
    let pointer =
        "Where it stands in the document, as a JSON pointer; of an item that is gone, in the one before.";
    let field = object_with(
        &[("pointer", described(text(), pointer))],
        &[("before", any("before")), ("after", any("after"))],
    );
    let resource = object(&[
        ("kind", words(&kinds)),
        ("id", json!({"type": "string", "pattern": ID})),
        ("result", words(&fates)),
        ("fields", described(list(field), "Of an updated resource the fields that differ.")),
    ]);
    object(&[
        ("dryRun", described(json!({"type": "boolean"}), "Whether nothing has been written.")),
        ("mode", words(&ImportMode::ALL.map(ImportMode::as_str))),
        ("types", described(list(words(&kinds)), "The kinds that were meant.")),
        ("counts", counts),
        ("resources", described(list(resource), "All of them, by kind and id.")),
    ])
}

fn decision() -> Value {
    let hash = json!({"type": "string", "pattern": "^[0-9a-fA-F]{32}$"});
    let mut decision = object(&[("planHash", described(hash, "The hash of the plan that was looked at."))]);
    decision["additionalProperties"] = false.into();
    decision
}

fn trial() -> Value {
    let value = json!({"type": ["string", "integer", "boolean", "null", "array"]});
    let sample = json!({"type": "object", "additionalProperties": value});
    let mut trial = object_with(
        &[],
        &[
            ("expression", described(text(), "What a mapping's `rule` may be; or else `condition`.")),
            ("condition", described(text(), "What a `filter` or a `scope` may be; or else `expression`.")),
            ("attributes", described(sample, "The sample: attributes by name.")),
        ],
    );
    trial["additionalProperties"] = false.into();
    trial
}

fn evaluation() -> Value {
    object_with(
        &[("reads", described(list(text()), "The attributes that it reads."))],
        &[
            (
                "value",
                json!({"description": "What it comes to; left out where that is absent, or it failed."}),
            ),
            ("failure", described(text(), "Why it fails on this sample, with line and column.")),
        ],
    )
}

pub(super) fn actor() -> Value {
    let actor = object(&[
        ("kind", words(&ActorKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>())),
        ("name", described(text(), "Of the user or token; of the command line, the command.")),
    ]);
    described(actor, "Who did it.")
}

fn audit_entry() -> Value {
    let acts: Vec<_> = Act::ALL.iter().map(|act| act.as_str()).collect();
    let details = json!({"type": "object", "additionalProperties": {"type": "string"}});
    object(&[
        ("seq", described(count(), "Its place in the tenant's log: dense from 1.")),
        ("at", instant()),
        ("actor", reference("Actor")),
        ("origin", described(text(), "The address it came from, or the process and its machine.")),
        ("act", words(&acts)),
        ("subject", described(text(), "What it was done to, as `applications/hr` or `files/in/hr.csv`.")),
        ("instanceId", or_null(json!({"type": "string", "format": "uuid"}))),
        (
            "outcome",
            described(or_null(words(&OutcomeStatus::ALL.map(OutcomeStatus::as_str))), "How the run ended."),
        ),
        ("details", described(details, "What else there is to know, by name.")),
        ("hash", described(text(), "The hash of this entry and of all before it.")),
    ])
}

fn audit_verification() -> Value {
    let entries = "How many audit entries are what was written, from the first on.";
    let head = "The last of them and its hash. Noted elsewhere and sent as `head` later, it tells whether the log \
        was cut off or written anew.";
    object_with(
        &[
            ("entries", described(count(), entries)),
            ("head", described(text(), head)),
            ("valid", json!({"type": "boolean"})),
        ],
        &[
            ("brokenAt", described(count(), "The number of the first entry that is wrong or missing.")),
            ("why", described(text(), "What is wrong there.")),
        ],
    )
}

fn file() -> Value {
    object(&[("path", text()), ("size", count()), ("modifiedAt", instant())])
}
