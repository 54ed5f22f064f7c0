//! IM objects, to be looked at.

use actix_web::HttpResponse;
use muster_model::{ObjectId, ObjectKind};
use uuid::Uuid;

use crate::call::Call;
use crate::error::ApiError;
use crate::routes::ObjectOperation;
use crate::view::ObjectView;

pub(crate) async fn perform(operation: ObjectOperation, call: Call) -> Result<HttpResponse, ApiError> {
    let text = call.segment("kind");
    let kind = text.parse().map_err(|()| ApiError::NotFound(format!("kind of IM objects `{text}`")))?;
    match operation {
        ObjectOperation::List => list(kind, &call).await,
        ObjectOperation::Read => read(kind, &call).await,
    }
}

async fn list(kind: ObjectKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let after = call.query.after_uuid.map(ObjectId);
    let objects = call.store.objects(Some(kind), after, call.query.rows()).await?;
    Ok(HttpResponse::Ok().json(objects.iter().map(ObjectView::from).collect::<Vec<_>>()))
}

async fn read(kind: ObjectKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let text = call.segment("id");
    let nowhere = || ApiError::NotFound(format!("{kind} `{text}`"));
    let id = Uuid::parse_str(text).map_err(|_| nowhere())?;
    let object = call.store.object(ObjectId(id)).await?.filter(|object| object.kind == kind);
    Ok(HttpResponse::Ok().json(ObjectView::from(&object.ok_or_else(nowhere)?)))
}
