//! Reads properties and gathers their problems; a property with a problem reads as its default.

use std::ops::RangeInclusive;

use muster_connector::{Properties, PropertyProblem};

use crate::description::{Description, is_header_name};
use crate::properties::PROPERTIES;

pub(super) struct Form<'a> {
    pub(super) given: &'a Properties,
    pub(super) problems: Vec<PropertyProblem>,
}

impl<'a> Form<'a> {
    /// What is given, or the documented default.
    fn text(&self, name: &str) -> Option<&'a str> {
        let default = || PROPERTIES.iter().find(|property| property.name == name)?.default;
        self.given.get(name).map(String::as_str).or_else(default)
    }

    pub(super) fn problem(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(PropertyProblem { name: name.to_owned(), message: message.into() });
    }

    /// A text that is not empty when it is given.
    pub(super) fn filled(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?.to_owned();
        if text.is_empty() {
            self.problem(name, "it is empty; give a text or leave the property out");
            return None;
        }
        Some(text)
    }

    /// A text that can stand in a header.
    pub(super) fn header(&mut self, name: &str) -> String {
        let text = self.filled(name).unwrap_or_default();
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.problem(
                name,
                "it holds a blank, a line break or a letter beyond ASCII; give the value alone",
            );
        }
        text
    }

    pub(super) fn truth(&mut self, name: &str) -> bool {
        self.choice(name, &[("true", true), ("false", false)], true)
    }

    /// One of these words; `otherwise` where nothing is said.
    pub(super) fn choice<T: Clone>(&mut self, name: &str, choices: &[(&str, T)], otherwise: T) -> T {
        let Some(text) = self.text(name) else { return otherwise };
        match choices.iter().find(|(word, _)| *word == text) {
            Some((_, choice)) => choice.clone(),
            None => {
                let words: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
                self.problem(name, format!("it is none of {}", words.join(", ")));
                otherwise
            }
        }
    }

    pub(super) fn number(&mut self, name: &str, range: RangeInclusive<usize>) -> usize {
        let given = self.text(name).unwrap_or_default();
        match given.parse().ok().filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                let (least, most) = (range.start(), range.end());
                self.problem(name, format!("it is no whole number of {least} to {most}"));
                *least
            }
        }
    }

    /// The name of a header that is not ours to say.
    pub(super) fn header_name(&mut self, name: &str) -> String {
        let text = self.filled(name).unwrap_or_default();
        if !text.is_empty() && !is_header_name(&text) {
            self.problem(name, "it is no name of a header that can be given here, as `X-Api-Key`");
        }
        text
    }

    /// What an API looks like; each problem with its place.
    pub(super) fn description(&mut self, name: &str) -> Description {
        let Some(text) = self.filled(name) else {
            if !self.given.contains_key(name) {
                self.problem(name, "it is required; describe the API as JSON");
            }
            return Description::default();
        };
        let (description, problems) = Description::parse(&text);
        for problem in problems {
            self.problem(name, problem);
        }
        description
    }

    /// A required URL, without a `/` at its end.
    pub(super) fn url(&mut self, name: &str) -> Option<String> {
        let Some(url) = self.filled(name) else {
            if !self.given.contains_key(name) {
                self.problem(
                    name,
                    "it is required; give the address of the API, as `https://api.example.com/v1`",
                );
            }
            return None;
        };
        match wrong_url(&url) {
            None => Some(url.trim_end_matches('/').to_owned()),
            Some(problem) => {
                self.problem(name, problem);
                None
            }
        }
    }

    /// Certificates in PEM.
    pub(super) fn roots(&mut self, name: &str) -> Option<String> {
        let pem = self.filled(name)?;
        if let Err(error) = muster_egress::tls::client_config(Some(&pem)) {
            self.problem(name, error.to_string());
        }
        Some(pem)
    }
}

/// What is wrong with a URL, never showing what it holds.
fn wrong_url(url: &str) -> Option<&'static str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else { return Some("it begins neither with `https://` nor with `http://`") };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || host.starts_with(':') {
        return Some("it names no host");
    }
    if host.contains('@') {
        return Some("it holds a user name or password; these have properties of their own");
    }
    if url.contains(['?', '#']) {
        return Some("it holds a query or fragment; leave that out");
    }
    if url.chars().any(|letter| letter.is_whitespace() || letter.is_control() || !letter.is_ascii()) {
        return Some("it holds a blank or a letter beyond ASCII; write it encoded");
    }
    None
}
