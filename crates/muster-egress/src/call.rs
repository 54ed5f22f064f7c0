//! One call: sent to addresses that have been checked, by somebody who looks up nothing himself.

use std::io::Read as _;
use std::net::SocketAddr;
use std::time::Duration;

use muster_model::TenantSlug;
use ureq::config::{Config, ConfigBuilder};
use ureq::http::{Response, Uri};
use ureq::typestate::AgentScope;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};

use crate::target::Target;
use crate::{Answer, Egress, EgressError, Post};

/// More addresses of a name than this are not tried.
pub(crate) const MOST_ADDRESSES: usize = 16;

/// Addresses that have been checked, whatever is asked for.
#[derive(Debug)]
struct Checked(Vec<SocketAddr>);

impl Resolver for Checked {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        for address in self.0.iter().take(MOST_ADDRESSES) {
            addresses.push(*address);
        }
        Ok(addresses)
    }
}

impl Egress {
    pub(crate) fn send(
        &self,
        tenant: &TenantSlug,
        target: &Target,
        post: Post,
    ) -> Result<Answer, EgressError> {
        let addresses = self.resolve(tenant, target)?;
        let agent = Agent::with_parts(config(self.limits.time), DefaultConnector::new(), Checked(addresses));
        let request = agent.post(&post.url);
        let request =
            post.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let answer = request.send(post.body).map_err(|error| self.failed(target, error))?;
        let status = answer.status().as_u16();
        Ok(Answer { status, body: self.body(target, answer) })
    }

    fn body(&self, target: &Target, answer: Response<Body>) -> Result<Vec<u8>, EgressError> {
        let limit = self.limits.answer;
        let mut body = Vec::new();
        let mut one_more = answer.into_body().into_reader().take(limit + 1);
        one_more.read_to_end(&mut body).map_err(|error| self.failed(target, error.into()))?;
        match body.len() as u64 > limit {
            true => Err(EgressError::TooLong { host: target.host.clone(), limit }),
            false => Ok(body),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the errors of the library are many, and grow")]
    fn failed(&self, target: &Target, error: ureq::Error) -> EgressError {
        let host = target.host.clone();
        match error {
            ureq::Error::Timeout(_) => EgressError::TimedOut { host, limit: self.limits.time },
            error => EgressError::Unreachable { host, source: Box::new(error) },
        }
    }
}

fn config(time: Duration) -> Config {
    careful(time).max_idle_connections(0).build()
}

/// What every call has: no proxy that the environment names, which would resolve the name again; no redirect, which would
/// lead elsewhere.
pub(crate) fn careful(time: Duration) -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_global(Some(time))
        .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
}
