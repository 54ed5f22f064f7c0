//! Access tokens: fetched once for all who wait, used until they are refused, and never shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use muster_egress::{
    AccessTokens, AuthorizedError, ClientAuth, ClientCredentials, ClientSettings, EgressError, Method,
    Request, TokenError,
};

use crate::server::{Received, Reply, Server, ok};
use crate::{HOST_NAME, LOOPBACK, acme, client, egress, settings, told};

const SECRET: &str = "s3cret: +%";

fn credentials(server: &Server) -> ClientCredentials {
    ClientCredentials {
        token_url: server.url("/oauth/token?v=2"),
        client_id: "muster @ acme".to_owned(),
        client_secret: SECRET.into(),
        scope: Some("users:read users:write".to_owned()),
        audience: None,
        auth: ClientAuth::Basic,
    }
}

fn tokens(server: &Server) -> AccessTokens {
    egress(&[LOOPBACK]).access_tokens(&acme(), credentials(server), settings(server)).unwrap()
}

/// A server whose tokens are `t1`, `t2` and so on, and say this of their lives.
fn giving(life: &'static str) -> Server {
    let given = AtomicUsize::new(0);
    Server::start(move |_| {
        let number = given.fetch_add(1, Ordering::SeqCst) + 1;
        ok(&format!(r#"{{"access_token":"t{number}","token_type":"bearer"{life}}}"#))
    })
}

fn answering(status: u16, body: &str) -> Server {
    let (length, body) = (body.len(), body.to_owned());
    let answer =
        format!("HTTP/1.1 {status} Said\r\nRetry-After: 9\r\nContent-Length: {length}\r\n\r\n{body}");
    Server::start(move |_| Reply::Keep(answer.clone().into_bytes()))
}

/// A server that takes no token but this one.
fn taking(good: impl Fn(&str) -> bool + Send + Sync + 'static) -> Server {
    Server::start(move |request: &Received| match request.headers.get("authorization") {
        Some(token) if good(token) => ok("page"),
        _ => Reply::Keep(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n".to_vec()),
    })
}

type Check<'a> = &'a dyn Fn(&TokenError) -> bool;

async fn failure(server: &Server) -> TokenError {
    tokens(server).token().await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_who_ask_at_once_are_one_who_asks() {
    for life in [r#","expires_in":3600"#, ""] {
        let server = giving(life);
        let tokens = tokens(&server);
        let asking: Vec<_> = (0..10)
            .map(|_| {
                let tokens = tokens.clone();
                tokio::spawn(async move { tokens.token().await.unwrap().authorization() })
            })
            .collect();
        for asked in asking {
            assert_eq!(asked.await.unwrap(), "Bearer t1");
        }
        assert_eq!(tokens.token().await.unwrap().authorization(), "Bearer t1");
        assert_eq!(server.received().len(), 1);
    }
}

#[tokio::test]
async fn those_who_wait_share_what_went_wrong() {
    let server = answering(401, r#"{"error":"invalid_client"}"#);
    let tokens = tokens(&server);
    let asking = tokio::join!(tokens.token(), tokens.token(), tokens.token());
    for asked in [asking.0, asking.1, asking.2] {
        assert!(matches!(asked, Err(TokenError::InvalidClient { .. })), "{asked:?}");
    }
    assert_eq!(server.received().len(), 1);
    // Who comes later has it tried again.
    tokens.token().await.unwrap_err();
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn who_stops_waiting_does_not_keep_the_others_from_it() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let server = Server::start(move |_| match counting.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Stall(Vec::new()),
        _ => ok(r#"{"access_token":"t"}"#),
    });
    // The thread behind the first ends in its own time, and the test with it.
    let settings = ClientSettings { time: Duration::from_secs(5), ..settings(&server) };
    let tokens = egress(&[LOOPBACK]).access_tokens(&acme(), credentials(&server), settings).unwrap();
    let asked = async {
        while server.received().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        token = tokens.token() => panic!("{token:?}"),
        () = asked => {}
    }
    assert_eq!(tokens.token().await.unwrap().authorization(), "Bearer t");
}

#[tokio::test]
async fn a_token_whose_life_is_over_is_replaced() {
    let server = giving(r#","expires_in":0"#);
    let tokens = tokens(&server);
    for number in 1..=3 {
        assert_eq!(tokens.token().await.unwrap().authorization(), format!("Bearer t{number}"));
    }
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    let (giver, taker) = (giving(r#","expires_in":3600"#), taking(|token| token == "Bearer t2"));
    let (tokens, client) = (tokens(&giver), client(&taker));
    let get = || Request::new(Method::Get, "/Users");
    assert_eq!(tokens.send(&client, get()).await.unwrap().body, b"page");
    assert_eq!(tokens.send(&client, get()).await.unwrap().body, b"page");
    assert_eq!((giver.received().len(), taker.received().len()), (2, 3));

    // Two who were refused the same token make one new one.
    let token = tokens.token().await.unwrap();
    tokens.refused(&token);
    let next = tokens.token().await.unwrap();
    tokens.refused(&token);
    assert_eq!(tokens.token().await.unwrap().authorization(), next.authorization());
    assert_eq!(giver.received().len(), 3);
}

#[tokio::test]
async fn who_refuses_every_token_is_asked_twice() {
    let (giver, taker) = (giving(r#","expires_in":3600"#), taking(|_| false));
    let (tokens, client) = (tokens(&giver), client(&taker));
    let request = Request::new(Method::Post, "/Users").with_body("application/json", b"{}".to_vec());
    assert_eq!(tokens.send(&client, request).await.unwrap().status, 401);
    assert_eq!((giver.received().len(), taker.received().len()), (2, 2));
    assert!(taker.received().iter().all(|received| received.body == b"{}"));
}

#[tokio::test]
async fn a_client_says_who_it_is_in_the_header_or_in_the_body() {
    let server = giving("");
    tokens(&server).token().await.unwrap();
    let other = ClientCredentials {
        scope: None,
        audience: Some("https://api.example.com/".to_owned()),
        auth: ClientAuth::Body,
        ..credentials(&server)
    };
    let other = egress(&[LOOPBACK]).access_tokens(&acme(), other, settings(&server)).unwrap();
    other.token().await.unwrap();

    let [header, body] = server.received().try_into().unwrap();
    assert_eq!(header.start, "POST /oauth/token?v=2");
    assert_eq!(header.headers["content-type"], "application/x-www-form-urlencoded");
    // `muster+%40+acme:s3cret%3A+%2B%25`
    assert_eq!(header.headers["authorization"], "Basic bXVzdGVyKyU0MCthY21lOnMzY3JldCUzQSslMkIlMjU=");
    assert_eq!(header.body, b"grant_type=client_credentials&scope=users%3Aread+users%3Awrite");
    assert!(!body.headers.contains_key("authorization"));
    let said = "grant_type=client_credentials&audience=https%3A%2F%2Fapi.example.com%2F\
                &client_id=muster+%40+acme&client_secret=s3cret%3A+%2B%25";
    assert_eq!(String::from_utf8(body.body).unwrap(), said);
}

#[tokio::test]
async fn what_a_server_refuses_is_told_without_secrets() {
    let is_client = |error: &TokenError| matches!(error, TokenError::InvalidClient { .. });
    let is_scope = |error: &TokenError| matches!(error, TokenError::Denied { code: "invalid_scope", .. });
    let is_status = |error: &TokenError| matches!(error, TokenError::Status { .. });
    let is_busy = |error: &TokenError| {
        matches!(error, TokenError::Busy { .. }) && error.retry_after() == Some(Duration::from_secs(9))
    };
    let is_unusable = |error: &TokenError| matches!(error, TokenError::Unusable { .. });
    let repeated = format!(r#"{{"error":"{SECRET}","error_description":"{SECRET}"}}"#);
    let cases: [(u16, &str, Check<'_>, bool); 18] = [
        (400, r#"{"error":"invalid_client"}"#, &is_client, true),
        (401, r#"{"error":"invalid_client"}"#, &is_client, true),
        (401, "<html>", &is_client, true),
        (400, r#"{"error":"invalid_scope","error_description":"x"}"#, &is_scope, true),
        (400, &repeated, &is_status, true),
        (404, "", &is_status, true),
        (302, "", &is_status, true),
        (429, "", &is_busy, false),
        (503, r#"{"error":"invalid_client"}"#, &is_busy, false),
        (200, "", &is_unusable, true),
        (200, "[]", &is_unusable, true),
        (200, r#"{"access_token":""}"#, &is_unusable, true),
        (200, r#"{"access_token":7}"#, &is_unusable, true),
        (200, r#"{"access_token":"a\r\nX-B: b"}"#, &is_unusable, true),
        (200, r#"{"access_token":"a b"}"#, &is_unusable, true),
        (200, r#"{"access_token":"t","token_type":"mac"}"#, &is_unusable, true),
        (200, &format!(r#"{{"access_token":"{}"}}"#, "x".repeat(17 * 1024)), &is_unusable, true),
        (200, &"[".repeat(10_000), &is_unusable, true),
    ];
    for (status, body, is_right, needs_change) in cases {
        let server = answering(status, body);
        let error = failure(&server).await;
        assert!(is_right(&error) && error.needs_change() == needs_change, "{status} {body}: {error:?}");
        assert!(error.to_string().contains(&server.url("")), "{error}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}

#[tokio::test]
async fn the_server_of_tokens_is_called_by_the_same_rules() {
    let (giver, taker) = (giving(""), taking(|_| true));
    let rule = format!("acme {HOST_NAME}:{}", taker.address().port());
    let listed = egress(&[&rule]);
    let tokens = listed.access_tokens(&acme(), credentials(&giver), settings(&giver)).unwrap();
    let client = listed.client(&acme(), settings(&taker)).unwrap();
    let refused = tokens.send(&client, Request::new(Method::Get, "/")).await;
    let Err(AuthorizedError::Token(error @ TokenError::Egress { .. })) = refused else {
        panic!("{refused:?}")
    };
    assert!(error.needs_change());
    let TokenError::Egress { source, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(**source, EgressError::NotAllowed { .. }) && told(source).contains("egress.allow"));
    assert_eq!((giver.accepted(), taker.accepted()), (0, 0));

    let endless = Server::start(|_| Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), b"[[[[[[[["));
    let error = failure(&endless).await;
    let TokenError::Egress { source, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(**source, EgressError::TooLong { .. }), "{source:?}");
}

#[tokio::test]
async fn neither_secret_nor_token_is_ever_shown() {
    let server = giving("");
    let (credentials, tokens) = (credentials(&server), tokens(&server));
    let token = tokens.token().await.unwrap();
    let shown = format!("{credentials:?} {tokens:?} {token:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("t1") && shown.contains("/oauth/token"), "{shown}");
}
