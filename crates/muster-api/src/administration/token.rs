//! Tokens: made and shown once, deleted and refused from then on.

use actix_web::HttpResponse;
use muster_store::{NewToken, StoreError, Token};

use super::created;
use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Fields, Form};
use crate::principal::{expiry_problem, new_token, token_name_problem};
use crate::view::{NewTokenView, TokenView};

const FORM: Form = Form {
    such_as: None,
    fields: &["name", "roles", "expiresAt"],
    known: "known are `name`, `roles`, `expiresAt`",
};

pub(super) async fn list(call: &Call) -> Result<HttpResponse, ApiError> {
    let tokens = call.store.tokens().await?;
    Ok(HttpResponse::Ok().json(tokens.iter().map(TokenView::from).collect::<Vec<_>>()))
}

pub(super) async fn create(mut call: Call) -> Result<HttpResponse, ApiError> {
    let body = call.json().await?;
    let (settings, now) = (call.store.settings().await?, call.engine().surroundings().now());
    let mut fields = Fields::of(&body, &FORM).map_err(ApiError::Invalid)?;
    let name = fields.required("name").to_owned();
    if let Some(problem) = token_name_problem(&name).filter(|_| !name.is_empty()) {
        fields.problem("name", problem);
    }
    let roles = fields.roles("roles");
    let expires_at = fields.instant("expiresAt");
    if let Some(problem) = expiry_problem(expires_at, &settings, now) {
        fields.problem("expiresAt", problem);
    }
    fields.finish().map_err(ApiError::Invalid)?;
    let (text, hash) = new_token();
    let token = NewToken { name: name.clone(), roles: roles.to_string(), hash, expires_at, now };
    match call.store.create_token(&token).await {
        Err(StoreError::Exists(what)) => {
            let fix = "choose another name, or delete that token first";
            return Err(ApiError::conflict(format!("{what} exists already"), fix));
        }
        made => made?,
    }
    call.note(format_args!("token `{name}` created: {roles}"));
    let kept = Token { name, roles: token.roles, created_at: token.now, expires_at, last_used_at: None };
    Ok(created(&call, "tokens", &kept.name, NewTokenView::new(&kept, text)))
}

pub(super) async fn delete(call: &Call) -> Result<HttpResponse, ApiError> {
    let name = call.name("token")?;
    if !call.store.delete_token(&name).await? {
        return Err(ApiError::NotFound(format!("token `{name}`")));
    }
    call.note(format_args!("token `{name}` deleted"));
    Ok(HttpResponse::NoContent().finish())
}
