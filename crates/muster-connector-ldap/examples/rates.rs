//! Our rates beside those of a bare client on the same server: 100,000 entries read, and accounts added. Run it with
//! `cargo run --release -p muster-connector-ldap --example rates`; the floor uses none of our logic.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use futures_util::{StreamExt, stream};
use ldap3::adapters::{Adapter, EntriesOnly, PagedResults};
use ldap3::{LdapConnAsync, Scope, SearchEntry};
use muster_connector::{
    Connector, ConnectorKind, FileRoots, Host, Operation, Properties, Reads, RemoteAttribute, RemoteClass,
    Step, SweepRequest,
};
use muster_connector_ldap::LdapKind;
use muster_egress::{Egress, Limits};
use muster_model::{Field, TenantSlug};
use muster_testkit::servers::slapd::{ADMIN, PASSWORD, SUFFIX, Slapd, SlapdSettings};

const READ: usize = 100_000;
const ADDED: usize = 20_000;
const ROUNDS: usize = 3;
const ATTRIBUTES: [&str; 8] =
    ["uid", "cn", "sn", "displayName", "mail", "employeeNumber", "telephoneNumber", "description"];

#[tokio::main]
async fn main() {
    let below = PathBuf::from("/dev/shm");
    let settings = || SlapdSettings { no_sync: true, below: Some(below.clone()), ..SlapdSettings::default() };
    let slapd = Slapd::start(&settings(), &crowd(READ));
    for round in 1..=ROUNDS {
        let (floor, ours) = (bare_read(&slapd).await, our_read(&slapd).await);
        println!("read {round}: floor {floor:.0}/s, ours {ours:.0}/s, {:.0} %", ours / floor * 100.0);
    }
    for round in 1..=ROUNDS {
        // Each adds to a server of its own: a tree that grows takes longer.
        let floor = bare_add(&Slapd::start(&settings(), "")).await;
        let ours = our_add(&Slapd::start(&settings(), "")).await;
        println!("add {round}: floor {floor:.0}/s, ours {ours:.0}/s, {:.0} %", ours / floor * 100.0);
    }
}

fn crowd(count: usize) -> String {
    let mut ldif = String::new();
    for number in 0..count {
        let _ = write!(ldif, "dn: uid=u{number},{SUFFIX}\nobjectClass: inetOrgPerson\n");
        for (name, value) in ATTRIBUTES.iter().zip(person(number)) {
            let _ = writeln!(ldif, "{name}: {value}");
        }
        ldif.push('\n');
    }
    ldif
}

fn person(number: usize) -> [String; 8] {
    [
        format!("u{number}"),
        format!("Person {number}"),
        format!("Name {number}"),
        format!("Person Number {number}"),
        format!("u{number}@example.org"),
        number.to_string(),
        format!("+49 30 {number}"),
        format!("somebody who is number {number}"),
    ]
}

fn rate(count: usize, begun: Instant) -> f64 {
    count as f64 / begun.elapsed().as_secs_f64()
}

async fn bare(slapd: &Slapd) -> ldap3::Ldap {
    let (connection, mut ldap) =
        LdapConnAsync::new(&format!("ldap://127.0.0.1:{}", slapd.port())).await.unwrap();
    tokio::spawn(async move { connection.drive().await });
    ldap.simple_bind(ADMIN, PASSWORD).await.unwrap().success().unwrap();
    ldap
}

async fn bare_read(slapd: &Slapd) -> f64 {
    let mut ldap = bare(slapd).await;
    let begun = Instant::now();
    let adapters: Vec<Box<dyn Adapter<_, _>>> =
        vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(1000))];
    let mut attributes = ATTRIBUTES.to_vec();
    attributes.push("entryUUID");
    let search = ldap.streaming_search_with(
        adapters,
        SUFFIX,
        Scope::Subtree,
        "(objectClass=inetOrgPerson)",
        attributes,
    );
    let mut search = search.await.unwrap();
    let mut count = 0;
    while let Some(entry) = search.next().await.unwrap() {
        count += usize::from(!SearchEntry::construct(entry).attrs.is_empty());
    }
    assert_eq!(count, READ);
    rate(count, begun)
}

async fn bare_add(slapd: &Slapd) -> f64 {
    let ldap = bare(slapd).await;
    let begun = Instant::now();
    let each = (0..ADDED).map(|number| {
        let mut ldap = ldap.clone();
        async move {
            let mut attributes =
                vec![("objectClass".to_owned(), HashSet::from(["inetOrgPerson".to_owned()]))];
            for (name, value) in ATTRIBUTES.iter().zip(person(number)) {
                attributes.push(((*name).to_owned(), HashSet::from([value])));
            }
            ldap.add(&format!("uid=u{number},{SUFFIX}"), attributes).await.unwrap().success().unwrap();
        }
    });
    stream::iter(each).buffer_unordered(64).count().await;
    rate(ADDED, begun)
}

async fn opened(slapd: &Slapd) -> Box<dyn Connector> {
    let port = slapd.port().to_string();
    let properties: Properties = [
        ("host", "127.0.0.1"),
        ("port", port.as_str()),
        ("security", "NONE"),
        ("baseDn", SUFFIX),
        ("bindDn", ADMIN),
        ("bindPassword", PASSWORD),
        ("changes", "NONE"),
    ]
    .into_iter()
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .collect();
    let egress = Egress::new(vec!["* 127.0.0.0/8:*".parse().unwrap()], Limits::default());
    let files = FileRoots { own: PathBuf::from("/nonexistent"), further: Vec::new() };
    let host = Host::new(TenantSlug::new("acme").unwrap(), files);
    LdapKind::new(egress).open(&properties, &host).await.unwrap()
}

fn class() -> RemoteClass {
    let attribute = |name: &&str| RemoteAttribute { name: (*name).into(), multi_valued: false };
    RemoteClass {
        name_attribute: Some("uid".into()),
        attributes: ATTRIBUTES.iter().map(attribute).collect(),
        ..RemoteClass::new("inetOrgPerson", "entryUUID")
    }
}

async fn our_read(slapd: &Slapd) -> f64 {
    let connector = opened(slapd).await;
    let begun = Instant::now();
    let (class, reads) = (class(), Reads::All);
    let request = SweepRequest { class, reads, page_size: 1000.into(), resume: None, last_count: None };
    let mut sweep = connector.sweep(request).await.unwrap();
    let mut count = 0;
    while let Step::Page(page) = sweep.next().await.unwrap() {
        count += page.entries.len();
    }
    assert_eq!(count, READ);
    rate(count, begun)
}

async fn our_add(slapd: &Slapd) -> f64 {
    let connector = opened(slapd).await;
    let make = |number: usize| Operation::Create {
        uid: format!("u{number}"),
        attributes: ATTRIBUTES
            .iter()
            .zip(person(number))
            .map(|(name, value)| ((*name).into(), Field::text(value)))
            .collect(),
        enabled: true,
    };
    let operations: Vec<Operation> = (0..ADDED).map(make).collect();
    let mut writer = connector.writer(&class()).await.unwrap();
    let begun = Instant::now();
    // As many at once as the engine gives.
    for batch in operations.chunks(500) {
        let results = writer.write(batch.to_vec()).await;
        assert!(results.iter().all(Result::is_ok));
    }
    rate(ADDED, begun)
}
