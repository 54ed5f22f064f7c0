//! The one way out: requests to addresses that a tenant chose, within what the host's operator lists for it.
//!
//! A name is resolved once, every address that it leads to is checked, and the connection goes to one of these and no
//! other. Redirects are not followed: an answer that is one is the answer. Knows no store and nobody's secrets.

mod address;
mod call;
mod rule;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use muster_model::TenantSlug;

pub use rule::{Rule, RuleError};

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

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The address is none.
    #[error("the address {0}")]
    Url(String),
    /// The operator's list does not have it. Where a name leads is for the log, not for who chose the name.
    #[error(
        "{host}:{port} is not among the addresses that the operator of this server lets the tenant call \
         (setting `egress.allow`)"
    )]
    NotAllowed {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What the name led to and should not; `None` when the name itself is not listed.
        address: Option<IpAddr>,
    },
    /// The name leads nowhere.
    #[error("{host} cannot be resolved")]
    Unresolved {
        /// The host.
        host: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// No answer came in time, or no end of it.
    #[error("{host} did not answer within {} seconds", limit.as_secs_f32())]
    TimedOut {
        /// The host.
        host: String,
        /// The time that it had.
        limit: Duration,
    },
    /// The connection failed.
    #[error("cannot talk to {host}")]
    Unreachable {
        /// The host.
        host: String,
        /// Why not.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The body is too long.
    #[error("the answer of {host} is longer than {limit} octets")]
    TooLong {
        /// The host.
        host: String,
        /// How long it may be.
        limit: u64,
    },
    /// The call ended unexpectedly.
    #[error("the call ended unexpectedly")]
    Broken(#[from] tokio::task::JoinError),
}

impl EgressError {
    /// Whether the same call may go well later: the receiver may come back, the operator may list the address.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Url(_) => false,
            Self::NotAllowed { .. }
            | Self::Unresolved { .. }
            | Self::TimedOut { .. }
            | Self::Unreachable { .. }
            | Self::TooLong { .. }
            | Self::Broken(_) => true,
        }
    }
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
        let target = call::Target::of(&post.url)?;
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
    fn resolve(&self, tenant: &TenantSlug, target: &call::Target) -> Result<Vec<SocketAddr>, EgressError> {
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
