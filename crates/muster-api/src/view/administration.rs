//! Users, tokens, secrets and settings as an admin sees them: nothing that lets anybody in, but a token when it is new.

use muster_model::TenantSettings;
use muster_store::{Principal, SecretRecord, Token};
use serde::Serialize;

use super::instant;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    name: String,
    roles: Vec<String>,
    created_at: String,
}

/// A token; not its text, which nobody can read any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    name: String,
    roles: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

/// A token that was made just now, with its text.
#[derive(Clone, Serialize)]
pub struct NewTokenView {
    #[serde(flatten)]
    view: TokenView,
    token: String,
}

/// A secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretView {
    name: String,
    created_at: String,
    updated_at: String,
    used_by: Vec<String>,
}

/// A tenant's settings, as they hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingsView {
    approval_hours: u64,
    shortest_password: u32,
    longest_token_days: Option<u32>,
}

fn words(roles: &str) -> Vec<String> {
    roles.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

impl From<&Principal> for UserView {
    fn from(user: &Principal) -> Self {
        Self { name: user.name.clone(), roles: words(&user.roles), created_at: instant(user.created_at) }
    }
}

impl From<&Token> for TokenView {
    fn from(token: &Token) -> Self {
        Self {
            name: token.name.clone(),
            roles: words(&token.roles),
            created_at: instant(token.created_at),
            expires_at: token.expires_at.map(instant),
            last_used_at: token.last_used_at.map(instant),
        }
    }
}

impl NewTokenView {
    pub(crate) fn new(token: &Token, text: String) -> Self {
        Self { view: token.into(), token: text }
    }
}

impl From<&SecretRecord> for SecretView {
    fn from(secret: &SecretRecord) -> Self {
        Self {
            name: secret.name.to_string(),
            created_at: instant(secret.created_at),
            updated_at: instant(secret.updated_at),
            used_by: secret.definitions.iter().map(ToString::to_string).collect(),
        }
    }
}

impl SettingsView {
    pub(crate) fn new(settings: &TenantSettings, approval_hours: u64) -> Self {
        Self {
            approval_hours,
            shortest_password: settings.shortest_password,
            longest_token_days: settings.longest_token_days,
        }
    }
}
