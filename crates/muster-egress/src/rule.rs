//! The operator's list: who may call what. What is not on it may not be called.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use muster_model::TenantSlug;

use crate::address;

/// The port of a rule that names none.
const USUAL_PORT: u16 = 443;

/// One line of the list: a tenant, or `*` for each of them, and where it may call, as `acme hooks.example.com`,
/// `acme *.example.com:8443`, `* 10.1.0.0/16:*` or `acme [fd00::/8]:443`.
///
/// A name lets a tenant call public addresses alone, whatever the name leads to; `*` is any name. A network lets it
/// call the addresses in it, public or not, by whatever name. Without a port 443 is meant, `:*` means all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    tenant: Option<TenantSlug>,
    target: Target,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Any,
    Host(String),
    /// What follows the `*`, with its point.
    Below(String),
    Network(IpAddr, u8),
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` {problem}; a rule is a tenant or `*`, a blank, and a host, `*.domain`, `*` or network, as in \
         `acme hooks.example.com:8443`"
)]
pub struct RuleError {
    text: String,
    problem: &'static str,
}

impl Rule {
    pub(crate) fn is_for(&self, tenant: &TenantSlug, port: u16) -> bool {
        self.tenant.as_ref().is_none_or(|known| known == tenant)
            && self.port.is_none_or(|known| known == port)
    }

    /// Whether it lets public addresses be called by this name.
    pub(crate) fn names(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_lowercase();
        match &self.target {
            Target::Any => true,
            Target::Host(name) => host == *name,
            Target::Below(domain) => host.len() > domain.len() && host.ends_with(domain.as_str()),
            Target::Network(..) => false,
        }
    }

    pub(crate) fn is_network(&self) -> bool {
        matches!(self.target, Target::Network(..))
    }

    /// Whether it lets this address be called, whatever it is.
    pub(crate) fn holds(&self, ip: IpAddr) -> bool {
        match self.target {
            Target::Network(base, length) => address::holds((base, length), ip),
            Target::Any | Target::Host(_) | Target::Below(_) => false,
        }
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let wrong = |problem| RuleError { text: text.to_owned(), problem };
        let mut words = text.split_whitespace();
        let (Some(tenant), Some(place), None) = (words.next(), words.next(), words.next()) else {
            return Err(wrong("is not two words"));
        };
        let tenant = match tenant {
            "*" => None,
            slug => Some(TenantSlug::new(slug).map_err(|_| wrong("begins with no name of a tenant"))?),
        };
        let (target, port) = split_port(place);
        let port = match port {
            None => Some(USUAL_PORT),
            Some("*") => None,
            Some(port) => Some(port.parse().map_err(|_| wrong("has no port behind its `:`"))?),
        };
        Ok(Self { tenant, target: target_of(target).map_err(wrong)?, port })
    }
}

/// The port stands behind the last `:`, unless that belongs to an address of IPv6, which has brackets then.
fn split_port(place: &str) -> (&str, Option<&str>) {
    if let Some((inner, rest)) = place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (inner, rest.strip_prefix(':'));
    }
    match place.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, Some(port)),
        _ => (place, None),
    }
}

fn target_of(text: &str) -> Result<Target, &'static str> {
    if text == "*" {
        return Ok(Target::Any);
    }
    let (base, length) = text.split_once('/').map_or((text, None), |(base, length)| (base, Some(length)));
    if let Ok(base) = base.parse::<IpAddr>() {
        let most = if base.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(most), str::parse).map_err(|_| "has no length behind its `/`")?;
        return match length <= most {
            true => Ok(Target::Network(base, length)),
            false => Err("is a network with too long a prefix"),
        };
    }
    let (name, below) = text.strip_prefix("*.").map_or((text, false), |domain| (domain, true));
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if name.is_empty() || !name.split('.').all(|part| !part.is_empty() && part.chars().all(is_letter)) {
        return Err("names no host and no network");
    }
    let name = name.to_lowercase();
    Ok(if below { Target::Below(format!(".{name}")) } else { Target::Host(name) })
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tenant.as_ref().map_or("*", |tenant| tenant.as_str()))?;
        match &self.target {
            Target::Any => f.write_str(" *")?,
            Target::Host(name) => write!(f, " {name}")?,
            Target::Below(domain) => write!(f, " *{domain}")?,
            Target::Network(base, length) => write!(f, " [{base}/{length}]")?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => f.write_str(":*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_shown() {
        for (text, shown) in [
            ("acme hooks.example.com", "acme hooks.example.com:443"),
            ("acme  Hooks.Example.com:8443", "acme hooks.example.com:8443"),
            ("* *.example.com:*", "* *.example.com:*"),
            ("* *", "* *:443"),
            ("acme 10.1.0.0/16:80", "acme [10.1.0.0/16]:80"),
            ("acme 10.1.2.3", "acme [10.1.2.3/32]:443"),
            ("acme fd00::/8", "acme [fd00::/8]:443"),
            ("acme [::1]:8080", "acme [::1/128]:8080"),
        ] {
            let rule: Rule = text.parse().unwrap();
            assert_eq!(rule.to_string(), shown);
            assert_eq!(shown.parse(), Ok(rule), "{shown}");
        }
        for text in [
            "",
            "acme",
            "a b c",
            "Acme x.org",
            "acme x.org:no",
            "acme 10.0.0.0/33",
            "acme a..b",
            "acme *x",
            "a *.",
        ] {
            let error = text.parse::<Rule>().unwrap_err().to_string();
            assert!(error.contains("acme hooks.example.com:8443"), "{text}: {error}");
        }
    }

    #[test]
    fn names_are_compared_whole() {
        let names = |rule: &str, host: &str| rule.parse::<Rule>().unwrap().names(host);
        for host in ["example.com", "EXAMPLE.com", "example.com."] {
            assert!(names("* example.com", host), "{host}");
        }
        for host in ["a.example.com", "example.com.evil.org", "badexample.com"] {
            assert!(!names("* example.com", host), "{host}");
        }
        assert!(names("* *.example.com", "a.b.example.com"));
        assert!(!names("* *.example.com", "example.com") && !names("* *.example.com", "badexample.com"));
        assert!(!names("* 10.0.0.0/8", "10.0.0.1"));
    }
}
