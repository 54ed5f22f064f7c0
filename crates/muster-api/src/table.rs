//! Lists as rows with a head, for whoever accepts `text/csv`.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use muster_engine::csv_octets;

use crate::error::ApiError;

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Json,
    Csv,
}

/// How the caller wants it.
pub(crate) fn written(request: &HttpRequest) -> Written {
    let accepted = request.headers().get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    let asks_for_csv = accepted.is_some_and(|accepted| {
        let first = accepted.split(',').map(|one| one.split(';').next().unwrap_or_default().trim());
        // Whoever takes anything takes JSON.
        first.take_while(|one| !one.eq_ignore_ascii_case("application/json")).any(|one| one == "text/csv")
    });
    if asks_for_csv { Written::Csv } else { Written::Json }
}

/// An answer of rows, which still lacks them.
pub(crate) fn csv() -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer.content_type("text/csv; charset=utf-8");
    answer
}

/// The names of columns as a row.
pub(crate) fn head(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A whole list as rows under a head.
pub(crate) fn answer(
    names: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<HttpResponse, ApiError> {
    let rows: Vec<_> = std::iter::once(head(names)).chain(rows).collect();
    Ok(csv().body(csv_octets(&rows).map_err(ApiError::internal)?))
}
