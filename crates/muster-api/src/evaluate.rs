//! Trying an expression or a condition on a sample, under the limits that hold for a run.

use actix_web::HttpResponse;
use muster_model::condition::Condition;
use muster_model::configuration::Problems;
use muster_model::configuration::problems::push_segment;
use muster_model::{AttributeName, Attributes, Field, Value};
use muster_plan::expression::Expression;
use serde_json::{Map, Value as Json, json};

use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Fields, Form};
use crate::view::value;

const FORM: Form = Form {
    such_as: Some(r#"{"expression": "lower(name)", "attributes": {"name": "Ada"}}"#),
    fields: &["expression", "condition", "attributes"],
    known: "known are `expression`, `condition` and `attributes`",
};

/// What is tried.
#[derive(Debug)]
enum Tried {
    Expression(Expression),
    Condition(Condition),
}

pub(crate) async fn perform(mut call: Call) -> Result<HttpResponse, ApiError> {
    let body = call.json().await?;
    let (tried, sample) = read(&body).map_err(ApiError::Invalid)?;
    let answer = match tried {
        Tried::Condition(condition) => {
            json!({"reads": names(condition.attributes()), "value": condition.holds(&sample)})
        }
        Tried::Expression(expression) => {
            let now = call.engine().surroundings().now();
            // One evaluation ends within the steps that the language allows: too few to be handed to a thread.
            let mut answer = json!({"reads": names(expression.reads())});
            match expression.evaluate(&sample, now) {
                Ok(field) => {
                    if let Some(held) = value::field(&field) {
                        answer["value"] = held;
                    }
                }
                Err(error) => answer["failure"] = error.to_string().into(),
            }
            answer
        }
    };
    Ok(HttpResponse::Ok().json(answer))
}

fn names<'a>(names: impl IntoIterator<Item = &'a AttributeName>) -> Vec<&'a str> {
    names.into_iter().map(AttributeName::as_str).collect()
}

/// What is to be tried, and on what.
fn read(body: &Json) -> Result<(Tried, Attributes), Problems> {
    let mut fields = Fields::of(body, &FORM)?;
    let tried = match (text(&mut fields, "expression"), text(&mut fields, "condition")) {
        (Some(text), None) => {
            compiled("/expression", Expression::compile(text), fields.problems()).map(Tried::Expression)
        }
        (None, Some(text)) => {
            compiled("/condition", Condition::parse(text), fields.problems()).map(Tried::Condition)
        }
        _ => {
            fields.problems().add("", "needs one of `expression` and `condition`");
            None
        }
    };
    let sample = match fields.given("attributes") {
        None => Attributes::default(),
        Some(Json::Object(attributes)) => sample(attributes, fields.problems()),
        Some(_) => {
            fields.problem("attributes", "is no object: names of attributes with their values");
            Attributes::default()
        }
    };
    fields.read(tried.map(|tried| (tried, sample)))
}

/// A text that may be left out. Null is no text here.
fn text<'a>(fields: &mut Fields<'a>, name: &str) -> Option<&'a str> {
    let given = fields.given(name)?;
    let text = given.as_str();
    if text.is_none() {
        fields.problem(name, "is no text");
    }
    text
}

fn compiled<T>(
    pointer: &str,
    result: Result<T, impl std::fmt::Display>,
    problems: &mut Problems,
) -> Option<T> {
    result.map_err(|error| problems.add(pointer, error.to_string())).ok()
}

fn sample(attributes: &Map<String, Json>, problems: &mut Problems) -> Attributes {
    let mut sample = Attributes::default();
    for (name, given) in attributes {
        let mut pointer = "/attributes".to_owned();
        push_segment(&mut pointer, name);
        match field(given) {
            Some(field) => sample.set(AttributeName::from(name.as_str()), field),
            None => problems.add(pointer, "is no text, whole number, boolean, null or list of such values"),
        }
    }
    sample
}

fn field(given: &Json) -> Option<Field> {
    match given {
        Json::Null => Some(Field::Null),
        Json::Array(items) => items.iter().map(one).collect::<Option<_>>().map(Field::Many),
        Json::String(_) | Json::Bool(_) | Json::Number(_) | Json::Object(_) => one(given).map(Field::One),
    }
}

fn one(given: &Json) -> Option<Value> {
    match given {
        Json::String(text) => Some(Value::String(text.as_str().into())),
        Json::Bool(boolean) => Some(Value::Boolean(*boolean)),
        Json::Number(number) => number.as_i64().map(Value::Integer),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let body =
            json!({"expression": "lower(", "sample": 1, "attributes": {"a/b": {"x": 1}, "c": [1, null]}});
        let problems = read(&body).unwrap_err().to_string();
        for place in
            ["/expression: line 1", "/sample: unknown", "/attributes/a~1b: is no", "/attributes/c: is no"]
        {
            assert!(problems.contains(place), "{place} in {problems}");
        }
        for body in
            [json!([]), json!({}), json!({"expression": "a", "condition": "a pr"}), json!({"condition": 1})]
        {
            assert!(read(&body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_sample_keeps_null_and_empty_apart() {
        let body = json!({"condition": "a pr", "attributes": {"a": "x", "b": null, "c": [], "d": [1, true]}});
        let (_, sample) = read(&body).unwrap();
        let expected = [
            ("a", Field::text("x")),
            ("b", Field::Null),
            ("c", Field::Many(vec![])),
            ("d", Field::Many(vec![Value::Integer(1), Value::Boolean(true)])),
        ];
        assert_eq!(sample, expected.into_iter().collect());
    }
}
