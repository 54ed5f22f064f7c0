//! Text of remote systems, on its way into a message: what somebody else wrote is never shown as it came.

/// The most letters that are shown of what somebody else wrote.
pub const SHOWN: usize = 200;

/// What somebody else wrote, as it may stand in a message: on one line, without control characters, and not for long.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut letters = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut shown: String = letters.by_ref().take(SHOWN).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strange_text_is_short_and_on_one_line() {
        let long = |count| "é".repeat(count);
        for (text, expected) in [
            (String::new(), String::new()),
            ("a\r\nb\u{1b}[2J\0\u{85}c".to_owned(), "a  b [2J  c".to_owned()),
            (long(SHOWN), long(SHOWN)),
            (long(SHOWN + 1), format!("{}…", long(SHOWN))),
        ] {
            assert_eq!(shown(&text), expected);
        }
    }
}
