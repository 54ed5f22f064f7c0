//! Users, tokens and settings, as an admin looks after them over HTTP.

use chrono::{TimeDelta, Utc};
use muster_testkit::server::Staff;
use serde_json::{Value, json};

use crate::world::{conf, expect_error, places, server};

const USERS: &str = "/acme/api/users";
const TOKENS: &str = "/acme/api/tokens";
const SETTINGS: &str = "/acme/api/settings";

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[test]
fn a_user_is_made_changed_and_deleted() {
    let (server, admin) = server(Staff::Absent);
    let new = json!({"name": "ann/lee+x@example.org", "roles": ["operator", "viewer"], "password": "correct horse"});
    let made = admin.post(USERS, &new).expect(201);
    let location = made.header("location").to_owned();
    assert_eq!(location, "/acme/api/users/ann%2Flee%2Bx%40example.org");
    let fields: Vec<_> = made.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["name", "roles", "createdAt"], "no password leaves");
    expect_error(admin.post(USERS, &new), 409, "CONFLICT");
    let ann = server.anybody().with_user("ann/lee+x@example.org", "correct horse");
    let _ = ann.get(&conf("acme", "applications")).expect(200);
    let _ = ann.get(USERS).expect(403);
    let changed = admin.put(&location, &json!({"roles": ["admin"]})).expect(200).json();
    assert_eq!(changed["roles"], json!(["admin"]));
    let listed = ann.get(USERS).expect(200).json();
    assert_eq!(names(&listed), ["ann/lee+x@example.org"], "the password stays where none is given");
    assert!(!listed.to_string().contains("argon2"), "no hash leaves");
    let _ = admin
        .post(USERS, &json!({"name": "bob", "roles": ["admin"], "password": "correct horse"}))
        .expect(201);
    let _ = admin.delete(&location).expect(204);
    expect_error(admin.delete(&location), 404, "NOT_FOUND");
    expect_error(admin.put(&location, &json!({"roles": ["viewer"]})), 404, "NOT_FOUND");
    let _ = ann.get(USERS).expect(404);
}

#[test]
fn everything_wrong_with_a_user_is_told_at_once() {
    let (_server, admin) = server(Staff::Absent);
    let wrong = json!({"name": "a:b", "roles": ["boss", "viewer", 1], "password": "eleven char", "age": 7});
    let told = ["/age", "/name", "/password", "/roles/0", "/roles/2"];
    assert_eq!(places(admin.post(USERS, &wrong)), told);
    assert_eq!(places(admin.post(USERS, &json!({}))), ["/name", "/password", "/roles"]);
    assert_eq!(
        places(admin.post(USERS, &json!({"name": "", "roles": [], "password": 7}))),
        ["/name", "/password", "/roles"]
    );
    assert_eq!(places(admin.post(USERS, &json!([]))), [""]);
    assert_eq!(
        places(admin.put(&format!("{USERS}/ann"), &json!({"name": "bob", "roles": ["viewer"]}))),
        ["/name"]
    );
    assert_eq!(admin.get(USERS).expect(200).json(), json!([]));
}

#[test]
fn the_last_admin_stays() {
    let (_server, admin) = server(Staff::Absent);
    for (name, role) in [("ann", "admin"), ("bob", "admin"), ("cid", "viewer")] {
        let user = json!({"name": name, "roles": [role], "password": "correct horse"});
        let _ = admin.post(USERS, &user).expect(201);
    }
    let _ = admin.delete(&format!("{USERS}/bob")).expect(204);
    let error = expect_error(admin.delete(&format!("{USERS}/ann")), 409, "CONFLICT");
    assert!(error["description"].as_str().unwrap().contains("`ann` is the last admin"), "{error}");
    let demoted = admin.put(&format!("{USERS}/ann"), &json!({"roles": ["viewer"]}));
    expect_error(demoted, 409, "CONFLICT");
    let both = json!({"roles": ["admin", "approver"], "password": "another password"});
    let _ = admin.put(&format!("{USERS}/ann"), &both).expect(200);
    let _ = admin.delete(&format!("{USERS}/cid")).expect(204);
    let _ = admin.put(&format!("{USERS}/ann"), &json!({"roles": ["admin"]})).expect(200);
}

#[test]
fn a_token_is_shown_once_and_works_until_it_expires() {
    let (server, admin) = server(Staff::Absent);
    let in_a_while = (Utc::now() + TimeDelta::hours(1)).to_rfc3339();
    let new = json!({"name": "night", "roles": ["viewer"], "expiresAt": in_a_while});
    let made = admin.post(TOKENS, &new).expect(201);
    assert_eq!(made.header("location"), "/acme/api/tokens/night");
    let text = made.json()["token"].as_str().unwrap().to_owned();
    let token = server.anybody().with_token(&text);
    let _ = token.get(&conf("acme", "applications")).expect(200);
    expect_error(admin.post(TOKENS, &new), 409, "CONFLICT");
    let listed = admin.get(TOKENS).expect(200);
    assert!(!listed.text().contains(&text));
    let listed = listed.json();
    assert_eq!(names(&listed), ["admin", "night"]);
    assert!(listed[1]["lastUsedAt"].is_string() && listed[1]["expiresAt"].is_string(), "{listed}");
    let tenant = server.tenant("acme");
    let (text, hash) = muster_api::principal::new_token();
    let over = muster_store::NewToken {
        name: "over".to_owned(),
        roles: "viewer".to_owned(),
        hash,
        expires_at: Some(Utc::now()),
        now: Utc::now(),
    };
    server.block_on(tenant.create_token(&over)).unwrap();
    let _ = server.anybody().with_token(&text).get(&conf("acme", "applications")).expect(404);
    let _ = admin.delete(&format!("{TOKENS}/night")).expect(204);
    expect_error(admin.delete(&format!("{TOKENS}/night")), 404, "NOT_FOUND");
    let _ = token.get(&conf("acme", "applications")).expect(404);
}

#[test]
fn everything_wrong_with_a_token_is_told_at_once() {
    let (_server, admin) = server(Staff::Absent);
    let wrong = json!({"name": "a\nb", "roles": [], "expiresAt": "tomorrow", "token": "x"});
    assert_eq!(places(admin.post(TOKENS, &wrong)), ["/expiresAt", "/name", "/roles", "/token"]);
    let over = json!({"name": "x", "roles": ["viewer"], "expiresAt": "2020-01-01T00:00:00Z"});
    assert_eq!(places(admin.post(TOKENS, &over)), ["/expiresAt"]);
}

#[test]
fn a_token_costs_no_write_but_once_a_minute() {
    let (server, admin) = server(Staff::Absent);
    let statements = |calls: usize| {
        let before = server.engine().store().statements();
        (0..calls).for_each(|_| drop(admin.get(&conf("acme", "applications")).expect(200)));
        server.engine().store().statements() - before
    };
    // Tenant, token, its use, the list.
    assert_eq!(statements(1), 4);
    assert_eq!(statements(10), 30);
    let noted = server.block_on(server.tenant("acme").tokens()).unwrap()[0].last_used_at.unwrap();
    let long_ago = noted - TimeDelta::minutes(5);
    let later = noted + TimeDelta::minutes(1);
    let note = |now, since| {
        server.block_on(server.tenant("acme").note_token_use("admin", now, since)).unwrap();
        server.block_on(server.tenant("acme").tokens()).unwrap()[0].last_used_at.unwrap()
    };
    assert_eq!(note(later, long_ago), noted, "somebody else has noted it since");
    assert_eq!(note(later, noted), later);
}

#[test]
fn settings_hold_for_what_comes_after() {
    let (_server, admin) = server(Staff::Absent);
    let usual = json!({"approvalHours": 72, "shortestPassword": 12, "longestTokenDays": null});
    assert_eq!(admin.get(SETTINGS).expect(200).json(), usual);
    let wrong = json!({"approvalHours": 0, "shortestPassword": 8, "longestTokenDays": "90", "colour": "red"});
    let told = ["/approvalHours", "/colour", "/longestTokenDays", "/shortestPassword"];
    assert_eq!(places(admin.put(SETTINGS, &wrong)), told);
    let stricter = json!({"approvalHours": 4, "shortestPassword": 16, "longestTokenDays": 90});
    assert_eq!(admin.put(SETTINGS, &stricter).expect(200).json(), stricter);
    assert_eq!(admin.get(SETTINGS).expect(200).json(), stricter);
    let short = json!({"name": "ann", "roles": ["admin"], "password": "correct horse"});
    assert_eq!(places(admin.post(USERS, &short)), ["/password"]);
    for expires_at in [Value::Null, (Utc::now() + TimeDelta::days(91)).to_rfc3339().into()] {
        let token = json!({"name": "long", "roles": ["viewer"], "expiresAt": expires_at});
        assert_eq!(places(admin.post(TOKENS, &token)), ["/expiresAt"]);
    }
    let token = json!({"name": "x", "roles": ["viewer"], "expiresAt": Utc::now() + TimeDelta::days(89)});
    let _ = admin.post(TOKENS, &token).expect(201);
    assert_eq!(admin.put(SETTINGS, &usual).expect(200).json(), usual, "what is shown can be put");
    assert_eq!(admin.put(SETTINGS, &json!({})).expect(200).json(), usual);
}
