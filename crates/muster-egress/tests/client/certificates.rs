//! Who a server is has to be proved, and what is wrong is told.

use std::sync::Arc;

use muster_egress::{CertificateProblem, ClientSettings, EgressError, tls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConnection, ServerConfig};

use crate::server::Server;
use crate::{HOST_NAME, LOOPBACK, acme, egress, get, settings};

/// An authority of a house of its own.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Authority { pem, issuer: Issuer::new(params, key) }
}

fn for_name(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).unwrap()
}

fn server(certificate: CertificateDer<'static>, key: &KeyPair) -> Server {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Server::start_tls(config)
}

fn signed(params: &CertificateParams, authority: &Authority) -> Server {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    server(certificate.der().clone(), &key)
}

/// What comes of calling it, and how often it heard a request.
async fn call(server: &Server, roots: Option<&str>) -> Result<Vec<u8>, CertificateProblem> {
    let settings = ClientSettings { roots: roots.map(str::to_owned), ..settings(server) };
    match get(&egress(&[LOOPBACK]).client(&acme(), settings).unwrap(), "/").await {
        Ok(answer) => Ok(answer.body),
        Err(error @ EgressError::Certificate { .. }) => {
            assert!(server.received().is_empty());
            assert!(
                error.needs_change()
                    && error.to_string().starts_with(&format!("the certificate of {HOST_NAME} "))
            );
            let EgressError::Certificate { problem, .. } = error else { panic!("{error:?}") };
            Err(problem)
        }
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn an_authority_of_the_house_is_trusted_where_it_is_named() {
    let (own, other) = (authority(), authority());
    let server = signed(&for_name(HOST_NAME), &own);
    assert_eq!(call(&server, None).await, Err(CertificateProblem::UnknownIssuer));
    assert_eq!(call(&server, Some(&other.pem)).await, Err(CertificateProblem::UnknownIssuer));
    assert_eq!(call(&server, Some(&own.pem)).await, Ok(b"safe".to_vec()));
    let both = format!("what follows is ours\n{}\n{}", other.pem, own.pem);
    assert_eq!(call(&server, Some(&both)).await, Ok(b"safe".to_vec()));
}

#[tokio::test]
async fn a_plain_connection_is_made_safe_by_the_same_roots() {
    let own = authority();
    let server = signed(&for_name(HOST_NAME), &own);
    let handshake = async |roots: Option<&str>, name: &str| {
        let (host, port) = (HOST_NAME, server.address().port());
        let limit = std::time::Duration::from_secs(120);
        let mut stream = egress(&[LOOPBACK]).connect(&acme(), host, port, limit).await.unwrap();
        let name = name.to_owned().try_into().unwrap();
        let mut connection = ClientConnection::new(tls::client_config(roots).unwrap(), name).unwrap();
        connection.complete_io(&mut stream).map(|_| ())
    };
    handshake(Some(&own.pem), HOST_NAME).await.unwrap();
    let failed = handshake(None, HOST_NAME).await.unwrap_err();
    assert_eq!(tls::certificate_problem(&failed), Some(CertificateProblem::UnknownIssuer));
    let failed = handshake(Some(&own.pem), "ldap.example.com").await.unwrap_err();
    // However deep it lies in what another library makes of it.
    let wrapped = std::io::Error::other(std::io::Error::other(failed));
    let found = tls::certificate_problem(&wrapped);
    assert!(matches!(found, Some(CertificateProblem::OtherName { .. })), "{found:?}");
    assert_eq!(tls::certificate_problem(&std::io::Error::other("no certificate")), None);
}

#[tokio::test]
async fn connections_over_tls_are_kept() {
    let own = authority();
    let server = signed(&for_name(HOST_NAME), &own);
    let settings = ClientSettings { roots: Some(own.pem), ..settings(&server) };
    let client = egress(&[LOOPBACK]).client(&acme(), settings).unwrap();
    for _ in 0..100 {
        assert_eq!(get(&client, "/").await.unwrap().body, b"safe");
    }
    assert_eq!((server.accepted(), server.received().len()), (1, 100));
}

#[tokio::test]
async fn what_has_expired_or_is_not_valid_yet_is_told_apart() {
    let own = authority();
    let mut params = for_name(HOST_NAME);
    (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    let problem = call(&signed(&params, &own), Some(&own.pem)).await.unwrap_err();
    let CertificateProblem::Expired { since: Some(since) } = &problem else { panic!("{problem:?}") };
    assert!(since.as_secs() > 20 * 365 * 86_400);
    assert!(problem.to_string().contains("days ago"), "{problem}");

    (params.not_before, params.not_after) = (date_time_ymd(4000, 1, 1), date_time_ymd(4001, 1, 1));
    let problem = call(&signed(&params, &own), Some(&own.pem)).await.unwrap_err();
    assert!(matches!(problem, CertificateProblem::NotYetValid { until: Some(_) }), "{problem:?}");
    assert!(problem.to_string().contains("days from now"), "{problem}");
}

#[tokio::test]
async fn somebody_elses_certificate_is_told_with_its_names() {
    let own = authority();
    for name in ["ldap.example.com", "127.77.0.3"] {
        let problem = call(&signed(&for_name(name), &own), Some(&own.pem)).await.unwrap_err();
        let CertificateProblem::OtherName { names } = &problem else { panic!("{problem:?}") };
        assert!(names.contains(name) && problem.to_string().contains(name), "{problem}");
    }
}

#[tokio::test]
async fn who_signs_for_himself_is_trusted_where_he_is_named_and_is_no_authority() {
    let key = KeyPair::generate().unwrap();
    let mut params = for_name(HOST_NAME);
    let certificate = params.self_signed(&key).unwrap();
    let one = server(certificate.der().clone(), &key);
    assert_eq!(call(&one, None).await, Err(CertificateProblem::UnknownIssuer));
    assert_eq!(call(&one, Some(&certificate.pem())).await, Ok(b"safe".to_vec()));

    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    let other = server(certificate.der().clone(), &key);
    assert_eq!(call(&other, Some(&certificate.pem())).await, Err(CertificateProblem::OfAuthority));
}
