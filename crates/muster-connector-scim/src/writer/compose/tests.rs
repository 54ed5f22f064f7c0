//! What is sent, as JSON, of classes that no schema tells.

use muster_connector::RemoteClass;

use super::*;
use crate::dialect::STANDARD;
use crate::schema::ResourceType;

fn layout(names: &[(&str, bool)]) -> Layout {
    let attributes = names.iter().map(|(name, multi_valued)| muster_connector::RemoteAttribute {
        name: (*name).into(),
        multi_valued: *multi_valued,
    });
    let class = RemoteClass {
        name_attribute: Some("userName".into()),
        attributes: attributes.collect(),
        ..RemoteClass::new("User", "id")
    };
    Layout::of(&class, &ResourceType::usual(), Some(&ScimPath::simple("active"))).unwrap()
}

fn object(json: Json) -> Map<String, Json> {
    json.as_object().cloned().unwrap_or_default()
}

#[test]
fn values_that_are_held_twice_are_taken_out() {
    let layout = layout(&[("emails.value", true)]);
    let add = AttributeWrite::Values { add: vec!["a".into()], remove: vec![] };
    let writes = [("emails.value".into(), add)];
    let changes = Changes { writes: &writes, enabled: None };
    let once = object(json!({"emails": [{"value": "a", "type": "t"}, {"value": "b"}]}));
    assert_eq!(without_repeats(&layout, &STANDARD, &once, changes), Ok(vec![]));
    let twice = object(json!({"emails": [{"value": "a", "type": "t"}, {"value": "b"}, {"value": "a"}]}));
    let expected =
        json!({"op": "replace", "path": "emails", "value": [{"value": "a", "type": "t"}, {"value": "b"}]});
    assert_eq!(without_repeats(&layout, &STANDARD, &twice, changes), Ok(vec![expected]));
}

#[test]
fn lists_are_known_without_a_schema() {
    let layout = layout(&[("phoneNumbers", false), ("nickName", false)]);
    let attributes = [
        ("userName".into(), Field::text("ada")),
        ("phoneNumbers".into(), Field::text("1")),
        ("nickName".into(), Field::Null),
    ];
    let expected = json!({"schemas": [layout.schema], "userName": "ada", "phoneNumbers": [{"value": "1"}], "active": false});
    assert_eq!(created(&layout, &attributes, false), Ok(expected));
}
