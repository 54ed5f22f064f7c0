//! Laws: reading and writing, parsing and documenting are each other's inverse.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::examples::examples;
use super::parse;
use crate::configuration::document::Document;
use crate::configuration::document::reader::Leniency;
use crate::configuration::document::shape::Shape;
use crate::configuration::kind::ConfigurationKind;

#[test]
fn references_are_found_in_the_tree_where_they_are_meant() {
    let mut count = 0;
    for (kind, value) in examples() {
        let found = Document::references(kind, &value);
        assert_eq!(found, parse(kind, &value).expect("it is in order").references(), "{value}");
        count += found.len();
    }
    assert!(count > 8, "{count}");
    let broken = json!({ "colour": "red", "applicationIds": ["a", 7, "-", "b"] });
    let found = Document::references(ConfigurationKind::ProvisioningTaskDefinition, &broken);
    let places: Vec<_> = found.iter().map(|reference| reference.pointer.as_str()).collect();
    assert_eq!(places, ["/applicationIds/0", "/applicationIds/3"]);
}

#[test]
fn what_is_read_is_written_again_in_the_order_of_the_fields() {
    for (kind, value) in examples() {
        let document = Document::read(kind, &value, Leniency::Strict).expect("it is in order");
        assert_eq!(document.to_value().to_string(), value.to_string());
        assert_eq!(serde_json::to_string(&document).expect("it is a tree"), value.to_string());
        assert_eq!(document.kind(), kind);
        assert_eq!(Some(document.id().as_str()), value["id"].as_str());
    }
}

#[test]
fn a_resource_is_what_its_document_means() {
    for (kind, value) in examples() {
        let resource = parse(kind, &value).unwrap_or_else(|problems| panic!("{kind}: {problems}"));
        let document = Document::from(&resource);
        assert_eq!(document.parse().as_ref(), Ok(&resource), "{value}");
        let read = Document::read(kind, &document.to_value(), Leniency::Strict);
        assert_eq!(read.as_ref(), Ok(&document), "{value}");
        assert_eq!((resource.kind(), resource.id()), (document.kind(), document.id()));
    }
}

#[test]
fn every_kind_has_a_rich_and_a_bare_example() {
    for kind in ConfigurationKind::ALL {
        let of_kind: Vec<_> = examples().into_iter().filter(|(of, _)| *of == kind).collect();
        let fields: BTreeSet<String> = of_kind
            .iter()
            .flat_map(|(_, value)| value.as_object().expect("it is an object").keys().cloned())
            .collect();
        let known: BTreeSet<String> =
            Document::shape(kind).fields.iter().map(|field| field.name.to_owned()).collect();
        assert_eq!(fields, known, "{kind}");
        assert!(of_kind.len() >= 2, "{kind}");
    }
}

#[test]
fn defaults_said_and_unsaid_mean_the_same() {
    // Which defaults a synchronization task may say depends on its type.
    let apart = ConfigurationKind::SynchronizationTaskDefinition;
    for (kind, value) in examples().into_iter().filter(|(kind, _)| *kind != apart) {
        let mut said = value.clone();
        say_defaults(&mut said, Document::shape(kind));
        assert_eq!(parse(kind, &said), parse(kind, &value), "{said}");
    }
}

fn say_defaults(value: &mut Value, shape: &Shape) {
    let object = value.as_object_mut().expect("it is an object");
    for field in shape.fields {
        if let Some(default) = field.default {
            object.entry(field.name).or_insert_with(default);
        }
    }
}

#[test]
fn null_and_empty_lists_count_as_absent() {
    let kind = ConfigurationKind::Application;
    let bare = json!({ "id": "a", "name": "A", "connectorDefinitionId": "d" });
    let said = json!({
        "id": "a", "name": "A", "connectorDefinitionId": "d", "description": null, "objectTypes": [],
    });
    assert_eq!(parse(kind, &said), parse(kind, &bare));
}

#[test]
fn texts_are_numbers_only_for_the_lenient() {
    let kind = ConfigurationKind::ConnectorDefinition;
    let text = json!({
        "id": "d", "name": "D", "type": "ldap", "maintenance": "true",
        "limits": { "requestsPerSecond": "10" },
    });
    let value = json!({
        "id": "d", "name": "D", "type": "ldap", "maintenance": true, "limits": { "requestsPerSecond": 10 },
    });
    assert_eq!(Document::read(kind, &text, Leniency::Text), Document::read(kind, &value, Leniency::Strict));
    assert_eq!(Document::read(kind, &value, Leniency::Text), Document::read(kind, &value, Leniency::Strict));
    let problems = Document::read(kind, &text, Leniency::Strict).expect_err("texts are no numbers");
    assert_eq!(
        problems.to_string(),
        "/limits/requestsPerSecond: is a text where a whole number is expected\n\
         /maintenance: is a text where a boolean is expected"
    );
    let wrong = json!({
        "id": "d", "name": "D", "type": "ldap", "maintenance": "yes",
        "limits": { "requestsPerSecond": "ten" },
    });
    let problems = Document::read(kind, &wrong, Leniency::Text).expect_err("these say nothing");
    assert_eq!(
        problems.to_string(),
        "/limits/requestsPerSecond: is not a whole number\n\
         /maintenance: is neither `true` nor `false`"
    );
}

/// Puts something in the place of every value of a tree, one at a time.
fn spoil(value: &Value, spoiled: &mut impl FnMut(&str, Value)) {
    fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        if let Value::Object(fields) = value {
            fields.iter().for_each(|(name, field)| pointers(field, &format!("{at}/{name}"), found));
        } else if let Value::Array(items) = value {
            items.iter().enumerate().for_each(|(i, item)| pointers(item, &format!("{at}/{i}"), found));
        }
    }
    let mut found = Vec::new();
    pointers(value, "", &mut found);
    for pointer in found {
        let mut copy = value.clone();
        let place = copy.pointer_mut(&pointer).expect("it was there");
        if let Value::Object(fields) = place {
            fields.insert("unheardOf".to_owned(), json!(1));
        } else {
            *place = json!({ "unheardOf": 1 });
        }
        spoiled(&pointer, copy);
    }
}

#[test]
fn whatever_is_spoiled_is_told_at_its_place() {
    for (kind, value) in examples() {
        spoil(&value, &mut |pointer, spoiled| {
            let problems = parse(kind, &spoiled).expect_err(pointer);
            assert!(!problems.below(pointer).is_empty(), "{pointer}: {problems}");
        });
    }
}
