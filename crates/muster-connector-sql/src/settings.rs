//! The properties of a SQL connector as values, all their problems found at once.

use std::collections::BTreeMap;

use muster_connector::paths::check_path;
use muster_connector::properties::Form;
use muster_connector::{EnabledRule, Properties, PropertyProblem};
use muster_egress::tls;

use crate::properties::{MULTI_VALUES, PROPERTIES, QUERY};

/// How a database is reached and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) system: System,
    pub(crate) access: Access,
    pub(crate) keys: KeysGivenBy,
    pub(crate) enabled: Option<EnabledRule>,
    pub(crate) change: Option<ChangeRule>,
    pub(crate) most_octets: usize,
    /// By the remote name of the class.
    pub(crate) queries: BTreeMap<String, String>,
    pub(crate) several: Vec<SeveralRule>,
}

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum System {
    Postgres(Server),
    Sqlite { file: String },
}

/// A PostgreSQL server, and who logs in there.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) tls: Tls,
    pub(crate) schema: String,
}

/// How a connection is made safe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tls {
    VerifyFull { roots: Option<String> },
    Disabled,
}

impl std::fmt::Debug for System {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

impl System {
    /// Where it is, for people.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Postgres(server) => format!("`{}` on {}:{}", server.database, server.host, server.port),
            Self::Sqlite { file } => format!("`{file}`"),
        }
    }
}

/// Whether accounts may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    ReadOnly,
    ReadWrite,
}

const ACCESS: [(&str, Access); 2] = [("true", Access::ReadWrite), ("false", Access::ReadOnly)];

/// Who makes the keys of new accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeysGivenBy {
    Caller,
    Database,
}

const KEYS: [(&str, KeysGivenBy); 2] = [("CALLER", KeysGivenBy::Caller), ("DATABASE", KeysGivenBy::Database)];

/// How a row says when it was changed last, and whether it is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangeRule {
    pub(crate) column: String,
    pub(crate) deleted: Option<String>,
    pub(crate) overlap: u64,
}

/// Where an attribute of a class keeps its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeveralRule {
    pub(crate) class: String,
    pub(crate) attribute: String,
    pub(crate) table: String,
    pub(crate) owner: String,
    pub(crate) value: String,
}

impl Settings {
    /// Parses all properties.
    ///
    /// # Errors
    /// With every problem that there is.
    pub(crate) fn parse(given: &Properties) -> Result<Self, Vec<PropertyProblem>> {
        let mut form = Form::with_families(given, PROPERTIES, &[QUERY, MULTI_VALUES]);
        let settings = Self {
            system: system(&mut form),
            access: form.choice("writable", &ACCESS).unwrap_or(Access::ReadOnly),
            keys: form.choice("keysGivenBy", &KEYS).unwrap_or(KeysGivenBy::Caller),
            enabled: enabled(&mut form),
            change: change(&mut form),
            most_octets: form.number("maximumValueBytes", 1..=16_777_216).unwrap_or_default(),
            queries: queries(&mut form, given),
            several: several(&mut form, given),
        };
        form.ends_as(settings)
    }

    /// Where an attribute of a class keeps its values, if not in the class itself.
    pub(crate) fn several_of(&self, class: &str, attribute: &str) -> Option<&SeveralRule> {
        self.several.iter().find(|rule| rule.class == class && rule.attribute == attribute)
    }
}

/// The properties that mean something for one of the databases alone.
const OF_POSTGRES: [&str; 8] =
    ["host", "port", "databaseName", "user", "password", "tls", "caCertificate", "schema"];

/// A text that is given and holds something a database can take for a name.
fn required(form: &mut Form<'_>, name: &str) -> String {
    let text = form.text(name).unwrap_or_default().to_owned();
    if text.is_empty() {
        form.problem(name, "it is required");
    }
    without_zero(form, name, text)
}

fn without_zero(form: &mut Form<'_>, name: &str, text: String) -> String {
    if text.contains('\0') {
        form.problem(name, "it holds a zero byte; take it out");
    }
    text
}

/// The name of a column, if one is given.
fn column(form: &mut Form<'_>, name: &str) -> Option<String> {
    let text = form.given(name)?.to_owned();
    if text.is_empty() {
        form.problem(name, "it is empty; name a column or leave the property out");
    }
    Some(without_zero(form, name, text))
}

fn system(form: &mut Form<'_>) -> System {
    match form.text("database") {
        Some("postgres") => postgres(form),
        Some("sqlite") => sqlite(form),
        _ => {
            form.problem("database", "it is neither `postgres` nor `sqlite`");
            System::Sqlite { file: String::new() }
        }
    }
}

fn postgres(form: &mut Form<'_>) -> System {
    form.alien(&["file"], "it means nothing for `postgres`; leave it out");
    let port = form.number("port", 1..=u16::MAX).unwrap_or_default();
    let password = form.text("password").unwrap_or_default().to_owned();
    System::Postgres(Server {
        host: required(form, "host"),
        port,
        database: required(form, "databaseName"),
        user: required(form, "user"),
        password: without_zero(form, "password", password),
        tls: tls(form),
        schema: required(form, "schema"),
    })
}

fn sqlite(form: &mut Form<'_>) -> System {
    form.alien(&OF_POSTGRES, "it means nothing for `sqlite`; leave it out");
    let file = required(form, "file");
    if let (false, Err(problem)) = (file.is_empty(), check_path(&file)) {
        form.problem("file", problem);
    }
    System::Sqlite { file }
}

fn tls(form: &mut Form<'_>) -> Tls {
    let roots = form.given("caCertificate").map(str::to_owned);
    match form.text("tls") {
        Some("VERIFY_FULL") => {
            if let Some(Err(problem)) = roots.as_deref().map(|pem| tls::client_config(Some(pem))) {
                form.problem("caCertificate", problem.to_string());
            }
            Tls::VerifyFull { roots }
        }
        Some("DISABLE") => {
            form.alien(&["caCertificate"], "it means nothing with `tls` `DISABLE`; leave it out");
            Tls::Disabled
        }
        _ => {
            form.problem("tls", "it is neither `VERIFY_FULL` nor `DISABLE`");
            Tls::VerifyFull { roots: None }
        }
    }
}

fn enabled(form: &mut Form<'_>) -> Option<EnabledRule> {
    let column = column(form, "enabledColumn");
    EnabledRule::of(form, column)
}

fn change(form: &mut Form<'_>) -> Option<ChangeRule> {
    let overlap = form.number("changeOverlap", 0..=86_400).unwrap_or_default();
    let Some(told) = column(form, "changeColumn") else {
        form.alien(
            &["deletedColumn", "changeOverlap"],
            "it means nothing without `changeColumn`; give that too",
        );
        return None;
    };
    Some(ChangeRule { column: told, deleted: column(form, "deletedColumn"), overlap })
}

fn queries(form: &mut Form<'_>, given: &Properties) -> BTreeMap<String, String> {
    let mut queries = BTreeMap::new();
    for (name, text) in given {
        let Some(class) = name.strip_prefix(QUERY) else { continue };
        if class.is_empty() {
            form.problem(name, "it names no class; write `query.` and the remote name of one");
        }
        // Cut at a `;` it would be two statements, of which the second is not meant to be read.
        if text.contains(';') {
            form.problem(name, "it holds a `;`; give one statement without it, and `chr(59)` in a text");
        }
        let first = text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        if first != "SELECT" && first != "WITH" {
            form.problem(name, "it does not begin with `SELECT` or `WITH`");
        }
        let text = without_zero(form, name, text.clone());
        queries.insert(class.to_owned(), text);
    }
    queries
}

fn several(form: &mut Form<'_>, given: &Properties) -> Vec<SeveralRule> {
    let mut rules = Vec::new();
    for (name, text) in given {
        let Some(place) = name.strip_prefix(MULTI_VALUES) else { continue };
        let Some((class, attribute)) = place.rsplit_once('.').filter(|(c, a)| !c.is_empty() && !a.is_empty())
        else {
            form.problem(name, "it is not `multiValues.`, the remote name of a class, `.` and an attribute");
            continue;
        };
        let Some([table, owner, value]) = table_and_columns(text) else {
            form.problem(name, "it is not `table(ownerColumn, valueColumn)`");
            continue;
        };
        rules.push(SeveralRule {
            class: class.to_owned(),
            attribute: attribute.to_owned(),
            table,
            owner,
            value,
        });
    }
    rules
}

/// `table(ownerColumn, valueColumn)` taken apart.
fn table_and_columns(text: &str) -> Option<[String; 3]> {
    let (table, columns) = text.trim().strip_suffix(')')?.split_once('(')?;
    let (owner, value) = columns.split_once(',')?;
    let parts = [table.trim(), owner.trim(), value.trim()];
    let is_name = |part: &&str| !part.is_empty() && !part.contains(['(', ')', ',', '\0']);
    parts.iter().all(is_name).then(|| parts.map(str::to_owned))
}

#[cfg(test)]
#[path = "settings/tests.rs"]
mod tests;
