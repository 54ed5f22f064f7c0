//! Why there is no answer: told so that whoever can do something about it knows what. Holds no secret and no header.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::tls::CertificateProblem;

/// The most letters that are shown of what somebody else wrote.
const SHOWN: usize = 200;

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
    /// A request names another server than the client is for.
    #[error("{given} is not {origin}, the one place that these calls go to")]
    OtherOrigin {
        /// The origin of what the request names.
        given: String,
        /// The origin of the client.
        origin: String,
    },
    /// The request cannot be sent as it is.
    #[error("the request {0}")]
    Request(String),
    /// Root certificates that are none.
    #[error("the root certificates {0}")]
    Roots(String),
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
    /// The server could not prove to be who was called.
    #[error("the certificate of {host} {problem}")]
    Certificate {
        /// The host.
        host: String,
        /// What is wrong with it.
        problem: CertificateProblem,
    },
    /// The connection ended before the answer did.
    #[error("{host} closed the connection before its answer was complete")]
    CutOff {
        /// The host.
        host: String,
        /// How it ended.
        #[source]
        source: Box<ureq::Error>,
    },
    /// What came is no HTTP.
    #[error("what {host} answered is not HTTP")]
    Garbled {
        /// The host.
        host: String,
        /// What is wrong.
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
    /// The head of the answer is too long.
    #[error("the head of the answer of {host} has more than {octets} octets or {headers} headers")]
    HeadTooLong {
        /// The host.
        host: String,
        /// How long it may be.
        octets: usize,
        /// How many headers it may have.
        headers: usize,
    },
    /// The call ended unexpectedly.
    #[error("the call ended unexpectedly")]
    Broken(#[from] tokio::task::JoinError),
}

impl EgressError {
    /// What happened, with its cause, for a message that says already who was called.
    #[must_use]
    pub fn of_who_was_called(&self) -> String {
        match self {
            Self::NotAllowed { .. } => {
                "it is not among the addresses that the operator of this server lets the \
                                        tenant call (setting `egress.allow`)"
                    .to_owned()
            }
            Self::Unresolved { source, .. } => format!("its name cannot be resolved: {}", told(source)),
            Self::TimedOut { limit, .. } => {
                format!("it did not answer within {} seconds", limit.as_secs_f32())
            }
            Self::Unreachable { source, .. } => told(source),
            Self::Certificate { problem, .. } => format!("its certificate {problem}"),
            Self::CutOff { source, .. } => {
                format!("it closed the connection before its answer was complete: {}", told(source))
            }
            Self::Garbled { source, .. } => format!("what it answered is not HTTP: {}", told(source)),
            Self::TooLong { limit, .. } => format!("its answer is longer than {limit} octets"),
            Self::HeadTooLong { octets, headers, .. } => {
                format!("the head of its answer has more than {octets} octets or {headers} headers")
            }
            Self::Url(_) | Self::OtherOrigin { .. } | Self::Request(_) | Self::Roots(_) | Self::Broken(_) => {
                self.to_string()
            }
        }
    }

    /// Whether the same call may go well later: the receiver may come back, the operator may list the address.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Url(_) | Self::OtherOrigin { .. } | Self::Request(_) | Self::Roots(_) => false,
            Self::NotAllowed { .. }
            | Self::Unresolved { .. }
            | Self::TimedOut { .. }
            | Self::Unreachable { .. }
            | Self::Certificate { .. }
            | Self::CutOff { .. }
            | Self::Garbled { .. }
            | Self::TooLong { .. }
            | Self::HeadTooLong { .. }
            | Self::Broken(_) => true,
        }
    }

    /// Whether somebody has to change something before the same call goes well: a setting, a certificate, the server.
    /// Where not, it is worth trying again soon.
    #[must_use]
    pub fn needs_change(&self) -> bool {
        match self {
            Self::Url(_)
            | Self::NotAllowed { .. }
            | Self::OtherOrigin { .. }
            | Self::Request(_)
            | Self::Roots(_)
            | Self::Certificate { .. }
            | Self::TooLong { .. }
            | Self::HeadTooLong { .. } => true,
            Self::Unresolved { .. }
            | Self::TimedOut { .. }
            | Self::Unreachable { .. }
            | Self::CutOff { .. }
            | Self::Garbled { .. }
            | Self::Broken(_) => false,
        }
    }
}

/// An error with its causes.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    shown(&causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
}

/// What somebody else wrote, as it may stand in a message: on one line, and not for long.
pub(crate) fn shown(text: &str) -> String {
    let mut letters = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut shown: String = letters.by_ref().take(SHOWN).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strange_text_is_short_and_on_one_line() {
        assert_eq!(shown("a\r\nb\u{1b}[2J"), "a  b [2J");
        assert_eq!(shown(&"x".repeat(SHOWN)), "x".repeat(SHOWN));
        assert_eq!(shown(&"é".repeat(SHOWN + 1)), format!("{}…", "é".repeat(SHOWN)));
    }
}
