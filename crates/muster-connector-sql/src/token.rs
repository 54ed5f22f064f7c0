//! What a sweep writes down of itself: the place where it goes on, and since when the next one tells changes.

use muster_connector::{ChangeToken, ConnectorError, Cursor};
use muster_model::attribute::{decode_base64, encode_base64};

use crate::value::Cell;

/// Where a sweep stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    /// The last key that was read, null before the first; behind the keys how many rows without one were told.
    pub(crate) key: Cell,
    /// How many entries were read so far.
    pub(crate) count: u64,
    /// The last change that there was when the sweep began; null where there was none, or nobody can tell.
    pub(crate) change: Cell,
    pub(crate) stage: Stage,
}

/// Which rows come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    WithKeys,
    WithoutKeys,
    None,
}

impl Stage {
    const ALL: [Self; 3] = [Self::WithKeys, Self::WithoutKeys, Self::None];
}

impl Standing {
    pub(crate) fn cursor(&self) -> Cursor {
        let (key, change) = (text_of(&self.key), text_of(&self.change));
        Cursor(serde_json::json!([key, change, self.count, self.stage as u8]).to_string())
    }

    pub(crate) fn of(cursor: &Cursor) -> Result<Self, ConnectorError> {
        let parsed: Option<(String, String, u64, u8)> = serde_json::from_str(&cursor.0).ok();
        let standing = parsed.and_then(|(key, change, count, stage)| {
            let stage = *Stage::ALL.get(usize::from(stage))?;
            Some(Self { key: cell_of(&key)?, change: cell_of(&change)?, count, stage })
        });
        standing.ok_or_else(|| ConnectorError::Unusable {
            message: "there is no such place to read on from; start the sweep over".to_owned(),
        })
    }
}

/// A token: which rows, read by which rules, and the last change that was seen.
pub(crate) fn token(fingerprint: &str, change: &Cell) -> ChangeToken {
    ChangeToken(serde_json::json!([fingerprint, text_of(change)]).to_string())
}

/// The change that a token stands for.
pub(crate) fn since(fingerprint: &str, token: &ChangeToken) -> Result<Cell, ConnectorError> {
    let parsed: Option<(String, String)> = serde_json::from_str(&token.0).ok();
    let of_these = parsed.filter(|(whose, _)| whose == fingerprint);
    of_these.and_then(|(_, change)| cell_of(&change)).ok_or_else(|| ConnectorError::Outdated {
        message: "the token is of another table, or of other settings; read everything".to_owned(),
    })
}

/// A cell with its type, since SQLite sorts by that first.
fn text_of(cell: &Cell) -> String {
    match cell {
        Cell::Null | Cell::Unreadable => "n".to_owned(),
        Cell::Text(text) => format!("t{text}"),
        Cell::Integer(number) => format!("i{number}"),
        Cell::Real(number) => format!("r{}", number.to_bits()),
        Cell::Octets(octets) => format!("o{}", encode_base64(octets)),
    }
}

fn cell_of(text: &str) -> Option<Cell> {
    let (kind, rest) = text.split_at_checked(1)?;
    Some(match kind {
        "n" => Cell::Null,
        "t" => Cell::Text(rest.to_owned()),
        "i" => Cell::Integer(rest.parse().ok()?),
        "r" => Cell::Real(f64::from_bits(rest.parse().ok()?)),
        "o" => Cell::Octets(decode_base64(rest)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_again() {
        for key in [
            Cell::Null,
            Cell::Text("a\"b\0c\u{1f600}".to_owned()),
            Cell::Integer(i64::MIN),
            Cell::Real(0.1),
            Cell::Octets(vec![0, 255]),
        ] {
            let standing =
                Standing { key: key.clone(), count: 7, change: key.clone(), stage: Stage::WithoutKeys };
            let cursor = standing.cursor();
            assert!(!cursor.0.contains('\0'));
            assert_eq!(Standing::of(&cursor), Ok(standing));
            assert_eq!(since("x", &token("x", &key)), Ok(key.clone()));
            assert!(matches!(since("y", &token("x", &key)), Err(ConnectorError::Outdated { .. })));
        }
        for wrong in ["", "[]", "[\"x\",\"n\",0,0]", "[\"n\",\"n\",-1,0]", "[\"n\",\"n\",0,3]", "7"] {
            assert!(Standing::of(&Cursor(wrong.to_owned())).is_err(), "{wrong}");
        }
    }
}
