//! The octets of LDAP: BER in the part that RFC 4511 §5.1 admits, definite lengths and one octet of tag. Never panics,
//! never reads past what it was given.

/// Tags of universal types.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const OCTETS: u8 = 0x04;
    pub(crate) const ENUMERATED: u8 = 0x0a;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;
}

/// What came is not what the protocol says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

/// Writes values one after the other.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn into_octets(self) -> Vec<u8> {
        self.0
    }

    /// A value that was written elsewhere.
    pub(crate) fn raw(&mut self, value: &[u8]) {
        self.0.extend_from_slice(value);
    }

    pub(crate) fn octets(&mut self, tag: u8, value: &[u8]) {
        self.0.push(tag);
        let (length, count) = length_octets(value.len());
        self.0.extend_from_slice(&length[..count]);
        self.0.extend_from_slice(value);
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.octets(tag::OCTETS, value.as_bytes());
    }

    pub(crate) fn boolean(&mut self, tag: u8, value: bool) {
        self.octets(tag, &[if value { 0xff } else { 0 }]);
    }

    /// An integer or an enumerated value, in as few octets as will do.
    pub(crate) fn integer(&mut self, tag: u8, value: i64) {
        let octets = value.to_be_bytes();
        let is_filler = |at: usize| {
            let sign = octets[at + 1] & 0x80;
            octets[at] == 0 && sign == 0 || octets[at] == 0xff && sign != 0
        };
        let first = (0..octets.len() - 1).find(|&at| !is_filler(at)).unwrap_or(octets.len() - 1);
        self.octets(tag, &octets[first..]);
    }

    /// A value made of values.
    pub(crate) fn nested(&mut self, tag: u8, fill: impl FnOnce(&mut Self)) {
        self.0.push(tag);
        let start = self.0.len();
        fill(self);
        let (length, count) = length_octets(self.0.len() - start);
        self.0.splice(start..start, length[..count].iter().copied());
    }
}

/// The octets of a length, and how many there are.
fn length_octets(length: usize) -> ([u8; 9], usize) {
    let mut octets = [0; 9];
    if length < 0x80 {
        octets[0] = u8::try_from(length).unwrap_or_default();
        return (octets, 1);
    }
    let all = (length as u64).to_be_bytes();
    let skipped = all.iter().take_while(|octet| **octet == 0).count();
    let count = all.len() - skipped;
    octets[0] = 0x80 | u8::try_from(count).unwrap_or_default();
    octets[1..=count].copy_from_slice(&all[skipped..]);
    (octets, count + 1)
}

/// The octets that the head of a value takes and those that follow; `None` while the head is not all there.
fn head(octets: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let [_, first, rest @ ..] = octets else { return Ok(None) };
    match first {
        0..=0x7f => Ok(Some((2, usize::from(*first)))),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7f);
            let Some(length) = rest.get(..count) else { return Ok(None) };
            let length = length.iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
            Ok(Some((2 + count, length)))
        }
        _ => Err(Malformed("a length is given in a form that LDAP does not have")),
    }
}

/// Reads values one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next value with its tag.
    pub(crate) fn value(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let Some((&tag, (head, length))) = self.0.first().zip(head(self.0)?) else {
            return Err(Malformed("a value ends before its length"));
        };
        if tag & 0x1f == 0x1f {
            return Err(Malformed("a tag has more than one octet"));
        }
        let end = head.checked_add(length).filter(|end| *end <= self.0.len());
        let end = end.ok_or(Malformed("a value is shorter than it says"))?;
        let value = &self.0[head..end];
        self.0 = &self.0[end..];
        Ok((tag, value))
    }

    /// The next value, of this tag.
    pub(crate) fn expect(&mut self, wanted: u8) -> Result<&'a [u8], Malformed> {
        match self.value()? {
            (tag, value) if tag == wanted => Ok(value),
            _ => Err(Malformed("a value has a tag that does not belong there")),
        }
    }

    /// The next value if it has this tag.
    pub(crate) fn optional(&mut self, wanted: u8) -> Result<Option<&'a [u8]>, Malformed> {
        if self.peek() == Some(wanted) { self.expect(wanted).map(Some) } else { Ok(None) }
    }

    /// The values within the next value.
    pub(crate) fn nested(&mut self, wanted: u8) -> Result<Self, Malformed> {
        self.expect(wanted).map(Self)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        str::from_utf8(self.expect(tag::OCTETS)?).map_err(|_| Malformed("a text is not UTF-8"))
    }

    pub(crate) fn integer(&mut self, wanted: u8) -> Result<i64, Malformed> {
        let octets = self.expect(wanted)?;
        let Some(first) = octets.first().filter(|_| octets.len() <= 8) else {
            return Err(Malformed("a number has no octets or too many"));
        };
        let sign = if first & 0x80 == 0 { 0 } else { -1 };
        Ok(octets.iter().fold(sign, |number, octet| number << 8 | i64::from(*octet)))
    }
}

/// How many octets the message has that begins here; `None` while that cannot be told yet.
///
/// # Errors
/// When it is no message, or longer than `limit`.
pub(crate) fn message_length(octets: &[u8], limit: usize) -> Result<Option<usize>, Malformed> {
    if octets.first().is_some_and(|first| *first != tag::SEQUENCE) {
        return Err(Malformed("what came is not LDAP"));
    }
    match head(octets)? {
        None => Ok(None),
        Some((head, length)) => match head.checked_add(length).filter(|length| *length <= limit) {
            Some(length) => Ok(Some(length)),
            None => Err(Malformed("a message is longer than `maximumEntryBytes` admits")),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_take_as_few_octets_as_will_do() {
        for (number, octets) in [
            (0, vec![2, 1, 0]),
            (127, vec![2, 1, 127]),
            (128, vec![2, 2, 0, 128]),
            (-1, vec![2, 1, 255]),
            (-129, vec![2, 2, 255, 127]),
            (i64::from(i32::MAX), vec![2, 4, 127, 255, 255, 255]),
        ] {
            let mut writer = Writer::default();
            writer.integer(tag::INTEGER, number);
            let written = writer.into_octets();
            assert_eq!(written, octets, "{number}");
            assert_eq!(Reader::new(&written).integer(tag::INTEGER), Ok(number));
        }
    }

    #[test]
    fn lengths_take_the_form_they_need() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let value = vec![7; length];
            let mut writer = Writer::default();
            writer.nested(tag::SEQUENCE, |inner| inner.octets(tag::OCTETS, &value));
            let written = writer.into_octets();
            assert_eq!(message_length(&written, usize::MAX), Ok(Some(written.len())));
            let mut inner = Reader::new(&written).nested(tag::SEQUENCE).unwrap();
            assert_eq!(inner.expect(tag::OCTETS).unwrap(), value);
            assert!(inner.is_empty());
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for (octets, limit) in [
            (&b"HTTP/1.1 400"[..], 100),
            (&[0x30, 0x80, 0, 0][..], 100),
            (&[0x30, 0x85, 1, 1, 1, 1, 1][..], 100),
            (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..], 1 << 20),
        ] {
            assert!(message_length(octets, limit).is_err(), "{octets:?}");
        }
        assert_eq!(message_length(&[0x30], 100), Ok(None));
        assert_eq!(message_length(&[0x30, 0x82, 1], 1000), Ok(None));
    }

    proptest! {
        #[test]
        fn reading_what_somebody_made_up_never_panics(octets: Vec<u8>) {
            let mut reader = Reader::new(&octets);
            while !reader.is_empty() {
                if reader.value().is_err() {
                    break;
                }
            }
            let _ = message_length(&octets, 1 << 20);
            let _ = Reader::new(&octets).integer(tag::INTEGER);
        }
    }
}
