//! Values by path: read, and put in the place of others.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn object(json: Json) -> Map<String, Json> {
    json.as_object().cloned().unwrap()
}

fn path(text: &str) -> ScimPath {
    text.parse().unwrap()
}

fn person() -> Map<String, Json> {
    object(json!({
        "id": "1",
        "USERNAME": "ada",
        "name": {"familyName": "Lovelace", "middleName": null},
        "emails": [
            {"type": "Work", "value": "w@x", "display": "W"},
            {"type": "home", "value": "h@x", "primary": true},
        ],
        "tags": ["a", "b"],
        "age": 36,
        "ratio": 1.5,
        "urn:x:User": {"department": "IT", "manager": {"value": "7"}},
    }))
}

#[test]
fn values_are_read_by_path() {
    let many = |texts: &[&str]| Field::Many(texts.iter().copied().map(Value::from).collect());
    for (text, is_multi_valued, expected) in [
        ("id", false, Field::text("1")),
        ("userName", false, Field::text("ada")),
        ("name.FamilyName", false, Field::text("Lovelace")),
        ("name.givenName", false, Field::Absent),
        ("name.middleName", false, Field::Absent),
        ("nickName", false, Field::Absent),
        ("emails[type eq \"work\"].value", false, Field::text("w@x")),
        ("emails[type eq \"work\"].display", false, Field::text("W")),
        ("emails[type eq \"other\"].value", false, Field::Absent),
        ("emails[type eq \"other\"].value", true, Field::Absent),
        ("emails[primary eq false].value", false, Field::text("w@x")),
        ("emails.value", false, Field::text("h@x")),
        ("emails.value", true, many(&["w@x", "h@x"])),
        ("emails", true, many(&["w@x", "h@x"])),
        ("tags", true, many(&["a", "b"])),
        ("tags", false, Field::text("a")),
        ("age", false, Field::One(Value::Integer(36))),
        ("ratio", false, Field::text("1.5")),
        ("urn:x:User:department", false, Field::text("IT")),
        ("urn:x:User:manager.value", false, Field::text("7")),
        ("urn:x:User:manager", false, Field::text("7")),
        ("urn:y:User:department", false, Field::Absent),
    ] {
        assert_eq!(path(text).get(&person(), is_multi_valued), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_no_value_is_told() {
    assert_eq!(path("name").get(&person(), false), Err(Unfit::NoValue("name".to_owned())));
    let strange = object(json!({"a": [[1]], "b": "x\0", "c": vec![0; MOST_VALUES + 1], "d": null}));
    assert_eq!(path("a").get(&strange, true), Err(Unfit::NoValue("a".to_owned())));
    assert_eq!(path("b").get(&strange, false), Err(Unfit::Zero("b".to_owned())));
    assert_eq!(path("c").get(&strange, true), Err(Unfit::TooMany("c".to_owned())));
    assert_eq!(path("d").get(&strange, true), Ok(Field::Null));
}

#[test]
fn values_are_put_by_path() {
    for (before, text, is_list, values, after) in [
        (json!({}), "userName", false, vec!["a"], json!({"userName": "a"})),
        (json!({"username": "b"}), "userName", false, vec!["a"], json!({"username": "a"})),
        (json!({"userName": "b"}), "userName", false, vec![], json!({})),
        (json!({}), "name.familyName", false, vec!["a"], json!({"name": {"familyName": "a"}})),
        (json!({"name": {"x": 1}}), "name.y", false, vec!["a"], json!({"name": {"x": 1, "y": "a"}})),
        (json!({"name": {"x": 1}}), "name.x", false, vec![], json!({})),
        (json!({}), "emails.value", true, vec!["a"], json!({"emails": [{"value": "a"}]})),
        (
            json!({"emails": [{"value": "a", "type": "t"}, {"value": "b"}]}),
            "emails.value",
            true,
            vec!["c", "a"],
            json!({"emails": [{"value": "c"}, {"value": "a", "type": "t"}]}),
        ),
        (json!({"emails": [{"value": "a"}]}), "emails.value", true, vec![], json!({})),
        (json!({"tags": ["a"]}), "tags", true, vec!["a", "b"], json!({"tags": ["a", "b"]})),
        (
            json!({"emails": [{"type": "home", "value": "h"}]}),
            "emails[type eq \"work\"].value",
            true,
            vec!["w"],
            json!({"emails": [{"type": "home", "value": "h"}, {"type": "work", "value": "w"}]}),
        ),
        (
            json!({"emails": [{"type": "work", "value": "a", "display": "A"}]}),
            "emails[type eq \"work\"].value",
            false,
            vec!["w"],
            json!({"emails": [{"type": "work", "value": "w", "display": "A"}]}),
        ),
        (
            json!({"emails": [{"type": "work", "value": "a"}]}),
            "emails[type eq \"work\"].value",
            true,
            vec![],
            json!({}),
        ),
        (json!({}), "urn:x:User:a.b", false, vec!["v"], json!({"urn:x:User": {"a": {"b": "v"}}})),
        (json!({"urn:x:User": {"a": "v"}}), "urn:x:User:a", false, vec![], json!({})),
        (json!({}), "urn:x:User:a", false, vec![], json!({})),
    ] {
        let mut resource = object(before);
        let values: Vec<Json> = values.into_iter().map(Json::from).collect();
        path(text).set(&mut resource, &values, is_list);
        assert_eq!(Json::Object(resource), after, "{text}");
    }
}

#[test]
fn values_have_the_type_of_the_schema() {
    for (value, kind, expected) in [
        (Value::from("true"), Kind::Boolean, json!(true)),
        (Value::from("False"), Kind::Boolean, json!(false)),
        (Value::from("perhaps"), Kind::Boolean, json!("perhaps")),
        (Value::Boolean(true), Kind::Text, json!("true")),
        (Value::Boolean(true), Kind::Other, json!(true)),
        (Value::from("12"), Kind::Number, json!(12)),
        (Value::from("1.5"), Kind::Number, json!(1.5)),
        (Value::from("[]"), Kind::Number, json!("[]")),
        (Value::Integer(7), Kind::Other, json!(7)),
        (Value::Integer(7), Kind::Text, json!("7")),
    ] {
        assert_eq!(to_json(&value, kind), expected, "{value:?} as {kind:?}");
    }
}

/// Anything that JSON can say, not too deep.
fn anything() -> impl Strategy<Value = Json> {
    let plain = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "\\PC{0,4}".prop_map(Json::from),
    ];
    let name = prop_oneof![
        Just("a"),
        Just("A"),
        Just("b"),
        Just("value"),
        Just("primary"),
        Just("t"),
        Just("urn:x:y")
    ];
    plain.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::vec((name.clone(), inner), 0..4).prop_map(|pairs| {
                Json::Object(pairs.into_iter().map(|(name, held)| (name.to_owned(), held)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_stands_there_has_an_answer(resource in anything(), which in 0..5_usize, several: bool) {
        let Json::Object(mut resource) = resource else { return Ok(()) };
        let path = path(["a", "a.b", "a[t eq \"x\"].b", "urn:x:y:a", "urn:x:y:a.value"][which]);
        let held = path.get(&resource, several);
        prop_assert!(several || !matches!(held, Ok(Field::Many(_))), "one value or none: {:?}", held);
        path.set(&mut resource, &["new".into()], several);
        let held = path.get(&resource, several).unwrap();
        prop_assert_eq!(held.values(), &[Value::from("new")]);
    }

    #[test]
    fn texts_are_paths_or_none(text in "[a-z:.\\[\\]\" eq]{0,24}") {
        if let Ok(path) = text.parse::<ScimPath>() {
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }
    }

    #[test]
    fn what_is_put_is_read(texts in prop::collection::vec("[a-z]{1,3}", 0..4), which in 0..5_usize) {
        let mut texts = texts;
        texts.dedup();
        let text = ["a", "a.b", "a[t eq \"x\"].b", "urn:x:y:a", "urn:x:y:a[t eq \"x\" and u eq 1].b"][which];
        let mut resource = person();
        let others = resource.clone();
        let values: Vec<Json> = texts.iter().map(|text| Json::from(text.as_str())).collect();
        path(text).set(&mut resource, &values, true);
        let held = path(text).get(&resource, true).unwrap();
        let held: Vec<String> = held.values().iter().map(|value| value.to_text().into_owned()).collect();
        prop_assert_eq!(held, texts);
        path(text).set(&mut resource, &[], true);
        prop_assert_eq!(resource, others);
    }
}
