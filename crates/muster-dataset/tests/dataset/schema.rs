//! The schema, as `xmllint` understands it: it takes every export, and refuses what is none.

use std::fs;
use std::process::Command;

use muster_model::configuration::document::shape::{Form, Shape};
use muster_model::configuration::{ConfigurationKind, Document};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::arbitrary::document;
use crate::laws::example;
use crate::write;

/// How many arbitrary documents of each kind are looked at.
const EACH: usize = 20;

/// What `xmllint` has against a text; `None` when it is not installed, which `cargo xtask test` mends.
fn lint(text: &str) -> Option<Result<(), String>> {
    let directory = tempfile::tempdir().unwrap();
    let (schema, file) = (directory.path().join("dataset.xsd"), directory.path().join("dataset.xml"));
    fs::write(&schema, muster_dataset::schema()).unwrap();
    fs::write(&file, text).unwrap();
    let mut xmllint = Command::new("xmllint");
    let output = xmllint.args(["--nonet", "--noout", "--schema"]).arg(&schema).arg(&file).output().ok();
    let Some(output) = output else {
        assert!(std::env::var_os("MUSTER_TEST_XMLLINT").is_none(), "xmllint is not installed");
        eprintln!("xmllint is not installed, so the schema was not tried");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Some(if output.status.success() { Ok(()) } else { Err(said) })
}

fn accept(documents: &[(ConfigurationKind, Value)]) {
    let text = write(documents);
    if let Some(Err(said)) = lint(&text) {
        panic!("{said}\n{text}");
    }
}

fn refuse(what: &str, text: &str) {
    assert_ne!(lint(text), Some(Ok(())), "{what}");
}

#[test]
fn exports_are_valid() {
    accept(&example());
    accept(&[]);
    let mut runner = TestRunner::deterministic();
    let mut documents = Vec::new();
    for kind in ConfigurationKind::ALL {
        for index in 0..EACH {
            let mut value = document(kind).new_tree(&mut runner).unwrap().current();
            value["id"] = format!("r{index}").into();
            fill_required(&mut value, Document::shape(kind));
            documents.push((kind, value));
        }
    }
    accept(&documents);
}

/// Puts a text where there is an empty one, which documents do not have where one is required.
fn fill_required(value: &mut Value, shape: &Shape) {
    for field in shape.fields {
        let Some(value) = value.get_mut(field.name) else { continue };
        let items =
            if value.is_array() { value.as_array_mut().unwrap().iter_mut().collect() } else { vec![value] };
        for item in items {
            match field.form {
                Form::Object(shape) => fill_required(item, shape),
                Form::Text(_) if *item == json!("") => *item = json!("x"),
                Form::Text(_) | Form::Integer { .. } | Form::Boolean | Form::Word(_) => {}
            }
        }
    }
}

#[test]
fn what_is_no_export_is_not() {
    let good = write(&example());
    for (what, from, to) in [
        ("an unknown element", "<name>", "<colour>x</colour><name>"),
        ("an unknown word", "<strategy>SIMPLE<", "<strategy>COPY<"),
        ("no id", " id=\"hr\"", ""),
        ("a bad id", " id=\"hr\"", " id=\"-\""),
        ("an id twice", "<Application id=\"payroll\"", "<Application id=\"hr\""),
        ("another namespace", "urn:muster:dataset:1", "urn:muster:dataset:2"),
        ("an empty name", "<name>", "<name/><name>"),
    ] {
        assert!(good.contains(from), "{what}");
        refuse(what, &good.replacen(from, to, 1));
    }
}

#[test]
fn the_reference_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/dataset.xsd");
    let stored = fs::read_to_string(path).unwrap();
    assert!(
        stored == muster_dataset::schema(),
        "docs/reference/dataset.xsd is old; write it anew with `cargo xtask gen schema`"
    );
}

#[test]
fn the_schema_names_every_field() {
    let schema = muster_dataset::schema();
    for kind in ConfigurationKind::ALL {
        assert_eq!(schema.matches(&format!("<xs:complexType name=\"{kind}\">")).count(), 1, "{kind}");
        for field in Document::shape(kind).fields.iter().filter(|field| field.name != "id") {
            assert!(
                schema.contains(&format!("<xs:element name=\"{}\"", field.element())),
                "{kind} {}",
                field.name
            );
        }
    }
    assert_eq!(schema.matches("<xs:complexType name=\"Text\">").count(), 1);
}
