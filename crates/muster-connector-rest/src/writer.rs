//! Writes: batches in the order that they need, side by side where they do not concern each other.

mod compose;
mod members;
mod single;

use std::sync::Arc;

use async_trait::async_trait;
use muster_connector::{ConnectorError, Operation, WriteResult, Writer, rounds};
use muster_http::{Caller, side_by_side};

use crate::class::Layout;
use crate::reads::Reader;
use single::Single;

/// A session of writes to one class.
pub(crate) struct RestWriter {
    api: Arc<Caller>,
    layout: Layout,
    most: u64,
}

impl RestWriter {
    pub(crate) fn new(api: &Arc<Caller>, layout: Layout, most: u64) -> Self {
        Self { api: Arc::clone(api), layout, most }
    }
}

/// What became of an operation that nobody told anything of.
fn untold() -> WriteResult {
    let message = "nobody said what became of it; it is looked at again".to_owned();
    Err(ConnectorError::Transient { message, retry_after: None })
}

#[async_trait]
impl Writer for RestWriter {
    async fn write(&mut self, operations: Vec<Operation>) -> Vec<WriteResult> {
        let reader = Reader { api: &self.api, layout: &self.layout, most: self.most };
        let single = Single { reader };
        let mut outcomes: Vec<WriteResult> = operations.iter().map(|_| untold()).collect();
        for round in rounds(&operations, self.layout.naming.name.as_str()) {
            let made = side_by_side(round.clone(), |place| single.write(&operations[place])).await;
            for (place, outcome) in round.into_iter().zip(made) {
                outcomes[place] = outcome;
            }
        }
        outcomes
    }

    async fn close(self: Box<Self>) -> Result<(), ConnectorError> {
        Ok(())
    }
}
