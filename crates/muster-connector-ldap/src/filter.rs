//! Search filters as trees: read from RFC 4515, written as octets, so that no value can become a part of the filter.

use std::fmt;

use crate::ber::Writer;

/// Filters nest this deep at most.
const DEEPEST: usize = 32;

/// What makes a text no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no filter: {0}")]
pub(crate) struct FilterError(&'static str);

/// A search filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Present(String),
    /// An attribute, how its values are compared, and with what.
    Compared(String, Comparison, Vec<u8>),
    /// What a value begins with, holds, and ends with.
    Parts {
        attribute: String,
        begins: Option<Vec<u8>>,
        holds: Vec<Vec<u8>>,
        ends: Option<Vec<u8>>,
    },
    /// By a named matching rule.
    Extensible {
        attribute: String,
        rule: String,
        in_dn: bool,
        value: Vec<u8>,
    },
}

/// How values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    AtLeast,
    AtMost,
    Like,
}

impl Filter {
    pub(crate) fn equal(attribute: &str, value: impl AsRef<[u8]>) -> Self {
        Self::Compared(attribute.to_owned(), Comparison::Equal, value.as_ref().to_vec())
    }

    pub(crate) fn at_least(attribute: &str, value: &str) -> Self {
        Self::Compared(attribute.to_owned(), Comparison::AtLeast, value.as_bytes().to_vec())
    }

    pub(crate) fn present(attribute: &str) -> Self {
        Self::Present(attribute.to_owned())
    }

    /// All of them; one alone is itself.
    pub(crate) fn all(mut filters: Vec<Self>) -> Self {
        if filters.len() == 1 { filters.remove(0) } else { Self::And(filters) }
    }

    /// # Errors
    /// When the text is no filter.
    pub(crate) fn parse(text: &str) -> Result<Self, FilterError> {
        let mut parser = Parser { rest: text.trim() };
        let filter = parser.filter(0).map_err(FilterError)?;
        match parser.rest {
            "" => Ok(filter),
            _ => Err(FilterError("something stands behind its last `)`")),
        }
    }

    /// The attributes that it looks at.
    pub(crate) fn attributes(&self) -> Box<dyn Iterator<Item = &str> + Send + '_> {
        match self {
            Self::And(filters) | Self::Or(filters) => Box::new(filters.iter().flat_map(Self::attributes)),
            Self::Not(filter) => filter.attributes(),
            Self::Present(attribute)
            | Self::Compared(attribute, ..)
            | Self::Parts { attribute, .. }
            | Self::Extensible { attribute, .. } => {
                Box::new(Some(attribute.as_str()).into_iter().filter(|attribute| !attribute.is_empty()))
            }
        }
    }

    /// Its octets, as RFC 4511 §4.5.1 has them.
    pub(crate) fn write(&self, writer: &mut Writer) {
        match self {
            Self::And(filters) => {
                writer.nested(0xa0, |inner| filters.iter().for_each(|one| one.write(inner)))
            }
            Self::Or(filters) => writer.nested(0xa1, |inner| filters.iter().for_each(|one| one.write(inner))),
            Self::Not(filter) => writer.nested(0xa2, |inner| filter.write(inner)),
            Self::Present(attribute) => writer.octets(0x87, attribute.as_bytes()),
            Self::Compared(attribute, comparison, value) => writer.nested(comparison.tag(), |inner| {
                inner.text(attribute);
                inner.octets(crate::ber::tag::OCTETS, value);
            }),
            Self::Parts { attribute, begins, holds, ends } => writer.nested(0xa4, |inner| {
                inner.text(attribute);
                inner.nested(crate::ber::tag::SEQUENCE, |parts| {
                    begins.iter().for_each(|part| parts.octets(0x80, part));
                    holds.iter().for_each(|part| parts.octets(0x81, part));
                    ends.iter().for_each(|part| parts.octets(0x82, part));
                });
            }),
            Self::Extensible { attribute, rule, in_dn, value } => writer.nested(0xa9, |inner| {
                let given = |text: &str| (!text.is_empty()).then(|| text.as_bytes().to_vec());
                given(rule).iter().for_each(|rule| inner.octets(0x81, rule));
                given(attribute).iter().for_each(|attribute| inner.octets(0x82, attribute));
                inner.octets(0x83, value);
                if *in_dn {
                    inner.boolean(0x84, true);
                }
            }),
        }
    }
}

impl Comparison {
    fn tag(self) -> u8 {
        match self {
            Self::Equal => 0xa3,
            Self::AtLeast => 0xa5,
            Self::AtMost => 0xa6,
            Self::Like => 0xa8,
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
            Self::Like => "~=",
        }
    }
}

fn escaped(value: &[u8]) -> String {
    let mut written = String::with_capacity(value.len());
    for octet in value {
        match octet {
            b'*' | b'(' | b')' | b'\\' | 0..=0x1f | 0x7f.. => written.push_str(&format!("\\{octet:02x}")),
            octet => written.push(char::from(*octet)),
        }
    }
    written
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let several = |f: &mut fmt::Formatter<'_>, sign: char, filters: &[Self]| {
            write!(f, "({sign}")?;
            filters.iter().try_for_each(|filter| write!(f, "{filter}"))?;
            f.write_str(")")
        };
        match self {
            Self::And(filters) => several(f, '&', filters),
            Self::Or(filters) => several(f, '|', filters),
            Self::Not(filter) => write!(f, "(!{filter})"),
            Self::Present(attribute) => write!(f, "({attribute}=*)"),
            Self::Compared(attribute, comparison, value) => {
                write!(f, "({attribute}{}{})", comparison.sign(), escaped(value))
            }
            Self::Parts { attribute, begins, holds, ends } => {
                let end = |part: &Option<Vec<u8>>| part.as_deref().map(escaped).unwrap_or_default();
                write!(f, "({attribute}={}*", end(begins))?;
                holds.iter().try_for_each(|part| write!(f, "{}*", escaped(part)))?;
                write!(f, "{})", end(ends))
            }
            Self::Extensible { attribute, rule, in_dn, value } => {
                let dn = if *in_dn { ":dn" } else { "" };
                let colon = if rule.is_empty() { "" } else { ":" };
                write!(f, "({attribute}{dn}{colon}{rule}:={})", escaped(value))
            }
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn filter(&mut self, depth: usize) -> Result<Filter, &'static str> {
        if depth > DEEPEST {
            return Err("it nests too deep");
        }
        self.take('(', "a `(` is missing")?;
        let filter = match self.rest.chars().next() {
            Some('&') => Filter::And(self.several(depth)?),
            Some('|') => Filter::Or(self.several(depth)?),
            Some('!') => {
                self.rest = &self.rest[1..];
                Filter::Not(Box::new(self.filter(depth + 1)?))
            }
            _ => self.item()?,
        };
        self.take(')', "a `)` is missing")?;
        Ok(filter)
    }

    fn take(&mut self, letter: char, problem: &'static str) -> Result<(), &'static str> {
        self.rest = self.rest.trim_start().strip_prefix(letter).ok_or(problem)?;
        Ok(())
    }

    fn several(&mut self, depth: usize) -> Result<Vec<Filter>, &'static str> {
        self.rest = &self.rest[1..];
        let mut filters = Vec::new();
        while self.rest.trim_start().starts_with('(') {
            filters.push(self.filter(depth + 1)?);
        }
        if filters.is_empty() { Err("nothing follows a `&` or `|`") } else { Ok(filters) }
    }

    fn item(&mut self) -> Result<Filter, &'static str> {
        let end = self.rest.find(')').ok_or("a `)` is missing")?;
        let (item, rest) = self.rest.split_at(end);
        self.rest = rest;
        let (left, value) = item.split_once('=').ok_or("a part has no `=`")?;
        let compared = |attribute: &str, comparison| {
            Ok(Filter::Compared(named(attribute)?, comparison, unescaped(value)?))
        };
        match left.chars().last() {
            Some('>') => compared(&left[..left.len() - 1], Comparison::AtLeast),
            Some('<') => compared(&left[..left.len() - 1], Comparison::AtMost),
            Some('~') => compared(&left[..left.len() - 1], Comparison::Like),
            Some(':') => extensible(&left[..left.len() - 1], value),
            _ if value == "*" => Ok(Filter::Present(named(left)?)),
            _ if value.contains('*') => parts(left, value),
            _ => compared(left, Comparison::Equal),
        }
    }
}

fn parts(attribute: &str, value: &str) -> Result<Filter, &'static str> {
    let mut parts = value.split('*').map(unescaped).collect::<Result<Vec<_>, _>>()?;
    let given = |part: Option<Vec<u8>>| part.filter(|part| !part.is_empty());
    let ends = given(parts.pop());
    let begins = given((!parts.is_empty()).then(|| parts.remove(0)));
    let holds = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Ok(Filter::Parts { attribute: named(attribute)?, begins, holds, ends })
}

fn extensible(left: &str, value: &str) -> Result<Filter, &'static str> {
    let mut words: Vec<&str> = left.split(':').collect();
    let attribute = words.remove(0);
    let in_dn = words.first().is_some_and(|word| word.eq_ignore_ascii_case("dn"));
    if in_dn {
        words.remove(0);
    }
    let rule = match words.as_slice() {
        [] => String::new(),
        [rule] => named(rule)?,
        _ => return Err("there are too many `:`"),
    };
    if attribute.is_empty() && rule.is_empty() {
        return Err("neither attribute nor matching rule stands before a `:=`");
    }
    let attribute = if attribute.is_empty() { String::new() } else { named(attribute)? };
    Ok(Filter::Extensible { attribute, rule, in_dn, value: unescaped(value)? })
}

fn named(text: &str) -> Result<String, &'static str> {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "-.;_".contains(letter);
    match !text.is_empty() && text.chars().all(is_letter) {
        true => Ok(text.to_owned()),
        false => Err("a part does not begin with the name of an attribute"),
    }
}

fn unescaped(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        match octet {
            b'\\' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let both = digit().zip(digit()).ok_or("two hexadecimal digits have to follow a `\\`")?;
                octets.push(u8::try_from(both.0 << 4 | both.1).unwrap_or_default());
            }
            b'(' => return Err("a value holds a `(`; write it `\\28`"),
            octet => octets.push(octet),
        }
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn filters_are_read_and_written() {
        for text in [
            "(cn=Babs Jensen)",
            "(!(cn=Tim Howes))",
            "(&(objectClass=Person)(|(sn=Jensen)(cn=Babs J*)))",
            "(o=univ*of*mich*)",
            "(seeAlso=)",
            "(cn:caseExactMatch:=Fred Flintstone)",
            "(sn:dn:2.4.6.8.10:=Barney Rubble)",
            "(o:dn:=Ace Industry)",
            "(:1.2.3:=Wilma Flintstone)",
            "(o=Parens R Us \\28for all\\29)",
            "(cn=*\\2a*)",
            "(bin=\\00\\00\\00\\04)",
            "(sn=Lu\\c4\\8di\\c4\\87)",
            "(uid=*)",
            "(age>=18)",
            "(age<=18)",
            "(cn~=ada)",
        ] {
            assert_eq!(Filter::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Filter::parse(" (& (a=b) (c=d) ) ").unwrap().to_string(), "(&(a=b)(c=d))");
        for text in [
            "",
            "a=b",
            "(a=b",
            "(a=b))",
            "(&)",
            "(=b)",
            "(a=\\4)",
            "(a=(b)",
            "(a b=c)",
            "(:=x)",
            "(!(a=b)(c=d))",
        ] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
        let deep = format!("{}(a=b){}", "(!".repeat(10_000), ")".repeat(10_000));
        assert!(Filter::parse(&deep).is_err());
    }

    #[test]
    fn a_value_never_becomes_a_part_of_the_filter() {
        let mut writer = Writer::default();
        Filter::equal("uid", "*)(uid=*").write(&mut writer);
        assert_eq!(writer.into_octets(), b"\xa3\x0f\x04\x03uid\x04\x08*)(uid=*");
        assert_eq!(Filter::equal("uid", "*)(uid=*").to_string(), "(uid=\\2a\\29\\28uid=\\2a)");
    }

    proptest! {
        #[test]
        fn any_value_comes_back(value: Vec<u8>) {
            let filter = Filter::equal("cn", &value);
            prop_assert_eq!(Filter::parse(&filter.to_string()).unwrap(), filter);
        }

        #[test]
        fn any_text_is_a_filter_or_none(text in "[()&|!*=\\\\a-c:<>~]{0,40}") {
            if let Ok(filter) = Filter::parse(&text) {
                prop_assert_eq!(Filter::parse(&filter.to_string()).unwrap(), filter);
            }
        }
    }
}
