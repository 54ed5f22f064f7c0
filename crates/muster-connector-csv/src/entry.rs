//! From a record to an entry. A record that cannot be read is an entry too, and says its key only when that is
//! certain: whoever is wrongly thought present is kept, whoever is wrongly thought absent is lost.

use std::borrow::Cow;
use std::str;

use muster_connector::{Account, BadEntry, EnabledRule, Entry, Place};
use muster_model::{Field, Record};

use crate::dialect::Span;
use crate::layout::Layout;
use crate::scan::RawRecord;
use crate::settings::Settings;

/// Turns the records of one file into entries.
pub(crate) struct EntryReader<'a> {
    pub(crate) shown: &'a str,
    pub(crate) settings: &'a Settings,
    pub(crate) layout: &'a Layout,
}

/// A record as far as it could be understood.
pub(crate) enum Judged<'a> {
    /// It is sound; its cells stand in the spans.
    Sound {
        /// The whole record.
        text: &'a str,
    },
    Bad(BadEntry),
}

impl EntryReader<'_> {
    /// Judges a record and finds its cells; `spans` is a buffer that is used again and again.
    pub(crate) fn judge<'a>(&self, record: &RawRecord, bytes: &'a [u8], spans: &mut Vec<Span>) -> Judged<'a> {
        self.settings.cells.dialect.split(bytes, record.shape.quotes, spans);
        let text = str::from_utf8(bytes);
        let flaw = match text {
            Ok(text) => self.flaw(record, text, spans).map_or(Ok(text), Err),
            Err(_) => Err(self.damage(record, spans).unwrap_or_else(|| {
                "it cannot be decoded; save the file in the encoding of the property `encoding`".to_owned()
            })),
        };
        match flaw {
            Ok(text) => Judged::Sound { text },
            Err(flaw) => Judged::Bad(BadEntry {
                place: Place(record.line),
                uid: self.certain_key(record, bytes, spans),
                message: format!("`{}` line {}: {flaw}", self.shown, record.line),
            }),
        }
    }

    /// The key of a sound record.
    pub(crate) fn key<'a>(&self, text: &'a str, spans: &[Span]) -> Cow<'a, str> {
        self.settings.cells.dialect.text(text, spans[self.layout.key])
    }

    /// The entry of a record.
    pub(crate) fn entry(&self, record: &RawRecord, bytes: &[u8], spans: &mut Vec<Span>) -> Entry {
        match self.judge(record, bytes, spans) {
            Judged::Sound { text } => Entry::Account(self.account(record, text, spans)),
            Judged::Bad(bad) => Entry::Bad(bad),
        }
    }

    /// The account of a sound record.
    pub(crate) fn account(&self, record: &RawRecord, text: &str, spans: &[Span]) -> Account {
        let cells = &self.settings.cells;
        let fields = self.layout.fields.iter().map(|field| match field.column {
            Some(column) => cells.read(text, spans[column], field.arity),
            None => Field::Absent,
        });
        Account {
            place: Place(record.line),
            uid: self.key(text, spans).into_owned(),
            enabled: self.enabled(text, spans).and_then(Result::ok),
            record: Record { names: self.layout.names.clone(), fields: fields.collect() },
        }
    }

    /// Whether the account is enabled; `Err` when the cell says neither.
    fn enabled(&self, text: &str, spans: &[Span]) -> Option<Result<bool, String>> {
        let rule = self.settings.enabled.as_ref()?;
        let cell = self.settings.cells.dialect.text(text, spans[self.layout.enabled?]);
        Some(read(rule, &cell))
    }

    /// What is wrong with how the record stands in the file.
    fn damage(&self, record: &RawRecord, spans: &[Span]) -> Option<String> {
        let width = self.layout.columns.len();
        if record.shape.too_large {
            Some("it is larger than 32 MiB; look for a quote that is never closed".to_owned())
        } else if record.shape.text_after_quote {
            Some("text stands behind a closing quote; double the quotes within cells, close those that are open"
                .to_owned())
        } else if spans.len() != width {
            let cells = if spans.len() == 1 { "cell" } else { "cells" };
            Some(format!(
                "it has {} {cells} instead of {width}; quote the cells that hold separators or line breaks",
                spans.len()
            ))
        } else {
            None
        }
    }

    fn flaw(&self, record: &RawRecord, text: &str, spans: &[Span]) -> Option<String> {
        if let Some(damage) = self.damage(record, spans) {
            return Some(damage);
        }
        if text.contains('\0') {
            return Some("it holds a zero byte; take it out".to_owned());
        }
        if text.len() > self.settings.maximum_cell_bytes
            && let Some(large) = self.too_large(text, spans)
        {
            return Some(format!(
                "the cell of `{}` is larger than {} bytes; shorten it or raise `maximumCellBytes`",
                self.layout.columns[large], self.settings.maximum_cell_bytes
            ));
        }
        if self.settings.cells.is_no_key(text, spans[self.layout.key]) {
            let key = &self.layout.columns[self.layout.key];
            return Some(format!("the key `{key}` is missing; fill it in or take the record out"));
        }
        self.enabled(text, spans)?.err()
    }

    fn too_large(&self, text: &str, spans: &[Span]) -> Option<usize> {
        spans.iter().position(|span| {
            let longest = span.end - span.start;
            let most = self.settings.maximum_cell_bytes;
            longest > most && self.settings.cells.dialect.text(text, *span).len() > most
        })
    }

    /// The key of a bad record, if nothing makes one doubt it.
    ///
    /// A record of several lines may have swallowed others. One with too few or too many cells may have its
    /// cells shifted, so that only a first cell that a separator ends is where it belongs.
    fn certain_key(&self, record: &RawRecord, bytes: &[u8], spans: &[Span]) -> Option<String> {
        let shape = &record.shape;
        if shape.lines > 1 || shape.stray_quote || shape.text_after_quote || shape.unclosed || shape.too_large
        {
            return None;
        }
        let key = self.layout.key;
        if spans.len() != self.layout.columns.len() && (key > 0 || spans.len() < 2) {
            return None;
        }
        let span = *spans.get(key)?;
        // The cell alone must be decodable: the rest of the record may not be.
        let quote = usize::from(span.quoted);
        let raw = bytes.get(span.start - quote..(span.end + quote).min(bytes.len()))?;
        let text = str::from_utf8(raw).ok()?;
        let span = span.moved_to(quote);
        let cells = &self.settings.cells;
        let key = cells.dialect.text(text, span);
        let sound = !cells.is_no_key(text, span)
            && !key.contains('\0')
            && key.len() <= self.settings.maximum_cell_bytes;
        sound.then(|| key.into_owned())
    }
}

fn read(rule: &EnabledRule, cell: &str) -> Result<bool, String> {
    rule.read(cell).ok_or_else(|| {
        let shortened: String = cell.chars().take(40).collect();
        format!(
            "`{}` holds `{shortened}`, neither `{}` nor `{}`; correct it or the properties `enabledValue` and \
             `disabledValue`",
            rule.column, rule.enabled, rule.disabled
        )
    })
}
