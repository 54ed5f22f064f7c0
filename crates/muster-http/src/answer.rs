//! Answers: what concerns the whole system becomes a fault, the rest is for who asked.

use std::time::Duration;

use muster_connector::ConnectorError;
use muster_connector::text::shown;
use muster_egress::Response;
use serde::Deserialize;

use crate::Manners;

/// How deep a body may be nested.
const DEEPEST: usize = 32;

/// Shorter texts, in octets, are nobody's secret, stand in many words, and are not taken out of messages.
const SHORTEST_SECRET: usize = 4;

/// An answer that concerns what was asked for: done, or refused.
pub struct Answer {
    /// As it came.
    pub response: Response,
    /// Call, status and why, for messages.
    pub told: String,
    /// What kind of refusal it is, in words of the other side, if it says so.
    pub code: Option<String>,
    /// Whether it says that something exists already.
    pub is_conflict: bool,
    /// What a body is that cannot be read.
    unread: &'static str,
    secrets: Secrets,
}

/// What we told the other side, and must not be shown when it repeats it.
pub(crate) struct Secrets(pub(crate) Vec<String>);

impl Secrets {
    /// A text of the other side for messages.
    fn shown(&self, text: &str) -> String {
        let known = self.0.iter().filter(|secret| secret.len() >= SHORTEST_SECRET);
        shown(&known.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "…")))
    }
}

/// What a refusal says of itself, in words of the other side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of refusal it is.
    pub code: Option<String>,
    /// Why it is refused.
    pub detail: Option<String>,
    /// Whether something exists already.
    pub is_conflict: bool,
}

impl Answer {
    /// What a response means.
    pub(crate) fn of(
        response: Response,
        place: &str,
        manners: &Manners,
        secrets: Secrets,
    ) -> Result<Self, ConnectorError> {
        let refusal = if response.is_success() { Refusal::default() } else { (manners.refusals)(&response) };
        let text = |text: Option<String>| text.map(|text| secrets.shown(&text));
        let code = text(refusal.code).filter(|text| !text.is_empty());
        let why = match (text(refusal.detail), &code) {
            (Some(detail), Some(code)) => format!(" {code}: {detail}"),
            (Some(detail), None) => format!(": {detail}"),
            (None, Some(code)) => format!(" {code}"),
            (None, None) => String::new(),
        };
        let told = format!("{place} answered {}{why}", response.status);
        match fault_of(response.status, response.retry_after(), &told, manners.words.who) {
            Some(fault) => Err(fault),
            None => Ok(Self {
                response,
                told,
                code,
                is_conflict: refusal.is_conflict,
                unread: manners.words.unread,
                secrets,
            }),
        }
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status
    }

    /// Whether what was asked for is done.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.response.is_success()
    }

    /// Whether it says that what was asked for is not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self.status(), 404 | 410)
    }

    /// What its body holds.
    ///
    /// # Errors
    /// When it does not hold that.
    pub fn parsed<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ConnectorError> {
        parsed(&self.response.body).map_err(|problem| self.garbage(&problem))
    }

    /// A text of its body for messages: without what we told the other side.
    #[must_use]
    pub fn shown(&self, text: &str) -> String {
        self.secrets.shown(text)
    }

    /// A fault for a body that is not what it should be.
    #[must_use]
    pub fn garbage(&self, problem: &str) -> ConnectorError {
        let message = format!("{}, and what came {}: {problem}", self.told, self.unread);
        ConnectorError::Transient { message, retry_after: None }
    }

    /// What a refusal means for the one thing that was asked for.
    #[must_use]
    pub fn refused(&self) -> ConnectorError {
        refusal(self.status(), self.is_conflict, self.told.clone())
    }

    /// What a refusal means where no single thing was asked for.
    #[must_use]
    pub fn unusable(&self, hint: &str) -> ConnectorError {
        ConnectorError::Unusable { message: format!("{}; {hint}", self.told) }
    }
}

/// What a status that concerns one thing means for it.
#[must_use]
pub fn refusal(status: u16, is_conflict: bool, message: String) -> ConnectorError {
    match status {
        _ if is_conflict => ConnectorError::Conflict { message },
        404 | 410 => ConnectorError::Missing { message },
        412 => ConnectorError::Transient { message, retry_after: None },
        _ => ConnectorError::Rejected { message },
    }
}

/// What concerns the whole system, which messages call `who`, and not only what was asked for.
#[must_use]
pub fn fault_of(status: u16, retry_after: Option<Duration>, told: &str, who: &str) -> Option<ConnectorError> {
    let unusable = |hint: &str| Some(ConnectorError::Unusable { message: format!("{told}; {hint}") });
    match status {
        300..=399 => unusable("it leads elsewhere, where we do not follow: correct `baseUrl`"),
        401 => unusable("it does not take our credentials: enter them again"),
        403 => unusable(&format!("our credentials do not have the right: let {who} give it to them")),
        407 => unusable(&format!("a proxy stands before {who}")),
        501 => None,
        408 | 425 | 429 | 500.. => Some(ConnectorError::Transient { message: told.to_owned(), retry_after }),
        _ => None,
    }
}

/// What a body holds, if it is not nested too deep.
///
/// # Errors
/// When it is, or does not hold that.
pub fn parsed<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    check_depth(body)?;
    serde_json::from_slice(body).map_err(|error| shown(&error.to_string()))
}

fn check_depth(body: &[u8]) -> Result<(), String> {
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for byte in body {
        match (is_text, is_escaped, byte) {
            (true, true, _) => is_escaped = false,
            (true, false, b'\\') => is_escaped = true,
            (_, _, b'"') => is_text = !is_text,
            (false, _, b'{' | b'[') => depth += 1,
            (false, _, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(format!("it is nested deeper than {DEEPEST}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_of_texts() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check_depth(nested(DEEPEST).as_bytes()), Ok(()));
        assert!(check_depth(nested(DEEPEST + 1).as_bytes()).is_err());
        assert!(check_depth("[".repeat(1_000_000).as_bytes()).is_err());
        assert_eq!(check_depth(format!("{{\"a\\\"{}\":1}}", "[".repeat(100)).as_bytes()), Ok(()));
        assert_eq!(check_depth(format!("[{}]", "{},".repeat(100)).as_bytes()), Ok(()));
    }

    #[test]
    fn statuses_are_faults_of_the_system_or_answers() {
        for (status, class) in [
            (200, None),
            (302, Some("Unusable")),
            (400, None),
            (401, Some("Unusable")),
            (403, Some("Unusable")),
            (404, None),
            (409, None),
            (412, None),
            (413, None),
            (429, Some("Transient")),
            (500, Some("Transient")),
            (501, None),
            (503, Some("Transient")),
            (599, Some("Transient")),
        ] {
            let fault = fault_of(status, Some(Duration::from_secs(7)), "told", "the API");
            let found = fault
                .as_ref()
                .map(|fault| format!("{fault:?}").split(' ').next().unwrap_or_default().to_owned());
            assert_eq!(found.as_deref(), class, "{status}");
            if class == Some("Transient") {
                assert_eq!(fault.and_then(|fault| fault.retry_after()), Some(Duration::from_secs(7)));
            }
        }
    }
}
