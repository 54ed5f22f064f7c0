//! References to secrets within texts: `${secret:name}`. A secret's value is never here.

use crate::ids::{IdError, SecretName};

/// How a reference begins; it ends with `}`.
const BEGIN: &str = "${secret:";

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'a> {
    /// Stands for itself.
    Text(&'a str),
    /// Stands for the value of a secret.
    Secret(SecretName),
}

/// Why a text cannot be taken apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// A reference has no end.
    #[error("a reference to a secret begins with `${{secret:` and is not ended by `}}`")]
    Endless,
    /// A reference names what cannot be the name of a secret.
    #[error(transparent)]
    Name(#[from] IdError),
}

/// The parts of a text, in their order.
///
/// # Errors
/// When a reference is begun that is none.
pub fn parts(text: &str) -> Result<Vec<Part<'_>>, ReferenceError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once(BEGIN) {
        let (name, after) = reference.split_once('}').ok_or(ReferenceError::Endless)?;
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(Part::Secret(SecretName::new(name)?));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

/// The secrets that a text refers to; none of a text that cannot be taken apart.
#[must_use]
pub fn names(text: &str) -> Vec<SecretName> {
    let parts = parts(text).unwrap_or_default().into_iter();
    parts
        .filter_map(|part| match part {
            Part::Secret(name) => Some(name),
            Part::Text(_) => None,
        })
        .collect()
}

/// The secret that a text refers to and holds nothing besides.
#[must_use]
pub fn whole(text: &str) -> Option<SecretName> {
    match <[Part<'_>; 1]>::try_from(parts(text).ok()?) {
        Ok([Part::Secret(name)]) => Some(name),
        Ok([Part::Text(_)]) | Err(_) => None,
    }
}

/// How a text refers to a secret.
#[must_use]
pub fn reference(name: &SecretName) -> String {
    format!("{BEGIN}{name}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str) -> Part<'static> {
        Part::Secret(name.parse().unwrap())
    }

    #[test]
    fn texts_are_taken_apart() {
        for (text, expected) in [
            ("", vec![]),
            ("plain $ {secret:x}", vec![Part::Text("plain $ {secret:x}")]),
            ("${secret:hr}", vec![secret("hr")]),
            (
                "a${secret:hr}b${secret:x.y}",
                vec![Part::Text("a"), secret("hr"), Part::Text("b"), secret("x.y")],
            ),
        ] {
            assert_eq!(parts(text).unwrap(), expected, "{text}");
        }
        assert_eq!(parts("${secret:hr"), Err(ReferenceError::Endless));
        for bad in ["${secret:}", "${secret:a b}", "${secret:${secret:a}}"] {
            assert!(matches!(parts(bad), Err(ReferenceError::Name(_))), "{bad}");
        }
    }

    #[test]
    fn a_reference_alone_is_told_from_one_within_a_text() {
        let name: SecretName = "hr".parse().unwrap();
        assert_eq!(whole(&reference(&name)), Some(name.clone()));
        assert_eq!(names("Bearer ${secret:hr}"), [name]);
        for other in ["", "hr", "Bearer ${secret:hr}", "${secret:hr}${secret:hr}", "${secret:}"] {
            assert_eq!(whole(other), None, "{other}");
        }
    }
}
