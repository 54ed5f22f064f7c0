//! The one way out: requests to addresses that a tenant chose, within what the host's operator lists for it.
//!
//! A name is resolved once, every address that it leads to is checked, and the connection goes to one of these and no
//! other. Redirects are not followed: an answer that is one is the answer. Knows no store; secrets pass through it and are
//! never shown.
//!
//! - [`Egress::post`] sends one message, on a connection of its own.
//! - [`Egress::client`] makes a client for many requests to one origin, over connections that are kept.
//! - [`Egress::connect`] makes a plain connection, for protocols that are not HTTP; [`tls`] makes it safe.
//! - [`Egress::access_tokens`] fetches what a client needs to be let in by OAuth, and keeps it.

mod address;
mod call;
mod client;
mod connect;
mod error;
mod message;
mod oauth;
mod rule;
mod target;
pub mod tls;
mod transport;
mod waits;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use muster_model::TenantSlug;

pub use client::{ClientSettings, HttpClient};
pub use error::EgressError;
pub use message::{Method, Request, Response, is_own_header};
pub use oauth::{AccessToken, AccessTokens, AuthorizedError, ClientAuth, ClientCredentials, TokenError};
pub use rule::{Rule, RuleError};
pub use tls::CertificateProblem;

/// What a name leads to at a port. May block.
pub type Resolver = Arc<dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// How far a call may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From resolving the name to the last octet of the answer.
    pub time: Duration,
    /// The longest body of an answer, in octets.
    pub answer: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(10), answer: 64 * 1024 }
    }
}

/// A POST to an address that a tenant chose.
#[derive(Debug, Clone)]
pub struct Post {
    /// An `https` or `http` URL.
    pub url: String,
    /// Headers besides those that every request has.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What somebody outside answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, if all of it came within the limits.
    pub body: Result<Vec<u8>, EgressError>,
}

/// The way out of a process. Cheap to clone.
#[derive(Clone)]
pub struct Egress {
    rules: Arc<[Rule]>,
    limits: Limits,
    resolver: Resolver,
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Egress")
            .field("rules", &self.rules)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Default for Egress {
    /// Lets nobody out.
    fn default() -> Self {
        Self::new(Vec::new(), Limits::default())
    }
}

impl Egress {
    /// A way out for those whom the rules let.
    #[must_use]
    pub fn new(rules: Vec<Rule>, limits: Limits) -> Self {
        let resolver: Resolver = Arc::new(|host, port| {
            std::net::ToSocketAddrs::to_socket_addrs(&(host, port)).map(Iterator::collect)
        });
        Self { rules: rules.into(), limits, resolver }
    }

    /// The same with another way to resolve names.
    #[must_use]
    pub fn with_resolver(self, resolver: Resolver) -> Self {
        Self { resolver, ..self }
    }

    /// Sends a request for a tenant, and reads the answer.
    ///
    /// # Errors
    /// When the tenant may not call that address, or no answer came.
    pub async fn post(&self, tenant: &TenantSlug, post: Post) -> Result<Answer, EgressError> {
        let target = target::Target::of(&post.url)?;
        let (host, limit) = (target.host.clone(), self.limits.time);
        let (egress, tenant) = (self.clone(), tenant.clone());
        let sent = tokio::task::spawn_blocking(move || egress.send(&tenant, &target, post));
        // The system's way to resolve a name knows no limit; the thread ends when it has answered.
        match tokio::time::timeout(limit + limit / 4, sent).await {
            Ok(answered) => answered?,
            Err(_) => Err(EgressError::TimedOut { host, limit }),
        }
    }

    /// The addresses that a target leads to, if the tenant may call each of them. Blocking.
    fn resolve(&self, tenant: &TenantSlug, target: &target::Target) -> Result<Vec<SocketAddr>, EgressError> {
        let (host, port) = (&target.host, target.port);
        let refused = |address| EgressError::NotAllowed { host: host.clone(), port, address };
        let rules: Vec<_> = self.rules.iter().filter(|rule| rule.is_for(tenant, port)).collect();
        let is_named = rules.iter().any(|rule| rule.names(host));
        // What no rule can let through is not even looked up.
        if !is_named && !rules.iter().any(|rule| rule.is_network()) {
            return Err(refused(None));
        }
        let found = (self.resolver)(host, port);
        let found = found.map_err(|source| EgressError::Unresolved { host: host.clone(), source })?;
        let addresses: Vec<_> =
            found.iter().map(|found| SocketAddr::new(found.ip().to_canonical(), port)).collect();
        for address in &addresses {
            let ip = address.ip();
            let is_listed = rules.iter().any(|rule| rule.holds(ip));
            let may_be_called = is_listed || is_named && address::is_public(ip);
            if !may_be_called {
                tracing::warn!(%tenant, host, %address, "a call was refused: the address is not allowed");
                return Err(refused(is_named.then_some(ip)));
            }
        }
        if addresses.is_empty() {
            let source = io::Error::new(io::ErrorKind::NotFound, "the name leads to no address");
            return Err(EgressError::Unresolved { host: host.clone(), source });
        }
        Ok(addresses)
    }
}
