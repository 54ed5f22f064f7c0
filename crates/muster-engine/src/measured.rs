//! A connector whose calls are counted and timed. Changes nothing about them.

use std::sync::Arc;

use async_trait::async_trait;
use metrics::histogram;
use muster_connector::{
    Capabilities, Connector, ConnectorError, Entry, OfferedClass, Operation, RemoteClass, Snapshot, Step,
    Sweep, SweepRequest, WriteResult, Writer,
};
use tokio::time::Instant;

use crate::figures::CALL;

/// Whose calls they are.
#[derive(Debug)]
struct Caller {
    tenant: String,
    connector: &'static str,
}

impl Caller {
    async fn measure<T>(
        &self,
        call: &'static str,
        work: impl Future<Output = Result<T, ConnectorError>>,
    ) -> Result<T, ConnectorError> {
        let begun = Instant::now();
        let result = work.await;
        self.note(call, begun, result.is_ok());
        result
    }

    fn note(&self, call: &'static str, begun: Instant, went_well: bool) {
        let result = if went_well { "ok" } else { "failed" };
        let labels = [("connector", self.connector), ("call", call), ("result", result)]
            .map(|(name, value)| (name, value.to_owned()));
        let labels: Vec<_> = [("tenant", self.tenant.clone())].into_iter().chain(labels).collect();
        histogram!(CALL, &labels).record(begun.elapsed());
    }
}

struct Measured<T> {
    inner: T,
    caller: Arc<Caller>,
}

/// The connector of that type, measured as one of the tenant.
pub(crate) fn measured(
    inner: Box<dyn Connector>,
    tenant: String,
    connector: &'static str,
) -> Box<dyn Connector> {
    Box::new(Measured { inner, caller: Arc::new(Caller { tenant, connector }) })
}

#[async_trait]
impl Connector for Measured<Box<dyn Connector>> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn probe(&self, class: &RemoteClass) -> Result<(), ConnectorError> {
        self.caller.measure("probe", self.inner.probe(class)).await
    }

    async fn discover(&self, classes: &[RemoteClass]) -> Result<Vec<OfferedClass>, ConnectorError> {
        self.caller.measure("discover", self.inner.discover(classes)).await
    }

    async fn sweep(&self, request: SweepRequest) -> Result<Box<dyn Sweep>, ConnectorError> {
        let inner = self.caller.measure("sweep", self.inner.sweep(request)).await?;
        Ok(Box::new(Measured { inner, caller: Arc::clone(&self.caller) }))
    }

    async fn read(&self, class: &RemoteClass, uids: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        self.caller.measure("read", self.inner.read(class, uids)).await
    }

    async fn find(&self, class: &RemoteClass, names: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        self.caller.measure("find", self.inner.find(class, names)).await
    }

    async fn writer(&self, class: &RemoteClass) -> Result<Box<dyn Writer>, ConnectorError> {
        let inner = self.caller.measure("writer", self.inner.writer(class)).await?;
        Ok(Box::new(Measured { inner, caller: Arc::clone(&self.caller) }))
    }
}

#[async_trait]
impl Sweep for Measured<Box<dyn Sweep>> {
    fn snapshot(&self) -> Option<Snapshot> {
        self.inner.snapshot()
    }

    async fn next(&mut self) -> Result<Step, ConnectorError> {
        self.caller.measure("page", self.inner.next()).await
    }
}

#[async_trait]
impl Writer for Measured<Box<dyn Writer>> {
    async fn write(&mut self, operations: Vec<Operation>) -> Vec<WriteResult> {
        let begun = Instant::now();
        let outcomes = self.inner.write(operations).await;
        self.caller.note("write", begun, outcomes.iter().all(Result::is_ok));
        outcomes
    }

    async fn close(self: Box<Self>) -> Result<(), ConnectorError> {
        let Self { inner, caller } = *self;
        caller.measure("close", inner.close()).await
    }
}
