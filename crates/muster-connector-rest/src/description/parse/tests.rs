//! Descriptions, right and wrong.

use serde_json::{Value as Json, json};

use super::*;
use crate::description::Style;

/// A sound description, with one place of it changed.
fn changed(place: &str, value: Json) -> String {
    let mut json = json!({"classes": {"users": {
        "key": "/id",
        "enabled": {"pointer": "/status", "enabled": "active", "disabled": ["suspended", "locked"]},
        "attributes": {"mail": "/contact/mail", "groups": {"pointer": "/groups", "each": "/id"}},
        "list": {"path": "/users", "query": {"limit": "{pageSize}", "page": "{page}"}, "paging": {"style": "PAGE"}},
        "read": {"path": "/users/{key}"},
        "find": {"path": "/users", "query": {"mail": "{name}"}},
        "create": {"path": "/users", "body": {"login": "{key}", "&": "{all}"}},
        "update": {"path": "/users/{key}", "body": "{changes}"},
        "delete": {"path": "/users/{key}"},
        "addMember": {"path": "/groups/{group}/members/{key}"},
        "removeMember": {"path": "/groups/{group}/members/{key}"},
        "changes": {
            "path": "/users/delta", "query": {"since": "{token}"}, "token": "/next",
            "start": {"path": "/now", "token": {"header": "X-Now"}}
        },
    }}});
    Pointer::parse(place).unwrap().set(&mut json, value).unwrap();
    json.to_string()
}

#[test]
fn a_sound_description_has_no_problem() {
    let (description, problems) =
        Description::parse(&changed("/errors", json!({"message": "/error/message"})));
    assert_eq!(problems, [""; 0]);
    let users = &description.classes["users"];
    assert_eq!((users.list.paging.style, users.list.paging.first), (Style::Page, 1));
    assert_eq!(users.create.as_ref().map(|create| create.method.as_str()), Some("POST"));
    assert_eq!(users.update.as_ref().map(|update| update.method.as_str()), Some("PATCH"));
    assert_eq!(users.add_member.as_ref().map(|add| add.method.as_str()), Some("PUT"));
    assert_eq!(users.enabled.as_ref().map(|enabled| enabled.value(false)), Some(json!("suspended")));
    assert!(users.changes.as_ref().is_some_and(|changes| changes.start.is_some()));
    let is_conflict = |body: Json| {
        let conflict = json!([422, {"status": 400, "pointer": "/code", "equals": "taken"}]);
        let (description, problems) = Description::parse(&changed("/conflict", conflict));
        assert_eq!(problems, [""; 0]);
        description.refusals.is_conflict(400, &body)
    };
    assert!(is_conflict(json!({"code": "taken"})) && !is_conflict(json!({"code": "short"})));
}

#[test]
fn what_the_guide_shows_is_sound() {
    let guide = include_str!("../../../../../docs/guide/rest.md");
    let shown = guide.split("```").find(|block| block.starts_with("\n{\n  \"classes\"")).unwrap_or_default();
    let (description, problems) = Description::parse(shown);
    assert_eq!(problems, [""; 0]);
    assert_eq!(description.classes.len(), 1);
}

#[test]
fn each_problem_names_its_place() {
    let users = |place: &str| format!("/classes/users{place}");
    for (place, value, told_at) in [
        (users(""), json!(7), "/classes/users: it is no object"),
        (users("/kye"), json!("/id"), "/classes/users: there is no `kye`"),
        (users("/key"), json!("id"), "/classes/users/key: `id` is no pointer"),
        (users("/key"), json!(""), "/classes/users/key"),
        (users("/givenKey"), json!("yes"), "/classes/users/givenKey"),
        (users("/attributes/mail"), json!("~2"), "/classes/users/attributes/mail"),
        (users("/attributes/mail"), json!({"each": ""}), "/classes/users/attributes/mail"),
        (users("/attributes/a~1b"), json!("x"), "/classes/users/attributes/a~1b"),
        (users("/enabled/disabled"), json!("active"), "/classes/users/enabled/disabled"),
        (users("/list/path"), json!("users"), "/classes/users/list/path"),
        (users("/list/path"), json!("/users?x=1"), "/classes/users/list/path"),
        (users("/list/path"), json!("/a/../b"), "/classes/users/list/path"),
        (users("/list/path"), json!("/{"), "/classes/users/list/path"),
        (users("/list/method"), json!("FETCH"), "/classes/users/list/method"),
        (users("/list/query/x"), json!([1]), "/classes/users/list/query/x"),
        (users("/list/query/x"), json!("{cursor}"), "/classes/users/list/paging"),
        (users("/list/query/x"), json!("{key}"), "/classes/users/list: `{key}` stands for nothing"),
        (users("/list/paging/style"), json!("PAGES"), "/classes/users/list/paging/style"),
        (users("/list/paging/style"), json!("NONE"), "/classes/users/list/paging"),
        (users("/list/paging/pageSize"), json!(0), "/classes/users/list/paging/pageSize"),
        (users("/list/paging/total"), json!({"header": ""}), "/classes/users/list/paging/total"),
        (users("/list/paging/next"), json!("/next"), "/classes/users/list/paging"),
        (users("/read/path"), json!("/users"), "/classes/users/read: `{key}` stands nowhere"),
        (users("/delete/path"), json!("/users"), "/classes/users/delete"),
        (users("/find/query/mail"), json!("x"), "/classes/users/find"),
        (users("/create/body"), json!({"m": ["{mial}"]}), "/classes/users/create: `{mial}`"),
        (users("/create/body"), json!({"m": ["{"]}), "/classes/users/create/body/m/0"),
        (users("/update"), json!({"path": "/users/{key}"}), "/classes/users/update"),
        (users("/enable"), json!({"path": "/users/{key}/on"}), "/classes/users/enable"),
        (users("/addMember/path"), json!("/m/{key}"), "/classes/users/addMember: `{group}`"),
        (users("/removeMember"), json!(null), "/classes/users/removeMember"),
        (users("/changes/start/path"), json!("now"), "/classes/users/changes/start"),
        (users("/changes/query/since"), json!("x"), "/classes/users/changes"),
        (users("/changes/gone"), json!({}), "/classes/users/changes/gone"),
        ("/headers".to_owned(), json!({"Authorization": "x"}), "/headers/Authorization"),
        ("/headers".to_owned(), json!({"X-A": "a\r\nb"}), "/headers/X-A"),
        ("/conflict".to_owned(), json!([500]), "/conflict/0"),
        ("/conflict".to_owned(), json!([{"status": 400}]), "/conflict/0"),
        ("/outdated".to_owned(), json!([401]), "/outdated"),
        ("/classes".to_owned(), json!({}), "/classes: it is empty"),
        ("/check".to_owned(), json!({"path": "/me/{key}"}), "/check"),
    ] {
        let (_, problems) = Description::parse(&changed(&place, value));
        assert!(problems.iter().any(|problem| problem.starts_with(told_at)), "{place}: {problems:?}");
    }
}

#[test]
fn all_problems_are_told_at_once_and_texts_that_are_no_json_are_refused() {
    let (_, problems) = Description::parse(r#"{"classes": {"a": {}, "b": {"key": 7, "list": {}}}, "x": 1}"#);
    assert!(problems.len() >= 6, "{problems:?}");
    for text in ["", "{", "[]", "7", &"[".repeat(100_000), &"x".repeat(LONGEST + 1)] {
        let (description, problems) = Description::parse(text);
        assert!(description.classes.is_empty() && problems.len() == 1, "{problems:?}");
    }
}
