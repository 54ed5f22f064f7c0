//! Calls to a system: with our credentials, at its pace, within its limits. What a status means for an account is for who
//! asked; what it means for the whole system is said here. Knows nothing of what is asked for.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use muster_connector::text::shown;
use muster_connector::{ClassProblem, ConnectorError, Host, Paced, TestStep};
use muster_egress::{
    AccessTokens, ClientAuth, ClientCredentials, ClientSettings, Egress, EgressError, HttpClient, Request,
    Response, TokenError,
};
use muster_model::attribute::encode_base64;
use tokio::time::Instant;

use crate::answer::Secrets;
use crate::{Answer, Call, Client, ClientShown, Credentials, Reach, Refusal};

const AUTHORIZATION: &str = "Authorization";
/// However long a system asks to wait before the next call, it is not longer.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Who calls a system.
pub struct Caller {
    client: HttpClient,
    /// What stands between origin and path, as `/scim/v2`.
    prefix: String,
    /// For messages: origin and prefix.
    address: String,
    access: Access,
    manners: Manners,
    pace: Paced,
    secrets: Vec<String>,
    /// Until when the system wants to be left alone.
    quiet_until: Mutex<Option<Instant>>,
}

/// How a system is spoken to, and of.
pub struct Manners {
    /// Of it, in messages.
    pub words: Words,
    /// Headers that every call has, besides that with our credentials.
    pub headers: Vec<(String, String)>,
    /// What a refusal says.
    pub refusals: Refusals,
}

/// Reads what a refusal says of itself; what must not be shown is taken out afterwards.
pub type Refusals = Box<dyn Fn(&Response) -> Refusal + Send + Sync>;

/// How messages speak of a system.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// As `the service`.
    pub who: &'static str,
    /// An address of one, as `https://scim.example.com/v2`.
    pub example: &'static str,
    /// What is said of a body that cannot be read, as `is no answer of SCIM`.
    pub unread: &'static str,
}

/// A call that failed, and how far it came.
#[derive(Debug)]
pub struct Failed {
    /// The step at which it failed.
    pub step: TestStep,
    /// Why.
    pub fault: ConnectorError,
}

impl Failed {
    /// A fault at this step.
    pub fn at(step: TestStep) -> impl FnOnce(ConnectorError) -> Self {
        move |fault| Self { step, fault }
    }
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

impl Caller {
    /// A caller of a system as it is configured. Nothing is called yet.
    ///
    /// # Errors
    /// When it may not be called, or not like this.
    pub fn new(
        egress: &Egress,
        host: &Host,
        reach: &Reach,
        manners: Manners,
    ) -> Result<Self, ConnectorError> {
        let limits = ClientSettings {
            roots: reach.roots.clone(),
            time: host.call_limit,
            answer: reach.answer_bytes,
            ..ClientSettings::new(&reach.base_url)
        };
        let unusable = |error: EgressError| ConnectorError::Unusable { message: told(&error) };
        let access = match &reach.credentials {
            Credentials::None => Access::None,
            Credentials::Header { name, value } => Access::Fixed { name: name.clone(), value: value.clone() },
            Credentials::Bearer { token } => authorization(format!("Bearer {token}")),
            Credentials::Basic { user, password } => {
                authorization(format!("Basic {}", encode_base64(format!("{user}:{password}").as_bytes())))
            }
            Credentials::OAuth2(client) => {
                let tokens = egress.access_tokens(&host.tenant, credentials_of(client), limits.clone());
                Access::OAuth2(tokens.map_err(unusable)?)
            }
        };
        let made = egress.client(&host.tenant, limits).map_err(unusable)?;
        let behind_scheme = reach.base_url.split_once("://").map_or("", |(_, rest)| rest);
        let prefix = behind_scheme.find('/').map_or("", |slash| &behind_scheme[slash..]).to_owned();
        Ok(Self {
            address: format!("{}{prefix}", made.origin()),
            client: made,
            prefix,
            access,
            manners,
            pace: host.pace.clone(),
            secrets: reach.credentials.secrets(),
            quiet_until: Mutex::default(),
        })
    }

    /// Where the system is, for messages.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A fault for writes where `writable` is `false`.
    #[must_use]
    pub fn not_writable(&self) -> ConnectorError {
        let message = format!("{} is not to be written: `writable` is `false`", self.address);
        ConnectorError::Unusable { message }
    }

    /// A fault for a class that is not as it has to be there.
    #[must_use]
    pub fn unfit(&self, problems: Vec<ClassProblem>) -> ConnectorError {
        let told: Vec<_> = problems.into_iter().map(|problem| problem.message).collect();
        ConnectorError::Unusable { message: format!("{}: {}", self.address, told.join("; ")) }
    }

    /// Makes a call, and again where the pace says so. Nobody makes a call within one: at a pace of one at a time it would
    /// wait for itself.
    ///
    /// # Errors
    /// What concerns the system and not the one thing: no answer, no access, too busy, broken.
    pub async fn call(&self, call: &Call) -> Result<Answer, ConnectorError> {
        self.pace.call(|| self.once(call)).await
    }

    /// The same, with what is to be known before each attempt, which counts from 1. It may make calls itself.
    ///
    /// # Errors
    /// Those of `call`, and those of `before`, after which nothing is tried again.
    pub async fn call_after<B, K>(&self, before: B, call: &Call) -> Result<Answer, ConnectorError>
    where
        B: FnMut(u32) -> K + Send,
        K: Future<Output = Result<(), ConnectorError>> + Send,
    {
        self.pace.call_after(before, || self.once(call)).await
    }

    /// The same as `call`, which says how far the last attempt came.
    ///
    /// # Errors
    /// Those of `call`.
    pub async fn first_call(&self, call: &Call) -> Result<Answer, Failed> {
        let step = Mutex::new(TestStep::Address);
        let asked = self.pace.call(|| async {
            self.attempt(call).await.map_err(|failed| {
                *step.lock().unwrap_or_else(PoisonError::into_inner) = failed.step;
                failed.fault
            })
        });
        let asked = asked.await;
        asked.map_err(Failed::at(step.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }

    async fn once(&self, call: &Call) -> Result<Answer, ConnectorError> {
        self.attempt(call).await.map_err(|failed| failed.fault)
    }

    async fn attempt(&self, call: &Call) -> Result<Answer, Failed> {
        self.rest().await;
        let place = self.place(call);
        let (header, response) = match &self.access {
            Access::None => (String::new(), self.send(call, None).await?),
            Access::Fixed { name, value } => (value.clone(), self.send(call, Some((name, value))).await?),
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
        let token = header.split_once(' ').map(|(_, token)| token.to_owned());
        let secrets = Secrets(self.secrets.iter().cloned().chain(token).collect());
        let step = match response.status {
            401 | 403 | 407 => TestStep::Credentials,
            _ => TestStep::Capabilities,
        };
        Answer::of(response, &place, &self.manners, secrets).map_err(Failed::at(step))
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
        let mut request = Request::new(call.method, self.target(call));
        for (name, value) in &self.manners.headers {
            request = request.with_header(name, value);
        }
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
    #[must_use]
    pub fn target(&self, call: &Call) -> String {
        match call.is_whole {
            true => call.target.clone(),
            false => format!("{}{}", self.prefix, call.target),
        }
    }

    /// Waits as long as the system wants to be left alone.
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
}

fn authorization(value: String) -> Access {
    Access::Fixed { name: AUTHORIZATION.to_owned(), value }
}

fn credentials_of(client: &Client) -> ClientCredentials {
    ClientCredentials {
        token_url: client.token_url.clone(),
        client_id: client.id.clone(),
        client_secret: client.secret.clone().into(),
        scope: client.scope.clone(),
        audience: None,
        auth: match client.shown {
            ClientShown::Basic => ClientAuth::Basic,
            ClientShown::Body => ClientAuth::Body,
        },
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
}
