//! Reads properties and gathers their problems, all at once. Never knows what a property means.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::{PropertyDescription, unknown};
use crate::{Properties, PropertyProblem};

const TRUTHS: [(&str, bool); 2] = [("true", true), ("false", false)];

/// The properties that are given, with the problems found so far. What has a problem reads as `None`, as what nobody says
/// does: with a problem nothing is made of the rest.
pub struct Form<'a> {
    given: &'a Properties,
    known: &'static [PropertyDescription],
    problems: Vec<PropertyProblem>,
}

impl<'a> Form<'a> {
    /// A form of these properties, where those that nobody knows are problems.
    #[must_use]
    pub fn new(given: &'a Properties, known: &'static [PropertyDescription]) -> Self {
        Self::with_families(given, known, &[])
    }

    /// The same, where names that begin with one of these prefixes are known too.
    #[must_use]
    pub fn with_families(
        given: &'a Properties,
        known: &'static [PropertyDescription],
        prefixes: &[&str],
    ) -> Self {
        let mut problems = unknown(given, known);
        problems.retain(|problem| !prefixes.iter().any(|prefix| problem.name.starts_with(prefix)));
        Self { given, known, problems }
    }

    /// What is given, whatever it is.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&'a str> {
        self.given.get(name).map(String::as_str)
    }

    /// What is given, or the documented default.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let default = || self.known.iter().find(|property| property.name == name)?.default;
        self.given(name).or_else(default)
    }

    /// Notes what is wrong with a property.
    pub fn problem(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(PropertyProblem { name: name.to_owned(), message: message.into() });
    }

    /// Notes the same problem for each of these properties that is given.
    pub fn alien(&mut self, names: &[&str], message: &str) {
        for name in names {
            if self.given(name).is_some() {
                self.problem(name, message);
            }
        }
    }

    /// A text that is not empty when it is given.
    pub fn filled(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        if text.is_empty() {
            self.problem(name, "it is empty; give a text or leave the property out");
            return None;
        }
        Some(text.to_owned())
    }

    /// One of these words.
    pub fn choice<T: Clone>(&mut self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let chosen = choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| choice.clone());
        if chosen.is_none() {
            self.problem(name, format!("it is {}", none_of(choices)));
        }
        chosen
    }

    /// `true` or `false`.
    pub fn truth(&mut self, name: &str) -> Option<bool> {
        self.choice(name, &TRUTHS)
    }

    /// A whole number within a range.
    pub fn number<T>(&mut self, name: &str, range: RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + Display,
    {
        let number = self.text(name)?.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = range.into_inner();
            self.problem(name, format!("it is no whole number of {least} to {most}"));
        }
        number
    }

    /// A whole number that is not less than this one.
    pub fn at_least<T>(&mut self, name: &str, least: T) -> Option<T>
    where
        T: FromStr + PartialOrd + Display,
    {
        let number = self.text(name)?.parse().ok().filter(|number| *number >= least);
        if number.is_none() {
            self.problem(name, format!("it is no whole number of {least} or more"));
        }
        number
    }

    /// What was made of the properties, if none has a problem.
    ///
    /// # Errors
    /// With every problem that there is.
    pub fn ends_as<T>(self, made: T) -> Result<T, Vec<PropertyProblem>> {
        match self.problems.is_empty() {
            true => Ok(made),
            false => Err(self.problems),
        }
    }
}

fn none_of<T>(choices: &[(&str, T)]) -> String {
    let mut words: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
    let last = words.pop().unwrap_or_default();
    match words.as_slice() {
        [other] => format!("neither {other} nor {last}"),
        others => format!("none of {} and {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConnectorError;
    use crate::properties::property;

    const KNOWN: &[PropertyDescription] = &[
        property("size", Some("5"), ""),
        property("port", Some("80"), ""),
        property("rows", None, ""),
        property("writable", Some("true"), ""),
        property("empty", Some("NULL"), ""),
        property("prefix", None, ""),
    ];
    const CHOICES: [(&str, u8); 3] = [("ABSENT", 0), ("EMPTY", 1), ("NULL", 2)];

    fn properties(given: &[(&str, &str)]) -> Properties {
        given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn what_nobody_says_is_the_default_or_nothing() {
        let given = properties(&[]);
        let mut form = Form::new(&given, KNOWN);
        assert_eq!((form.number("size", 1..=9), form.at_least("rows", 0)), (Some(5), None::<u64>));
        assert_eq!((form.truth("writable"), form.choice("empty", &CHOICES)), (Some(true), Some(2)));
        assert_eq!((form.filled("prefix"), form.given("size"), form.text("size")), (None, None, Some("5")));
        form.alien(&["prefix", "rows"], "it means nothing");
        assert_eq!(form.ends_as(()), Ok(()));
    }

    #[test]
    fn each_problem_is_told_with_its_property() {
        let given = properties(&[
            ("size", "10"),
            ("port", "65536"),
            ("rows", "-1"),
            ("writable", "yes"),
            ("empty", "null"),
            ("prefix", ""),
            ("query.x", "SELECT 1"),
            ("prefux", "x"),
        ]);
        let mut form = Form::with_families(&given, KNOWN, &["query."]);
        assert_eq!((form.number("size", 1..=9), form.number("port", 1..=u16::MAX)), (None, None));
        assert_eq!((form.at_least("rows", 0_u64), form.truth("writable")), (None, None));
        assert_eq!((form.choice("empty", &CHOICES), form.filled("prefix")), (None, None));
        form.alien(&["prefix", "others"], "it means nothing");
        let told = ConnectorError::from(form.ends_as(()).unwrap_err()).to_string();
        assert_eq!(
            told.split("; ").collect::<Vec<_>>(),
            [
                "`prefux`: there is no property `prefux`",
                "the nearest is `prefix`",
                "`size`: it is no whole number of 1 to 9",
                "`port`: it is no whole number of 1 to 65535",
                "`rows`: it is no whole number of 0 or more",
                "`writable`: it is neither `true` nor `false`",
                "`empty`: it is none of `ABSENT`, `EMPTY` and `NULL`",
                "`prefix`: it is empty",
                "give a text or leave the property out",
                "`prefix`: it means nothing",
            ]
        );
    }
}
