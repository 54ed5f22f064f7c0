//! Changes since a token: where it comes from, who is gone, and tokens that are not known any more.

use std::sync::atomic::{AtomicUsize, Ordering};

use muster_connector::{ChangeFeed, ChangeToken, Connector, Entry, Reads, Step, SweepEnd, SweepRequest};
use serde_json::{Value as Json, json};

use crate::fake::{Asked, Fake, Reply, ok, people, person, refusal};
use crate::{class_of, open, read, sweep, users};

/// A description whose list and changes hold this besides.
fn description(list: &str, changes: &str) -> String {
    format!(
        r#"{{"classes": {{"users": {{
            "items": "/data", "key": "/id", "enabled": "/active", "attributes": {{"name": "/name"}},
            "list": {{"path": "/users"{list}}},
            "read": {{"path": "/users/{{key}}"}},
            "changes": {{"path": "/delta", "query": {{"since": "{{token}}"}}, "token": "/next"{changes}}}
        }}}}, "outdated": [400]}}"#
    )
}

const STARTED: &str = r#", "start": {"path": "/now", "token": {"header": "X-Now"}}"#;

/// What is told of since a token, in short, and the next token.
async fn since(connector: &dyn Connector, token: &ChangeToken) -> (Vec<String>, Option<ChangeToken>) {
    let reads = Reads::Changes { since: token.clone() };
    let (entries, end) = read(connector, users(), 2, reads).await.unwrap();
    let SweepEnd::Complete { token } = end else { panic!("{end:?}") };
    let shown = entries.iter().map(|entry| match entry {
        Entry::Account(account) => {
            format!("{} {}", account.uid, account.record.get("name").first().unwrap().to_text())
        }
        Entry::Bad(_) => "bad".to_owned(),
        Entry::Gone(gone) => format!("{} is gone", gone.uid),
    });
    (shown.collect(), token)
}

async fn first_token(connector: &dyn Connector) -> ChangeToken {
    match sweep(connector, users(), 2).await.unwrap() {
        (_, SweepEnd::Complete { token: Some(token) }) => token,
        (_, end) => panic!("a full sweep ends with a token: {end:?}"),
    }
}

fn named(id: usize, name: &str) -> Json {
    json!({"id": format!("k{id}"), "name": name})
}

#[tokio::test]
async fn a_token_from_before_the_sweep_leads_to_what_has_changed() {
    let fake = Fake::start(|asked: &Asked| {
        match (asked.path.as_str(), asked.query.get("since").map(String::as_str)) {
            ("/now", _) => Reply::Json(200, vec![("X-Now", "t 1".to_owned())], Json::Null),
            ("/users", _) => ok(json!({"data": people(1, 3)})),
            ("/delta", Some("t 1")) => {
                let data = json!([named(1, "old"), named(2, "x"), {"id": "k3", "deleted": true}, named(1, "new"), {"name": "who"}]);
                ok(json!({"data": data, "next": "t2"}))
            }
            _ => ok(json!({"data": [], "next": "t2"})),
        }
    });
    let gone = r#", "gone": {"pointer": "/deleted", "equals": true}"#;
    let connector = open(&fake.url(), &description("", &format!("{STARTED}{gone}")), &[]).await;
    assert_eq!(connector.capabilities().changes, ChangeFeed::WithDeletes);
    let token = first_token(&*connector).await;
    assert_eq!(fake.lines(), ["GET /now", "GET /users"], "the token is asked for first");
    let (told, next) = since(&*connector, &token).await;
    assert_eq!(told, ["k1 new", "k2 x", "k3 is gone", "bad"], "each at most once, as it is now");
    assert_eq!(since(&*connector, &next.unwrap()).await.0, [""; 0]);
    assert_eq!(fake.asked().len(), 4, "one call each: {:?}", fake.lines());
}

#[tokio::test]
async fn tokens_of_lists_and_lists_of_who_is_gone() {
    let fake = Fake::start(|asked| match asked.path.as_str() {
        "/users" => ok(json!({"data": people(1, 2), "token": "a"})),
        "/users/k1" => ok(person(1)),
        "/delta" => {
            ok(json!({"data": [{"id": "k1"}, {"id": "k2"}], "removed": [{"key": "k9"}], "next": "b"}))
        }
        _ => refusal(404, "gone meanwhile"),
    });
    let more = r#", "readEach": true, "deleted": {"pointer": "/removed", "each": "/key"}"#;
    let connector = open(&fake.url(), &description(r#", "token": "/token""#, more), &[]).await;
    let (told, next) = since(&*connector, &first_token(&*connector).await).await;
    assert_eq!(told, ["k1 u1", "k9 is gone"], "who is only named is read");
    assert!(next.is_some());
}

#[tokio::test]
async fn changes_that_are_not_whole_are_cut_short_and_old_tokens_are_outdated() {
    let fake = Fake::start(|asked| match asked.query.get("since").map(String::as_str) {
        None => Reply::Json(200, vec![("X-Now", "t".to_owned())], json!({"data": []})),
        Some("t") => ok(json!({"data": people(1, 30), "next": "u"})),
        Some("gone") => refusal(410, "too old"),
        Some("described") => refusal(400, "too old"),
        Some(_) => refusal(404, "no such thing"),
    });
    let connector = open(&fake.url(), &description("", STARTED), &[("maximumEntries", "20")]).await;
    assert_eq!(connector.capabilities().changes, ChangeFeed::WithoutDeletes);
    let token = first_token(&*connector).await;
    let (_, end) = read(&*connector, users(), 50, Reads::Changes { since: token }).await.unwrap();
    assert!(matches!(&end, SweepEnd::CutShort { reason } if reason.contains("more than 20")), "{end:?}");
    for (text, class) in [("gone", "Outdated"), ("described", "Outdated"), ("x", "Unusable")] {
        let since = ChangeToken(format!("rest {text}"));
        let error = read(&*connector, users(), 2, Reads::Changes { since }).await.unwrap_err();
        assert_eq!(class_of(&error), class, "{text}: {error}");
    }
    let foreign = Reads::Changes { since: ChangeToken("lastModified 2026".to_owned()) };
    assert_eq!(class_of(&read(&*connector, users(), 2, foreign).await.unwrap_err()), "Outdated");
}

#[tokio::test]
async fn changes_go_on_after_a_fault_and_lose_nothing() {
    let failures = AtomicUsize::new(0);
    let fake = Fake::start(move |asked| {
        match (asked.path.as_str(), asked.query.get("cursor").map(String::as_str)) {
            ("/delta", None) => ok(json!({"data": people(1, 2), "more": "c", "next": "early"})),
            ("/delta", Some("c")) if failures.fetch_add(1, Ordering::SeqCst) == 0 => refusal(503, "busy"),
            ("/delta", _) => ok(json!({"data": people(3, 3), "more": null, "next": "late"})),
            _ => refusal(404, "never asked"),
        }
    });
    let paged = description("", &format!(r#"{STARTED}, "paging": {{"style": "CURSOR", "next": "/more"}}"#));
    let paged = paged.replace(r#""since": "{token}""#, r#""since": "{token}", "cursor": "{cursor}""#);
    let connector = open(&fake.url(), &paged, &[]).await;
    let reads = Reads::Changes { since: ChangeToken("rest t".to_owned()) };
    let request = SweepRequest { class: users(), reads, page_size: 9.into(), resume: None, last_count: None };
    let mut sweep = connector.sweep(request).await.unwrap();
    assert_eq!(class_of(&sweep.next().await.unwrap_err()), "Transient");
    let Step::Page(page) = sweep.next().await.unwrap() else { panic!("a page") };
    assert_eq!(page.entries.len(), 3, "{page:?}");
    let token = Some(ChangeToken("rest late".to_owned()));
    assert_eq!(sweep.next().await.unwrap(), Step::End(SweepEnd::Complete { token }));
}
