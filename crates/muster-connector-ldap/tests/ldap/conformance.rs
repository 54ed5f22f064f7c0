//! The suite that every connector passes, over OpenLDAP in each of its dialects.

use std::fmt::Write as _;
use std::sync::Mutex;

use async_trait::async_trait;
use muster_connector::conformance::{Fixture, Sample, conforms};
use muster_connector::{Connector, RemoteClass, RemoteMembership};
use muster_model::{AttributeName, Field};
use muster_testkit::servers::slapd::{Slapd, SlapdSettings};

use crate::support::{GROUPS, NOBODY, PEOPLE, membership, opened, people, people_by_uid, tops};

/// A dialect of the connector.
#[derive(Default)]
struct Dialect {
    slapd: SlapdSettings,
    by: By,
    membership: Option<RemoteMembership>,
    properties: Vec<(&'static str, &'static str)>,
    /// Servers live as long as the fixture.
    running: Mutex<Vec<Slapd>>,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum By {
    #[default]
    Uid,
    UuidAndUid,
    UuidAndDn,
}

#[async_trait]
impl Fixture for Dialect {
    async fn system(&self, accounts: &[Sample]) -> Box<dyn Connector> {
        let mut ldif = tops();
        for sample in accounts {
            let dn = if self.by == By::UuidAndDn {
                sample.uid.clone()
            } else {
                format!("uid={},{PEOPLE}", sample.uid)
            };
            let _ = write!(ldif, "dn: {dn}\nobjectClass: inetOrgPerson\n");
            for (name, field) in sample.attributes.iter().filter(|(name, _)| name.as_str() != "dn") {
                for value in field.values() {
                    let _ = writeln!(ldif, "{name}: {}", value.to_text());
                }
            }
            ldif.push('\n');
        }
        for (number, group) in self.entitlements().iter().enumerate() {
            let class = &self.membership.as_ref().unwrap().remote_name;
            let needed = match class.as_str() {
                "posixGroup" => format!("gidNumber: {number}"),
                "groupOfNames" => format!("member: {NOBODY}"),
                _ => format!("uniqueMember: {NOBODY}"),
            };
            let _ = write!(ldif, "dn: cn={group},{GROUPS}\nobjectClass: {class}\ncn: {group}\n{needed}\n\n");
        }
        let slapd = Slapd::start(&self.slapd, &ldif);
        let connector = opened(&slapd, &self.properties).await;
        self.running.lock().unwrap().push(slapd);
        connector
    }

    fn class(&self) -> RemoteClass {
        let class = match self.by {
            By::Uid => people_by_uid(),
            By::UuidAndUid => people(),
            By::UuidAndDn => RemoteClass { name_attribute: Some("dn".into()), ..people() },
        };
        RemoteClass { membership: self.membership.clone(), ..class }
    }

    fn uid(&self, number: usize) -> String {
        match self.by {
            By::Uid | By::UuidAndUid => format!("u{number}"),
            By::UuidAndDn => format!("uid=u{number},{PEOPLE}"),
        }
    }

    fn unknown_uid(&self) -> String {
        match self.by {
            By::Uid => "u9".to_owned(),
            By::UuidAndUid | By::UuidAndDn => "00000000-0000-0000-0000-000000000000".to_owned(),
        }
    }

    fn required(&self, number: usize) -> Vec<(AttributeName, Field)> {
        let mut needed = vec![("cn".into(), Field::text("Person")), ("sn".into(), Field::text("Person"))];
        if self.by == By::UuidAndDn {
            needed.push(("uid".into(), Field::text(format!("u{number}"))));
        }
        needed
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

fn synced() -> SlapdSettings {
    SlapdSettings { sync: Some(1000), ..SlapdSettings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_server_with_content_synchronization() {
    conforms(&Dialect { slapd: synced(), by: By::UuidAndUid, ..Dialect::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_server_and_names_of_entries() {
    conforms(&Dialect { slapd: synced(), by: By::UuidAndDn, ..Dialect::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_server_without_content_synchronization() {
    conforms(&Dialect { by: By::UuidAndUid, ..Dialect::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_ones_own_with_time_stamps_and_states() {
    let properties = vec![("changes", "MODIFY_TIMESTAMP"), ("disabledAttribute", "pwdAccountLockedTime")];
    let slapd = SlapdSettings { ppolicy: true, ..synced() };
    conforms(&Dialect { slapd, properties, ..Dialect::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn states_by_a_value_for_each() {
    let states =
        [("disabledAttribute", "employeeType"), ("disabledValue", "left"), ("enabledValue", "active")];
    conforms(&Dialect { properties: states.to_vec(), by: By::UuidAndUid, ..Dialect::default() }).await;
}

async fn with_groups(class: &str, member: &str, by: By) {
    let membership = Some(membership(class, member));
    conforms(&Dialect { by, membership, properties: vec![("changes", "NONE")], ..Dialect::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_names() {
    with_groups("groupOfNames", "member", By::UuidAndUid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_unique_names() {
    with_groups("groupOfUniqueNames", "uniqueMember", By::UuidAndDn).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_posix() {
    with_groups("posixGroup", "memberUid", By::Uid).await;
}
