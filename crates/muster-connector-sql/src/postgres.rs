//! Connections to PostgreSQL: dialled by the rules of the egress, encrypted, logged in.

use std::time::Duration;

use muster_connector::text::shown;
use muster_connector::{ConnectorError, TestStep};
use muster_egress::{Egress, EgressError, tls};
use muster_model::TenantSlug;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::dialect::quoted;
use crate::fault::{Fault, Sort};
use crate::relay::{Relay, Wire};
use crate::settings::{Access, Server, Tls};

/// What asks a server for TLS: its length, and a number that is no version of the protocol.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// The port in the name of the socket; nobody listens there.
const SOCKET_PORT: u16 = 5432;

/// Who dials, for whom, and how long it may take.
pub(crate) struct Dialling<'a> {
    pub(crate) egress: &'a Egress,
    pub(crate) tenant: &'a TenantSlug,
    pub(crate) limit: Duration,
}

/// A step on the way to a connection that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) step: TestStep,
    pub(crate) error: ConnectorError,
}

impl Dialling<'_> {
    /// A connection to an address that was checked.
    pub(crate) async fn reach(&self, server: &Server) -> Result<TcpStream, Failed> {
        let dialled = self.egress.connect(self.tenant, &server.host, server.port, self.limit).await;
        let stream = dialled.map_err(|error| not_reached(server, &error))?;
        let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
        stream.map_err(|error| at(server, TestStep::Address, Fault::broken(shown(&error.to_string()))))
    }

    /// Makes a connection safe, as the settings ask.
    pub(crate) async fn secure(&self, server: &Server, stream: TcpStream) -> Result<Box<dyn Wire>, Failed> {
        let Tls::VerifyFull { roots } = &server.tls else { return Ok(Box::new(stream)) };
        let secured = tokio::time::timeout(self.limit, encrypt(server, roots.as_deref(), stream)).await;
        let secured = secured.unwrap_or_else(|_| Err(Fault::late(self.limit)));
        secured.map_err(|fault| at(server, TestStep::Tls, fault))
    }

    /// Logs in over a connection.
    pub(crate) async fn log_in(
        &self,
        server: &Server,
        access: Access,
        wire: Box<dyn Wire>,
    ) -> Result<(PgConnection, Relay), Failed> {
        let failed = |fault| at(server, TestStep::Credentials, fault);
        let relay = Relay::begin(wire, SOCKET_PORT);
        let relay = relay.map_err(|error| failed(Fault::broken(shown(&error.to_string()))))?;
        let options = options(server, access, self.limit).socket(relay.directory());
        let connected = match tokio::time::timeout(self.limit, options.connect()).await {
            Ok(connected) => connected.map_err(Fault::from),
            Err(_) => Err(Fault::late(self.limit)),
        };
        match connected {
            Ok(connection) => Ok((connection, relay)),
            Err(fault) => Err(failed(match relay.reason() {
                Some(reason) => Fault::broken(reason),
                None => fault,
            })),
        }
    }
}

fn at(server: &Server, step: TestStep, fault: Fault) -> Failed {
    let place = format!("{}:{}", server.host, server.port);
    Failed { step, error: fault.at(&place) }
}

fn not_reached(server: &Server, error: &EgressError) -> Failed {
    let sort = if error.needs_change() { Sort::Unusable } else { Sort::Transient };
    let message = format!("{}; look at `host` and `port`", error.of_who_was_called());
    at(server, TestStep::Address, Fault { sort, ..Fault::broken(message) })
}

/// Asks for TLS, and makes sure of whom we talk to. Nothing that came before counts: one octet is read and no more.
async fn encrypt(
    server: &Server,
    roots: Option<&str>,
    mut stream: TcpStream,
) -> Result<Box<dyn Wire>, Fault> {
    let unusable = |message: String| Fault { sort: Sort::Unusable, ..Fault::broken(message) };
    let config = tls::client_config(roots).map_err(|error| unusable(error.to_string()))?;
    let name = ServerName::try_from(server.host.trim_matches(['[', ']']).to_owned());
    let name = name.map_err(|_| unusable("`host` is no name that a certificate could hold".to_owned()))?;
    let broken =
        |error: std::io::Error| Fault::broken(format!("the connection broke: {}", shown(&error.to_string())));
    stream.write_all(&TLS_REQUEST).await.map_err(broken)?;
    match stream.read_u8().await.map_err(broken)? {
        b'S' => {}
        b'N' => {
            return Err(unusable(
                "it does not speak TLS; turn `ssl` on there, or set `tls` to `DISABLE`".to_owned(),
            ));
        }
        _ => {
            return Err(unusable(
                "it does not answer like a PostgreSQL; look at `host` and `port`".to_owned(),
            ));
        }
    }
    match TlsConnector::from(config).connect(name, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(match tls::certificate_problem(&error) {
            Some(problem) => unusable(format!("the certificate of the server {problem}")),
            None => Fault::broken(format!("no TLS came about: {}", shown(&error.to_string()))),
        }),
    }
}

/// How to log in. What the environment of this process says about PostgreSQL is for others: each of it is set here, but
/// for what encrypts, which the library does not do.
fn options(server: &Server, access: Access, limit: Duration) -> PgConnectOptions {
    let search_path = match server.schema.as_str() {
        "public" => quoted("public"),
        schema => format!("{},{}", quoted(schema), quoted("public")),
    };
    let read_only = if access == Access::ReadOnly { "on" } else { "off" };
    let millis = limit.as_millis().clamp(1, 2_147_483_647).to_string();
    PgConnectOptions::new_without_pgpass()
        .host("localhost")
        .port(SOCKET_PORT)
        .ssl_mode(PgSslMode::Disable)
        .username(&server.user)
        .password(&server.password)
        .database(&server.database)
        .application_name("muster")
        .options([
            ("statement_timeout", millis.as_str()),
            ("idle_in_transaction_session_timeout", millis.as_str()),
            ("default_transaction_read_only", read_only),
            ("search_path", search_path.as_str()),
            ("bytea_output", "hex"),
            ("IntervalStyle", "iso_8601"),
            ("standard_conforming_strings", "on"),
        ])
        .disable_statement_logging()
}
