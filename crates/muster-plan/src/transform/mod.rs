//! Built-in transformations, carried out. They fail on no entry: what does not fit is "no match".

mod date;
mod replace;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;

use muster_model::configuration::transformation::Transformation;
use muster_model::{AttributeName, AttributeSource, Field, Value};

pub(crate) use date::DateForm;
pub(crate) use replace::{cause, expression};
use text::TextStep;
pub(crate) use text::{lower, slug, transliterate, upper};

/// Why a transformation cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TransformationProblem {
    /// Which of the transformations, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub message: String,
}

/// What transformations make of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transformed {
    /// All of them applied.
    Value(Field),
    /// One of them did not apply. The field is as it was before the first.
    NoMatch(Field),
    /// Of several values they did not apply to all: each value as it was before, and what it became.
    InPart(Vec<(Value, Option<Value>)>),
}

/// Transformations in their order, checked and compiled once.
///
/// - Each value of a field of several is transformed on its own; only joining, splitting and taking the first
///   look at the field as a whole. Where one of these comes after a value without a match, and where no value has
///   one, the whole field is "no match".
/// - Absent stays absent and null stays null, unless the first value of other attributes is taken.
/// - Values that are no text are transformed as they are written out, and are text afterwards.
#[derive(Debug, Clone)]
pub struct Transformations {
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Text(TextStep),
    Join { separator: String },
    Split { separator: String },
    FirstOf { attributes: Vec<AttributeName> },
}

impl Transformations {
    /// No transformations: every field stays as it is.
    #[must_use]
    pub fn none() -> Self {
        Self { steps: Vec::new() }
    }

    /// Checks and compiles transformations.
    ///
    /// # Errors
    /// All of them that cannot be carried out: a regular expression that is none or too large, a group that
    /// it lacks, a form of dates that is none, an empty separator to split at, a table that names a text twice.
    pub fn compile(transformations: &[Transformation]) -> Result<Self, Vec<TransformationProblem>> {
        let mut steps = Vec::with_capacity(transformations.len());
        let mut problems = Vec::new();
        for (index, transformation) in transformations.iter().enumerate() {
            match compile_step(transformation) {
                Ok(step) => steps.push(step),
                Err(message) => problems.push(TransformationProblem { index, message }),
            }
        }
        if problems.is_empty() { Ok(Self { steps }) } else { Err(problems) }
    }

    /// The attributes that are read besides the field that is transformed.
    #[must_use]
    pub fn reads(&self) -> Vec<AttributeName> {
        let read_by = |step: &Step| match step {
            Step::FirstOf { attributes } => attributes.clone(),
            Step::Text(_) | Step::Join { .. } | Step::Split { .. } => Vec::new(),
        };
        self.steps.iter().flat_map(read_by).collect()
    }

    /// Transforms a field. `source` is where other attributes are read from.
    #[must_use]
    pub fn apply(&self, input: Field, source: &dyn AttributeSource) -> Transformed {
        // The raw field is kept only where it can be asked for.
        let raw = self.steps.iter().any(Step::can_miss).then(|| input.clone());
        let mut field = input;
        // Where values have begun to go their own ways, and what they were there.
        let mut parted = (0, raw.clone());
        for (index, step) in self.steps.iter().enumerate() {
            match step.apply(field, source) {
                Some(next) => field = next,
                None => {
                    return self
                        .apply_to_each(parted)
                        .unwrap_or(Transformed::NoMatch(raw.unwrap_or_default()));
                }
            }
            if raw.is_some() && !step.is_of_values() {
                parted = (index + 1, Some(field.clone()));
            }
        }
        Transformed::Value(field)
    }

    /// Transforms each of several values by all steps from one on; `None` where a step needs them all, or none of
    /// them has a match.
    fn apply_to_each(&self, (first, field): (usize, Option<Field>)) -> Option<Transformed> {
        let (Some(Field::Many(values)), steps) = (field, &self.steps[first..]) else { return None };
        let mut texts = Vec::with_capacity(steps.len());
        for step in steps {
            let Step::Text(step) = step else { return None };
            texts.push(step);
        }
        let transformed =
            |value: &Value| texts.iter().try_fold(value.clone(), |value, step| apply_to_value(step, value));
        let each: Vec<_> = values.into_iter().map(|value| (value.clone(), transformed(&value))).collect();
        each.iter().any(|(_, became)| became.is_some()).then_some(Transformed::InPart(each))
    }

    /// Transforms one text, for keys that are looked up. A step without a match leaves the text as it is, and
    /// so do joining, splitting and taking the first.
    #[must_use]
    pub fn normalize<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut current = Cow::Borrowed(text);
        for step in &self.steps {
            let Step::Text(step) = step else { continue };
            current = match current {
                Cow::Borrowed(text) => step.apply(text).unwrap_or(Cow::Borrowed(text)),
                Cow::Owned(text) => match step.apply(&text) {
                    Some(changed) => Cow::Owned(changed.into_owned()),
                    None => Cow::Owned(text),
                },
            };
        }
        current
    }
}

fn compile_step(transformation: &Transformation) -> Result<Step, String> {
    Ok(match transformation {
        Transformation::Trim => Step::Text(TextStep::Trim),
        Transformation::Lower => Step::Text(TextStep::Lower),
        Transformation::Upper => Step::Text(TextStep::Upper),
        Transformation::RegexReplace { pattern, replacement } => {
            Step::Text(TextStep::Replace(replace::Replace::compile(pattern, replacement)?))
        }
        Transformation::StripDomain => Step::Text(TextStep::StripDomain),
        Transformation::Join { separator } => Step::Join { separator: separator.clone() },
        Transformation::Split { separator } if separator.is_empty() => {
            return Err("the separator to split at is empty".to_owned());
        }
        Transformation::Split { separator } => Step::Split { separator: separator.clone() },
        Transformation::FirstOf { attributes } => Step::FirstOf {
            attributes: attributes.iter().map(|name| AttributeName::from(name.as_str())).collect(),
        },
        Transformation::Lookup { table } => Step::Text(TextStep::lookup(table)?),
        Transformation::DateFormat { from, to } => Step::Text(TextStep::DateFormat {
            from: DateForm::compile(from.as_deref())?,
            to: DateForm::compile(to.as_deref())?,
        }),
        Transformation::Slug => Step::Text(TextStep::Slug),
        Transformation::Transliterate => Step::Text(TextStep::Transliterate),
    })
}

impl Step {
    fn can_miss(&self) -> bool {
        match self {
            Self::Text(step) => step.can_miss(),
            Self::Join { .. } | Self::Split { .. } | Self::FirstOf { .. } => false,
        }
    }

    /// Whether it looks at each value on its own.
    fn is_of_values(&self) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Join { .. } | Self::Split { .. } | Self::FirstOf { .. } => false,
        }
    }

    /// `None` when a value has no match.
    fn apply(&self, field: Field, source: &dyn AttributeSource) -> Option<Field> {
        match self {
            Self::Text(step) => match field {
                Field::Absent | Field::Null => Some(field),
                Field::One(value) => apply_to_value(step, value).map(Field::One),
                Field::Many(values) => {
                    let values: Option<_> =
                        values.into_iter().map(|value| apply_to_value(step, value)).collect();
                    values.map(Field::Many)
                }
            },
            Self::Join { separator } => Some(join(field, separator)),
            Self::Split { separator } => Some(split(field, separator)),
            Self::FirstOf { attributes } => Some(first_of(field, attributes, source)),
        }
    }
}

fn apply_to_value(step: &TextStep, value: Value) -> Option<Value> {
    let Value::String(text) = value else {
        return Some(Value::String(step.apply(&value.to_text())?.into_owned()));
    };
    // A text that comes back as it was is not copied.
    let changed = match step.apply(&text)? {
        Cow::Borrowed(same) if same.len() == text.len() => None,
        changed @ (Cow::Borrowed(_) | Cow::Owned(_)) => Some(changed.into_owned()),
    };
    Some(Value::String(changed.unwrap_or(text)))
}

/// An empty list becomes null: it says that there is no value, as null does for a single one.
fn join(field: Field, separator: &str) -> Field {
    match field {
        Field::Many(values) if values.is_empty() => Field::Null,
        Field::Many(values) => {
            let texts: Vec<_> = values.iter().map(Value::to_text).collect();
            Field::text(texts.join(separator))
        }
        Field::Absent | Field::Null | Field::One(_) => field,
    }
}

/// An empty text becomes an empty list; empty parts are kept.
fn split(field: Field, separator: &str) -> Field {
    if matches!(field, Field::Absent | Field::Null) {
        return field;
    }
    let mut parts = Vec::new();
    for value in field.values() {
        let text = value.to_text();
        if !text.is_empty() {
            parts.extend(text.split(separator).map(Value::from));
        }
    }
    Field::Many(parts)
}

/// Where there is no value at all the field stays as it is: absent, null or an empty list.
fn first_of(field: Field, attributes: &[AttributeName], source: &dyn AttributeSource) -> Field {
    match field {
        Field::One(_) => field,
        Field::Many(values) if !values.is_empty() => {
            values.into_iter().next().map_or(Field::Null, Field::One)
        }
        Field::Absent | Field::Null | Field::Many(_) => {
            let other = |name: &AttributeName| source.field(name.as_str()).first().cloned();
            attributes.iter().find_map(other).map_or(field, Field::One)
        }
    }
}
