//! One call of a description, and how it is made of values.

use muster_connector::ConnectorError;
use muster_egress::Method;
use muster_http::{Call, encoded};
use serde_json::Value as Json;

use crate::template::{Template, Text, Values};

/// A call that an API takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    /// Behind the base URL, as `/users/{key}`.
    pub(crate) path: Text,
    /// Parameters; one whose placeholder has no value is left out.
    pub(crate) query: Vec<(String, Text)>,
    pub(crate) body: Option<Template>,
    pub(crate) content_type: String,
}

impl Default for Operation {
    fn default() -> Self {
        Self {
            method: Method::Get,
            path: Text::default(),
            query: Vec::new(),
            body: None,
            content_type: Self::CONTENT_TYPE.to_owned(),
        }
    }
}

impl Operation {
    /// What is sent where nothing else is said.
    pub(crate) const CONTENT_TYPE: &str = "application/json";

    /// The names of the placeholders, wherever they stand.
    pub(crate) fn placeholders(&self) -> Vec<&str> {
        let query = self.query.iter().flat_map(|(_, text)| text.placeholders());
        let body = self.body.iter().flat_map(Template::placeholders);
        self.path.placeholders().chain(query).chain(body).collect()
    }

    pub(crate) fn has(&self, placeholder: &str) -> bool {
        self.placeholders().contains(&placeholder)
    }

    /// The call with values.
    ///
    /// # Errors
    /// When the path has no value, or one that would lead elsewhere.
    pub(crate) fn call(&self, values: &Values) -> Result<Call, ConnectorError> {
        // A parameter without a value is left out, and without a key it would be about all things.
        let is_keyless =
            self.has("key") && values.get("key").and_then(Json::as_str).is_none_or(str::is_empty);
        let rejected = |message: &str| ConnectorError::Rejected { message: message.to_owned() };
        if is_keyless {
            return Err(rejected("the key is empty"));
        }
        let spelled = |text: &str| encoded(text);
        let filled = self.path.fill(values, spelled);
        let mut path =
            filled.ok_or_else(|| rejected("a value that the path of the description names is missing"))?;
        // Half of the web takes such a part for the one above it, and that would be another thing, or all of them.
        if path.split('/').skip(1).any(|part| matches!(part, "." | "..")) || path.contains("//") {
            return Err(rejected(
                "a value that stands in the path is empty, `.` or `..`, which cannot stand there",
            ));
        }
        if path.ends_with('/') && self.path.placeholders().count() > 0 {
            return Err(rejected("a value that stands in the path is empty"));
        }
        let query = self.query.iter().filter_map(|(name, text)| {
            Some(format!("{}={}", encoded(name), text.fill_by(values, in_query, spelled)?))
        });
        for (number, pair) in query.enumerate() {
            path.push(if number == 0 { '?' } else { '&' });
            path.push_str(&pair);
        }
        let body = self.body.as_ref().and_then(|body| body.fill(values));
        let body = body.map(|body| (self.content_type.clone(), body.to_string().into_bytes()));
        Ok(Call { body, ..Call::new(self.method, path) })
    }
}

/// What a description says in a query: only what cannot stand there is encoded.
fn in_query(text: &str) -> String {
    let is_admitted = |letter: char| letter.is_ascii_alphanumeric() || "-._~!$'()*,;:@/?[]".contains(letter);
    let mut spelled = String::new();
    for letter in text.chars() {
        match is_admitted(letter) {
            true => spelled.push(letter),
            false => spelled.push_str(&encoded(letter.encode_utf8(&mut [0; 4]))),
        }
    }
    spelled
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_encoded_and_stay_in_their_place() {
        let operation = Operation {
            path: Text::parse("/users/{key}").unwrap(),
            query: vec![
                ("q".to_owned(), Text::parse("name eq {name}").unwrap()),
                ("cursor".to_owned(), Text::parse("{cursor}").unwrap()),
            ],
            ..Operation::default()
        };
        let call = |key: &str| {
            let values = [("key".to_owned(), json!(key)), ("name".to_owned(), json!("a&b"))].into();
            operation.call(&values).map(|call| call.target)
        };
        assert_eq!(call("a b/../c?d").unwrap(), "/users/a%20b%2F..%2Fc%3Fd?q=name%20eq%20a%26b");
        for key in ["", ".", ".."] {
            assert!(matches!(call(key), Err(ConnectorError::Rejected { .. })), "{key}");
        }
        assert!(matches!(operation.call(&Values::new()), Err(ConnectorError::Rejected { .. })));
    }
}
