//! The failed entries of a run: listed one by one or by their causes, as JSON or CSV, and tried again.

use std::collections::BTreeMap;
use std::io;

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use futures_util::stream;
use muster_engine::{MOST_RETRIED, RetryError, csv_octets};
use muster_model::configuration::Problems;
use muster_model::run::TaskKind;
use muster_store::{Failures, RunRecord, TenantStore};
use serde_json::Value;

use super::instance;
use super::launch::{Asked, refusal};
use crate::call::Call;
use crate::error::ApiError;
use crate::fields::{Fields, Form};
use crate::query::{Grouping, MOST_ROWS};
use crate::table::{self, Written, csv, head, written};
use crate::view::{CauseView, FailureView};

/// Says how many of the entries that were to be tried again cannot be asked for by a key.
pub const LEFT_OUT: &str = "Muster-Left-Out";

const FORM: Form = Form {
    such_as: Some(r#"{"all": true}"#),
    fields: &["entries", "cause", "all"],
    known: "known are `entries`, `cause`, `all`",
};

pub(super) async fn list(kind: TaskKind, call: Call) -> Result<HttpResponse, ApiError> {
    let run = instance(kind, &call).await?;
    let which = call.query.cause.clone().map_or(Failures::All, Failures::OfCause);
    match (call.query.grouping, written(&call.request)) {
        (Grouping::None, Written::Json) => {
            let at = (call.query.after_failure.unwrap_or(i64::MIN), call.query.rows());
            let failures = call.store.failures(&run, &which, at).await?;
            let views: Vec<FailureView> = failures.iter().map(Into::into).collect();
            Ok(HttpResponse::Ok().json(views))
        }
        (Grouping::None, Written::Csv) => {
            let left = call.query.limit;
            let after = call.query.after_failure.unwrap_or(i64::MIN);
            let list = List { store: call.store, run, which, after, left, begun: false };
            Ok(csv().streaming(stream::unfold(Some(list), List::next)))
        }
        (Grouping::Cause, written) => {
            if call.query.after_failure.is_some() {
                let message =
                    "cannot be used with `groupBy`; causes come in one answer, those of most entries first";
                return Err(ApiError::invalid("?after", message));
            }
            let causes = call.store.failure_causes(&run, &which, call.query.rows()).await?;
            let views = causes.iter().map(CauseView::from);
            match written {
                Written::Json => Ok(HttpResponse::Ok().json(views.collect::<Vec<_>>())),
                Written::Csv => table::answer(&CauseView::HEAD, views.map(CauseView::cells)),
            }
        }
    }
}

/// What is left of a list that is written page by page.
struct List {
    store: TenantStore,
    run: RunRecord,
    which: Failures,
    after: i64,
    /// So many rows at the most; `None` for all.
    left: Option<u32>,
    begun: bool,
}

impl List {
    /// The next page, and what is left after it.
    async fn next(list: Option<Self>) -> Option<(io::Result<Bytes>, Option<Self>)> {
        let mut list = list?;
        let rows = list.left.unwrap_or(MOST_ROWS).min(MOST_ROWS);
        let page = list.store.failures(&list.run, &list.which, (list.after, rows)).await;
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(run = %list.run.id, %error, "cannot read on in a list of failed entries");
                // Breaks the connection: a list that is cut off must not look like a whole one.
                return Some((Err(io::Error::other("the list could not be read to its end")), None));
            }
        };
        let cells = page.iter().map(|failure| FailureView::from(failure).cells());
        let first = (!list.begun).then(|| head(&FailureView::HEAD));
        let lines: Vec<Vec<String>> = first.into_iter().chain(cells).collect();
        list.begun = true;
        let taken = u32::try_from(page.len()).unwrap_or(rows);
        list.left = list.left.map(|left| left.saturating_sub(taken));
        list.after = page.last().map_or(list.after, |last| last.entry);
        let is_last = taken < rows || list.left == Some(0);
        let octets = Bytes::from(csv_octets(&lines).unwrap_or_default());
        Some((Ok(octets), (!is_last).then_some(list)))
    }
}

pub(super) async fn retry(kind: TaskKind, mut call: Call) -> Result<HttpResponse, ApiError> {
    let run = instance(kind, &call).await?;
    let which = read(&call.json().await?).map_err(ApiError::Invalid)?;
    match call.engine().retry(&call.store, &run, &which).await {
        Ok(retried) => {
            call.note(format_args!(
                "failed entries of run {} are tried again by run {}",
                run.id, retried.run.id
            ));
            let mut answer = HttpResponse::Ok();
            if retried.left_out > 0 {
                answer.insert_header((LEFT_OUT, retried.left_out.to_string()));
            }
            Ok(answer.content_type("text/plain; charset=utf-8").body(retried.run.id.to_string()))
        }
        Err(RetryError::Launch(error)) => {
            let asked = Asked { kind, task: run.task, places: BTreeMap::new() };
            Err(refusal(&asked, &call, error).await)
        }
        Err(RetryError::Store(error)) => Err(error.into()),
        Err(error @ (RetryError::Nothing | RetryError::NoKey(_))) => {
            let fix = "get the failures of the instance to see which there are; what is not `retriable` is tried \
                again by the next run over all accounts";
            Err(ApiError::conflict(error.to_string(), fix))
        }
        Err(error @ (RetryError::Unknown(_) | RetryError::Keyless(_))) => {
            Err(ApiError::invalid("/entries", error.to_string()))
        }
        Err(RetryError::TooMany) => {
            let message = format!(
                "more than {MOST_RETRIED} keys are meant; name fewer `entries` or one `cause`, or launch the task: a \
                 run over all accounts tries them all"
            );
            Err(ApiError::invalid("", message))
        }
    }
}

/// What the body of a retry means.
fn read(body: &Value) -> Result<Failures, Problems> {
    let mut fields = Fields::of(body, &FORM)?;
    let given = FORM.fields.iter().filter(|name| fields.field(name).is_some()).count();
    if given != 1 {
        fields.problems().add("", "says none or several of `entries`, `cause`, `all`; say exactly one");
    }
    let entries = fields.field("entries").map(|entries| entries.as_array().map(Vec::as_slice));
    let numbers = entries.and_then(|entries| {
        let numbers = entries.unwrap_or_default().iter().map(Value::as_i64).collect::<Option<Vec<_>>>();
        let numbers = numbers.filter(|numbers| !numbers.is_empty());
        if numbers.is_none() {
            fields
                .problem("entries", "is no list of one or more numbers of entries, as `failures` shows them");
        }
        numbers
    });
    let cause = fields.text("cause").map(str::to_owned);
    if cause.as_deref().is_some_and(|cause| cause.is_empty() || cause.contains(crate::query::NUL)) {
        fields.problem("cause", "is no cause, as `failures?groupBy=cause` shows them");
    }
    let all = fields.field("all").map(|all| all == &Value::Bool(true));
    if all == Some(false) {
        fields.problem("all", "can only be true");
    }
    let which = numbers.map(Failures::Entries).or(cause.map(Failures::OfCause));
    fields.read(which.or(all.map(|_| Failures::All)))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_retry_means_one_thing() {
        assert_eq!(read(&json!({"all": true})), Ok(Failures::All));
        assert_eq!(read(&json!({"cause": "MUS-1"})), Ok(Failures::OfCause("MUS-1".to_owned())));
        assert_eq!(read(&json!({"entries": [1, 7], "cause": null})), Ok(Failures::Entries(vec![1, 7])));
        for (body, places) in [
            (json!([]), vec![""]),
            (json!({}), vec![""]),
            (json!({"all": true, "cause": "x"}), vec![""]),
            (json!({"all": false}), vec!["/all"]),
            (json!({"all": "yes"}), vec!["/all"]),
            (json!({"cause": ""}), vec!["/cause"]),
            (json!({"cause": "\u{0}"}), vec!["/cause"]),
            (json!({"cause": 7}), vec!["/cause"]),
            (json!({"entries": []}), vec!["/entries"]),
            (json!({"entries": ["1"]}), vec!["/entries"]),
            (json!({"entries": 1}), vec!["/entries"]),
            (json!({"keys": ["1"]}), vec!["", "/keys"]),
        ] {
            let problems = read(&body).unwrap_err();
            let found: Vec<_> = problems.iter().map(|(place, _)| place.to_owned()).collect();
            assert_eq!(found, places, "{body}");
        }
    }

    #[test]
    fn csv_is_for_whoever_asks_for_it_first() {
        for (accepted, expected) in [
            (None, Written::Json),
            (Some("*/*"), Written::Json),
            (Some("application/json"), Written::Json),
            (Some("text/csv"), Written::Csv),
            (Some("text/csv;q=0.9, application/json"), Written::Csv),
            (Some("application/json, text/csv"), Written::Json),
        ] {
            let mut request = TestRequest::default();
            if let Some(accepted) = accepted {
                request = request.insert_header((actix_web::http::header::ACCEPT, accepted));
            }
            assert_eq!(written(&request.to_http_request()), expected, "{accepted:?}");
        }
    }
}
