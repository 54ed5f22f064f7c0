//! Sessions of writes: each call is one transaction, in which refused operations are told apart from the others.

mod act;
mod batch;
mod told;

use std::sync::Arc;

use async_trait::async_trait;
use muster_connector::{ConnectorError, Operation, WriteResult, Writer, Written};

use crate::database::Database;
use crate::layout::Layout;

use act::{Act, Planned};

/// A session. It keeps nothing: each call counts when it is answered.
pub(crate) struct SqlWriter {
    pub(crate) database: Arc<Database>,
    pub(crate) layout: Arc<Layout>,
}

#[async_trait]
impl Writer for SqlWriter {
    async fn write(&mut self, operations: Vec<Operation>) -> Vec<WriteResult> {
        let mut outcomes: Vec<WriteResult> = Vec::with_capacity(operations.len());
        let (mut acts, mut places): (Vec<Act>, Vec<usize>) = (Vec::new(), Vec::new());
        for (place, operation) in operations.into_iter().enumerate() {
            outcomes.push(match Act::plan(&self.layout, &self.database.settings, operation) {
                Ok(Planned::Act(act)) => {
                    acts.push(act);
                    places.push(place);
                    Ok(Written::default())
                }
                Ok(Planned::Nothing) => Ok(Written::default()),
                Err(error) => Err(error),
            });
        }
        if acts.is_empty() {
            return outcomes;
        }
        let (acts, layout) = (&acts, &*self.layout);
        let written = self.database.writing(|mut link| async move {
            let written = batch::write(&mut link, layout, acts).await;
            (link, written)
        });
        match written.await {
            Ok(written) => {
                for (place, outcome) in places.into_iter().zip(written) {
                    outcomes[place] = outcome;
                }
            }
            Err(error) => places.into_iter().for_each(|place| outcomes[place] = Err(error.clone())),
        }
        outcomes
    }

    async fn close(self: Box<Self>) -> Result<(), ConnectorError> {
        Ok(())
    }
}
