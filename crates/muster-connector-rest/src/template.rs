//! Templates: JSON and texts with placeholders, `{name}`, each of which stands for one value. Computes nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

/// The name of a property of an object whose value is spread into the object.
const SPREAD: &str = "&";

/// What placeholders stand for. One without a value is absent.
pub(crate) type Values = BTreeMap<String, Json>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Plain(String),
    Placeholder(String),
}

/// A text with placeholders; `{{` and `}}` are the braces themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Text(Vec<Part>);

impl Text {
    /// # Errors
    /// When a brace is not closed, or nothing stands in it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '{' | '}' if letters.peek() == Some(&letter) => plain.extend(letters.next()),
                '{' => {
                    let mut name = String::new();
                    let is_closed = letters.by_ref().any(|letter| {
                        let ends = letter == '}';
                        if !ends {
                            name.push(letter);
                        }
                        ends
                    });
                    if !is_closed || name.is_empty() || name.contains('{') {
                        return Err(format!(
                            "`{text}` has a `{{` without a name and a `}}`; a brace itself is `{{{{`"
                        ));
                    }
                    if !plain.is_empty() {
                        parts.push(Part::Plain(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Placeholder(name));
                }
                '}' => return Err(format!("`{text}` has a `}}` without its `{{`; a brace itself is `}}}}`")),
                letter => plain.push(letter),
            }
        }
        if !plain.is_empty() || parts.is_empty() {
            parts.push(Part::Plain(plain));
        }
        Ok(Self(parts))
    }

    /// What stands between placeholders.
    pub(crate) fn plain(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Plain(text) => Some(text.as_str()),
            Part::Placeholder(_) => None,
        })
    }

    /// The names of the placeholders.
    pub(crate) fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Placeholder(name) => Some(name.as_str()),
            Part::Plain(_) => None,
        })
    }

    /// The text with values, each spelled by `spell`; `None` where a placeholder has none.
    pub(crate) fn fill(&self, values: &Values, spell: impl Fn(&str) -> String) -> Option<String> {
        self.fill_by(values, str::to_owned, spell)
    }

    /// The same where what stands between placeholders is spelled by `plain`.
    pub(crate) fn fill_by(
        &self,
        values: &Values,
        plain: impl Fn(&str) -> String,
        spell: impl Fn(&str) -> String,
    ) -> Option<String> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Plain(text) => filled.push_str(&plain(text)),
                Part::Placeholder(name) => filled.push_str(&spell(&text_of(values.get(name)?)?)),
            }
        }
        Some(filled)
    }

    /// A text that is one placeholder alone keeps the type of its value.
    fn fill_json(&self, values: &Values) -> Option<Json> {
        match self.0.as_slice() {
            [Part::Placeholder(name)] => values.get(name).cloned(),
            _ => self.fill(values, str::to_owned).map(Json::from),
        }
    }
}

/// A value as a part of a text; the values of a list are separated by commas.
pub(crate) fn text_of(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(truth) => Some(truth.to_string()),
        Json::Array(elements) => {
            let texts: Option<Vec<_>> = elements.iter().map(text_of).collect();
            texts.map(|texts| texts.join(","))
        }
        Json::Null | Json::Object(_) => None,
    }
}

/// A body with placeholders.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Template {
    Constant(Json),
    Text(Text),
    List(Vec<Template>),
    Object(Vec<(String, Template)>),
}

impl Template {
    /// The template that a document is; each problem is told with its place.
    pub(crate) fn parse(json: &Json, place: &str, problem: &mut impl FnMut(&str, String)) -> Self {
        match json {
            Json::String(text) => match Text::parse(text) {
                Ok(text) => Self::Text(text),
                Err(told) => {
                    problem(place, told);
                    Self::Constant(Json::Null)
                }
            },
            Json::Array(elements) => {
                let each = elements.iter().enumerate();
                Self::List(
                    each.map(|(at, element)| Self::parse(element, &format!("{place}/{at}"), problem))
                        .collect(),
                )
            }
            Json::Object(object) => {
                let each = object.iter();
                let parsed = each.map(|(name, held)| {
                    let inner = Self::parse(held, &format!("{place}/{name}"), problem);
                    (name.clone(), inner)
                });
                Self::Object(parsed.collect())
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => Self::Constant(json.clone()),
        }
    }

    /// The names of the placeholders.
    pub(crate) fn placeholders(&self) -> Vec<&str> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::Text(text) => text.placeholders().collect(),
            Self::List(elements) => elements.iter().flat_map(Self::placeholders).collect(),
            Self::Object(members) => members.iter().flat_map(|(_, held)| held.placeholders()).collect(),
        }
    }

    /// The document with values. What has no value is left out of its list or object; `None` where that is all of it.
    pub(crate) fn fill(&self, values: &Values) -> Option<Json> {
        match self {
            Self::Constant(json) => Some(json.clone()),
            Self::Text(text) => text.fill_json(values),
            Self::List(elements) => {
                Some(elements.iter().filter_map(|element| element.fill(values)).collect())
            }
            Self::Object(members) => {
                let mut object = Map::new();
                for (name, held) in members {
                    match (name.as_str(), held.fill(values)) {
                        (SPREAD, Some(Json::Object(inner))) => object.extend(inner),
                        (_, Some(filled)) => {
                            object.insert(name.clone(), filled);
                        }
                        (_, None) => {}
                    }
                }
                Some(object.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(template: Json) -> Json {
        let values: Values = [
            ("key".to_owned(), json!("a/b")),
            ("number".to_owned(), json!(7)),
            ("list".to_owned(), json!(["x", "y"])),
            ("none".to_owned(), Json::Null),
            ("changes".to_owned(), json!({"mail": "m"})),
        ]
        .into();
        let mut problems = Vec::new();
        let template =
            Template::parse(&template, "", &mut |place, told| problems.push((place.to_owned(), told)));
        assert_eq!(problems, []);
        template.fill(&values).unwrap_or_default()
    }

    #[test]
    fn placeholders_keep_the_type_of_what_they_stand_for() {
        for (template, expected) in [
            (
                json!({"n": "{number}", "l": "{list}", "z": "{none}"}),
                json!({"n": 7, "l": ["x", "y"], "z": null}),
            ),
            (json!({"t": "n={number} {{k}} {key} {list}"}), json!({"t": "n=7 {k} a/b x,y"})),
            (json!({"absent": "{other}", "in": ["{other}", 1, true]}), json!({"in": [1, true]})),
            (json!({"type": "u", "&": "{changes}"}), json!({"type": "u", "mail": "m"})),
            (json!({"data": "{changes}"}), json!({"data": {"mail": "m"}})),
            (json!("{changes}"), json!({"mail": "m"})),
        ] {
            assert_eq!(filled(template), expected);
        }
    }

    #[test]
    fn texts_are_spelled_and_braces_have_to_be_closed() {
        let values: Values = [("key".to_owned(), json!("a"))].into();
        let upper = |text: &str| text.to_uppercase();
        assert_eq!(Text::parse("/u/{key}/x").unwrap().fill(&values, upper).as_deref(), Some("/u/A/x"));
        assert_eq!(Text::parse("/u/{other}").unwrap().fill(&values, upper), None);
        for text in ["{", "{}", "a{b", "a}b", "{a{b}}"] {
            assert!(Text::parse(text).is_err(), "{text}");
        }
    }
}
