//! The properties of a CSV connector as values, all their problems found at once.

use std::collections::HashSet;

use muster_connector::properties::Form;
use muster_connector::{EnabledRule, Properties, PropertyProblem};

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

const ACCESS: [(&str, Access); 2] = [("true", Access::ReadWrite), ("false", Access::ReadOnly)];

impl Settings {
    /// Parses all properties.
    ///
    /// # Errors
    /// With every problem that there is.
    pub(crate) fn parse(given: &Properties) -> Result<Self, Vec<PropertyProblem>> {
        let mut form = Form::new(given, PROPERTIES);
        let cells = cells(&mut form);
        let settings = Self {
            heading: heading(&mut form),
            encoding: encoding(&mut form),
            enabled: enabled(&mut form),
            whole: whole(&mut form, &cells.dialect),
            maximum_cell_bytes: form
                .number("maximumCellBytes", 1..=MAXIMUM_RECORD_BYTES)
                .unwrap_or(MAXIMUM_RECORD_BYTES),
            access: form.choice("writable", &ACCESS).unwrap_or(Access::ReadOnly),
            cells,
        };
        check_enabled_column(&mut form, &settings);
        form.ends_as(settings)
    }
}

fn character(form: &mut Form<'_>, name: &str) -> Option<u8> {
    match form.text(name)?.as_bytes() {
        b"\\t" => Some(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Some(*byte),
        _ => {
            form.problem(name, "it is not one ASCII character");
            None
        }
    }
}

fn dialect(form: &mut Form<'_>) -> Dialect {
    let separator = character(form, "separator").unwrap_or(b',');
    let quote = character(form, "quote").unwrap_or(b'"');
    let escape = character(form, "escape").filter(|escape| *escape != quote);
    if separator == quote {
        form.problem("quote", "it is the same as `separator`; choose another character");
    }
    if escape == Some(separator) {
        form.problem("escape", "it is the same as `separator`; choose another character");
    }
    Dialect { separator, quote, escape }
}

fn nothing(form: &mut Form<'_>, name: &str) -> Option<Nothing> {
    form.choice(name, &[("ABSENT", Nothing::Absent), ("EMPTY", Nothing::Empty), ("NULL", Nothing::Null)])
}

fn cells(form: &mut Form<'_>) -> CellRules {
    let dialect = dialect(form);
    let empty = nothing(form, "emptyCell").unwrap_or(Nothing::Absent);
    let quoted_empty = nothing(form, "quotedEmptyCell").unwrap_or(empty);
    let null_token = form.filled("nullToken");
    if null_token.as_deref().is_some_and(|token| dialect.needs_quotes(token) || token.contains('\0')) {
        form.problem("nullToken", "it holds a separator, a quote or a line break; choose another text");
    }
    let multi_value_separator = form.filled("multiValueSeparator");
    CellRules { dialect, multi_value_separator, empty, quoted_empty, null_token }
}

fn heading(form: &mut Form<'_>) -> Heading {
    let has_header = form.truth("header").unwrap_or(true);
    let columns: Vec<String> = match form.given("columns") {
        Some(columns) => columns.split(',').map(|name| name.trim().to_owned()).collect(),
        None => Vec::new(),
    };
    if columns.iter().any(String::is_empty) {
        form.problem("columns", "it names an empty column; separate names by single commas");
    }
    let mut seen = HashSet::new();
    if let Some(doubled) = columns.iter().find(|name| !seen.insert(name.as_str())) {
        form.problem("columns", format!("it names `{doubled}` twice; name each column once"));
    }
    match has_header {
        true => Heading::FirstRecord { required: columns },
        false => {
            if form.given("columns").is_none() {
                form.problem("columns", "it is required when `header` is `false`; name all columns");
            }
            Heading::Given(columns)
        }
    }
}

fn encoding(form: &mut Form<'_>) -> EncodingChoice {
    let name = form.text("encoding").unwrap_or_default().to_ascii_uppercase();
    match name.as_str() {
        "UTF-8" | "UTF8" => EncodingChoice::Fixed(Encoding::Utf8),
        "ISO-8859-1" | "WINDOWS-1252" => EncodingChoice::Fixed(Encoding::Windows1252),
        "UTF-16LE" => EncodingChoice::Fixed(Encoding::Utf16(ByteOrder::Little)),
        "UTF-16BE" => EncodingChoice::Fixed(Encoding::Utf16(ByteOrder::Big)),
        "UTF-16" => EncodingChoice::Utf16ByMark,
        _ => {
            form.problem(
                "encoding",
                "it is none of `UTF-8`, `ISO-8859-1`, `windows-1252`, `UTF-16LE`, `UTF-16BE` and `UTF-16`",
            );
            EncodingChoice::Fixed(Encoding::Utf8)
        }
    }
}

fn enabled(form: &mut Form<'_>) -> Option<EnabledRule> {
    let column = form.filled("enabledColumn");
    EnabledRule::of(form, column)
}

fn check_enabled_column(form: &mut Form<'_>, settings: &Settings) {
    let Heading::Given(columns) = &settings.heading else { return };
    let Some(rule) = &settings.enabled else { return };
    if !columns.contains(&rule.column) {
        form.problem("enabledColumn", format!("`{}` is not among `columns`", rule.column));
    }
}

fn whole(form: &mut Form<'_>, dialect: &Dialect) -> WholeRules {
    let prefix = form.filled("trailer");
    let count_at = form.number("trailerCountColumn", 1..=100_000).map(|column: usize| column - 1);
    let trailer = match prefix {
        Some(prefix) => {
            let breaks = |byte: u8| matches!(byte, b'\n' | b'\r' | 0) || byte == dialect.quote;
            if prefix.bytes().any(breaks) {
                form.problem("trailer", "it holds a quote or a line break; give the text before it");
            }
            Some(TrailerRule { prefix, count_at })
        }
        None => {
            form.alien(&["trailerCountColumn"], "it means nothing without `trailer`; give that too");
            None
        }
    };
    WholeRules {
        trailer,
        minimum_rows: form.at_least("minimumRows", 0),
        minimum_share: form.number("minimumShare", 0..=100).unwrap_or(USUAL_SHARE),
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
