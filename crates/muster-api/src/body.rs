//! Bodies: read within their limits, as what they say they are.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt as _;
use serde::de::DeserializeSeed as _;
use serde_json::Value;

use crate::error::ApiError;
use crate::members::Unambiguous;
use crate::patch::{JSON_PATCH, MERGE_PATCH, Patch};
use crate::state::ApiSettings;

/// What is read of a body that is too large before the answer, so that the caller gets to see the answer.
const COURTESY: u64 = 4 * 1024 * 1024;

/// A JSON body of so many octets at the most.
pub(crate) async fn json(
    request: &HttpRequest,
    payload: &mut Payload,
    (limit, patience): (u64, Duration),
) -> Result<Value, ApiError> {
    refuse_encoded(request)?;
    refuse_other_than_json(request)?;
    parse(&read(request, payload, limit, patience).await?)
}

/// An XML body of so many octets at the most. That it is XML is for its reader to say.
pub(crate) async fn xml(
    request: &HttpRequest,
    payload: &mut Payload,
    (limit, patience): (u64, Duration),
) -> Result<Vec<u8>, ApiError> {
    refuse_encoded(request)?;
    refuse_other_than_xml(request)?;
    Ok(read(request, payload, limit, patience).await?.into())
}

/// A patch of either type.
pub(crate) async fn patch(
    request: &HttpRequest,
    payload: &mut Payload,
    settings: &ApiSettings,
) -> Result<Patch, ApiError> {
    refuse_encoded(request)?;
    let expected = "`application/merge-patch+json` or `application/json-patch+json`";
    let found = refuse_other_than(request, &[MERGE_PATCH, JSON_PATCH], expected)?;
    let body = parse(&read(request, payload, settings.json_limit, settings.patience).await?)?;
    if found == MERGE_PATCH { Ok(Patch::Merge(body)) } else { Patch::operations(body) }
}

/// A JSON body that may be left out; an empty one may be of any type.
pub(crate) async fn optional_json(
    request: &HttpRequest,
    payload: &mut Payload,
    settings: &ApiSettings,
) -> Result<Option<Value>, ApiError> {
    let body = read(request, payload, settings.json_limit, settings.patience).await?;
    if body.is_empty() {
        return Ok(None);
    }
    refuse_encoded(request)?;
    refuse_other_than_json(request)?;
    parse(&body).map(Some)
}

/// A body that may be of two types.
pub(crate) enum Spoken {
    /// A text.
    Text(String),
    /// JSON.
    Json(Value),
}

/// A body of JSON, or a text of UTF-8.
pub(crate) async fn text_or_json(
    request: &HttpRequest,
    payload: &mut Payload,
    settings: &ApiSettings,
) -> Result<Spoken, ApiError> {
    refuse_encoded(request)?;
    let expected = "`text/plain` or `application/json`";
    let found = refuse_other_than(request, &["text/plain", "application/json"], expected)?;
    let body = read(request, payload, settings.json_limit, settings.patience).await?;
    if found == "application/json" {
        return parse(&body).map(Spoken::Json);
    }
    let text = String::from_utf8(body.to_vec());
    text.map(Spoken::Text).map_err(|_| ApiError::invalid("", "the body is no text of UTF-8"))
}

/// The next part of a body; the end where there is none.
pub(crate) async fn part(payload: &mut Payload, patience: Duration) -> Result<Option<Bytes>, ApiError> {
    match tokio::time::timeout(patience, payload.next()).await {
        Err(_) => Err(ApiError::TooSlow),
        Ok(None) => Ok(None),
        Ok(Some(Ok(part))) => Ok(Some(part)),
        Ok(Some(Err(error))) => Err(ApiError::Interrupted(error.to_string())),
    }
}

/// The length that the request announces.
pub(crate) fn announced_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Refuses a body that is packed: what is limited is what it unpacks to.
pub(crate) fn refuse_encoded(request: &HttpRequest) -> Result<(), ApiError> {
    let Some(encoding) = request.headers().get(header::CONTENT_ENCODING) else { return Ok(()) };
    let encoding = String::from_utf8_lossy(encoding.as_bytes()).into_owned();
    if encoding.eq_ignore_ascii_case("identity") {
        return Ok(());
    }
    Err(ApiError::MediaType { found: format!("packed as `{encoding}`"), expected: "an unpacked body" })
}

fn refuse_other_than_json(request: &HttpRequest) -> Result<(), ApiError> {
    refuse_other_than(request, &["application/json"], "`application/json`").map(drop)
}

/// Which of these types the body is.
fn refuse_other_than(
    request: &HttpRequest,
    types: &[&'static str],
    expected: &'static str,
) -> Result<&'static str, ApiError> {
    let found = content_type(request, expected)?;
    let essence = found.split(';').next().unwrap_or_default().trim();
    let known = types.iter().find(|known| essence.eq_ignore_ascii_case(known));
    known.copied().ok_or_else(|| ApiError::MediaType { found: format!("`{found}`"), expected })
}

/// RFC 7303: the character set that the header names counts more than what the text says of itself.
fn refuse_other_than_xml(request: &HttpRequest) -> Result<(), ApiError> {
    let expected = "`application/xml` or `text/xml` in UTF-8";
    let found = content_type(request, expected)?;
    let mut parts = found.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_xml = ["application/xml", "text/xml"].iter().any(|known| essence.eq_ignore_ascii_case(known));
    let is_utf_8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some(_) | None => true,
    });
    if is_xml && is_utf_8 {
        Ok(())
    } else {
        Err(ApiError::MediaType { found: format!("`{found}`"), expected })
    }
}

fn content_type(request: &HttpRequest, expected: &'static str) -> Result<String, ApiError> {
    match request.headers().get(header::CONTENT_TYPE) {
        Some(found) => Ok(String::from_utf8_lossy(found.as_bytes()).into_owned()),
        None => Err(ApiError::MediaType { found: "of no type".to_owned(), expected }),
    }
}

async fn read(
    request: &HttpRequest,
    payload: &mut Payload,
    limit: u64,
    patience: Duration,
) -> Result<BytesMut, ApiError> {
    let announced = announced_length(request).unwrap_or(0);
    if announced > limit + COURTESY {
        return Err(ApiError::TooLarge(limit));
    }
    let whole = async {
        // Made at once, or a large body would be held twice while it grows.
        let capacity = usize::try_from(announced.min(limit)).unwrap_or_default();
        let mut body = BytesMut::with_capacity(capacity);
        let mut length = 0;
        while let Some(part) = part(payload, patience).await? {
            length += part.len() as u64;
            if length.max(announced) <= limit {
                body.extend_from_slice(&part);
            } else if length > limit + COURTESY {
                break;
            }
        }
        if length.max(announced) > limit { Err(ApiError::TooLarge(limit)) } else { Ok(body) }
    };
    tokio::time::timeout(patience, whole).await.map_err(|_| ApiError::TooSlow)?
}

fn parse(body: &[u8]) -> Result<Value, ApiError> {
    let refused = |error: serde_json::Error| {
        let text = error.to_string();
        // The place stands in the properties already.
        let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message).to_owned();
        ApiError::NoJson { line: error.line(), column: error.column(), message }
    };
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = Unambiguous.deserialize(&mut reader).map_err(refused)?;
    reader.end().map_err(refused)?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_json_is_told_with_its_place() {
        for (body, expected) in [
            ("{\"a\": 1,\n \"b\" 2}", (2, 6, "expected `:`")),
            ("", (1, 0, "EOF while parsing a value")),
            ("{} x", (1, 4, "trailing characters")),
            ("{\"id\": \"x\",\n \"id\": \"y\"}", (2, 5, "the member `id` stands there already")),
            ("[{\"a\": [{\"b\": 1, \"\\u0062\": 1}]}]", (1, 25, "the member `b` stands there already")),
            (
                "{\" at line 7\": 1, \" at line 7\": 1}",
                (1, 30, "the member ` at line 7` stands there already"),
            ),
        ] {
            let Err(ApiError::NoJson { line, column, message }) = parse(body.as_bytes()) else {
                panic!("{body} is accepted");
            };
            assert_eq!((line, column, message.as_str()), expected, "{body}");
        }
        let whole = r#"{"a": [1, -2, 18446744073709551615, 0.5, 1e300, true, null, "é"], "b": {"a": {}}}"#;
        assert_eq!(parse(whole.as_bytes()).unwrap(), serde_json::from_str::<Value>(whole).unwrap());
        let deep = "[".repeat(10_000);
        assert!(parse(deep.as_bytes()).is_err());
        assert!(parse(b"\"\xff\"").is_err());
    }
}
