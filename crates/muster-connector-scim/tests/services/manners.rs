//! How a service is approached: credentials, tokens, limits, tests of the connection, and what is never shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use muster_connector::{
    ChangeFeed, ChangeToken, ConnectorKind, FileRoots, Host, Reads, RemoteClass, Step, SweepEnd,
    SweepRequest, TestStep, TestedStep, tested,
};
use serde_json::json;

use crate::fake::{Fake, Reply, list, ok, page, person, refusal};
use crate::{class_of, host, kind, open, properties, sweep, try_open, users};

#[tokio::test]
async fn an_unchanged_account_costs_nothing_beyond_the_list() {
    let fake = Fake::start(json!({}), |asked| (asked.path == "/Users").then(|| page(asked, 8)));
    let connector = open(&fake.url(), &[]).await;
    let (entries, _) = sweep(&*connector, users(&[])).await.unwrap();
    assert_eq!(entries.len(), 8);
    assert_eq!(fake.lines(), ["GET /Users"; 3]);
    let asked = &fake.asked()[1];
    assert_eq!((asked.number("startIndex"), asked.number("count")), (4, 3));
    assert_eq!(asked.query["attributes"], "active,id,userName");
}

#[tokio::test]
async fn names_are_looked_for_some_at_a_time() {
    let offered = json!({"filter": {"supported": true}});
    let fake = Fake::start(offered, |asked| (asked.path == "/Users").then(|| list(1, vec![person(1)])));
    let connector = open(&fake.url(), &[]).await;
    let names: Vec<String> = (0..45).map(|number| format!("U{number}")).collect();
    let found = connector.find(&users(&[]), &names).await.unwrap();
    assert_eq!(fake.lines().len(), 3, "twenty names a call");
    // The service gives the same one to each question, whatever was asked for.
    assert!(
        found
            .iter()
            .all(|entry| matches!(entry, muster_connector::Entry::Account(account) if account.uid == "k1"))
    );
    fake.forget();
    assert_eq!(connector.find(&users(&[]), &["nobody".to_owned()]).await.unwrap(), []);
    assert_eq!(fake.lines().len(), 1);
}

#[tokio::test]
async fn a_dialect_says_how_lists_are_read_too() {
    let offered = json!({"filter": {"supported": true}});
    let fake =
        Fake::start(offered, |asked| (asked.path == "/Users").then(|| ok(json!({"Resources": [person(1)]}))));
    let connector = open(&fake.url(), &[("dialect", "AWS")]).await;
    let (entries, end) = sweep(&*connector, users(&[])).await.unwrap();
    assert_eq!((entries.len(), end), (1, SweepEnd::Complete { token: None }));
    let query: Vec<_> = fake.asked()[0].query.clone().into_iter().collect();
    assert_eq!(
        query,
        [("count", "3"), ("cursor", "")].map(|(name, text)| (name.to_owned(), text.to_owned()))
    );
    fake.forget();
    connector.find(&users(&[]), &["u1".to_owned(), "u2".to_owned()]).await.unwrap();
    let mut filters: Vec<_> = fake.asked().iter().map(|asked| asked.query["filter"].clone()).collect();
    filters.sort();
    assert_eq!(filters, ["userName eq \"u1\"", "userName eq \"u2\""]);
}

#[test]
fn the_guide_knows_each_property_and_its_default() {
    let guide = include_str!("../../../../docs/guide/scim.md");
    for property in muster_connector_scim::PROPERTIES {
        let named = format!("`{}`", property.name);
        let row = guide.lines().find(|line| line.split('|').nth(1).is_some_and(|cell| cell.contains(&named)));
        let default = property.default.map(|default| format!("| `{default}` |")).unwrap_or_default();
        assert!(row.is_some_and(|row| row.contains(&default)), "{named} with {default}: {row:?}");
    }
}

#[tokio::test]
async fn nobody_is_said_not_to_be_there_by_half_a_list() {
    let fake = Fake::start(json!({}), |asked| (asked.path == "/Users").then(|| list(9, vec![person(1)])));
    let connector = open(&fake.url(), &[]).await;
    let error = connector.find(&users(&[]), &["u2".to_owned()]).await.unwrap_err();
    assert_eq!(class_of(&error), "Transient", "{error}");
    assert_eq!(connector.find(&users(&[]), &["u1".to_owned()]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_takes_too_long_or_is_too_long_has_an_end() {
    let fake = Fake::start(json!({}), |asked| match asked.path.as_str() {
        "/Users" => Some(Reply::Nothing),
        "/Groups" => {
            let long = json!({"id": "g1", "displayName": "x".repeat(100_000)});
            Some(list(1, vec![long]))
        }
        _ => None,
    });
    let host = Host { call_limit: Duration::from_millis(500), ..host() };
    let slow = kind().open(&properties(&fake.url(), &[]), &host).await.unwrap();
    let error = sweep(&*slow, users(&[])).await.unwrap_err();
    assert_eq!(class_of(&error), "Transient", "{error}");
    assert!(error.to_string().contains("did not answer"), "{error}");
    let connector = open(&fake.url(), &[("maximumAnswerBytes", "65536")]).await;
    let groups =
        RemoteClass { name_attribute: Some("displayName".into()), ..RemoteClass::new("Group", "id") };
    let error = sweep(&*connector, groups).await.unwrap_err();
    assert_eq!(class_of(&error), "Unusable", "{error}");
    assert!(error.to_string().contains("65536"), "{error}");
}

const OAUTH2: [(&str, &str); 3] =
    [("authentication", "OAUTH2"), ("clientId", "muster"), ("clientSecret", "s3cret")];

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    let tokens = Arc::new(AtomicUsize::new(0));
    let given = Arc::clone(&tokens);
    let fake = Fake::telling_all(json!({}), move |asked| {
        if asked.path == "/token" {
            assert_eq!(asked.text, "grant_type=client_credentials&scope=scim");
            let number = given.fetch_add(1, Ordering::SeqCst) + 1;
            return Some(ok(json!({"access_token": format!("token{number}"), "token_type": "Bearer"})));
        }
        match asked.headers["authorization"].as_str() {
            "Bearer token2" if asked.path == "/Users" => Some(page(asked, 1)),
            "Bearer token1" if asked.path == "/ServiceProviderConfig" => None,
            _ => Some(refusal(401, "", "nobody knows token1 and token2")),
        }
    });
    let token_url = format!("{}/token", fake.url());
    let others: Vec<_> =
        OAUTH2.into_iter().chain([("tokenUrl", token_url.as_str()), ("scope", "scim")]).collect();
    let connector = open(&fake.url(), &others).await;
    // Whatever it does not take from the second token on is for good.
    let error = sweep(&*connector, users(&[])).await.unwrap_err();
    assert_eq!(class_of(&error), "Unusable", "{error}");
    assert!(error.to_string().contains("credentials"), "{error}");
    assert!(!error.to_string().contains("token2"), "{error}");
    assert_eq!(tokens.load(Ordering::SeqCst), 2, "one token, and one more instead of it");
}

#[tokio::test]
async fn wrong_credentials_and_wrong_addresses_are_for_somebody_to_change() {
    let fake = Fake::telling_all(json!({}), |asked| {
        (asked.headers["authorization"] != "Basic dTpw")
            .then(|| refusal(401, "", "who is `t`, who is s3cret?"))
    });
    assert!(
        try_open(&fake.url(), &[("authentication", "BASIC"), ("user", "u"), ("password", "p")]).await.is_ok()
    );
    let wrong = [("authentication", "BASIC"), ("user", "u"), ("password", "s3cret")];
    let error = try_open(&fake.url(), &wrong).await.err().unwrap();
    assert_eq!(class_of(&error), "Unusable");
    assert!(!error.to_string().contains("s3cret"), "what a service says does not show our secret: {error}");
    let no_scim = Fake::telling_all(json!({}), |_| {
        Some(Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n<html></html>".to_vec()))
    });
    let error = try_open(&no_scim.url(), &[]).await.err().unwrap();
    assert_eq!(class_of(&error), "Unusable");
    assert!(error.to_string().contains("baseUrl"), "{error}");
    for (url, class) in [
        ("http://127.0.0.1:1", "Transient"),
        ("http://192.0.2.1", "Unusable"),
        ("http://nowhere.invalid", "Transient"),
    ] {
        let error = try_open(url, &[]).await.err().unwrap();
        assert_eq!(class_of(&error), class, "{url}: {error}");
        assert!(error.to_string().contains(url), "{error}");
    }
}

#[tokio::test]
async fn a_service_that_has_no_call_left_is_left_alone() {
    let again: Arc<std::sync::Mutex<Option<Instant>>> = Arc::default();
    let (early, told) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&again));
    let count = Arc::clone(&early);
    let fake = Fake::start(json!({}), move |asked| {
        if asked.path != "/Users" {
            return None;
        }
        let mut again = told.lock().unwrap();
        if again.is_some_and(|again| Instant::now() < again) {
            count.fetch_add(1, Ordering::SeqCst);
        }
        *again = Some(Instant::now() + Duration::from_millis(900));
        let Reply::Json(status, _, body) = page(asked, 5) else { return None };
        let headers = vec![("ratelimit-remaining", "0".to_owned()), ("ratelimit-reset", "1".to_owned())];
        Some(Reply::Json(status, headers, body))
    });
    let connector = open(&fake.url(), &[]).await;
    let (entries, _) = sweep(&*connector, users(&[])).await.unwrap();
    assert_eq!(entries.len(), 5);
    assert_eq!((fake.lines().len(), early.load(Ordering::SeqCst)), (2, 0), "no call comes before its time");
}

#[tokio::test]
async fn the_wait_that_a_service_asks_for_is_told() {
    let fake = Fake::start(json!({}), |asked| {
        let headers = vec![
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
            ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT".to_owned()),
        ];
        (asked.path == "/Users").then(|| Reply::Json(503, headers, json!({})))
    });
    let connector = open(&fake.url(), &[]).await;
    let error = sweep(&*connector, users(&[])).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
}

#[tokio::test]
async fn changes_are_asked_for_from_a_time_of_the_service() {
    let offered = json!({"filter": {"supported": true}});
    let fake = Fake::start(offered, |asked| {
        let date = vec![("date", "Sun, 06 Nov 1994 08:49:37 GMT".to_owned())];
        (asked.path == "/Users")
            .then(|| Reply::Json(200, date, json!({"totalResults": 1, "Resources": [person(1)]})))
    });
    let connector = open(&fake.url(), &[("changes", "LAST_MODIFIED")]).await;
    assert_eq!(connector.capabilities().changes, ChangeFeed::WithoutDeletes);
    let (_, end) = sweep(&*connector, users(&[])).await.unwrap();
    let SweepEnd::Complete { token: Some(since) } = end else { panic!("{end:?}") };
    let request = |since: ChangeToken| SweepRequest {
        class: users(&[]),
        reads: Reads::Changes { since },
        page_size: 3.into(),
        resume: None,
        last_count: None,
    };
    let mut swept = connector.sweep(request(since)).await.unwrap();
    assert!(matches!(swept.next().await.unwrap(), Step::Page(_)));
    assert_eq!(fake.asked()[1].query["filter"], "meta.lastModified ge \"1994-11-06T08:48:37Z\"");
    let refused = connector.sweep(request(ChangeToken("lastModified x".to_owned()))).await.err().unwrap();
    assert_eq!(class_of(&refused), "Outdated");
}

fn shown(steps: &[TestedStep]) -> Vec<(TestStep, bool)> {
    steps.iter().map(|tested| (tested.step.clone(), tested.result.is_ok())).collect()
}

#[tokio::test]
async fn a_test_says_how_far_it_came() {
    use TestStep::{Address, Capabilities, Class, Credentials, Tls};
    let offered = json!({"patch": {"supported": true}, "bulk": {"supported": true, "maxOperations": 7, "maxPayloadSize": 9}});
    let fake = Fake::start(offered, |asked| (asked.path == "/Users").then(|| page(asked, 2)));
    let classes = [users(&[]), RemoteClass { remote_name: "Badge".to_owned(), ..users(&[]) }];
    let steps = tested(&kind(), &properties(&fake.url(), &[]), &host(), &classes).await;
    let class = |name: &str| Class(name.to_owned());
    let expected = [
        (Address, true),
        (Tls, true),
        (Credentials, true),
        (Capabilities, true),
        (class("User"), true),
        (class("Badge"), false),
    ];
    assert_eq!(shown(&steps), expected);
    let words = steps[3].result.clone().unwrap();
    assert!(
        words.contains("PATCH") && words.contains("bulk of 7 operations") && words.contains("no filters"),
        "{words}"
    );
    let refusing = Fake::telling_all(json!({}), |_| Some(refusal(401, "", "no")));
    let steps = tested(&kind(), &properties(&refusing.url(), &[]), &host(), &classes).await;
    assert_eq!(shown(&steps), [(Address, true), (Tls, true), (Credentials, false)]);
    let steps = tested(&kind(), &properties("http://127.0.0.1:1", &[]), &host(), &classes).await;
    assert_eq!(shown(&steps), [(Address, false)]);
    let steps = tested(&kind(), &properties("ftp://x", &[]), &host(), &classes).await;
    assert_eq!(shown(&steps), [(TestStep::Open, false)]);
}

#[tokio::test]
async fn a_service_says_what_it_has() {
    let fake = Fake::telling_all(json!({}), |asked| match asked.path.as_str() {
        "/ResourceTypes" => Some(ok(json!({"Resources": [
            {"name": "Badge", "endpoint": "/api/Badges", "schema": "urn:x:Badge", "description": "A badge"},
            {"broken": true},
        ]}))),
        "/Schemas" => Some(ok(json!({"Resources": [{"id": "urn:x:Badge", "attributes": [
            {"name": "number", "type": "integer", "required": true, "uniqueness": "server"},
            {"name": "zones", "type": "complex", "multiValued": true, "subAttributes": [{"name": "value", "type": "string"}]},
            {"name": "made", "type": "dateTime", "mutability": "readOnly"},
        ]}]}))),
        "/Badges" => Some(list(1, vec![json!({"id": "b1", "number": 7, "zones": [{"value": "z"}]})])),
        _ => None,
    });
    let connector = open(&fake.url(), &[]).await;
    let offered = connector.discover(&[]).await.unwrap();
    assert_eq!(offered.len(), 1, "what cannot be read is left out");
    let told: Vec<_> = offered[0]
        .attributes
        .iter()
        .map(|known| (known.name.as_str(), known.multi_valued, known.required, known.writable, known.unique))
        .collect();
    let expected = [
        ("externalId", false, false, true, false),
        ("id", false, true, false, true),
        ("made", false, false, false, false),
        ("number", false, true, true, true),
        ("zones.value", true, false, true, false),
    ];
    assert_eq!(told, expected);
    // Without attributes a class has all that is offered.
    let badges = RemoteClass { name_attribute: Some("number".into()), ..RemoteClass::new("Badge", "id") };
    let (entries, _) = sweep(&*connector, badges).await.unwrap();
    let muster_connector::Entry::Account(badge) = &entries[0] else { panic!("{entries:?}") };
    assert_eq!(badge.enabled, None);
    assert_eq!(
        badge.record.get("zones.value").first().map(|value| value.to_text().into_owned()).as_deref(),
        Some("z")
    );
}

#[test]
fn a_class_is_checked_before_the_service_is_asked() {
    let files = FileRoots { own: "/nowhere".into(), further: Vec::new() };
    let problems =
        |class: &RemoteClass| kind().check_class(&properties("http://x", &[]), class, &files).len();
    assert_eq!(problems(&users(&[("emails[type eq \"work\"].value", false)])), 0);
    for wrong in [
        RemoteClass { remote_name: "Users?x=1".to_owned(), ..users(&[]) },
        RemoteClass { uid_attribute: "userName".into(), ..users(&[]) },
        RemoteClass { name_attribute: Some("id".into()), ..users(&[]) },
        RemoteClass { name_attribute: Some("emails[type eq \"x\"].value".into()), ..users(&[]) },
        users(&[("no path", false)]),
    ] {
        assert_eq!(problems(&wrong), 1, "{wrong:?}");
    }
}
