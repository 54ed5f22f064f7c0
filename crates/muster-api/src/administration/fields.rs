//! The fields of a JSON object, read one by one; all that is wrong is told at once. Shows no value in a message: it may
//! be a password.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use muster_model::attribute::parse_date_time;
use muster_model::configuration::Problems;
use muster_model::configuration::problems::push_segment;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::rights::{Role, Roles};

/// An object that is read.
pub(super) struct Fields<'a> {
    fields: &'a Map<String, Value>,
    problems: Problems,
}

impl<'a> Fields<'a> {
    /// Begins to read an object that has these fields and no others.
    pub(super) fn of(body: &'a Value, known: &[&str]) -> Result<Self, ApiError> {
        let Value::Object(fields) = body else { return Err(ApiError::invalid("", "is no object")) };
        let mut problems = Problems::new();
        for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
            let mut pointer = String::new();
            push_segment(&mut pointer, name);
            let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            problems.add(pointer, format!("unknown field; known are {}", names.join(", ")));
        }
        Ok(Self { fields, problems })
    }

    /// A text that may be left out.
    pub(super) fn text(&mut self, name: &str) -> Option<&'a str> {
        match self.fields.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(_) => {
                self.problem(name, "is no text");
                None
            }
        }
    }

    /// A text that has to be there, and to say something; empty where it is not.
    pub(super) fn required(&mut self, name: &str) -> &'a str {
        if self.fields.get(name).is_none_or(|value| value.is_null() || value == "") {
            self.problem(name, "is required");
        }
        self.text(name).unwrap_or_default()
    }

    /// A list of role words, one at least.
    pub(super) fn roles(&mut self, name: &str) -> Roles {
        let Some(Value::Array(words)) = self.fields.get(name) else {
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
    pub(super) fn instant(&mut self, name: &str) -> Option<DateTime<Utc>> {
        let instant = parse_date_time(self.text(name)?);
        if instant.is_none() {
            self.problem(name, "is no instant of RFC 3339 such as 2027-03-31T00:00:00Z");
        }
        instant
    }

    /// Notes what else is wrong with a field.
    pub(super) fn problem(&mut self, name: &str, message: impl Into<String>) {
        self.problems.add(format!("/{name}"), message);
    }

    /// Refuses what is wrong.
    pub(super) fn finish(self) -> Result<(), ApiError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ApiError::Invalid(self.problems)) }
    }
}
