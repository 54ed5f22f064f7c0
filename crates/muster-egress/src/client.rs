//! A client for many requests to one origin: connections are kept, where they lead is checked anew, answers have limits.

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muster_model::TenantSlug;
use ureq::unversioned::transport::Connector as _;
use ureq::{Agent, Body, http};

use crate::error::shown;
use crate::target::Target;
use crate::transport::{CheckedConnector, Nowhere, TlsConnector};
use crate::{Egress, EgressError, Request, Response, call, tls};

/// However often is asked: a name is resolved again after so long at the latest.
const CHECKED_AGAIN: Duration = Duration::from_secs(60);
/// A connection goes to addresses that were checked within this time.
const JUST_NOW: Duration = Duration::from_secs(1);
/// Nothing takes longer than this, a day.
pub(crate) const LONGEST: Duration = Duration::from_secs(86_400);
/// More headers the library does not read.
const MOST_HEADERS: usize = 128;
/// What is read from or written to a connection at once, in octets.
const BUFFER: usize = 32 * 1024;

/// What a client calls, and how far it goes.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// An `https` or `http` URL of the server. Only scheme, host and port are taken from it: requests name whole paths.
    pub base: String,
    /// Root certificates in PEM that are trusted besides those of the web.
    pub roots: Option<String>,
    /// How long a call may take, from resolving the name to the last octet of the answer, a day at most. Default: 30
    /// seconds.
    pub time: Duration,
    /// The longest body of an answer, in octets. Default: 16 MiB.
    pub answer: u64,
    /// The longest head of an answer, in octets. Default: 64 KiB.
    pub head: usize,
    /// The most headers of an answer, 128 at most. Default: 100.
    pub headers: usize,
    /// How many connections are kept for further requests. More may be open while more requests are under way: how many
    /// these are is the caller's. Default: 64.
    pub connections: usize,
    /// After how long the name is resolved and checked anew, and new connections are used, 60 seconds at most and by
    /// default. A connection that has to be made goes to addresses that were checked within a second.
    pub check_every: Duration,
}

impl ClientSettings {
    /// The usual limits, for a server.
    #[must_use]
    pub fn new(base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            roots: None,
            time: Duration::from_secs(30),
            answer: 16 * 1024 * 1024,
            head: 64 * 1024,
            headers: 100,
            connections: 64,
            check_every: CHECKED_AGAIN,
        }
    }
}

/// A client for many requests to one origin, for one tenant. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct HttpClient(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    checked: Arc<Checked>,
    settings: ClientSettings,
    config: ureq::config::Config,
    tls: Arc<rustls::ClientConfig>,
    pool: Mutex<Option<Pool>>,
}

/// Connections, since when their addresses are known to be allowed.
#[derive(Debug)]
struct Pool {
    agent: Agent,
    since: Instant,
}

/// Where the name of a server leads, as far as its tenant may go there.
#[derive(Debug)]
pub(crate) struct Checked {
    egress: Egress,
    tenant: TenantSlug,
    origin: Target,
    /// For how long an address is as good as checked.
    just_now: Duration,
    last: Mutex<Option<(Vec<SocketAddr>, Instant)>>,
}

impl Egress {
    /// A client for requests to one origin, for a tenant. Nothing is looked up yet.
    ///
    /// # Errors
    /// [`EgressError::Url`] and [`EgressError::Roots`] when the settings are wrong.
    pub fn client(&self, tenant: &TenantSlug, settings: ClientSettings) -> Result<HttpClient, EgressError> {
        let origin = Target::of(&settings.base)?;
        let settings = ClientSettings {
            time: settings.time.min(LONGEST),
            headers: settings.headers.min(MOST_HEADERS),
            check_every: settings.check_every.min(CHECKED_AGAIN),
            ..settings
        };
        let config = call::careful(settings.time)
            .accept_encoding("identity")
            .max_idle_connections(settings.connections)
            .max_idle_connections_per_host(settings.connections)
            .max_response_header_size(settings.head)
            // A head has to fit into it.
            .input_buffer_size(settings.head.saturating_add(BUFFER))
            .output_buffer_size(BUFFER)
            .build();
        let checked = Checked {
            egress: self.clone(),
            tenant: tenant.clone(),
            origin,
            just_now: settings.check_every.min(JUST_NOW),
            last: Mutex::new(None),
        };
        let tls = tls::client_config(settings.roots.as_deref())?;
        let checked = Arc::new(checked);
        Ok(HttpClient(Arc::new(Inner { checked, settings, config, tls, pool: Mutex::new(None) })))
    }
}

impl HttpClient {
    /// Scheme, host and port of all requests, as `https://scim.example.com`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.checked.origin.to_string()
    }

    /// Sends a request and reads the answer. Any status is an answer, a redirect as well: it is not followed.
    ///
    /// Who stops waiting leaves a request behind that may yet be carried out; it ends within its time.
    ///
    /// # Errors
    /// When the tenant may not call the server, the request names another one, or no whole answer came within the limits.
    pub async fn send(&self, request: Request) -> Result<Response, EgressError> {
        let url = self.0.checked.origin.url(&request.target)?;
        let request = request.at(&url)?;
        let inner = Arc::clone(&self.0);
        let limit = inner.settings.time;
        let sent = tokio::task::spawn_blocking(move || inner.send(request));
        // The system's way to resolve a name knows no limit; the thread ends when it has answered.
        match tokio::time::timeout(limit + limit / 4, sent).await {
            Ok(answered) => answered?,
            Err(_) => Err(self.0.timed_out()),
        }
    }
}

impl Inner {
    fn send(&self, request: http::Request<Option<Vec<u8>>>) -> Result<Response, EgressError> {
        let agent = self.agent()?;
        let (head, body) = request.into_parts();
        let answered = match body {
            Some(body) => agent.run(http::Request::from_parts(head, body)),
            None => agent.run(http::Request::from_parts(head, ())),
        };
        let answer = answered.map_err(|error| self.failed(error))?;
        let (head, body) = answer.into_parts();
        if head.headers.len() > self.settings.headers {
            return Err(self.head_too_long());
        }
        Ok(Response::new(&head, self.read(body)?))
    }

    fn read(&self, body: Body) -> Result<Vec<u8>, EgressError> {
        let limit = self.settings.answer;
        let mut read = Vec::new();
        let mut one_more = body.into_reader().take(limit.saturating_add(1));
        one_more.read_to_end(&mut read).map_err(|error| self.failed(error.into()))?;
        match read.len() as u64 > limit {
            true => Err(EgressError::TooLong { host: self.host(), limit }),
            false => Ok(read),
        }
    }

    /// The connections, new ones where it was too long ago that their addresses were checked. Blocking.
    fn agent(&self) -> Result<Agent, EgressError> {
        let begun = Instant::now();
        let is_fresh = |since: Instant| since >= begun || since.elapsed() < self.settings.check_every;
        if let Some(pool) = self.pool().as_ref().filter(|pool| is_fresh(pool.since)) {
            return Ok(pool.agent.clone());
        }
        if let Err(error) = self.checked.anew() {
            *self.pool() = None;
            return Err(error);
        }
        let mut pool = self.pool();
        // Somebody else may have done it meanwhile.
        if let Some(pool) = pool.as_ref().filter(|pool| is_fresh(pool.since)) {
            return Ok(pool.agent.clone());
        }
        let connector =
            CheckedConnector(Arc::clone(&self.checked)).chain(TlsConnector(Arc::clone(&self.tls)));
        let agent = Agent::with_parts(self.config.clone(), connector, Nowhere);
        *pool = Some(Pool { agent: agent.clone(), since: Instant::now() });
        Ok(agent)
    }

    fn pool(&self) -> MutexGuard<'_, Option<Pool>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn host(&self) -> String {
        self.checked.origin.host.clone()
    }

    fn timed_out(&self) -> EgressError {
        EgressError::TimedOut { host: self.host(), limit: self.settings.time }
    }

    fn head_too_long(&self) -> EgressError {
        let ClientSettings { head, headers, .. } = self.settings;
        EgressError::HeadTooLong { host: self.host(), octets: head, headers }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the errors of the library are many, and grow")]
    fn failed(&self, error: ureq::Error) -> EgressError {
        use std::io::ErrorKind;
        let host = self.host();
        if let Some(problem) = tls::certificate_problem(&error) {
            return EgressError::Certificate { host, problem };
        }
        let source = match error {
            ureq::Error::Timeout(_) => return self.timed_out(),
            ureq::Error::LargeResponseHeader(..) => return self.head_too_long(),
            // The library's type for it cannot be named from here.
            ureq::Error::Protocol(error) if error.to_string().contains("too many headers") => {
                return self.head_too_long();
            }
            ureq::Error::Http(error) => return EgressError::Request(format!("cannot be sent: {error}")),
            ureq::Error::BadUri(error) => return EgressError::Url(shown(&error)),
            ureq::Error::Other(error) => match error.downcast::<EgressError>() {
                Ok(error) => {
                    // Where one connection may not go the others have no business either.
                    *self.pool() = None;
                    return *error;
                }
                Err(error) => ureq::Error::Other(error),
            },
            error => error,
        };
        let is_cut_off = |kind| {
            matches!(
                kind,
                ErrorKind::UnexpectedEof
                    | ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
            )
        };
        match source {
            ureq::Error::Protocol(_) => EgressError::Garbled { host, source: Box::new(source) },
            ureq::Error::Io(ref error) if is_cut_off(error.kind()) => {
                EgressError::CutOff { host, source: Box::new(source) }
            }
            source => EgressError::Unreachable { host, source: Box::new(source) },
        }
    }
}

impl Checked {
    /// Where the name leads now. Blocking.
    fn anew(&self) -> Result<Vec<SocketAddr>, EgressError> {
        let found = self.egress.resolve(&self.tenant, &self.origin);
        *self.last() = found.as_ref().ok().map(|addresses| (addresses.clone(), Instant::now()));
        found
    }

    /// Where the name leads, or led a moment ago. Blocking.
    pub(crate) fn just_now(&self) -> Result<Vec<SocketAddr>, EgressError> {
        let last = self.last().clone().filter(|(_, at)| at.elapsed() < self.just_now);
        last.map_or_else(|| self.anew(), |(addresses, _)| Ok(addresses))
    }

    fn last(&self) -> MutexGuard<'_, Option<(Vec<SocketAddr>, Instant)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
