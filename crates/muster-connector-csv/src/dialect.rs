//! How cells stand in a record: separated, quoted, escaped. Knows texts only, never what a cell means.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memchr2};

/// The three characters of a dialect. Invariant: they are ASCII, differ, and none is a line break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) separator: u8,
    pub(crate) quote: u8,
    /// What makes the next character of a quoted cell plain; `None` where quotes are doubled instead.
    pub(crate) escape: Option<u8>,
}

/// Whether a record holds quotes; without them it is split faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Quotes {
    #[default]
    None,
    Some,
}

/// Where the text of a cell stands in its record, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) quoted: bool,
    /// Whether it holds doubled quotes or escapes that are no part of the text.
    escaped: bool,
}

impl Span {
    /// The same cell in a text in which it begins at `start`.
    pub(crate) fn moved_to(self, start: usize) -> Self {
        Self { start, end: start + (self.end - self.start), ..self }
    }
}

impl Dialect {
    /// Finds the cells of a record.
    ///
    /// Text behind a closing quote belongs to no cell; the record's shape tells of it.
    pub(crate) fn split(&self, record: &[u8], quotes: Quotes, spans: &mut Vec<Span>) {
        spans.clear();
        if quotes == Quotes::Some {
            return self.split_quoted(record, spans);
        }
        let mut start = 0;
        for end in memchr_iter(self.separator, record) {
            spans.push(Span { start, end, quoted: false, escaped: false });
            start = end + 1;
        }
        spans.push(Span { start, end: record.len(), quoted: false, escaped: false });
    }

    fn split_quoted(&self, record: &[u8], spans: &mut Vec<Span>) {
        let mut start = 0;
        loop {
            let quoted = record.get(start) == Some(&self.quote);
            let behind = if quoted {
                let span = self.quoted_span(record, start + 1);
                spans.push(span);
                (span.end + 1).min(record.len())
            } else {
                start
            };
            let end = memchr(self.separator, &record[behind..]).map(|at| behind + at);
            if !quoted {
                spans.push(Span { start, end: end.unwrap_or(record.len()), quoted, escaped: false });
            }
            match end {
                Some(end) => start = end + 1,
                None => return,
            }
        }
    }

    /// The cell whose opening quote stands before `start`.
    fn quoted_span(&self, record: &[u8], start: usize) -> Span {
        let mut escaped = false;
        let mut at = start;
        while let Some(found) = memchr2(self.quote, self.escape.unwrap_or(self.quote), &record[at..]) {
            let mark = at + found;
            match self.mark(record, mark) {
                Mark::Closing => return Span { start, end: mark, quoted: true, escaped },
                Mark::Pair => {
                    escaped = true;
                    at = (mark + 2).min(record.len());
                }
            }
        }
        Span { start, end: record.len(), quoted: true, escaped }
    }

    /// What a quote or escape within a quoted cell is.
    fn mark(&self, record: &[u8], at: usize) -> Mark {
        let is_pair = match self.escape {
            Some(escape) => record[at] == escape,
            None => record.get(at + 1) == Some(&self.quote),
        };
        if is_pair { Mark::Pair } else { Mark::Closing }
    }

    /// The text of a cell.
    pub(crate) fn text<'a>(&self, record: &'a str, span: Span) -> Cow<'a, str> {
        let inner = &record[span.start..span.end];
        if !span.escaped {
            return Cow::Borrowed(inner);
        }
        let mark = char::from(self.escape.unwrap_or(self.quote));
        let mut text = String::with_capacity(inner.len());
        let mut characters = inner.chars();
        while let Some(character) = characters.next() {
            let plain = if character == mark { characters.next() } else { Some(character) };
            text.extend(plain);
        }
        Cow::Owned(text)
    }

    /// A cell as it stands in the record, quotes and all.
    pub(crate) fn raw<'a>(&self, record: &'a str, span: Span) -> &'a str {
        let quote = usize::from(span.quoted);
        &record[span.start - quote..(span.end + quote).min(record.len())]
    }

    /// Whether a text must be quoted to stand in a cell.
    pub(crate) fn needs_quotes(&self, text: &str) -> bool {
        // A byte order mark at the very beginning of a file would be taken for the file's own.
        text.starts_with('\u{feff}')
            || text.bytes().any(|b| b == self.separator || b == self.quote || matches!(b, b'\n' | b'\r'))
    }

    /// A text as a quoted cell.
    pub(crate) fn quoted(&self, text: &str) -> String {
        let quote = char::from(self.quote);
        let mark = char::from(self.escape.unwrap_or(self.quote));
        let mut cell = String::with_capacity(text.len() + 2);
        cell.push(quote);
        for character in text.chars() {
            if character == quote || character == mark {
                cell.push(mark);
            }
            cell.push(character);
        }
        cell.push(quote);
        cell
    }

    /// The record of these cells as they stand.
    pub(crate) fn join<C: AsRef<str>>(&self, cells: &[C]) -> String {
        let mut record = String::new();
        for (number, cell) in cells.iter().enumerate() {
            if number > 0 {
                record.push(char::from(self.separator));
            }
            record.push_str(cell.as_ref());
        }
        record
    }
}

enum Mark {
    Closing,
    Pair,
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMA: Dialect = Dialect { separator: b',', quote: b'"', escape: None };
    const ESCAPING: Dialect = Dialect { separator: b';', quote: b'\'', escape: Some(b'\\') };

    fn texts(dialect: Dialect, record: &str) -> Vec<String> {
        let mut spans = Vec::new();
        dialect.split(record.as_bytes(), Quotes::Some, &mut spans);
        spans.iter().map(|span| dialect.text(record, *span).into_owned()).collect()
    }

    #[test]
    fn cells_are_split_and_unquoted() {
        for (dialect, record, expected) in [
            (COMMA, "a,b", vec!["a", "b"]),
            (COMMA, ",", vec!["", ""]),
            (COMMA, "\"a,b\",c", vec!["a,b", "c"]),
            (COMMA, "\"a\"\"b\",\"\"", vec!["a\"b", ""]),
            (COMMA, "\"\"\"\"", vec!["\""]),
            (COMMA, "5\" pipe,x", vec!["5\" pipe", "x"]),
            (COMMA, "\"two\nlines\",x", vec!["two\nlines", "x"]),
            (ESCAPING, "'a\\';b';c", vec!["a';b", "c"]),
            (ESCAPING, "'\\\\';\\N", vec!["\\", "\\N"]),
            (ESCAPING, "'é\\é'", vec!["éé"]),
        ] {
            assert_eq!(texts(dialect, record), expected, "{record}");
        }
    }

    #[test]
    fn what_is_quoted_is_read_back() {
        for dialect in [COMMA, ESCAPING] {
            for text in ["", "a", "a\"b", "'", "\\", "\\'", "a,b;c\n", "ü\u{feff}"] {
                assert_eq!(texts(dialect, &dialect.quoted(text)), [text]);
            }
        }
    }
}
