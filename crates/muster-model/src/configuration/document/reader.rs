//! The reader: documents from JSON trees, telling everything that is wrong at once.

use serde_json::{Map, Value};

use crate::configuration::document::check::parse_at;
use crate::configuration::document::nearest::nearest;
use crate::configuration::document::shape::Shape;
use crate::configuration::document::value::{FieldValue, Parse, Word};
use crate::configuration::problems::{Problems, Trail};

/// How strictly values are taken by their JSON type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leniency {
    /// As JSON says: a number is a number.
    Strict,
    /// Numbers and booleans may also be given as text, as XML gives them.
    Text,
}

/// Reads a document of that form.
///
/// # Errors
/// All that is wrong with the form, and what is wrong with the meaning of those parts that could be read.
pub fn read<D: FieldValue>(value: &Value, leniency: Leniency) -> Result<D, Problems> {
    let mut reader = Reader { leniency, trail: Trail::default(), meaning: Problems::new() };
    let document = D::read(value, &mut reader);
    let mut problems = reader.trail.into_problems();
    match document {
        Some(document) if problems.is_empty() => Ok(document),
        _ => {
            problems.merge(reader.meaning);
            Err(problems)
        }
    }
}

/// Reads values and remembers where it is and what is wrong.
#[derive(Debug)]
pub struct Reader {
    leniency: Leniency,
    trail: Trail,
    meaning: Problems,
}

impl Reader {
    /// The fields of an object; tells of fields that the shape does not know.
    pub(crate) fn object<'v>(&mut self, value: &'v Value, shape: &Shape) -> Option<&'v Map<String, Value>> {
        let Value::Object(object) = value else {
            return self.expected("an object", value);
        };
        for name in object.keys().filter(|name| shape.field(name).is_none()) {
            let known = || shape.fields.iter().map(|field| field.name);
            let message = match nearest(name, known()) {
                Some(meant) => format!("unknown field; did you mean `{meant}`?"),
                None => format!("unknown field; known are {}", listed(known())),
            };
            self.trail.problem_in(name, message);
        }
        Some(object)
    }

    /// Looks at the meaning of what was read, for the case that something else could not be.
    pub(crate) fn examine(&mut self, document: &impl Parse) {
        let mut trail = Trail::new(self.trail.pointer().to_owned(), std::mem::take(&mut self.meaning));
        parse_at(document, &mut trail);
        self.meaning = trail.into_problems();
    }

    /// A field that has to be there.
    pub(crate) fn required<T: FieldValue>(&mut self, object: &Map<String, Value>, name: &str) -> Option<T> {
        let Some(value) = given(object, name) else {
            self.trail.problem_in(name, "is required");
            return None;
        };
        self.enter(name, |reader| T::read(value, reader))
    }

    /// A field that may be absent; the inner `None` says that it is.
    pub(crate) fn optional<T: FieldValue>(
        &mut self,
        object: &Map<String, Value>,
        name: &str,
    ) -> Option<Option<T>> {
        let Some(value) = given(object, name) else { return Some(None) };
        match self.enter(name, |reader| T::read(value, reader)) {
            // The reader has been told; the rest of the object can still be examined.
            None if T::STANDS_ALONE => Some(None),
            read => read.map(Some),
        }
    }

    /// A field that may be absent and then has its default.
    pub(crate) fn defaulted<T: FieldValue>(
        &mut self,
        object: &Map<String, Value>,
        name: &str,
    ) -> Option<Option<T>> {
        self.optional(object, name)
    }

    /// A list, empty when it is absent.
    pub(crate) fn list<T: FieldValue>(&mut self, object: &Map<String, Value>, name: &str) -> Option<Vec<T>> {
        match given(object, name) {
            Some(value) => self.enter(name, |reader| reader.items(value)),
            None => Some(Vec::new()),
        }
    }

    /// A list that has to be there. That it is not empty is a matter of meaning.
    pub(crate) fn at_least_one<T: FieldValue>(
        &mut self,
        object: &Map<String, Value>,
        name: &str,
    ) -> Option<Vec<T>> {
        let Some(value) = given(object, name) else {
            self.trail.problem_in(name, "is required, one at least");
            return None;
        };
        self.enter(name, |reader| reader.items(value))
    }

    /// A list whose absence means all there are. Only here an empty one can be told from none.
    pub(crate) fn narrowing<T: FieldValue>(
        &mut self,
        object: &Map<String, Value>,
        name: &str,
    ) -> Option<Vec<T>> {
        if given(object, name).and_then(Value::as_array).is_some_and(Vec::is_empty) {
            self.trail.problem_in(name, "is empty; leave it out if all are meant");
            return None;
        }
        self.list(object, name)
    }

    fn items<T: FieldValue>(&mut self, value: &Value) -> Option<Vec<T>> {
        let Value::Array(items) = value else {
            return self.expected("a list", value);
        };
        let mut read = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            read.push(self.enter(&index.to_string(), |reader| T::read(item, reader)));
        }
        read.into_iter().collect()
    }

    /// A text; what `parse` says against it becomes a problem.
    pub(crate) fn text<T>(
        &mut self,
        value: &Value,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Value::String(text) = value else {
            return self.expected("a text", value);
        };
        parse(text).map_err(|message| self.trail.problem(message)).ok()
    }

    /// One of the words of an enum.
    pub(crate) fn word<W: Word>(&mut self, value: &Value) -> Option<W> {
        self.text(value, |text| {
            W::from_word(text).ok_or_else(|| {
                let words = W::WORDS.iter().copied();
                match nearest(text, words.clone()) {
                    Some(meant) => format!("is none of {}; did you mean `{meant}`?", listed(words)),
                    None => format!("is none of {}", listed(words)),
                }
            })
        })
    }

    /// True or false.
    pub(crate) fn boolean(&mut self, value: &Value) -> Option<bool> {
        match (value, self.leniency) {
            (Value::Bool(boolean), _) => Some(*boolean),
            (Value::String(text), Leniency::Text) => match text.trim() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => {
                    self.trail.problem("is neither `true` nor `false`");
                    None
                }
            },
            _ => self.expected("a boolean", value),
        }
    }

    /// A whole number that the type can hold.
    pub(crate) fn integer<N: TryFrom<i128>>(&mut self, value: &Value) -> Option<N> {
        let number = match (value, self.leniency) {
            (Value::Number(number), _) => {
                number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
            }
            (Value::String(text), Leniency::Text) => text.trim().parse().ok(),
            _ => return self.expected("a whole number", value),
        };
        let fits = number.map(N::try_from);
        match fits {
            Some(Ok(number)) => Some(number),
            Some(Err(_)) => {
                self.trail.problem("is too small or too large a number");
                None
            }
            None => {
                self.trail.problem("is not a whole number");
                None
            }
        }
    }

    fn expected<T>(&mut self, what: &str, found: &Value) -> Option<T> {
        self.trail.problem(format!("is {} where {what} is expected", type_name(found)));
        None
    }

    fn enter<R>(&mut self, segment: &str, visit: impl FnOnce(&mut Self) -> R) -> R {
        let above = self.trail.descend(segment);
        let result = visit(self);
        self.trail.ascend(above);
        result
    }
}

/// The value of a field; null counts as absent, as in a merge patch.
fn given<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// Words as they stand in messages.
fn listed<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
