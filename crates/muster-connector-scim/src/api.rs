//! Calls to a service: with our credentials, at its pace, within its limits. What a status means for an account is for who
//! asked; what it means for the service is said here. Knows no resources.

mod answer;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use muster_connector::{ConnectorError, Host, Paced, TestStep};
use muster_egress::{
    AccessTokens, ClientAuth, ClientCredentials, ClientSettings, Egress, EgressError, HttpClient, Method,
    Request, Response, TokenError,
};
use muster_model::attribute::encode_base64;
use tokio::time::Instant;

use crate::settings::{ClientShown, Credentials, Settings};
pub(crate) use answer::{Answer, check_depth, fault_of};
pub(crate) use muster_connector::text::shown;

/// The type of what is sent and asked for (RFC 7644 §3.1).
const MEDIA_TYPE: &str = "application/scim+json";
const SHORTEST_SECRET: usize = 4;
/// However long a service asks to wait before the next call, it is not longer.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// One call.
#[derive(Clone)]
pub(crate) struct Call {
    method: Method,
    /// Behind the base URL, as `/Users?count=1`.
    path: String,
    body: Option<Vec<u8>>,
    /// The version that the resource has to have.
    if_match: Option<String>,
}

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::Get, path: path.into(), body: None, if_match: None }
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::Delete, ..Self::get(path) }
    }

    pub(crate) fn post(path: impl Into<String>, body: &serde_json::Value) -> Self {
        Self { method: Method::Post, body: Some(body.to_string().into_bytes()), ..Self::get(path) }
    }

    pub(crate) fn put(path: impl Into<String>, body: &serde_json::Value, if_match: Option<String>) -> Self {
        Self { method: Method::Put, if_match, ..Self::post(path, body) }
    }

    pub(crate) fn patch(path: impl Into<String>, body: &serde_json::Value) -> Self {
        Self { method: Method::Patch, ..Self::post(path, body) }
    }
}

/// A service.
pub(crate) struct Api {
    client: HttpClient,
    /// What stands between origin and path, as `/scim/v2`.
    prefix: String,
    /// For messages: origin and prefix.
    address: String,
    access: Access,
    pace: Paced,
    secrets: Vec<String>,
    /// Until when the service wants to be left alone.
    quiet_until: Mutex<Option<Instant>>,
}

/// A call that failed, and how far it came.
pub(crate) struct Failed {
    pub(crate) step: TestStep,
    pub(crate) fault: ConnectorError,
}

enum Access {
    /// The header is always the same.
    Fixed(String),
    OAuth2(AccessTokens),
}

impl Api {
    /// A service as it is configured. Nothing is called yet.
    pub(crate) fn new(egress: &Egress, settings: &Settings, host: &Host) -> Result<Self, ConnectorError> {
        let limits = ClientSettings {
            roots: settings.roots.clone(),
            time: host.call_limit,
            answer: settings.answer_bytes,
            ..ClientSettings::new(&settings.base_url)
        };
        let unusable = |error: EgressError| ConnectorError::Unusable { message: told(&error) };
        let access = match &settings.credentials {
            Credentials::Bearer { token } => Access::Fixed(format!("Bearer {token}")),
            Credentials::Basic { user, password } => {
                Access::Fixed(format!("Basic {}", encode_base64(format!("{user}:{password}").as_bytes())))
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
            pace: host.pace.clone(),
            secrets: settings.secrets(),
            quiet_until: Mutex::default(),
        })
    }

    /// Where the service is, for messages.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The pace that calls keep. Nobody makes a call within one: at a pace of one at a time it would wait for itself.
    pub(crate) fn pace(&self) -> &Paced {
        &self.pace
    }

    /// Makes a call, and again where the pace says so.
    ///
    /// # Errors
    /// What concerns the service and not the one resource: no answer, no access, too busy, broken.
    pub(crate) async fn call(&self, call: &Call) -> Result<Answer, ConnectorError> {
        self.pace.call(|| self.once(call)).await
    }

    /// The same, with what is to be known before each attempt, which counts from 1. It may make calls itself.
    ///
    /// # Errors
    /// Those of `call`, and those of `before`, after which nothing is tried again.
    pub(crate) async fn call_after<B, K>(&self, before: B, call: &Call) -> Result<Answer, ConnectorError>
    where
        B: FnMut(u32) -> K + Send,
        K: Future<Output = Result<(), ConnectorError>> + Send,
    {
        self.pace.call_after(before, || self.once(call)).await
    }

    async fn once(&self, call: &Call) -> Result<Answer, ConnectorError> {
        self.attempt(call).await.map_err(|failed| failed.fault)
    }

    /// Makes a call once, and says how far it came. For those who keep the pace themselves.
    pub(crate) async fn attempt(&self, call: &Call) -> Result<Answer, Failed> {
        self.rest().await;
        let place = self.place(call);
        let (header, response) = match &self.access {
            Access::Fixed(header) => (header.clone(), self.send(call, header).await?),
            Access::OAuth2(tokens) => {
                let token = tokens.token().await.map_err(|error| no_token(&error, &place))?;
                let header = token.authorization();
                match self.send(call, &header).await? {
                    // It may have been revoked, or have expired early.
                    refused if refused.status == 401 => {
                        tokens.refused(&token);
                        let token = tokens.token().await.map_err(|error| no_token(&error, &place))?;
                        let header = token.authorization();
                        let response = self.send(call, &header).await?;
                        (header, response)
                    }
                    response => (header, response),
                }
            }
        };
        self.note_limits(&response);
        let token = header.split_once(' ').map_or("", |(_, token)| token);
        let step = match response.status {
            401 | 403 | 407 => TestStep::Credentials,
            _ => TestStep::Capabilities,
        };
        let answer = Answer::of(response, &place, |text| self.without_secrets(text, token));
        answer.map_err(|fault| Failed { step, fault })
    }

    /// What a call is about, for messages: never its query, which may hold names of people.
    fn place(&self, call: &Call) -> String {
        let path = call.path.split('?').next().unwrap_or_default();
        format!("{} {}{path}", call.method.as_str(), self.address)
    }

    async fn send(&self, call: &Call, authorization: &str) -> Result<Response, Failed> {
        let mut request = Request::new(call.method, format!("{}{}", self.prefix, call.path))
            .with_header("Accept", format!("{MEDIA_TYPE}, application/json"))
            .with_header("Authorization", authorization);
        if let Some(version) = &call.if_match {
            request = request.with_header("If-Match", version.clone());
        }
        if let Some(body) = &call.body {
            request = request.with_body(MEDIA_TYPE, body.clone());
        }
        let sent = self.client.send(request).await;
        sent.map_err(|error| unanswered(&error, &self.place(call)))
    }

    /// Waits as long as the service wants to be left alone.
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

    /// A text of the service, without what we told it. What is shorter than a few letters is nobody's secret, and stands in
    /// many words.
    fn without_secrets(&self, text: &str, token: &str) -> String {
        let known = self.secrets.iter().map(String::as_str).chain([token]);
        let known = known.filter(|secret| secret.len() >= SHORTEST_SECRET);
        known.fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
    }
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
        let host = || "scim.example.com".to_owned();
        let certificate =
            EgressError::Certificate { host: host(), problem: CertificateProblem::UnknownIssuer };
        let refused = EgressError::NotAllowed { host: host(), port: 443, address: None };
        let slow = EgressError::TimedOut { host: host(), limit: Duration::from_secs(1) };
        for (error, step, is_for_somebody) in [
            (certificate, TestStep::Tls, true),
            (refused, TestStep::Address, true),
            (slow, TestStep::Address, false),
        ] {
            let failed = unanswered(&error, "GET https://scim.example.com/Users");
            assert_eq!(failed.step, step);
            assert_eq!(
                matches!(failed.fault, ConnectorError::Unusable { .. }),
                is_for_somebody,
                "{}",
                failed.fault
            );
            assert!(failed.fault.to_string().starts_with("GET https://scim.example.com/Users: "));
        }
    }

    #[test]
    fn texts_are_encoded_octet_by_octet() {
        assert_eq!(encoded("aZ0-._~"), "aZ0-._~");
        assert_eq!(encoded("a b&c=\"é\"/\0"), "a%20b%26c%3D%22%C3%A9%22%2F%00");
    }
}
