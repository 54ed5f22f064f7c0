//! What a database says about its tables and views. Whoever names one, or a column of one, is answered from here or not
//! at all: no name of somebody else ever gets into a statement.

mod postgres;
mod sqlite;

use crate::dialect::{Dialect, quoted};
use crate::fault::Fault;
use crate::link::Link;
use crate::settings::Settings;
use crate::value::{Cell, Kind};

/// A table, a view or a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relation {
    pub(crate) source: Source,
    pub(crate) columns: Vec<Column>,
    pub(crate) description: Option<String>,
    /// What tells it from another of the same name.
    pub(crate) identity: String,
    pub(crate) rights: Rights,
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Table { schema: String, name: String },
    View { schema: String, name: String },
    Query(String),
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The type to convert a text into, without its length: a conversion that is asked for cuts off silently, one on
    /// the way into a column does not. Holds no name of anybody but the catalogue.
    pub(crate) type_name: String,
    /// The type as people know it.
    pub(crate) shown_type: String,
    pub(crate) ordering: Ordering,
    pub(crate) is_nullable: bool,
    pub(crate) has_default: bool,
    /// Whether the database may give a value again that a row had which is gone.
    pub(crate) is_given_again: bool,
    /// Whether only the database can write it.
    pub(crate) is_computed: bool,
    /// The names of the unique indexes that cover this column alone.
    pub(crate) unique: Vec<String>,
    /// The same, of some rows only.
    pub(crate) partly_unique: Vec<String>,
}

/// How a column is sorted and compared, so that both agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ordering {
    /// As the column itself does it; an index can be used.
    AsIs,
    /// By the octets of its texts.
    Octets,
    /// By the octets of what it is as a text.
    AsText,
}

/// What we may do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(crate) insert: bool,
    pub(crate) update: bool,
    pub(crate) delete: bool,
}

impl Rights {
    const ALL: Self = Self { insert: true, update: true, delete: true };
    const NONE: Self = Self { insert: false, update: false, delete: false };
}

impl Relation {
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// How it stands in a statement.
    pub(crate) fn rows(&self) -> String {
        match &self.source {
            Source::Table { schema, name } | Source::View { schema, name } => {
                format!("{}.{}", quoted(schema), quoted(name))
            }
            // On lines of its own: it may end with a comment.
            Source::Query(query) => format!("(\n{query}\n)"),
        }
    }

    /// How it stands behind `FROM`, called `q`.
    pub(crate) fn rows_as_q(&self) -> String {
        format!("{} AS q", self.rows())
    }

    pub(crate) fn is_table(&self) -> bool {
        matches!(self.source, Source::Table { .. })
    }

    /// Its name as a class has it.
    pub(crate) fn remote_name(&self, schema_of_all: &str) -> String {
        match &self.source {
            Source::Table { schema, name } | Source::View { schema, name } => match schema == schema_of_all {
                true => name.clone(),
                false => format!("{schema}.{name}"),
            },
            Source::Query(query) => query.clone(),
        }
    }
}

/// The schema of what is named without one.
pub(crate) fn usual_schema(settings: &Settings) -> &str {
    match &settings.system {
        crate::settings::System::Postgres(server) => &server.schema,
        crate::settings::System::Sqlite { .. } => sqlite::SCHEMA,
    }
}

/// All tables and views of a schema.
pub(crate) async fn all(link: &mut Link, schema: &str) -> Result<Vec<Relation>, Fault> {
    load(link, schema, None).await
}

/// The table, view or query that a class names.
pub(crate) async fn named(link: &mut Link, settings: &Settings, class: &str) -> Result<Relation, Fault> {
    if let Some(query) = settings.queries.get(class) {
        return of_query(link, query).await;
    }
    table(link, settings, class).await
}

/// The table or view of that name: one of the usual schema, or one with its schema before a point.
pub(crate) async fn table(link: &mut Link, settings: &Settings, name: &str) -> Result<Relation, Fault> {
    let schema = usual_schema(settings);
    let mut places = vec![(schema, name)];
    if link.dialect() == Dialect::Postgres {
        places.extend(name.match_indices('.').map(|(point, _)| (&name[..point], &name[point + 1..])));
    }
    for (schema, name) in places {
        if name.contains('\0') || schema.contains('\0') {
            continue;
        }
        if let Some(relation) = load(link, schema, Some(name)).await?.pop() {
            return Ok(relation);
        }
    }
    Err(unusable(format!(
        "there is no table or view `{}`; correct the name, write a schema before it, or let the role see it",
        muster_connector::text::shown(name)
    )))
}

async fn load(link: &mut Link, schema: &str, name: Option<&str>) -> Result<Vec<Relation>, Fault> {
    match link.dialect() {
        Dialect::Postgres => postgres::load(link, schema, name).await,
        Dialect::Sqlite => sqlite::load(link, name).await,
    }
}

async fn of_query(link: &mut Link, query: &str) -> Result<Relation, Fault> {
    let columns = link.columns(format!("SELECT * FROM (\n{query}\n) AS q")).await?;
    let kind_of: fn(&str) -> (Kind, Ordering) = match link.dialect() {
        Dialect::Postgres => postgres::kind_of_answer,
        Dialect::Sqlite => sqlite::kind_of_answer,
    };
    let mut found: Vec<Column> = Vec::with_capacity(columns.len());
    for (name, type_name) in columns {
        if found.iter().any(|known| known.name == name) {
            let name = muster_connector::text::shown(&name);
            return Err(unusable(format!(
                "the query has two columns `{name}`; give one of them another name"
            )));
        }
        let (kind, ordering) = kind_of(&type_name);
        found.push(Column {
            name,
            kind,
            type_name: converted(kind, &type_name).to_owned(),
            shown_type: type_name.to_lowercase(),
            ordering,
            is_nullable: true,
            has_default: false,
            is_given_again: false,
            is_computed: true,
            unique: Vec::new(),
            partly_unique: Vec::new(),
        });
    }
    let source = Source::Query(query.to_owned());
    Ok(Relation { source, columns: found, description: None, identity: String::new(), rights: Rights::NONE })
}

/// What a text is converted into to be compared with a column of a query. The library's word for the type may be
/// anybody's, so it is not used.
fn converted(kind: Kind, type_name: &str) -> &'static str {
    match kind {
        Kind::Integer(..) => "bigint",
        Kind::Instant if type_name == "TIMESTAMPTZ" => "timestamp with time zone",
        Kind::Instant => "timestamp without time zone",
        Kind::Uuid => "uuid",
        Kind::Text | Kind::Boolean | Kind::Octets | Kind::Other => "text",
    }
}

/// Whether a foreign key leads from a table to itself.
pub(crate) async fn has_references(link: &mut Link, schema: &str) -> Result<bool, Fault> {
    let rows = match link.dialect() {
        Dialect::Postgres => postgres::references(link, schema).await?,
        Dialect::Sqlite => sqlite::references(link).await?,
    };
    Ok(rows.first().and_then(|row| row.first()).is_some_and(Cell::is_true))
}

pub(crate) fn unusable(message: String) -> Fault {
    Fault::unusable(message)
}

/// The cells of one row, one after the other.
struct Taking(std::vec::IntoIter<Cell>);

impl Taking {
    fn of(row: Vec<Cell>) -> Self {
        Self(row.into_iter())
    }

    fn text(&mut self) -> String {
        self.optional().unwrap_or_default()
    }

    fn optional(&mut self) -> Option<String> {
        match self.0.next() {
            Some(Cell::Text(text)) => Some(text),
            Some(Cell::Integer(number)) => Some(number.to_string()),
            Some(Cell::Null | Cell::Real(_) | Cell::Octets(_) | Cell::Unreadable) | None => None,
        }
    }

    fn truth(&mut self) -> bool {
        self.0.next().is_some_and(|cell| cell.is_true())
    }

    /// Names that stand in one text.
    fn names(&mut self) -> Vec<String> {
        self.optional().map_or_else(Vec::new, |names| names.split('\u{1f}').map(str::to_owned).collect())
    }
}

/// Puts rows of columns together that stand under one table each.
fn gathered(columns: impl Iterator<Item = (Relation, Column)>) -> Vec<Relation> {
    let mut relations: Vec<Relation> = Vec::new();
    for (relation, column) in columns {
        match relations.last_mut() {
            Some(last) if last.source == relation.source => last.columns.push(column),
            Some(_) | None => relations.push(Relation { columns: vec![column], ..relation }),
        }
    }
    relations
}
