//! IM objects: searched, read, and written by hand.

mod draft;
mod history;
mod why;
mod write;

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use muster_model::{ImObject, ObjectId, ObjectKind};
use muster_store::ObjectSearch;
use uuid::Uuid;

use crate::call::Call;
use crate::configuration::{EntityTag, Preconditions};
use crate::error::ApiError;
use crate::routes::ObjectOperation;
use crate::view::ObjectView;

pub(crate) async fn perform(operation: ObjectOperation, call: Call) -> Result<HttpResponse, ApiError> {
    let text = call.segment("kind");
    let kind = text.parse().map_err(|()| ApiError::NotFound(format!("kind of IM objects `{text}`")))?;
    match operation {
        ObjectOperation::Search => search(kind, &call).await,
        ObjectOperation::Create => write::create(kind, call).await,
        ObjectOperation::Read => read(kind, &call).await,
        ObjectOperation::Replace => write::replace(kind, call).await,
        ObjectOperation::Patch => write::patch(kind, call).await,
        ObjectOperation::Delete => write::delete(kind, &call).await,
        ObjectOperation::History => history::history(kind, &call).await,
        ObjectOperation::Why => why::why(kind, &call).await,
    }
}

/// The object that the path names.
pub(crate) async fn find(kind: ObjectKind, call: &Call) -> Result<ImObject, ApiError> {
    let object = call.store.object(id(kind, call)?).await?.filter(|object| object.kind == kind);
    object.ok_or_else(|| nowhere(kind, call))
}

fn id(kind: ObjectKind, call: &Call) -> Result<ObjectId, ApiError> {
    Uuid::parse_str(call.segment("id")).map(ObjectId).map_err(|_| nowhere(kind, call))
}

fn nowhere(kind: ObjectKind, call: &Call) -> ApiError {
    ApiError::NotFound(format!("{kind} `{}`", call.segment("id")))
}

async fn search(kind: ObjectKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let query = &call.query;
    if let Some(directory) = &query.directory
        && !call.store.directories().await?.contains(directory)
    {
        return Err(ApiError::invalid("?directory", format!("there is no directory `{directory}`")));
    }
    let search = ObjectSearch {
        kind,
        directory: query.directory.as_ref(),
        condition: query.filter.as_ref(),
        keys: None,
        after: query.after_uuid.map(ObjectId),
        limit: query.rows(),
    };
    let _turn = call.state.search(call.store.slug()).await?;
    let objects = call.engine().search(&call.store, search).await?;
    Ok(HttpResponse::Ok().json(objects.iter().map(ObjectView::from).collect::<Vec<_>>()))
}

async fn read(kind: ObjectKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let preconditions = Preconditions::of(&call.request)?;
    let shown = Shown::of(&find(kind, call).await?)?;
    preconditions.allow_read(Some(&shown.tag))?;
    if preconditions.knows(Some(&shown.tag)) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, shown.tag.to_string())).finish());
    }
    Ok(shown.answer(StatusCode::OK))
}

/// An object as it is shown.
struct Shown {
    body: String,
    tag: EntityTag,
}

impl Shown {
    fn of(object: &ImObject) -> Result<Self, ApiError> {
        let body = serde_json::to_string(&ObjectView::from(object)).map_err(ApiError::internal)?;
        Ok(Self { tag: EntityTag::of(object.version.into(), &body), body })
    }

    fn answer(self, status: StatusCode) -> HttpResponse {
        let mut answer = HttpResponse::build(status);
        answer.insert_header((header::ETAG, self.tag.to_string()));
        answer.content_type("application/json").body(self.body)
    }
}
