//! Lists that are not what they say to be: nobody is concluded to be gone, and there is an end.

use muster_connector::{Entry, SweepEnd};
use serde_json::{Value as Json, json};

use crate::fake::{Asked, Fake, Reply, list, ok, page, person};
use crate::{class_of, open, sweep, users};

/// What becomes of a sweep by pages of three.
enum Expected {
    Complete { entries: usize, calls: usize },
    CutShort { entries: usize, reason: &'static str },
    Fails(&'static str),
}

use Expected::{Complete, CutShort, Fails};

async fn check(
    case: &str,
    offered: Json,
    expected: Expected,
    answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) {
    let fake = Fake::start(offered, move |asked| (asked.path == "/Users").then(|| answer(asked)));
    let connector = open(&fake.url(), &[("maximumEntries", "20")]).await;
    let swept = sweep(&*connector, users(&[])).await;
    match (swept, expected) {
        (Ok((entries, SweepEnd::Complete { .. })), Complete { entries: count, calls }) => {
            assert_eq!((entries.len(), fake.asked().len()), (count, calls), "{case}: {:?}", fake.lines());
        }
        (Ok((entries, SweepEnd::CutShort { reason })), CutShort { entries: count, reason: part }) => {
            assert_eq!(entries.len(), count, "{case}: {entries:?}");
            assert!(reason.contains(part) && reason.contains("/api/Users"), "{case}: {reason}");
        }
        (Err(error), Fails(class)) => assert_eq!(class_of(&error), class, "{case}: {error}"),
        (swept, _) => panic!("{case}: {swept:?}"),
    }
}

#[tokio::test]
async fn sound_lists_are_complete() {
    let index = || json!({});
    check("none", index(), Complete { entries: 0, calls: 1 }, |asked| page(asked, 0)).await;
    check("one page", index(), Complete { entries: 2, calls: 1 }, |asked| page(asked, 2)).await;
    check("two pages", index(), Complete { entries: 5, calls: 2 }, |asked| page(asked, 5)).await;
    // Of full pages alone nobody can tell whether the promise was too small.
    check("full pages", index(), Complete { entries: 6, calls: 3 }, |asked| page(asked, 6)).await;
    check("no paging", index(), Complete { entries: 7, calls: 1 }, |_| {
        list(7, (1..=7).map(person).collect())
    })
    .await;
    check("same page again", index(), Complete { entries: 3, calls: 2 }, |_| {
        list(3, (1..=3).map(person).collect())
    })
    .await;
    check("nothing behind the end", index(), Complete { entries: 3, calls: 2 }, |asked| {
        match asked.number("startIndex") {
            4.. => Reply::Json(400, Vec::new(), json!({})),
            _ => page(asked, 3),
        }
    })
    .await;
    check("no list in an empty page", index(), Complete { entries: 0, calls: 1 }, |_| {
        ok(json!({"totalResults": 0}))
    })
    .await;
    let sorting = json!({"sort": {"supported": true}});
    check("sorted", sorting.clone(), Complete { entries: 5, calls: 2 }, |asked| {
        assert_eq!(asked.query["sortBy"], "id");
        page(asked, 5)
    })
    .await;
    check("not sorted by keys", sorting, Complete { entries: 5, calls: 3 }, |asked| {
        match asked.query.contains_key("sortBy") {
            true => Reply::Json(400, Vec::new(), json!({"scimType": "invalidPath"})),
            false => page(asked, 5),
        }
    })
    .await;
    check("numbers as texts, no items", index(), Complete { entries: 1, calls: 1 }, |_| {
        ok(json!({"totalResults": "1", "itemsPerPage": 0, "Resources": [person(1)]}))
    })
    .await;
}

#[tokio::test]
async fn lists_that_lie_are_cut_short() {
    let index = || json!({});
    check(
        "fewer than promised",
        index(),
        CutShort { entries: 2, reason: "9 entries, and gave 2" },
        |asked| match asked.number("startIndex") {
            1 => list(9, vec![person(1), person(2)]),
            _ => list(9, vec![]),
        },
    )
    .await;
    check("none of what was promised", index(), CutShort { entries: 0, reason: "gave 0" }, |_| {
        ok(json!({"totalResults": 3}))
    })
    .await;
    check("more than promised", index(), CutShort { entries: 5, reason: "2 entries, and gave 5" }, |_| {
        list(2, (1..=5).map(person).collect())
    })
    .await;
    check(
        "more than promised, page by page",
        index(),
        CutShort { entries: 6, reason: "3 entries, and gave 6" },
        |asked| {
            let start = asked.number("startIndex");
            list(3, (start..start + 3).map(person).collect())
        },
    )
    .await;
    check("a page that comes again", index(), CutShort { entries: 3, reason: "same page" }, |_| {
        list(9, (1..=3).map(person).collect())
    })
    .await;
    check("one twice", index(), CutShort { entries: 4, reason: "came twice" }, |asked| {
        match asked.number("startIndex") {
            1 => list(4, vec![person(1), person(2), person(3)]),
            _ => list(4, vec![person(3)]),
        }
    })
    .await;
    check("one twice in a page", index(), CutShort { entries: 2, reason: "came twice" }, |_| {
        list(2, vec![person(1), person(1)])
    })
    .await;
    check("another promise", index(), CutShort { entries: 4, reason: "later 5" }, |asked| {
        match asked.number("startIndex") {
            1 => list(4, vec![person(1), person(2), person(3)]),
            4 => list(5, vec![person(4)]),
            _ => list(5, vec![]),
        }
    })
    .await;
    check("no promise", index(), CutShort { entries: 2, reason: "how many" }, |asked| {
        let people = if asked.number("startIndex") == 1 { vec![person(1), person(2)] } else { vec![] };
        ok(json!({"Resources": people}))
    })
    .await;
    check("no end", index(), CutShort { entries: 21, reason: "more than 20" }, |asked| {
        let start = asked.number("startIndex");
        list(1_000_000_000, (start..start + 3).map(person).collect())
    })
    .await;
}

fn by_cursor(asked: &Asked, pages: &[(&str, Option<&str>, &[usize])]) -> Reply {
    let (_, next, people) = pages.iter().find(|(cursor, ..)| asked.query["cursor"] == *cursor).unwrap();
    let people: Vec<Json> = people.iter().copied().map(person).collect();
    ok(json!({"totalResults": 4, "Resources": people, "nextCursor": next}))
}

#[tokio::test]
async fn lists_by_cursor_are_watched_too() {
    let cursors = || json!({"pagination": {"cursor": true}});
    check("two pages", cursors(), Complete { entries: 4, calls: 2 }, |asked| {
        assert!(!asked.query.contains_key("startIndex"));
        assert_eq!(asked.number("count"), 3, "every page is asked for with the size of the first");
        by_cursor(asked, &[("", Some("a&b"), &[1, 2, 3]), ("a&b", None, &[4])])
    })
    .await;
    check("an empty page between", cursors(), Complete { entries: 4, calls: 3 }, |asked| {
        by_cursor(asked, &[("", Some("a"), &[1, 2, 3]), ("a", Some("b"), &[]), ("b", None, &[4])])
    })
    .await;
    check("an empty page at the end", cursors(), Complete { entries: 4, calls: 3 }, |asked| {
        by_cursor(asked, &[("", Some("a"), &[1, 2, 3]), ("a", Some("b"), &[4]), ("b", None, &[])])
    })
    .await;
    check("an end too early", cursors(), CutShort { entries: 3, reason: "4 entries, and gave 3" }, |asked| {
        by_cursor(asked, &[("", None, &[1, 2, 3])])
    })
    .await;
    check(
        "a cursor to itself",
        cursors(),
        CutShort { entries: 4, reason: "cursor led to itself" },
        |asked| by_cursor(asked, &[("", Some("a"), &[1, 2, 3]), ("a", Some("a"), &[4])]),
    )
    .await;
    check("two cursors to each other", cursors(), CutShort { entries: 6, reason: "came twice" }, |asked| {
        by_cursor(asked, &[("", Some("a"), &[1, 2]), ("a", Some("b"), &[1, 2, 3, 4]), ("b", Some("a"), &[4])])
    })
    .await;
    check(
        "empty pages without end",
        cursors(),
        CutShort { entries: 0, reason: "without an entry" },
        |asked| {
            let next = format!("{}x", asked.query["cursor"]);
            ok(json!({"Resources": [], "totalResults": 4, "nextCursor": next}))
        },
    )
    .await;
    check("a cursor that has expired", cursors(), Fails("Transient"), |asked| {
        match asked.query["cursor"].as_str() {
            "" => by_cursor(asked, &[("", Some("a"), &[1, 2, 3])]),
            _ => Reply::Json(400, Vec::new(), json!({"scimType": "expiredCursor"})),
        }
    })
    .await;
}

#[tokio::test]
async fn pages_that_are_none_are_typed_errors() {
    let index = || json!({});
    let raw = |text: &str| Reply::Raw(text.as_bytes().to_vec());
    let nested = format!("{{\"totalResults\": 1, \"Resources\": [{}{}]}}", "[".repeat(40), "]".repeat(40));
    let nested = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{nested}", nested.len());
    check("closed in mid-page", index(), Fails("Transient"), move |_| {
        raw("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"totalResults\": 1, \"Res")
    })
    .await;
    check("closed at once", index(), Fails("Transient"), move |_| raw("")).await;
    check("no HTTP", index(), Fails("Transient"), move |_| raw("\0\u{1}garbage\r\n\r\n")).await;
    check("no JSON", index(), Fails("Transient"), move |_| {
        raw("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>")
    })
    .await;
    check("nested too deep", index(), Fails("Transient"), move |_| raw(&nested)).await;
    check("a page without end", index(), Fails("Transient"), |_| list(1, vec![json!(0); 100_001])).await;
    check("another object", index(), Fails("Transient"), |_| ok(json!({"users": []}))).await;
    check("a list of its own", index(), Fails("Transient"), |_| ok(json!([person(1)]))).await;
    check("a redirect", index(), Fails("Unusable"), |_| {
        Reply::Json(302, vec![("location", "http://169.254.169.254/".to_owned())], json!({}))
    })
    .await;
    check("not there", index(), Fails("Unusable"), |_| Reply::Json(404, Vec::new(), json!({}))).await;
    check("busy", index(), Fails("Transient"), |_| {
        Reply::Json(429, vec![("retry-after", "7".to_owned())], json!({}))
    })
    .await;
    check("broken", index(), Fails("Transient"), |_| Reply::Json(500, Vec::new(), json!({}))).await;
    check("not allowed", index(), Fails("Unusable"), |_| Reply::Json(403, Vec::new(), json!({}))).await;
}

#[tokio::test]
async fn one_bad_resource_is_one_bad_entry() {
    let fake = Fake::start(json!({}), |asked| {
        let strange = vec![
            person(1),
            json!("no object"),
            json!({"userName": "keyless"}),
            json!({"id": 7}),
            json!({"id": ".."}),
            json!({"id": "k6", "userName": {"formatted": ["x"]}}),
            json!({"id": "k7", "userName": "a\u{0}b"}),
            person(8),
        ];
        (asked.path == "/Users").then(|| list(8, strange))
    });
    let connector = open(&fake.url(), &[]).await;
    let (entries, end) = sweep(&*connector, users(&[])).await.unwrap();
    assert_eq!(end, SweepEnd::Complete { token: None });
    let found: Vec<Option<&str>> = entries
        .iter()
        .map(|entry| match entry {
            Entry::Account(account) => Some(account.uid.as_str()),
            Entry::Bad(bad) => bad.uid.as_deref(),
            Entry::Gone(gone) => panic!("{gone:?}"),
        })
        .collect();
    assert_eq!(found, [Some("k1"), None, None, None, None, Some("k6"), Some("k7"), Some("k8")]);
    let bad = entries.iter().filter(|entry| matches!(entry, Entry::Bad(_))).count();
    assert_eq!(bad, 6);
    let Entry::Bad(second) = &entries[1] else { panic!("{entries:?}") };
    assert!(second.message.contains("/api/Users number 2"), "{}", second.message);
}
