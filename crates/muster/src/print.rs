//! Words for people: lines that go out, numbers as they are read, tables. Nobody listening is no error.

use std::fmt::{self, Display};
use std::io::{self, Write};

pub(crate) use muster_model::text::instant;
use serde_json::Value;

/// A line on standard output.
pub(crate) fn say(line: impl Display) {
    // Who closed our output wants no more of it, `muster tenant list | head -1`.
    let _ = writeln!(io::stdout(), "{line}");
}

/// A line on standard error.
pub(crate) fn complain(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A whole number with its thousands apart: `3,006`.
pub(crate) struct Number(pub(crate) u64);

impl Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        f.pad(&grouped)
    }
}

/// So many of a thing: `1 person`, `3,006 people`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", Number(number), if number == 1 { one } else { many })
}

/// What the API says of one thing, for one line: of entries within a cause their numbers.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.replace(['\r', '\n'], " "),
        Value::Array(entries) => {
            entries.iter().map(|entry| cell(&entry["entry"])).collect::<Vec<_>>().join(" ")
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// Rows in columns, two spaces apart, under their heads.
pub(crate) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row.get(column).map_or(0, |cell| cell.chars().count()));
        cells.chain([heads[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let lines: Vec<String> = [heads].iter().chain(rows).map(|cells| line(cells)).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (12_345, "12,345"), (1_000_000, "1,000,000")]
        {
            assert_eq!(Number(number).to_string(), expected);
        }
        assert_eq!(format!("{:>6}|{:<6}|", Number(1000), Number(7)), " 1,000|7     |");
        assert_eq!(
            (count(1, "line", "lines"), count(2, "line", "lines")),
            ("1 line".into(), "2 lines".into())
        );
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["Łucja".to_owned(), "admin".to_owned()], vec!["b".to_owned(), String::new()]];
        assert_eq!(table(&["NAME", "ROLES"], &rows), "NAME   ROLES\nŁucja  admin\nb");
    }
}
