//! Sessions of writes behind the contract. The work is done in blocking tasks; a session that is dropped before
//! its close leaves the file as it was.

mod compose;
mod key;
mod place;
mod rewrite;
mod session;
mod spool;

use std::sync::Arc;

use async_trait::async_trait;
use muster_connector::{ConnectorError, FileRoots, Operation, RemoteClass, WriteResult, Writer, Written};

use self::session::Session;
use crate::settings::Settings;
use crate::sweep::stopped;

/// A session of writes to one file.
pub(crate) struct CsvWriter {
    /// `None` when a write was dropped in its middle: nobody knows then what it promised.
    session: Option<Box<Session>>,
}

impl CsvWriter {
    /// Locks the file and reads through it once. Blocking.
    pub(crate) fn open(
        roots: &FileRoots,
        settings: &Arc<Settings>,
        class: &RemoteClass,
    ) -> Result<Self, ConnectorError> {
        let session = Session::open(roots, settings.clone(), class)?;
        Ok(Self { session: Some(Box::new(session)) })
    }
}

#[async_trait]
impl Writer for CsvWriter {
    async fn write(&mut self, operations: Vec<Operation>) -> Vec<WriteResult> {
        let count = operations.len();
        let Some(mut session) = self.session.take() else { return vec![Err(stopped()); count] };
        let work = tokio::task::spawn_blocking(move || {
            let admitted = |operation| session.admit(operation).map(|()| Written::default());
            let outcomes = operations.into_iter().map(admitted).collect();
            (session, outcomes)
        });
        match work.await {
            Ok((session, outcomes)) => {
                self.session = Some(session);
                outcomes
            }
            Err(_) => vec![Err(stopped()); count],
        }
    }

    async fn close(self: Box<Self>) -> Result<(), ConnectorError> {
        let Some(session) = self.session else { return Err(stopped()) };
        tokio::task::spawn_blocking(move || session.close()).await.map_err(|_| stopped())?
    }
}
