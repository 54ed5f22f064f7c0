//! Which column holds what, learned from the header or the properties. A file whose columns cannot be trusted
//! is not read at all.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use muster_connector::{ConnectorError, RemoteClass};
use muster_model::{AttributeName, Names};

use crate::cells::Arity;
use crate::scan::{RawRecord, Scanner};
use crate::settings::{Heading, Settings};
use crate::source::unreadable;

/// So much of a header is shown, in characters.
const SHOWN: usize = 80;

/// The columns of a file, and which of them are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// The names in their order; those without a name are kept and never read.
    pub(crate) columns: Vec<String>,
    pub(crate) key: usize,
    pub(crate) enabled: Option<usize>,
    pub(crate) names: Arc<Names>,
    /// For each name where its cells stand.
    pub(crate) fields: Vec<FieldLayout>,
    positions: HashMap<String, usize>,
    arities: HashMap<AttributeName, Arity>,
}

/// Where the cells of one attribute stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FieldLayout {
    /// `None` where the file has no such column: the attribute is absent.
    pub(crate) column: Option<usize>,
    pub(crate) arity: Arity,
}

/// What the beginning of a file says.
pub(crate) enum Learned {
    Layout(Box<Layout>),
    /// There is no header where one has to be.
    Empty,
}

/// What to lay out: the file as people know it, the class and the settings.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) shown: &'a str,
    pub(crate) class: &'a RemoteClass,
    pub(crate) settings: &'a Settings,
}

/// Learns the layout of a file whose scanner stands at its beginning.
pub(crate) fn learn<R: Read>(
    wanted: Wanted<'_>,
    scanner: &mut Scanner<R>,
) -> Result<Learned, ConnectorError> {
    let layout = match &wanted.settings.heading {
        Heading::Given(columns) => Layout::new(wanted, columns.clone(), None)?,
        Heading::FirstRecord { required } => {
            let header = scanner.advance().map_err(|error| unreadable(wanted.shown, &error))?;
            let Some(header) = header else { return Ok(Learned::Empty) };
            let columns = header_columns(wanted, &header, scanner.bytes())?;
            let layout = Layout::new(wanted, columns, Some(header.line))?;
            if let Some(missing) = required.iter().find(|name| layout.position(name).is_none()) {
                return Err(problem(
                    wanted,
                    Some(header.line),
                    &lacks(missing, "the property `columns` asks for it", (wanted, &layout.columns)),
                ));
            }
            layout
        }
    };
    Ok(Learned::Layout(Box::new(layout)))
}

fn header_columns(
    wanted: Wanted<'_>,
    header: &RawRecord,
    bytes: &[u8],
) -> Result<Vec<String>, ConnectorError> {
    let damaged = |message: &str| Err(problem(wanted, Some(header.line), message));
    let shape = &header.shape;
    if shape.unclosed || shape.text_after_quote || shape.stray_quote {
        return damaged(
            "the header has a quote without its partner; correct the header or the property `quote`",
        );
    }
    if shape.too_large {
        return damaged("the header is larger than 32 MiB; this is no CSV file");
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return damaged("the header cannot be decoded; correct the property `encoding`");
    };
    if text.contains('\0') {
        return damaged("the header holds zero bytes; correct the property `encoding`");
    }
    let dialect = wanted.settings.cells.dialect;
    let mut spans = Vec::new();
    dialect.split(bytes, shape.quotes, &mut spans);
    Ok(spans.iter().map(|span| dialect.text(text, *span).trim().to_owned()).collect())
}

impl Layout {
    /// The layout of these columns. `line` is that of the header, if there is one.
    pub(crate) fn new(
        wanted: Wanted<'_>,
        columns: Vec<String>,
        line: Option<u64>,
    ) -> Result<Self, ConnectorError> {
        let mut positions = HashMap::with_capacity(columns.len());
        for (position, name) in columns.iter().enumerate() {
            if !name.is_empty() && positions.insert(name.clone(), position).is_some() {
                let message = format!("the column `{name}` stands there twice; rename one of them");
                return Err(problem(wanted, line, &message));
            }
        }
        let find = |name: &str, why: &str| match positions.get(name) {
            Some(position) => Ok(*position),
            None => Err(problem(wanted, line, &lacks(name, why, (wanted, &columns)))),
        };
        let key = find(wanted.class.uid_attribute.as_str(), "it holds the key of the accounts")?;
        let enabled = match &wanted.settings.enabled {
            Some(rule) => Some(find(&rule.column, "the property `enabledColumn` asks for it")?),
            None => None,
        };
        let arities: HashMap<_, _> = wanted
            .class
            .attributes
            .iter()
            .filter(|attribute| {
                attribute.multi_valued && wanted.settings.cells.multi_value_separator.is_some()
            })
            .map(|attribute| (attribute.name.clone(), Arity::Many))
            .collect();
        let mut layout = Self {
            columns,
            key,
            enabled,
            names: Names::new(Vec::new()),
            fields: Vec::new(),
            positions,
            arities,
        };
        layout.lay_out_fields(wanted.class);
        Ok(layout)
    }

    /// The attributes of the class; all columns but the one for enabling when it names none.
    fn lay_out_fields(&mut self, class: &RemoteClass) {
        let names: Vec<AttributeName> = match class.attributes.as_slice() {
            [] => {
                let columns = self.columns.iter().enumerate();
                let read = columns.filter(|(at, name)| !name.is_empty() && Some(*at) != self.enabled);
                read.map(|(_, name)| name.as_str().into()).collect()
            }
            attributes => attributes.iter().map(|attribute| attribute.name.clone()).collect(),
        };
        self.fields = names
            .iter()
            .map(|name| FieldLayout { column: self.position(name.as_str()), arity: self.arity(name) })
            .collect();
        self.names = Names::new(names);
    }

    /// Where the column of that name stands.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// Whether the cells of an attribute hold several values.
    pub(crate) fn arity(&self, name: &AttributeName) -> Arity {
        self.arities.get(name).copied().unwrap_or(Arity::One)
    }
}

/// Says that a column is lacking, and which are there: whoever reads it sees whether the separator is another.
fn lacks(column: &str, why: &str, (wanted, columns): (Wanted<'_>, &[String])) -> String {
    let mut seen: String = columns.join(" | ").chars().filter(|letter| !letter.is_control()).collect();
    if let Some((end, _)) = seen.char_indices().nth(SHOWN) {
        seen.truncate(end);
        seen.push('…');
    }
    let (header, separator) = match wanted.settings.heading {
        Heading::Given(_) => ("property `columns`", ""),
        Heading::FirstRecord { .. } => ("header", ", the property `separator`"),
    };
    format!(
        "there is no column `{column}` among `{seen}`, and {why}; correct the {header}{separator}, or the \
         configuration that names it"
    )
}

fn problem(wanted: Wanted<'_>, line: Option<u64>, message: &str) -> ConnectorError {
    let shown = wanted.shown;
    let message = match line {
        Some(line) => format!("`{shown}` line {line}: {message}"),
        None => format!("`{shown}`: {message}"),
    };
    ConnectorError::Unusable { message }
}
