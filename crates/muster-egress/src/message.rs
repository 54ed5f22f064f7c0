//! Requests and their answers, as values. What a request says in its headers is never shown.

use std::fmt;

use ureq::http;

use crate::EgressError;

/// What is said by the client itself: how long a message is, and to whom it goes, is nobody else's to say.
const OWN_HEADERS: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether a header is the client's own, which no request may have.
#[must_use]
pub fn is_own_header(name: &str) -> bool {
    OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own))
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Create, or whatever else the server means by it.
    Post,
    /// Replace.
    Put,
    /// Change a part.
    Patch,
    /// Delete.
    Delete,
}

impl Method {
    /// As it is sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether a request without a body says that its body is empty.
    fn has_always_a_body(self) -> bool {
        match self {
            Self::Post | Self::Put | Self::Patch => true,
            Self::Get | Self::Delete => false,
        }
    }
}

/// One request to the origin of a client.
#[derive(Clone)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// A path with its query, as `/Users?startIndex=1`, or a whole URL, which has to be of the client's origin.
    pub target: String,
    /// Headers by name, besides those that every request has: `Host`, `Content-Length`, `User-Agent` and, where it is not
    /// given here, `Accept: */*`.
    pub headers: Vec<(String, String)>,
    /// The body, if it has one.
    pub body: Option<Vec<u8>>,
}

impl Request {
    /// A request without headers of its own, and without a body.
    #[must_use]
    pub fn new(method: Method, target: impl Into<String>) -> Self {
        Self { method, target: target.into(), headers: Vec::new(), body: None }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same with a body, and what it is, as `application/json`.
    #[must_use]
    pub fn with_body(self, content_type: &str, body: Vec<u8>) -> Self {
        Self { body: Some(body), ..self.with_header("Content-Type", content_type) }
    }

    /// As the library sends it.
    pub(crate) fn at(self, url: &str) -> Result<http::Request<Option<Vec<u8>>>, EgressError> {
        let mut request = http::Request::builder().method(self.method.as_str()).uri(url);
        for (name, value) in &self.headers {
            if is_own_header(name) {
                return Err(EgressError::Request(format!(
                    "has a header `{name}`, which is the client's own"
                )));
            }
            request = request.header(name, value);
        }
        let body = match self.body {
            None if self.method.has_always_a_body() => Some(Vec::new()),
            body => body,
        };
        // The text says what is wrong, and holds no value.
        request.body(body).map_err(|error| EgressError::Request(format!("cannot be sent: {error}")))
    }
}

/// Without the query and the values of headers, which hold what is nobody's business.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("target", &self.target.split('?').next())
            .field("headers", &names)
            .field("octets", &self.body.as_ref().map(Vec::len))
            .finish()
    }
}

/// What a server answered. Any status is an answer, a redirect as well.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body, empty where there is none.
    pub body: Vec<u8>,
}

impl Response {
    pub(crate) fn new(head: &http::response::Parts, body: Vec<u8>) -> Self {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
        Self { status: head.status.as_u16(), headers: headers.collect(), body }
    }

    /// The first value of a header, whatever the case of its name. What is not UTF-8 in it is replaced.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All headers, with their names in small letters.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether the status is one of 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Without the values of headers and body.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers().map(|(name, _)| name).collect();
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &names)
            .field("octets", &self.body.len())
            .finish()
    }
}
