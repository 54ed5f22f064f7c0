//! Failed entries: which of them failed for the same cause, whatever their messages quote.

use muster_model::error::ErrorCode;
use muster_model::text::hex;

use crate::digest::hash;

/// Octets of the hash that a cause is known by.
const SHORT: usize = 6;

/// What stands for a value that differs from entry to entry.
const VALUE: &str = "…";

/// Words of ours after which the name of something configured is quoted: that tells causes apart.
const NAMING: [&str; 14] = [
    "application",
    "attribute",
    "attributes",
    "class",
    "column",
    "connector",
    "directory",
    "header",
    "kind",
    "mapping",
    "profile",
    "property",
    "rule",
    "task",
];

/// What all entries have in common that failed for the same reason: the error's id and a short hash of its message
/// without what it says of this entry alone, which is the entry's key, quoted values, and all that holds a digit.
#[must_use]
pub fn cause(code: ErrorCode, uid: Option<&str>, message: &str) -> String {
    let common = hash(common(uid, message).as_bytes());
    format!("{}-{}", code.id(), hex(&common[..SHORT]))
}

/// The message without what it says of this entry alone.
fn common(uid: Option<&str>, message: &str) -> String {
    let mut common = String::with_capacity(message.len());
    let mut rest = message;
    while let Some((before, quote, quoted, after)) = next_quoted(rest) {
        push_words(&mut common, uid, before);
        let names = before.split_whitespace().next_back().is_some_and(|word| NAMING.contains(&word));
        common.push(quote);
        common.push_str(if names { quoted } else { VALUE });
        common.push(quote);
        rest = after;
    }
    push_words(&mut common, uid, rest);
    common
}

/// What stands before the next quoted text, its quote, the text, and what stands behind it.
fn next_quoted(text: &str) -> Option<(&str, char, &str, &str)> {
    let begin = text.find(['`', '"'])?;
    let quote = text[begin..].chars().next()?;
    let inner = &text[begin + 1..];
    let end = inner.find(quote)?;
    Some((&text[..begin], quote, &inner[..end], &inner[end + 1..]))
}

fn push_words(common: &mut String, uid: Option<&str>, text: &str) {
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let bare = word.trim_matches(|sign: char| sign.is_ascii_punctuation());
        let varies = word.chars().any(char::is_numeric) || (!bare.is_empty() && uid == Some(bare));
        common.push_str(if varies { VALUE } else { word });
        common.push_str(&piece[word.len()..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_entry_to_entry_is_taken_out() {
        for (uid, message, expected) in [
            (None, "attribute `mail`: `x` is not a date", "attribute `mail`: `…` is not a date"),
            (None, "line 17 has 4 cells instead of 5", "line … has … cells instead of …"),
            (None, "name \"Ann Lee\" is taken", "name \"…\" is taken"),
            (Some("ann"), "ann, of class `person`, is there", "… of class `person`, is there"),
            (Some("a"), "a value is a value", "… value is … value"),
            (Some("ann"), "Joanna was refused", "Joanna was refused"),
            (None, "`1` exists; `2` as well", "`…` exists; `…` as well"),
            (None, "an ` alone, \"too", "an ` alone, \"too"),
            (None, "", ""),
            (Some(""), ". .", ". ."),
        ] {
            assert_eq!(common(uid, message), expected);
        }
    }

    #[test]
    fn a_cause_is_the_same_for_the_same_reason_and_another_for_another() {
        let refused = |uid: &str, message: &str| cause(ErrorCode::ChangeRefused, Some(uid), message);
        let one = refused("1", "`1` cannot be written: no room");
        assert_eq!(one, refused("2", "`2` cannot be written: no room"));
        assert!(one.starts_with("MUS-C0000106-"), "{one}");
        assert_eq!(one.len(), "MUS-C0000106-".len() + 2 * SHORT);
        assert_ne!(one, refused("1", "`1` cannot be written: no right"));
        assert_ne!(one, cause(ErrorCode::MappingFailed, Some("1"), "`1` cannot be written: no room"));
        let of = |attribute: &str| {
            cause(ErrorCode::MappingFailed, None, &format!("attribute `{attribute}`: none"))
        };
        assert_ne!(of("mail"), of("phone"));
    }
}
