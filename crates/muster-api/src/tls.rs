//! The certificate of the server: read from PEM files, and read anew while the server runs. Connections that are
//! open keep the one they began with.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// A certificate with its key, and the files that they come from.
#[derive(Clone)]
pub struct Certificate(Arc<Files>);

struct Files {
    certificate: PathBuf,
    key: PathBuf,
    present: RwLock<Arc<CertifiedKey>>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {what} from {}", path.display())]
    Read {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: PemError,
    },
    /// The file holds none.
    #[error("there is no certificate in {}", .0.display())]
    None(PathBuf),
    /// The two do not belong together, or are of a kind that cannot be used.
    #[error("the certificate of {} cannot be used with the key of {}", certificate.display(), key.display())]
    Unfit {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why not.
        #[source]
        source: rustls::Error,
    },
}

impl Certificate {
    /// Reads a certificate, with those between it and its root after it, and its key.
    ///
    /// # Errors
    /// When a file cannot be read, or the two do not belong together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let present = RwLock::new(Arc::new(read(certificate, key)?));
        Ok(Self(Arc::new(Files { certificate: certificate.to_owned(), key: key.to_owned(), present })))
    }

    /// Reads both files anew.
    ///
    /// # Errors
    /// As [`Certificate::read`]; then what was read before stays.
    pub fn read_anew(&self) -> Result<(), CertificateError> {
        let read = read(&self.0.certificate, &self.0.key)?;
        *self.0.present.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
        Ok(())
    }

    pub(crate) fn server_config(&self) -> Result<ServerConfig, rustls::Error> {
        let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        Ok(config.with_no_client_auth().with_cert_resolver(self.0.clone()))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, CertificateError> {
    let failed = |what, path: &Path| {
        let path = path.to_owned();
        move |source| CertificateError::Read { what, path, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(failed("the certificate", certificate))?;
    if chain.is_empty() {
        return Err(CertificateError::None(certificate.to_owned()));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(failed("the key", key))?;
    CertifiedKey::from_der(chain, secret, &provider()).map_err(|source| CertificateError::Unfit {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    })
}

impl ResolvesServerCert for Files {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.present.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for Files {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
