//! Schemas of configuration, from the same shapes that read it.

use muster_model::configuration::document::shape::{FieldShape, Form, Shape};
use serde_json::{Map, Value, json};

use super::reference;

/// Adds the schema of a document and of everything within it.
pub(super) fn add(shape: &'static Shape, schemas: &mut Map<String, Value>) {
    if schemas.contains_key(shape.name) {
        return;
    }
    let required: Vec<_> =
        shape.fields.iter().filter(|field| field.is_required()).map(|field| field.name).collect();
    let properties: Map<_, _> =
        shape.fields.iter().map(|field| (field.name.to_owned(), field_schema(field))).collect();
    let mut schema = json!({
        "type": "object",
        "description": shape.doc,
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schemas.insert(shape.name.to_owned(), schema);
    for field in shape.fields {
        if let Form::Object(within) = field.form {
            add(within, schemas);
        }
    }
}

fn field_schema(field: &FieldShape) -> Value {
    let mut one = form_schema(field);
    let mut schema = if field.is_list() {
        let mut list = json!({"type": "array", "items": one});
        if field.is_never_empty() {
            list["minItems"] = 1.into();
        }
        list
    } else {
        if let (true, Some("string")) = (field.is_required(), one["type"].as_str()) {
            one["minLength"] = 1.into();
        }
        one
    };
    schema["description"] = field.doc.into();
    if let Some(default) = field.default {
        schema["default"] = default();
    }
    schema
}

fn form_schema(field: &FieldShape) -> Value {
    match field.form {
        Form::Text(text) => {
            let mut schema = json!({"type": "string"});
            if let Some(pattern) = text.pattern() {
                schema["pattern"] = format!("^({pattern})$").into();
            }
            if let Some(format) = text.format() {
                schema["format"] = format.into();
            }
            schema
        }
        Form::Integer { .. } => {
            let mut schema = json!({"type": "integer"});
            if let Some((minimum, maximum)) = field.bounds() {
                schema["minimum"] = minimum.into();
                schema["maximum"] = maximum.into();
            }
            schema
        }
        Form::Boolean => json!({"type": "boolean"}),
        Form::Word(words) => json!({"type": "string", "enum": words}),
        Form::Object(shape) => reference(shape.name),
    }
}
