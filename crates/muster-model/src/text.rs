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
    let mut digits = String::with_capacity(octets.len() * 2);
    push_hex(&mut digits, octets);
    digits
}

/// Adds octets to a text, as [`hex`] writes them.
pub fn push_hex(text: &mut String, octets: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for octet in octets {
        text.push(char::from(DIGITS[usize::from(octet >> 4)]));
        text.push(char::from(DIGITS[usize::from(octet & 15)]));
    }
}

/// Reads hexadecimal digits, upper case as well: exactly so many octets.
#[must_use]
pub fn read_hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let digits = digits.as_bytes();
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let mut octets = [0; N];
    for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
        *octet = (value(pair[0])? << 4) | value(pair[1])?;
    }
    (digits.len() == 2 * N).then_some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_milliseconds_and_octets_two_digits() {
        assert_eq!(instant(DateTime::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
        assert_eq!(hex(&[0, 10, 255]), "000aff");
    }

    #[test]
    fn hexadecimal_digits_are_read_back() {
        let octets: [u8; 16] = std::array::from_fn(|index| index as u8 * 17);
        assert_eq!(read_hex(&hex(&octets)), Some(octets));
        assert_eq!(read_hex(&hex(&octets).to_uppercase()), Some(octets));
        for bad in
            ["", "00", &"g".repeat(32), &"0".repeat(33), &"0".repeat(34), &format!("+{}", "0".repeat(31))]
        {
            assert_eq!(read_hex::<16>(bad), None, "{bad}");
        }
        assert_eq!(read_hex::<2>("éé"), None);
        assert_eq!(read_hex(""), Some([]));
    }
}
