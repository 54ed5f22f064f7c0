//! A plain connection, for protocols that are not HTTP: to an address that was checked, and to no other.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use muster_model::TenantSlug;
use rustix::net::sockopt;

use crate::client::LONGEST;
use crate::target::{self, Scheme, Target};
use crate::{Egress, EgressError};

/// After so long without an octet the other side is asked whether it is still there.
const QUIET: Duration = Duration::from_secs(60);
/// How long lies between one such question and the next.
const BETWEEN: Duration = Duration::from_secs(15);
/// So many without an answer, and the connection is given up.
const QUESTIONS: u32 = 4;

impl Egress {
    /// A connection to a server that a tenant chose, for LDAP, SQL and the like. The name is resolved once and each of its
    /// addresses is checked, as for HTTP; they are tried in turn. The stream blocks (tokio wants it set otherwise), does not
    /// wait to fill packets, and notices after two minutes that nobody is there any more.
    ///
    /// `limit` is for all of it, from resolving the name, and a day at most. What is said on the connection has no limit but the caller's.
    ///
    /// # Errors
    /// [`EgressError::NotAllowed`] when the tenant may not go there; [`EgressError::Url`], [`EgressError::Unresolved`],
    /// [`EgressError::TimedOut`] and [`EgressError::Unreachable`].
    pub async fn connect(
        &self,
        tenant: &TenantSlug,
        host: &str,
        port: u16,
        limit: Duration,
    ) -> Result<TcpStream, EgressError> {
        let is_none = |letter: char| letter.is_whitespace() || letter.is_control() || "/@?#".contains(letter);
        let host = target::bare(host);
        if host.is_empty() || host.contains(is_none) {
            return Err(EgressError::Url("names no host".to_owned()));
        }
        let (egress, tenant, limit) = (self.clone(), tenant.clone(), limit.min(LONGEST));
        // The rules know no schemes.
        let target = Target { scheme: Scheme::Https, host: host.clone(), port };
        let begun = Instant::now();
        let connected = tokio::task::spawn_blocking(move || {
            let addresses = egress.resolve(&tenant, &target)?;
            dial(&addresses, begun + limit).map_err(|error| failed(target.host, limit, error))
        });
        // The system's way to resolve a name knows no limit; the thread ends when it has answered.
        match tokio::time::timeout(limit, connected).await {
            Ok(connected) => connected?,
            Err(_) => Err(EgressError::TimedOut { host, limit }),
        }
    }
}

fn failed(host: String, limit: Duration, error: io::Error) -> EgressError {
    if error.kind() == io::ErrorKind::TimedOut {
        return EgressError::TimedOut { host, limit };
    }
    EgressError::Unreachable { host, source: Box::new(ureq::Error::Io(error)) }
}

/// Each address has its part of the time that is left: one that says nothing is not the end of it.
fn dial(addresses: &[SocketAddr], until: Instant) -> io::Result<TcpStream> {
    let mut failed = io::Error::from(io::ErrorKind::TimedOut);
    for (address, left_over) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let left = until.saturating_duration_since(Instant::now());
        let part = left / u32::try_from(left_over).unwrap_or(u32::MAX);
        if part.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(address, part) {
            Ok(stream) => return keep_alive(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn keep_alive(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, QUIET)?;
    sockopt::set_tcp_keepintvl(&stream, BETWEEN)?;
    sockopt::set_tcp_keepcnt(&stream, QUESTIONS)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_connection_is_asked_whether_somebody_is_there() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        let stream = dial(&[listener.local_addr().unwrap()], until).unwrap();
        assert!(stream.nodelay().unwrap());
        assert!(sockopt::socket_keepalive(&stream).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&stream).unwrap(), QUIET);
        assert_eq!(sockopt::tcp_keepintvl(&stream).unwrap(), BETWEEN);
        assert_eq!(sockopt::tcp_keepcnt(&stream).unwrap(), QUESTIONS);
    }

    #[test]
    fn addresses_are_tried_in_turn() {
        let nobody = SocketAddr::from(([127, 77, 0, 2], 9));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        let until = || Instant::now() + Duration::from_secs(60);
        let stream = dial(&[nobody, nobody, there], until()).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), there);
        assert_eq!(dial(&[nobody], until()).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(dial(&[there], Instant::now()).unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
