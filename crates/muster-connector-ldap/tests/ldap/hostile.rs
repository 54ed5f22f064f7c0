//! Servers that lie, stop, never end or talk nonsense: a typed fault or a sweep cut short, and nobody concluded to be gone.

use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::thread;
use std::time::Duration;

use muster_connector::{ConnectorError, ConnectorKind, Entry, Reads, Step, SweepEnd};

use crate::fake::{Answer, ber, done, entry, person, serve, serve_with};
use crate::support::{at_port, host, kind, open, people_by_uid, request, sweep, with};

/// What a sweep over such a server comes to.
async fn swept(answer: Answer) -> Result<(Vec<Entry>, SweepEnd), ConnectorError> {
    let connector = kind().open(&serve(answer), &host(Duration::from_millis(700))).await.unwrap();
    sweep(&*connector, request(people_by_uid(), Reads::All, 3)).await
}

async fn is_transient(answer: Answer, words: &str) {
    match swept(answer).await {
        Err(ConnectorError::Transient { message, .. }) => {
            assert!(message.contains(words) && message.contains("127.0.0.1:"), "{message}");
        }
        other => panic!("{words}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_answer_is_read() {
    // It says that there are 32767 entries; nothing depends on it.
    let (entries, end) = swept(|stream, id, page| {
        let told = match page {
            0 => [person(id, "a"), person(id, "b"), done(id, 0, b"1")].concat(),
            _ => [person(id, "c"), person(id, "a"), done(id, 0, b"")].concat(),
        };
        stream.write_all(&told).unwrap();
    })
    .await
    .unwrap();
    assert_eq!(entries.len(), 4, "an entry that comes twice is told twice: {entries:?}");
    assert!(matches!(end, SweepEnd::Complete { .. }), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_in_mid_page_is_no_end() {
    is_transient(
        |stream, id, _| {
            stream.write_all(&[person(id, "a"), person(id, "b")].concat()).unwrap();
            stream.shutdown(Shutdown::Both).unwrap();
        },
        "closed the connection",
    )
    .await;
    // In the middle of an entry.
    is_transient(
        |stream, id, _| {
            stream.write_all(&person(id, "a")[..20]).unwrap();
            stream.shutdown(Shutdown::Both).unwrap();
        },
        "closed the connection",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_not_waited_for() {
    is_transient(|_, _, _| {}, "did not answer in time").await;
    // One that says something now and then, and never all.
    is_transient(
        |stream, id, _| {
            for number in 0..50 {
                if stream.write_all(&person(id, &format!("slow{number}"))[..1]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(100));
            }
        },
        "127.0.0.1",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_told_as_such() {
    let nonsense: [Answer; 7] = [
        |stream, _, _| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap(),
        |stream, _, _| stream.write_all(&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]).unwrap(),
        |stream, _, _| stream.write_all(&[0x30, 0x80, 0, 0]).unwrap(),
        |stream, _, _| stream.write_all(&ber(0x30, b"nothing of it")).unwrap(),
        // A result that has no code, an operation that is none of a search, a cookie without its number.
        |stream, id, _| {
            let body = [ber(2, &[id as u8]), ber(0x65, b"")].concat();
            stream.write_all(&ber(0x30, &body)).unwrap();
        },
        |stream, id, _| {
            let body = [ber(2, &[id as u8]), ber(0x61, &[10, 1, 0, 4, 0, 4, 0])].concat();
            stream.write_all(&ber(0x30, &body)).unwrap();
        },
        |stream, id, _| {
            let control = ber(0x30, &[ber(4, b"1.2.840.113556.1.4.319"), ber(4, b"\x30\x00")].concat());
            let body =
                [ber(2, &[id as u8]), ber(0x65, &[10, 1, 0, 4, 0, 4, 0]), ber(0xa0, &control)].concat();
            stream.write_all(&ber(0x30, &body)).unwrap();
        },
    ];
    for answer in nonsense {
        is_transient(answer, "is not LDAP").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_repeats_itself_or_never_ends_is_found_out() {
    is_transient(
        |stream, id, _| {
            stream.write_all(&[person(id, "a"), person(id, "b"), done(id, 0, b"again")].concat()).unwrap();
        },
        "the same page",
    )
    .await;
    // The same after others.
    is_transient(
        |stream, id, page| {
            let told = [person(id, &format!("p{}", page % 5)), done(id, 0, &[page as u8])].concat();
            stream.write_all(&told).unwrap();
        },
        "the same page",
    )
    .await;
    is_transient(|stream, id, _| stream.write_all(&done(id, 0, b"more")).unwrap(), "does not end").await;
    is_transient(
        |stream, id, _| {
            let many: Vec<u8> = (0..100).flat_map(|number| person(id, &format!("n{number}"))).collect();
            stream.write_all(&many).unwrap();
        },
        "more entries than were asked for",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_cannot_be_read_is_one_bad_entry() {
    let (entries, end) = swept(|stream, id, _| {
        let bad = entry(id, "uid=bad,dc=x", &[("uid", b"bad"), ("displayName", b"\xff\xfe")]);
        let keyless = entry(id, "cn=keyless,dc=x", &[("cn", b"keyless")]);
        stream.write_all(&[person(id, "a"), bad, keyless, done(id, 0, b"")].concat()).unwrap();
    })
    .await
    .unwrap();
    assert!(matches!(end, SweepEnd::Complete { .. }), "{end:?}");
    let [Entry::Account(_), Entry::Bad(bad), Entry::Bad(keyless)] = entries.as_slice() else {
        panic!("{entries:?}")
    };
    assert_eq!(bad.uid.as_deref(), Some("bad"));
    assert!(bad.message.contains("displayName") && bad.message.contains("uid=bad,dc=x"), "{}", bad.message);
    assert_eq!(keyless.uid, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_at_a_limit_is_cut_short() {
    for (code, words) in [(3, "limit of time"), (4, "limit of entries"), (11, "administrator")] {
        let answer: Answer = match code {
            3 => |stream, id, _| stream.write_all(&[person(id, "a"), done(id, 3, b"")].concat()).unwrap(),
            4 => |stream, id, _| stream.write_all(&[person(id, "a"), done(id, 4, b"")].concat()).unwrap(),
            _ => |stream, id, _| stream.write_all(&[person(id, "a"), done(id, 11, b"")].concat()).unwrap(),
        };
        let (entries, end) = swept(answer).await.unwrap();
        assert_eq!(entries.len(), 1);
        assert!(matches!(&end, SweepEnd::CutShort { reason } if reason.contains(words)), "{end:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_lost_is_made_again() {
    // Every search is answered, and the connection closed behind it.
    let properties = serve(|stream, id, _| {
        stream.write_all(&[person(id, "a"), done(id, 0, b"")].concat()).unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
    });
    let connector = open(&properties).await.unwrap();
    for _ in 0..3 {
        let found = connector.read(&people_by_uid(), &["a".to_owned()]).await.unwrap();
        assert_eq!(found.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_and_somebody_silent_are_faults_that_may_pass() {
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    for port in [free, silent.local_addr().unwrap().port()] {
        let opened = kind().open(&at_port(port), &host(Duration::from_millis(300))).await.map(|_| ());
        assert!(matches!(opened, Err(ConnectorError::Transient { .. })), "{opened:?}");
    }
    let unlisted = with(&at_port(389), &[("host", "10.1.2.3")]);
    let opened = open(&unlisted).await.map(|_| ());
    assert!(matches!(opened, Err(ConnectorError::Unusable { .. })), "{opened:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_failed_says_the_same_when_asked_again() {
    let properties = serve(|stream, id, page| match page {
        0 => stream.write_all(&[person(id, "a"), done(id, 0, b"1")].concat()).unwrap(),
        _ => stream.shutdown(Shutdown::Both).unwrap(),
    });
    let connector = kind().open(&properties, &host(Duration::from_millis(700))).await.unwrap();
    let mut sweep = connector.sweep(request(people_by_uid(), Reads::All, 3)).await.unwrap();
    assert!(matches!(sweep.next().await, Ok(Step::Page(_))));
    for _ in 0..2 {
        assert!(matches!(sweep.next().await, Err(ConnectorError::Transient { .. })), "never an end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_failed_is_asked_for_again_and_not_another() {
    // It is busy once, in the middle.
    let properties = serve(|stream, id, page| {
        let told = match page {
            0 => [person(id, "a"), done(id, 0, b"1")].concat(),
            1 => done(id, 51, b""),
            _ => [person(id, "b"), done(id, 0, b"")].concat(),
        };
        stream.write_all(&told).unwrap();
    });
    let connector = open(&properties).await.unwrap();
    let mut sweep = connector.sweep(request(people_by_uid(), Reads::All, 3)).await.unwrap();
    assert!(matches!(sweep.next().await, Ok(Step::Page(_))));
    assert!(matches!(sweep.next().await, Err(ConnectorError::Transient { .. })));
    let Ok(Step::Page(page)) = sweep.next().await else { panic!("it goes on") };
    assert!(matches!(&page.entries[..], [Entry::Account(account)] if account.uid == "b"), "{page:?}");
    assert!(matches!(sweep.next().await, Ok(Step::End(SweepEnd::Complete { .. }))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_pages_is_read_as_it_comes() {
    let ends: [Answer; 2] = [
        |stream, id, _| {
            let many: Vec<u8> = (0..2000).flat_map(|number| person(id, &format!("n{number}"))).collect();
            stream.write_all(&[many, done(id, 0, b"")].concat()).unwrap();
        },
        |stream, id, _| {
            let many: Vec<u8> = (0..2000).flat_map(|number| person(id, &format!("n{number}"))).collect();
            stream.write_all(&many).unwrap();
            stream.shutdown(Shutdown::Both).unwrap();
        },
    ];
    for (answer, is_whole) in ends.into_iter().zip([true, false]) {
        let connector = open(&serve_with(&[], answer)).await.unwrap();
        let mut sweep = connector.sweep(request(people_by_uid(), Reads::All, 300)).await.unwrap();
        let mut count = 0;
        let end = loop {
            match sweep.next().await {
                Ok(Step::Page(page)) => {
                    assert!(page.entries.len() <= 300);
                    count += page.entries.len();
                }
                other => break other,
            }
        };
        match is_whole {
            true => {
                assert!(matches!(end, Ok(Step::End(SweepEnd::Complete { .. }))), "{end:?}");
                assert_eq!(count, 2000);
            }
            false => assert!(matches!(end, Err(ConnectorError::Transient { .. })), "{end:?}"),
        }
    }
}
