//! The entries of a CSV file, with the texts that the rows of each hold: as long as the store's, made by
//! writing the columns down.

use std::fmt::Write;
use std::fs::File;
use std::path::Path;

use csv::{Reader, ReaderBuilder, StringRecord};

use crate::error::Error;

/// What stands in an object beside the columns: a name, a title and a state that rules derive. The numbers
/// are columns whose values have about their lengths.
const DERIVED: [(&str, usize); 3] = [("displayName", 2), ("departmentName", 6), ("userName", 0)];

/// One entry.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its place in the file, from 1.
    pub(crate) no: i64,
    /// The key in its first column.
    pub(crate) uid: String,
    /// The account, as JSON.
    pub(crate) snapshot: String,
    /// The object, as JSON.
    pub(crate) attributes: String,
}

impl Entry {
    fn new(no: i64, header: &StringRecord, record: &StringRecord) -> Self {
        let filled = || header.iter().zip(record).filter(|(_, value)| !value.is_empty());
        let snapshot = object(filled());
        let derived = DERIVED.iter().map(|(name, column)| (*name, record.get(*column).unwrap_or_default()));
        let constant = ("employment", "PERMANENT");
        // A reference and an instant are written with what they are.
        let typed = [("manager.by", "employeeNumber"), ("startDate.t", "00:00")];
        let attributes = object(filled().chain(derived).chain([constant]).chain(typed));
        Self { no, uid: record.get(0).unwrap_or_default().to_owned(), snapshot, attributes }
    }

    /// Sixteen octets that sort as the file does, where the store has hashes.
    pub(crate) fn key(&self) -> [u8; 16] {
        (self.no.cast_unsigned() as u128).to_be_bytes()
    }
}

/// The entries of a file in its order.
pub(crate) struct Entries {
    header: StringRecord,
    lines: Reader<File>,
    record: StringRecord,
    no: i64,
}

impl Entries {
    /// Opens the file and reads its header.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn open(file: &Path) -> Result<Self, Error> {
        let mut lines = ReaderBuilder::new().buffer_capacity(256 * 1024).from_path(file)?;
        let header = lines.headers()?.clone();
        Ok(Self { header, lines, record: StringRecord::new(), no: 0 })
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, Error> {
        if !self.lines.read_record(&mut self.record)? {
            return Ok(None);
        }
        self.no += 1;
        Ok(Some(Entry::new(self.no, &self.header, &self.record)))
    }
}

/// A JSON object of texts.
fn object<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::with_capacity(512);
    for (name, value) in fields {
        text.push(if text.is_empty() { '{' } else { ',' });
        push_quoted(&mut text, name);
        text.push(':');
        push_quoted(&mut text, value);
    }
    text.push('}');
    text
}

fn push_quoted(text: &mut String, value: &str) {
    text.push('"');
    for letter in value.chars() {
        match letter {
            '"' | '\\' => text.extend(['\\', letter]),
            // Writing to a text cannot fail.
            control if control < ' ' => write!(text, "\\u{:04x}", control as u32).unwrap_or(()),
            other => text.push(other),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_testkit::people::{BadLines, Day, Export, write_csv};

    fn entries(count: u64) -> Vec<Entry> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("people.csv");
        let export = Export { count, seed: 1, day: Day::First, bad_lines: BadLines::None };
        write_csv(&export, File::create(&path).unwrap()).unwrap();
        let mut entries = Entries::open(&path).unwrap();
        std::iter::from_fn(|| entries.next().unwrap()).collect()
    }

    #[test]
    fn texts_are_json_and_as_long_as_the_stores() {
        let entries = entries(1_000);
        assert_eq!(entries.len(), 1_000);
        let mean = |length: fn(&Entry) -> usize| entries.iter().map(length).sum::<usize>() / entries.len();
        for text in entries.iter().flat_map(|entry| [&entry.snapshot, &entry.attributes]) {
            assert!(serde_json::from_str::<serde_json::Value>(text).unwrap().is_object());
        }
        // What the store keeps of these people, in octets: 276 and 423.
        let (snapshot, attributes) =
            (mean(|entry| entry.snapshot.len()), mean(|entry| entry.attributes.len()));
        assert!((262..290).contains(&snapshot), "{snapshot}");
        assert!((402..444).contains(&attributes), "{attributes}");
    }

    #[test]
    fn keys_ascend_with_the_lines() {
        let keys: Vec<_> = entries(300).iter().map(Entry::key).collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
