//! What is said to the server that gives access tokens, and what it answers. Repeats nothing of an answer but what the
//! standard knows.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{ClientAuth, ClientCredentials, TokenError, Tokens};
use crate::{Method, Request, Response};

/// How long a token is good for whose answer does not say so.
const USUAL_LIFE: u64 = 300;
/// Longer none is believed to be, in seconds.
const LONGEST_LIFE: u64 = 86_400;
/// A token is renewed so many seconds before its end.
const RENEWED_BEFORE: u64 = 30;
/// The longest answer with a token, and the longest token in it, in octets.
pub(super) const ANSWER: u64 = 64 * 1024;
const TOKEN: usize = 16 * 1024;

/// What RFC 6749 §5.2 and RFC 8707 §2 let a server say, besides `invalid_client`. Nothing else of an error is repeated:
/// a server may repeat the secret in it.
const KNOWN_ERRORS: [&str; 7] = [
    "invalid_request",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
    "access_denied",
];

impl Tokens {
    /// Asks for a token: it, and how long it is to be used.
    pub(super) async fn fetch(&self) -> Result<(SecretString, Duration), TokenError> {
        let answered = self.client.send(self.request()).await;
        let answer = answered
            .map_err(|error| TokenError::Egress { host: self.host.clone(), source: Arc::new(error) })?;
        if answer.is_success() {
            return token_in(&answer.body)
                .map_err(|problem| TokenError::Unusable { host: self.host.clone(), problem });
        }
        Err(self.refusal(&answer))
    }

    fn request(&self) -> Request {
        let ClientCredentials { token_url, client_id, client_secret, scope, audience, auth } =
            &self.credentials;
        let secret = client_secret.expose_secret();
        let mut fields = vec![("grant_type", "client_credentials")];
        fields.extend(scope.as_deref().map(|scope| ("scope", scope)));
        fields.extend(audience.as_deref().map(|audience| ("audience", audience)));
        let request = Request::new(Method::Post, token_url).with_header("Accept", "application/json");
        let request = match auth {
            ClientAuth::Body => {
                fields.extend([("client_id", client_id.as_str()), ("client_secret", secret)]);
                request
            }
            ClientAuth::Basic => {
                let pair = BASE64.encode(format!("{}:{}", encoded(client_id), encoded(secret)));
                request.with_header("Authorization", format!("Basic {pair}"))
            }
        };
        let body: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        request.with_body("application/x-www-form-urlencoded", body.join("&").into_bytes())
    }

    fn refusal(&self, answer: &Response) -> TokenError {
        let (host, status) = (self.host.clone(), answer.status);
        let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let said = body.as_ref().and_then(|body| body.get("error")?.as_str());
        let code = KNOWN_ERRORS.into_iter().find(|code| said == Some(code));
        match (status, said, code) {
            (408 | 425 | 429 | 500.., _, _) => {
                TokenError::Busy { host, status, retry_after: answer.retry_after() }
            }
            (400.., Some("invalid_client"), _) => TokenError::InvalidClient { host },
            (400.., _, Some(code)) => TokenError::Denied { host, code },
            (401, _, None) => TokenError::InvalidClient { host },
            (_, _, _) => TokenError::Status { host, status },
        }
    }
}

/// The token in an answer, and how long it is to be used (RFC 6749 §5.1).
fn token_in(body: &[u8]) -> Result<(SecretString, Duration), &'static str> {
    let body: Value = serde_json::from_slice(body).map_err(|_| "it is no JSON")?;
    let token = body.get("access_token").and_then(Value::as_str).ok_or("it has no `access_token`")?;
    if token.is_empty() || token.len() > TOKEN || !token.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err("its `access_token` is empty, too long or has strange letters");
    }
    let kind = body.get("token_type").and_then(Value::as_str).unwrap_or("bearer");
    if !kind.eq_ignore_ascii_case("bearer") {
        return Err("its `token_type` is not `Bearer`");
    }
    Ok((SecretString::from(token), life(body.get("expires_in"))))
}

/// How long a token is used that lives for so many seconds: half of a short life at least.
fn life(expires_in: Option<&Value>) -> Duration {
    // Some servers write the number as a text.
    let told = expires_in.and_then(|told| told.as_u64().or_else(|| told.as_str()?.trim().parse().ok()));
    let seconds = told.unwrap_or(USUAL_LIFE).min(LONGEST_LIFE);
    Duration::from_secs(seconds - RENEWED_BEFORE.min(seconds / 2))
}

/// As a form has it (`application/x-www-form-urlencoded`); id and secret are so before they are Basic, too.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => encoded.push(octet.into()),
            b' ' => encoded.push('+'),
            octet => encoded.push_str(&format!("%{octet:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_are_renewed_before_their_end() {
        for (told, seconds) in [
            (json!(null), 270),
            (json!("soon"), 270),
            (json!(-5), 270),
            (json!(3600), 3570),
            (json!("3600"), 3570),
            (json!(60), 30),
            (json!(40), 20),
            (json!(1), 1),
            (json!(0), 0),
            (json!(u64::MAX), 86_370),
        ] {
            assert_eq!(life(Some(&told)), Duration::from_secs(seconds), "{told}");
        }
        assert_eq!(life(None), Duration::from_secs(270));
    }

    #[test]
    fn forms_are_spelled_as_they_have_to_be() {
        assert_eq!(encoded("Az09-._*"), "Az09-._*");
        assert_eq!(encoded("a b&c=d+é%:~"), "a+b%26c%3Dd%2B%C3%A9%25%3A%7E");
    }
}
