//! Connections are kept, requests arrive as they were meant, redirects and other places are not followed.

use muster_egress::{EgressError, Method, Request};

use crate::server::{Reply, Server, ok};
use crate::{client, get};

#[tokio::test]
async fn a_hundred_requests_need_one_connection() {
    let server = Server::start(|request| ok(&request.start));
    let client = client(&server);
    for number in 0..100 {
        let answer = get(&client, &format!("/Users?startIndex={number}")).await.unwrap();
        assert_eq!(answer.body, format!("GET /Users?startIndex={number}").into_bytes());
    }
    assert_eq!((server.accepted(), server.received().len()), (1, 100));
    // Clones share it.
    get(&client.clone(), "/").await.unwrap();
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn requests_side_by_side_keep_as_many_connections_as_they_are() {
    let server = Server::start(|_| ok("x"));
    let client = client(&server);
    for _ in 0..5 {
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move { get(&client, "/").await.unwrap().status })
            })
            .collect();
        for call in calls {
            assert_eq!(call.await.unwrap(), 200);
        }
    }
    assert_eq!(server.received().len(), 40);
    assert!((1..=8).contains(&server.accepted()), "{}", server.accepted());
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_made_anew() {
    let server =
        Server::start(|_| Reply::Close(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_vec()));
    let client = client(&server);
    for _ in 0..3 {
        assert_eq!(get(&client, "/").await.unwrap().status, 204);
    }
    assert_eq!(server.accepted(), 3);
}

#[tokio::test]
async fn every_method_goes_with_and_without_a_body() {
    let server = Server::start(|_| {
        Reply::Keep(
            b"HTTP/1.1 201 Created\r\nX-Number: 1\r\nx-number: 2\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nok"
                .to_vec(),
        )
    });
    let client = client(&server);
    let methods = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];
    for method in methods {
        for body in [None, Some(&b"{\"a\":1}"[..])] {
            let request = Request::new(method, "/scim/Users/1?a=b%20c").with_header("X-Said", "this");
            let request = match body {
                None => request,
                Some(body) => request.with_body("application/scim+json", body.to_vec()),
            };
            let answer = client.send(request).await.unwrap();
            assert_eq!((answer.status, answer.is_success(), answer.body.as_slice()), (201, true, &b"ok"[..]));
            assert_eq!((answer.header("X-NUMBER"), answer.header("absent")), (Some("1"), None));
            assert_eq!(answer.headers().filter(|(name, _)| *name == "x-number").count(), 2);
            assert_eq!(answer.retry_after().unwrap().as_secs(), 7);

            let received = server.received().pop().unwrap();
            assert_eq!(received.start, format!("{} /scim/Users/1?a=b%20c", method.as_str()));
            assert_eq!(received.body, body.unwrap_or_default());
            let header = |name: &str| received.headers.get(name).map(String::as_str);
            let host = server.address().to_string();
            assert_eq!((header("x-said"), header("host")), (Some("this"), Some(host.as_str())));
            assert_eq!(header("content-type"), body.map(|_| "application/scim+json"));
            assert_eq!(header("accept-encoding"), Some("identity"));
            assert!(header("user-agent").unwrap().starts_with("muster/"));
            let length = match (body, method) {
                (Some(_), _) => Some("7"),
                (None, Method::Get | Method::Delete) => None,
                (None, Method::Post | Method::Put | Method::Patch) => Some("0"),
            };
            assert_eq!(header("content-length"), length, "{method:?}");
        }
    }
    assert_eq!((server.accepted(), server.received().len()), (1, 10));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_leads_nowhere() {
    let elsewhere = Server::start(|_| ok("no"));
    for status in [301, 302, 303, 307, 308] {
        let head =
            format!("HTTP/1.1 {status} Go\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url("/x"));
        let server = Server::start(move |_| Reply::Keep(head.clone().into_bytes()));
        for method in [Method::Get, Method::Post] {
            let answer = client(&server).send(Request::new(method, "/")).await.unwrap();
            assert_eq!(answer.status, status);
            assert_eq!(answer.header("location").unwrap(), elsewhere.url("/x"));
        }
    }
    assert_eq!(elsewhere.accepted(), 0);
}

#[tokio::test]
async fn answers_are_never_taken_for_those_of_others() {
    let server = Server::start(|request| {
        let path = &request.start["GET ".len()..];
        let length = path.len();
        let early = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n";
        let redirect = format!("HTTP/1.1 302 Go\r\nLocation: /x\r\nContent-Length: {length}\r\n\r\n{path}");
        let plain = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{path}");
        let answer = match path {
            "/early" => format!("{early}{plain}"),
            "/redirect" => redirect,
            // The second is an answer that nobody asked for.
            "/two" => format!("{plain}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
            _ => plain,
        };
        Reply::Keep(answer.into_bytes())
    });
    let client = client(&server);
    for path in ["/early", "/a", "/redirect", "/b", "/two", "/c", "/early"] {
        let answer = get(&client, path).await.unwrap();
        assert_eq!(answer.status, if path == "/redirect" { 302 } else { 200 });
        assert_eq!(String::from_utf8(answer.body).unwrap(), path);
    }
}

#[tokio::test]
async fn another_origin_is_refused_and_never_called() {
    let (server, elsewhere) = (Server::start(|_| ok("page")), Server::start(|_| ok("no")));
    let client = client(&server);
    assert_eq!(client.origin(), server.url(""));
    // The link to the next page may be a whole URL.
    assert_eq!(get(&client, &server.url("/Users?page=2")).await.unwrap().status, 200);
    let same_over_tls = server.url("/").replace("http:", "https:");
    let metadata = "http://169.254.169.254/latest".to_owned();
    for next in [elsewhere.url("/Users?page=3"), same_over_tls, metadata] {
        let refused = get(&client, &next).await;
        let Err(error @ EgressError::OtherOrigin { .. }) = refused else { panic!("{next}: {refused:?}") };
        assert!(error.to_string().contains(&client.origin()) && error.needs_change(), "{error}");
        assert!(!error.to_string().contains("page=3"), "{error}");
    }
    assert_eq!((server.received().len(), elsewhere.accepted()), (1, 0));
}

#[tokio::test]
async fn what_the_client_says_itself_nobody_else_says() {
    let server = Server::start(|_| ok("x"));
    let client = client(&server);
    let long = "x".repeat(70_000);
    for (name, value) in [
        ("Host", "b.org"),
        ("content-length", "12345"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "upgrade"),
        ("Expect", "100-continue"),
        ("X-A", "a\r\nX-B: b"),
        ("X A", "some value"),
        ("", "some value"),
    ] {
        let request = Request::new(Method::Get, "/").with_header(name, value);
        assert!(!format!("{request:?}").contains(value), "{request:?}");
        let refused = client.send(request).await;
        assert!(matches!(refused, Err(EgressError::Request(_))), "{name}: {refused:?}");
    }
    let refused = get(&client, &format!("/{long}")).await;
    assert!(matches!(refused, Err(EgressError::Url(_))), "{refused:?}");
    assert_eq!(server.accepted(), 0);
}

/// `cargo test -p muster-egress --test client -- --ignored --nocapture keeping_is_worth` prints what keeping is worth.
#[tokio::test]
#[ignore = "measures, asserts nothing about time"]
async fn keeping_is_worth_it() {
    const REQUESTS: u32 = 2000;
    let server = Server::start(|_| ok("x"));
    for connections in [64, 0] {
        let settings = muster_egress::ClientSettings { connections, ..crate::settings(&server) };
        let client = crate::egress(&[crate::LOOPBACK]).client(&crate::acme(), settings).unwrap();
        let (begun, before) = (std::time::Instant::now(), server.accepted());
        for _ in 0..REQUESTS {
            get(&client, "/").await.unwrap();
        }
        let (each, made) = (begun.elapsed() / REQUESTS, server.accepted() - before);
        println!("{connections} connections kept: {each:?} a request, {made} connections made");
        assert_eq!(made, if connections == 0 { REQUESTS as usize } else { 1 });
    }
}
