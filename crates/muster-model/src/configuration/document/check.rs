//! Checks that all documents share: their form once more, and fields that fit each other.

use serde_json::{Map, Value};

use crate::configuration::document::shape::{FieldShape, Form, Presence};
use crate::configuration::document::value::{DocumentShape, FieldValue, Parse};
use crate::configuration::problems::{Problems, Trail};

/// Parses a document into its domain type.
///
/// # Errors
/// All that is wrong within the document.
pub fn parse<D: Parse>(document: &D) -> Result<D::Domain, Problems> {
    let mut trail = Trail::default();
    let domain = parse_at(document, &mut trail);
    let problems = trail.into_problems();
    match domain {
        Some(domain) if problems.is_empty() => Ok(domain),
        _ => Err(problems),
    }
}

/// Parses the document that stands where the trail is.
pub(crate) fn parse_at<D: Parse>(document: &D, trail: &mut Trail) -> Option<D::Domain> {
    check_shape(document, trail);
    document.parse(trail)
}

/// Parses every document of a list.
pub(crate) fn parse_list<D: Parse>(list: &str, documents: &[D], trail: &mut Trail) -> Option<Vec<D::Domain>> {
    trail.enter(list, |trail| {
        let mut parsed = Vec::with_capacity(documents.len());
        for (index, document) in documents.iter().enumerate() {
            parsed.push(trail.enter(&index.to_string(), |trail| parse_at(document, trail)));
        }
        parsed.into_iter().collect()
    })
}

/// Parses a document that may be absent; the inner `None` says that it is.
pub(crate) fn parse_optional<D: Parse>(
    field: &str,
    document: Option<&D>,
    trail: &mut Trail,
) -> Option<Option<D::Domain>> {
    match document {
        Some(document) => trail.enter(field, |trail| parse_at(document, trail)).map(Some),
        None => Some(None),
    }
}

/// What the shape promises beyond types: required texts and lists are not empty, numbers are in range.
fn check_shape<D: DocumentShape>(document: &D, trail: &mut Trail) {
    let fields = fields_of(document);
    for shape in D::SHAPE.fields {
        if let Some(message) = broken_promise(shape, fields.get(shape.name)) {
            trail.problem_in(shape.name, message);
        }
    }
}

fn broken_promise(shape: &FieldShape, value: Option<&Value>) -> Option<String> {
    match (shape.presence, &shape.form, value) {
        (Presence::AtLeastOne, _, None) => Some("is empty where one at least is needed".to_owned()),
        (Presence::Required, Form::Text(_), Some(Value::String(text))) if text.trim().is_empty() => {
            Some("is empty".to_owned())
        }
        (
            Presence::List | Presence::AtLeastOne | Presence::Narrowing,
            Form::Text(_),
            Some(Value::Array(items)),
        ) => {
            let empty =
                items.iter().position(|item| item.as_str().is_some_and(|text| text.trim().is_empty()));
            empty.map(|index| format!("is empty at position {index}"))
        }
        (_, _, Some(Value::Number(number))) => {
            let range = shape.range.as_ref()?;
            let inside = number.as_i64().is_some_and(|number| range.contains(&number));
            (!inside).then(|| format!("is {number}, but goes from {} to {}", range.start(), range.end()))
        }
        _ => None,
    }
}

/// Which fields belong to a choice, such as the fields of one `scheduleType`.
pub(crate) struct Choice<'a> {
    /// The choice as messages name it, such as `` `scheduleType` CRON ``.
    pub(crate) name: String,
    /// Fields that it cannot do without.
    pub(crate) needed: &'a [&'a str],
    /// Fields that it may have.
    pub(crate) admitted: &'a [&'a str],
    /// All fields that belong to some choice; others are not looked at.
    pub(crate) governed: &'a [&'a str],
}

/// Tells of governed fields that are missing or do not belong.
pub(crate) fn check_choice(document: &impl DocumentShape, choice: &Choice<'_>, trail: &mut Trail) {
    let fields = fields_of(document);
    for field in choice.needed.iter().filter(|field| !fields.contains_key(**field)) {
        trail.problem_in(field, format!("is required for {}", choice.name));
    }
    let belongs = |field: &str| choice.needed.contains(&field) || choice.admitted.contains(&field);
    for field in choice.governed.iter().filter(|field| fields.contains_key(**field) && !belongs(field)) {
        trail.problem_in(field, format!("does not belong to {}", choice.name));
    }
}

/// Tells of a text that is given but empty.
pub(crate) fn check_not_empty(field: &str, text: Option<&String>, trail: &mut Trail) {
    if text.is_some_and(|text| text.trim().is_empty()) {
        trail.problem_in(field, "is empty; leave it out instead");
    }
}

/// Tells of a path that is not below the tenant's own directory.
pub(crate) fn check_relative_path(field: &str, path: &str, trail: &mut Trail) {
    let drive = path.as_bytes().get(1) == Some(&b':');
    let problem = if path.trim().is_empty() {
        "is empty"
    } else if path.starts_with(['/', '\\']) || drive {
        "is absolute; paths are relative to the tenant's directory"
    } else if path.split(['/', '\\']).any(|part| part == "..") {
        "leads out of the tenant's directory with `..`"
    } else if path.chars().any(char::is_control) {
        "contains a control character"
    } else {
        return;
    };
    trail.problem_in(field, problem);
}

fn fields_of(document: &impl FieldValue) -> Map<String, Value> {
    match document.write() {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
