//! The records behind the header, with the trailer told from the others.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::dialect::{Dialect, Quotes};
use crate::encoding::Decoder;
use crate::scan::{RawRecord, Scanner, Start};
use crate::settings::{Settings, TrailerRule};
use crate::source::SourceFile;
use crate::whole::Ending;

/// What comes next.
#[derive(Debug)]
pub(crate) enum Met {
    /// A record; its bytes are the scanner's until the next one.
    Record(RawRecord),
    /// Nothing that could be read.
    Ending(Ending),
}

/// A scanner over a file at a place of it.
pub(crate) fn scanner_at(
    source: &SourceFile,
    settings: &Settings,
    start: Start,
) -> io::Result<Scanner<impl Read + use<>>> {
    let mut file: File = source.file.try_clone()?;
    file.seek(SeekFrom::Start(start.offset))?;
    Ok(Scanner::new(Decoder::new(file, source.encoding), settings.cells.dialect, start))
}

/// The place behind the byte order mark.
pub(crate) fn beginning(source: &SourceFile) -> Start {
    Start { offset: source.mark_len, line: 1 }
}

/// The next record, or how the records end. The last one is the trailer when the file is to have one.
pub(crate) fn next_record<R: Read>(scanner: &mut Scanner<R>, settings: &Settings) -> io::Result<Met> {
    let Some(record) = scanner.advance()? else {
        return Ok(Met::Ending(if scanner.is_torn() { Ending::Torn } else { Ending::Records }));
    };
    if record.shape.unclosed {
        return Ok(Met::Ending(Ending::Unclosed { line: record.line }));
    }
    if let Some(rule) = &settings.whole.trailer
        && rule.fits(settings.cells.dialect, scanner.bytes())
        && scanner.at_end()?
    {
        return Ok(Met::Ending(Ending::Trailer { bytes: scanner.bytes().to_vec(), record }));
    }
    Ok(Met::Record(record))
}

impl TrailerRule {
    /// Whether a record begins with the prefix, quoted or not.
    fn fits(&self, dialect: Dialect, record: &[u8]) -> bool {
        let inner = record.strip_prefix(&[dialect.quote]).unwrap_or(record);
        inner.starts_with(self.prefix.as_bytes())
    }

    /// Checks what a trailer says about how many records there are.
    ///
    /// # Errors
    /// With what is wrong, without place.
    pub(crate) fn check_count(&self, dialect: Dialect, trailer: &[u8], count: u64) -> Result<(), String> {
        let Some(count_at) = self.count_at else { return Ok(()) };
        let mut spans = Vec::new();
        dialect.split(trailer, Quotes::Some, &mut spans);
        let cell =
            spans.get(count_at).and_then(|span| std::str::from_utf8(&trailer[span.start..span.end]).ok());
        match cell.map(|cell| cell.trim().parse::<u64>()) {
            Some(Ok(said)) if said == count => Ok(()),
            Some(Ok(said)) => Err(format!("the trailer counts {said} records, but there are {count}")),
            Some(Err(_)) | None => Err(format!("the trailer has no number in column {}", count_at + 1)),
        }
    }
}
