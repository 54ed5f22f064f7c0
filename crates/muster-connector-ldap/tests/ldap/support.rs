//! What the tests share: a way out to this machine, properties, people in LDIF, sweeps to their end.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use muster_connector::{
    Account, AttributeWrite, Connector, ConnectorError, ConnectorKind, Entry, FileRoots, Host, Operation,
    Properties, Reads, RemoteAttribute, RemoteClass, RemoteMembership, Step, SweepEnd, SweepRequest,
    TestedStep, WriteResult,
};
use muster_connector_ldap::LdapKind;
use muster_egress::{Egress, Limits};
use muster_model::{Field, TenantSlug, Value};
use muster_testkit::servers::slapd::{ADMIN, PASSWORD, SUFFIX, Slapd};

pub(crate) const PEOPLE: &str = "ou=people,dc=example,dc=org";
pub(crate) const GROUPS: &str = "ou=groups,dc=example,dc=org";
pub(crate) const NOBODY: &str = "cn=nobody,dc=example,dc=org";

pub(crate) fn kind() -> LdapKind {
    let rules = ["* 127.0.0.0/8:*"].map(|rule| rule.parse().unwrap());
    LdapKind::new(Egress::new(rules.to_vec(), Limits::default()))
}

pub(crate) fn host(limit: Duration) -> Host {
    let files = FileRoots { own: PathBuf::from("/nonexistent"), further: Vec::new() };
    Host { call_limit: limit, ..Host::new(TenantSlug::new("acme").unwrap(), files) }
}

pub(crate) fn with(properties: &Properties, more: &[(&str, &str)]) -> Properties {
    let mut properties = properties.clone();
    properties.extend(more.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
    properties
}

pub(crate) fn at_port(port: u16) -> Properties {
    let port = port.to_string();
    let usual = [("host", "127.0.0.1"), ("port", port.as_str()), ("security", "NONE"), ("baseDn", SUFFIX)];
    with(&Properties::new(), &usual)
}

/// Properties that let the administrator in.
pub(crate) fn properties(slapd: &Slapd) -> Properties {
    let usual = [
        ("bindDn", ADMIN),
        ("bindPassword", PASSWORD),
        ("container", PEOPLE),
        ("container.groupOfNames", GROUPS),
        ("placeholderMember", NOBODY),
    ];
    with(&at_port(slapd.port()), &usual)
}

pub(crate) async fn open(properties: &Properties) -> Result<Box<dyn Connector>, ConnectorError> {
    kind().open(properties, &host(Duration::from_secs(30))).await
}

/// The steps of a test.
pub(crate) async fn tested(properties: &Properties, classes: &[RemoteClass]) -> Vec<TestedStep> {
    muster_connector::tested(&kind(), properties, &host(Duration::from_secs(5)), classes).await
}

pub(crate) async fn opened(slapd: &Slapd, more: &[(&str, &str)]) -> Box<dyn Connector> {
    open(&with(&properties(slapd), more)).await.unwrap()
}

fn attribute(name: &str, multi_valued: bool) -> RemoteAttribute {
    RemoteAttribute { name: name.into(), multi_valued }
}

/// People by `entryUUID`, made under their `uid`.
pub(crate) fn people() -> RemoteClass {
    let singles =
        ["uid", "cn", "sn", "displayName", "employeeNumber", "dn"].map(|name| attribute(name, false));
    let several = ["description", "mail"].map(|name| attribute(name, true));
    RemoteClass {
        name_attribute: Some("uid".into()),
        attributes: singles.into_iter().chain(several).collect(),
        ..RemoteClass::new("inetOrgPerson", "entryUUID")
    }
}

/// The same by `uid`.
pub(crate) fn people_by_uid() -> RemoteClass {
    RemoteClass { uid_attribute: "uid".into(), name_attribute: None, ..people() }
}

pub(crate) fn membership(class: &str, member: &str) -> RemoteMembership {
    RemoteMembership {
        attribute: "groups".into(),
        remote_name: class.to_owned(),
        uid_attribute: "cn".into(),
        member_attribute: member.into(),
    }
}

/// The entries that hold others.
pub(crate) fn tops() -> String {
    format!(
        "dn: {PEOPLE}\nobjectClass: organizationalUnit\nou: people\n\ndn: {GROUPS}\nobjectClass: organizationalUnit\nou: groups\n\n\
         dn: {NOBODY}\nobjectClass: organizationalRole\ncn: nobody\n\n"
    )
}

/// So many people, `u0` and on, below [`PEOPLE`].
pub(crate) fn crowd(count: usize) -> String {
    let mut ldif = tops();
    for number in 0..count {
        let _ = write!(
            ldif,
            "dn: uid=u{number},{PEOPLE}\nobjectClass: inetOrgPerson\nuid: u{number}\ncn: Person {number}\nsn: {number}\n\
             displayName: text {number}\nmail: u{number}@example.org\n\n"
        );
    }
    ldif
}

pub(crate) fn request(class: RemoteClass, reads: Reads, page_size: usize) -> SweepRequest {
    SweepRequest { class, reads, page_size: page_size.into(), resume: None, last_count: None }
}

/// All entries of a sweep and its end.
pub(crate) async fn sweep(
    connector: &dyn Connector,
    request: SweepRequest,
) -> Result<(Vec<Entry>, SweepEnd), ConnectorError> {
    let mut sweep = connector.sweep(request).await?;
    let mut entries = Vec::new();
    loop {
        match sweep.next().await? {
            Step::Page(page) => entries.extend(page.entries),
            Step::End(end) => return Ok((entries, end)),
        }
    }
}

pub(crate) async fn all(connector: &dyn Connector, class: RemoteClass) -> Vec<Account> {
    let (entries, end) = sweep(connector, request(class, Reads::All, 1000)).await.unwrap();
    assert!(matches!(end, SweepEnd::Complete { .. }), "{end:?}");
    entries.into_iter().map(account).collect()
}

pub(crate) fn account(entry: Entry) -> Account {
    match entry {
        Entry::Account(account) => account,
        entry @ (Entry::Bad(_) | Entry::Gone(_)) => panic!("{entry:?}"),
    }
}

pub(crate) async fn one(connector: &dyn Connector, class: &RemoteClass, name: &str) -> Account {
    let found = connector.find(class, &[name.to_owned()]).await.unwrap();
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    account(found.into_iter().next().unwrap())
}

pub(crate) async fn write(
    connector: &dyn Connector,
    class: &RemoteClass,
    operations: Vec<Operation>,
) -> Vec<WriteResult> {
    let mut writer = connector.writer(class).await.unwrap();
    let results = writer.write(operations).await;
    writer.close().await.unwrap();
    results
}

pub(crate) fn create(uid: &str) -> Operation {
    let attributes = [("uid", uid), ("cn", "Person"), ("sn", "Person"), ("displayName", "text")];
    let attributes = attributes.map(|(name, text)| (name.into(), Field::text(text)));
    Operation::Create { uid: uid.to_owned(), attributes: attributes.to_vec(), enabled: true }
}

pub(crate) fn update(uid: &str, name: Option<&str>, writes: Vec<(&str, AttributeWrite)>) -> Operation {
    Operation::Update {
        uid: uid.to_owned(),
        name: name.map(str::to_owned),
        writes: writes.into_iter().map(|(name, write)| (name.into(), write)).collect(),
        enabled: None,
    }
}

pub(crate) fn replace(text: &str) -> AttributeWrite {
    AttributeWrite::Replace(Field::text(text))
}

pub(crate) fn values(add: &[&str], remove: &[&str]) -> AttributeWrite {
    let texts = |texts: &[&str]| texts.iter().copied().map(Value::from).collect();
    AttributeWrite::Values { add: texts(add), remove: texts(remove) }
}
