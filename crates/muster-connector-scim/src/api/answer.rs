//! Answers: what concerns the whole service becomes a fault, the rest is for who asked.

use std::time::Duration;

use chrono::{DateTime, Utc};
use muster_connector::ConnectorError;
use muster_connector::text::shown;
use muster_egress::Response;
use serde_json::{Map, Value as Json};

/// How deep an answer may be nested.
const DEEPEST: usize = 32;

/// An answer that concerns what was asked for: done, or refused.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// The version of the resource.
    pub(crate) etag: Option<String>,
    pub(crate) location: Option<String>,
    /// When the service says that it is.
    pub(crate) date: Option<DateTime<Utc>>,
    /// What kind of refusal it is (RFC 7644 §3.12), as `uniqueness`.
    pub(crate) scim_type: Option<String>,
    /// Call, status and why, for messages.
    pub(crate) told: String,
}

impl Answer {
    /// What a response means. `clean` takes out what must not be shown.
    pub(super) fn of(
        response: Response,
        place: &str,
        clean: impl Fn(&str) -> String,
    ) -> Result<Self, ConnectorError> {
        let refusal = if response.is_success() { None } else { object(&response.body).ok() };
        let text = |name: &str| refusal.as_ref()?.get(name)?.as_str().map(|text| shown(&clean(text)));
        let scim_type = text("scimType").filter(|text| !text.is_empty());
        let why = match (text("detail"), &scim_type) {
            (Some(detail), Some(scim_type)) => format!(" {scim_type}: {detail}"),
            (Some(detail), None) => format!(": {detail}"),
            (None, Some(scim_type)) => format!(" {scim_type}"),
            (None, None) => String::new(),
        };
        let told = format!("{place} answered {}{why}", response.status);
        if let Some(fault) = fault_of(response.status, response.retry_after(), &told) {
            return Err(fault);
        }
        let header = |name: &str| response.header(name).map(str::to_owned);
        Ok(Self {
            status: response.status,
            etag: header("etag"),
            location: header("location"),
            date: response.date(),
            scim_type,
            told,
            body: response.body,
        })
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The resource that it holds.
    ///
    /// # Errors
    /// When it holds none.
    pub(crate) fn object(&self) -> Result<Map<String, Json>, ConnectorError> {
        object(&self.body).map_err(|problem| self.garbage(&problem))
    }

    /// A fault for a body that is not what it should be.
    pub(crate) fn garbage(&self, problem: &str) -> ConnectorError {
        let message = format!("{}, and what came is no answer of SCIM: {problem}", self.told);
        ConnectorError::Transient { message, retry_after: None }
    }

    /// What a refusal means for one resource.
    pub(crate) fn refused(&self) -> ConnectorError {
        Self::refusal(self.status, self.scim_type.as_deref(), self.told.clone())
    }

    /// What a status that concerns one resource means for it.
    pub(crate) fn refusal(status: u16, scim_type: Option<&str>, message: String) -> ConnectorError {
        match (status, scim_type) {
            (409, _) | (400, Some("uniqueness")) => ConnectorError::Conflict { message },
            (404 | 410, _) => ConnectorError::Missing { message },
            (412, _) => ConnectorError::Transient { message, retry_after: None },
            _ => ConnectorError::Rejected { message },
        }
    }

    /// What a refusal means where no single resource was asked for.
    pub(crate) fn unusable(&self, hint: &str) -> ConnectorError {
        ConnectorError::Unusable { message: format!("{}; {hint}", self.told) }
    }
}

/// What concerns the service and not only what was asked for.
pub(crate) fn fault_of(status: u16, retry_after: Option<Duration>, told: &str) -> Option<ConnectorError> {
    let unusable = |hint: &str| ConnectorError::Unusable { message: format!("{told}; {hint}") };
    match status {
        300..=399 => Some(unusable("it leads elsewhere, where we do not follow: correct `baseUrl`")),
        401 => Some(unusable("it does not take our credentials: enter them again")),
        403 => Some(unusable("our credentials do not have the right: let the service give it to them")),
        407 => Some(unusable("a proxy stands before the service")),
        501 => None,
        408 | 425 | 429 | 500.. => Some(ConnectorError::Transient { message: told.to_owned(), retry_after }),
        _ => None,
    }
}

/// An object of a body, if it is not nested too deep.
fn object(body: &[u8]) -> Result<Map<String, Json>, String> {
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
    fn statuses_are_faults_of_the_service_or_answers() {
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
