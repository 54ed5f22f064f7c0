//! Walks over a description: each object with its place, all problems gathered.

use std::cell::RefCell;

use serde_json::{Map, Value as Json};

use super::{Source, Told};
use crate::pointer::Pointer;

/// Problems, each with its place.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<String>>);

impl Problems {
    pub(super) fn add(&self, place: &str, message: impl AsRef<str>) {
        let place = if place.is_empty() { "the description" } else { place };
        self.0.borrow_mut().push(format!("{place}: {}", message.as_ref()));
    }

    pub(super) fn into_all(self) -> Vec<String> {
        self.0.into_inner()
    }
}

/// An object of a description.
#[derive(Clone)]
pub(super) struct Node<'a> {
    pub(super) place: String,
    pub(super) problems: &'a Problems,
    members: &'a Map<String, Json>,
}

impl<'a> Node<'a> {
    /// `None` where it is no object, or holds what nobody knows.
    pub(super) fn of(json: &'a Json, place: &str, problems: &'a Problems, known: &[&str]) -> Option<Self> {
        let node = Self::any(json, place, problems)?;
        for name in node.members.keys().filter(|name| !known.contains(&name.as_str())) {
            problems.add(place, format!("there is no `{name}` here; there can be `{}`", known.join("`, `")));
        }
        Some(node)
    }

    /// The same whatever it holds.
    pub(super) fn any(json: &'a Json, place: &str, problems: &'a Problems) -> Option<Self> {
        match json {
            Json::Object(members) => Some(Self { place: place.to_owned(), problems, members }),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                problems.add(place, "it is no object");
                None
            }
        }
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (&'a String, &'a Json)> {
        self.members.iter()
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        self.members.get(name)
    }

    /// Where a member stands.
    pub(super) fn at(&self, name: &str) -> String {
        format!("{}/{}", self.place, name.replace('~', "~0").replace('/', "~1"))
    }

    pub(super) fn problem(&self, name: &str, message: impl AsRef<str>) {
        self.problems.add(&self.at(name), message);
    }

    /// An object in it.
    pub(super) fn node(&self, name: &str, known: &[&str]) -> Option<Self> {
        Self::of(self.get(name)?, &self.at(name), self.problems, known)
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        let held = self.get(name)?;
        let text = held.as_str();
        if text.is_none() {
            self.problem(name, "it is no text");
        }
        text
    }

    pub(super) fn pointer(&self, name: &str) -> Option<Pointer> {
        self.pointer_in(name, self.text(name)?)
    }

    fn pointer_in(&self, name: &str, text: &str) -> Option<Pointer> {
        Pointer::parse(text).map_err(|problem| self.problem(name, problem)).ok()
    }

    pub(super) fn truth(&self, name: &str) -> bool {
        match self.get(name) {
            None => false,
            Some(Json::Bool(truth)) => *truth,
            Some(_) => {
                self.problem(name, "it is neither `true` nor `false`");
                false
            }
        }
    }

    /// A whole number of a range.
    pub(super) fn number(&self, name: &str, most: u64, otherwise: u64) -> u64 {
        match self.get(name) {
            None => otherwise,
            Some(held) => held.as_u64().filter(|number| *number <= most).unwrap_or_else(|| {
                self.problem(name, format!("it is no whole number of 0 to {most}"));
                otherwise
            }),
        }
    }

    /// One of these words.
    pub(super) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)], otherwise: T) -> T {
        let Some(text) = self.text(name) else { return otherwise };
        let found = choices.iter().find(|(word, _)| *word == text);
        found.map_or_else(
            || {
                let words: Vec<_> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
                self.problem(name, format!("it is none of {}", words.join(", ")));
                otherwise
            },
            |(_, choice)| *choice,
        )
    }

    /// A pointer, or a header: `"/total"`, `{"header": "X-Total-Count"}`.
    pub(super) fn told(&self, name: &str) -> Option<Told> {
        if let Json::String(text) = self.get(name)? {
            return self.pointer_in(name, text).map(Told::Pointer);
        }
        let header = self.node(name, &["header"])?.text("header").unwrap_or_default().to_owned();
        if header.is_empty() {
            self.problem(
                name,
                "it is a pointer, as `/total`, or a header, as `{\"header\": \"X-Total-Count\"}`",
            );
        }
        Some(Told::Header(header))
    }

    /// Where values stand: `"/mail"`, `{"pointer": "/groups", "each": "/id"}`.
    pub(super) fn source(&self, name: &str) -> Option<Source> {
        if let Json::String(text) = self.get(name)? {
            let pointer = self.pointer_in(name, text)?;
            return Some(Source { pointer, each: None, is_writable: true });
        }
        let node = self.node(name, &["pointer", "each", "readOnly"])?;
        if node.get("pointer").is_none() {
            node.problem("pointer", "it is required");
        }
        let is_writable = !node.truth("readOnly");
        Some(Source {
            pointer: node.pointer("pointer").unwrap_or_default(),
            each: node.pointer("each"),
            is_writable,
        })
    }

    /// One value or a list of them.
    pub(super) fn values(&self, name: &str) -> Vec<Json> {
        let values = match self.get(name) {
            None => Vec::new(),
            Some(Json::Array(values)) => values.clone(),
            Some(value) => vec![value.clone()],
        };
        if values.is_empty() || values.iter().any(|value| value.is_array() || value.is_object()) {
            self.problem(name, "it is required, a text, number or truth, or a list of such");
        }
        values
    }
}
