//! Patches of JSON documents: merge patches (RFC 7396) and lists of operations (RFC 6902).
//!
//! A patch is bounded in what it makes of a document, not only in its own size: a few operations that copy a
//! document into itself would make one that fills the memory, and one that is nested deeper than the stack.

use json_patch::jsonptr::Pointer;
use json_patch::{PatchErrorKind, PatchOperation, patch_unsafe};
use muster_model::configuration::Problems;
use serde_json::Value;

use crate::error::ApiError;

/// The type of a merge patch.
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";
/// The type of a list of operations.
pub(crate) const JSON_PATCH: &str = "application/json-patch+json";

/// Operations of one patch.
pub(crate) const MOST_OPERATIONS: usize = 500;
/// How deep a document may be nested while it is patched: the deepest of ours has some ten levels.
const DEEPEST: usize = 64;

/// A patch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Patch {
    /// RFC 7396: what is named is replaced, null removes.
    Merge(Value),
    /// RFC 6902: one operation after the other.
    Operations(Vec<PatchOperation>),
}

impl Patch {
    /// Reads a list of operations. Pointers are within the patch.
    pub(crate) fn operations(body: Value) -> Result<Self, ApiError> {
        let Value::Array(items) = body else {
            return Err(ApiError::invalid("", "is no array of operations"));
        };
        if items.len() > MOST_OPERATIONS {
            let message = format!("has {} operations, {MOST_OPERATIONS} are possible", items.len());
            return Err(ApiError::invalid("", message));
        }
        let mut problems = Problems::new();
        let mut operations = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            match serde_json::from_value(item) {
                Ok(operation) => operations.push(comparable(operation)),
                Err(error) => problems.add(format!("/{index}"), format!("is no operation: {error}")),
            }
        }
        if problems.is_empty() { Ok(Self::Operations(operations)) } else { Err(ApiError::Invalid(problems)) }
    }

    /// The document that becomes of another one, of at most so many octets. The other one stays as it is.
    pub(crate) fn apply(&self, document: &Value, limit: u64) -> Result<Value, ApiError> {
        let mut patched = document.clone();
        match self {
            Self::Merge(patch) => json_patch::merge(&mut patched, patch),
            Self::Operations(operations) => {
                let mut left = Budget { octets: limit };
                for (index, operation) in operations.iter().enumerate() {
                    let applied =
                        left.allow(&patched, operation).and_then(|()| apply(&mut patched, operation));
                    applied.map_err(|message| ApiError::invalid(format!("/{index}"), message))?;
                }
            }
        }
        if weigh(&patched).octets > limit {
            return Err(ApiError::invalid("", format!("would become larger than {limit} octets")));
        }
        Ok(patched)
    }
}

/// Carries one operation out.
fn apply(document: &mut Value, operation: &PatchOperation) -> Result<(), String> {
    patch_unsafe(document, std::slice::from_ref(operation)).map_err(|error| {
        let (name, path) = (name(operation), operation.path());
        match error.kind {
            PatchErrorKind::TestFailed => {
                format!("`test`: `{path}` holds another value; nothing was changed")
            }
            PatchErrorKind::InvalidPointer => format!("`{name}`: `{path}` leads nowhere"),
            PatchErrorKind::InvalidFromPointer => format!("`{name}`: `from` leads nowhere"),
            PatchErrorKind::CannotMoveInsideItself => format!("`move`: `{path}` lies within `from`"),
            other => format!("`{name}`: {other}"),
        }
    })
}

/// What may still be copied and moved.
struct Budget {
    octets: u64,
}

impl Budget {
    /// Refuses an operation that would make too much of a document, before anything is done.
    fn allow(&mut self, document: &Value, operation: &PatchOperation) -> Result<(), String> {
        let (from, value) = match operation {
            PatchOperation::Add(operation) => (None, Some(&operation.value)),
            PatchOperation::Replace(operation) => (None, Some(&operation.value)),
            PatchOperation::Copy(operation) => (Some(&operation.from), None),
            PatchOperation::Move(operation) => (Some(&operation.from), None),
            PatchOperation::Remove(_) | PatchOperation::Test(_) => (None, None),
        };
        let taken = from.and_then(|from| document.pointer(from.as_str())).map(weigh).unwrap_or_default();
        self.octets = self.octets.checked_sub(taken.octets).ok_or("copies and moves too much")?;
        let depth = taken.depth.max(value.map(weigh).unwrap_or_default().depth);
        let paths = [Some(operation.path()), from.map(|from| from as &Pointer)];
        let longest = paths.into_iter().flatten().map(Pointer::count).max().unwrap_or(0);
        if longest + depth > DEEPEST {
            return Err(format!("makes a document that is nested deeper than {DEEPEST} levels"));
        }
        Ok(())
    }
}

/// How much a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Weight {
    /// About as many as its text has.
    octets: u64,
    /// Levels: 1 for a value that holds no others.
    depth: usize,
}

/// Weighs a value. Its depth is bounded where it was read, and at every step of a patch.
fn weigh(value: &Value) -> Weight {
    let (mut octets, mut depth) = (2, 0);
    let mut hold = |name: &str, inner: &Value| {
        let weight = weigh(inner);
        octets += name.len() as u64 + 1 + weight.octets;
        depth = depth.max(weight.depth);
    };
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => octets += text.len() as u64,
        Value::Array(items) => items.iter().for_each(|item| hold("", item)),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| hold(name, field)),
    }
    Weight { octets, depth: depth + 1 }
}

fn name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    }
}

/// The same operation; a test for `1.0` as one for `1`, which is the same number (RFC 6902 §4.6). Documents hold
/// whole numbers as such.
fn comparable(mut operation: PatchOperation) -> PatchOperation {
    if let PatchOperation::Test(test) = &mut operation {
        as_whole_numbers(&mut test.value);
    }
    operation
}

fn as_whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0);
            // Beyond 2^53 a float stands for many whole numbers, and for none in particular.
            if let Some(float) = whole.filter(|float| float.abs() <= 9_007_199_254_740_992.0) {
                *value = (float as i64).into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(as_whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(as_whole_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
