//! A second server: 389 Directory Server, whose keys are `nsUniqueId`, and which checks no keys together with writes.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use muster_connector::conformance::{Fixture, Sample, conforms};
use muster_connector::{Connector, RemoteClass, RemoteMembership};
use muster_model::{AttributeName, Field};
use muster_testkit::servers::dirsrv::{Dirsrv, MANAGER, MANAGER_PASSWORD};

use crate::support::{at_port, membership, open, people, with};

struct Second {
    server: Dirsrv,
    systems: AtomicUsize,
    membership: Option<RemoteMembership>,
}

#[async_trait]
impl Fixture for Second {
    async fn system(&self, accounts: &[Sample]) -> Box<dyn Connector> {
        let number = self.systems.fetch_add(1, Ordering::Relaxed);
        let base = format!("ou=s{number},dc=example,dc=org");
        let mut ldif = format!("dn: {base}\nobjectClass: organizationalUnit\nou: s{number}\n\n");
        let _ = write!(ldif, "dn: ou=people,{base}\nobjectClass: organizationalUnit\nou: people\n\n");
        for sample in accounts {
            let _ = write!(ldif, "dn: uid={},ou=people,{base}\nobjectClass: inetOrgPerson\n", sample.uid);
            for (name, field) in &sample.attributes {
                for value in field.values() {
                    let _ = writeln!(ldif, "{name}: {}", value.to_text());
                }
            }
            ldif.push('\n');
        }
        for group in self.entitlements() {
            let _ = write!(
                ldif,
                "dn: cn={group},{base}\nobjectClass: groupOfNames\ncn: {group}\nmember: cn=nobody\n\n"
            );
        }
        self.server.add(&ldif);
        let container = format!("ou=people,{base}");
        let changes = if self.membership.is_some() { "NONE" } else { "AUTO" };
        let more = [
            ("bindDn", MANAGER),
            ("bindPassword", MANAGER_PASSWORD),
            ("baseDn", &base),
            ("container", &container),
            ("disabledAttribute", "nsAccountLock"),
            ("placeholderMember", "cn=nobody"),
            ("changes", changes),
        ];
        open(&with(&at_port(self.server.port()), &more)).await.unwrap()
    }

    fn class(&self) -> RemoteClass {
        RemoteClass { uid_attribute: "nsUniqueId".into(), membership: self.membership.clone(), ..people() }
    }

    fn unknown_uid(&self) -> String {
        "00000000-00000000-00000000-00000000".to_owned()
    }

    fn required(&self, _: usize) -> Vec<(AttributeName, Field)> {
        vec![("cn".into(), Field::text("Person")), ("sn".into(), Field::text("Person"))]
    }

    fn entitlements(&self) -> Vec<String> {
        self.membership.iter().flat_map(|_| ["staff", "guests"]).map(str::to_owned).collect()
    }

    fn text_attribute(&self) -> AttributeName {
        "displayName".into()
    }

    fn several_attribute(&self) -> Option<AttributeName> {
        Some("description".into())
    }

    fn reference_attribute(&self) -> Option<AttributeName> {
        None
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs 389-ds-base and the rights of the machine's administrator"]
async fn a_second_server_keeps_the_same_promises() {
    let mut second = Second { server: Dirsrv::start(), systems: AtomicUsize::new(0), membership: None };
    conforms(&second).await;
    second.membership = Some(membership("groupOfNames", "member"));
    conforms(&second).await;
}
