//! Properties of connector definitions: how a connector describes them, the check for unknown names, and the reading of
//! those that are given. Never knows what a property means; each connector checks its own.

mod form;

use crate::{Properties, PropertyProblem};
pub use form::Form;

/// One property that a connector knows, as it stands in its documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PropertyDescription {
    /// Its name in the connector definition.
    pub name: &'static str,
    /// What counts when it is not given; `None` when nothing does.
    pub default: Option<&'static str>,
    /// What it means, with its unit and range.
    pub description: &'static str,
}

/// One property: its name, what counts when it is not given, and what it means.
#[must_use]
pub const fn property(
    name: &'static str,
    default: Option<&'static str>,
    description: &'static str,
) -> PropertyDescription {
    PropertyDescription { name, default, description }
}

/// One problem for each property that is not among the known ones, naming the nearest that is.
#[must_use]
pub fn unknown(properties: &Properties, known: &[PropertyDescription]) -> Vec<PropertyProblem> {
    let is_known = |name: &str| known.iter().any(|property| property.name == name);
    properties
        .keys()
        .filter(|name| !is_known(name))
        .map(|name| PropertyProblem { name: name.clone(), message: unknown_message(name, known) })
        .collect()
}

/// What the names of properties hold that say where a connector connects to, or of whom it makes sure there.
const ADDRESS_WORDS: [&str; 17] = [
    "host",
    "url",
    "uri",
    "server",
    "address",
    "port",
    "endpoint",
    "domain",
    "proxy",
    "connection",
    "database",
    "tls",
    "ssl",
    "certificate",
    "verify",
    "trust",
    "issuer",
];

/// Whether a property says where a connector connects to, going by its name. Rather one too many than one too few.
#[must_use]
pub fn is_address(name: &str) -> bool {
    let name = name.to_lowercase();
    ADDRESS_WORDS.iter().any(|word| name.contains(word))
}

fn unknown_message(name: &str, known: &[PropertyDescription]) -> String {
    let nearest = known.iter().map(|property| property.name).min_by_key(|known| distance(name, known));
    match nearest {
        Some(nearest) => format!("there is no property `{name}`; the nearest is `{nearest}`"),
        None => format!("there is no property `{name}`; this connector has none"),
    }
}

/// How many letters must be put in, taken out or exchanged to make one name of the other, case aside.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in to.iter().enumerate() {
            let exchanged = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = exchanged.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[PropertyDescription] = &[
        property("separator", Some(","), ""),
        property("multiValueSeparator", None, ""),
        property("quote", Some("\""), ""),
    ];

    #[test]
    fn an_unknown_property_is_answered_with_the_nearest() {
        for (given, nearest) in [
            ("seperator", "separator"),
            ("SEPARATOR", "separator"),
            ("multivalueseperator", "multiValueSeparator"),
            ("qoute", "quote"),
        ] {
            let properties = [(given.to_owned(), String::new())].into();
            let problems = unknown(&properties, KNOWN);
            assert_eq!(problems.len(), 1);
            assert_eq!(problems[0].name, given);
            assert!(problems[0].message.ends_with(&format!("`{nearest}`")), "{}", problems[0].message);
        }
    }

    #[test]
    fn addresses_are_known_by_their_names() {
        for name in ["host", "baseUrl", "tokenURI", "ldapServer", "Port", "startTls", "verifyCertificate"] {
            assert!(is_address(name), "{name}");
        }
        for name in ["user", "password", "pageSize", "columns", "separator", "encoding"] {
            assert!(!is_address(name), "{name}");
        }
    }

    #[test]
    fn known_properties_are_no_problem() {
        let properties = [("quote".to_owned(), "'".to_owned())].into();
        assert_eq!(unknown(&properties, KNOWN), []);
    }
}
