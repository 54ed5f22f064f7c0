//! One call, as a value.

use muster_egress::Method;

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    /// What is asked for.
    pub method: Method,
    /// Behind the base URL, as `/users?limit=1`.
    pub target: String,
    /// Whether the target is a path of the whole origin, or a whole URL, as links are.
    pub is_whole: bool,
    /// What is sent, and what it is.
    pub body: Option<(String, Vec<u8>)>,
    /// The version that the thing has to have.
    pub if_match: Option<String>,
}

impl Call {
    /// A call behind the base URL, without a body.
    #[must_use]
    pub fn new(method: Method, target: impl Into<String>) -> Self {
        Self { method, target: target.into(), is_whole: false, body: None, if_match: None }
    }
}

/// A text as a part of a query or path.
#[must_use]
pub fn encoded(text: &str) -> String {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~".contains(&octet);
    let spelled =
        |octet: u8| if is_plain(octet) { char::from(octet).to_string() } else { format!("%{octet:02X}") };
    text.bytes().map(spelled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_encoded_octet_by_octet() {
        assert_eq!(encoded("aZ0-._~"), "aZ0-._~");
        assert_eq!(encoded("a b&c=\"é\"/\0"), "a%20b%26c%3D%22%C3%A9%22%2F%00");
    }
}
