//! Where settings come from: a file, the environment, the command line. Texts become values here.

use std::path::Path;

use serde::Deserialize as _;
use toml::{Table, Value};

use super::{Settings, SettingsError};

/// Where settings come from, besides their defaults.
pub struct Sources<'a> {
    /// The settings file.
    pub file: Option<&'a Path>,
    /// The variable of that name.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Flags that were given, by the names of their settings.
    pub flags: Vec<(&'static str, String)>,
}

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Number,
    /// Paths, separated like those of `PATH`.
    Paths,
    /// Words, separated by commas.
    Words,
}

/// Every setting: a name within its table is separated from the table's by a point.
const NAMES: [(&str, Form); 34] = [
    ("listen", Form::Text),
    ("data-dir", Form::Text),
    ("database-url", Form::Text),
    ("master-key-file", Form::Text),
    ("further-file-roots", Form::Paths),
    ("tls-cert", Form::Text),
    ("tls-key", Form::Text),
    ("log", Form::Text),
    ("log-format", Form::Text),
    ("limits.configuration-bytes", Form::Number),
    ("limits.dataset-bytes", Form::Number),
    ("limits.file-bytes", Form::Number),
    ("limits.request-seconds", Form::Number),
    ("limits.requests-per-second", Form::Number),
    ("server.threads", Form::Number),
    ("server.farewell-seconds", Form::Number),
    ("server.trusted-proxies", Form::Words),
    ("work.workers", Form::Number),
    ("work.page-size", Form::Number),
    ("work.apply-size", Form::Number),
    ("work.batch-size", Form::Number),
    ("work.lease-seconds", Form::Number),
    ("work.stalled-after-seconds", Form::Number),
    ("work.held-hours", Form::Number),
    ("metrics.listen", Form::Text),
    ("retention.runs-days", Form::Number),
    ("retention.changes-days", Form::Number),
    ("retention.history-days", Form::Number),
    ("retention.reports-days", Form::Number),
    ("work.chain-minutes", Form::Number),
    ("work.webhook-hours", Form::Number),
    ("egress.allow", Form::Words),
    ("egress.seconds", Form::Number),
    ("egress.answer-bytes", Form::Number),
];

/// The variable of the environment that gives a setting.
#[must_use]
pub fn environment_name(setting: &str) -> String {
    format!("MUSTER_{}", setting.to_uppercase().replace(['.', '-'], "_"))
}

/// Variables that are no settings, but that a command reads.
const NO_SETTINGS: [&str; 2] = ["MUSTER_CONFIG", "MUSTER_TOKEN"];
/// What names of variables for tests begin with.
const FOR_TESTS: &str = "MUSTER_TEST_";

/// Of variables of the environment those that look like settings and are none: their values change nothing.
/// They are no error, since others may have set them: Kubernetes tells every container of a service `muster`
/// its `MUSTER_PORT`.
pub fn unknown_variables(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let is_known = |name: &String| {
        NO_SETTINGS.contains(&name.as_str())
            || NAMES.iter().any(|(known, _)| environment_name(known) == *name)
    };
    let ours = names.into_iter().filter(|name| name.starts_with("MUSTER_") && !name.starts_with(FOR_TESTS));
    let mut unknown: Vec<_> = ours.filter(|name| !is_known(name)).collect();
    unknown.sort();
    unknown
}

impl Sources<'_> {
    pub(super) fn read(&self) -> Result<Settings, SettingsError> {
        let mut table = match self.file {
            Some(path) => read_file(path)?,
            None => Table::new(),
        };
        for (name, form) in NAMES {
            let variable = environment_name(name);
            if let Some(text) = (self.environment)(&variable) {
                put(&mut table, name, value(form, &text, &variable)?);
                try_out(name, &table, &variable)?;
            }
            for (_, text) in self.flags.iter().filter(|(flag, _)| *flag == name) {
                let flag = format!("--{name}");
                put(&mut table, name, value(form, text, &flag)?);
                try_out(name, &table, &flag)?;
            }
        }
        Settings::deserialize(Value::Table(table)).map_err(|error| wrong("the settings", &error))
    }
}

/// The file, once it is known that it says nothing unknown.
fn read_file(path: &Path) -> Result<Table, SettingsError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SettingsError::Read { path: path.to_owned(), source })?;
    let refuse = |error: toml::de::Error| SettingsError::File {
        path: path.to_owned(),
        message: error.to_string().trim_end().to_owned(),
    };
    toml::from_str::<Settings>(&text).map_err(refuse)?;
    toml::from_str(&text).map_err(refuse)
}

fn value(form: Form, text: &str, origin: &str) -> Result<Value, SettingsError> {
    Ok(match form {
        Form::Text => Value::String(text.to_owned()),
        Form::Number => match text.replace('_', "").parse::<i64>() {
            Ok(number) => Value::Integer(number),
            Err(error) => return Err(wrong(origin, &error)),
        },
        Form::Words => {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            Value::Array(words.map(|word| Value::String(word.to_owned())).collect())
        }
        Form::Paths => {
            let paths = std::env::split_paths(text).filter(|path| !path.as_os_str().is_empty());
            Value::Array(paths.map(|path| Value::String(path.to_string_lossy().into_owned())).collect())
        }
    })
}

fn put(table: &mut Table, name: &str, value: Value) {
    match name.split_once('.') {
        None => {
            table.insert(name.to_owned(), value);
        }
        Some((outer, inner)) => {
            let below = table.entry(outer).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(below) = below {
                below.insert(inner.to_owned(), value);
            }
        }
    }
}

/// Blames the source that gave a value, and not all of them together.
fn try_out(name: &str, table: &Table, origin: &str) -> Result<(), SettingsError> {
    let tried = Settings::deserialize(Value::Table(table.clone()));
    tried.map(|_| ()).map_err(|error| wrong(&format!("{origin} (`{name}`)"), &error))
}

fn wrong(origin: &str, error: &impl ToString) -> SettingsError {
    SettingsError::Value { origin: origin.to_owned(), message: error.to_string().trim_end().to_owned() }
}

#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().map(|(name, _)| name)
}
