//! The way to a connection that may be used: dialled, encrypted, logged in. Each step has its own fault.

use std::sync::Arc;

use muster_connector::text::shown;
use muster_connector::{ConnectorError, Host};
use muster_egress::{Egress, tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::ber::{Malformed, message_length};
use crate::fault::{lost, refused, transient, unreachable};
use crate::link::{Link, LinkError, Octets};
use crate::message::{Message, Request, code};
use crate::settings::{Security, Settings};

/// The answer to StartTLS is no longer than this.
const START_TLS_ANSWER: usize = 64 * 1024;

/// What it takes to connect.
#[derive(Clone)]
pub(crate) struct Opening {
    pub(crate) settings: Arc<Settings>,
    pub(crate) egress: Egress,
    pub(crate) host: Host,
}

impl Opening {
    fn unusable(&self, problem: impl std::fmt::Display) -> ConnectorError {
        ConnectorError::Unusable { message: format!("{}: {problem}", self.settings.address()) }
    }

    /// A connection on which nothing has been said.
    pub(crate) async fn dial(&self) -> Result<TcpStream, ConnectorError> {
        let Settings { host, port, .. } = &*self.settings;
        let dialled = self.egress.connect(&self.host.tenant, host, *port, self.host.call_limit).await;
        let stream = dialled.map_err(|error| unreachable(&self.settings.address(), &error))?;
        let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
        stream.map_err(|error| transient(format!("cannot connect to {}: {error}", self.settings.address())))
    }

    /// The same, encrypted as the settings ask for.
    pub(crate) async fn secure(&self, stream: TcpStream) -> Result<Arc<Link>, ConnectorError> {
        let secured = async {
            let stream: Box<dyn Octets> = match self.settings.security {
                Security::None => Box::new(stream),
                Security::Tls => Box::new(self.encrypt(stream).await?),
                Security::StartTls => Box::new(self.encrypt(self.start_tls(stream).await?).await?),
            };
            Ok(Arc::new(Link::new(stream, self.settings.longest_message)))
        };
        let timed_out = || lost(&self.settings.address(), "encrypt the connection", &LinkError::TimedOut);
        timeout(self.host.call_limit, secured).await.map_err(|_| timed_out())?
    }

    async fn encrypt(
        &self,
        stream: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, ConnectorError> {
        let config = tls::client_config(self.settings.ca_certificate.as_deref());
        let config = config.map_err(|error| self.unusable(error))?;
        let host = self.settings.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host);
        let name = name.map_err(|_| self.unusable("the name of the host cannot stand in a certificate"))?;
        TlsConnector::from(config).connect(name, stream).await.map_err(|error| {
            if let Some(problem) = tls::certificate_problem(&error) {
                return self.unusable(format!("its certificate {problem}"));
            }
            match error.kind() == std::io::ErrorKind::InvalidData {
                true => self.unusable(format!(
                    "there is no TLS that can be agreed on: look at `port` and `security` ({})",
                    shown(&error.to_string())
                )),
                false => transient(format!(
                    "{} ended the connection while it was being encrypted: {}",
                    self.settings.address(),
                    shown(&error.to_string())
                )),
            }
        })
    }

    /// Asks for encryption on a plain connection. What comes before it is encrypted is believed in nothing but this.
    async fn start_tls(&self, mut stream: TcpStream) -> Result<TcpStream, ConnectorError> {
        let (address, doing) = (self.settings.address(), "encrypt the connection");
        let failed = |error: LinkError| lost(&address, doing, &error);
        let cut = |error: std::io::Error| failed(LinkError::Closed(format!(": {error}")));
        stream.write_all(&Request::start_tls().message(1)).await.map_err(cut)?;
        let mut octets = Vec::new();
        let answer = loop {
            let length = message_length(&octets, START_TLS_ANSWER).map_err(|error| failed(error.into()))?;
            match length {
                Some(length) if octets.len() == length => break octets,
                Some(length) if octets.len() > length => {
                    return Err(failed(Malformed("something stands behind the answer to StartTLS").into()));
                }
                _ => {}
            }
            if stream.read_buf(&mut octets).await.map_err(cut)? == 0 {
                return Err(failed(LinkError::Closed(String::new())));
            }
        };
        let outcome = Message::parse(answer).and_then(|answer| answer.outcome());
        let outcome = outcome.map_err(|error| failed(error.into()))?;
        match outcome.code {
            code::SUCCESS => Ok(stream),
            _ => {
                let message = format!("{}; look at `security`", refused(&address, doing, &outcome));
                Err(ConnectorError::Unusable { message })
            }
        }
    }

    /// Logs in, if there is somebody to log in as.
    pub(crate) async fn log_in(&self, link: &Arc<Link>) -> Result<(), ConnectorError> {
        let Some(credentials) = &self.settings.credentials else { return Ok(()) };
        let address = self.settings.address();
        let doing = format!("let `{}` in", credentials.dn);
        let request = Request::bind(&credentials.dn, &credentials.password);
        let answer = link.call(&request, Instant::now() + self.host.call_limit).await;
        let outcome = answer.and_then(|answer| Ok(answer.outcome()?));
        let outcome = outcome.map_err(|error| lost(&address, &doing, &error))?;
        match outcome.code {
            code::SUCCESS => Ok(()),
            _ => {
                let error = refused(&address, &doing, &outcome);
                let is_transient = matches!(error, ConnectorError::Transient { .. });
                Err(if is_transient {
                    error
                } else {
                    ConnectorError::Unusable { message: error.to_string() }
                })
            }
        }
    }

    /// All of it.
    pub(crate) async fn connect(&self) -> Result<Arc<Link>, ConnectorError> {
        let link = self.secure(self.dial().await?).await?;
        self.log_in(&link).await?;
        Ok(link)
    }
}
