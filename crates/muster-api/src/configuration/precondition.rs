//! Entity tags, and the preconditions that requests name them in (RFC 9110, sections 8.8.3 and 13.1).

use std::fmt;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use muster_model::configuration::Problems;

use crate::error::ApiError;

/// Tells one version of a resource from all others that its path ever led to. A strong one: equal tags, equal
/// octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntityTag(String);

impl EntityTag {
    /// The tag of a version. The digest is there for a tenant that was deleted and made again: its versions begin
    /// at 1 once more.
    pub(crate) fn of(version: i64, body: &str) -> Self {
        let digest = blake3::hash(body.as_bytes()).to_hex();
        Self(format!("{version}-{}", &digest[..16]))
    }
}

impl fmt::Display for EntityTag {
    /// As headers have it, in quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// What a request wants to be true of the resource before anything is done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Preconditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

/// What stands in one of the headers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    /// `*`: any version.
    Any,
    /// One of these.
    Listed(Vec<Listed>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    strength: Strength,
    opaque: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strength {
    Strong,
    Weak,
}

impl Preconditions {
    /// Those of a request.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        let mut problems = Problems::new();
        let mut read = |name: HeaderName| {
            let said = joined(request.headers(), &name)?;
            let tags = Tags::read(&said);
            if tags.is_none() {
                let message = "is neither `*` nor a list of entity tags such as \"3-0f6c…\", in their quotes";
                problems.add(title(&name), message);
            }
            tags
        };
        let preconditions =
            Self { if_match: read(header::IF_MATCH), if_none_match: read(header::IF_NONE_MATCH) };
        if problems.is_empty() { Ok(preconditions) } else { Err(ApiError::Invalid(problems)) }
    }

    /// Refuses to write where one does not hold. `current` is the tag of the resource, if it is there.
    pub(crate) fn allow_write(&self, current: Option<&EntityTag>) -> Result<(), ApiError> {
        self.allow_read(current)?;
        if self.knows(current) { Err(refusal(&header::IF_NONE_MATCH, current)) } else { Ok(()) }
    }

    /// Refuses to read where `If-Match` does not hold.
    pub(crate) fn allow_read(&self, current: Option<&EntityTag>) -> Result<(), ApiError> {
        match &self.if_match {
            Some(tags) if !tags.hold(current, is_same_octets) => Err(refusal(&header::IF_MATCH, current)),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the caller has this version already, by `If-None-Match`.
    pub(crate) fn knows(&self, current: Option<&EntityTag>) -> bool {
        self.if_none_match.as_ref().is_some_and(|tags| tags.hold(current, is_same_version))
    }
}

/// The strong comparison: a weak tag is never equal.
fn is_same_octets(listed: &Listed, current: &EntityTag) -> bool {
    listed.strength == Strength::Strong && listed.opaque == current.0
}

/// The weak comparison.
fn is_same_version(listed: &Listed, current: &EntityTag) -> bool {
    listed.opaque == current.0
}

impl Tags {
    /// Reads a header; `None` where it is none of the two forms. Commas may stand within tags.
    fn read(text: &str) -> Option<Self> {
        if text.trim() == "*" {
            return Some(Self::Any);
        }
        let (mut tags, mut rest) = (Vec::new(), text.trim_start());
        loop {
            let (strength, quoted) = match rest.strip_prefix("W/") {
                Some(quoted) => (Strength::Weak, quoted),
                None => (Strength::Strong, rest),
            };
            let (opaque, after) = quoted.strip_prefix('"')?.split_once('"')?;
            if opaque.chars().any(|c| c == ' ' || c.is_control()) {
                return None;
            }
            tags.push(Listed { strength, opaque: opaque.to_owned() });
            // Empty members of a list are passed over (RFC 9110 §5.6.1).
            let next = after.trim_start().trim_start_matches([',', ' ', '\t']);
            if next.is_empty() {
                return Some(Self::Listed(tags));
            }
            if !after.trim_start().starts_with(',') {
                return None;
            }
            rest = next;
        }
    }

    fn hold(&self, current: Option<&EntityTag>, equal: fn(&Listed, &EntityTag) -> bool) -> bool {
        let Some(current) = current else { return false };
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|listed| equal(listed, current)),
        }
    }
}

/// A header that may stand there several times, as one list.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let said: Vec<_> = headers.get_all(name).map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!said.is_empty()).then(|| said.join(", "))
}

fn title(name: &HeaderName) -> &'static str {
    if *name == header::IF_MATCH { "If-Match" } else { "If-None-Match" }
}

fn refusal(name: &HeaderName, current: Option<&EntityTag>) -> ApiError {
    ApiError::PreconditionFailed { header: title(name), current: current.map(ToString::to_string) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(opaque: &str) -> EntityTag {
        EntityTag(opaque.to_owned())
    }

    #[test]
    fn lists_of_tags_are_read_or_refused() {
        for (text, expected) in [
            ("\"1-a\"", Some("1-a")),
            (" \"1-a\" ,\"2,b\"", Some("1-a|2,b")),
            ("W/\"1-a\",, \"\"", Some("W 1-a|")),
            ("1-a", None),
            ("\"1-a", None),
            ("\"1-a\" \"2-b\"", None),
            ("\"1 a\"", None),
            ("w/\"1-a\"", None),
            ("*, \"1-a\"", None),
            ("", None),
        ] {
            let read = match Tags::read(text) {
                Some(Tags::Listed(tags)) => {
                    let name = |tag: &Listed| match tag.strength {
                        Strength::Strong => tag.opaque.clone(),
                        Strength::Weak => format!("W {}", tag.opaque),
                    };
                    Some(tags.iter().map(name).collect::<Vec<_>>().join("|"))
                }
                Some(Tags::Any) => Some("*".to_owned()),
                None => None,
            };
            assert_eq!(read.as_deref(), expected, "{text}");
        }
        assert_eq!(Tags::read(" * "), Some(Tags::Any));
    }

    #[test]
    fn weak_tags_are_known_but_never_match() {
        let now = tag("2-b");
        for (text, if_match, if_none_match) in [
            ("\"2-b\"", true, true),
            ("W/\"2-b\"", false, true),
            ("\"1-a\", \"2-b\"", true, true),
            ("\"1-a\"", false, false),
            ("*", true, true),
        ] {
            let tags = Tags::read(text).unwrap();
            let matching = Preconditions { if_match: Some(tags.clone()), if_none_match: None };
            assert_eq!(matching.allow_write(Some(&now)).is_ok(), if_match, "{text}");
            assert!(matching.allow_write(None).is_err(), "{text}");
            let new = Preconditions { if_match: None, if_none_match: Some(tags) };
            assert_eq!(new.allow_write(Some(&now)).is_err(), if_none_match, "{text}");
            assert!(new.allow_write(None).is_ok(), "{text}");
            assert!(new.allow_read(Some(&now)).is_ok(), "{text}");
        }
        assert!(Preconditions::default().allow_write(Some(&now)).is_ok());
    }

    #[test]
    fn tags_differ_by_version_and_by_content() {
        let first = EntityTag::of(1, "{}");
        assert_eq!(first, EntityTag::of(1, "{}"));
        assert_ne!(first, EntityTag::of(2, "{}"));
        assert_ne!(first, EntityTag::of(1, "[]"));
        assert!(Tags::read(&first.to_string()).unwrap().hold(Some(&first), is_same_octets));
    }
}
