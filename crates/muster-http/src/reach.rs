//! How a system is reached and who we are there, as values, read from the properties that all these connectors have.

use std::iter;

use muster_connector::properties::Form;
use muster_egress::is_own_header;

use crate::Words;

/// Headers that are said by what else is given: who we are, and what a body is.
const SAID_OTHERWISE: [&str; 2] = ["authorization", "content-type"];

/// How a system is reached. Holds secrets, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Reach {
    /// Without a `/` at its end.
    pub base_url: String,
    /// By what we prove who we are.
    pub credentials: Credentials,
    /// Certificates in PEM that are trusted besides those of the web.
    pub roots: Option<String>,
    /// The longest answer, in octets.
    pub answer_bytes: u64,
}

/// By what we prove who we are.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// By nothing.
    None,
    /// By a name and a password (RFC 7617).
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// By a token (RFC 6750).
    Bearer {
        /// The token.
        token: String,
    },
    /// By tokens that a client gets.
    OAuth2(Client),
    /// By a header of its own.
    Header {
        /// The name of the header.
        name: String,
        /// Its value.
        value: String,
    },
}

/// A client that gets tokens for itself (RFC 6749 §4.4).
#[derive(Clone, PartialEq, Eq)]
pub struct Client {
    /// Where tokens are given.
    pub token_url: String,
    /// Its name there.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// The scopes that it asks for.
    pub scope: Option<String>,
    /// How it proves who it is.
    pub shown: ClientShown,
}

/// Where client and secret stand when a token is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientShown {
    /// In a header.
    Basic,
    /// In the body.
    Body,
}

const SHOWN: [(&str, ClientShown); 2] = [("BASIC", ClientShown::Basic), ("BODY", ClientShown::Body)];

/// A way to prove who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// [`Credentials::None`].
    None,
    /// [`Credentials::Basic`].
    Basic,
    /// [`Credentials::Bearer`].
    Bearer,
    /// [`Credentials::OAuth2`].
    OAuth2,
    /// [`Credentials::Header`].
    Header,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Basic => "BASIC",
            Self::Bearer => "BEARER",
            Self::OAuth2 => "OAUTH2",
            Self::Header => "HEADER",
        }
    }

    /// The properties that it needs, and those that it may have besides.
    const fn properties(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::None => (&[], &[]),
            Self::Basic => (&["user", "password"], &[]),
            Self::Bearer => (&["token"], &[]),
            Self::OAuth2 => (&["tokenUrl", "clientId", "clientSecret"], &["clientAuthentication", "scope"]),
            Self::Header => (&["headerName", "headerValue"], &[]),
        }
    }
}

impl Reach {
    /// Reads how a system is reached, where one of several ways proves who we are; `usual` is the one where nothing is said.
    pub fn read(form: &mut Form<'_>, words: Words, usual: Way, others: &[Way]) -> Self {
        Self {
            base_url: url(form, "baseUrl", words).unwrap_or_default(),
            credentials: Credentials::read(form, words, usual, others),
            roots: roots(form, "caCertificate"),
            answer_bytes: form.number("maximumAnswerBytes", 65_536..=268_435_456).unwrap_or_default(),
        }
    }
}

impl Credentials {
    fn read(form: &mut Form<'_>, words: Words, usual: Way, others: &[Way]) -> Self {
        let ways = iter::once(usual).chain(others.iter().copied());
        let choices: Vec<(&str, Way)> = ways.map(|way| (way.name(), way)).collect();
        let chosen = form.choice("authentication", &choices).unwrap_or(usual);
        for (name, way) in choices {
            check_way(form, name, way, chosen);
        }
        let text = |form: &mut Form<'_>, name: &str| form.filled(name).unwrap_or_default();
        match chosen {
            Way::None => Self::None,
            Way::Basic => Self::Basic { user: text(form, "user"), password: text(form, "password") },
            Way::Bearer => Self::Bearer { token: header(form, "token", "the token") },
            Way::OAuth2 => Self::OAuth2(Client {
                token_url: form
                    .given("tokenUrl")
                    .and_then(|_| url(form, "tokenUrl", words))
                    .unwrap_or_default(),
                id: text(form, "clientId"),
                secret: text(form, "clientSecret"),
                scope: form.filled("scope"),
                shown: form.choice("clientAuthentication", &SHOWN).unwrap_or(ClientShown::Basic),
            }),
            Way::Header => Self::Header {
                name: header_name(form, "headerName"),
                value: header(form, "headerValue", "the value"),
            },
        }
    }

    /// All that must not be shown.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::Bearer { token } => vec![token.clone()],
            Self::Basic { password, .. } => vec![password.clone()],
            Self::OAuth2(client) => vec![client.secret.clone()],
            Self::Header { value, .. } => vec![value.clone()],
        }
    }
}

/// The properties of the chosen way have to be there, those of another may not.
fn check_way(form: &mut Form<'_>, name: &str, way: Way, chosen: Way) {
    let (required, others) = way.properties();
    for property in required.iter().chain(others) {
        match (way == chosen, form.given(property).is_some()) {
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

/// A text that can stand in a header; `what` it is to be alone.
fn header(form: &mut Form<'_>, name: &str, what: &str) -> String {
    let text = form.filled(name).unwrap_or_default();
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        form.problem(
            name,
            format!("it holds a blank, a line break or a letter beyond ASCII; give {what} alone"),
        );
    }
    text
}

/// The name of a header that is not ours to say.
fn header_name(form: &mut Form<'_>, name: &str) -> String {
    let text = form.filled(name).unwrap_or_default();
    if !text.is_empty() && !is_header_name(&text) {
        form.problem(name, "it is no name of a header that can be given here, as `X-Api-Key`");
    }
    text
}

/// Whether a header of this name can be given.
#[must_use]
pub fn is_header_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty()
        && name.bytes().all(is_letter)
        && !is_own_header(name)
        && !SAID_OTHERWISE.iter().any(|said| name.eq_ignore_ascii_case(said))
}

/// A required URL, without a `/` at its end.
fn url(form: &mut Form<'_>, name: &str, words: Words) -> Option<String> {
    let Some(url) = form.filled(name) else {
        if form.given(name).is_none() {
            let Words { who, example, .. } = words;
            form.problem(name, format!("it is required; give the address of {who}, as `{example}`"));
        }
        return None;
    };
    match wrong_url(&url) {
        None => Some(url.trim_end_matches('/').to_owned()),
        Some(problem) => {
            form.problem(name, problem);
            None
        }
    }
}

/// Certificates in PEM.
fn roots(form: &mut Form<'_>, name: &str) -> Option<String> {
    let pem = form.filled(name)?;
    if let Err(error) = muster_egress::tls::client_config(Some(&pem)) {
        form.problem(name, error.to_string());
    }
    Some(pem)
}

/// What is wrong with a URL, never showing what it holds.
fn wrong_url(url: &str) -> Option<&'static str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else { return Some("it begins neither with `https://` nor with `http://`") };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || host.starts_with(':') {
        return Some("it names no host");
    }
    if host.contains('@') {
        return Some("it holds a user name or password; these have properties of their own");
    }
    if url.contains(['?', '#']) {
        return Some("it holds a query or fragment; leave that out");
    }
    if url.chars().any(|letter| letter.is_whitespace() || letter.is_control() || !letter.is_ascii()) {
        return Some("it holds a blank or a letter beyond ASCII; write it encoded");
    }
    None
}
