//! Calls to a receiver on this machine: allowed, refused, slow, long, and led astray.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use muster_egress::{Answer, Egress, EgressError, Limits, Post, Rule};
use muster_model::TenantSlug;
use muster_testkit::receiver::{Receiver, Reply};

fn egress(rules: &[&str]) -> Egress {
    let rules = rules.iter().map(|rule| rule.parse::<Rule>().unwrap()).collect();
    Egress::new(rules, Limits { time: Duration::from_secs(60), answer: 1000 })
}

fn post(url: String) -> Post {
    Post { url, headers: vec![("X-Said", "this".to_owned())], body: b"{}".to_vec() }
}

async fn call(egress: &Egress, url: String) -> Result<Answer, EgressError> {
    egress.post(&TenantSlug::new("acme").unwrap(), post(url)).await
}

fn url(receiver: &Receiver) -> String {
    format!("http://{}/hook?a=1", receiver.address())
}

fn is_refused(answered: &Result<Answer, EgressError>) -> bool {
    matches!(answered, Err(EgressError::NotAllowed { .. }))
}

#[tokio::test]
async fn what_is_listed_is_called_and_nothing_else() {
    let receiver = Receiver::start(|_| Reply::Status(202, ""));
    let answer = call(&egress(&["acme 127.0.0.0/8:*"]), url(&receiver)).await.unwrap();
    assert_eq!((answer.status, answer.body.unwrap()), (202, b"ok".to_vec()));
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].start, "POST /hook?a=1");
    assert_eq!((received[0].headers["x-said"].as_str(), received[0].body.as_slice()), ("this", &b"{}"[..]));
    for rules in [
        &[][..],
        // A name alone never opens the way to an address that is not public.
        &["acme *:*"],
        &["acme 127.0.0.0/8"],
        &["globex 127.0.0.0/8:*"],
        &["acme 10.0.0.0/8:*", "acme localhost:*"],
    ] {
        let refused = call(&egress(rules), url(&receiver)).await;
        assert!(is_refused(&refused), "{rules:?}: {refused:?}");
        assert!(refused.unwrap_err().to_string().contains("egress.allow"));
    }
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_name_is_resolved_once_and_each_of_its_addresses_is_checked() {
    let receiver = Receiver::start(|_| Reply::Status(200, ""));
    let port = receiver.address().port();
    let asked = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&asked);
    // What led to the outside when it was checked leads inside when it is asked for again.
    let turning = move |_: &str, port| {
        let first = counting.fetch_add(1, Ordering::SeqCst) == 0;
        let host = if first { [127, 0, 0, 1] } else { [169, 254, 169, 254] };
        Ok(vec![SocketAddr::from((host, port))])
    };
    let egress = egress(&["acme 127.0.0.1:*", "acme hooks.example.com:*"]);
    let turned = egress.clone().with_resolver(Arc::new(turning));
    let answer = call(&turned, format!("http://hooks.example.com:{port}/")).await.unwrap();
    assert_eq!((answer.status, asked.load(Ordering::SeqCst)), (200, 1));
    assert_eq!(receiver.received()[0].headers["host"], format!("hooks.example.com:{port}"));

    // One address that may not be called is one too many.
    let both = move |_: &str, port| {
        Ok(vec![SocketAddr::from(([127, 0, 0, 1], port)), SocketAddr::from(([169, 254, 169, 254], port))])
    };
    let refused =
        call(&egress.with_resolver(Arc::new(both)), format!("http://hooks.example.com:{port}/")).await;
    let Err(EgressError::NotAllowed { address: Some(address), .. }) = &refused else { panic!("{refused:?}") };
    assert_eq!(address.to_string(), "169.254.169.254");
    // Who chose the name does not learn where it leads.
    assert!(!refused.unwrap_err().to_string().contains("169.254"));
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn what_no_rule_can_let_through_is_not_even_looked_up() {
    let never = |host: &str, _| -> std::io::Result<Vec<SocketAddr>> { panic!("{host} was looked up") };
    let egress = egress(&["acme hooks.example.com"]).with_resolver(Arc::new(never));
    for url in ["https://intranet.example.com/", "http://hooks.example.com/", "https://10.0.0.1/"] {
        let refused = call(&egress, url.to_owned()).await;
        assert!(is_refused(&refused), "{url}: {refused:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_leads_nowhere() {
    let elsewhere = Receiver::start(|_| Reply::Status(200, ""));
    for status in [301, 302, 303, 307, 308] {
        let line: &'static str = format!("location: {}\r\n", url(&elsewhere)).leak();
        let receiver = Receiver::start(move |_| Reply::Status(status, line));
        let egress = egress(&["acme 127.0.0.0/8:*"]);
        assert_eq!(call(&egress, url(&receiver)).await.unwrap().status, status);
    }
    assert_eq!(elsewhere.received(), []);
}

#[tokio::test]
async fn answers_have_an_end() {
    let egress = egress(&["acme 127.0.0.0/8:*"]);
    for (length, fits) in [(1000, true), (1001, false), (u64::MAX / 2, false)] {
        let receiver = Receiver::start(move |_| Reply::Long(length));
        let answer = call(&egress, url(&receiver)).await.unwrap();
        assert_eq!(answer.status, 200);
        match answer.body {
            Ok(body) => assert!(fits && body.len() == 1000, "{length}"),
            Err(error) => {
                assert!(!fits && matches!(error, EgressError::TooLong { limit: 1000, .. }), "{error:?}")
            }
        }
    }
}

#[tokio::test]
async fn who_does_not_come_to_an_end_is_left() {
    let receiver = Receiver::start(|_| Reply::Stalling);
    let rules = vec!["acme 127.0.0.0/8:*".parse().unwrap()];
    let egress = Egress::new(rules, Limits { time: Duration::from_millis(300), answer: 1000 });
    let answer = call(&egress, url(&receiver)).await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(matches!(answer.body, Err(EgressError::TimedOut { .. })), "{:?}", answer.body);

    let slow = |_: &str, port| {
        std::thread::sleep(Duration::from_secs(2));
        Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])
    };
    let answered = call(&egress.with_resolver(Arc::new(slow)), url(&receiver)).await;
    assert!(matches!(answered, Err(EgressError::TimedOut { .. })), "{answered:?}");
}

#[tokio::test]
async fn who_cannot_prove_to_be_who_was_called_is_not_talked_to() {
    let receiver = Receiver::start(|_| Reply::Status(200, ""));
    let over_tls = url(&receiver).replace("http:", "https:");
    let answered = call(&egress(&["acme 127.0.0.0/8:*"]), over_tls).await;
    let Err(error @ EgressError::Unreachable { .. }) = answered else { panic!("{answered:?}") };
    assert!(error.may_pass());
    assert!(receiver.received().iter().all(|received| received.body.is_empty()));
}
