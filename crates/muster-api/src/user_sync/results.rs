//! What became of the users of a sync, written page by page.

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use futures_util::stream::{self, Stream};
use muster_engine::UserResults;

use super::syncs::find;
use crate::call::Call;
use crate::error::ApiError;
use crate::query::Count;
use crate::view::UserResultView;

pub(super) async fn list(call: &Call) -> Result<HttpResponse, ApiError> {
    let sync = find(call).await?;
    if call.store.changes_are_dropped(sync.run.seq).await? {
        let kept = "they were kept as long as the server keeps changes";
        return Err(ApiError::NotFound(format!(
            "list of results of sync `{}` any more: {kept}",
            sync.number
        )));
    }
    let left = match call.query.count {
        Count::All => u64::MAX,
        Count::AtMost(count) => count.into(),
    };
    let results = UserResults::of(call.store.clone(), sync.run);
    let array = Array { results, left, written: Written::Nothing };
    Ok(HttpResponse::Ok().content_type("application/json").streaming(array.stream(call)))
}

/// A JSON array on its way. One page of it is in memory.
struct Array {
    results: UserResults,
    /// So many rows at the most.
    left: u64,
    written: Written,
}

/// How much of it has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Nothing,
    Rows,
    All,
}

impl Array {
    /// All of it. A page that fails ends the answer in the middle, so that it cannot be taken for whole.
    fn stream(self, call: &Call) -> impl Stream<Item = Result<Bytes, ApiError>> + use<> {
        let (state, tenant) = (call.state.clone(), call.store.slug().clone());
        stream::try_unfold(self, move |mut array| {
            let (state, tenant) = (state.clone(), tenant.clone());
            async move {
                if array.written == Written::All {
                    return Ok(None);
                }
                let _turn = state.search(&tenant).await?;
                Ok(Some((array.next().await?, array)))
            }
        })
    }

    async fn next(&mut self) -> Result<Bytes, ApiError> {
        let mut page = if self.left > 0 { self.results.next_page().await? } else { Vec::new() };
        page.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= page.len() as u64;
        let mut text = Vec::new();
        if self.written == Written::Nothing {
            text.push(b'[');
        }
        if page.is_empty() {
            text.push(b']');
            self.written = Written::All;
            return Ok(text.into());
        }
        for result in page {
            if self.written == Written::Rows {
                text.extend_from_slice(b",\n");
            }
            serde_json::to_writer(&mut text, &UserResultView::from(result)).map_err(ApiError::internal)?;
            self.written = Written::Rows;
        }
        Ok(text.into())
    }
}
