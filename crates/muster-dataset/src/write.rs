//! Writing a dataset: the same documents always come out as the same octets.
//!
//! Resources stand in the order of their kinds and ids, fields in that of their definition, indented by two
//! spaces; lines end in a line feed, the last one too.

use muster_model::configuration::document::shape::{FieldShape, Form, Shape};
use muster_model::configuration::{ConfigurationKind, Document};
use serde_json::Value;

use crate::escape::{ESCAPED, needs_escape, write_text};
use crate::names::NAMESPACE;
use crate::read::ROOT;
use crate::tree::ID;

/// Writes documents, each with its kind and as the JSON tree of its shape.
#[must_use]
pub fn write<'v>(documents: impl IntoIterator<Item = (ConfigurationKind, &'v Value)>) -> String {
    let mut documents: Vec<_> = documents.into_iter().collect();
    documents.sort_by_key(|(kind, document)| (*kind, id_of(document)));
    let mut out = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{ROOT} xmlns=\"{NAMESPACE}\">\n");
    for (kind, document) in documents {
        let shape = Document::shape(kind);
        // Ids have no letters that would have to be written otherwise.
        out.push_str(&format!("  <{} id=\"{}\"", shape.name, id_of(document)));
        write_fields(&mut out, &Frame { name: shape.name, shape, depth: 1 }, document);
    }
    out.push_str(&format!("</{ROOT}>\n"));
    out
}

/// An element that holds fields.
struct Frame<'a> {
    name: &'a str,
    shape: &'a Shape,
    depth: usize,
}

fn id_of(document: &Value) -> &str {
    document.get(ID).and_then(Value::as_str).unwrap_or_default()
}

/// Ends a tag that has begun, writes what it holds, and closes it.
fn write_fields(out: &mut String, frame: &Frame<'_>, value: &Value) {
    let Frame { name, shape, depth } = *frame;
    let begun = out.len();
    out.push_str(">\n");
    let inside = out.len();
    // The id of a resource is its attribute.
    let fields = shape.fields.iter().filter(|field| depth > 1 || field.name != ID);
    for field in fields {
        write_field(out, field, value.get(field.name), depth + 1);
    }
    if out.len() == inside {
        out.truncate(begun);
        out.push_str("/>\n");
        return;
    }
    indent(out, depth);
    close(out, name);
}

fn write_field(out: &mut String, field: &FieldShape, value: Option<&Value>, depth: usize) {
    match value {
        None | Some(Value::Null) => {}
        Some(Value::Array(items)) => items.iter().for_each(|item| write_value(out, field, item, depth)),
        Some(one) => write_value(out, field, one, depth),
    }
}

fn write_value(out: &mut String, field: &FieldShape, value: &Value, depth: usize) {
    let name = field.element();
    indent(out, depth);
    out.push('<');
    out.push_str(name);
    let text = match (field.form, value) {
        (Form::Object(shape), _) => return write_fields(out, &Frame { name, shape, depth }, value),
        (_, Value::String(text)) => text.as_str(),
        // Numbers and booleans are written as in JSON.
        (_, other) => &other.to_string(),
    };
    if needs_escape(text) {
        out.push_str(&format!(" {ESCAPED}=\"true\""));
    }
    if text.is_empty() {
        out.push_str("/>\n");
        return;
    }
    out.push('>');
    write_text(out, text);
    close(out, name);
}

fn close(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push_str(">\n");
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}
