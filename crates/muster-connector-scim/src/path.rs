//! Where a value stands in a resource: `userName`, `name.familyName`, `emails[type eq "work"].value`, with the URN of its
//! schema in front where that is an extension (RFC 7644 §3.5.2). Knows no schema.

mod value;

use std::fmt;
use std::str::FromStr;

use muster_model::condition::{Condition, Literal, Node, Test};

pub(crate) use value::{Unfit, same, text_of, to_json};

/// The prefix of schemas whose attributes stand in the resource itself.
const CORE: &str = "urn:ietf:params:scim:schemas:core:";
/// The longest path, in octets.
const LONGEST: usize = 512;
/// The sub-attribute that is meant where none is named.
pub(crate) const VALUE: &str = "value";

/// Where a value stands in a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScimPath {
    /// The URN of the extension; `None` where the attribute stands in the resource itself.
    pub(crate) schema: Option<String>,
    pub(crate) attribute: String,
    /// What the elements of a multi-valued attribute that are meant hold; empty where all are.
    pub(crate) selection: Vec<(String, Literal)>,
    pub(crate) sub: Option<String>,
}

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no path of an attribute: {problem}")]
pub(crate) struct PathError {
    text: String,
    problem: String,
}

impl FromStr for ScimPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let wrong = |problem: String| PathError { text: text.chars().take(LONGEST).collect(), problem };
        if text.len() > LONGEST {
            return Err(wrong(format!("it is longer than {LONGEST} octets")));
        }
        let (before, selection, after) = parts(text).map_err(|problem| wrong(problem.to_owned()))?;
        let (schema, name) = match before.rsplit_once(':') {
            Some((urn, name)) => (Some(urn), name),
            None => (None, before),
        };
        if schema.is_some_and(|urn| {
            !urn.to_ascii_lowercase().starts_with("urn:") || urn.contains(char::is_whitespace)
        }) {
            return Err(wrong("what stands before the last `:` is no URN".to_owned()));
        }
        let (attribute, sub) = match (selection.is_some(), after) {
            (false, _) => name.split_once('.').map_or((name, None), |(name, sub)| (name, Some(sub))),
            (true, after) => (name, after),
        };
        for name in [Some(attribute), sub].into_iter().flatten() {
            if !is_name(name) {
                return Err(wrong(format!(
                    "`{name}` is no name, which is letters, digits, `-`, `_` and `$`"
                )));
            }
        }
        let selection = selection.map(selected).transpose().map_err(wrong)?.unwrap_or_default();
        Ok(Self {
            schema: schema.filter(|urn| !is_core(urn)).map(str::to_owned),
            attribute: attribute.to_owned(),
            selection,
            sub: sub.map(str::to_owned),
        })
    }
}

/// What stands before a `[`, between it and its `]`, and behind the `.` after that.
fn parts(text: &str) -> Result<(&str, Option<&str>, Option<&str>), &'static str> {
    let Some((before, rest)) = text.split_once('[') else { return Ok((text, None, None)) };
    let (selection, after) = rest.rsplit_once(']').ok_or("its `[` has no `]`")?;
    match after.strip_prefix('.') {
        Some(sub) => Ok((before, Some(selection), Some(sub))),
        None if after.is_empty() => Ok((before, Some(selection), None)),
        None => Err("behind `]` stands something else than `.` and a name"),
    }
}

fn is_name(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '$');
    !name.is_empty() && name.chars().all(is_letter)
}

fn is_core(urn: &str) -> bool {
    urn.get(..CORE.len()).is_some_and(|start| start.eq_ignore_ascii_case(CORE))
}

/// What selected elements hold. Only what an element can be made from is taken: equalities, all of which have to hold.
fn selected(text: &str) -> Result<Vec<(String, Literal)>, String> {
    let condition = Condition::parse(text).map_err(|error| error.to_string())?;
    let nodes = match condition.root() {
        Node::And(nodes) => nodes.as_slice(),
        node @ (Node::Or(_) | Node::Not(_) | Node::Test { .. }) => std::slice::from_ref(node),
    };
    let equality = |node: &Node| match node {
        Node::Test { attribute, test: Test::Equal(literal) } if *literal != Literal::Null => {
            Ok((attribute.as_str().to_owned(), literal.clone()))
        }
        Node::Test { .. } | Node::And(_) | Node::Or(_) | Node::Not(_) => {
            Err("between `[` and `]` only `eq` with a value, and several of these with `and`, can be used"
                .to_owned())
        }
    };
    nodes.iter().map(equality).collect()
}

/// A text as it stands in a filter.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl ScimPath {
    /// An attribute of the resource itself.
    pub(crate) fn simple(attribute: &str) -> Self {
        Self { schema: None, attribute: attribute.to_owned(), selection: Vec::new(), sub: None }
    }

    /// The attribute with all that it holds, as it is asked for.
    pub(crate) fn whole(&self) -> Self {
        Self { selection: Vec::new(), sub: None, ..self.clone() }
    }

    /// As it is asked for: without what only some services understand there.
    pub(crate) fn asked(&self) -> Self {
        let sub = self.sub.clone().filter(|_| self.selection.is_empty());
        Self { selection: Vec::new(), sub, ..self.clone() }
    }

    /// The selection as a filter, with one more equality if there is one.
    pub(crate) fn selecting(&self, sub: Option<&str>, value: Option<&str>) -> String {
        let known =
            self.selection.iter().map(|(name, literal)| format!("{name} eq {}", literal_text(literal)));
        let more = sub.zip(value).map(|(name, value)| format!("{name} eq {value}"));
        known.chain(more).collect::<Vec<_>>().join(" and ")
    }

    /// Whether it is the path of `id`.
    pub(crate) fn is_id(&self) -> bool {
        *self == Self::simple("id")
    }
}

fn literal_text(literal: &Literal) -> String {
    match literal {
        Literal::Text(text) => quoted(text),
        Literal::Integer(number) => number.to_string(),
        Literal::Boolean(truth) => truth.to_string(),
        Literal::Null => "null".to_owned(),
    }
}

impl fmt::Display for ScimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}:")?;
        }
        f.write_str(&self.attribute)?;
        if !self.selection.is_empty() {
            write!(f, "[{}]", self.selecting(None, None))?;
        }
        self.sub.as_ref().map_or(Ok(()), |sub| write!(f, ".{sub}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_they_are_read() {
        for text in [
            "userName",
            "name.familyName",
            "emails.value",
            "manager.$ref",
            "emails[type eq \"work\"].value",
            "emails[type eq \"work\" and primary eq true].value",
            "emails[type eq \"a]b\"]",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
            "urn:example:2.0:User:phones[kind eq \"a:b.c\"].number",
        ] {
            assert_eq!(text.parse::<ScimPath>().unwrap().to_string(), text);
        }
        let core: ScimPath = "urn:ietf:params:scim:schemas:core:2.0:User:name.givenName".parse().unwrap();
        assert_eq!(core.to_string(), "name.givenName");
    }

    #[test]
    fn other_texts_are_no_paths() {
        for text in [
            "",
            "a b",
            "a.b.c",
            "a.",
            "é",
            "emails[type eq \"work\"",
            "emails[type eq \"work\"]value",
            "emails[type co \"work\"].value",
            "emails[type eq \"a\" or type eq \"b\"].value",
            "emails[not (type eq \"a\")].value",
            "emails[type eq null].value",
            "emails[].value",
            "http:userName",
            "urn:a b:x",
        ] {
            let error = text.parse::<ScimPath>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is no path")), "{error}");
        }
        assert!("x".repeat(LONGEST + 1).parse::<ScimPath>().is_err());
    }

    #[test]
    fn what_is_asked_for_has_no_selection() {
        for (text, asked) in [
            ("emails[type eq \"work\"].value", "emails"),
            ("emails.value", "emails.value"),
            ("urn:x:User:a.b", "urn:x:User:a.b"),
        ] {
            assert_eq!(text.parse::<ScimPath>().unwrap().asked().to_string(), asked);
        }
    }
}
