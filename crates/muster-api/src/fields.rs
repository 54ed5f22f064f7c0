//! The fields of a JSON object, read one by one; all that is wrong is told at once. Shows no value in a message: it may
//! be a password.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use muster_model::attribute::parse_date_time;
use muster_model::configuration::Problems;
use muster_model::configuration::problems::push_segment;
use serde_json::{Map, Value};

use crate::rights::{Role, Roles};

/// What an object may be like.
pub(crate) struct Form {
    /// One that would do, for whoever sends no object.
    pub(crate) such_as: Option<&'static str>,
    /// The names of its fields.
    pub(crate) fields: &'static [&'static str],
    /// The same, for whoever sends another field.
    pub(crate) known: &'static str,
}

/// An object that is read.
pub(crate) struct Fields<'a> {
    fields: &'a Map<String, Value>,
    problems: Problems,
}

impl<'a> Fields<'a> {
    /// Begins to read an object of this form.
    ///
    /// # Errors
    /// When it is no object.
    pub(crate) fn of(body: &'a Value, form: &Form) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let Value::Object(fields) = body else {
            let such_as = form.such_as.map(|such_as| format!(" such as {such_as}")).unwrap_or_default();
            problems.add("", format!("is no object{such_as}"));
            return Err(problems);
        };
        for name in fields.keys().filter(|name| !form.fields.contains(&name.as_str())) {
            let mut pointer = String::new();
            push_segment(&mut pointer, name);
            problems.add(pointer, format!("unknown field; {}", form.known));
        }
        Ok(Self { fields, problems })
    }

    /// What is given for a field, null as well.
    pub(crate) fn given(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name)
    }

    /// A field; null is as good as none.
    pub(crate) fn field(&self, name: &str) -> Option<&'a Value> {
        self.given(name).filter(|value| !value.is_null())
    }

    /// A text that may be left out.
    pub(crate) fn text(&mut self, name: &str) -> Option<&'a str> {
        let text = self.field(name).map(Value::as_str);
        if text == Some(None) {
            self.problem(name, "is no text");
        }
        text.flatten()
    }

    /// A text that has to be there, and to say something; empty where it is not.
    pub(crate) fn required(&mut self, name: &str) -> &'a str {
        if self.field(name).is_none_or(|value| value == "") {
            self.problem(name, "is required");
        }
        self.text(name).unwrap_or_default()
    }

    /// A list of role words, one at least.
    pub(crate) fn roles(&mut self, name: &str) -> Roles {
        let Some(Value::Array(words)) = self.given(name) else {
            self.problem(name, "has to be a list of roles");
            return Roles::default();
        };
        if words.is_empty() {
            self.problem(name, "names no role");
        }
        let mut roles = BTreeSet::new();
        for (index, word) in words.iter().enumerate() {
            match word.as_str().and_then(|word| word.parse::<Role>().ok()) {
                Some(role) => {
                    roles.insert(role);
                }
                None => {
                    let known = Role::ALL.map(|role| format!("`{role}`")).join(", ");
                    self.problem(&format!("{name}/{index}"), format!("is none of {known}"));
                }
            }
        }
        roles.into_iter().collect()
    }

    /// An instant that may be left out.
    pub(crate) fn instant(&mut self, name: &str) -> Option<DateTime<Utc>> {
        let instant = parse_date_time(self.text(name)?);
        if instant.is_none() {
            self.problem(name, "is no instant of RFC 3339 such as 2027-03-31T00:00:00Z");
        }
        instant
    }

    /// Notes what else is wrong with a field.
    pub(crate) fn problem(&mut self, name: &str, message: impl Into<String>) {
        self.problems.add(format!("/{name}"), message);
    }

    /// What is wrong so far, for whoever reads deeper than the fields.
    pub(crate) fn problems(&mut self) -> &mut Problems {
        &mut self.problems
    }

    /// What was read, if nothing is wrong. Nothing was read where something is.
    ///
    /// # Errors
    /// All that is wrong.
    pub(crate) fn read<T>(self, read: Option<T>) -> Result<T, Problems> {
        read.filter(|_| self.problems.is_empty()).ok_or(self.problems)
    }

    /// Refuses what is wrong.
    ///
    /// # Errors
    /// All that is wrong.
    pub(crate) fn finish(self) -> Result<(), Problems> {
        self.read(Some(()))
    }
}
