//! Users: made, changed, deleted. A password is written and never read back; a tenant that has an admin keeps one.

use actix_web::HttpResponse;
use muster_model::TenantSettings;
use muster_store::{Principal, StoreError};
use tokio::task::spawn_blocking;

use super::created;
use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Fields, Form};
use crate::principal::{PasswordError, hash_password, user_name_problem};
use crate::rights::{Role, Roles};
use crate::view::UserView;

const FORM: Form = Form {
    such_as: None,
    fields: &["name", "roles", "password"],
    known: "known are `name`, `roles`, `password`",
};

pub(super) async fn list(call: &Call) -> Result<HttpResponse, ApiError> {
    let users = call.store.principals().await?;
    Ok(HttpResponse::Ok().json(users.iter().map(UserView::from).collect::<Vec<_>>()))
}

pub(super) async fn create(mut call: Call) -> Result<HttpResponse, ApiError> {
    let body = call.json().await?;
    let mut fields = Fields::of(&body, &FORM).map_err(ApiError::Invalid)?;
    let name = fields.required("name").to_owned();
    if let Some(problem) = user_name_problem(&name).filter(|_| !name.is_empty()) {
        fields.problem("name", problem);
    }
    let roles = fields.roles("roles");
    fields.required("password");
    let settings = call.store.settings().await?;
    let hash = hash(&mut fields, settings).await?;
    fields.finish().map_err(ApiError::Invalid)?;
    let user = Principal {
        name,
        roles: roles.to_string(),
        password_hash: hash.unwrap_or_default(),
        created_at: call.engine().surroundings().now(),
    };
    match call.store.create_principal(&user).await {
        Err(StoreError::Exists(what)) => {
            let fix = "change it with PUT, or choose another name";
            return Err(ApiError::conflict(format!("{what} exists already"), fix));
        }
        made => made?,
    }
    call.note(format_args!("a user created: {roles}"));
    Ok(created(&call, "users", &user.name, UserView::from(&user)))
}

pub(super) async fn change(mut call: Call) -> Result<HttpResponse, ApiError> {
    let name = call.name("user")?;
    let body = call.json().await?;
    let mut fields = Fields::of(&body, &FORM).map_err(ApiError::Invalid)?;
    if fields.text("name").is_some_and(|given| given != name) {
        fields.problem("name", "is another than in the path; users keep their names");
    }
    let roles = fields.roles("roles");
    let settings = call.store.settings().await?;
    let hash = hash(&mut fields, settings).await?;
    fields.finish().map_err(ApiError::Invalid)?;
    let user = write(&call, &name, &roles, hash.as_deref()).await?;
    call.note(format_args!("a user changed: {roles}"));
    Ok(HttpResponse::Ok().json(UserView::from(&user)))
}

async fn write(call: &Call, name: &str, roles: &Roles, hash: Option<&str>) -> Result<Principal, ApiError> {
    let roles = roles.to_string();
    match call.store.change_principal(name, &roles, hash, Role::Admin.as_str()).await {
        Err(StoreError::Last(_)) => Err(last_admin(name)),
        changed => changed?.ok_or_else(|| ApiError::NotFound(format!("user `{name}`"))),
    }
}

pub(super) async fn delete(call: &Call) -> Result<HttpResponse, ApiError> {
    let name = call.name("user")?;
    match call.store.delete_principal(&name, Role::Admin.as_str()).await {
        Err(StoreError::Last(_)) => return Err(last_admin(&name)),
        Ok(false) => return Err(ApiError::NotFound(format!("user `{name}`"))),
        deleted => deleted?,
    };
    call.note(format_args!("a user deleted"));
    Ok(HttpResponse::NoContent().finish())
}

fn last_admin(name: &str) -> ApiError {
    let description = format!("user `{name}` is the last admin; the tenant would have nobody to manage it");
    ApiError::conflict(description, "make another user with the role `admin` first")
}

/// The hash of the password that a body holds, if it holds one.
async fn hash(fields: &mut Fields<'_>, settings: TenantSettings) -> Result<Option<String>, ApiError> {
    let Some(password) = fields.text("password").map(str::to_owned) else { return Ok(None) };
    match spawn_blocking(move || hash_password(&password, &settings)).await? {
        Ok(hash) => Ok(Some(hash)),
        Err(PasswordError::Hash(cause)) => Err(ApiError::Internal(cause.into())),
        Err(error @ (PasswordError::TooShort(_) | PasswordError::TooLong)) => {
            fields.problem("password", error.to_string());
            Ok(None)
        }
    }
}
