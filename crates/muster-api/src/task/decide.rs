//! Deciding about held and simulated plans: only who names the plan's hash decides about what was read.

use actix_web::HttpResponse;
use muster_engine::ControlError;
use muster_model::configuration::Problems;
use muster_model::run::{Mode, TaskKind};
use muster_model::text::read_hex;
use muster_store::{Hash, RunRecord};
use serde_json::{Value, json};

use super::{instance, launch};
use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Fields, Form};

const FORM: Form =
    Form { such_as: Some(r#"{"planHash": "…"}"#), fields: &["planHash"], known: "known is `planHash`" };

pub(super) async fn approve(kind: TaskKind, mut call: Call) -> Result<HttpResponse, ApiError> {
    let run = instance(kind, &call).await?;
    let hash = read(&call.json().await?).map_err(ApiError::Invalid)?;
    match call.engine().approve(&call.store, run.id, hash).await {
        Ok(id) => {
            call.note(format_args!("plan of run {} approved", run.id));
            Ok(HttpResponse::Ok().json(json!({"id": id.to_string()})))
        }
        Err(ControlError::AlreadyRunning(other)) => Err(launch::running(&call, &run.task, other).await),
        Err(error) => Err(refusal(&call, error)),
    }
}

pub(super) async fn reject(kind: TaskKind, mut call: Call) -> Result<HttpResponse, ApiError> {
    let run = instance(kind, &call).await?;
    let hash = read(&call.json().await?).map_err(ApiError::Invalid)?;
    if run.state.mode == Mode::Simulate {
        return Err(nothing_to_reject(&run));
    }
    call.engine().reject(&call.store, run.id, hash).await.map_err(|error| refusal(&call, error))?;
    call.note(format_args!("plan of run {} rejected", run.id));
    Ok(HttpResponse::NoContent().finish())
}

/// A simulation holds nothing up, whether its plan is approved or not.
fn nothing_to_reject(run: &RunRecord) -> ApiError {
    let description = format!("run `{}` is a simulation, which does nothing that could be rejected", run.id);
    ApiError::conflict(description, "nothing; its plan is only carried out if somebody approves it")
}

/// Why the engine does not do it.
pub(super) fn refusal(call: &Call, error: ControlError) -> ApiError {
    let (instance, task) = (call.segment("instance"), call.segment("definition"));
    if let ControlError::Store(error) = error {
        return error.into();
    }
    let fix = match &error {
        ControlError::NoRun(_) => {
            return ApiError::NotFound(format!("instance `{instance}` of task `{task}`"));
        }
        ControlError::Outrun(_) => return ApiError::Outrun,
        ControlError::Cancelled(_) => "nothing; get the instance to see how it has ended",
        ControlError::Waits(_) => {
            "look at its changes, then approve or reject its plan with POST …/instances/{instance}/~approve or \
             ~reject, or cancel it"
        }
        ControlError::Ended(_) => "nothing; get the instance to see how it ended",
        ControlError::NotHeld(_) => {
            "get the instance to see where it stands; only plans of instances that are \
                                     HELD, or were simulated, are decided about"
        }
        ControlError::OtherPlan(_) => {
            "get the instance, look at its changes, then decide with its `planHash`"
        }
        ControlError::OtherConfiguration(_) => {
            "save the configuration that is meant, simulate the task again, then approve that plan"
        }
        ControlError::AlreadyRunning(_) => "wait until that run has ended, or cancel it",
        ControlError::Store(_) | ControlError::Configuration(_) => return ApiError::internal(error),
    };
    ApiError::conflict(error.to_string(), fix.replace("{instance}", instance))
}

/// The hash that the body names.
fn read(body: &Value) -> Result<Hash, Problems> {
    let mut fields = Fields::of(body, &FORM)?;
    let hash = fields.given("planHash").and_then(Value::as_str).and_then(read_hex);
    if hash.is_none() {
        fields.problem("planHash", "is required: the 32 hexadecimal digits that the instance shows");
    }
    fields.read(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_names_a_hash_and_nothing_else() {
        assert_eq!(read(&json!({"planHash": "00".repeat(16)})), Ok([0; 16]));
        for (body, places) in [
            (json!([]), vec![""]),
            (json!({}), vec!["/planHash"]),
            (json!({"planHash": "00"}), vec!["/planHash"]),
            (json!({"planHash": 7, "force": true}), vec!["/force", "/planHash"]),
            (json!({"planHash": "00".repeat(16), "force": true}), vec!["/force"]),
        ] {
            let problems = read(&body).unwrap_err();
            let found: Vec<_> = problems.iter().map(|(place, _)| place.to_owned()).collect();
            assert_eq!(found, places, "{body}");
        }
    }
}
