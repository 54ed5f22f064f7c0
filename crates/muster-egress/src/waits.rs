//! What a service says about how often it may be called: `Retry-After`, and the headers of rate limits in the forms that
//! are in use. Nothing of it is believed to be sensible.

use std::time::Duration;

use crate::Response;
use chrono::{DateTime, Utc};

/// From here on a reset is an instant in seconds of 1970, and not a time to wait.
const INSTANTS: u64 = 1_000_000_000;

impl Response {
    /// How long the server asks to wait, in seconds or as an instant (RFC 9110 §10.2.3).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        wait_of(self.header("retry-after")?, self.header("date"))
    }

    /// How long to wait before the next call: until more calls are admitted, where none is left.
    #[must_use]
    pub fn until_more_calls(&self) -> Option<Duration> {
        wait_by(|name| self.header(name))
    }

    /// When the server says that it is.
    #[must_use]
    pub fn date(&self) -> Option<DateTime<Utc>> {
        http_date(self.header("date")?)
    }
}

fn wait_by<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Duration> {
    let date = header("date");
    let combined = header("ratelimit").and_then(|text| {
        let (remaining, reset) = (parameter(text, &["remaining", "r"])?, parameter(text, &["reset", "t"])?);
        (remaining == "0").then(|| wait_of(reset, date))?
    });
    let pairs = [
        ("ratelimit-remaining", "ratelimit-reset"),
        ("x-ratelimit-remaining", "x-ratelimit-reset"),
        ("x-rate-limit-remaining", "x-rate-limit-reset"),
    ];
    let separate = pairs.into_iter().find_map(|(remaining, reset)| {
        let is_used_up = header(remaining)?.trim() == "0";
        is_used_up.then(|| wait_of(header(reset)?, date))?
    });
    combined.or(separate)
}

/// A parameter of a list, as in `limit=10, remaining=0, reset=5` or `"default";r=0;t=5`.
fn parameter<'a>(text: &'a str, names: &[&str]) -> Option<&'a str> {
    let mut parts = text.split([',', ';']).filter_map(|part| part.trim().split_once('='));
    parts.find(|(name, _)| names.contains(name)).map(|(_, value)| value.trim())
}

/// A time to wait, or an instant to wait for, measured by the clock of the service.
fn wait_of(text: &str, date: Option<&str>) -> Option<Duration> {
    let text = text.trim();
    let until = match text.split('.').next()?.parse::<u64>() {
        Ok(seconds) if seconds < INSTANTS => return Some(Duration::from_secs(seconds)),
        Ok(seconds) => DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)?,
        Err(_) => http_date(text)?,
    };
    (until - http_date(date?)?).to_std().ok()
}

/// An instant of a header (RFC 9110 §5.6.7).
fn http_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text.trim()).ok().map(|instant| instant.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    #[test]
    fn waits_are_read_in_each_form() {
        for (headers, seconds) in [
            (&[("ratelimit-remaining", "0"), ("ratelimit-reset", "5")][..], Some(5)),
            (&[("ratelimit-remaining", "1"), ("ratelimit-reset", "5")], None),
            (&[("ratelimit-remaining", "0")], None),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "7.5")], Some(7)),
            (
                &[("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "1000000000"), ("date", DATE)],
                Some(215_888_223),
            ),
            (&[("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "1000000000")], None),
            (&[("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", DATE), ("date", DATE)], Some(0)),
            (&[("ratelimit", "limit=10, remaining=0, reset=9")], Some(9)),
            (&[("ratelimit", "limit=10, remaining=3, reset=9")], None),
            (&[("ratelimit", "\"default\";r=0;t=4")], Some(4)),
            (&[("ratelimit-remaining", "0"), ("ratelimit-reset", "soon")], None),
            (&[("ratelimit-remaining", "0"), ("ratelimit-reset", "99999999999999999999")], None),
            (&[], None),
        ] {
            let header = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
            assert_eq!(wait_by(header), seconds.map(Duration::from_secs), "{headers:?}");
        }
    }
}
