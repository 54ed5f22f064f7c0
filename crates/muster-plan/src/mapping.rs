//! Mapping: what the attributes of one side make of the attributes of the other. The same for both directions.

use chrono::{DateTime, Utc};
use muster_model::configuration::application::{OnNoMatch, Strength};
use muster_model::{AttributeName, AttributeSource, Attributes, Field, Provenance};

use crate::convert::convert;
use crate::rules::{Mapping, Rules, ValueRule};
use crate::transform::Transformed;

/// Why an entry could not be mapped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("attribute `{attribute}`: {message}")]
pub struct MappingError {
    /// The attribute that was to be written.
    pub attribute: AttributeName,
    /// What is wrong with its value.
    pub message: String,
}

/// What a mapping has to look at.
pub struct MappingInput<'a> {
    /// The side that is read.
    pub source: &'a dyn AttributeSource,
    /// What the rules read of the source at the last decision; `None` at the first, and for an import.
    pub snapshot: Option<&'a Attributes>,
    /// The side that is written; `None` when it is still to be made.
    pub target: Option<&'a dyn AttributeSource>,
    /// Where the target's values come from.
    pub provenance: Option<&'a Provenance>,
    /// The instant of the decision.
    pub now: DateTime<Utc>,
}

/// What mapping comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapped {
    /// These attributes are to hold these values; those not named stay.
    Writes(Vec<(AttributeName, Field)>),
    /// A mapping filters the entry.
    Filtered,
}

enum OneMapped {
    Write(Field),
    Keep,
    Filter,
}

/// Maps all attributes of an entry. Of several mappings of one attribute the first that has a value counts.
///
/// # Errors
/// When a value is not of its type, or an expression fails.
pub fn map(rules: &Rules, input: &MappingInput<'_>) -> Result<Mapped, MappingError> {
    let mut writes: Vec<(AttributeName, Field)> = Vec::with_capacity(rules.mappings.len());
    for mapping in &rules.mappings {
        if writes.iter().any(|(written, _)| written == &mapping.attribute) || !is_due(mapping, input) {
            continue;
        }
        match map_one(mapping, input)? {
            OneMapped::Write(field) => writes.push((mapping.attribute.clone(), field)),
            OneMapped::Keep => {}
            OneMapped::Filter => return Ok(Mapped::Filtered),
        }
    }
    Ok(Mapped::Writes(writes))
}

/// Whether strength and authority let the mapping write at all.
fn is_due(mapping: &Mapping, input: &MappingInput<'_>) -> bool {
    let Some(target) = input.target else { return true };
    let origin = input.provenance.and_then(|provenance| provenance.of(mapping.attribute.as_str()));
    if origin.is_some_and(|origin| mapping.outranked_by.contains(&origin.application)) {
        return false;
    }
    match mapping.strength {
        Strength::Strong => true,
        Strength::Normal => input.snapshot.is_none_or(|before| {
            mapping.reads.iter().any(|name| before.get(name.as_str()) != &*input.source.field(name.as_str()))
        }),
        Strength::Weak => target.field(mapping.attribute.as_str()).has_no_value(),
    }
}

fn map_one(mapping: &Mapping, input: &MappingInput<'_>) -> Result<OneMapped, MappingError> {
    let failed = |message: String| MappingError { attribute: mapping.attribute.clone(), message };
    let field = match &mapping.value {
        ValueRule::Simple { source, transformations } => {
            let raw = input.source.field(source.as_str()).into_owned();
            match transformations.apply(raw, input.source) {
                Transformed::Value(field) => field,
                Transformed::NoMatch(raw) => match mapping.on_no_match {
                    OnNoMatch::Raw => raw,
                    OnNoMatch::Keep => return Ok(OneMapped::Keep),
                    OnNoMatch::Clear => return Ok(OneMapped::Write(Field::Absent)),
                    OnNoMatch::Filter => return Ok(OneMapped::Filter),
                },
            }
        }
        ValueRule::Custom(expression) => {
            expression.evaluate(input.source, input.now).map_err(|error| failed(error.to_string()))?
        }
    };
    if field.is_absent() {
        // Absence says nothing: only a mapping that says so clears.
        return Ok(match mapping.on_no_match {
            OnNoMatch::Clear => OneMapped::Write(Field::Absent),
            OnNoMatch::Filter => OneMapped::Filter,
            OnNoMatch::Raw | OnNoMatch::Keep => OneMapped::Keep,
        });
    }
    convert(field, mapping.value_type, mapping.multi_valued, mapping.reference.as_ref())
        .map(OneMapped::Write)
        .map_err(|error| failed(error.to_string()))
}
