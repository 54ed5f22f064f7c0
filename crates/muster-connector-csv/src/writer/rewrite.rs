//! Writes a file anew: what no operation concerns is copied byte for byte, the rest is composed.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;

use muster_connector::ConnectorError;

use super::compose::{Composer, Row};
use super::key::{Key, KeyMap};
use super::place::Target;
use super::session::{After, Base, Touch};
use super::spool::{SpoolPlace, Spooled};
use crate::body::{Met, beginning, next_record, scanner_at};
use crate::dialect::{Quotes, Span};
use crate::entry::{EntryReader, Judged};
use crate::scan::RawRecord;
use crate::settings::{Heading, TrailerRule};
use crate::source::unreadable;
use crate::whole::Ending;

/// How much is copied at once.
const CHUNK: u64 = 256 * 1024;

/// What the rewriting came to.
pub(super) enum Rewritten {
    Changed,
    /// The operations left everything as it was.
    Same,
}

/// A file that is being written anew.
pub(super) struct Rewrite<'a> {
    target: &'a Target,
    base: &'a Base,
    composer: Composer<'a>,
    out: BufWriter<&'a File>,
    /// How much of the old file has been copied or left out.
    copied: u64,
    /// Records written so far.
    records: u64,
    /// What ends the records of this file; `None` until one has shown it.
    terminator: Option<&'static str>,
    /// Whether the last record has no terminator yet.
    open_end: bool,
    changed: bool,
}

impl<'a> Rewrite<'a> {
    pub(super) fn new(target: &'a Target, base: &'a Base, composer: Composer<'a>, out: &'a File) -> Self {
        let out = BufWriter::with_capacity(256 * 1024, out);
        let (copied, records, terminator) = (0, 0, None);
        Self { target, base, composer, out, copied, records, terminator, open_end: false, changed: false }
    }

    /// Writes everything.
    pub(super) fn run(
        mut self,
        mut touched: KeyMap<Touch>,
        spooled: &Spooled,
    ) -> Result<Rewritten, ConnectorError> {
        let ending = match self.base.lacks_header {
            true => None,
            false => self.records(&mut touched, spooled)?,
        };
        match &ending {
            Some(Ending::Trailer { record, .. }) => self.keep_to(record.source.start)?,
            Some(_) | None => self.keep_to(self.size())?,
        }
        if self.base.lacks_header {
            self.header()?;
        }
        self.created(&touched, spooled)?;
        self.trailer(ending)?;
        self.keep_to(self.size())?;
        self.out.flush().map_err(|error| self.target.cannot_write(&error))?;
        Ok(if self.changed { Rewritten::Changed } else { Rewritten::Same })
    }

    fn size(&self) -> u64 {
        self.base.source.as_ref().map_or(0, |source| source.state.size)
    }

    /// Goes through the records of the old file; answers how they end.
    fn records(
        &mut self,
        touched: &mut KeyMap<Touch>,
        spooled: &Spooled,
    ) -> Result<Option<Ending>, ConnectorError> {
        let Some(source) = &self.base.source else { return Ok(None) };
        let settings = self.composer.settings;
        let failed = |error| unreadable(&self.target.shown, &error);
        let mut scanner = scanner_at(source, settings, beginning(source)).map_err(failed)?;
        if let Heading::FirstRecord { .. } = settings.heading
            && let Some(header) = scanner.advance().map_err(failed)?
        {
            self.note_end(&header);
        }
        let mut spans = Vec::new();
        loop {
            let record = match next_record(&mut scanner, settings).map_err(failed)? {
                Met::Record(record) => record,
                Met::Ending(ending) => return Ok(Some(ending)),
            };
            let open_before = self.open_end;
            self.note_end(&record);
            let met = Record { record: &record, bytes: scanner.bytes(), spans: &mut spans };
            match self.fate(met, touched, spooled)? {
                Fate::Kept => self.records += 1,
                Fate::Replaced(row) => {
                    self.replace(&record, &row)?;
                    self.records += 1;
                }
                Fate::Dropped => {
                    self.leave_out(&record)?;
                    self.open_end = open_before;
                }
            }
        }
    }

    /// Takes note of how a record ends; the first one that ends at all sets the example.
    fn note_end(&mut self, record: &RawRecord) {
        let terminator = record.shape.terminator;
        self.open_end = terminator.is_empty();
        if !self.open_end {
            self.terminator.get_or_insert(terminator);
        }
    }

    /// What becomes of a record. Of a doubled key the first record takes the operations; the others go with it
    /// when it is deleted, since they would come to light.
    fn fate(
        &self,
        met: Record<'_>,
        touched: &mut KeyMap<Touch>,
        spooled: &Spooled,
    ) -> Result<Fate, ConnectorError> {
        let Composer { settings, layout, .. } = self.composer;
        let reader = EntryReader { shown: &self.target.shown, settings, layout };
        let Judged::Sound { text } = reader.judge(met.record, met.bytes, met.spans) else {
            return Ok(Fate::Kept);
        };
        let uid = reader.key(text, met.spans);
        let Some(touch) = touched.get_mut(&Key::of(&uid)) else { return Ok(Fate::Kept) };
        if touch.met {
            let gone = touch.after == After::Gone;
            return Ok(if gone { Fate::Dropped } else { Fate::Kept });
        }
        touch.met = true;
        let row = met.spans.iter().map(|span| settings.cells.dialect.raw(text, *span).to_owned()).collect();
        Ok(match self.composed(&uid, Some(row), touch.last, spooled)? {
            Some(row) if row == text => Fate::Kept,
            Some(row) => Fate::Replaced(row),
            None => Fate::Dropped,
        })
    }

    /// The record that all operations of a key make.
    fn composed(
        &self,
        uid: &str,
        row: Option<Row>,
        last: SpoolPlace,
        spooled: &Spooled,
    ) -> Result<Option<String>, ConnectorError> {
        let operations = spooled.chain(last).map_err(|error| self.target.cannot_write(&error))?;
        let row = self.composer.compose(row, operations).map_err(|why| ConnectorError::Rejected {
            message: format!("nothing was written, since `{uid}` cannot be: {why}"),
        })?;
        Ok(row.map(|row| self.composer.settings.cells.dialect.join(&row)))
    }

    /// Appends the accounts that are new, in the order of their last operations.
    fn created(&mut self, touched: &KeyMap<Touch>, spooled: &Spooled) -> Result<(), ConnectorError> {
        for place in spooled.places() {
            let (place, key) = place.map_err(|error| self.target.cannot_write(&error))?;
            let Some(touch) = touched.get(&key) else { continue };
            if touch.met || touch.last != place || touch.after != After::Here {
                continue;
            }
            if let Some(row) = self.composed("a new account", None, place, spooled)? {
                self.append(&row)?;
                self.records += 1;
            }
        }
        Ok(())
    }

    fn header(&mut self) -> Result<(), ConnectorError> {
        if self.size() == 0 {
            let (_, mark) = self.composer.settings.encoding.for_new_file();
            self.out.write_all(mark).map_err(|error| self.target.cannot_write(&error))?;
        }
        let cells = &self.composer.settings.cells;
        let columns: Vec<String> = self.base.layout.columns.iter().map(|name| cells.plain(name)).collect();
        self.append(&cells.dialect.join(&columns))
    }

    /// Brings the count of the trailer up to date, or makes the trailer of a new file.
    fn trailer(&mut self, ending: Option<Ending>) -> Result<(), ConnectorError> {
        let Some(rule) = &self.composer.settings.whole.trailer else { return Ok(()) };
        match ending {
            Some(Ending::Trailer { bytes, record }) => {
                if let Some(row) = self.counted(rule, &String::from_utf8_lossy(&bytes)) {
                    self.replace(&record, &row)?;
                }
                Ok(())
            }
            Some(_) | None => {
                let row = self.counted(rule, &rule.prefix).unwrap_or_else(|| rule.prefix.clone());
                self.append(&row)
            }
        }
    }

    /// A trailer with the right count; `None` when it has that already.
    fn counted(&self, rule: &TrailerRule, trailer: &str) -> Option<String> {
        let count_at = rule.count_at?;
        let dialect = self.composer.settings.cells.dialect;
        let mut spans = Vec::new();
        dialect.split(trailer.as_bytes(), Quotes::Some, &mut spans);
        let mut cells: Row = spans.iter().map(|span| dialect.raw(trailer, *span).to_owned()).collect();
        cells.resize(cells.len().max(count_at + 1), String::new());
        let counted = spans.get(count_at).map(|span| dialect.text(trailer, *span));
        if counted.is_some_and(|counted| counted.trim() == self.records.to_string()) {
            return None;
        }
        cells[count_at] = self.records.to_string();
        Some(dialect.join(&cells))
    }

    fn append(&mut self, row: &str) -> Result<(), ConnectorError> {
        let terminator = self.terminator.unwrap_or("\n");
        if self.open_end {
            self.put(terminator)?;
            self.open_end = false;
        }
        self.put(row)?;
        self.put(terminator)?;
        self.changed = true;
        Ok(())
    }

    fn replace(&mut self, record: &RawRecord, row: &str) -> Result<(), ConnectorError> {
        self.leave_out(record)?;
        self.put(row)?;
        self.put(record.shape.terminator)
    }

    fn leave_out(&mut self, record: &RawRecord) -> Result<(), ConnectorError> {
        self.keep_to(record.source.start)?;
        self.copied = record.source.end;
        self.changed = true;
        Ok(())
    }

    fn put(&mut self, text: &str) -> Result<(), ConnectorError> {
        let Some(bytes) = self.base.encoding.encode(text) else {
            let message = format!("nothing was written: `{text}` has characters that the encoding lacks");
            return Err(ConnectorError::Rejected { message });
        };
        self.out.write_all(&bytes).map_err(|error| self.target.cannot_write(&error))
    }

    /// Copies the old file up to a place.
    fn keep_to(&mut self, offset: u64) -> Result<(), ConnectorError> {
        let Some(source) = &self.base.source else { return Ok(()) };
        let mut buffer = vec![0; usize::try_from(CHUNK.min(offset.saturating_sub(self.copied))).unwrap_or(0)];
        while self.copied < offset {
            let length = usize::try_from(CHUNK.min(offset - self.copied)).unwrap_or(0);
            let piece = &mut buffer[..length];
            source.file.read_exact_at(piece, self.copied).map_err(|error| self.cut_off(&error))?;
            self.out.write_all(piece).map_err(|error| self.target.cannot_write(&error))?;
            self.copied += length as u64;
        }
        Ok(())
    }

    fn cut_off(&self, error: &io::Error) -> ConnectorError {
        unreadable(&self.target.shown, error)
    }
}

/// A record and its bytes.
struct Record<'a> {
    record: &'a RawRecord,
    bytes: &'a [u8],
    spans: &'a mut Vec<Span>,
}

enum Fate {
    Kept,
    /// By this record.
    Replaced(String),
    Dropped,
}
