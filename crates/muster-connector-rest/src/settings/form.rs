//! Reads what is more than a word or a number.

use muster_connector::properties::Form;

use crate::description::{Description, is_header_name};

/// A text that can stand in a header.
pub(super) fn header(form: &mut Form<'_>, name: &str) -> String {
    let text = form.filled(name).unwrap_or_default();
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        form.problem(name, "it holds a blank, a line break or a letter beyond ASCII; give the value alone");
    }
    text
}

/// The name of a header that is not ours to say.
pub(super) fn header_name(form: &mut Form<'_>, name: &str) -> String {
    let text = form.filled(name).unwrap_or_default();
    if !text.is_empty() && !is_header_name(&text) {
        form.problem(name, "it is no name of a header that can be given here, as `X-Api-Key`");
    }
    text
}

/// What an API looks like; each problem with its place.
pub(super) fn description(form: &mut Form<'_>, name: &str) -> Description {
    let Some(text) = form.filled(name) else {
        if form.given(name).is_none() {
            form.problem(name, "it is required; describe the API as JSON");
        }
        return Description::default();
    };
    let (description, problems) = Description::parse(&text);
    for problem in problems {
        form.problem(name, problem);
    }
    description
}

/// A required URL, without a `/` at its end.
pub(super) fn url(form: &mut Form<'_>, name: &str) -> Option<String> {
    let Some(url) = form.filled(name) else {
        if form.given(name).is_none() {
            form.problem(
                name,
                "it is required; give the address of the API, as `https://api.example.com/v1`",
            );
        }
        return None;
    };
    match wrong_url(&url) {
        None => Some(url.trim_end_matches('/').to_owned()),
        Some(problem) => {
            form.problem(name, problem);
            None
        }
    }
}

/// Certificates in PEM.
pub(super) fn roots(form: &mut Form<'_>, name: &str) -> Option<String> {
    let pem = form.filled(name)?;
    if let Err(error) = muster_egress::tls::client_config(Some(&pem)) {
        form.problem(name, error.to_string());
    }
    Some(pem)
}

/// What is wrong with a URL, never showing what it holds.
fn wrong_url(url: &str) -> Option<&'static str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else { return Some("it begins neither with `https://` nor with `http://`") };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || host.starts_with(':') {
        return Some("it names no host");
    }
    if host.contains('@') {
        return Some("it holds a user name or password; these have properties of their own");
    }
    if url.contains(['?', '#']) {
        return Some("it holds a query or fragment; leave that out");
    }
    if url.chars().any(|letter| letter.is_whitespace() || letter.is_control() || !letter.is_ascii()) {
        return Some("it holds a blank or a letter beyond ASCII; write it encoded");
    }
    None
}
