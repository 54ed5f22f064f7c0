//! Writes: batches in the order that they need, side by side where they do not concern each other, as one request where
//! the service takes several.

mod bulk;
mod compose;
mod groups;
mod single;

use std::sync::Arc;

use async_trait::async_trait;
use muster_connector::{ConnectorError, Operation, WriteResult, Writer, rounds};
use muster_http::side_by_side;

use crate::class::Layout;
use crate::provider::Provider;
use groups::Deltas;
use single::Single;

/// A session of writes to one class.
pub(crate) struct ScimWriter {
    service: Arc<Provider>,
    layout: Layout,
}

impl ScimWriter {
    pub(crate) fn new(service: Arc<Provider>, layout: Layout) -> Self {
        Self { service, layout }
    }

    /// Carries out operations that do not concern each other: accounts first, then whom groups hold.
    async fn round(&self, operations: &[&Operation]) -> Vec<WriteResult> {
        let single = Single { service: &self.service, layout: &self.layout };
        let mut outcomes: Vec<Option<WriteResult>> = vec![None; operations.len()];
        if self.service.has_bulk() && operations.len() > 1 {
            bulk::write(&single, operations, &mut outcomes).await;
        }
        single.refuse_taken(operations, &mut outcomes).await;
        let open: Vec<usize> = (0..operations.len()).filter(|place| outcomes[*place].is_none()).collect();
        let made = side_by_side(open.clone(), |place| single.write(operations[place])).await;
        for (place, outcome) in open.into_iter().zip(made) {
            outcomes[place] = Some(outcome);
        }
        let mut outcomes: Vec<WriteResult> =
            outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(untold)).collect();
        if self.layout.membership.is_some() {
            let deltas = Deltas::gather(&single, operations, &mut outcomes).await;
            deltas.write(&single, operations, &mut outcomes).await;
        }
        outcomes
    }
}

/// What became of an operation that nobody told anything of.
fn untold() -> WriteResult {
    let message = "the service did not say what became of it; it is looked at again".to_owned();
    Err(ConnectorError::Transient { message, retry_after: None })
}

#[async_trait]
impl Writer for ScimWriter {
    async fn write(&mut self, operations: Vec<Operation>) -> Vec<WriteResult> {
        let mut outcomes: Vec<WriteResult> = operations.iter().map(|_| untold()).collect();
        for round in rounds(&operations, self.layout.naming.name.as_str()) {
            let of_round: Vec<&Operation> = round.iter().map(|place| &operations[*place]).collect();
            for (place, outcome) in round.into_iter().zip(self.round(&of_round).await) {
                outcomes[place] = outcome;
            }
        }
        outcomes
    }

    async fn close(self: Box<Self>) -> Result<(), ConnectorError> {
        Ok(())
    }
}
