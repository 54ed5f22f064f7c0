//! Secrets: put and deleted, and listed without their values. No route gives one back.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use muster_engine::SecretError;
use muster_model::SecretName;
use muster_store::Put;
use secrecy::SecretString;

use crate::body::Spoken;
use crate::call::Call;
use crate::error::{ApiError, Conflict};
use crate::fields::{Fields, Form};
use crate::view::SecretView;

const FORM: Form = Form { such_as: None, fields: &["value"], known: "known are `value`" };

pub(super) async fn list(call: &Call) -> Result<HttpResponse, ApiError> {
    let secrets = call.store.secrets().await?;
    Ok(HttpResponse::Ok().json(secrets.iter().map(SecretView::from).collect::<Vec<_>>()))
}

pub(super) async fn put(mut call: Call) -> Result<HttpResponse, ApiError> {
    let name = name(&call)?;
    let (value, place) = match call.text_or_json().await? {
        Spoken::Text(text) => (SecretString::from(text), ""),
        Spoken::Json(body) => {
            let mut fields = Fields::of(&body, &FORM).map_err(ApiError::Invalid)?;
            let value = SecretString::from(fields.required("value"));
            fields.finish().map_err(ApiError::Invalid)?;
            (value, "/value")
        }
    };
    let put = call.engine().put_secret(&call.store, &name, &value).await;
    let (put, kept) = put.map_err(|error| refused(error, place))?;
    let (status, done) = match put {
        Put::Created => (StatusCode::CREATED, "created"),
        Put::Replaced => (StatusCode::OK, "replaced"),
    };
    call.note(format_args!("secret `{name}` {done}"));
    Ok(HttpResponse::build(status).json(SecretView::from(&kept)))
}

pub(super) async fn delete(call: &Call) -> Result<HttpResponse, ApiError> {
    let name = name(call).map_err(|_| ApiError::NotFound(format!("secret `{}`", call.segment("name"))))?;
    let deleted = call.engine().delete_secret(&call.store, &name).await;
    deleted.map_err(|error| refused(error, ""))?;
    call.note(format_args!("secret `{name}` deleted"));
    Ok(HttpResponse::NoContent().finish())
}

fn name(call: &Call) -> Result<SecretName, ApiError> {
    SecretName::new(call.segment("name")).map_err(|error| ApiError::invalid("{name}", error.to_string()))
}

fn refused(error: SecretError, place: &str) -> ApiError {
    match error {
        SecretError::Lacking(name) => ApiError::NotFound(format!("secret `{name}`")),
        SecretError::Value(problem) => ApiError::invalid(place, problem),
        SecretError::Referred { ref referrers, .. } => {
            let description = error.to_string();
            let says = |at: &String| (at.clone(), "refers to it".to_owned());
            let properties: BTreeMap<_, _> = referrers.iter().map(says).collect();
            let fix = "have what `properties` names refer to another secret, or to none".to_owned();
            ApiError::Conflict(Box::new(Conflict { description, fix, properties }))
        }
        SecretError::Configuration(error) => error.into(),
        SecretError::Store(error) => error.into(),
    }
}
