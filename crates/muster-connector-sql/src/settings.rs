//! The properties of a SQL connector as values, all their problems found at once.

use std::collections::BTreeMap;

use muster_connector::paths::check_path;
use muster_connector::{Properties, PropertyProblem, properties};
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

/// Who makes the keys of new accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeysGivenBy {
    Caller,
    Database,
}

/// How a row says whether its account is enabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnabledRule {
    pub(crate) column: String,
    pub(crate) enabled: String,
    pub(crate) disabled: String,
}

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
        let is_family = |name: &String| name.starts_with(QUERY) || name.starts_with(MULTI_VALUES);
        let plain = given.iter().filter(|(name, _)| !is_family(name));
        let plain: Properties = plain.map(|(name, text)| (name.clone(), text.clone())).collect();
        let mut form = Form { given, problems: properties::unknown(&plain, PROPERTIES) };
        let settings = Self {
            system: form.system(),
            access: if form.truth("writable") { Access::ReadWrite } else { Access::ReadOnly },
            keys: form.keys(),
            enabled: form.enabled(),
            change: form.change(),
            most_octets: form.number("maximumValueBytes", 1..=16_777_216) as usize,
            queries: form.queries(),
            several: form.several(),
        };
        match form.problems.is_empty() {
            true => Ok(settings),
            false => Err(form.problems),
        }
    }

    /// Where an attribute of a class keeps its values, if not in the class itself.
    pub(crate) fn several_of(&self, class: &str, attribute: &str) -> Option<&SeveralRule> {
        self.several.iter().find(|rule| rule.class == class && rule.attribute == attribute)
    }
}

/// The properties that mean something for one of the databases alone.
const OF_POSTGRES: [&str; 8] =
    ["host", "port", "databaseName", "user", "password", "tls", "caCertificate", "schema"];

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

    /// A text that is given and holds something a database can take for a name.
    fn required(&mut self, name: &str) -> String {
        let text = self.text(name).unwrap_or_default().to_owned();
        if text.is_empty() {
            self.problem(name, "it is required");
        }
        self.without_zero(name, text)
    }

    fn without_zero(&mut self, name: &str, text: String) -> String {
        if text.contains('\0') {
            self.problem(name, "it holds a zero byte; take it out");
        }
        text
    }

    /// The name of a column, if one is given.
    fn column(&mut self, name: &str) -> Option<String> {
        let text = self.get(name)?.to_owned();
        if text.is_empty() {
            self.problem(name, "it is empty; name a column or leave the property out");
        }
        Some(self.without_zero(name, text))
    }

    fn truth(&mut self, name: &str) -> bool {
        match self.text(name) {
            Some("true") => true,
            Some("false") => false,
            _ => {
                self.problem(name, "it is neither `true` nor `false`");
                false
            }
        }
    }

    fn number(&mut self, name: &str, range: std::ops::RangeInclusive<u32>) -> u32 {
        let number = self.text(name).and_then(|text| text.parse().ok());
        number.filter(|number| range.contains(number)).unwrap_or_else(|| {
            self.problem(name, format!("it is no whole number of {} to {}", range.start(), range.end()));
            *range.start()
        })
    }

    fn system(&mut self) -> System {
        match self.text("database") {
            Some("postgres") => self.postgres(),
            Some("sqlite") => self.sqlite(),
            _ => {
                self.problem("database", "it is neither `postgres` nor `sqlite`");
                System::Sqlite { file: String::new() }
            }
        }
    }

    fn postgres(&mut self) -> System {
        self.alien(&["file"], "means nothing for `postgres`; leave it out");
        let port = self.number("port", 1..=65_535);
        let password = self.text("password").unwrap_or_default().to_owned();
        System::Postgres(Server {
            host: self.required("host"),
            port: u16::try_from(port).unwrap_or(u16::MAX),
            database: self.required("databaseName"),
            user: self.required("user"),
            password: self.without_zero("password", password),
            tls: self.tls(),
            schema: self.required("schema"),
        })
    }

    fn sqlite(&mut self) -> System {
        self.alien(&OF_POSTGRES, "means nothing for `sqlite`; leave it out");
        let file = self.required("file");
        if let (false, Err(problem)) = (file.is_empty(), check_path(&file)) {
            self.problem("file", problem);
        }
        System::Sqlite { file }
    }

    fn alien(&mut self, names: &[&str], message: &str) {
        for name in names {
            if self.get(name).is_some() {
                self.problem(name, format!("it {message}"));
            }
        }
    }

    fn tls(&mut self) -> Tls {
        let roots = self.get("caCertificate").map(str::to_owned);
        match self.text("tls") {
            Some("VERIFY_FULL") => {
                if let Some(Err(problem)) = roots.as_deref().map(|pem| tls::client_config(Some(pem))) {
                    self.problem("caCertificate", problem.to_string());
                }
                Tls::VerifyFull { roots }
            }
            Some("DISABLE") => {
                if roots.is_some() {
                    self.problem("caCertificate", "it means nothing with `tls` `DISABLE`; leave it out");
                }
                Tls::Disabled
            }
            _ => {
                self.problem("tls", "it is neither `VERIFY_FULL` nor `DISABLE`");
                Tls::VerifyFull { roots: None }
            }
        }
    }

    fn keys(&mut self) -> KeysGivenBy {
        match self.text("keysGivenBy") {
            Some("CALLER") => KeysGivenBy::Caller,
            Some("DATABASE") => KeysGivenBy::Database,
            _ => {
                self.problem("keysGivenBy", "it is neither `CALLER` nor `DATABASE`");
                KeysGivenBy::Caller
            }
        }
    }

    fn enabled(&mut self) -> Option<EnabledRule> {
        let Some(column) = self.column("enabledColumn") else {
            self.alien(
                &["enabledValue", "disabledValue"],
                "means nothing without `enabledColumn`; give that too",
            );
            return None;
        };
        let enabled = self.text("enabledValue").unwrap_or_default().to_owned();
        let disabled = self.text("disabledValue").unwrap_or_default().to_owned();
        if enabled.eq_ignore_ascii_case(&disabled) {
            self.problem("disabledValue", "it is the same as `enabledValue`; choose another text");
        }
        Some(EnabledRule { column, enabled, disabled })
    }

    fn change(&mut self) -> Option<ChangeRule> {
        let overlap = self.number("changeOverlap", 0..=86_400).into();
        let Some(column) = self.column("changeColumn") else {
            self.alien(
                &["deletedColumn", "changeOverlap"],
                "means nothing without `changeColumn`; give that too",
            );
            return None;
        };
        Some(ChangeRule { column, deleted: self.column("deletedColumn"), overlap })
    }

    fn queries(&mut self) -> BTreeMap<String, String> {
        let mut queries = BTreeMap::new();
        for (name, text) in self.given {
            let Some(class) = name.strip_prefix(QUERY) else { continue };
            if class.is_empty() {
                self.problem(name, "it names no class; write `query.` and the remote name of one");
            }
            // Cut at a `;` it would be two statements, of which the second is not meant to be read.
            if text.contains(';') {
                self.problem(name, "it holds a `;`; give one statement without it, and `chr(59)` in a text");
            }
            let first = text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
            if first != "SELECT" && first != "WITH" {
                self.problem(name, "it does not begin with `SELECT` or `WITH`");
            }
            let text = self.without_zero(name, text.clone());
            queries.insert(class.to_owned(), text);
        }
        queries
    }

    fn several(&mut self) -> Vec<SeveralRule> {
        let mut rules = Vec::new();
        for (name, text) in self.given {
            let Some(place) = name.strip_prefix(MULTI_VALUES) else { continue };
            let Some((class, attribute)) =
                place.rsplit_once('.').filter(|(c, a)| !c.is_empty() && !a.is_empty())
            else {
                self.problem(
                    name,
                    "it is not `multiValues.`, the remote name of a class, `.` and an attribute",
                );
                continue;
            };
            let Some([table, owner, value]) = table_and_columns(text) else {
                self.problem(name, "it is not `table(ownerColumn, valueColumn)`");
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
