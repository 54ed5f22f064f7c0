//! The changes of a run: a page as JSON, or all of them as CSV.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Bytes;
use futures_util::stream::{self, Stream};
use muster_model::run::TaskKind;
use muster_store::{ChangeQuery, RunRecord};

use super::instance;
use crate::call::Call;
use crate::changes::{ChangeReader, Head};
use crate::error::ApiError;
use crate::query::ListFormat;
use crate::table::{self, Written};
use crate::view::ChangeStanding;

pub(super) async fn changes(kind: TaskKind, call: &Call) -> Result<HttpResponse, ApiError> {
    let run = instance(kind, call).await?;
    if call.store.changes_are_dropped(run.seq).await? {
        let kept = "they were kept as long as the server keeps changes";
        return Err(ApiError::NotFound(format!("list of changes of instance `{}` any more: {kept}", run.id)));
    }
    let (asked, query) = (&call.query, asked(call));
    let named = attachment(&run);
    let reader = ChangeReader::open(call.engine(), call.store.clone(), run).await?;
    let format = match table::written(&call.request) {
        Written::Csv => ListFormat::Csv,
        Written::Json => asked.format,
    };
    match format {
        ListFormat::Csv => Ok(HttpResponse::Ok()
            .content_type("text/csv; charset=utf-8")
            .insert_header((header::CONTENT_DISPOSITION, named))
            .streaming(all(call, reader, query))),
        ListFormat::Json => {
            let _turn = call.state.search(call.store.slug()).await?;
            let (views, next) = reader.page(&query, asked.standing).await?;
            let mut answer = HttpResponse::Ok();
            if let Some(next) = next {
                answer.insert_header((header::LINK, following(call.request.query_string(), next)));
            }
            Ok(answer.json(views))
        }
    }
}

fn asked(call: &Call) -> ChangeQuery {
    let query = &call.query;
    ChangeQuery {
        action: query.action,
        situation: query.situation,
        state: None,
        uid: query.uid.clone(),
        attribute: query.attribute.clone(),
        after: query.after_number.unwrap_or(0),
        limit: query.rows(),
    }
}

fn attachment(run: &RunRecord) -> String {
    format!("attachment; filename=\"changes-{}.csv\"", run.id)
}

/// A link to the same query after another change. It is relative: who asks knows where.
fn following(query: &str, next: u32) -> String {
    let is_after = |pair: &&str| pair.split('=').next() == Some("after");
    let kept = query.split('&').filter(|pair| !pair.is_empty() && !is_after(pair));
    let pairs: Vec<String> = kept.map(str::to_owned).chain([format!("after={next}")]).collect();
    format!("<?{}>; rel=\"next\"", pairs.join("&"))
}

/// All pages. One that fails ends the answer in the middle, so that it cannot be taken for whole.
fn all(
    call: &Call,
    reader: ChangeReader,
    query: ChangeQuery,
) -> impl Stream<Item = Result<Bytes, ApiError>> + use<> {
    struct Left {
        query: ChangeQuery,
        head: Head,
    }
    let (state, tenant) = (call.state.clone(), call.store.slug().clone());
    let standing: Option<ChangeStanding> = call.query.standing;
    let left = Some(Left { query, head: Head::Written });
    stream::try_unfold((left, reader), move |(left, reader)| {
        let (state, tenant) = (state.clone(), tenant.clone());
        async move {
            let Some(Left { query, head }) = left else { return Ok(None) };
            let (page, next) = {
                let _turn = state.search(&tenant).await?;
                reader.csv(&query, standing, head).await?
            };
            let following =
                next.map(|after| Left { query: ChangeQuery { after, ..query }, head: Head::LeftOut });
            Ok::<_, ApiError>(Some((Bytes::from(page), (following, reader))))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_asks_the_same() {
        for (query, expected) in [
            ("", "<?after=7>; rel=\"next\""),
            ("after=3", "<?after=7>; rel=\"next\""),
            ("action=CREATE&after=3&uid=a%26b", "<?action=CREATE&uid=a%26b&after=7>; rel=\"next\""),
        ] {
            assert_eq!(following(query, 7), expected);
        }
    }
}
