//! Arbitrary documents: any value that the shape of a kind admits, whatever it means.

use muster_model::configuration::document::shape::{FieldShape, Form, Shape, TextForm};
use muster_model::configuration::{ConfigurationKind, Document};
use proptest::prelude::*;
use serde_json::{Map, Value};

/// Any text, those preferred that XML makes difficult.
pub(crate) fn text() -> BoxedStrategy<String> {
    let difficult = prop::sample::select(vec![
        " ",
        "\n",
        "\r",
        "\r\n",
        "\t",
        "<",
        ">",
        "&",
        "]]>",
        "<![CDATA[",
        "\\",
        "\\u0041",
        "\u{0}",
        "\u{1}",
        "\u{b}",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{feff}",
        "é",
        "&amp;",
        "--",
        "\"",
        "'",
        "<!--",
        "😀",
    ]);
    let pieces = prop_oneof![difficult.prop_map(str::to_owned), "\\PC{0,4}", any::<String>()];
    prop::collection::vec(pieces, 0..4).prop_map(|pieces| pieces.concat()).boxed()
}

/// Documents of a kind. Their id is one.
pub(crate) fn document(kind: ConfigurationKind) -> BoxedStrategy<Value> {
    object(Document::shape(kind))
}

fn object(shape: &'static Shape) -> BoxedStrategy<Value> {
    let fields: Vec<_> = shape.fields.iter().map(field).collect();
    fields
        .prop_map(move |values| {
            let named = shape.fields.iter().zip(values);
            let given = named.filter_map(|(field, value)| Some((field.name.to_owned(), value?)));
            Value::Object(given.collect::<Map<_, _>>())
        })
        .boxed()
}

/// A field, or its absence. A list that is there is not empty, as in every document that is written.
fn field(field: &'static FieldShape) -> BoxedStrategy<Option<Value>> {
    let value = match field.is_list() {
        true => prop::collection::vec(one(field), 1..3).prop_map(Value::Array).boxed(),
        false => one(field),
    };
    match field.is_required() {
        true => value.prop_map(Some).boxed(),
        false => prop::option::weighted(0.4, value).boxed(),
    }
}

fn one(field: &'static FieldShape) -> BoxedStrategy<Value> {
    match field.form {
        Form::Object(shape) => object(shape),
        Form::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Form::Word(words) => prop::sample::select(words).prop_map(Value::from).boxed(),
        Form::Integer { .. } => {
            let (minimum, maximum) = field.bounds().unwrap();
            let number = match i64::try_from(maximum) {
                Ok(maximum) => (minimum..=maximum).prop_map(Value::from).boxed(),
                Err(_) => (0..=maximum).prop_map(Value::from).boxed(),
            };
            number.boxed()
        }
        Form::Text(TextForm::Id) => "[A-Za-z0-9][A-Za-z0-9._-]{0,20}".prop_map(Value::from).boxed(),
        Form::Text(TextForm::Uuid) => any::<u128>().prop_map(uuid).boxed(),
        Form::Text(TextForm::Instant) => Just(Value::from("2026-11-30T08:00:00.123Z")).boxed(),
        Form::Text(TextForm::Sort) => text().prop_map(|by| format!("{by},ASC").into()).boxed(),
        Form::Text(TextForm::Any | TextForm::AttributeName | TextForm::Condition) => {
            text().prop_map(Value::from).boxed()
        }
    }
}

fn uuid(number: u128) -> Value {
    let digits = format!("{number:032x}");
    let groups = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    groups.join("-").into()
}
