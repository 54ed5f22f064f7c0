//! Calls to an API: with our credentials, at its pace, within its limits. What a status means for an account is for who
//! asked; what it means for the whole API is said here. Knows no description but what refusals look like.

mod answer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_connector::{ConnectorError, Host, Paced, TestStep};
use muster_egress::{
    AccessTokens, ClientAuth, ClientCredentials, ClientSettings, Egress, EgressError, HttpClient, Method,
    Request, Response, TokenError,
};
use muster_model::attribute::encode_base64;
use tokio::time::Instant;

use crate::description::Description;
use crate::settings::{ClientShown, Credentials, Settings};
pub(crate) use answer::{Answer, check_depth};
pub(crate) use muster_connector::text::shown;

const AUTHORIZATION: &str = "Authorization";
/// Shorter texts, in octets, stand in many words, and are not taken out of messages.
const SHORTEST_SECRET: usize = 4;
/// However long an API asks to wait before the next call, it is not longer.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Behind the base URL, as `/users?limit=1`.
    pub(crate) target: String,
    /// Whether the target is a path of the whole origin, or a whole URL, as links are.
    pub(crate) is_whole: bool,
    /// What is sent, and what it is.
    pub(crate) body: Option<(String, Vec<u8>)>,
    /// The version that the thing has to have.
    pub(crate) if_match: Option<String>,
}

/// An API.
pub(crate) struct Api {
    client: HttpClient,
    /// What stands between origin and path, as `/scim/v2`.
    prefix: String,
    /// For messages: origin and prefix.
    address: String,
    access: Access,
    description: Arc<Description>,
    pace: Paced,
    secrets: Vec<String>,
    /// Until when the API wants to be left alone.
    quiet_until: Mutex<Option<Instant>>,
}

/// A call that failed, and how far it came.
pub(crate) struct Failed {
    pub(crate) step: TestStep,
    pub(crate) fault: ConnectorError,
}

enum Access {
    None,
    /// A header that is always the same.
    Fixed {
        name: String,
        value: String,
    },
    OAuth2(AccessTokens),
}

impl Api {
    /// An API as it is configured. Nothing is called yet.
    pub(crate) fn new(egress: &Egress, settings: &Settings, host: &Host) -> Result<Self, ConnectorError> {
        let limits = ClientSettings {
            roots: settings.roots.clone(),
            time: host.call_limit,
            answer: settings.answer_bytes,
            ..ClientSettings::new(&settings.base_url)
        };
        let unusable = |error: EgressError| ConnectorError::Unusable { message: told(&error) };
        let access = match &settings.credentials {
            Credentials::None => Access::None,
            Credentials::Header { name, value } => Access::Fixed { name: name.clone(), value: value.clone() },
            Credentials::Bearer { token } => authorization(format!("Bearer {token}")),
            Credentials::Basic { user, password } => {
                authorization(format!("Basic {}", encode_base64(format!("{user}:{password}").as_bytes())))
            }
            Credentials::OAuth2(known) => {
                let credentials = ClientCredentials {
                    token_url: known.token_url.clone(),
                    client_id: known.id.clone(),
                    client_secret: known.secret.clone().into(),
                    scope: known.scope.clone(),
                    audience: None,
                    auth: match known.shown {
                        ClientShown::Basic => ClientAuth::Basic,
                        ClientShown::Body => ClientAuth::Body,
                    },
                };
                let tokens = egress.access_tokens(&host.tenant, credentials, limits.clone());
                Access::OAuth2(tokens.map_err(unusable)?)
            }
        };
        let made = egress.client(&host.tenant, limits).map_err(unusable)?;
        let behind_scheme = settings.base_url.split_once("://").map_or("", |(_, rest)| rest);
        let prefix = behind_scheme.find('/').map_or("", |slash| &behind_scheme[slash..]).to_owned();
        Ok(Self {
            address: format!("{}{prefix}", made.origin()),
            client: made,
            prefix,
            access,
            description: Arc::clone(&settings.description),
            pace: host.pace.clone(),
            secrets: settings.secrets(),
            quiet_until: Mutex::default(),
        })
    }

    /// Where the API is, for messages.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The pace that calls keep.
    pub(crate) fn pace(&self) -> &Paced {
        &self.pace
    }

    /// Makes a call, and again where the pace says so.
    ///
    /// # Errors
    /// What concerns the API and not the one thing: no answer, no access, too busy, broken.
    pub(crate) async fn call(&self, call: &Call) -> Result<Answer, ConnectorError> {
        self.pace.call(|| self.once(call)).await
    }

    /// Makes a call once. For those who keep the pace themselves.
    pub(crate) async fn once(&self, call: &Call) -> Result<Answer, ConnectorError> {
        self.attempt(call).await.map_err(|failed| failed.fault)
    }

    /// Makes a call once, and says how far it came.
    pub(crate) async fn attempt(&self, call: &Call) -> Result<Answer, Failed> {
        self.rest().await;
        let place = self.place(call);
        let (token, response) = match &self.access {
            Access::None => (String::new(), self.send(call, None).await?),
            Access::Fixed { name, value } => (String::new(), self.send(call, Some((name, value))).await?),
            Access::OAuth2(tokens) => {
                let token = tokens.token().await.map_err(|error| no_token(&error, &place))?;
                let header = token.authorization();
                match self.send(call, Some((AUTHORIZATION, &header))).await? {
                    // It may have been revoked, or have expired early.
                    refused if refused.status == 401 => {
                        tokens.refused(&token);
                        let token = tokens.token().await.map_err(|error| no_token(&error, &place))?;
                        let header = token.authorization();
                        let response = self.send(call, Some((AUTHORIZATION, &header))).await?;
                        (header, response)
                    }
                    response => (header, response),
                }
            }
        };
        self.note_limits(&response);
        let token = token.split_once(' ').map_or("", |(_, token)| token);
        let step = match response.status {
            401 | 403 | 407 => TestStep::Credentials,
            _ => TestStep::Capabilities,
        };
        let answer =
            Answer::of(response, &place, &self.description, |text| self.without_secrets(text, token));
        answer.map_err(|fault| Failed { step, fault })
    }

    /// What a call is about, for messages: never its query, which may hold names of people.
    fn place(&self, call: &Call) -> String {
        let path = call.target.split(['?', '#']).next().unwrap_or_default();
        let start = match (call.is_whole, path.starts_with('/')) {
            (false, _) => self.address.clone(),
            (true, true) => self.client.origin(),
            (true, false) => String::new(),
        };
        shown(&format!("{} {start}{path}", call.method.as_str()))
    }

    async fn send(&self, call: &Call, access: Option<(&str, &str)>) -> Result<Response, Failed> {
        let prefix = if call.is_whole { "" } else { &self.prefix };
        let mut request = Request::new(call.method, format!("{prefix}{}", call.target));
        let described = self.description.headers.iter();
        if !self.description.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
            request = request.with_header("Accept", "application/json");
        }
        request = described.fold(request, |request, (name, value)| request.with_header(name, value));
        if let Some((name, value)) = access {
            request = request.with_header(name, value);
        }
        if let Some(version) = &call.if_match {
            request = request.with_header("If-Match", version.clone());
        }
        if let Some((content_type, body)) = &call.body {
            request = request.with_body(content_type, body.clone());
        }
        let sent = self.client.send(request).await;
        sent.map_err(|error| unanswered(&error, &self.place(call)))
    }

    /// Where a call goes, as links in its answer are relative to.
    pub(crate) fn target(&self, call: &Call) -> String {
        match call.is_whole {
            true => call.target.clone(),
            false => format!("{}{}", self.prefix, call.target),
        }
    }

    /// Waits as long as the API wants to be left alone.
    async fn rest(&self) {
        let until = *self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = until {
            tokio::time::sleep_until(until).await;
        }
    }

    fn note_limits(&self, response: &Response) {
        let Some(wait) = response.until_more_calls() else { return };
        let until = Instant::now() + wait.min(LONGEST_WAIT);
        let mut quiet = self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        *quiet = Some(quiet.map_or(until, |known| known.max(until)));
    }

    /// A text of the API, without what we told it. What is shorter than a few letters is nobody's secret, and stands in
    /// many words.
    fn without_secrets(&self, text: &str, token: &str) -> String {
        let known = self.secrets.iter().map(String::as_str).chain([token]);
        let known = known.filter(|secret| secret.len() >= SHORTEST_SECRET);
        known.fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
    }
}

fn authorization(value: String) -> Access {
    Access::Fixed { name: AUTHORIZATION.to_owned(), value }
}

/// An error with its causes.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    shown(&text)
}

/// What no answer means.
fn unanswered(error: &EgressError, place: &str) -> Failed {
    let step = if let EgressError::Certificate { .. } = error { TestStep::Tls } else { TestStep::Address };
    let message = format!("{place}: {}", error.of_who_was_called());
    Failed { step, fault: fault(message, error.needs_change(), None) }
}

fn no_token(error: &TokenError, place: &str) -> Failed {
    let fault = fault(format!("{place}: {}", told(error)), error.needs_change(), error.retry_after());
    Failed { step: TestStep::Credentials, fault }
}

fn fault(message: String, needs_change: bool, retry_after: Option<Duration>) -> ConnectorError {
    match needs_change {
        true => ConnectorError::Unusable { message },
        false => ConnectorError::Transient { message, retry_after },
    }
}

/// A text as a part of a query or path.
pub(crate) fn encoded(text: &str) -> String {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~".contains(&octet);
    let spelled =
        |octet: u8| if is_plain(octet) { char::from(octet).to_string() } else { format!("%{octet:02X}") };
    text.bytes().map(spelled).collect()
}

#[cfg(test)]
mod tests {
    use muster_egress::CertificateProblem;

    use super::*;

    #[test]
    fn what_is_wrong_with_a_connection_is_told_by_its_step() {
        let host = || "api.example.com".to_owned();
        let certificate =
            EgressError::Certificate { host: host(), problem: CertificateProblem::UnknownIssuer };
        let refused = EgressError::NotAllowed { host: host(), port: 443, address: None };
        let slow = EgressError::TimedOut { host: host(), limit: Duration::from_secs(1) };
        for (error, step, is_for_somebody) in [
            (certificate, TestStep::Tls, true),
            (refused, TestStep::Address, true),
            (slow, TestStep::Address, false),
        ] {
            let failed = unanswered(&error, "GET https://api.example.com/users");
            let is_unusable = matches!(failed.fault, ConnectorError::Unusable { .. });
            assert_eq!((failed.step, is_unusable), (step, is_for_somebody), "{}", failed.fault);
            assert!(failed.fault.to_string().starts_with("GET https://api.example.com/users: "));
        }
    }

    #[test]
    fn texts_are_encoded_octet_by_octet() {
        assert_eq!(encoded("aZ0-._~"), "aZ0-._~");
        assert_eq!(encoded("a b&c=\"é\"/\0"), "a%20b%26c%3D%22%C3%A9%22%2F%00");
    }
}
