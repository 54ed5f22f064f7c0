//! Cuts a file into records, in one pass and bounded memory, keeping every record's exact bytes, its place in
//! the file and whatever makes one doubt its borders. Never judges a record.
//!
//! The `csv` crate reads on through damaged quoting without a word; here a damaged record must be told from a
//! sound one, since a record that swallowed others would make them look deleted. On sound files both read the
//! same, which a property test holds.

use std::io::{self, Read};
use std::ops::Range;

use memchr::{memchr_iter, memchr2, memchr3};

use crate::dialect::{Dialect, Quotes};
use crate::encoding::{Decoder, Filled};

/// The most that a record may measure, so that an unclosed quote in a large file cannot fill the memory.
pub(crate) const MAXIMUM_RECORD_BYTES: usize = 32 * 1024 * 1024;

/// What a record looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shape {
    pub(crate) quotes: Quotes,
    /// A quote stands within an unquoted cell.
    pub(crate) stray_quote: bool,
    /// Text stands between a closing quote and the next separator.
    pub(crate) text_after_quote: bool,
    /// A quote opens a cell that the end of the file ends.
    pub(crate) unclosed: bool,
    /// It is larger than [`MAXIMUM_RECORD_BYTES`]; its bytes are not at hand.
    pub(crate) too_large: bool,
    /// How many lines it spans.
    pub(crate) lines: u64,
    /// What ends it; empty at the end of the file.
    pub(crate) terminator: &'static str,
}

/// One record; its bytes are [`Scanner::bytes`] until the next one is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawRecord {
    /// Where it stands in the file, terminator included, in bytes of the file.
    pub(crate) source: Range<u64>,
    /// Its first line, from 1.
    pub(crate) line: u64,
    pub(crate) shape: Shape,
}

/// Where a scan begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) offset: u64,
    pub(crate) line: u64,
}

/// Cuts decoded text into records.
pub(crate) struct Scanner<R> {
    input: Decoder<R>,
    dialect: Dialect,
    buffer: Vec<u8>,
    /// The record that was found last, in the buffer. Invariant: it ends where or before `next` begins.
    current: Range<usize>,
    /// Where the buffer has not been cut yet.
    next: usize,
    /// The place in the file of `next`.
    offset: u64,
    line: u64,
    /// Whether the input may give more.
    input_state: Filled,
}

impl<R: Read> Scanner<R> {
    /// `input` stands at `start`.
    pub(crate) fn new(input: Decoder<R>, dialect: Dialect, start: Start) -> Self {
        Self {
            input,
            dialect,
            buffer: Vec::new(),
            current: 0..0,
            next: 0,
            offset: start.offset,
            line: start.line,
            input_state: Filled::More,
        }
    }

    /// Where the next record begins, or blank lines before it.
    pub(crate) fn position(&self) -> Start {
        Start { offset: self.offset, line: self.line }
    }

    /// Whether the file ended in the middle of a character.
    pub(crate) fn is_torn(&self) -> bool {
        self.input.is_torn()
    }

    /// The record that was found last, decoded, without its terminator.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.current.clone()]
    }

    /// Finds the next record; `None` at the end. Blank lines are skipped.
    pub(crate) fn advance(&mut self) -> io::Result<Option<RawRecord>> {
        self.current = self.next..self.next;
        if self.at_end()? {
            return Ok(None);
        }
        let start = self.position();
        self.current = self.next..self.next;
        let mut walk = Walk::default();
        let end = loop {
            match walk.step(self.dialect, &self.buffer[self.next..], self.input_state) {
                Some(end) => break end,
                None => {
                    self.shed(&mut walk);
                    self.fill()?;
                }
            }
        };
        self.current = self.next..self.next + end.content;
        let mut shape = walk.shape;
        // Without quotes a record is one line; only quoted cells can hold breaks.
        let breaks = match shape.quotes {
            Quotes::Some => breaks(self.bytes()),
            Quotes::None => 0,
        };
        self.line += breaks;
        shape.lines = self.line - start.line + 1;
        shape.terminator = end.terminator;
        self.pass(end.content + end.terminator.len());
        self.line += u64::from(!end.terminator.is_empty());
        if shape.too_large {
            self.current = self.next..self.next;
        }
        Ok(Some(RawRecord { source: start.offset..self.offset, line: start.line, shape }))
    }

    /// Whether nothing but blank lines follows. The current record stays at hand.
    pub(crate) fn at_end(&mut self) -> io::Result<bool> {
        loop {
            match self.buffer[self.next..] {
                [b'\r', b'\n', ..] => self.pass(2),
                [b'\r'] if self.input_state == Filled::More => {
                    self.fill()?;
                    continue;
                }
                [b'\r' | b'\n', ..] => self.pass(1),
                [_, ..] => return Ok(false),
                [] if self.input_state == Filled::End => return Ok(true),
                [] => {
                    self.fill()?;
                    continue;
                }
            }
            self.line += 1;
        }
    }

    fn pass(&mut self, count: usize) {
        let passed = &self.buffer[self.next..self.next + count];
        self.offset += self.input.encoding().source_len(passed);
        self.next += count;
    }

    /// Reads on; what lies before the current record is let go.
    fn fill(&mut self) -> io::Result<()> {
        let gone = self.current.start;
        self.buffer.drain(..gone);
        self.current = 0..self.current.end - gone;
        self.next -= gone;
        self.input_state = self.input.fill(&mut self.buffer)?;
        Ok(())
    }

    /// Lets go the beginning of a record that is too large to be kept.
    fn shed(&mut self, walk: &mut Walk) {
        let record = &self.buffer[self.next..];
        if record.len() <= MAXIMUM_RECORD_BYTES {
            return;
        }
        // Two bytes stay, so that a quote can look at what stands before it.
        let mut cut = walk.at.saturating_sub(2);
        if cut > 0 && record[cut - 1] == b'\r' {
            cut -= 1;
        }
        self.line += breaks(&record[..cut]);
        self.pass(cut);
        self.current = self.next..self.next;
        walk.at -= cut;
        walk.shape.too_large = true;
    }
}

/// Line breaks: line feeds, and carriage returns that no line feed follows.
fn breaks(bytes: &[u8]) -> u64 {
    let feeds = memchr_iter(b'\n', bytes).count();
    let lone = memchr_iter(b'\r', bytes).filter(|at| bytes.get(at + 1) != Some(&b'\n')).count();
    (feeds + lone) as u64
}

/// Where a record ends.
struct End {
    content: usize,
    terminator: &'static str,
}

/// How far a record has been walked through.
#[derive(Default)]
struct Walk {
    at: usize,
    inside: Inside,
    shape: Shape,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Inside {
    #[default]
    Plain,
    Quoted,
}

/// What one step came to.
enum Step {
    End(End),
    On,
    /// The text at hand ends before it can be told.
    Short,
}

impl Walk {
    /// Walks to the end of the record; `None` when more text is needed.
    fn step(&mut self, dialect: Dialect, record: &[u8], input: Filled) -> Option<End> {
        loop {
            let step = match self.inside {
                Inside::Plain => self.plain(dialect, record, input),
                Inside::Quoted => self.quoted(dialect, record, input),
            };
            match step {
                Step::On => {}
                Step::End(end) => return Some(end),
                Step::Short if input == Filled::End => {
                    self.shape.unclosed = self.inside == Inside::Quoted;
                    return Some(End { content: record.len(), terminator: "" });
                }
                Step::Short => return None,
            }
        }
    }

    fn plain(&mut self, dialect: Dialect, record: &[u8], input: Filled) -> Step {
        let Some(found) = memchr3(b'\n', b'\r', dialect.quote, &record[self.at..]) else {
            self.at = record.len();
            return Step::Short;
        };
        let at = self.at + found;
        self.at = at;
        let end = |terminator| Step::End(End { content: at, terminator });
        match (record[at], record.get(at + 1)) {
            (b'\n', _) => end("\n"),
            (b'\r', Some(b'\n')) => end("\r\n"),
            (b'\r', None) if input == Filled::More => Step::Short,
            (b'\r', _) => end("\r"),
            _ => {
                self.at += 1;
                self.shape.quotes = Quotes::Some;
                match at == 0 || record[at - 1] == dialect.separator {
                    true => self.inside = Inside::Quoted,
                    false => self.shape.stray_quote = true,
                }
                Step::On
            }
        }
    }

    fn quoted(&mut self, dialect: Dialect, record: &[u8], input: Filled) -> Step {
        let Some(found) = memchr2(dialect.quote, dialect.escape.unwrap_or(dialect.quote), &record[self.at..])
        else {
            self.at = record.len();
            return Step::Short;
        };
        let at = self.at + found;
        self.at = at;
        let escapes = dialect.escape == Some(record[at]);
        match record.get(at + 1) {
            None if escapes || input == Filled::More => return Step::Short,
            Some(_) if escapes => self.at += 2,
            Some(next) if dialect.escape.is_none() && *next == dialect.quote => self.at += 2,
            next => {
                self.at += 1;
                self.inside = Inside::Plain;
                let borders = |next: &u8| *next == dialect.separator || matches!(next, b'\n' | b'\r');
                self.shape.text_after_quote |= !next.is_none_or(borders);
            }
        }
        Step::On
    }
}
