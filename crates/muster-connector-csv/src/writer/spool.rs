//! Operations waiting for the close, in an unnamed temporary file. Each names the one before it for the same
//! key, so that all of a key are found from its last.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;

use super::key::Key;

/// One admitted operation, with cells as they will stand in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stored {
    Create(Vec<Edit>),
    Update(Vec<Edit>),
    Delete,
}

/// What happens to one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) column: usize,
    pub(super) change: Change,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// This cell comes in the place of what is there, quotes and all.
    Cell(String),
    /// These texts are added and removed.
    Values { add: Vec<String>, remove: Vec<String> },
}

/// Where an operation stands in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SpoolPlace(u64);

/// Takes operations.
pub(super) struct Spool {
    out: BufWriter<File>,
    length: u64,
}

impl Spool {
    pub(super) fn new(file: File) -> Self {
        Self { out: BufWriter::new(file), length: 0 }
    }

    /// Puts an operation at the end. `before` is the last one for the same key.
    pub(super) fn push(
        &mut self,
        key: Key,
        before: Option<SpoolPlace>,
        operation: &Stored,
    ) -> io::Result<SpoolPlace> {
        let mut body = Vec::new();
        encode(operation, &mut body);
        let place = SpoolPlace(self.length);
        let before = before.map_or(NONE, |before| before.0);
        self.out.write_all(&(body.len() as u64).to_le_bytes())?;
        self.out.write_all(&before.to_le_bytes())?;
        self.out.write_all(&key.bytes())?;
        self.out.write_all(&body)?;
        self.length += HEAD as u64 + body.len() as u64;
        Ok(place)
    }

    /// No more operations come.
    pub(super) fn finish(self) -> io::Result<Spooled> {
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Spooled { file, length: self.length })
    }
}

const NONE: u64 = u64::MAX;

/// The length of the body, the place of the operation before, the key.
const HEAD: usize = 8 + 8 + 16;

struct Head {
    length: u64,
    before: Option<SpoolPlace>,
    key: Key,
}

/// Gives operations back.
pub(super) struct Spooled {
    file: File,
    length: u64,
}

impl Spooled {
    /// All operations for a key in their order, given the place of the last.
    pub(super) fn chain(&self, last: SpoolPlace) -> io::Result<Vec<Stored>> {
        let mut chain = Vec::new();
        let mut next = Some(last);
        while let Some(place) = next {
            let head = self.head(place)?;
            let mut body = vec![0; usize::try_from(head.length).map_err(|_| damaged())?];
            self.file.read_exact_at(&mut body, place.0 + HEAD as u64)?;
            chain.push(decode(&mut body.as_slice()).ok_or_else(damaged)?);
            next = head.before;
        }
        chain.reverse();
        Ok(chain)
    }

    /// The place and key of each operation, in their order.
    pub(super) fn places(&self) -> impl Iterator<Item = io::Result<(SpoolPlace, Key)>> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            if at >= self.length {
                return None;
            }
            let place = SpoolPlace(at);
            let head = self.head(place);
            at = head.as_ref().map_or(self.length, |head| at + HEAD as u64 + head.length);
            Some(head.map(|head| (place, head.key)))
        })
    }

    fn head(&self, place: SpoolPlace) -> io::Result<Head> {
        let mut bytes = [0; HEAD];
        self.file.read_exact_at(&mut bytes, place.0)?;
        let mut rest = bytes.as_slice();
        let length = take_number(&mut rest).ok_or_else(damaged)?;
        let before = take_number(&mut rest).ok_or_else(damaged)?;
        let key = rest.try_into().map_err(|_| damaged())?;
        Ok(Head { length, before: (before != NONE).then_some(SpoolPlace(before)), key: Key::from_bytes(key) })
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the spool of operations is damaged")
}

fn encode(operation: &Stored, into: &mut Vec<u8>) {
    let (kind, edits) = match operation {
        Stored::Create(edits) => (0, edits.as_slice()),
        Stored::Update(edits) => (1, edits.as_slice()),
        Stored::Delete => (2, [].as_slice()),
    };
    put_number(into, kind);
    put_number(into, edits.len() as u64);
    for edit in edits {
        put_number(into, edit.column as u64);
        match &edit.change {
            Change::Cell(cell) => {
                put_number(into, 0);
                put_text(into, cell);
            }
            Change::Values { add, remove } => {
                put_number(into, 1);
                put_texts(into, add);
                put_texts(into, remove);
            }
        }
    }
}

fn put_number(into: &mut Vec<u8>, number: u64) {
    into.extend_from_slice(&number.to_le_bytes());
}

fn put_text(into: &mut Vec<u8>, text: &str) {
    put_number(into, text.len() as u64);
    into.extend_from_slice(text.as_bytes());
}

fn put_texts(into: &mut Vec<u8>, texts: &[String]) {
    put_number(into, texts.len() as u64);
    for text in texts {
        put_text(into, text);
    }
}

fn decode(from: &mut &[u8]) -> Option<Stored> {
    let kind = take_number(from)?;
    let count = take_number(from)?;
    let edits: Option<Vec<Edit>> = (0..count).map(|_| take_edit(from)).collect();
    match kind {
        0 => Some(Stored::Create(edits?)),
        1 => Some(Stored::Update(edits?)),
        2 => Some(Stored::Delete),
        _ => None,
    }
}

fn take_edit(from: &mut &[u8]) -> Option<Edit> {
    let column = usize::try_from(take_number(from)?).ok()?;
    let change = match take_number(from)? {
        0 => Change::Cell(take_text(from)?),
        1 => Change::Values { add: take_texts(from)?, remove: take_texts(from)? },
        _ => return None,
    };
    Some(Edit { column, change })
}

fn take_number(from: &mut &[u8]) -> Option<u64> {
    let (number, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(u64::from_le_bytes(*number))
}

fn take_text(from: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(take_number(from)?).ok()?;
    let (text, rest) = from.split_at_checked(length)?;
    *from = rest;
    String::from_utf8(text.to_vec()).ok()
}

fn take_texts(from: &mut &[u8]) -> Option<Vec<String>> {
    let count = take_number(from)?;
    (0..count).map(|_| take_text(from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_come_back_by_key_and_in_order() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let create = Stored::Create(vec![Edit { column: 1, change: Change::Cell("\"ü\"".to_owned()) }]);
        let values = Change::Values { add: texts(&["a", ""]), remove: texts(&["b"]) };
        let update = Stored::Update(vec![Edit { column: 70_000, change: values }]);
        let (one, two) = (Key::of("one"), Key::of("two"));

        let mut spool = Spool::new(tempfile::tempfile().unwrap());
        let first = spool.push(one, None, &create).unwrap();
        let second = spool.push(two, None, &Stored::Delete).unwrap();
        let third = spool.push(one, Some(first), &update).unwrap();
        let fourth = spool.push(one, Some(third), &Stored::Delete).unwrap();

        let spooled = spool.finish().unwrap();
        assert_eq!(spooled.chain(fourth).unwrap(), [create, update, Stored::Delete]);
        assert_eq!(spooled.chain(second).unwrap(), [Stored::Delete]);
        let places: Vec<_> = spooled.places().map(Result::unwrap).collect();
        assert_eq!(places, [(first, one), (second, two), (third, one), (fourth, one)]);
    }
}
