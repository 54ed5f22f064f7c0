//! The properties of a CSV connector as values, all their problems found at once.

use std::collections::HashSet;

use muster_connector::{Properties, PropertyProblem, properties};

use crate::cells::{CellRules, Nothing};
use crate::dialect::Dialect;
use crate::encoding::{ByteOrder, Encoding, EncodingChoice};
use crate::properties::PROPERTIES;
use crate::scan::MAXIMUM_RECORD_BYTES;

/// How a file is read and written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) cells: CellRules,
    pub(crate) heading: Heading,
    pub(crate) encoding: EncodingChoice,
    pub(crate) enabled: Option<EnabledRule>,
    pub(crate) whole: WholeRules,
    pub(crate) maximum_cell_bytes: usize,
    pub(crate) access: Access,
}

/// Where the names of the columns come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heading {
    /// The first record; these have to be there.
    FirstRecord { required: Vec<String> },
    /// These, in this order.
    Given(Vec<String>),
}

impl Heading {
    /// The columns that the properties name.
    pub(crate) fn columns(&self) -> &[String] {
        match self {
            Self::FirstRecord { required: columns } | Self::Given(columns) => columns,
        }
    }
}

/// How a file says whether an account is enabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnabledRule {
    pub(crate) column: String,
    pub(crate) enabled: String,
    pub(crate) disabled: String,
}

/// The fewest records of a whole file in percent of the last one, where nothing is said: of fewer than half nobody
/// concludes who is gone.
const USUAL_SHARE: u64 = 50;

/// How a whole file is told from one that was cut short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WholeRules {
    pub(crate) trailer: Option<TrailerRule>,
    pub(crate) minimum_rows: Option<u64>,
    /// Percent of the last complete sweep.
    pub(crate) minimum_share: u64,
}

/// What the last record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrailerRule {
    pub(crate) prefix: String,
    /// The position of the cell that counts the records, from 0.
    pub(crate) count_at: Option<usize>,
}

/// Whether files may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    ReadOnly,
    ReadWrite,
}

impl Settings {
    /// Parses all properties.
    ///
    /// # Errors
    /// With every problem that there is.
    pub(crate) fn parse(given: &Properties) -> Result<Self, Vec<PropertyProblem>> {
        let mut form = Form { given, problems: properties::unknown(given, PROPERTIES) };
        let cells = form.cells();
        let settings = Self {
            heading: form.heading(),
            encoding: form.encoding(),
            enabled: form.enabled(),
            whole: form.whole(&cells.dialect),
            maximum_cell_bytes: form.maximum_cell_bytes(),
            access: if form.truth("writable") { Access::ReadWrite } else { Access::ReadOnly },
            cells,
        };
        form.check_enabled_column(&settings);
        match form.problems.is_empty() {
            true => Ok(settings),
            false => Err(form.problems),
        }
    }
}

/// Reads properties and gathers problems; a property with a problem reads as its default.
struct Form<'a> {
    given: &'a Properties,
    problems: Vec<PropertyProblem>,
}

impl<'a> Form<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.given.get(name).map(String::as_str)
    }

    /// What is given, or the documented default.
    fn text(&self, name: &str) -> Option<&'a str> {
        let default = || PROPERTIES.iter().find(|property| property.name == name)?.default;
        self.get(name).or_else(default)
    }

    fn problem(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(PropertyProblem { name: name.to_owned(), message: message.into() });
    }

    /// A text that is not empty when it is given.
    fn filled(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?.to_owned();
        if text.is_empty() {
            self.problem(name, "it is empty; give a text or leave the property out");
            return None;
        }
        Some(text)
    }

    fn truth(&mut self, name: &str) -> bool {
        match self.text(name) {
            Some("true") => true,
            Some("false") => false,
            _ => {
                self.problem(name, "it is neither `true` nor `false`");
                true
            }
        }
    }

    fn number(&mut self, name: &str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let number = self.text(name)?.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            let bounds = match *most {
                u64::MAX => format!("{least} or more"),
                _ => format!("{least} to {most}"),
            };
            self.problem(name, format!("it is no whole number of {bounds}"));
        }
        number
    }

    fn character(&mut self, name: &str) -> Option<u8> {
        match self.text(name)?.as_bytes() {
            b"\\t" => Some(b'\t'),
            [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Some(*byte),
            _ => {
                self.problem(name, "it is not one ASCII character");
                None
            }
        }
    }

    fn dialect(&mut self) -> Dialect {
        let separator = self.character("separator").unwrap_or(b',');
        let quote = self.character("quote").unwrap_or(b'"');
        let escape = self.character("escape").filter(|escape| *escape != quote);
        if separator == quote {
            self.problem("quote", "it is the same as `separator`; choose another character");
        }
        if escape == Some(separator) {
            self.problem("escape", "it is the same as `separator`; choose another character");
        }
        Dialect { separator, quote, escape }
    }

    fn nothing(&mut self, name: &str) -> Option<Nothing> {
        match self.text(name)? {
            "ABSENT" => Some(Nothing::Absent),
            "EMPTY" => Some(Nothing::Empty),
            "NULL" => Some(Nothing::Null),
            _ => {
                self.problem(name, "it is none of `ABSENT`, `EMPTY` and `NULL`");
                None
            }
        }
    }

    fn cells(&mut self) -> CellRules {
        let dialect = self.dialect();
        let empty = self.nothing("emptyCell").unwrap_or(Nothing::Absent);
        let quoted_empty = self.nothing("quotedEmptyCell").unwrap_or(empty);
        let null_token = self.filled("nullToken");
        if null_token.as_deref().is_some_and(|token| dialect.needs_quotes(token) || token.contains('\0')) {
            self.problem("nullToken", "it holds a separator, a quote or a line break; choose another text");
        }
        let multi_value_separator = self.filled("multiValueSeparator");
        CellRules { dialect, multi_value_separator, empty, quoted_empty, null_token }
    }

    fn heading(&mut self) -> Heading {
        let has_header = self.truth("header");
        let columns: Vec<String> = match self.get("columns") {
            Some(columns) => columns.split(',').map(|name| name.trim().to_owned()).collect(),
            None => Vec::new(),
        };
        if columns.iter().any(String::is_empty) {
            self.problem("columns", "it names an empty column; separate names by single commas");
        }
        let mut seen = HashSet::new();
        if let Some(doubled) = columns.iter().find(|name| !seen.insert(name.as_str())) {
            self.problem("columns", format!("it names `{doubled}` twice; name each column once"));
        }
        match has_header {
            true => Heading::FirstRecord { required: columns },
            false => {
                if self.get("columns").is_none() {
                    self.problem("columns", "it is required when `header` is `false`; name all columns");
                }
                Heading::Given(columns)
            }
        }
    }

    fn encoding(&mut self) -> EncodingChoice {
        let name = self.text("encoding").unwrap_or_default().to_ascii_uppercase();
        match name.as_str() {
            "UTF-8" | "UTF8" => EncodingChoice::Fixed(Encoding::Utf8),
            "ISO-8859-1" | "WINDOWS-1252" => EncodingChoice::Fixed(Encoding::Windows1252),
            "UTF-16LE" => EncodingChoice::Fixed(Encoding::Utf16(ByteOrder::Little)),
            "UTF-16BE" => EncodingChoice::Fixed(Encoding::Utf16(ByteOrder::Big)),
            "UTF-16" => EncodingChoice::Utf16ByMark,
            _ => {
                self.problem(
                    "encoding",
                    "it is none of `UTF-8`, `ISO-8859-1`, `windows-1252`, `UTF-16LE`, `UTF-16BE` and `UTF-16`",
                );
                EncodingChoice::Fixed(Encoding::Utf8)
            }
        }
    }

    fn enabled(&mut self) -> Option<EnabledRule> {
        let Some(column) = self.filled("enabledColumn") else {
            for name in ["enabledValue", "disabledValue"] {
                if self.get(name).is_some() {
                    self.problem(name, "it means nothing without `enabledColumn`; give that too");
                }
            }
            return None;
        };
        let enabled = self.text("enabledValue").unwrap_or_default().to_owned();
        let disabled = self.text("disabledValue").unwrap_or_default().to_owned();
        if enabled.eq_ignore_ascii_case(&disabled) {
            self.problem("disabledValue", "it is the same as `enabledValue`; choose another text");
        }
        Some(EnabledRule { column, enabled, disabled })
    }

    fn check_enabled_column(&mut self, settings: &Settings) {
        let Heading::Given(columns) = &settings.heading else { return };
        let Some(rule) = &settings.enabled else { return };
        if !columns.contains(&rule.column) {
            self.problem("enabledColumn", format!("`{}` is not among `columns`", rule.column));
        }
    }

    fn whole(&mut self, dialect: &Dialect) -> WholeRules {
        let prefix = self.filled("trailer");
        let counted = self.number("trailerCountColumn", 1..=100_000);
        let count_at = counted.and_then(|column| usize::try_from(column - 1).ok());
        let trailer = match prefix {
            Some(prefix) => {
                let breaks = |byte: u8| matches!(byte, b'\n' | b'\r' | 0) || byte == dialect.quote;
                if prefix.bytes().any(breaks) {
                    self.problem("trailer", "it holds a quote or a line break; give the text before it");
                }
                Some(TrailerRule { prefix, count_at })
            }
            None => {
                if self.get("trailerCountColumn").is_some() {
                    self.problem("trailerCountColumn", "it means nothing without `trailer`; give that too");
                }
                None
            }
        };
        WholeRules {
            trailer,
            minimum_rows: self.number("minimumRows", 0..=u64::MAX),
            minimum_share: self.number("minimumShare", 0..=100).unwrap_or(USUAL_SHARE),
        }
    }

    fn maximum_cell_bytes(&mut self) -> usize {
        let most = MAXIMUM_RECORD_BYTES as u64;
        let bytes = self.number("maximumCellBytes", 1..=most);
        bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(MAXIMUM_RECORD_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(given: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        let given = given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Settings::parse(&given).map_err(|problems| problems.into_iter().map(|problem| problem.name).collect())
    }

    #[test]
    fn no_properties_are_enough() {
        let settings = parse(&[]).unwrap();
        assert_eq!(settings.cells.dialect, Dialect { separator: b',', quote: b'"', escape: None });
        assert_eq!(settings.heading, Heading::FirstRecord { required: vec![] });
        assert_eq!(settings.encoding, EncodingChoice::Fixed(Encoding::Utf8));
        assert_eq!((settings.cells.empty, settings.maximum_cell_bytes), (Nothing::Absent, 1024 * 1024));
        assert_eq!(settings.access, Access::ReadWrite);
    }

    #[test]
    fn each_problem_names_its_property() {
        for (given, property) in [
            (&[("seperator", ";")][..], "seperator"),
            (&[("separator", ";;")], "separator"),
            (&[("separator", "é")], "separator"),
            (&[("separator", "\n")], "separator"),
            (&[("quote", ",")], "quote"),
            (&[("escape", ",")], "escape"),
            (&[("header", "yes")], "header"),
            (&[("header", "false")], "columns"),
            (&[("columns", "a,,b")], "columns"),
            (&[("columns", "a,b,a")], "columns"),
            (&[("encoding", "latin9")], "encoding"),
            (&[("multiValueSeparator", "")], "multiValueSeparator"),
            (&[("emptyCell", "absent")], "emptyCell"),
            (&[("quotedEmptyCell", "")], "quotedEmptyCell"),
            (&[("nullToken", "")], "nullToken"),
            (&[("nullToken", "a,b")], "nullToken"),
            (&[("enabledValue", "1")], "enabledValue"),
            (&[("enabledColumn", "on"), ("enabledValue", "FALSE")], "disabledValue"),
            (&[("header", "false"), ("columns", "a"), ("enabledColumn", "b")], "enabledColumn"),
            (&[("trailer", "a\nb")], "trailer"),
            (&[("trailerCountColumn", "2")], "trailerCountColumn"),
            (&[("trailer", "#"), ("trailerCountColumn", "0")], "trailerCountColumn"),
            (&[("minimumRows", "-1")], "minimumRows"),
            (&[("minimumShare", "101")], "minimumShare"),
            (&[("maximumCellBytes", "0")], "maximumCellBytes"),
            (&[("writable", "no")], "writable"),
        ] {
            assert_eq!(parse(given), Err(vec![property.to_owned()]), "{given:?}");
        }
    }

    #[test]
    fn all_problems_are_found_at_once() {
        let problems = parse(&[("quot", "'"), ("header", "maybe"), ("minimumShare", "-1")]);
        assert_eq!(problems, Err(["quot", "header", "minimumShare"].map(str::to_owned).to_vec()));
    }

    #[test]
    fn an_escape_that_is_the_quote_doubles_it() {
        assert_eq!(parse(&[("escape", "\"")]).unwrap().cells.dialect.escape, None);
        assert_eq!(parse(&[("separator", "\\t")]).unwrap().cells.dialect.separator, b'\t');
    }
}
