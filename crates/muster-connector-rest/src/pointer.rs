//! Pointers into JSON (RFC 6901): where something stands in an answer, and where it is put in what is sent.

use std::fmt;

use serde_json::{Map, Value as Json};

/// A place in a document; the empty one is the whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pointer {
    text: String,
    parts: Vec<String>,
}

impl Pointer {
    /// # Errors
    /// When the text is no pointer; says what would be right.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!("`{text}` is no pointer: it begins with `/`, as `/data/id`, or is empty"));
        };
        let escaped = text.split('~').skip(1).all(|behind| behind.starts_with(['0', '1']));
        if !escaped {
            return Err(format!("`{text}` is no pointer: write `~0` for `~` and `~1` for `/` in a name"));
        }
        let parts = rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        Ok(Self { text: text.to_owned(), parts })
    }

    /// Whether it is the whole document.
    pub(crate) fn is_whole(&self) -> bool {
        self.parts.is_empty()
    }

    /// What stands there.
    pub(crate) fn get<'a>(&self, json: &'a Json) -> Option<&'a Json> {
        json.pointer(&self.text)
    }

    /// Takes out what stands there, and leaves null.
    pub(crate) fn take(&self, json: &mut Json) -> Option<Json> {
        json.pointer_mut(&self.text).map(Json::take)
    }

    /// Puts a value there; objects on the way are made.
    ///
    /// # Errors
    /// When something else than an object stands in the way.
    pub(crate) fn set(&self, json: &mut Json, value: Json) -> Result<(), String> {
        let mut here = json;
        for part in &self.parts {
            if here.is_null() {
                *here = Map::new().into();
            }
            let Some(object) = here.as_object_mut() else {
                return Err(format!(
                    "nothing can be put at `{}`: what stands in its way is no object",
                    self.text
                ));
            };
            here = object.entry(part.as_str()).or_insert(Json::Null);
        }
        *here = value;
        Ok(())
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_found_and_filled() {
        let pointer = |text: &str| Pointer::parse(text).unwrap();
        let held = json!({"a": {"b/c": [1, {"d~": "x"}]}});
        assert_eq!(pointer("").get(&held), Some(&held));
        assert_eq!(pointer("/a/b~1c/1/d~0").get(&held), Some(&json!("x")));
        assert_eq!(pointer("/a/none").get(&held), None);
        let mut made = Json::Null;
        pointer("/a/b~1c").set(&mut made, json!(1)).unwrap();
        pointer("/a/d").set(&mut made, json!([])).unwrap();
        assert_eq!(made, json!({"a": {"b/c": 1, "d": []}}));
        assert!(pointer("/a/d/e").set(&mut made, json!(1)).is_err(), "a list is in the way");
        assert_eq!(pointer("/a/d").take(&mut made), Some(json!([])));
    }

    #[test]
    fn texts_that_are_no_pointers_are_refused() {
        for text in ["a", "data/id", "$.a", "/a~", "/a~2"] {
            assert!(Pointer::parse(text).is_err(), "{text}");
        }
        for text in ["", "/", "/a//b", "/a~01"] {
            assert_eq!(Pointer::parse(text).unwrap().to_string(), text);
        }
    }
}
