//! The single sync: one user, for a caller who waits.

use actix_web::HttpResponse;
use muster_engine::SingleUser;
use muster_model::run::OwnerBy;
use serde_json::Value;

use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Fields, Form};
use crate::routes::SingleOperation;
use crate::view::UserResultView;

const FORM: Form = Form {
    such_as: Some(r#"{"identifier": "ann"}"#),
    fields: &["identifier", "overridePrimaryAttributeWithUsername"],
    known: "known are `identifier` and `overridePrimaryAttributeWithUsername`",
};

pub(crate) async fn perform(operation: SingleOperation, mut call: Call) -> Result<HttpResponse, ApiError> {
    match operation {
        SingleOperation::Asked => {
            let body = call.json().await?;
            sync(&call, read(&body)?).await
        }
        SingleOperation::Named => {
            let identifier = call.name("user")?;
            sync(&call, SingleUser { identifier: &identifier, owner_by: OwnerBy::Key }).await
        }
    }
}

async fn sync(call: &Call, user: SingleUser<'_>) -> Result<HttpResponse, ApiError> {
    let connector = call.segment("id");
    let result = call.engine().sync_single_user(&call.store, connector, user).await;
    let result = result.map_err(|error| ApiError::Single(Box::new(error)))?;
    call.note(format_args!("one user of connector `{connector}` synchronized: {}", result.operation));
    Ok(HttpResponse::Ok().json(UserResultView::from(result)))
}

fn read(body: &Value) -> Result<SingleUser<'_>, ApiError> {
    const OVERRIDE: &str = "overridePrimaryAttributeWithUsername";
    let mut fields = Fields::of(body, &FORM).map_err(ApiError::Invalid)?;
    let identifier = fields.required("identifier");
    let owner_by = match fields.field(OVERRIDE) {
        None | Some(Value::Bool(false)) => OwnerBy::Key,
        Some(Value::Bool(true)) => OwnerBy::UserName,
        Some(_) => {
            fields.problem(OVERRIDE, "is neither `true` nor `false`");
            OwnerBy::Key
        }
    };
    fields.read(Some(SingleUser { identifier, owner_by })).map_err(ApiError::Invalid)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_is_meant_and_how_is_read() {
        let over = "overridePrimaryAttributeWithUsername";
        for (body, expected) in [
            (json!({"identifier": "ann"}), Ok(OwnerBy::Key)),
            (json!({"identifier": "ann", over: false}), Ok(OwnerBy::Key)),
            (json!({"identifier": "ann", over: null}), Ok(OwnerBy::Key)),
            (json!({"identifier": "ann", over: true}), Ok(OwnerBy::UserName)),
            (json!({"identifier": "ann", over: "true"}), Err(vec![format!("/{over}")])),
            (json!({"identifier": ""}), Err(vec!["/identifier".to_owned()])),
            (json!({"identifier": 7}), Err(vec!["/identifier".to_owned()])),
            (json!({}), Err(vec!["/identifier".to_owned()])),
            (json!({"identifier": "ann", "user": "x"}), Err(vec!["/user".to_owned()])),
            (json!("ann"), Err(vec![String::new()])),
        ] {
            let places = |error| {
                let ApiError::Invalid(found) = error else { panic!("{error}") };
                found.iter().map(|(place, _)| place.to_owned()).collect::<Vec<_>>()
            };
            assert_eq!(read(&body).map(|user| user.owner_by).map_err(places), expected, "{body}");
        }
    }
}
