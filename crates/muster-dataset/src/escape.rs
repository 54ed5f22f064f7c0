//! Texts as XML holds them: what is markup as entities, what XML has no way to say as backslash sequences.
//!
//! XML 1.0 §2.2 knows no control characters but tab, line feed and carriage return, however they are written.
//! A text with others is written with `escaped="true"`: `\u0001` for the character, `\\` for a backslash.

use std::fmt::Write as _;

use crate::scan::is_plain;

/// The attribute that says that a text has backslash sequences.
pub(crate) const ESCAPED: &str = "escaped";

/// Writes a text between tags. Answers nothing; whether it has backslash sequences says [`needs_escape`].
pub(crate) fn write_text(out: &mut String, text: &str) {
    let escaped = needs_escape(text);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A parser would take it for the end of a line.
            '\r' => out.push_str("&#13;"),
            '\\' if escaped => out.push_str("\\\\"),
            letter if escaped && !is_plain(letter.encode_utf8(&mut [0; 4])) => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
}

/// Whether a text has characters that XML has no way to say.
pub(crate) fn needs_escape(text: &str) -> bool {
    !is_plain(text)
}

/// Reads backslash sequences; `None` when there is one that means nothing.
pub(crate) fn unescape(text: &str) -> Option<String> {
    let mut read = String::with_capacity(text.len());
    let mut parts = text.split('\\');
    read.push_str(parts.next()?);
    while let Some(part) = parts.next() {
        match part.strip_prefix('u') {
            Some(rest) => {
                let number = rest.get(..4).filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()))?;
                read.push(char::from_u32(u32::from_str_radix(number, 16).ok()?)?);
                read.push_str(&rest[4..]);
            }
            None if part.is_empty() => {
                read.push('\\');
                read.push_str(parts.next()?);
            }
            None => return None,
        }
    }
    Some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let mut written = String::new();
        write_text(&mut written, text);
        assert_eq!(written, expected);
        if needs_escape(text) {
            assert_eq!(unescape(&written.replace("&amp;", "&")).as_deref(), Some(text));
        }
    }

    #[test]
    fn texts_are_written_as_xml_holds_them() {
        check("a < b && c > d ]]>", "a &lt; b &amp;&amp; c &gt; d ]]&gt;");
        check(" \t\n\r\n ", " \t\n&#13;\n ");
        check("C:\\x", "C:\\x");
        check("C:\\x\u{1}&\u{ffff}\\", "C:\\\\x\\u0001&amp;\\uffff\\\\");
        check("\u{0}", "\\u0000");
    }

    #[test]
    fn sequences_that_mean_nothing_are_refused() {
        for text in ["\\", "\\n", "\\u12", "\\u12x4", "\\u+123", "\\ud800", "a\\\\\\"] {
            assert_eq!(unescape(text), None, "{text}");
        }
        assert_eq!(unescape("\\\\u0041\\u0041").as_deref(), Some("\\u0041A"));
        assert_eq!(unescape("").as_deref(), Some(""));
    }
}
