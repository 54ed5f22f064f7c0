//! What a tenant's admin looks after: users, tokens, secrets, and the tenant's own settings.
//!
//! Each change is made in one function, of which nothing else makes any.

mod secret;
mod settings;
mod token;
mod user;

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use serde::Serialize;

use crate::call::Call;
use crate::error::ApiError;
use crate::routes::AdministrationOperation;

pub(crate) async fn perform(
    operation: AdministrationOperation,
    call: Call,
) -> Result<HttpResponse, ApiError> {
    match operation {
        AdministrationOperation::ListUsers => user::list(&call).await,
        AdministrationOperation::CreateUser => user::create(call).await,
        AdministrationOperation::ChangeUser => user::change(call).await,
        AdministrationOperation::DeleteUser => user::delete(&call).await,
        AdministrationOperation::ListTokens => token::list(&call).await,
        AdministrationOperation::CreateToken => token::create(call).await,
        AdministrationOperation::DeleteToken => token::delete(&call).await,
        AdministrationOperation::ListSecrets => secret::list(&call).await,
        AdministrationOperation::PutSecret => secret::put(call).await,
        AdministrationOperation::DeleteSecret => secret::delete(&call).await,
        AdministrationOperation::ReadSettings => settings::read(&call).await,
        AdministrationOperation::ReplaceSettings => settings::replace(call).await,
    }
}

/// The answer to a POST: what was made, and where it is.
fn created(call: &Call, collection: &str, name: &str, view: impl Serialize) -> HttpResponse {
    let name = encoded(name);
    let location = format!("/{}/api/{collection}/{name}", call.store.slug());
    HttpResponse::build(StatusCode::CREATED).insert_header((header::LOCATION, location)).json(view)
}

/// A name as a segment of a path: what is not unreserved by RFC 3986 §2.3 is percent-encoded.
fn encoded(name: &str) -> String {
    let unreserved = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~".contains(&octet);
    let mut encoded = String::new();
    for octet in name.bytes() {
        if unreserved(octet) {
            encoded.push(char::from(octet));
        } else {
            encoded.push_str(&format!("%{octet:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_segments() {
        for (name, expected) in [("ann", "ann"), ("ann/b@c+d", "ann%2Fb%40c%2Bd"), ("é", "%C3%A9")] {
            assert_eq!(encoded(name), expected);
        }
    }
}
