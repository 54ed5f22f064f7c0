//! How values stand in text wherever they do: in views, reports, messages and on the console.

use chrono::{DateTime, SecondsFormat, Utc};

/// An instant as all write it: RFC 3339 in UTC with milliseconds.
#[must_use]
pub fn instant(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Octets as lower-case hexadecimal digits.
#[must_use]
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_milliseconds_and_octets_two_digits() {
        assert_eq!(instant(DateTime::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
        assert_eq!(hex(&[0, 10, 255]), "000aff");
    }
}
