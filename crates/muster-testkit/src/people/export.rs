//! An export as CSV: UTF-8, a header, commas, quotes only where a value needs them.

use std::io;

use super::person::{COLUMNS, Person};
use super::{BadLines, Export};

/// What an export wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Lines that are people.
    pub people: u64,
    /// Lines that cannot be read, or whose key stood in an earlier line.
    pub bad: u64,
}

/// Writes the export, one line a person. Lines are collected into large writes here, so the writer needs no
/// buffer of its own.
///
/// # Errors
/// When the writer fails.
pub fn write_csv(export: &Export, out: impl io::Write) -> io::Result<Written> {
    let mut lines = csv::WriterBuilder::new().flexible(true).buffer_capacity(256 * 1024).from_writer(out);
    lines.write_record(COLUMNS)?;
    let mut written = Written::default();
    let mut bad_lines = BadLine::all(export.bad_lines).iter();
    let distance = (export.count / (BadLine::ALL.len() as u64 + 1)).max(1);
    for person in export.people() {
        lines.write_record(person.values())?;
        written.people += 1;
        if written.people % distance == 0
            && let Some(bad_line) = bad_lines.next()
        {
            bad_line.write(&person, written.bad, &mut lines)?;
            written.bad += 1;
        }
    }
    lines.flush()?;
    Ok(written)
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BadLine {
    TooFewColumns,
    Repeated,
    Undecodable,
    TooManyColumns,
    RepeatedOtherwise,
    KeyAlone,
}

impl BadLine {
    const ALL: [Self; 6] = [
        Self::TooFewColumns,
        Self::Repeated,
        Self::Undecodable,
        Self::TooManyColumns,
        Self::RepeatedOtherwise,
        Self::KeyAlone,
    ];

    fn all(bad_lines: BadLines) -> &'static [Self] {
        match bad_lines {
            BadLines::None => &[],
            BadLines::Some => &Self::ALL,
        }
    }

    /// Writes the line, like the one of the person before it. Unless it repeats that person's key it has one
    /// of its own, which no person has.
    fn write(self, before: &Person, no: u64, lines: &mut csv::Writer<impl io::Write>) -> io::Result<()> {
        let mut values = before.values().map(String::into_bytes).to_vec();
        match self {
            Self::TooFewColumns => values.truncate(COLUMNS.len() - 4),
            Self::Repeated => {}
            Self::Undecodable => values[2] = b"Lef\xE8vre".to_vec(),
            Self::TooManyColumns => values.push(b"left over from a merge".to_vec()),
            Self::RepeatedOtherwise => values[6] = b"Somebody Else".to_vec(),
            // With its separator, so that the key is certain and nobody else can be meant.
            Self::KeyAlone => {
                values.truncate(2);
                values[1].clear();
            }
        }
        if !matches!(self, Self::Repeated | Self::RepeatedOtherwise) {
            values[0] = format!("X{:07}", no + 1).into_bytes();
        }
        Ok(lines.write_record(values)?)
    }
}
