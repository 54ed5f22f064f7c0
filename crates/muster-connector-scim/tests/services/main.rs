//! The SCIM connector against services that others wrote, and against some that keep to no standard.

#![allow(clippy::unwrap_used)]

mod conformance;
mod fake;
mod groups;
mod lists;
mod manners;
mod pace;
mod writing;

use std::collections::BTreeMap;

use muster_connector::{
    AttributeWrite, Connector, ConnectorError, ConnectorKind, Entry, FileRoots, Host, Operation, Properties,
    Reads, RemoteAttribute, RemoteClass, Step, SweepEnd, SweepRequest, WriteResult, Written,
};
use muster_connector_scim::ScimKind;
use muster_egress::{Egress, Limits};
use muster_model::{Field, TenantSlug};

/// All of this machine may be called.
fn kind() -> ScimKind {
    ScimKind::new(Egress::new(vec!["acme 127.0.0.0/8:*".parse().unwrap()], Limits::default()))
}

fn host() -> Host {
    let files = FileRoots { own: "/nowhere".into(), further: Vec::new() };
    // Long enough for a machine that has much else to do.
    Host {
        call_limit: std::time::Duration::from_secs(120),
        ..Host::new(TenantSlug::new("acme").unwrap(), files)
    }
}

fn properties(url: &str, others: &[(&str, &str)]) -> Properties {
    let usual = [("baseUrl", url), ("token", "t")].into_iter().filter(|(name, _)| {
        // A test may have other credentials.
        *name != "token" || others.iter().all(|(other, _)| *other != "authentication")
    });
    let all: BTreeMap<&str, &str> = usual.chain(others.iter().copied()).collect();
    all.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

async fn try_open(url: &str, others: &[(&str, &str)]) -> Result<Box<dyn Connector>, ConnectorError> {
    kind().open(&properties(url, others), &host()).await
}

async fn open(url: &str, others: &[(&str, &str)]) -> Box<dyn Connector> {
    try_open(url, others).await.unwrap()
}

/// People with these attributes, by `userName`.
fn users(attributes: &[(&str, bool)]) -> RemoteClass {
    let attributes = attributes
        .iter()
        .map(|(name, multi_valued)| RemoteAttribute { name: (*name).into(), multi_valued: *multi_valued });
    RemoteClass {
        name_attribute: Some("userName".into()),
        attributes: attributes.collect(),
        ..RemoteClass::new("User", "id")
    }
}

/// All that a sweep gave, and how it ended.
async fn sweep(
    connector: &dyn Connector,
    class: RemoteClass,
) -> Result<(Vec<Entry>, SweepEnd), ConnectorError> {
    let request =
        SweepRequest { class, reads: Reads::All, page_size: 3.into(), resume: None, last_count: None };
    let mut sweep = connector.sweep(request).await?;
    let mut entries = Vec::new();
    loop {
        match sweep.next().await? {
            Step::Page(page) => {
                assert!(page.entries.len() <= 3, "a page holds at most what was asked for");
                entries.extend(page.entries);
            }
            Step::End(end) => return Ok((entries, end)),
        }
    }
}

async fn write(
    connector: &dyn Connector,
    class: &RemoteClass,
    operations: Vec<Operation>,
) -> Vec<WriteResult> {
    let mut writer = connector.writer(class).await.unwrap();
    let count = operations.len();
    let outcomes = writer.write(operations).await;
    assert_eq!(outcomes.len(), count);
    writer.close().await.unwrap();
    outcomes
}

fn create(name: &str, attributes: &[(&str, &str)]) -> Operation {
    let all = [("userName", name)].into_iter().chain(attributes.iter().copied());
    Operation::Create {
        uid: name.to_owned(),
        attributes: all.map(|(name, text)| (name.into(), Field::text(text))).collect(),
        enabled: true,
    }
}

fn update(uid: &str, writes: Vec<(&str, AttributeWrite)>) -> Operation {
    Operation::Update {
        uid: uid.to_owned(),
        name: None,
        writes: writes.into_iter().map(|(name, write)| (name.into(), write)).collect(),
        enabled: None,
    }
}

fn text(text: &str) -> AttributeWrite {
    AttributeWrite::Replace(Field::text(text))
}

fn delete(uid: &str) -> Operation {
    Operation::Delete { uid: uid.to_owned(), name: None }
}

/// What became of a write that is no create.
const DONE: WriteResult = Ok(Written { given_uid: None });

fn class_of(error: &ConnectorError) -> &'static str {
    match error {
        ConnectorError::Transient { .. } => "Transient",
        ConnectorError::Rejected { .. } => "Rejected",
        ConnectorError::Conflict { .. } => "Conflict",
        ConnectorError::Missing { .. } => "Missing",
        ConnectorError::Outdated { .. } => "Outdated",
        ConnectorError::Unusable { .. } => "Unusable",
    }
}
