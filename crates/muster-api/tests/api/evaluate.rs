//! Expressions and conditions, tried on samples.

use muster_testkit::server::Staff;
use serde_json::json;

use crate::world::{expect_error, server};

const PATH: &str = "/acme/api/sync/conf/~evaluate";

#[test]
fn an_expression_and_a_condition_are_tried_on_a_sample() {
    let (_server, admin) = server(Staff::Absent);
    let person = json!({"givenName": "Ada", "surname": "Lovelace", "no": 7, "tags": ["a", "b"]});
    for (field, text, expected) in [
        (
            "expression",
            "lower(givenName) + \".\" + surname",
            json!({"reads": ["givenName", "surname"], "value": "ada.Lovelace"}),
        ),
        ("expression", "join(tags, \"-\") + no", json!({"reads": ["no", "tags"], "value": "a-b7"})),
        ("expression", "upper(nickName)", json!({"reads": ["nickName"]})),
        (
            "expression",
            "to_integer(surname)",
            json!({"reads": ["surname"], "failure": "line 1, column 1: `Lovelace` is no number of 64 bits"}),
        ),
        ("condition", "no eq 7 and tags eq \"B\"", json!({"reads": ["no", "tags"], "value": true})),
        ("condition", "nickName pr", json!({"reads": ["nickName"], "value": false})),
    ] {
        let answer = admin.post(PATH, &json!({field: text, "attributes": person})).expect(200).json();
        assert_eq!(answer, expected, "{text}");
    }
}

#[test]
fn what_is_not_of_the_language_is_refused_with_its_place() {
    let (_server, admin) = server(Staff::Absent);
    for (field, text) in [
        ("expression", "import(\"fs\")"),
        ("expression", "while true {}"),
        ("expression", "lower("),
        ("condition", "a eq"),
    ] {
        let error = expect_error(admin.post(PATH, &json!({field: text})), 400, "VALIDATION_FAILED");
        assert!(error["properties"][format!("/{field}")].is_string(), "{error}");
    }
    let endless = "1 + ".repeat(2_000) + "1";
    expect_error(admin.post(PATH, &json!({"expression": endless})), 400, "VALIDATION_FAILED");
}
