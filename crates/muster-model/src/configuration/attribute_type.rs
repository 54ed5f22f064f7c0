//! Attribute types: what a mapping says of the values it writes, so that contradictions can be found.

use std::fmt;

use crate::attribute::{AttributeName, ValueType};
use crate::configuration::application::AttributeMapping;
use crate::configuration::document::attribute_mapping::AttributeMappingDocument;
use crate::configuration::document::value::Word;
use crate::object::ObjectKind;

/// What a mapping says of the attribute it writes. All mappings of one attribute have to say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeType {
    /// The type of its values.
    pub value_type: ValueType,
    /// Whether it holds several.
    pub multi_valued: bool,
    /// What references point at: the kind, and the attribute that they are matched with.
    pub reference: Option<(ObjectKind, AttributeName)>,
}

impl From<&AttributeMapping> for AttributeType {
    fn from(mapping: &AttributeMapping) -> Self {
        let target = mapping.reference.as_ref();
        Self {
            value_type: mapping.value_type,
            multi_valued: mapping.multi_valued,
            reference: target.map(|target| (target.object_kind, target.by_attribute.clone())),
        }
    }
}

impl From<&AttributeMappingDocument> for AttributeType {
    fn from(mapping: &AttributeMappingDocument) -> Self {
        let target = mapping.reference.as_ref();
        Self {
            value_type: mapping.value_type.unwrap_or_default(),
            multi_valued: mapping.multi_valued.unwrap_or_default(),
            reference: target.map(|target| (target.object_kind, target.by_attribute.clone())),
        }
    }
}

impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = if self.multi_valued { "multi-valued" } else { "single-valued" };
        write!(f, "{number} {}", self.value_type.word())?;
        match &self.reference {
            Some((kind, attribute)) => write!(f, " to {kind} by `{attribute}`"),
            None => Ok(()),
        }
    }
}
