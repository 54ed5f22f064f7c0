//! Sweeps: a blocking task reads pages ahead, a few at a time, and the engine takes them when it wants to.

use std::io::Read;
use std::sync::Arc;

use async_trait::async_trait;
use muster_connector::{
    ConnectorError, Cursor, FileRoots, Page, Snapshot, Step, Sweep, SweepEnd, SweepRequest,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::body::{Met, beginning, next_record, scanner_at};
use crate::dialect::Span;
use crate::entry::EntryReader;
use crate::layout::{Layout, Learned, Wanted, learn};
use crate::scan::{Scanner, Start};
use crate::settings::Settings;
use crate::source::{SourceFile, unreadable};
use crate::whole::{Ending, ReadThrough};

/// How many pages wait for the engine.
const PAGES_AHEAD: usize = 2;

/// A page is ended early when its records measure this much.
const PAGE_BYTES: u64 = 16 * 1024 * 1024;

type Answer = Result<Step, ConnectorError>;

/// A sweep of one file.
pub(crate) struct CsvSweep {
    snapshot: Snapshot,
    pages: mpsc::Receiver<Answer>,
    /// The task that reads; it ends when this is dropped, at its next page.
    task: Option<JoinHandle<()>>,
    ended: Option<Answer>,
}

impl CsvSweep {
    /// Opens the file and begins to read ahead.
    pub(crate) async fn begin(
        roots: FileRoots,
        settings: Arc<Settings>,
        request: SweepRequest,
    ) -> Result<Self, ConnectorError> {
        let opened = tokio::task::spawn_blocking(move || open(&roots, settings, request));
        let (snapshot, mut reader) = opened.await.map_err(|_| stopped())??;
        let (sender, pages) = mpsc::channel(PAGES_AHEAD);
        let task = tokio::task::spawn_blocking(move || {
            loop {
                let answer = reader.next();
                let goes_on = matches!(answer, Ok(Step::Page(_)));
                if sender.blocking_send(answer).is_err() || !goes_on {
                    return;
                }
            }
        });
        Ok(Self { snapshot, pages, task: Some(task), ended: None })
    }
}

#[async_trait]
impl Sweep for CsvSweep {
    fn snapshot(&self) -> Option<Snapshot> {
        Some(self.snapshot.clone())
    }

    async fn next(&mut self) -> Answer {
        if let Some(ended) = &self.ended {
            return ended.clone();
        }
        let answer = self.pages.recv().await.unwrap_or_else(|| Err(stopped()));
        if let Ok(Step::Page(_)) = &answer {
            return answer;
        }
        self.ended = Some(answer.clone());
        if let Some(task) = self.task.take() {
            // Its answer has come already; whether it panicked behind that changes nothing.
            task.await.unwrap_or_default();
        }
        answer
    }
}

/// The task behind a call has died.
pub(crate) fn stopped() -> ConnectorError {
    let message = "the reading or writing of a file stopped in its middle; try again".to_owned();
    ConnectorError::Transient { message, retry_after: None }
}

/// Reads a file page by page.
struct PageReader<R> {
    source: SourceFile,
    settings: Arc<Settings>,
    request: SweepRequest,
    body: Body<R>,
    /// Records met so far, bad ones included.
    count: u64,
    ending: Option<Ending>,
    spans: Vec<Span>,
}

/// What is there to read.
enum Body<R> {
    /// There is not even a header.
    Empty,
    Records {
        layout: Box<Layout>,
        scanner: Box<Scanner<R>>,
        /// Where the records begin, in bytes.
        first: u64,
    },
}

/// Opens the file of a sweep and takes the sweep up where it was left.
fn open(
    roots: &FileRoots,
    settings: Arc<Settings>,
    request: SweepRequest,
) -> Result<(Snapshot, PageReader<impl Read + use<>>), ConnectorError> {
    let source = SourceFile::open(roots, &request.class.remote_name, settings.encoding)?;
    let snapshot = source.snapshot()?;
    let failed = |error| unreadable(&source.shown, &error);
    let mut scanner = scanner_at(&source, &settings, beginning(&source)).map_err(failed)?;
    let wanted = Wanted { shown: &source.shown, class: &request.class, settings: &settings };
    let learned = learn(wanted, &mut scanner)?;
    let first = scanner.position().offset;
    let mut count = 0;
    if let Some(cursor) = &request.resume {
        let place = CursorPlace::parse(cursor, &source)?;
        count = place.count;
        scanner = scanner_at(&source, &settings, place.start).map_err(failed)?;
    }
    let body = match learned {
        Learned::Empty => Body::Empty,
        Learned::Layout(layout) => Body::Records { layout, scanner: Box::new(scanner), first },
    };
    Ok((snapshot, PageReader { source, settings, request, body, count, ending: None, spans: Vec::new() }))
}

impl<R: Read> PageReader<R> {
    fn next(&mut self) -> Answer {
        if self.ending.is_none() {
            let page = self.read_page()?;
            // Of a file that has changed by now a page may be half of one state and half of another; a record that
            // a cut has shortened can look sound.
            if let Err(reason) = self.source.check_content() {
                return Ok(Step::End(SweepEnd::CutShort { reason }));
            }
            if !page.entries.is_empty() {
                return Ok(Step::Page(page));
            }
        }
        Ok(Step::End(match self.check_whole() {
            Ok(()) => SweepEnd::Complete { token: None },
            Err(reason) => SweepEnd::CutShort { reason },
        }))
    }

    fn read_page(&mut self) -> Result<Page, ConnectorError> {
        let page_size = self.request.page_size.get();
        let mut entries = Vec::with_capacity(page_size.min(1024));
        let mut place = beginning(&self.source);
        let mut estimated_total = None;
        if let Body::Records { layout, scanner, first } = &mut self.body {
            let reader = EntryReader { shown: &self.source.shown, settings: &self.settings, layout };
            place = scanner.position();
            let page_start = place.offset;
            while entries.len() < page_size && place.offset - page_start < PAGE_BYTES {
                let met = next_record(scanner, &self.settings);
                match met.map_err(|error| unreadable(&self.source.shown, &error))? {
                    Met::Record(record) => {
                        entries.push(reader.entry(&record, scanner.bytes(), &mut self.spans));
                        self.count += 1;
                        place = scanner.position();
                    }
                    Met::Ending(ending) => {
                        self.ending = Some(ending);
                        break;
                    }
                }
            }
            estimated_total = match self.ending {
                Some(_) => Some(self.count),
                None => estimate(
                    self.count,
                    place.offset.saturating_sub(*first),
                    self.source.state.size.saturating_sub(*first),
                ),
            };
        }
        let cursor = CursorPlace { start: place, count: self.count }.cursor();
        Ok(Page { entries, cursor, estimated_total })
    }

    fn check_whole(&self) -> Result<(), String> {
        self.source.check_unchanged()?;
        let shown = self.source.shown.as_str();
        let Some(ending) = &self.ending else {
            return Err(format!("`{shown}` is empty, not even a header is there; deliver the whole file"));
        };
        let read = ReadThrough { shown, count: self.count, ending };
        read.check_ending(&self.settings)?;
        read.check_count(&self.settings.whole, self.request.last_count)
    }
}

/// How many records there will be, if the rest is as long as what has been read.
fn estimate(count: u64, read_bytes: u64, all_bytes: u64) -> Option<u64> {
    let total = (u128::from(count) * u128::from(all_bytes)).checked_div(u128::from(read_bytes))?;
    u64::try_from(total).ok()
}

/// A cursor taken apart: `<byte>:<line>:<records before it>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CursorPlace {
    start: Start,
    count: u64,
}

impl CursorPlace {
    fn cursor(self) -> Cursor {
        Cursor(format!("{}:{}:{}", self.start.offset, self.start.line, self.count))
    }

    fn parse(cursor: &Cursor, source: &SourceFile) -> Result<Self, ConnectorError> {
        let numbers: Option<Vec<u64>> = cursor.0.split(':').map(|number| number.parse().ok()).collect();
        match numbers.as_deref() {
            Some([offset, line, count]) if (source.mark_len..=source.state.size).contains(offset) => {
                Ok(Self { start: Start { offset: *offset, line: *line }, count: *count })
            }
            _ => {
                let (shown, cursor) = (&source.shown, &cursor.0);
                let message =
                    format!("`{shown}` has no place `{cursor}` to read on from; start the sweep over");
                Err(ConnectorError::Unusable { message })
            }
        }
    }
}
