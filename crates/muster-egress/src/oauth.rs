//! Access tokens for client credentials (RFC 6749 §4.4): fetched once for all who wait, kept until shortly before their
//! end, fetched anew when refused. No token and no secret is ever shown.

mod endpoint;
mod error;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muster_model::TenantSlug;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

pub use error::{AuthorizedError, TokenError};

use crate::{ClientSettings, Egress, EgressError, HttpClient, Request, Response};

/// How a client says who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// In the header `Authorization`, as every server has to understand (RFC 6749 §2.3.1).
    Basic,
    /// In the body, as `client_id` and `client_secret`.
    Body,
}

/// What access tokens are given for. Its `Debug` does not show the secret.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// The token endpoint; it may be of another origin than what the tokens are for.
    pub token_url: String,
    /// Who the client is.
    pub client_id: String,
    /// What proves it.
    pub client_secret: SecretString,
    /// The scopes that are asked for, separated by blanks.
    pub scope: Option<String>,
    /// Whom the tokens are for, where the server wants to be told.
    pub audience: Option<String>,
    /// How the client says who it is.
    pub auth: ClientAuth,
}

/// A token that was given. Its `Debug` does not show it.
#[derive(Debug, Clone)]
pub struct AccessToken {
    text: SecretString,
    number: u64,
}

impl AccessToken {
    /// The value of the header `Authorization` (RFC 6750 §2.1).
    #[must_use]
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.text.expose_secret())
    }
}

/// Access tokens for one client. Cheap to clone; clones share their token.
#[derive(Debug, Clone)]
pub struct AccessTokens(Arc<Tokens>);

#[derive(Debug)]
struct Tokens {
    client: HttpClient,
    host: String,
    credentials: ClientCredentials,
    kept: Mutex<Kept>,
    /// Whoever has it asks the server; the others wait, and take what came of it.
    turn: Semaphore,
}

#[derive(Debug, Default)]
struct Kept {
    token: Option<(AccessToken, Instant)>,
    /// Why there is none, after the last attempt.
    failure: Option<TokenError>,
    /// How often the server was asked.
    attempts: u64,
}

impl Egress {
    /// Access tokens for client credentials. The server that gives them is called by the same rules as any other, with the
    /// limits and roots of the settings; their `base` is not looked at. Nothing is asked yet.
    ///
    /// # Errors
    /// [`EgressError::Url`] and [`EgressError::Roots`] when the settings are wrong.
    pub fn access_tokens(
        &self,
        tenant: &TenantSlug,
        credentials: ClientCredentials,
        settings: ClientSettings,
    ) -> Result<AccessTokens, EgressError> {
        let (base, answer) = (credentials.token_url.clone(), settings.answer.min(endpoint::ANSWER));
        let client = self.client(tenant, ClientSettings { base, answer, connections: 1, ..settings })?;
        let host = client.origin();
        let (kept, turn) = (Mutex::default(), Semaphore::new(1));
        Ok(AccessTokens(Arc::new(Tokens { client, host, credentials, kept, turn })))
    }
}

impl AccessTokens {
    /// A token that is good for now: the one that is kept, or a new one. However many ask at once, the server is asked once,
    /// and all of them get what came of it.
    ///
    /// # Errors
    /// When there is none.
    pub async fn token(&self) -> Result<AccessToken, TokenError> {
        let attempts = {
            let kept = self.0.kept();
            if let Some((token, _)) = kept.token.as_ref().filter(|(_, until)| Instant::now() < *until) {
                return Ok(token.clone());
            }
            kept.attempts
        };
        // Nobody closes it: whoever waits gets the turn, and loses it when it is not waited for any more.
        let _turn = self.0.turn.acquire().await;
        {
            let kept = self.0.kept();
            if kept.attempts != attempts {
                // Somebody asked meanwhile. However short the life of that token is, it is as new as ours would be.
                match (&kept.token, &kept.failure) {
                    (Some((token, _)), _) => return Ok(token.clone()),
                    (None, Some(failure)) => return Err(failure.clone()),
                    (None, None) => {}
                }
            }
        }
        let begun = Instant::now();
        let fetched = self.0.fetch().await;
        self.0.keep(begun, fetched)
    }

    /// Says that a token was refused, so that it is not used again. Where it has been replaced already nothing happens.
    pub fn refused(&self, token: &AccessToken) {
        let mut kept = self.0.kept();
        if kept.token.as_ref().is_some_and(|(known, _)| known.number == token.number) {
            kept.token = None;
        }
    }

    /// Sends a request with a token. Where it is refused (401) it is sent once more with a new one, and whatever comes
    /// then is the answer.
    ///
    /// # Errors
    /// When there is no token, or no answer.
    pub async fn send(&self, client: &HttpClient, request: Request) -> Result<Response, AuthorizedError> {
        let with = |request: Request, token: &AccessToken| {
            client.send(request.with_header("Authorization", token.authorization()))
        };
        let token = self.token().await?;
        let answer = with(request.clone(), &token).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        self.refused(&token);
        let token = self.token().await?;
        Ok(with(request, &token).await?)
    }
}

impl Tokens {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(
        &self,
        begun: Instant,
        fetched: Result<(SecretString, Duration), TokenError>,
    ) -> Result<AccessToken, TokenError> {
        let mut kept = self.kept();
        kept.attempts += 1;
        match fetched {
            Ok((text, life)) => {
                let token = AccessToken { text, number: kept.attempts };
                kept.token = Some((token.clone(), begun + life));
                kept.failure = None;
                Ok(token)
            }
            Err(failure) => {
                kept.token = None;
                kept.failure = Some(failure.clone());
                Err(failure)
            }
        }
    }
}
