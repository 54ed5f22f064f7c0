//! The history of a resource: listed with what each version changed, read, and restored.

use actix_web::{HttpResponse, http::StatusCode};
use muster_model::ConfigurationId;
use muster_model::configuration::{ConfigurationKind, Problems, difference};
use muster_store::{ResourceVersion, Written};
use serde_json::{Map, Value};

use super::draft::Named;
use super::precondition::Preconditions;
use super::{change, draft, json, nowhere, save_one, tag};
use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Fields, Form};
use crate::view::ResourceVersionView;

const FORM: Form =
    Form { such_as: Some(r#"{"version": 3}"#), fields: &["version"], known: "known is `version`" };

/// The versions of a resource, newest first, of one that is deleted as well.
pub(super) async fn list(kind: ConfigurationKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let id = call.id("id", kind)?;
    let before = call.query.after_number.map(i64::from);
    let rows = call.query.rows();
    // One more than is answered: what the oldest of them changed shows beside the one before it.
    let versions =
        call.store.resource_history((kind.number(), id.as_str()), before, rows.saturating_add(1)).await?;
    if versions.is_empty() {
        newest(call, kind, &id).await?.ok_or_else(|| nowhere(kind, &id))?;
    }
    let documents: Vec<Value> = versions.iter().map(document).collect::<Result<_, _>>()?;
    let nothing = Value::Object(Map::new());
    let views: Vec<_> = versions
        .iter()
        .zip(&documents)
        .enumerate()
        .take(rows as usize)
        .map(|(place, (version, document))| {
            let before = documents.get(place + 1).unwrap_or(&nothing);
            ResourceVersionView::new(version, difference::between(before, document))
        })
        .collect();
    Ok(HttpResponse::Ok().json(views))
}

/// What a version holds. One that is not there counts as an empty document.
fn document(version: &ResourceVersion) -> Result<Value, ApiError> {
    match version.written.body() {
        Some(body) => serde_json::from_str(body).map_err(ApiError::internal),
        None => Ok(Value::Object(Map::new())),
    }
}

/// The document of one version.
pub(super) async fn read(kind: ConfigurationKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let id = call.id("id", kind)?;
    let text = call.segment("version");
    let nowhere = || ApiError::NotFound(format!("version `{text}` of {kind} `{id}`"));
    let number = text.parse().map_err(|_| nowhere())?;
    let version = call.store.resource_version((kind.number(), id.as_str()), number).await?;
    match version.ok_or_else(nowhere)?.written.body() {
        Some(body) => Ok(json(StatusCode::OK, body.to_owned())),
        None => {
            Err(ApiError::NotFound(format!("document in version {number} of {kind} `{id}`, its deletion")))
        }
    }
}

/// Gives a resource the document of an earlier version, whether it is still there or not. What comes of it is checked
/// like any other write: what it refers to may have gone since.
pub(super) async fn restore(kind: ConfigurationKind, mut call: Call) -> Result<HttpResponse, ApiError> {
    let id = call.id("id", kind)?;
    let number = read_version(&call.json().await?).map_err(ApiError::Invalid)?;
    let preconditions = Preconditions::of(&call.request)?;
    let (status, saved) = change(&call, async |before| {
        let row = before.row(kind, &id);
        let newest = newest(&call, kind, &id).await?.ok_or_else(|| nowhere(kind, &id))?;
        preconditions.allow_write(row.as_ref().map(tag).as_ref())?;
        let body = restorable(&call, kind, &id, (number, newest)).await?;
        let (status, named) = match before.resources.get(kind, &id) {
            Some(old) => (StatusCode::OK, Named::AsBefore(old)),
            None => (StatusCode::CREATED, Named::Freely),
        };
        let draft = draft(&call, &before, (kind, body), named)?;
        Ok((status, save_one(&call, &before, (draft, row), Written::Restored).await?))
    })
    .await?;
    call.note(format_args!("{kind} `{id}` restored to version {number}"));
    if status == StatusCode::CREATED {
        Ok(saved.answer_created(&call, kind, &id))
    } else {
        Ok(saved.answer(status))
    }
}

/// The document of a version that is to be restored.
async fn restorable(
    call: &Call,
    kind: ConfigurationKind,
    id: &ConfigurationId,
    (number, newest): (i64, i64),
) -> Result<Value, ApiError> {
    let version = call.store.resource_version((kind.number(), id.as_str()), number).await?;
    let version = version.ok_or_else(|| {
        ApiError::invalid("/version", format!("is no version of {kind} `{id}`; the newest is {newest}"))
    })?;
    if version.written == Written::Deleted {
        let message = format!("is the deletion of {kind} `{id}` and has no document; name one before it");
        return Err(ApiError::invalid("/version", message));
    }
    document(&version)
}

/// The number of the newest version; none where there never was such a resource.
async fn newest(call: &Call, kind: ConfigurationKind, id: &ConfigurationId) -> Result<Option<i64>, ApiError> {
    let newest = call.store.resource_history((kind.number(), id.as_str()), None, 1).await?;
    Ok(newest.first().map(|version| version.version))
}

fn read_version(body: &Value) -> Result<i64, Problems> {
    let mut fields = Fields::of(body, &FORM)?;
    let version = fields.given("version").and_then(Value::as_i64).filter(|version| *version > 0);
    if version.is_none() {
        fields.problem("version", "has to be the number of a version");
    }
    fields.read(version)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_version_is_read_or_refused() {
        assert_eq!(read_version(&json!({"version": 3})), Ok(3));
        for (body, places) in [
            (json!(3), vec![""]),
            (json!({}), vec!["/version"]),
            (json!({"version": "3"}), vec!["/version"]),
            (json!({"version": 0}), vec!["/version"]),
            (json!({"version": 1.5, "a/b": 1}), vec!["/a~1b", "/version"]),
            (json!({"version": 1, "id": "hr"}), vec!["/id"]),
        ] {
            let Err(problems) = read_version(&body) else { panic!("{body} is accepted") };
            assert_eq!(problems.iter().map(|(place, _)| place).collect::<Vec<_>>(), places, "{body}");
        }
    }
}
