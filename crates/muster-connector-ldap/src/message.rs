//! Messages of RFC 4511: requests as octets, and what comes back as views of octets. Knows no connection.

use std::ops::Range;

use crate::ber::{Malformed, Reader, Writer, tag};
use crate::filter::Filter;

/// Numbers of results that something depends on (RFC 4511 §4.1.9, RFC 4528, RFC 4533).
pub(crate) mod code {
    pub(crate) const OTHER: i64 = 80;
    pub(crate) const SUCCESS: i64 = 0;
    pub(crate) const TIME_LIMIT: i64 = 3;
    pub(crate) const SIZE_LIMIT: i64 = 4;
    pub(crate) const COMPARE_FALSE: i64 = 5;
    pub(crate) const COMPARE_TRUE: i64 = 6;
    pub(crate) const REFERRAL: i64 = 10;
    pub(crate) const ADMIN_LIMIT: i64 = 11;
    pub(crate) const NO_SUCH_ATTRIBUTE: i64 = 16;
    pub(crate) const VALUE_EXISTS: i64 = 20;
    pub(crate) const NO_SUCH_OBJECT: i64 = 32;
    pub(crate) const OBJECT_CLASS: i64 = 65;
    pub(crate) const ENTRY_EXISTS: i64 = 68;
    pub(crate) const ASSERTION_FAILED: i64 = 122;
    pub(crate) const REFRESH_REQUIRED: i64 = 4096;
}

/// Tags of the answers that are read.
pub(crate) mod answer {
    pub(crate) const ENTRY: u8 = 0x64;
    pub(crate) const SEARCH_DONE: u8 = 0x65;
    pub(crate) const REFERENCE: u8 = 0x73;
    pub(crate) const INTERMEDIATE: u8 = 0x79;
}

/// Where a search looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Base,
    OneLevel,
    Subtree,
}

/// A control of a request.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    pub(crate) oid: &'static str,
    pub(crate) critical: bool,
    pub(crate) value: Option<Vec<u8>>,
}

/// A request, all but its number.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) operation: Vec<u8>,
    pub(crate) controls: Vec<Control>,
}

/// What is searched for.
#[derive(Debug, Clone)]
pub(crate) struct Search<'a> {
    pub(crate) base: &'a str,
    pub(crate) scope: Scope,
    pub(crate) filter: &'a Filter,
    pub(crate) attributes: &'a [String],
    /// In seconds, for the server; 0 is none.
    pub(crate) time_limit: u32,
}

/// How values of one attribute change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Modification {
    Add(String, Vec<Vec<u8>>),
    Delete(String, Vec<Vec<u8>>),
    Replace(String, Vec<Vec<u8>>),
}

fn operation(fill: impl FnOnce(&mut Writer)) -> Request {
    let mut writer = Writer::default();
    fill(&mut writer);
    Request { operation: writer.into_octets(), controls: Vec::new() }
}

fn attribute(writer: &mut Writer, name: &str, values: &[Vec<u8>]) {
    writer.nested(tag::SEQUENCE, |inner| {
        inner.text(name);
        inner.nested(tag::SET, |set| values.iter().for_each(|value| set.octets(tag::OCTETS, value)));
    });
}

impl Request {
    pub(crate) fn bind(dn: &str, password: &str) -> Self {
        operation(|writer| {
            writer.nested(0x60, |inner| {
                inner.integer(tag::INTEGER, 3);
                inner.text(dn);
                inner.octets(0x80, password.as_bytes());
            });
        })
    }

    pub(crate) fn start_tls() -> Self {
        operation(|writer| writer.nested(0x77, |inner| inner.octets(0x80, b"1.3.6.1.4.1.1466.20037")))
    }

    pub(crate) fn unbind() -> Self {
        operation(|writer| writer.octets(0x42, &[]))
    }

    pub(crate) fn abandon(id: i32) -> Self {
        operation(|writer| writer.integer(0x50, i64::from(id)))
    }

    pub(crate) fn search(search: &Search<'_>) -> Self {
        operation(|writer| {
            writer.nested(0x63, |inner| {
                inner.text(search.base);
                let scope = match search.scope {
                    Scope::Base => 0,
                    Scope::OneLevel => 1,
                    Scope::Subtree => 2,
                };
                inner.integer(tag::ENUMERATED, scope);
                // Aliases are never followed: what they lead to is read where it stands.
                inner.integer(tag::ENUMERATED, 0);
                inner.integer(tag::INTEGER, 0);
                inner.integer(tag::INTEGER, i64::from(search.time_limit));
                inner.boolean(tag::BOOLEAN, false);
                search.filter.write(inner);
                inner.nested(tag::SEQUENCE, |names| {
                    search.attributes.iter().for_each(|name| names.text(name));
                });
            });
        })
    }

    pub(crate) fn add(dn: &str, attributes: &[(String, Vec<Vec<u8>>)]) -> Self {
        operation(|writer| {
            writer.nested(0x68, |inner| {
                inner.text(dn);
                inner.nested(tag::SEQUENCE, |list| {
                    attributes.iter().for_each(|(name, values)| attribute(list, name, values));
                });
            });
        })
    }

    pub(crate) fn modify(dn: &str, modifications: &[Modification]) -> Self {
        let one = |list: &mut Writer, modification: &Modification| {
            let (number, name, values) = match modification {
                Modification::Add(name, values) => (0, name, values),
                Modification::Delete(name, values) => (1, name, values),
                Modification::Replace(name, values) => (2, name, values),
            };
            list.nested(tag::SEQUENCE, |inner| {
                inner.integer(tag::ENUMERATED, number);
                attribute(inner, name, values);
            });
        };
        operation(|writer| {
            writer.nested(0x66, |inner| {
                inner.text(dn);
                inner.nested(tag::SEQUENCE, |list| modifications.iter().for_each(|it| one(list, it)));
            });
        })
    }

    /// Gives an entry another relative name, whose old values it loses, and another parent.
    pub(crate) fn rename(dn: &str, rdn: &str, parent: Option<&str>) -> Self {
        operation(|writer| {
            writer.nested(0x6c, |inner| {
                inner.text(dn);
                inner.text(rdn);
                inner.boolean(tag::BOOLEAN, true);
                parent.iter().for_each(|parent| inner.octets(0x80, parent.as_bytes()));
            });
        })
    }

    pub(crate) fn delete(dn: &str) -> Self {
        operation(|writer| writer.octets(0x4a, dn.as_bytes()))
    }

    pub(crate) fn compare(dn: &str, name: &str, value: &[u8]) -> Self {
        operation(|writer| {
            writer.nested(0x6e, |inner| {
                inner.text(dn);
                inner.nested(tag::SEQUENCE, |assertion| {
                    assertion.text(name);
                    assertion.octets(tag::OCTETS, value);
                });
            });
        })
    }

    pub(crate) fn with(mut self, control: Control) -> Self {
        self.controls.push(control);
        self
    }

    /// The whole message.
    pub(crate) fn message(&self, id: i32) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.nested(tag::SEQUENCE, |inner| {
            inner.integer(tag::INTEGER, i64::from(id));
            inner.raw(&self.operation);
            if self.controls.is_empty() {
                return;
            }
            inner.nested(0xa0, |controls| {
                for control in &self.controls {
                    controls.nested(tag::SEQUENCE, |one| {
                        one.text(control.oid);
                        if control.critical {
                            one.boolean(tag::BOOLEAN, true);
                        }
                        control.value.iter().for_each(|value| one.octets(tag::OCTETS, value));
                    });
                }
            });
        });
        writer.into_octets()
    }
}

/// A message that came.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: i32,
    /// The tag of its operation.
    pub(crate) tag: u8,
    octets: Vec<u8>,
    body: Range<usize>,
    controls: Range<usize>,
}

impl Message {
    pub(crate) fn parse(octets: Vec<u8>) -> Result<Self, Malformed> {
        let mut message = Reader::new(&octets).nested(tag::SEQUENCE)?;
        let id = i32::try_from(message.integer(tag::INTEGER)?).ok().filter(|id| *id >= 0);
        let id = id.ok_or(Malformed("a message has no sound number"))?;
        let (tag, body) = message.value()?;
        // Something else may follow: Active Directory puts the name of a notice there.
        let controls = message.optional(0xa0)?.unwrap_or_default();
        let range = |part: &[u8]| {
            let start = part.as_ptr().addr().saturating_sub(octets.as_ptr().addr());
            if part.is_empty() { 0..0 } else { start..start + part.len() }
        };
        let (body, controls) = (range(body), range(controls));
        Ok(Self { id, tag, octets, body, controls })
    }

    pub(crate) fn body(&self) -> &[u8] {
        self.octets.get(self.body.clone()).unwrap_or_default()
    }

    /// The value of a control, if it came with the message.
    pub(crate) fn control(&self, oid: &str) -> Result<Option<&[u8]>, Malformed> {
        let mut controls = Reader::new(self.octets.get(self.controls.clone()).unwrap_or_default());
        while !controls.is_empty() {
            let mut control = controls.nested(tag::SEQUENCE)?;
            let found = control.text()? == oid;
            control.optional(tag::BOOLEAN)?;
            let value = control.optional(tag::OCTETS)?;
            if found {
                return Ok(Some(value.unwrap_or_default()));
            }
        }
        Ok(None)
    }

    /// What the server says about an operation that is done.
    pub(crate) fn outcome(&self) -> Result<Outcome, Malformed> {
        let mut body = Reader::new(self.body());
        let code = body.integer(tag::ENUMERATED)?;
        body.expect(tag::OCTETS)?;
        let text = String::from_utf8_lossy(body.expect(tag::OCTETS)?).into_owned();
        let mut referrals = Vec::new();
        if let Some(list) = body.optional(0xa3)? {
            referrals = texts(list)?;
        }
        Ok(Outcome { code, text, referrals })
    }

    /// The addresses that a search reference names.
    pub(crate) fn references(&self) -> Result<Vec<String>, Malformed> {
        texts(self.body())
    }
}

fn texts(list: &[u8]) -> Result<Vec<String>, Malformed> {
    let mut list = Reader::new(list);
    let mut texts = Vec::new();
    while !list.is_empty() {
        texts.push(String::from_utf8_lossy(list.expect(tag::OCTETS)?).into_owned());
    }
    Ok(texts)
}

/// How an operation went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) code: i64,
    /// What the server says besides.
    pub(crate) text: String,
    /// Where else to ask.
    pub(crate) referrals: Vec<String>,
}

/// An entry as it came: views of its message.
#[derive(Debug, Clone)]
pub(crate) struct RawEntry<'a> {
    pub(crate) dn: &'a [u8],
    /// Each attribute with its values.
    pub(crate) attributes: Vec<(&'a str, Vec<&'a [u8]>)>,
    /// The attribute that has more values than are admitted; those above are left out.
    pub(crate) overflowing: Option<&'a str>,
}

impl<'a> RawEntry<'a> {
    /// Reads the entry of a search, of each attribute `most` values at most.
    pub(crate) fn parse(body: &'a [u8], most: usize) -> Result<Self, Malformed> {
        let mut body = Reader::new(body);
        let dn = body.expect(tag::OCTETS)?;
        let mut list = body.nested(tag::SEQUENCE)?;
        let mut attributes = Vec::new();
        let mut overflowing = None;
        while !list.is_empty() {
            let mut one = list.nested(tag::SEQUENCE)?;
            let name = one.text()?;
            let mut set = one.nested(tag::SET)?;
            let mut values = Vec::new();
            while !set.is_empty() {
                if values.len() == most {
                    overflowing = Some(name);
                    break;
                }
                values.push(set.expect(tag::OCTETS)?);
            }
            attributes.push((name, values));
        }
        Ok(Self { dn, attributes, overflowing })
    }

    /// The values of an attribute.
    pub(crate) fn values(&self, name: &str) -> &[&'a [u8]] {
        let found = self.attributes.iter().find(|(known, _)| {
            let known = known.strip_suffix(";binary").unwrap_or(known);
            known.eq_ignore_ascii_case(name)
        });
        found.map_or(&[], |(_, values)| values)
    }

    /// The values of an attribute that are texts.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let values = self.values(name).iter();
        values.filter_map(|value| str::from_utf8(value).ok().map(str::to_owned)).collect()
    }

    pub(crate) fn dn_text(&self) -> String {
        String::from_utf8_lossy(self.dn).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_what_the_standard_says() {
        let request =
            Request::delete("dc=a").with(Control { oid: "1.2", critical: true, value: Some(vec![5]) });
        let octets = b"\x30\x18\x02\x01\x07\x4a\x04dc=a\xa0\x0d\x30\x0b\x04\x031.2\x01\x01\xff\x04\x01\x05";
        assert_eq!(request.message(7), octets);
        let rename = Request::rename("cn=a,o=b", "cn=c", Some("o=d"));
        let expected = b"\x6c\x18\x04\x08cn=a,o=b\x04\x04cn=c\x01\x01\xff\x80\x03o=d";
        assert_eq!(rename.operation, expected);
    }

    #[test]
    fn answers_are_read() {
        let octets = b"\x30\x20\x02\x01\x02\x65\x0a\x0a\x01\x04\x04\x00\x04\x03abc\xa0\x0f\x30\x0d\x04\x031.2\x01\x01\xff\x04\x03xyz";
        let mut octets = octets.to_vec();
        octets[1] = u8::try_from(octets.len() - 2).unwrap();
        let message = Message::parse(octets).unwrap();
        assert_eq!((message.id, message.tag), (2, answer::SEARCH_DONE));
        let outcome = message.outcome().unwrap();
        assert_eq!((outcome.code, outcome.text.as_str()), (code::SIZE_LIMIT, "abc"));
        assert_eq!(message.control("1.2").unwrap(), Some(&b"xyz"[..]));
        assert_eq!(message.control("1.3").unwrap(), None);
    }

    proptest! {
        #[test]
        fn reading_what_somebody_made_up_never_panics(body: Vec<u8>, tag in 0_u8..0x1f) {
            let mut writer = Writer::default();
            writer.nested(tag::SEQUENCE, |inner| {
                inner.integer(tag::INTEGER, 1);
                inner.octets(0x60 | tag, &body);
                inner.octets(0xa0, &body);
            });
            let message = Message::parse(writer.into_octets()).unwrap();
            prop_assert_eq!(message.body(), &body[..]);
            let _ = (message.outcome(), message.references(), message.control("1"));
            let _ = RawEntry::parse(&body, 10);
        }
    }
}
