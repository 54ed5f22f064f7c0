//! Mapping: strength, authority, and what no value means.

use muster_model::configuration::application::Direction;
use muster_model::{ApplicationId, Attributes, Field, Origin, Provenance};
use muster_plan::mapping::{Mapped, MappingInput, map};
use serde_json::{Value, json};

use crate::rules::{attributes, mapping, now, rules};

/// What a mapping of `name` comes to.
fn mapped(fields: &Value, outranked_by: &[&str], input: &MappingInput<'_>) -> String {
    let rules = rules(
        Direction::Inbound,
        &json!({ "attributeMappings": [mapping("INBOUND", fields)] }),
        outranked_by,
    );
    match map(&rules, input) {
        Ok(Mapped::Writes(writes)) => match writes.as_slice() {
            [] => "kept".to_owned(),
            [(_, field)] => format!("{field:?}"),
            several => panic!("{several:?}"),
        },
        Ok(Mapped::Filtered) => "filtered".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn strength_says_when_a_value_is_written() {
    let (same, other) = (attributes(&[("name", "Ann")]), attributes(&[("name", "Anna")]));
    let (held, bare) = (attributes(&[("name", "Old")]), Attributes::new());
    let written = "One(String(\"Ann\"))";
    for (strength, snapshot, target, expected) in [
        // A new object takes everything.
        ("STRONG", None, None, written),
        ("NORMAL", None, None, written),
        ("WEAK", None, None, written),
        // Nothing has changed at the source since the last decision.
        ("STRONG", Some(&same), Some(&held), written),
        ("NORMAL", Some(&same), Some(&held), "kept"),
        ("WEAK", Some(&same), Some(&held), "kept"),
        ("NORMAL", Some(&same), Some(&bare), "kept"),
        ("WEAK", Some(&same), Some(&bare), written),
        // Something has.
        ("STRONG", Some(&other), Some(&held), written),
        ("NORMAL", Some(&other), Some(&held), written),
        ("WEAK", Some(&other), Some(&held), "kept"),
        // There was no decision yet, or an import forgets it.
        ("NORMAL", None, Some(&held), written),
        ("WEAK", None, Some(&held), "kept"),
    ] {
        let input = MappingInput {
            source: &same,
            snapshot,
            target: target.map(|target| target as &dyn muster_model::AttributeSource),
            provenance: None,
            now: now(),
        };
        let found = mapped(&json!({ "strength": strength }), &[], &input);
        assert_eq!(found, expected, "{strength} {snapshot:?} {target:?}");
    }
}

#[test]
fn the_higher_authority_keeps_what_it_wrote() {
    let origin =
        |application: &str| Origin { application: ApplicationId::new(application).expect("an id"), run: 1 };
    let (source, target) = (attributes(&[("name", "Ann")]), attributes(&[("name", "Old")]));
    for (whole, of_name, expected) in [
        (None, None, "One(String(\"Ann\"))"),
        (Some("crm"), None, "One(String(\"Ann\"))"),
        (Some("boss"), None, "kept"),
        (Some("crm"), Some("boss"), "kept"),
        (Some("boss"), Some("crm"), "One(String(\"Ann\"))"),
    ] {
        let attributes =
            of_name.map(|application| ("name".into(), origin(application))).into_iter().collect();
        let provenance = Provenance { object: whole.map(origin), attributes };
        let input = MappingInput {
            source: &source,
            snapshot: None,
            target: Some(&target),
            provenance: Some(&provenance),
            now: now(),
        };
        assert_eq!(mapped(&json!({}), &["boss"], &input), expected, "{whole:?} {of_name:?}");
    }
}

#[test]
fn absent_null_and_empty_are_three_things() {
    let states = [
        ("absent", Field::Absent),
        ("null", Field::Null),
        ("empty", Field::text("")),
        ("no list", Field::Many(Vec::new())),
    ];
    let mut seen = Vec::new();
    for on_no_match in ["RAW", "KEEP", "CLEAR", "FILTER"] {
        for (name, state) in &states {
            let source: Attributes = [("name", state.clone())].into_iter().collect();
            let target = attributes(&[("name", "Old")]);
            let input = MappingInput {
                source: &source,
                snapshot: None,
                target: Some(&target),
                provenance: None,
                now: now(),
            };
            seen.push(format!(
                "{on_no_match} {name}: {}",
                mapped(&json!({ "onNoMatch": on_no_match }), &[], &input)
            ));
        }
    }
    let expected = [
        "RAW absent: kept",
        "RAW null: Null",
        "RAW empty: One(String(\"\"))",
        "RAW no list: Null",
        "KEEP absent: kept",
        "KEEP null: Null",
        "KEEP empty: One(String(\"\"))",
        "KEEP no list: Null",
        "CLEAR absent: Absent",
        "CLEAR null: Null",
        "CLEAR empty: One(String(\"\"))",
        "CLEAR no list: Null",
        "FILTER absent: filtered",
        "FILTER null: Null",
        "FILTER empty: One(String(\"\"))",
        "FILTER no list: Null",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_value_that_no_transformation_knows() {
    let table = json!([{ "type": "LOOKUP", "table": [{ "from": "A", "to": "Alpha" }] }]);
    let target = attributes(&[("name", "Old")]);
    for (on_no_match, text, expected) in [
        ("RAW", "A", "One(String(\"Alpha\"))"),
        ("RAW", "B", "One(String(\"B\"))"),
        ("KEEP", "B", "kept"),
        ("CLEAR", "B", "Absent"),
        ("FILTER", "B", "filtered"),
    ] {
        let source = attributes(&[("name", text)]);
        let input = MappingInput {
            source: &source,
            snapshot: None,
            target: Some(&target),
            provenance: None,
            now: now(),
        };
        let fields = json!({ "onNoMatch": on_no_match, "transformations": table });
        assert_eq!(mapped(&fields, &[], &input), expected, "{on_no_match} {text}");
    }
}

#[test]
fn a_value_of_another_type_says_which_attribute() {
    let source = attributes(&[("name", "many")]);
    let input = MappingInput { source: &source, snapshot: None, target: None, provenance: None, now: now() };
    let found = mapped(&json!({ "type": "INTEGER" }), &[], &input);
    assert_eq!(found, "attribute `name`: `many` is not a whole number of 64 bits");
}
