//! The properties of a REST connector as values, all their problems found at once.

mod form;

use std::sync::Arc;

use muster_connector::properties::Form;
use muster_connector::{Properties, PropertyProblem};

use crate::description::Description;
use crate::properties::PROPERTIES;
use form::{description, header, header_name, roots, url};

/// How an API is reached, and what it looks like. Holds secrets, so it is never shown.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Without a `/` at its end.
    pub(crate) base_url: String,
    pub(crate) credentials: Credentials,
    pub(crate) roots: Option<String>,
    pub(crate) is_writable: bool,
    pub(crate) answer_bytes: u64,
    pub(crate) most_entries: u64,
    pub(crate) description: Arc<Description>,
}

/// By what we prove who we are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    None,
    Basic { user: String, password: String },
    Bearer { token: String },
    OAuth2(Client),
    Header { name: String, value: String },
}

/// A client that gets tokens for itself (RFC 6749 §4.4).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) token_url: String,
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) scope: Option<String>,
    pub(crate) shown: ClientShown,
}

/// Where client and secret stand when a token is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientShown {
    Basic,
    Body,
}

const SHOWN: [(&str, ClientShown); 2] = [("BASIC", ClientShown::Basic), ("BODY", ClientShown::Body)];

impl Settings {
    /// Parses all properties, and what the description says.
    ///
    /// # Errors
    /// With every problem that there is.
    pub(crate) fn parse(given: &Properties) -> Result<Self, Vec<PropertyProblem>> {
        let mut form = Form::new(given, PROPERTIES);
        let settings = Self {
            base_url: url(&mut form, "baseUrl").unwrap_or_default(),
            credentials: credentials(&mut form),
            roots: roots(&mut form, "caCertificate"),
            is_writable: form.truth("writable").unwrap_or(true),
            answer_bytes: form.number("maximumAnswerBytes", 65_536..=268_435_456).unwrap_or_default(),
            most_entries: form.number("maximumEntries", 1..=100_000_000).unwrap_or_default(),
            description: Arc::new(description(&mut form, "description")),
        };
        form.ends_as(settings)
    }

    /// All that must not be shown.
    pub(crate) fn secrets(&self) -> Vec<String> {
        match &self.credentials {
            Credentials::None => Vec::new(),
            Credentials::Bearer { token } => vec![token.clone()],
            Credentials::Basic { password, .. } => vec![password.clone()],
            Credentials::OAuth2(client) => vec![client.secret.clone()],
            Credentials::Header { value, .. } => vec![value.clone()],
        }
    }
}

/// A way to prove who we are, and the properties that it needs and may have.
struct Way {
    name: &'static str,
    required: &'static [&'static str],
    others: &'static [&'static str],
}

const NONE: usize = 0;
const BASIC: usize = 1;
const BEARER: usize = 2;
const OAUTH2: usize = 3;
const HEADER: usize = 4;

const WAYS: [Way; 5] = [
    Way { name: "NONE", required: &[], others: &[] },
    Way { name: "BASIC", required: &["user", "password"], others: &[] },
    Way { name: "BEARER", required: &["token"], others: &[] },
    Way {
        name: "OAUTH2",
        required: &["tokenUrl", "clientId", "clientSecret"],
        others: &["clientAuthentication", "scope"],
    },
    Way { name: "HEADER", required: &["headerName", "headerValue"], others: &[] },
];

fn credentials(form: &mut Form<'_>) -> Credentials {
    let choices: Vec<(&str, usize)> =
        WAYS.iter().enumerate().map(|(number, way)| (way.name, number)).collect();
    let chosen = form.choice("authentication", &choices).unwrap_or(NONE);
    for (number, Way { name, required, others }) in WAYS.iter().enumerate() {
        for property in required.iter().chain(*others) {
            match (number == chosen, form.given(property).is_some()) {
                (false, true) => form.problem(
                    property,
                    format!("it means nothing without `authentication` `{name}`; leave it out"),
                ),
                (true, false) if required.contains(property) => {
                    form.problem(property, format!("it is required with `authentication` `{name}`"));
                }
                _ => {}
            }
        }
    }
    let text = |form: &mut Form<'_>, name: &str| form.filled(name).unwrap_or_default();
    match chosen {
        BASIC => Credentials::Basic { user: text(form, "user"), password: text(form, "password") },
        BEARER => Credentials::Bearer { token: header(form, "token") },
        OAUTH2 => Credentials::OAuth2(Client {
            token_url: form.given("tokenUrl").and_then(|_| url(form, "tokenUrl")).unwrap_or_default(),
            id: text(form, "clientId"),
            secret: text(form, "clientSecret"),
            scope: form.filled("scope"),
            shown: form.choice("clientAuthentication", &SHOWN).unwrap_or(ClientShown::Basic),
        }),
        HEADER => {
            Credentials::Header { name: header_name(form, "headerName"), value: header(form, "headerValue") }
        }
        _ => Credentials::None,
    }
}

#[cfg(test)]
#[path = "settings/tests.rs"]
mod tests;
