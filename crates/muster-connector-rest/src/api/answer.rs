//! Answers: what concerns the whole API becomes a fault, the rest is for who asked.

use std::time::Duration;

use muster_connector::ConnectorError;
use muster_connector::text::shown;
use muster_egress::Response;
use serde_json::Value as Json;

use crate::description::Description;
use crate::template::text_of;

/// How deep an answer may be nested.
const DEEPEST: usize = 32;

/// An answer that concerns what was asked for: done, or refused.
pub(crate) struct Answer {
    pub(crate) response: Response,
    /// Whether it says that something exists already.
    is_conflict: bool,
    /// Call, status and why, for messages.
    pub(crate) told: String,
}

impl Answer {
    /// What a response means. `clean` takes out what must not be shown.
    pub(super) fn of(
        response: Response,
        place: &str,
        description: &Description,
        clean: impl Fn(&str) -> String,
    ) -> Result<Self, ConnectorError> {
        let refusals = &description.refusals;
        let refusal =
            if response.is_success() { Json::Null } else { json(&response.body).unwrap_or_default() };
        let why = refusals.message.as_ref().and_then(|message| text_of(message.get(&refusal)?));
        let why = why.map(|why| format!(": {}", shown(&clean(&why)))).unwrap_or_default();
        let told = format!("{place} answered {}{why}", response.status);
        if let Some(fault) = fault_of(response.status, response.retry_after(), &told) {
            return Err(fault);
        }
        let is_conflict = refusals.is_conflict(response.status, &refusal);
        Ok(Self { response, is_conflict, told })
    }

    pub(crate) fn is_success(&self) -> bool {
        self.response.is_success()
    }

    pub(crate) fn status(&self) -> u16 {
        self.response.status
    }

    /// Whether it says that what was asked for is not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self.status(), 404 | 410)
    }

    /// Whether it says that something exists already.
    pub(crate) fn is_conflict(&self) -> bool {
        self.is_conflict
    }

    /// The document that it holds.
    ///
    /// # Errors
    /// When it holds none.
    pub(crate) fn json(&self) -> Result<Json, ConnectorError> {
        json(&self.response.body).map_err(|problem| self.garbage(&problem))
    }

    /// A fault for a body that is not what it should be.
    pub(crate) fn garbage(&self, problem: &str) -> ConnectorError {
        let message = format!("{}, and what came is not as it is described: {problem}", self.told);
        ConnectorError::Transient { message, retry_after: None }
    }

    /// What a refusal means for one thing.
    pub(crate) fn refused(&self) -> ConnectorError {
        let message = self.told.clone();
        match self.status() {
            _ if self.is_conflict => ConnectorError::Conflict { message },
            404 | 410 => ConnectorError::Missing { message },
            412 => ConnectorError::Transient { message, retry_after: None },
            _ => ConnectorError::Rejected { message },
        }
    }

    /// What a refusal means where no single thing was asked for.
    pub(crate) fn unusable(&self, hint: &str) -> ConnectorError {
        ConnectorError::Unusable { message: format!("{}; {hint}", self.told) }
    }
}

/// What concerns the API and not only what was asked for.
fn fault_of(status: u16, retry_after: Option<Duration>, told: &str) -> Option<ConnectorError> {
    let unusable = |hint: &str| ConnectorError::Unusable { message: format!("{told}; {hint}") };
    match status {
        300..=399 => Some(unusable("it leads elsewhere, where we do not follow: correct `baseUrl`")),
        401 => Some(unusable("it does not take our credentials: enter them again")),
        403 => Some(unusable("our credentials do not have the right: let them have it there")),
        407 => Some(unusable("a proxy stands before the API")),
        501 => None,
        408 | 425 | 429 | 500.. => Some(ConnectorError::Transient { message: told.to_owned(), retry_after }),
        _ => None,
    }
}

/// The document of a body, if it is not nested too deep.
fn json(body: &[u8]) -> Result<Json, String> {
    check_depth(body)?;
    serde_json::from_slice(body).map_err(|error| shown(&error.to_string()))
}

/// Whether a body may be parsed.
///
/// # Errors
/// When it is nested too deep.
pub(crate) fn check_depth(body: &[u8]) -> Result<(), String> {
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
    fn statuses_are_faults_of_the_api_or_answers() {
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
            let fault = fault_of(status, Some(Duration::from_secs(7)), "told");
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
