//! Mapping: what the attributes of one side make of the attributes of the other. The same for both directions.

use chrono::{DateTime, Utc};
use muster_model::configuration::application::{OnNoMatch, Strength};
use muster_model::{AttributeName, AttributeSource, Attributes, Field, Provenance, Value};

use crate::convert::convert;
use crate::groups::{Given, Groups, Ruled};
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
        let groups = rules.groups.as_ref().filter(|groups| groups.attribute == mapping.attribute);
        let is_written = writes.iter().any(|(written, _)| written == &mapping.attribute);
        if is_written || (groups.is_none() && !is_due(mapping, input)) {
            continue;
        }
        let mapped = match groups {
            Some(groups) => map_groups(groups, mapping, input)?,
            None => map_one(mapping, input)?,
        };
        match mapped {
            OneMapped::Write(field) => writes.push((mapping.attribute.clone(), field)),
            OneMapped::Keep => {}
            OneMapped::Filter => return Ok(Mapped::Filtered),
        }
    }
    Ok(Mapped::Writes(writes))
}

/// Maps the groups, then holds their rules against what came of it. What the account has is asked also where nothing is
/// due: who lacks what is required is filtered, and what everyone gets is a matter of the rules.
fn map_groups(
    groups: &Groups,
    mapping: &Mapping,
    input: &MappingInput<'_>,
) -> Result<OneMapped, MappingError> {
    let given = match map_one(mapping, input)? {
        OneMapped::Filter => return Ok(OneMapped::Filter),
        OneMapped::Write(field) if is_due(mapping, input) => Given::Written(field),
        OneMapped::Write(field) => Given::Left(field),
        OneMapped::Keep => Given::Left(Field::Absent),
    };
    let held = input.target.map(|target| target.field(mapping.attribute.as_str()));
    Ok(match groups.rule(given, held.as_deref().unwrap_or(&Field::Absent)) {
        Ruled::Filter => OneMapped::Filter,
        Ruled::Write(field) if !is_outranked(mapping, input) => OneMapped::Write(field),
        Ruled::Write(_) | Ruled::Keep => OneMapped::Keep,
    })
}

/// Whether another application of higher authority gave the value.
fn is_outranked(mapping: &Mapping, input: &MappingInput<'_>) -> bool {
    let origin = input.provenance.and_then(|provenance| provenance.of(mapping.attribute.as_str()));
    origin.is_some_and(|origin| mapping.outranked_by.contains(&origin.application))
}

/// Whether strength and authority let the mapping write at all.
fn is_due(mapping: &Mapping, input: &MappingInput<'_>) -> bool {
    let Some(target) = input.target else { return true };
    if is_outranked(mapping, input) {
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
                Transformed::InPart(values) => Field::Many(in_part(values, mapping, input)),
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

/// Of several values those that the mapping writes: what had a match as it became, the others each by itself. Where one
/// had a match the entry is not filtered.
fn in_part(values: Vec<(Value, Option<Value>)>, mapping: &Mapping, input: &MappingInput<'_>) -> Vec<Value> {
    let held = input.target.map(|target| target.field(mapping.attribute.as_str()));
    let is_held = |value: &Value| {
        held.as_ref().is_some_and(|held| held.values().iter().any(|h| h.to_text() == value.to_text()))
    };
    let written = |(value, became): (Value, Option<Value>)| match (became, mapping.on_no_match) {
        (Some(became), _) => Some(became),
        (None, OnNoMatch::Raw) => Some(value),
        (None, OnNoMatch::Keep) => is_held(&value).then_some(value),
        (None, OnNoMatch::Clear | OnNoMatch::Filter) => None,
    };
    values.into_iter().filter_map(written).collect()
}
