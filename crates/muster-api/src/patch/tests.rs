//! Patches against the examples of their standards, and against patches that want too much.

use serde_json::json;

use super::*;

const LIMIT: u64 = 1024 * 1024;

fn operations(patch: Value, document: &Value) -> Result<Value, ApiError> {
    Patch::operations(patch)?.apply(document, LIMIT)
}

/// Where a patch is refused.
fn refused_at(patch: Value, document: &Value) -> Vec<String> {
    match operations(patch, document) {
        Err(ApiError::Invalid(problems)) => problems.iter().map(|(place, _)| place.to_owned()).collect(),
        other => panic!("{other:?}"),
    }
}

/// The examples of RFC 6902, appendix A, and what else it says. The patch of A.13 is no JSON of ours: a member stands
/// there twice.
const JSON_PATCH_CASES: &str = include_str!("../../tests/data/json-patch.json");

#[test]
fn json_patch_is_what_its_standard_says() {
    let cases: Vec<Value> = serde_json::from_str(JSON_PATCH_CASES).unwrap();
    for case in cases {
        let (name, patch, document) = (&case["case"], case["patch"].clone(), &case["document"]);
        match case.get("becomes") {
            Some(expected) => assert_eq!(&operations(patch, document).unwrap(), expected, "{name}"),
            None => assert_eq!(json!(refused_at(patch, document)), case["refusedAt"], "{name}"),
        }
    }
}

/// RFC 7396, appendix A.
#[test]
fn the_examples_of_merge_patch_come_out_as_they_say() {
    for (document, patch, expected) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"a": "b"}), json!(["c"]), json!(["c"])),
        (json!({"a": "foo"}), json!(null), json!(null)),
        (json!({"a": "foo"}), json!("bar"), json!("bar")),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
    ] {
        let merged = Patch::Merge(patch.clone()).apply(&document, LIMIT);
        assert_eq!(merged.unwrap(), expected, "{document} {patch}");
    }
}

#[test]
fn a_patch_has_so_many_operations_at_most() {
    let document = json!({"a": 1});
    let test = json!({"op": "test", "path": "/a", "value": 1});
    let _ = operations(vec![test.clone(); MOST_OPERATIONS].into(), &document).unwrap();
    assert_eq!(refused_at(vec![test; MOST_OPERATIONS + 1].into(), &document), [""]);
}

#[test]
fn a_small_patch_makes_no_large_document() {
    let document = json!({"a": {"text": "x".repeat(1000)}});
    let doubling: Vec<_> =
        (0..40).map(|n| json!({"op": "copy", "from": "", "path": format!("/{n}")})).collect();
    assert_eq!(
        refused_at(doubling.into(), &document),
        ["/10"],
        "1,000 octets doubled ten times are all that fits"
    );
    let adding = json!([{"op": "add", "path": "/b", "value": "x".repeat(LIMIT as usize)}]);
    assert_eq!(refused_at(adding, &document), [""]);
    let merging = Patch::Merge(json!({"b": "x".repeat(LIMIT as usize)}));
    assert!(matches!(merging.apply(&document, LIMIT), Err(ApiError::Invalid(_))));
    assert_eq!(document["a"].as_object().unwrap().len(), 1, "the document itself stays as it is");
}

#[test]
fn no_patch_makes_a_document_that_is_too_deep() {
    let nested = |levels: usize| (0..levels).fold(json!({}), |inner, _| json!({"a": inner}));
    let document = json!({"a": nested(40), "b": nested(40)});
    let deep = "/a".repeat(40);
    for operation in [
        json!({"op": "add", "path": format!("{deep}/x"), "value": nested(40)}),
        json!({"op": "replace", "path": deep, "value": nested(40)}),
        json!({"op": "copy", "from": "/b", "path": format!("{deep}/x")}),
        json!({"op": "move", "from": "/b", "path": format!("{deep}/x")}),
        json!({"op": "test", "path": "/a".repeat(100), "value": 1}),
    ] {
        assert_eq!(refused_at(json!([operation]), &document), ["/0"], "{operation}");
    }
    let moves = vec![json!({"op": "move", "from": "/a/a", "path": "/b/a"}); 2];
    assert_eq!(operations(moves[..1].into(), &document).unwrap()["a"], json!({}));
    assert_eq!(refused_at(moves.into(), &document), ["/1"], "what was moved away is no longer there");
}
