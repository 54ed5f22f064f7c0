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

/// RFC 6902, appendix A: example, document, patch, outcome; none where the patch fails. The patch of A.13 is no JSON
/// of ours: a member stands there twice.
const JSON_PATCH_EXAMPLES: [[&str; 4]; 15] = [
    [
        "A.1",
        r#"{"foo": "bar"}"#,
        r#"[{"op": "add", "path": "/baz", "value": "qux"}]"#,
        r#"{"baz": "qux", "foo": "bar"}"#,
    ],
    [
        "A.2",
        r#"{"foo": ["bar", "baz"]}"#,
        r#"[{"op": "add", "path": "/foo/1", "value": "qux"}]"#,
        r#"{"foo": ["bar", "qux", "baz"]}"#,
    ],
    ["A.3", r#"{"baz": "qux", "foo": "bar"}"#, r#"[{"op": "remove", "path": "/baz"}]"#, r#"{"foo": "bar"}"#],
    [
        "A.4",
        r#"{"foo": ["bar", "qux", "baz"]}"#,
        r#"[{"op": "remove", "path": "/foo/1"}]"#,
        r#"{"foo": ["bar", "baz"]}"#,
    ],
    [
        "A.5",
        r#"{"baz": "qux", "foo": "bar"}"#,
        r#"[{"op": "replace", "path": "/baz", "value": "boo"}]"#,
        r#"{"baz": "boo", "foo": "bar"}"#,
    ],
    [
        "A.6",
        r#"{"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}}"#,
        r#"[{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}]"#,
        r#"{"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}}"#,
    ],
    [
        "A.7",
        r#"{"foo": ["all", "grass", "cows", "eat"]}"#,
        r#"[{"op": "move", "from": "/foo/1", "path": "/foo/3"}]"#,
        r#"{"foo": ["all", "cows", "eat", "grass"]}"#,
    ],
    [
        "A.8",
        r#"{"baz": "qux", "foo": ["a", 2, "c"]}"#,
        r#"[{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2}]"#,
        r#"{"baz": "qux", "foo": ["a", 2, "c"]}"#,
    ],
    ["A.9", r#"{"baz": "qux"}"#, r#"[{"op": "test", "path": "/baz", "value": "bar"}]"#, ""],
    [
        "A.10",
        r#"{"foo": "bar"}"#,
        r#"[{"op": "add", "path": "/child", "value": {"grandchild": {}}}]"#,
        r#"{"foo": "bar", "child": {"grandchild": {}}}"#,
    ],
    [
        "A.11",
        r#"{"foo": "bar"}"#,
        r#"[{"op": "add", "path": "/baz", "value": "qux", "xyz": 123}]"#,
        r#"{"foo": "bar", "baz": "qux"}"#,
    ],
    ["A.12", r#"{"foo": "bar"}"#, r#"[{"op": "add", "path": "/baz/bat", "value": "qux"}]"#, ""],
    [
        "A.14",
        r#"{"/": 9, "~1": 10}"#,
        r#"[{"op": "test", "path": "/~01", "value": 10}]"#,
        r#"{"/": 9, "~1": 10}"#,
    ],
    ["A.15", r#"{"/": 9, "~1": 10}"#, r#"[{"op": "test", "path": "/~01", "value": "10"}]"#, ""],
    [
        "A.16",
        r#"{"foo": ["bar"]}"#,
        r#"[{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}]"#,
        r#"{"foo": ["bar", ["abc", "def"]]}"#,
    ],
];

#[test]
fn the_examples_of_json_patch_come_out_as_they_say() {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for [example, document, patch, expected] in JSON_PATCH_EXAMPLES {
        let (document, patch) = (read(document), read(patch));
        match expected {
            "" => assert_eq!(refused_at(patch, &document), ["/0"], "{example}"),
            expected => assert_eq!(operations(patch, &document).unwrap(), read(expected), "{example}"),
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
fn operations_that_are_none_are_all_told() {
    let document = json!({"a": 1});
    let patch = json!([
        {"op": "add", "path": "/b"},
        {"op": "test", "path": "/a", "value": 1},
        {"op": "increase", "path": "/a"},
        {"op": "remove", "path": "a"},
        {"path": "/a"},
        7,
    ]);
    assert_eq!(refused_at(patch, &document), ["/0", "/2", "/3", "/4", "/5"]);
    assert_eq!(refused_at(json!({"a": 2}), &document), [""]);
    let too_many = vec![json!({"op": "test", "path": "/a", "value": 1}); MOST_OPERATIONS + 1];
    assert_eq!(refused_at(too_many.into(), &document), [""]);
}

#[test]
fn a_patch_fails_at_the_operation_that_does() {
    let document = json!({"a": 1, "list": [1, 2], "within": {"x": {}}});
    let good = json!({"op": "test", "path": "/a", "value": 1.0});
    for bad in [
        json!({"op": "test", "path": "/a", "value": 1.5}),
        json!({"op": "test", "path": "/b", "value": null}),
        json!({"op": "remove", "path": "/list/2"}),
        json!({"op": "remove", "path": "/list/-"}),
        json!({"op": "remove", "path": ""}),
        json!({"op": "add", "path": "/list/01", "value": 1}),
        json!({"op": "replace", "path": "/b", "value": 1}),
        json!({"op": "copy", "from": "/b", "path": "/c"}),
        json!({"op": "move", "from": "/within", "path": "/within/x/y"}),
    ] {
        assert_eq!(refused_at(json!([good, bad]), &document), ["/1"], "{bad}");
    }
    let moved = operations(json!([{"op": "move", "from": "/a", "path": "/ab"}]), &document).unwrap();
    assert_eq!(moved["ab"], 1);
}

#[test]
fn a_small_patch_makes_no_large_document() {
    let document = json!({"a": {"text": "x".repeat(1000)}});
    let doubling: Vec<_> =
        (0..40).map(|n| json!({"op": "copy", "from": "", "path": format!("/{n}")})).collect();
    assert_eq!(refused_at(doubling.into(), &document), ["/10"], "1,000 octets doubled ten times are all that fits");
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
