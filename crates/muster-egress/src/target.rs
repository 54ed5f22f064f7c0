//! Whom a URL names: scheme, host and port, and whether two name the same.

use std::fmt;

use ureq::http::Uri;

use crate::EgressError;
use crate::error::shown;

/// How a server is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// Whom a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) scheme: Scheme,
    /// In small letters, an address of IPv6 without its brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Target {
    pub(crate) fn of(url: &str) -> Result<Self, EgressError> {
        Self::with_path(url).map(|(target, _)| target)
    }

    /// Whom a URL names, and what of it: path and query, never without a `/` in front.
    pub(crate) fn with_path(url: &str) -> Result<(Self, String), EgressError> {
        let wrong = |problem: &str| EgressError::Url(problem.to_owned());
        let uri: Uri = url.parse().map_err(|error| EgressError::Url(format!("is no URL: {error}")))?;
        let (scheme, usual) = match uri.scheme_str() {
            Some("https") => (Scheme::Https, 443),
            Some("http") => (Scheme::Http, 80),
            Some(_) | None => return Err(wrong("is neither `https` nor `http`")),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| wrong("names no host"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(wrong("holds a user name or password"));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok((Self { scheme, host: bare(host), port: uri.port_u16().unwrap_or(usual) }, path))
    }

    /// The URL of what a request names: a path with its query, or a whole URL, which has to be of this origin.
    pub(crate) fn url(&self, of_request: &str) -> Result<String, EgressError> {
        if of_request.starts_with('/') {
            let url = format!("{self}{of_request}");
            // What is behind the origin must not have become a part of it.
            return self.url(&url);
        }
        let (target, path) = Self::with_path(of_request)?;
        match target == *self {
            true => Ok(format!("{self}{path}")),
            false => {
                Err(EgressError::OtherOrigin { given: shown(&target.to_string()), origin: self.to_string() })
            }
        }
    }
}

/// A host without the brackets by which a URL spells an address of IPv6.
pub(crate) fn bare(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.to_ascii_lowercase()
}

/// As an origin: scheme, host and port, without a `/` at the end.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        let (scheme, usual) = match scheme {
            Scheme::Http => ("http", 80),
            Scheme::Https => ("https", 443),
        };
        match host.contains(':') {
            true => write!(f, "{scheme}://[{host}]")?,
            false => write!(f, "{scheme}://{host}")?,
        }
        if *port == usual { Ok(()) } else { write!(f, ":{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_host_and_a_port() {
        for (url, host, port) in [
            ("https://hooks.example.com/x", "hooks.example.com", 443),
            ("http://hooks.example.com", "hooks.example.com", 80),
            ("https://127.0.0.1:8443/", "127.0.0.1", 8443),
            ("http://[::1]:8080/", "::1", 8080),
        ] {
            let target = Target::of(url).unwrap();
            assert_eq!((target.host.as_str(), target.port), (host, port), "{url}");
        }
        for url in ["", "/x", "ftp://a.org/", "https://u:p@a.org/", "https:///x", "hooks.example.com"] {
            assert!(matches!(Target::of(url), Err(EgressError::Url(_))), "{url}");
        }
    }

    #[test]
    fn requests_stay_with_their_origin() {
        for (base, given, url) in [
            ("https://a.org", "/Users?startIndex=1", "https://a.org/Users?startIndex=1"),
            ("https://A.org:443/scim/v2", "/", "https://a.org/"),
            ("https://a.org", "https://a.org:443/x", "https://a.org/x"),
            ("https://a.org", "https://A.ORG", "https://a.org/"),
            ("https://a.org", "https://a.org?page=2", "https://a.org/?page=2"),
            ("https://a.org", "//b.org/x", "https://a.org//b.org/x"),
            ("https://a.org", "/@b.org/", "https://a.org/@b.org/"),
            ("http://[::1]:8080", "/x", "http://[::1]:8080/x"),
            ("http://[::1]:80", "http://[::1]/x", "http://[::1]/x"),
        ] {
            assert_eq!(Target::of(base).unwrap().url(given).unwrap(), url);
        }
        let origin = Target::of("https://a.org").unwrap();
        for given in [
            "http://a.org/x",
            "https://a.org:8443/x",
            "https://b.org/x",
            "https://a.org.b.org/x",
            "https://x.a.org/",
            "http://169.254.169.254/latest",
        ] {
            assert!(matches!(origin.url(given), Err(EgressError::OtherOrigin { .. })), "{given}");
        }
        for given in ["", "Users", "https://a.org@b.org/", "/a b", "/a\r\nx: y", "file:///etc/passwd"] {
            assert!(matches!(origin.url(given), Err(EgressError::Url(_))), "{given}");
        }
    }
}
