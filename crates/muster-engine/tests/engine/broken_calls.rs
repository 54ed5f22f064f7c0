//! Provisioning to a real LDAP server of whose calls one in n breaks, before its effect or after it: in the end everybody has
//! one account, as the people and profiles say.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use muster_connector::faulty::{Call, CallKind, Fault, FaultPlan, FaultyKind, Moment, Watch};
use muster_connector::{ConnectorError, ConnectorKind};
use muster_connector_ldap::LdapKind;
use muster_egress::{Egress, Limits};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Outcome, OutcomeStatus};
use muster_testkit::servers::slapd::{ADMIN, PASSWORD, SUFFIX, Slapd, SlapdSettings};
use muster_testkit::world::configuration::{ad, cleared, outbound};
use muster_testkit::world::{TestDatabase, World, on_sqlite};
use serde_json::{Value, json};

const BASE: &str = "dn: ou=groups,dc=example,dc=org\nobjectClass: organizationalUnit\nou: groups\n\n\
    dn: cn=nobody,dc=example,dc=org\nobjectClass: organizationalRole\ncn: nobody\n\n\
    dn: cn=all,ou=groups,dc=example,dc=org\nobjectClass: groupOfNames\ncn: all\nmember: cn=nobody,dc=example,dc=org\n\n\
    dn: cn=admins,ou=groups,dc=example,dc=org\nobjectClass: groupOfNames\ncn: admins\nmember: cn=nobody,dc=example,dc=org\n";

/// The usual target as a directory: accounts are known by `entryUUID`, groups hold their members.
fn application() -> Value {
    let mut application = ad();
    application["objectClasses"] = json!([
        {
            "id": "account", "remoteName": "inetOrgPerson", "uidAttribute": "entryUUID", "nameAttribute": "uid",
            "attributes": [{ "name": "uid" }, { "name": "mail" }, { "name": "cn" }, { "name": "sn" }],
        },
        {
            "id": "group", "remoteName": "groupOfNames", "uidAttribute": "cn",
            "membership": { "heldBy": "ENTITLEMENT", "attribute": "member" },
        },
    ]);
    let mappings = application["objectTypes"][0]["attributeMappings"].as_array_mut().unwrap();
    mappings.push(cleared(outbound("sn", "name")));
    application
}

fn definition(slapd: &Slapd) -> Value {
    let port = slapd.port().to_string();
    let properties = [
        ("host", "127.0.0.1"),
        ("port", &port),
        ("security", "NONE"),
        ("bindDn", ADMIN),
        ("bindPassword", PASSWORD),
        ("baseDn", SUFFIX),
        ("placeholderMember", "cn=nobody,dc=example,dc=org"),
    ];
    let properties: Vec<Value> =
        properties.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    json!({ "id": "ad", "name": "Directory", "type": "ldap", "connectorProperties": properties })
}

fn broken(plan: FaultPlan) -> Arc<dyn ConnectorKind> {
    let egress = Egress::new(vec!["* 127.0.0.0/8:*".parse().unwrap()], Limits::default());
    Arc::new(FaultyKind::new(Box::new(LdapKind::new(egress)), Watch::new(plan)))
}

/// A plan by which one call in n breaks, of whatever kind. Which ones is scattered, and always the same: were it each n-th, a
/// run that makes so many calls would never come further.
fn one_in(n: u64, moment: Moment) -> FaultPlan {
    let calls = std::sync::atomic::AtomicU64::new(0);
    Arc::new(move |call: &Call| {
        // What is written is counted operation by operation.
        if call.kind == CallKind::Write {
            return None;
        }
        let number = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        let message = "the line went dead".to_owned();
        let fault = ConnectorError::Transient { message, retry_after: None };
        (number.wrapping_mul(2_654_435_761) >> 7).is_multiple_of(n).then(|| Fault::Fail(moment, fault))
    })
}

async fn world(database: &TestDatabase, slapd: &Slapd, plan: FaultPlan) -> World {
    let world = World::usual(database).await.with_page_size(20).with_connector(broken(plan));
    world.save(ConfigurationKind::ConnectorDefinition, definition(slapd)).await;
    world.save(ConfigurationKind::Application, application()).await;
    for number in 1..=12 {
        let department = if number % 3 == 0 { "FIN" } else { "IT" };
        world.hire(&number.to_string(), &format!("{number}@x"), &format!("Name {number}"), department);
    }
    world.synchronize("hr").await;
    world
}

/// The accounts by `uid`, and the members of both groups.
fn held(slapd: &Slapd) -> (BTreeMap<String, String>, [usize; 2]) {
    let found = slapd.search(SUFFIX, "(objectClass=inetOrgPerson)", &["uid", "mail", "cn"]);
    let entries = found.split("\n\n").filter(|entry| !entry.trim().is_empty());
    let value = |entry: &str, name: &str| {
        let line = entry.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_default().to_owned()
    };
    let people: Vec<(String, String)> = entries
        .map(|entry| (value(entry, "uid"), format!("{} {}", value(entry, "cn"), value(entry, "mail"))))
        .collect();
    let count = people.len();
    let people: BTreeMap<String, String> = people.into_iter().collect();
    assert_eq!(people.len(), count, "nobody has two accounts");
    let members = ["all", "admins"].map(|group| {
        let found = slapd.search(SUFFIX, &format!("(&(objectClass=groupOfNames)(cn={group}))"), &["member"]);
        found.lines().filter(|line| line.starts_with("member: ") && !line.contains("cn=nobody")).count()
    });
    (people, members)
}

/// Carries the task out until a run has nothing left to do.
async fn until_quiet(world: &World) -> u32 {
    for round in 1..=60 {
        let run = world.provision("ad").await;
        let touched =
            [Outcome::Created, Outcome::Updated, Outcome::Disabled].map(|of| run.counters.outcome(of));
        if run.state.outcome == Some(OutcomeStatus::Success) && touched == [0; 3] {
            return round;
        }
        // What was not answered is asked for again after a while, longer each time.
        world.clock().pass(TimeDelta::hours(7));
    }
    panic!("the task never comes to rest");
}

#[test]
fn whatever_call_breaks_everybody_has_one_account_in_the_end() {
    on_sqlite(async |database| {
        for (n, moment) in [4, 6, 9, 15].into_iter().flat_map(|n| [(n, Moment::Before), (n, Moment::After)]) {
            let slapd = Slapd::start(&SlapdSettings::default(), BASE);
            let world = world(database, &slapd, one_in(n, moment)).await;
            let rounds = until_quiet(&world).await;
            let (people, members) = held(&slapd);
            let expected: BTreeMap<String, String> =
                (1..=12).map(|number| (number.to_string(), format!("Name {number} {number}@x"))).collect();
            assert_eq!(people, expected, "one in {n} {moment:?}, after {rounds} runs");
            assert_eq!(members, [12, 8], "one in {n} {moment:?}, after {rounds} runs");
        }
    });
}
