//! Several calls under way at once, a few of many.

use futures_util::future::join_all;
use tokio::sync::Semaphore;

/// So many calls are under way at once.
const SIDE_BY_SIDE: usize = 32;

/// Does something for each, some side by side, and gives what came of it in their order.
pub async fn side_by_side<I, T, F: Future<Output = T>>(
    each: impl IntoIterator<Item = I>,
    act: impl Fn(I) -> F,
) -> Vec<T> {
    let turns = Semaphore::new(SIDE_BY_SIDE);
    let acts = each.into_iter().map(|one| {
        let (act, turns) = (act(one), &turns);
        async move {
            // Nobody closes it.
            let _turn = turns.acquire().await;
            act.await
        }
    });
    join_all(acts).await
}
