//! Lists in each style of paging, and such that are not what they say to be: nobody is concluded to be gone, and there is
//! an end.

use muster_connector::{ConnectorError, Entry, SweepEnd};
use serde_json::{Value as Json, json};

use crate::fake::{Asked, Fake, Reply, ok, people, person};
use crate::{class_of, open, sweep, users};

/// What becomes of a sweep by pages of three.
enum Expected {
    Complete { entries: usize, calls: usize },
    CutShort { entries: usize, reason: &'static str },
    Fails(&'static str),
}

use Expected::{Complete, CutShort, Fails};

const PAGE: &str = r#"{"style": "PAGE", "total": "/total"}"#;
const UNCOUNTED: &str = r#"{"style": "PAGE"}"#;
const SHORT: &str = r#"{"style": "PAGE", "end": "SHORT"}"#;
const MORE: &str = r#"{"style": "OFFSET", "more": "/more"}"#;
const CURSOR: &str = r#"{"style": "CURSOR", "next": "/next"}"#;
const LINK: &str = r#"{"style": "LINK"}"#;
const LINK_IN_BODY: &str = r#"{"style": "LINK", "next": "/next", "total": {"header": "X-Total"}}"#;
const NONE: &str = r#"{"style": "NONE", "total": "/total"}"#;

/// A description with this paging.
fn description(paging: &str) -> String {
    let place = match paging {
        _ if paging.contains("PAGE") => r#", "page": "{page}""#,
        _ if paging.contains("OFFSET") => r#", "skip": "{offset}""#,
        _ if paging.contains("CURSOR") => r#", "cursor": "{cursor}""#,
        _ => "",
    };
    format!(
        r#"{{"classes": {{"users": {{
            "items": "/data", "key": "/id", "enabled": "/active", "attributes": {{"name": "/name"}},
            "list": {{"path": "/users", "query": {{"limit": "{{pageSize}}"{place}}}, "paging": {paging}}}
        }}}}}}"#
    )
}

async fn check(
    case: &str,
    paging: &str,
    expected: Expected,
    answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) {
    let fake = Fake::start(answer);
    let connector = open(&fake.url(), &description(paging), &[("maximumEntries", "20")]).await;
    match (sweep(&*connector, users(), 3).await, expected) {
        (Ok((entries, SweepEnd::Complete { .. })), Complete { entries: count, calls }) => {
            assert_eq!((entries.len(), fake.asked().len()), (count, calls), "{case}: {:?}", fake.lines());
        }
        (Ok((entries, SweepEnd::CutShort { reason })), CutShort { entries: count, reason: part }) => {
            assert_eq!(entries.len(), count, "{case}: {entries:?}");
            assert!(reason.contains(part) && reason.contains("/api: "), "{case}: {reason}");
        }
        (Err(error), Fails(class)) => assert_eq!(class_of(&error), class, "{case}: {error}"),
        (swept, _) => panic!("{case}: {swept:?}"),
    }
}

/// Pages of three of so many people, as they should be.
fn page(asked: &Asked, count: usize) -> Reply {
    let from = asked.number("page").max(1) * 3 - 2;
    ok(json!({"total": count, "data": people(from, count.min(from + 2))}))
}

fn with_next(data: Vec<Json>, next: &str) -> Reply {
    ok(json!({"data": data, "next": next}))
}

#[tokio::test]
async fn numbered_pages_end_where_they_should() {
    check("none", PAGE, Complete { entries: 0, calls: 1 }, |asked| page(asked, 0)).await;
    check("one", PAGE, Complete { entries: 2, calls: 1 }, |asked| page(asked, 2)).await;
    check("two", PAGE, Complete { entries: 5, calls: 2 }, |asked| page(asked, 5)).await;
    // Of full pages alone nobody can tell whether the promise was too small.
    check("full", PAGE, Complete { entries: 6, calls: 3 }, |asked| page(asked, 6)).await;
    check("behind the end", PAGE, Complete { entries: 3, calls: 2 }, |asked| match asked.number("page") {
        1 => page(asked, 3),
        _ => Reply::Json(404, Vec::new(), json!({})),
    })
    .await;
    check("last page again", PAGE, Complete { entries: 3, calls: 2 }, |_| {
        ok(json!({"total": 3, "data": people(1, 3)}))
    })
    .await;
    check("uncounted", UNCOUNTED, Complete { entries: 5, calls: 3 }, |asked| page(asked, 5)).await;
    check("short", SHORT, Complete { entries: 5, calls: 2 }, |asked| page(asked, 5)).await;
    check("unpaged", NONE, Complete { entries: 7, calls: 1 }, |_| {
        ok(json!({"total": "7", "data": people(1, 7)}))
    })
    .await;
    check("more", MORE, Complete { entries: 4, calls: 2 }, |asked| match asked.number("skip") {
        0 => ok(json!({"data": people(1, 3), "more": true})),
        3 => ok(json!({"data": people(4, 4), "more": false})),
        other => panic!("nobody asks behind {other}"),
    })
    .await;
}

#[tokio::test]
async fn cursors_and_links_are_followed_to_the_end() {
    check("cursor", CURSOR, Complete { entries: 4, calls: 3 }, |asked| {
        match asked.query.get("cursor").map(String::as_str) {
            None => with_next(people(1, 3), "a b&c"),
            // A page may be empty and not be the last.
            Some("a b&c") => with_next(Vec::new(), "z"),
            Some(_) => ok(json!({"data": people(4, 4), "next": null})),
        }
    })
    .await;
    check("links of the header", LINK, Complete { entries: 4, calls: 2 }, |asked| match asked.number("at") {
        0 => {
            let link = "</api/users?at=1>; rel=\"last\", </api/users?at=3>; rel=\"next\"".to_owned();
            Reply::Json(200, vec![("Link", link)], json!({"data": people(1, 3)}))
        }
        at => {
            assert_eq!(at, 3);
            ok(json!({"data": people(4, 4)}))
        }
    })
    .await;
    check("links of the body", LINK_IN_BODY, Complete { entries: 4, calls: 2 }, |asked| {
        let total = vec![("X-Total", "4".to_owned())];
        match asked.number("at") {
            0 => Reply::Json(200, total, json!({"data": people(1, 3), "next": "?at=3"})),
            _ => Reply::Json(200, total, json!({"data": people(4, 4), "next": ""})),
        }
    })
    .await;
}

#[tokio::test]
async fn lists_that_break_their_word_are_cut_short() {
    let cut = |entries, reason| CutShort { entries, reason };
    check("too few", PAGE, cut(2, "5 entries, and gave 2"), |asked| match asked.number("page") {
        1 => ok(json!({"total": 5, "data": people(1, 2)})),
        _ => ok(json!({"total": 5, "data": []})),
    })
    .await;
    check("too many", NONE, cut(3, "2 entries, and gave 3"), |_| {
        ok(json!({"total": 2, "data": people(1, 3)}))
    })
    .await;
    check("changed", PAGE, cut(6, "later 6"), |asked| match asked.number("page") {
        1 => ok(json!({"total": 5, "data": people(1, 3)})),
        _ => ok(json!({"total": 6, "data": people(4, 6)})),
    })
    .await;
    check("no total", PAGE, cut(2, "does not say how many"), |asked| match asked.number("page") {
        1 => ok(json!({"data": people(1, 2)})),
        _ => ok(json!({"data": []})),
    })
    .await;
    check("the same page", UNCOUNTED, cut(3, "same page came twice"), |_| ok(json!({"data": people(1, 3)})))
        .await;
    check("an entry twice", UNCOUNTED, cut(4, "came twice"), |asked| match asked.number("page") {
        1 => ok(json!({"data": people(1, 3)})),
        2 => ok(json!({"data": people(3, 3)})),
        _ => ok(json!({"data": []})),
    })
    .await;
    check("endless", UNCOUNTED, cut(21, "more than 20"), |asked| page(asked, 1_000)).await;
    check("endless emptiness", MORE, cut(0, "gives none"), |_| ok(json!({"data": [], "more": true}))).await;
    check("a cursor twice", CURSOR, cut(6, "cursor came twice"), |asked| {
        match asked.query.contains_key("cursor") {
            false => with_next(people(1, 3), "a"),
            true => with_next(people(4, 6), "a"),
        }
    })
    .await;
    check("cursors in a ring", CURSOR, cut(0, "cursor came twice"), |asked| {
        let next = if asked.query.get("cursor").is_some_and(|cursor| cursor == "a") { "b" } else { "a" };
        with_next(Vec::new(), next)
    })
    .await;
    check("ever new cursors without entries", CURSOR, cut(0, "pages without an entry"), |asked| {
        with_next(Vec::new(), &format!("{}x", asked.query.get("cursor").map_or("", String::as_str)))
    })
    .await;
    check("a link twice", LINK_IN_BODY, cut(6, "link came twice"), |asked| {
        let from = if asked.number("at") == 0 { 1 } else { 4 };
        let body = json!({"data": people(from, from + 2), "next": "?at=3"});
        Reply::Json(200, vec![("X-Total", "9".to_owned())], body)
    })
    .await;
}

#[tokio::test]
async fn answers_that_are_none_fail() {
    for (case, body) in [
        ("no JSON", "<html>".to_owned()),
        ("half of it", r#"{"data": [{"id": "k1"}"#.to_owned()),
        ("no list", r#"{"data": {"id": "k1"}}"#.to_owned()),
        ("another thing", r#"{"error": "x"}"#.to_owned()),
        ("too deep", format!("{{\"data\": {}{}}}", "[".repeat(5_000), "]".repeat(5_000))),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        check(case, PAGE, Fails("Transient"), move |_| Reply::Raw(answer.clone().into_bytes())).await;
    }
    for (case, octets) in [
        ("cut off", &b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"data\": ["[..]),
        ("no HTTP", b"SSH-2.0-OpenSSH_9.6\r\n"),
        ("nothing", b""),
    ] {
        check(case, PAGE, Fails("Transient"), move |_| Reply::Raw(octets.to_vec())).await;
    }
    let long = Reply::Raw(b"HTTP/1.1 200 OK\r\n\r\n".iter().copied().chain([b' '; 70_000]).collect());
    let long = std::sync::Mutex::new(Some(long));
    let fake = Fake::start(move |_| long.lock().unwrap().take().unwrap());
    let connector = open(&fake.url(), &description(PAGE), &[("maximumAnswerBytes", "65536")]).await;
    let error = sweep(&*connector, users(), 3).await.unwrap_err();
    assert_eq!(class_of(&error), "Unusable", "{error}");
}

#[tokio::test]
async fn links_to_others_are_not_followed() {
    for link in [
        "https://evil.example.com/users",
        "//127.0.0.1:1/users",
        "http://127.0.0.1:1/users",
        "file:///etc/passwd",
    ] {
        let fake = Fake::start(move |_| {
            Reply::Json(200, vec![("X-Total", "2".to_owned())], json!({"data": people(1, 1), "next": link}))
        });
        let connector = open(&fake.url(), &description(LINK_IN_BODY), &[]).await;
        let error = sweep(&*connector, users(), 3).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Unusable { .. }), "{link}: {error}");
        assert_eq!(fake.asked().len(), 1, "{link}");
    }
}

#[tokio::test]
async fn a_bad_item_is_one_bad_entry() {
    let fake = Fake::start(|_| {
        let data = json!([person(1), 7, {"name": "keyless"}, {"id": "", "name": "x"}, {"id": "k5", "name": {"first": 1}},
            {"id": "k6", "active": "perhaps"}, {"id": ["k7"]}, {"id": ".."}, {"id": 8, "name": "numbered"}, person(9)]);
        ok(json!({"total": 10, "data": data}))
    });
    let connector = open(&fake.url(), &description(NONE), &[]).await;
    let (entries, end) = sweep(&*connector, users(), 4).await.unwrap();
    assert!(matches!(end, SweepEnd::Complete { .. }), "{end:?}");
    let shown = entries.iter().map(|entry| match entry {
        Entry::Account(account) => account.uid.clone(),
        Entry::Bad(bad) => format!("bad {}", bad.uid.as_deref().unwrap_or("?")),
        Entry::Gone(gone) => format!("gone {}", gone.uid),
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        ["k1", "bad ?", "bad ?", "bad ?", "bad k5", "bad k6", "bad ?", "bad ?", "8", "k9"]
    );
}
