//! Who a server is, is proved: which roots are trusted, and in words what is wrong with a certificate. Nothing here turns
//! that off.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CertificateError, ClientConfig, RootCertStore};

use crate::EgressError;
use crate::error::shown;

/// What the library calls a certificate of an authority that a server shows as its own. It has no type there.
const OF_AN_AUTHORITY: &str = "CaUsedAsEndEntity";
/// Causes of causes are looked through this far.
const DEEPEST: usize = 16;

/// How connections are made safe: TLS 1.2 and 1.3, the roots of the web and those given, the name of the server checked.
///
/// `extra_roots_pem` is one or more certificates in PEM; what else stands between them is passed over.
///
/// # Errors
/// [`EgressError::Roots`] when there is no certificate in the text, or one that is none.
pub fn client_config(extra_roots_pem: Option<&str>) -> Result<Arc<ClientConfig>, EgressError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = extra_roots_pem {
        add(&mut roots, pem)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| EgressError::Roots(format!("cannot be used: {error}")))?;
    Ok(Arc::new(versions.with_root_certificates(roots).with_no_client_auth()))
}

fn add(roots: &mut RootCertStore, pem: &str) -> Result<(), EgressError> {
    let wrong = |number: usize, error: &dyn Error| {
        EgressError::Roots(format!("hold one that is none, number {number}: {}", shown(&error.to_string())))
    };
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        count += 1;
        let certificate = certificate.map_err(|error| wrong(count, &error))?;
        roots.add(certificate).map_err(|error| wrong(count, &error))?;
    }
    match count {
        0 => Err(EgressError::Roots(
            "hold none: give them in PEM, each between `-----BEGIN CERTIFICATE-----` and its end".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// What is wrong with the certificate of a server. Shown so that it can follow `the certificate of {host}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// Its time has passed.
    #[error("has expired{}: it has to be renewed", days(*.since, "ago"))]
    Expired {
        /// How long ago, where that is known.
        since: Option<Duration>,
    },
    /// Its time has not come, or the clock here is wrong.
    #[error("is not valid yet{}: look at the clocks of both machines", days(*.until, "from now"))]
    NotYetValid {
        /// How long until it is, where that is known.
        until: Option<Duration>,
    },
    /// Nobody who is trusted vouches for it.
    #[error(
        "is of an issuer that is not trusted here, or signed by itself: give the certificate of its authority as a root \
         certificate"
    )]
    UnknownIssuer,
    /// It is somebody else's.
    #[error("is for another name ({}): call the server by a name in it", or_none(.names))]
    OtherName {
        /// The names in it.
        names: String,
    },
    /// An authority's, not a server's.
    #[error(
        "is that of an authority (`CA:TRUE`) and not of a server: have one made for the server, signed by the authority"
    )]
    OfAuthority,
    /// It has been revoked.
    #[error("has been revoked")]
    Revoked,
    /// Something else.
    #[error("cannot be trusted: {0}")]
    Other(String),
}

fn days(time: Option<Duration>, direction: &str) -> String {
    match time.map(|time| time.as_secs() / 86_400) {
        None => String::new(),
        Some(0) => format!(" (less than a day {direction})"),
        Some(1) => format!(" (a day {direction})"),
        Some(days) => format!(" ({days} days {direction})"),
    }
}

fn or_none(names: &str) -> &str {
    if names.is_empty() { "it holds none" } else { names }
}

/// What is wrong with the certificate of a server, if an error says that anything is: one of rustls, or one that has such
/// among its causes, as errors of connections do.
#[must_use]
pub fn certificate_problem(error: &(dyn Error + 'static)) -> Option<CertificateProblem> {
    let mut next = Some(error);
    for _ in 0..DEEPEST {
        let error = next?;
        if let Some(rustls::Error::InvalidCertificate(problem)) = error.downcast_ref() {
            return Some(problem_of(problem));
        }
        // These two hide what they carry from those who ask for their source.
        next = if let Some(error) = error.downcast_ref::<io::Error>() {
            error.get_ref().map(|inner| inner as _)
        } else if let Some(ureq::Error::Rustls(inner)) = error.downcast_ref() {
            Some(inner)
        } else if let Some(ureq::Error::Io(inner)) = error.downcast_ref() {
            Some(inner)
        } else {
            error.source()
        };
    }
    None
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the problems of the library are many, and grow")]
fn problem_of(error: &CertificateError) -> CertificateProblem {
    let between = |later: Duration, earlier: Duration| Some(later.saturating_sub(earlier));
    let seconds = |time: &rustls::pki_types::UnixTime| Duration::from_secs(time.as_secs());
    match error {
        CertificateError::Expired => CertificateProblem::Expired { since: None },
        CertificateError::ExpiredContext { time, not_after } => {
            CertificateProblem::Expired { since: between(seconds(time), seconds(not_after)) }
        }
        CertificateError::NotValidYet => CertificateProblem::NotYetValid { until: None },
        CertificateError::NotValidYetContext { time, not_before } => {
            CertificateProblem::NotYetValid { until: between(seconds(not_before), seconds(time)) }
        }
        // An authority that was made anew under its old name signs with another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => CertificateProblem::UnknownIssuer,
        CertificateError::NotValidForName => CertificateProblem::OtherName { names: String::new() },
        CertificateError::NotValidForNameContext { presented, .. } => {
            CertificateProblem::OtherName { names: shown(&presented.join(", ")) }
        }
        CertificateError::Revoked => CertificateProblem::Revoked,
        CertificateError::Other(other) if other.to_string().contains(OF_AN_AUTHORITY) => {
            CertificateProblem::OfAuthority
        }
        other => CertificateProblem::Other(shown(&other.to_string())),
    }
}
