//! Servers that never end, never answer, say too much, or say what is no HTTP.

use std::time::Duration;

use muster_egress::{ClientSettings, EgressError};

use crate::server::{Reply, Server, ok};
use crate::{HOST_NAME, LOOPBACK, NOBODY, acme, client, egress, get, settings, told};

#[tokio::test]
async fn a_body_without_an_end_is_cut_at_its_limit() {
    let begins: [&[u8]; 3] = [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ];
    for begin in begins {
        let server = Server::start(move |_| Reply::Endless(begin.to_vec(), b"8\r\nxxxxxxxx\r\n"));
        let settings = ClientSettings { answer: 100_000, ..settings(&server) };
        let answered = egress(&[LOOPBACK]).client(&acme(), settings).unwrap();
        let answered = get(&answered, "/").await;
        assert!(matches!(answered, Err(EgressError::TooLong { limit: 100_000, .. })), "{answered:?}");
    }
}

#[tokio::test]
async fn a_body_may_be_as_long_as_its_limit() {
    let server = Server::start(|request| ok(&"x".repeat(request.start["GET /".len()..].parse().unwrap())));
    let settings = ClientSettings { answer: 1000, ..settings(&server) };
    let client = egress(&[LOOPBACK]).client(&acme(), settings).unwrap();
    assert_eq!(get(&client, "/1000").await.unwrap().body.len(), 1000);
    let answered = get(&client, "/1001").await;
    assert!(matches!(answered, Err(EgressError::TooLong { limit: 1000, .. })), "{answered:?}");
    // What is left of it on the connection is not taken for the next answer.
    assert_eq!(get(&client, "/3").await.unwrap().body, b"xxx");
}

#[tokio::test]
async fn who_does_not_come_to_an_end_is_left() {
    let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
    for reply in [
        Reply::Stall(Vec::new()),
        Reply::Stall(b"HTTP/1.1 200 O".to_vec()),
        Reply::Stall(begun.to_vec()),
        Reply::Dripping(begun.to_vec(), b"x"),
        Reply::Dripping(Vec::new(), b"HTTP/1.1 103 Wait\r\n\r\n"),
    ] {
        let name = format!("{reply:?}");
        let server = Server::start(move |_| reply.clone());
        let settings = ClientSettings { time: Duration::from_millis(300), ..settings(&server) };
        let client = egress(&[LOOPBACK]).client(&acme(), settings).unwrap();
        let answered = get(&client, "/").await;
        assert!(matches!(answered, Err(EgressError::TimedOut { .. })), "{name}: {answered:?}");
    }
}

#[tokio::test]
async fn who_always_asks_for_patience_is_left() {
    let server = Server::start(|_| Reply::Endless(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n"));
    let settings = ClientSettings { time: Duration::from_secs(2), ..settings(&server) };
    let answered = get(&egress(&[LOOPBACK]).client(&acme(), settings).unwrap(), "/").await;
    // Whichever comes first.
    let is_left = matches!(answered, Err(EgressError::HeadTooLong { .. } | EgressError::TimedOut { .. }));
    assert!(is_left, "{answered:?}");
}

#[tokio::test]
async fn a_caller_may_be_less_patient() {
    let server = Server::start(|_| Reply::Stall(Vec::new()));
    // The thread behind it ends in its own time, and the test with it.
    let settings = ClientSettings { time: Duration::from_secs(2), ..settings(&server) };
    let client = egress(&[LOOPBACK]).client(&acme(), settings).unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(100), get(&client, "/")).await;
    assert!(waited.is_err(), "{waited:?}");
}

#[tokio::test]
async fn heads_have_an_end() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
    let with = |lines: String| [&head[..], lines.as_bytes(), b"\r\n"].concat();
    let cases = [
        ("lines", Reply::Endless(head.to_vec(), b"X-Bomb: boom\r\n")),
        ("one line", Reply::Endless([&head[..], b"X-Bomb: "].concat(), b"boom")),
        ("much", Reply::Keep(with(format!("X-Bomb: {}\r\n", "x".repeat(70_000))))),
        ("many", Reply::Keep(with("X: 1\r\n".repeat(100)))),
        ("more than are read", Reply::Keep(with("X: 1\r\n".repeat(200)))),
    ];
    for (name, reply) in cases {
        let server = Server::start(move |_| reply.clone());
        let answered = get(&client(&server), "/").await;
        let is_typed = matches!(answered, Err(EgressError::HeadTooLong { headers: 100, .. }));
        assert!(is_typed, "{name}: {answered:?}");
    }
    let fits = with(format!("X-Long: {}\r\n{}", "x".repeat(60_000), "X: 1\r\n".repeat(98)));
    let server = Server::start(move |_| Reply::Keep(fits.clone()));
    let answer = get(&client(&server), "/").await.unwrap();
    assert_eq!((answer.header("x-long").unwrap().len(), answer.headers().count()), (60_000, 100));
}

#[tokio::test]
async fn what_is_no_http_is_called_so() {
    for garbage in [
        &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
        b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let server = Server::start(move |_| Reply::Close(garbage.to_vec()));
        let answered = get(&client(&server), "/").await;
        let Err(error @ EgressError::Garbled { .. }) = answered else { panic!("{garbage:?}: {answered:?}") };
        assert!(told(&error).contains(HOST_NAME) && !error.needs_change(), "{}", told(&error));
    }
}

#[tokio::test]
async fn who_hangs_up_in_the_midst_is_told_of() {
    for begin in [
        "",
        "HTTP/1.1 200 O",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegin",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbeg",
    ] {
        let server = Server::start(move |_| Reply::Close(begin.as_bytes().to_vec()));
        let answered = get(&client(&server), "/").await;
        let Err(error @ EgressError::CutOff { .. }) = answered else { panic!("{begin:?}: {answered:?}") };
        assert!(error.may_pass() && !error.needs_change());
    }
}

#[tokio::test]
async fn nobody_there_is_told_of() {
    let server = Server::start(|_| ok("x"));
    let (host, port) = NOBODY;
    let settings = ClientSettings { base: format!("http://{host}:{port}"), ..settings(&server) };
    let answered = get(&egress(&[LOOPBACK]).client(&acme(), settings).unwrap(), "/").await;
    let Err(error @ EgressError::Unreachable { .. }) = answered else { panic!("{answered:?}") };
    assert!(told(&error).contains("refused"), "{}", told(&error));
}
