//! The schema of a server: which classes and attributes there are, and how values are spelt. Read from RFC 4512 §4.1;
//! what cannot be read is passed over.

use std::collections::{BTreeSet, HashMap};

/// How the values of an attribute are read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    /// Octets, shown as base64.
    Octets,
    /// Octets that the server wants named with `;binary`.
    Transferred,
    /// `TRUE` and `FALSE` there, `true` and `false` here.
    Boolean,
    /// Generalized time there, RFC 3339 here.
    Time,
    /// The name of an entry.
    Name,
    /// The sixteen octets of an `objectGUID`, shown with dashes.
    Guid,
}

/// An attribute as the schema has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct AttributeType {
    pub(crate) name: String,
    pub(crate) syntax: Option<String>,
    pub(crate) equality: Option<String>,
    pub(crate) single: bool,
    pub(crate) read_only: bool,
    parent: Option<String>,
}

/// An object class as the schema has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ObjectClass {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) structural: bool,
    parents: Vec<String>,
    must: Vec<String>,
    may: Vec<String>,
}

/// All of it, by names in lower case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schema {
    attributes: HashMap<String, AttributeType>,
    classes: HashMap<String, ObjectClass>,
}

/// Definitions inherit from others this far.
const DEEPEST: usize = 32;
/// More definitions than this are not looked at.
const MOST: usize = 50_000;

const SYNTAX: &str = "1.3.6.1.4.1.1466.115.121.1.";

impl Schema {
    pub(crate) fn parse(attributes: &[String], classes: &[String]) -> Self {
        let mut schema = Self::default();
        for text in attributes.iter().take(MOST) {
            let Some(definition) = Definition::parse(text) else { continue };
            let Some(name) = definition.names().first().cloned() else { continue };
            let found = AttributeType {
                name,
                syntax: definition
                    .word("SYNTAX")
                    .map(|it| it.split('{').next().unwrap_or_default().to_owned()),
                equality: definition.word("EQUALITY"),
                single: definition.has("SINGLE-VALUE"),
                read_only: definition.has("NO-USER-MODIFICATION"),
                parent: definition.word("SUP"),
            };
            for name in definition.names() {
                schema.attributes.insert(name.to_ascii_lowercase(), found.clone());
            }
        }
        for text in classes.iter().take(MOST) {
            let Some(definition) = Definition::parse(text) else { continue };
            let Some(name) = definition.names().first().cloned() else { continue };
            let found = ObjectClass {
                name,
                description: definition.word("DESC"),
                structural: !definition.has("ABSTRACT") && !definition.has("AUXILIARY"),
                parents: definition.words("SUP"),
                must: definition.words("MUST"),
                may: definition.words("MAY"),
            };
            for name in definition.names() {
                schema.classes.insert(name.to_ascii_lowercase(), found.clone());
            }
        }
        schema
    }

    /// An attribute, with what it has from those above it.
    pub(crate) fn attribute(&self, name: &str) -> Option<AttributeType> {
        let name = name.split(';').next().unwrap_or_default();
        let mut found = self.attributes.get(&name.to_ascii_lowercase())?.clone();
        for _ in 0..DEEPEST {
            let Some(parent) = found.parent.take() else { break };
            let Some(parent) = self.attributes.get(&parent.to_ascii_lowercase()) else { break };
            found.syntax = found.syntax.or_else(|| parent.syntax.clone());
            found.equality = found.equality.or_else(|| parent.equality.clone());
            found.parent = parent.parent.clone();
        }
        Some(found)
    }

    /// A part of an attribute, or of the nearest above it that has the part. Asked for with each value: copies nothing.
    fn inherited<'s>(
        &'s self,
        name: &str,
        part: impl Fn(&'s AttributeType) -> Option<&'s str>,
    ) -> Option<&'s str> {
        let bare = name.split(';').next().unwrap_or_default();
        let mut found = self.attributes.get(&bare.to_ascii_lowercase())?;
        for _ in 0..DEEPEST {
            if let Some(part) = part(found) {
                return Some(part);
            }
            found = self.attributes.get(&found.parent.as_ref()?.to_ascii_lowercase())?;
        }
        None
    }

    pub(crate) fn class(&self, name: &str) -> Option<&ObjectClass> {
        self.classes.get(&name.to_ascii_lowercase())
    }

    /// The structural classes, by name.
    pub(crate) fn structural(&self) -> BTreeSet<String> {
        let classes = self.classes.values().filter(|class| class.structural);
        classes.map(|class| class.name.clone()).collect()
    }

    /// A class and all above it.
    pub(crate) fn line(&self, name: &str) -> Vec<&ObjectClass> {
        let mut line: Vec<&ObjectClass> = self.class(name).into_iter().collect();
        let mut at = 0;
        while at < line.len() && line.len() < MOST {
            let parents = line[at].parents.iter().filter_map(|parent| self.class(parent));
            let new: Vec<_> = parents.filter(|parent| !line.contains(parent)).collect();
            line.extend(new);
            at += 1;
        }
        line
    }

    /// The attributes of a class and of all above it, each with whether it is required.
    pub(crate) fn attributes_of(&self, class: &str) -> Vec<(String, bool)> {
        let mut found: Vec<(String, bool)> = Vec::new();
        let line = self.line(class);
        let required = line.iter().flat_map(|class| class.must.iter().map(|name| (name, true)));
        let admitted = line.iter().flat_map(|class| class.may.iter().map(|name| (name, false)));
        for (name, required) in required.chain(admitted) {
            let name = self.attributes.get(&name.to_ascii_lowercase()).map_or(name, |known| &known.name);
            if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                found.push((name.clone(), required));
            }
        }
        found
    }

    /// How the values of an attribute are spelt.
    pub(crate) fn form(&self, name: &str) -> Form {
        let bare = name.split(';').next().unwrap_or_default().to_ascii_lowercase();
        match bare.as_str() {
            "objectguid" => return Form::Guid,
            // Octets to the schema, and a text to everybody who sets one.
            "userpassword" => return Form::Text,
            _ => {}
        }
        let Some(syntax) = self.inherited(&bare, |attribute| attribute.syntax.as_deref()) else {
            return match bare.as_str() {
                "usercertificate" | "cacertificate" => Form::Transferred,
                "jpegphoto"
                | "photo"
                | "audio"
                | "objectsid"
                | "usersmimecertificate"
                | "userpkcs12"
                | "thumbnailphoto" => Form::Octets,
                _ if name.to_ascii_lowercase().ends_with(";binary") => Form::Octets,
                _ => Form::Text,
            };
        };
        match syntax.strip_prefix(SYNTAX) {
            Some("8" | "9" | "10" | "49") => Form::Transferred,
            Some("4" | "5" | "23" | "28" | "40") => Form::Octets,
            Some("7") => Form::Boolean,
            Some("24") => Form::Time,
            Some("12" | "34") => Form::Name,
            _ => Form::Text,
        }
    }

    /// Whether upper and lower case are alike in an attribute.
    pub(crate) fn ignores_case(&self, name: &str) -> bool {
        let equality = self.inherited(name, |attribute| attribute.equality.as_deref());
        equality.is_some_and(|rule| rule.to_ascii_lowercase().starts_with("caseignore"))
    }
}

/// The words of one definition.
struct Definition(Vec<Word>);

#[derive(Debug, PartialEq, Eq)]
enum Word {
    Open,
    Close,
    Text(String),
}

impl Definition {
    fn parse(text: &str) -> Option<Self> {
        let mut words = Vec::new();
        let mut rest = text.trim();
        while let Some(letter) = rest.chars().next() {
            match letter {
                '(' | ')' => {
                    words.push(if letter == '(' { Word::Open } else { Word::Close });
                    rest = &rest[1..];
                }
                '\'' => {
                    let (inner, behind) = rest[1..].split_once('\'')?;
                    words.push(Word::Text(inner.to_owned()));
                    rest = behind;
                }
                '$' => rest = &rest[1..],
                letter if letter.is_whitespace() => rest = &rest[letter.len_utf8()..],
                _ => {
                    let is_end = |letter: char| letter.is_whitespace() || "()'$".contains(letter);
                    let (word, behind) = rest.split_at(rest.find(is_end).unwrap_or(rest.len()));
                    words.push(Word::Text(word.to_owned()));
                    rest = behind;
                }
            }
        }
        (words.first() == Some(&Word::Open)).then_some(Self(words))
    }

    fn has(&self, key: &str) -> bool {
        self.0.iter().any(|word| matches!(word, Word::Text(text) if text == key))
    }

    /// What follows a key: one word, or all in the brackets behind it.
    fn words(&self, key: &str) -> Vec<String> {
        let mut words = self.0.iter();
        if !words.any(|word| matches!(word, Word::Text(text) if text == key)) {
            return Vec::new();
        }
        let text = |word: &Word| match word {
            Word::Text(text) => Some(text.clone()),
            Word::Open | Word::Close => None,
        };
        match words.next() {
            Some(Word::Open) => words.map_while(text).collect(),
            word => word.and_then(text).into_iter().collect(),
        }
    }

    fn word(&self, key: &str) -> Option<String> {
        self.words(key).into_iter().next()
    }

    fn names(&self) -> Vec<String> {
        self.words("NAME")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        let attributes = [
            "( 2.5.4.41 NAME 'name' DESC 'RFC4519: common supertype' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15{32768} )",
            "( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name )",
            "( 2.5.4.36 NAME 'userCertificate' SYNTAX 1.3.6.1.4.1.1466.115.121.1.8 )",
            "( 0.9.2342.19200300.100.1.60 NAME 'jpegPhoto' SYNTAX 1.3.6.1.4.1.1466.115.121.1.28 )",
            "( 1.3.6.1.1.16.4 NAME 'entryUUID' SYNTAX 1.3.6.1.1.16.1 SINGLE-VALUE NO-USER-MODIFICATION USAGE directoryOperation )",
            "( 1.1 NAME 'loop' SUP loop )",
            "garbage (",
        ];
        let classes = [
            "( 2.5.6.0 NAME 'top' ABSTRACT MUST objectClass )",
            "( 2.5.6.6 NAME 'person' DESC 'a person' SUP top STRUCTURAL MUST ( sn $ commonName ) MAY ( description ) )",
            "( 1.2 NAME 'extra' SUP top AUXILIARY MAY jpegPhoto )",
            "( 1.3 NAME 'inetOrgPerson' SUP person STRUCTURAL MAY ( cn $ jpegPhoto ) )",
            "( 1.4 NAME 'unclosed",
        ];
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Schema::parse(&owned(&attributes), &owned(&classes))
    }

    #[test]
    fn attributes_inherit() {
        let schema = schema();
        let cn = schema.attribute("commonname").unwrap();
        assert_eq!(cn.name, "cn");
        assert_eq!(cn.syntax.as_deref(), Some("1.3.6.1.4.1.1466.115.121.1.15"));
        assert!(schema.ignores_case("cn") && !schema.ignores_case("jpegPhoto"));
        assert!(schema.attribute("loop").is_some());
        assert!(schema.attribute("entryuuid").unwrap().read_only);
    }

    #[test]
    fn classes_have_what_those_above_have() {
        let schema = schema();
        let line: Vec<_> = schema.line("INETORGPERSON").iter().map(|class| class.name.clone()).collect();
        assert_eq!(line, ["inetOrgPerson", "person", "top"]);
        let attributes = schema.attributes_of("inetOrgPerson");
        let expected =
            [("sn", true), ("cn", true), ("objectClass", true), ("jpegPhoto", false), ("description", false)];
        assert_eq!(attributes, expected.map(|(name, required)| (name.to_owned(), required)));
        assert_eq!(schema.structural().into_iter().collect::<Vec<_>>(), ["inetOrgPerson", "person"]);
    }

    #[test]
    fn values_have_the_form_of_their_syntax() {
        let schema = schema();
        for (name, form) in [
            ("cn", Form::Text),
            ("userCertificate;binary", Form::Transferred),
            ("jpegPhoto", Form::Octets),
            ("objectGUID", Form::Guid),
            ("userPassword", Form::Text),
            ("unknown", Form::Text),
            ("unknown;binary", Form::Octets),
        ] {
            assert_eq!(schema.form(name), form, "{name}");
        }
    }
}
