//! Distinguished names as values: parsed, written and compared as RFC 4514 and RFC 4518 say. Never compared as they were
//! spelt.

use std::fmt;

/// What makes a text no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no distinguished name: {problem}")]
pub(crate) struct DnError {
    text: String,
    problem: &'static str,
}

/// One attribute with its value, a part of a relative name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ava {
    pub(crate) attribute: String,
    pub(crate) value: String,
}

/// A relative distinguished name: mostly one attribute with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rdn(pub(crate) Vec<Ava>);

/// A distinguished name, the entry's own part first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Dn(Vec<Rdn>);

impl Rdn {
    pub(crate) fn new(attribute: &str, value: &str) -> Self {
        Self(vec![Ava { attribute: attribute.to_owned(), value: value.to_owned() }])
    }

    /// The value that it gives an attribute.
    pub(crate) fn value_of(&self, attribute: &str) -> Option<&str> {
        let found = self.0.iter().find(|ava| ava.attribute.eq_ignore_ascii_case(attribute));
        found.map(|ava| ava.value.as_str())
    }

    /// The same with another value for an attribute.
    pub(crate) fn with(&self, attribute: &str, value: &str) -> Self {
        let replaced = |ava: &Ava| match ava.attribute.eq_ignore_ascii_case(attribute) {
            true => Ava { attribute: ava.attribute.clone(), value: value.to_owned() },
            false => ava.clone(),
        };
        Self(self.0.iter().map(replaced).collect())
    }

    fn normal(&self) -> String {
        let part = |ava: &Ava| {
            let value = normal_value(&ava.value);
            format!("{}={}", ava.attribute.to_ascii_lowercase(), escaped(&value))
        };
        let mut parts: Vec<String> = self.0.iter().map(part).collect();
        parts.sort_unstable();
        parts.join("+")
    }
}

impl Dn {
    /// # Errors
    /// When the text is no name.
    pub(crate) fn parse(text: &str) -> Result<Self, DnError> {
        let parsed = Parser { rest: text }.name();
        parsed.map(Self).map_err(|problem| DnError { text: text.chars().take(200).collect(), problem })
    }

    pub(crate) fn rdn(&self) -> Option<&Rdn> {
        self.0.first()
    }

    pub(crate) fn parent(&self) -> Self {
        Self(self.0.iter().skip(1).cloned().collect())
    }

    pub(crate) fn child(&self, rdn: Rdn) -> Self {
        Self(std::iter::once(rdn).chain(self.0.iter().cloned()).collect())
    }

    /// Whether it is the other or lies below it.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        let skipped = self.0.len().checked_sub(other.0.len());
        skipped.is_some_and(|skipped| Self(self.0[skipped..].to_vec()).normal() == other.normal())
    }

    /// One spelling of all that name the same: lower case, single blanks, plain escapes, parts of a relative name sorted.
    pub(crate) fn normal(&self) -> String {
        self.0.iter().map(Rdn::normal).collect::<Vec<_>>().join(",")
    }
}

/// The normal spelling of a text that should be a name; of one that is none, the text.
pub(crate) fn normal(text: &str) -> String {
    Dn::parse(text).map_or_else(|_| text.to_owned(), |dn| dn.normal())
}

/// Upper and lower case alike, blanks at the ends gone and others single: the rule that almost all attributes in names
/// have.
pub(crate) fn normal_value(value: &str) -> String {
    let mut normal = String::with_capacity(value.len());
    for word in value.split(' ').filter(|word| !word.is_empty()) {
        if !normal.is_empty() {
            normal.push(' ');
        }
        normal.extend(word.chars().flat_map(char::to_lowercase));
    }
    normal
}

/// A value as it stands in a name.
fn escaped(value: &str) -> String {
    let mut written = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, letter) in value.chars().enumerate() {
        match letter {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=' => written.extend(['\\', letter]),
            '#' if at == 0 => written.push_str("\\#"),
            ' ' if at == 0 || at == last => written.push_str("\\ "),
            letter if letter.is_ascii_control() => written.push_str(&format!("\\{:02x}", u32::from(letter))),
            letter => written.push(letter),
        }
    }
    written
}

impl fmt::Display for Rdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, ava) in self.0.iter().enumerate() {
            let between = if at == 0 { "" } else { "+" };
            write!(f, "{between}{}={}", ava.attribute, escaped(&ava.value))?;
        }
        Ok(())
    }
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, rdn) in self.0.iter().enumerate() {
            let between = if at == 0 { "" } else { "," };
            write!(f, "{between}{rdn}")?;
        }
        Ok(())
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn name(&mut self) -> Result<Vec<Rdn>, &'static str> {
        let mut name = Vec::new();
        self.blanks();
        if self.rest.is_empty() {
            return Ok(name);
        }
        loop {
            let mut parts = vec![self.ava()?];
            while self.taken('+') {
                parts.push(self.ava()?);
            }
            name.push(Rdn(parts));
            if self.rest.is_empty() {
                return Ok(name);
            }
            if !self.taken(',') && !self.taken(';') {
                return Err("something stands behind a value that does not belong there");
            }
        }
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    fn taken(&mut self, letter: char) -> bool {
        match self.rest.strip_prefix(letter) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn ava(&mut self) -> Result<Ava, &'static str> {
        self.blanks();
        let Some((attribute, rest)) = self.rest.split_once('=') else {
            return Err("a part has no `=`");
        };
        let attribute = attribute.trim_end_matches(' ');
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "-.;_".contains(letter);
        if attribute.is_empty() || !attribute.chars().all(is_letter) {
            return Err("a part does not begin with the name of an attribute");
        }
        let attribute = attribute.to_owned();
        self.rest = rest;
        self.blanks();
        let value = if self.taken('"') { self.quoted()? } else { self.value()? };
        Ok(Ava { attribute, value })
    }

    /// A value in quotes, as RFC 2253 still had them.
    fn quoted(&mut self) -> Result<String, &'static str> {
        let mut octets = Vec::new();
        loop {
            match self.letter() {
                None => return Err("a quote is not closed"),
                Some('"') => break,
                Some('\\') => self.escape(&mut octets)?,
                Some(letter) => push(&mut octets, letter),
            }
        }
        self.blanks();
        String::from_utf8(octets).map_err(|_| "a value is not UTF-8")
    }

    fn value(&mut self) -> Result<String, &'static str> {
        let mut octets = Vec::new();
        // Blanks at the end belong to the value only where they are escaped.
        let mut certain = 0;
        while let Some(letter) = self.rest.chars().next().filter(|letter| !",;+".contains(*letter)) {
            self.rest = &self.rest[letter.len_utf8()..];
            match letter {
                '\\' => self.escape(&mut octets)?,
                '"' | '<' | '>' => return Err("a value holds a character that has to be escaped"),
                letter => push(&mut octets, letter),
            }
            if letter != ' ' {
                certain = octets.len();
            }
        }
        octets.truncate(certain);
        String::from_utf8(octets).map_err(|_| "a value is not UTF-8")
    }

    fn letter(&mut self) -> Option<char> {
        let letter = self.rest.chars().next()?;
        self.rest = &self.rest[letter.len_utf8()..];
        Some(letter)
    }

    fn escape(&mut self, octets: &mut Vec<u8>) -> Result<(), &'static str> {
        let first = self.letter().ok_or("nothing follows a `\\`")?;
        match first.to_digit(16) {
            Some(high) => {
                let low = self.letter().and_then(|letter| letter.to_digit(16));
                let low = low.ok_or("two hexadecimal digits follow a `\\`, not one")?;
                octets.push(u8::try_from(high << 4 | low).unwrap_or_default());
            }
            None => push(octets, first),
        }
        Ok(())
    }
}

fn push(octets: &mut Vec<u8>, letter: char) {
    octets.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (text, written) in [
            ("", ""),
            ("uid=ada,ou=people,dc=example,dc=org", "uid=ada,ou=people,dc=example,dc=org"),
            ("CN = Lovelace\\, Ada ; o= Babbage & Co ", "CN=Lovelace\\, Ada,o=Babbage & Co"),
            ("cn=\\20 x \\ ,o=a", "cn=\\  x \\ ,o=a"),
            ("cn=\\e2\\82\\ac,o=a", "cn=€,o=a"),
            ("cn=\"a,b\",o=a", "cn=a\\,b,o=a"),
            ("cn=a+uid=b,o=a", "cn=a+uid=b,o=a"),
            ("cn=\\#1,o=a=b", "cn=\\#1,o=a\\=b"),
            ("cn=,o=a", "cn=,o=a"),
            ("cn=a\\00b", "cn=a\\00b"),
        ] {
            assert_eq!(Dn::parse(text).unwrap().to_string(), written, "{text}");
        }
        for text in
            ["x", "=a", "cn=a,", "cn=a\\", "cn=a\\4", "cn=\"a", "cn=\"a\"b", "c n=a", "cn=a<b", "cn=\\ff"]
        {
            assert!(Dn::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_compared_by_what_they_name() {
        for (one, other) in [
            ("UID=Ada,OU=People", "uid=ada, ou=people"),
            ("cn=Ada  Lovelace", "cn=ada lovelace"),
            ("cn=a+uid=b", "UID=b+CN=A"),
            ("cn=\\41da", "cn=ada"),
            ("cn=a\\2cb", "cn=\"a,b\""),
        ] {
            assert_eq!(normal(one), normal(other));
        }
        for (one, other) in [("cn=a,cn=b", "cn=b,cn=a"), ("cn=a\\,cn\\=b", "cn=a,cn=b"), ("cn=a", "uid=a")] {
            assert_ne!(normal(one), normal(other));
        }
    }

    #[test]
    fn names_lie_within_others() {
        let within = |one: &str, other: &str| Dn::parse(one).unwrap().is_within(&Dn::parse(other).unwrap());
        assert!(within("uid=a,DC=Example", "dc=example") && within("dc=example", "dc=example"));
        assert!(within("dc=example", ""));
        assert!(!within("dc=example", "uid=a,dc=example") && !within("uid=a,dc=example2", "dc=example"));
    }

    #[test]
    fn relative_names_give_attributes_values() {
        let dn = Dn::parse("cn=a+uid=b,o=c").unwrap();
        let rdn = dn.rdn().unwrap();
        assert_eq!((rdn.value_of("UID"), rdn.value_of("o")), (Some("b"), None));
        assert_eq!(dn.parent().child(rdn.with("uid", "x,y")).to_string(), "cn=a+uid=x\\,y,o=c");
    }

    proptest! {
        #[test]
        fn any_value_comes_back_from_a_name(value: String) {
            let dn = Dn::default().child(Rdn::new("cn", &value));
            prop_assert_eq!(Dn::parse(&dn.to_string()).unwrap(), dn);
        }

        #[test]
        fn any_text_is_a_name_or_none(text: String) {
            if let Ok(dn) = Dn::parse(&text) {
                prop_assert_eq!(Dn::parse(&dn.to_string()).unwrap(), dn);
            }
        }
    }
}
