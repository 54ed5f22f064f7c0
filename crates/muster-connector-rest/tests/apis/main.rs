//! Connectors to JSON APIs: one that other people wrote, and one that answers whatever the test says.

#![allow(clippy::unwrap_used)]

mod access;
mod changes;
mod conformance;
mod fake;
mod lists;
mod pace;
mod stateful;
mod writes;

use muster_connector::{
    Connector, ConnectorError, ConnectorKind, Entry, FileRoots, Host, Operation, Properties, Reads,
    RemoteClass, Step, SweepEnd, SweepRequest, WriteResult,
};
use muster_connector_rest::RestKind;
use muster_egress::{Egress, Limits};

/// A kind that may call this machine.
pub(crate) fn kind() -> RestKind {
    RestKind::new(Egress::new(vec!["* 127.0.0.0/8:*".parse().unwrap()], Limits::default()))
}

pub(crate) fn host() -> Host {
    let files = FileRoots { own: std::env::temp_dir(), further: Vec::new() };
    Host::new("acme".parse().unwrap(), files)
}

pub(crate) fn properties(url: &str, description: &str, others: &[(&str, &str)]) -> Properties {
    let own = [("baseUrl", url), ("description", description)];
    own.iter().chain(others).map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

pub(crate) async fn open(url: &str, description: &str, others: &[(&str, &str)]) -> Box<dyn Connector> {
    let properties = properties(url, description, others);
    assert_eq!(kind().check(&properties), [], "the properties are sound");
    kind().open(&properties, &host()).await.unwrap()
}

pub(crate) async fn write(
    connector: &dyn Connector,
    class: &RemoteClass,
    operations: Vec<Operation>,
) -> Vec<WriteResult> {
    let mut writer = connector.writer(class).await.unwrap();
    let outcomes = writer.write(operations).await;
    writer.close().await.unwrap();
    outcomes
}

/// The class of people.
pub(crate) fn users() -> RemoteClass {
    RemoteClass::new("users", "id")
}

/// All entries of a sweep, and how it ended.
pub(crate) async fn sweep(
    connector: &dyn Connector,
    class: RemoteClass,
    page_size: usize,
) -> Result<(Vec<Entry>, SweepEnd), ConnectorError> {
    read(connector, class, page_size, Reads::All).await
}

pub(crate) async fn read(
    connector: &dyn Connector,
    class: RemoteClass,
    page_size: usize,
    reads: Reads,
) -> Result<(Vec<Entry>, SweepEnd), ConnectorError> {
    let request = SweepRequest { class, reads, page_size: page_size.into(), resume: None, last_count: None };
    let mut sweep = connector.sweep(request).await?;
    let mut entries = Vec::new();
    loop {
        match sweep.next().await? {
            Step::Page(page) => entries.extend(page.entries),
            Step::End(end) => return Ok((entries, end)),
        }
    }
}

/// The name of the class of an error.
pub(crate) fn class_of(error: &ConnectorError) -> &'static str {
    match error {
        ConnectorError::Transient { .. } => "Transient",
        ConnectorError::Rejected { .. } => "Rejected",
        ConnectorError::Conflict { .. } => "Conflict",
        ConnectorError::Missing { .. } => "Missing",
        ConnectorError::Outdated { .. } => "Outdated",
        ConnectorError::Unusable { .. } => "Unusable",
    }
}
