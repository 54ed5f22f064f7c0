//! Encryption and credentials: who the server is has to be proved, and what is wrong is told step by step.

use muster_connector::{ConnectorError, ConnectorKind, Properties, TestStep};
use muster_testkit::servers::slapd::{PASSWORD, Slapd, SlapdSettings};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

use crate::support::{all, crowd, kind, open, people, properties, tested, with};

/// An authority, and a server with a certificate of it.
struct House {
    slapd: Slapd,
    authority: String,
}

fn house(name: &str, change: impl FnOnce(&mut CertificateParams)) -> House {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap().pem();
    let tls = Some((key.serialize_pem(), certificate));
    House { slapd: Slapd::start(&SlapdSettings { tls, ..SlapdSettings::default() }, &crowd(2)), authority }
}

impl House {
    fn properties(&self, security: &str) -> Properties {
        let port = if security == "TLS" { self.slapd.tls_port() } else { self.slapd.port() };
        let more = [("security", security), ("port", &port.to_string()), ("caCertificate", &self.authority)];
        with(&properties(&self.slapd), &more)
    }
}

async fn refused(properties: &Properties, word: &str) {
    match open(properties).await.map(|_| ()) {
        Err(ConnectorError::Unusable { message }) => {
            assert!(message.contains(word) && message.contains("127.0.0.1"), "{message}");
            assert!(!message.contains(PASSWORD), "{message}");
        }
        other => panic!("{word}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ways_to_encrypt_prove_who_the_server_is() {
    let house = house("127.0.0.1", |_| {});
    for security in ["TLS", "STARTTLS"] {
        let connector = open(&house.properties(security)).await.unwrap();
        assert_eq!(all(&*connector, people()).await.len(), 2, "{security}");
        let mut unknown = house.properties(security);
        unknown.remove("caCertificate");
        refused(&unknown, "is not trusted here").await;
    }
    let wrong_port = with(&house.properties("TLS"), &[("port", &house.slapd.port().to_string())]);
    let refused = open(&wrong_port).await.map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("127.0.0.1"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_wrong_is_refused() {
    let expired = house("127.0.0.1", |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    let other = house("ldap.example.org", |_| {});
    for security in ["TLS", "STARTTLS"] {
        refused(&expired.properties(security), "has expired").await;
        refused(&other.properties(security), "is for another name").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_encryption_is_not_talked_to_in_plain() {
    let slapd = Slapd::start(&SlapdSettings::default(), &crowd(1));
    refused(&with(&properties(&slapd), &[("security", "STARTTLS")]), "security").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_checked() {
    let slapd = Slapd::start(&SlapdSettings::default(), &crowd(1));
    refused(&with(&properties(&slapd), &[("bindPassword", "wrong")]), "bindPassword").await;
    refused(&with(&properties(&slapd), &[("bindDn", "cn=nobody")]), "bindDn").await;
    // What a secret was entered for.
    for name in ["host", "port", "security", "passwordWithoutTls", "caCertificate"] {
        assert!(kind().is_address(name), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_goes_step_by_step() {
    let house = house("127.0.0.1", |_| {});
    let sound = house.properties("TLS");
    let steps = async |properties: &Properties| {
        let mut tested = tested(properties, &[people()]).await;
        let last = tested.pop().unwrap();
        assert!(tested.iter().all(|step| step.result.is_ok()), "{tested:?}");
        (tested.len(), last)
    };
    let (count, last) = steps(&sound).await;
    assert_eq!((count, &last.step), (6, &TestStep::Class("inetOrgPerson".to_owned())));
    assert!(last.result.is_ok(), "{last:?}");
    for (change, step, before) in [
        (("host", "not-listed.example.org"), TestStep::Address, 0),
        (("port", "1"), TestStep::Address, 0),
        (("caCertificate", ""), TestStep::Tls, 1),
        (("bindPassword", "wrong"), TestStep::Credentials, 2),
        (("baseDn", "dc=elsewhere"), TestStep::Class("inetOrgPerson".to_owned()), 5),
    ] {
        let mut properties = with(&sound, &[change]);
        if change.0 == "baseDn" {
            properties.retain(|name, _| !name.starts_with("container"));
        }
        let (count, last) = steps(&properties).await;
        assert_eq!((count, &last.step), (before, &step), "{change:?}: {last:?}");
        assert!(last.result.is_err(), "{change:?}");
    }
}
