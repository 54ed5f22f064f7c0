//! Who may be called: looked at before anything is sent, and again when a name turns.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use muster_egress::{ClientSettings, Egress, EgressError, Resolver};

use crate::server::{Server, ok};
use crate::{HOST, HOST_NAME, LOOPBACK, NOBODY, acme, egress, get, settings};

const METADATA: [u8; 4] = [169, 254, 169, 254];

fn is_refused<T>(answered: &Result<T, EgressError>) -> bool {
    matches!(answered, Err(EgressError::NotAllowed { .. }))
}

/// A name that leads to what a test says.
fn leading(lead: impl Fn() -> [u8; 4] + Send + Sync + 'static) -> Resolver {
    Arc::new(move |_, port| Ok(vec![SocketAddr::from((lead(), port))]))
}

fn by_name(server: &Server) -> ClientSettings {
    ClientSettings {
        base: format!("http://scim.example.com:{}", server.address().port()),
        ..settings(server)
    }
}

#[tokio::test]
async fn what_is_not_listed_is_not_called() {
    let server = Server::start(|_| ok("x"));
    for rules in [
        &[][..],
        &["acme *:*"],
        &["acme 127.0.0.0/8"],
        &["globex 127.0.0.0/8:*"],
        &["acme 10.0.0.0/8:*", "acme localhost:*"],
    ] {
        let refused = get(&egress(rules).client(&acme(), settings(&server)).unwrap(), "/").await;
        assert!(is_refused(&refused), "{rules:?}: {refused:?}");
    }
    assert_eq!(server.accepted(), 0);
    assert_eq!(
        get(&egress(&[LOOPBACK]).client(&acme(), settings(&server)).unwrap(), "/").await.unwrap().status,
        200
    );
}

#[tokio::test]
async fn a_name_that_turns_is_not_followed() {
    let server = Server::start(|_| ok("x"));
    let turned = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&turned);
    let lead = move || if told.load(Ordering::SeqCst) { METADATA } else { HOST };
    let egress = egress(&[LOOPBACK, "acme scim.example.com:*"]).with_resolver(leading(lead));
    let settings = ClientSettings { check_every: Duration::ZERO, ..by_name(&server) };
    let client = egress.client(&acme(), settings).unwrap();
    assert_eq!(get(&client, "/").await.unwrap().status, 200);
    turned.store(true, Ordering::SeqCst);
    // The connection is still there, and is not used.
    for _ in 0..2 {
        let refused = get(&client, "/").await;
        assert!(is_refused(&refused), "{refused:?}");
    }
    turned.store(false, Ordering::SeqCst);
    assert_eq!(get(&client, "/").await.unwrap().status, 200);
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn a_name_that_turns_before_the_connection_is_made_is_not_followed() {
    let server = Server::start(|_| ok("x"));
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let lead = move || if counting.fetch_add(1, Ordering::SeqCst) == 0 { HOST } else { METADATA };
    let egress = egress(&[LOOPBACK]).with_resolver(leading(lead));
    let settings = ClientSettings { check_every: Duration::ZERO, ..by_name(&server) };
    let refused = get(&egress.client(&acme(), settings).unwrap(), "/").await;
    assert!(is_refused(&refused), "{refused:?}");
    assert_eq!((asked.load(Ordering::SeqCst), server.accepted()), (2, 0));
}

#[tokio::test]
async fn a_name_is_not_looked_up_for_every_request() {
    let server = Server::start(|_| ok("x"));
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let lead = move || {
        counting.fetch_add(1, Ordering::SeqCst);
        HOST
    };
    let egress = egress(&[LOOPBACK]).with_resolver(leading(lead));
    let client = egress.client(&acme(), by_name(&server)).unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    for _ in 0..20 {
        get(&client, "/").await.unwrap();
    }
    let host = format!("scim.example.com:{}", server.address().port());
    assert!(server.received().iter().all(|received| received.headers["host"] == host));
    // Once more where more than a second lies between the look and the connection.
    assert!((1..=2).contains(&asked.load(Ordering::SeqCst)));
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn settings_that_are_wrong_make_no_client() {
    let egress = Egress::default();
    for base in ["", "scim.example.com", "ldap://a.org", "https://u:p@a.org"] {
        let made = egress.client(&acme(), ClientSettings::new(base));
        assert!(matches!(made, Err(EgressError::Url(_))), "{base}: {made:?}");
    }
    for pem in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n"] {
        let settings = ClientSettings { roots: Some(pem.to_owned()), ..ClientSettings::new("https://a.org") };
        let made = egress.client(&acme(), settings);
        assert!(matches!(made, Err(EgressError::Roots(_))), "{pem}: {made:?}");
    }
}

/// Long enough for a machine that has much else to do.
const LIMIT: Duration = Duration::from_secs(120);

/// A connection may be made before the server knows of it: it does once it has answered.
fn talk(mut stream: TcpStream) {
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut begin = [0; 8];
    stream.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1");
}

#[tokio::test]
async fn a_connection_goes_where_the_tenant_may_go() {
    let server = Server::start(|_| ok("x"));
    let port = server.address().port();
    talk(egress(&[LOOPBACK]).connect(&acme(), HOST_NAME, port, LIMIT).await.unwrap());
    assert_eq!(server.accepted(), 1);
    for rules in [
        &[][..],
        &["acme *:*"],
        &["acme 127.0.0.0/8:389"],
        &["globex 127.0.0.0/8:*"],
        &["acme 10.0.0.0/8:*", "acme localhost:*"],
    ] {
        for host in [HOST_NAME, "localhost", "[::ffff:127.77.0.1]"] {
            let refused = egress(rules).connect(&acme(), host, port, LIMIT).await;
            assert!(is_refused(&refused), "{rules:?} {host}: {refused:?}");
        }
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_connection_is_resolved_once_and_each_address_is_checked() {
    let server = Server::start(|_| ok("x"));
    let port = server.address().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let lead = move || if counting.fetch_add(1, Ordering::SeqCst) == 0 { HOST } else { METADATA };
    let listed = egress(&[LOOPBACK, "acme ldap.example.com:*"]);
    let turning = listed.clone().with_resolver(leading(lead));
    talk(turning.connect(&acme(), "ldap.example.com", port, LIMIT).await.unwrap());
    assert_eq!((asked.load(Ordering::SeqCst), server.accepted()), (1, 1));
    let refused = turning.connect(&acme(), "ldap.example.com", port, LIMIT).await;
    assert!(is_refused(&refused), "{refused:?}");

    let both = |_: &str, port| Ok(vec![SocketAddr::from((HOST, port)), SocketAddr::from((METADATA, port))]);
    let refused =
        listed.with_resolver(Arc::new(both)).connect(&acme(), "ldap.example.com", port, LIMIT).await;
    assert!(is_refused(&refused), "{refused:?}");
    assert!(!refused.unwrap_err().to_string().contains("169.254"));
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_connection_that_cannot_be_made_says_why() {
    let listed = egress(&[LOOPBACK]);
    let failed = listed.connect(&acme(), NOBODY.0, NOBODY.1, LIMIT).await.unwrap_err();
    assert!(matches!(failed, EgressError::Unreachable { .. }), "{failed:?}");
    assert!(crate::told(&failed).contains("refused"), "{}", crate::told(&failed));

    for host in ["", "[]", "a b", "a\nb", "ldap://a.org", "u@a.org", "a\0b"] {
        let failed = listed.connect(&acme(), host, 389, LIMIT).await;
        assert!(matches!(failed, Err(EgressError::Url(_))), "{host:?}: {failed:?}");
    }

    let gone: Resolver = Arc::new(|_, _| Err(std::io::Error::other("no such name")));
    let failed = listed.clone().with_resolver(gone).connect(&acme(), "a.org", 389, LIMIT).await;
    assert!(matches!(failed, Err(EgressError::Unresolved { .. })), "{failed:?}");
    let empty: Resolver = Arc::new(|_, _| Ok(Vec::new()));
    let failed = listed.clone().with_resolver(empty).connect(&acme(), "a.org", 389, LIMIT).await;
    assert!(matches!(failed, Err(EgressError::Unresolved { .. })), "{failed:?}");

    let slow: Resolver = Arc::new(|_, _| {
        std::thread::sleep(Duration::from_secs(2));
        Ok(Vec::new())
    });
    let failed = listed.with_resolver(slow).connect(&acme(), "a.org", 389, Duration::from_millis(100)).await;
    assert!(matches!(failed, Err(EgressError::TimedOut { .. })), "{failed:?}");
}
