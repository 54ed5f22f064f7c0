//! Who we are, and what is answered to that: credentials, tokens, statuses, waits; and what a test of a connection says.

use std::sync::Mutex;
use std::time::Duration;

use muster_connector::{ConnectorError, ConnectorKind, Host, TestStep};
use serde_json::json;

use crate::fake::{Fake, Reply, ok, people, refusal};
use crate::{class_of, host, kind, open, properties, sweep, users};

const DESCRIPTION: &str = r#"{
    "classes": {"users": {
        "items": "/data", "key": "/id", "attributes": {"name": "/name"},
        "list": {"path": "/users"}, "read": {"path": "/users/{key}"}
    }},
    "headers": {"X-Api-Version": "7"},
    "errors": {"message": "/error/message"}
}"#;

#[tokio::test]
async fn each_way_says_who_we_are() {
    for (others, header, value) in [
        (&[][..], "authorization", None),
        (
            &[("authentication", "BASIC"), ("user", "u"), ("password", "pass")],
            "authorization",
            Some("Basic dTpwYXNz"),
        ),
        (&[("authentication", "BEARER"), ("token", "abc")], "authorization", Some("Bearer abc")),
        (
            &[("authentication", "HEADER"), ("headerName", "X-Key"), ("headerValue", "k7")],
            "x-key",
            Some("k7"),
        ),
    ] {
        let fake = Fake::start(|_| ok(json!({"data": people(1, 1)})));
        sweep(&*open(&fake.url(), DESCRIPTION, others).await, users(), 3).await.unwrap();
        let asked = fake.asked();
        assert_eq!(asked[0].headers.get(header).map(String::as_str), value, "{others:?}");
        assert_eq!(asked[0].headers["x-api-version"], "7");
        assert_eq!(asked[0].headers["accept"], "application/json");
    }
}

#[tokio::test]
async fn access_tokens_are_fetched_once_and_again_when_refused() {
    let given = Mutex::new(0);
    let fake = Fake::start(move |asked| {
        if asked.path == "/token" {
            assert!(asked.text.contains("grant_type=client_credentials"), "{}", asked.text);
            let mut given = given.lock().unwrap();
            *given += 1;
            return ok(
                json!({"access_token": format!("t{given}"), "token_type": "Bearer", "expires_in": 3600}),
            );
        }
        match asked.headers.get("authorization").map(String::as_str) {
            Some("Bearer t2") => ok(json!({"data": people(1, 1)})),
            _ => refusal(401, "it has expired"),
        }
    });
    let token_url = format!("{}/token", fake.url());
    let others = [
        ("authentication", "OAUTH2"),
        ("tokenUrl", token_url.as_str()),
        ("clientId", "c"),
        ("clientSecret", "hush-hush"),
    ];
    let connector = open(&fake.url(), DESCRIPTION, &others).await;
    sweep(&*connector, users(), 3).await.unwrap();
    sweep(&*connector, users(), 3).await.unwrap();
    assert_eq!(fake.lines(), ["POST /token", "GET /users", "POST /token", "GET /users", "GET /users"]);
}

#[tokio::test]
async fn statuses_say_what_is_to_be_done() {
    for (status, class) in [
        (301, "Unusable"),
        (400, "Rejected"),
        (401, "Unusable"),
        (403, "Unusable"),
        (404, "Unusable"),
        (408, "Transient"),
        (418, "Rejected"),
        (429, "Transient"),
        (500, "Transient"),
        (503, "Transient"),
    ] {
        let fake = Fake::start(move |_| {
            let body = json!({"error": {"message": "no\u{7} way, hush-hush is no token"}});
            Reply::Json(status, vec![("Retry-After", "7".to_owned())], body)
        });
        let others = [("authentication", "BEARER"), ("token", "hush-hush")];
        let connector = open(&fake.url(), DESCRIPTION, &others).await;
        let error = sweep(&*connector, users(), 3).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(class_of(&error), class, "{status}: {error}");
        assert!(text.contains("no  way") && text.contains("/api/users answered"), "{text}");
        assert!(!text.contains("hush-hush"), "no secret is shown: {text}");
        if class == "Transient" {
            assert_eq!(error.retry_after(), Some(Duration::from_secs(7)), "{status}");
        }
        let single = connector.read(&users(), &["k1".to_owned()]).await;
        match status {
            404 => assert_eq!(single, Ok(Vec::new()), "who is not there is left out"),
            _ => assert_eq!(class_of(&single.unwrap_err()), class, "{status}"),
        }
    }
}

#[tokio::test]
async fn who_does_not_answer_is_not_waited_for_for_ever() {
    let fake = Fake::start(|_| Reply::Nothing);
    let host = Host { call_limit: Duration::from_millis(300), ..host() };
    let connector = kind().open(&properties(&fake.url(), DESCRIPTION, &[]), &host).await.unwrap();
    let error = sweep(&*connector, users(), 3).await.unwrap_err();
    assert_eq!(class_of(&error), "Transient", "{error}");
}

#[tokio::test]
async fn another_thing_than_was_asked_for_is_not_believed() {
    let fake = Fake::start(|_| ok(json!({"id": "k2", "name": "u2"})));
    let connector = open(&fake.url(), DESCRIPTION, &[]).await;
    let error = connector.read(&users(), &["k1".to_owned()]).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Transient { .. }), "{error}");
}

/// The steps of a test, each with whether it passed.
async fn tested(url: &str, description: &str) -> Vec<(TestStep, bool)> {
    let steps =
        muster_connector::tested(&kind(), &properties(url, description, &[]), &host(), &[users()]).await;
    steps.into_iter().map(|step| (step.step, step.result.is_ok())).collect()
}

#[tokio::test]
async fn a_test_says_how_far_it_came() {
    use TestStep::{Address, Class, Credentials, Open, Tls};
    let class = || Class("users".to_owned());
    let fake = |status| Fake::start(move |_| Reply::Json(status, Vec::new(), json!({"data": []})));
    let sound = fake(200);
    assert_eq!(
        tested(&sound.url(), DESCRIPTION).await,
        [(Address, true), (Tls, true), (Credentials, true), (class(), true)]
    );
    assert_eq!(
        tested(&fake(401).url(), DESCRIPTION).await,
        [(Address, true), (Tls, true), (Credentials, false)]
    );
    assert_eq!(
        tested(&fake(404).url(), DESCRIPTION).await,
        [(Address, true), (Tls, true), (Credentials, true), (class(), false)]
    );
    assert_eq!(tested("http://127.0.0.1:1", DESCRIPTION).await, [(Address, false)]);
    assert_eq!(tested("http://192.0.2.1", DESCRIPTION).await, [(Address, false)]);
    // It speaks, and no TLS.
    let url = sound.url().replace("http:", "https:");
    let steps = tested(&url, DESCRIPTION).await;
    assert!(matches!(steps.last(), Some((Address | Tls, false))), "{steps:?}");
    assert_eq!(tested(&sound.url(), "{}").await, [(Open, false)]);
}

#[tokio::test]
async fn a_call_that_is_described_for_it_is_made_first() {
    let description = DESCRIPTION.replacen('{', r#"{"check": {"path": "/me"},"#, 1);
    let fake = Fake::start(|asked| match asked.path.as_str() {
        "/me" => refusal(403, "not you"),
        _ => ok(json!({"data": []})),
    });
    let opened = kind().open(&properties(&fake.url(), &description, &[]), &host()).await;
    assert!(matches!(opened.err(), Some(ConnectorError::Unusable { .. })));
    assert_eq!(fake.lines(), ["GET /me"]);
}
