//! What an administrator may have set wrong, here or there: limits, referrals, bases, classes, attributes, rights.

use muster_connector::{ConnectorError, Entry, Reads, RemoteClass, SweepEnd};
use muster_testkit::servers::slapd::{Slapd, SlapdSettings};

use crate::support::{
    PEOPLE, all, at_port, create, crowd, one, open, opened, people, request, sweep, with, write,
};

fn limited(lines: &[&str]) -> SlapdSettings {
    let lines = lines.iter().map(|line| (*line).to_owned()).collect();
    SlapdSettings { lines, ..SlapdSettings::default() }
}

const BOUND: [(&str, &str); 2] = [("bindDn", "uid=u0,ou=people,dc=example,dc=org"), ("bindPassword", "pass")];

fn with_password() -> String {
    crowd(30).replacen("uid: u0\n", "uid: u0\nuserPassword: pass\n", 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_entries_is_got_round_by_pages_or_told() {
    // The administrator has no limit, so somebody else asks.
    let soft = Slapd::start(
        &limited(&["limits users size.soft=5 size.hard=unlimited size.prtotal=unlimited"]),
        &with_password(),
    );
    let connector = open(&with(&at_port(soft.port()), &BOUND)).await.unwrap();
    let (entries, end) = sweep(&*connector, request(people(), Reads::All, 4)).await.unwrap();
    assert_eq!(entries.len(), 30);
    assert!(matches!(end, SweepEnd::Complete { .. }), "{end:?}");

    let hard =
        Slapd::start(&limited(&["limits users size.soft=10 size.hard=10 size.prtotal=10"]), &with_password());
    let connector = open(&with(&at_port(hard.port()), &BOUND)).await.unwrap();
    let (entries, end) = sweep(&*connector, request(people(), Reads::All, 4)).await.unwrap();
    assert!(entries.len() < 30);
    assert!(matches!(&end, SweepEnd::CutShort { reason } if reason.contains("limit")), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn referrals_are_told_and_never_followed() {
    let referral = "dn: ou=elsewhere,dc=example,dc=org\nobjectClass: referral\nobjectClass: extensibleObject\nou: elsewhere\n\
                    ref: ldap://127.0.0.1:1/ou=elsewhere,dc=example,dc=org\n\n";
    let slapd = Slapd::start(&SlapdSettings::default(), &(crowd(3) + referral));
    let connector = opened(&slapd, &[]).await;
    let (entries, end) = sweep(&*connector, request(people(), Reads::All, 2)).await.unwrap();
    assert_eq!(entries.len(), 3);
    assert!(
        matches!(&end, SweepEnd::CutShort { reason } if reason.contains("ldap://127.0.0.1:1/")),
        "{end:?}"
    );
    let read = connector.read(&people(), &["00000000-0000-0000-0000-000000000000".to_owned()]).await;
    assert!(
        matches!(&read, Err(ConnectorError::Unusable { message }) if message.contains("ignoreReferrals")),
        "{read:?}"
    );
    let result = write(&*connector, &people(), vec![create("u1")]).await.remove(0);
    assert!(result.is_err(), "the name may be somebody's there");

    let ignoring = opened(&slapd, &[("ignoreReferrals", "true")]).await;
    assert_eq!(all(&*ignoring, people()).await.len(), 3);
    let based = opened(
        &slapd,
        &[("baseDn.inetOrgPerson", "ou=elsewhere,dc=example,dc=org"), ("container.inetOrgPerson", "")],
    )
    .await;
    let swept = sweep(&*based, request(people(), Reads::All, 2)).await;
    assert!(
        matches!(&swept, Err(ConnectorError::Unusable { message }) if message.contains("baseDn")),
        "{swept:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_named() {
    let slapd = Slapd::start(&SlapdSettings::default(), &crowd(1));
    let elsewhere = [("baseDn.inetOrgPerson", "ou=none,dc=example,dc=org"), ("container.inetOrgPerson", "")];
    let connector = opened(&slapd, &elsewhere).await;
    let swept = sweep(&*connector, request(people(), Reads::All, 2)).await;
    assert!(
        matches!(&swept, Err(ConnectorError::Unusable { message }) if message.contains("baseDn")),
        "{swept:?}"
    );
    let connector = opened(&slapd, &[]).await;
    let mut unknown = people();
    unknown.attributes[2].name = "surnaem".into();
    for (class, word) in [
        (unknown, "surnaem"),
        (RemoteClass { remote_name: "inetOrgPersno".into(), ..people() }, "inetOrgPersno"),
    ] {
        let probed = connector.probe(&class).await;
        assert!(
            matches!(&probed, Err(ConnectorError::Unusable { message }) if message.contains(word)),
            "{probed:?}"
        );
    }
    assert_eq!(connector.probe(&people()).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_do_not_suffice_are_told() {
    let rules = [
        "access to attrs=userPassword by anonymous auth by * none",
        "access to attrs=displayName by * none",
        "access to * by users read by * none",
    ];
    let slapd = Slapd::start(&limited(&rules), &with_password());
    let connector = open(&with(&at_port(slapd.port()), &BOUND)).await.unwrap();
    let account = one(&*connector, &people(), "u1").await;
    assert!(account.record.get("displayName").is_absent());
    let result = write(&*connector, &people(), vec![create("x")]).await.remove(0);
    assert!(
        matches!(&result, Err(ConnectorError::Rejected { message }) if message.contains("bindDn")),
        "{result:?}"
    );
    // Nobody sees nothing: neither is that an empty directory.
    let nobody = open(&at_port(slapd.port())).await;
    let swept = match nobody {
        Ok(connector) => sweep(&*connector, request(people(), Reads::All, 2)).await.map(|_| ()),
        Err(error) => Err(error),
    };
    assert!(matches!(swept, Err(ConnectorError::Unusable { .. })), "{swept:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_with_more_values_than_admitted_is_bad_and_not_lost() {
    let slapd = Slapd::start(&SlapdSettings::default(), &crowd(2));
    let values: String = (0..20).map(|number| format!("description: d{number}\n")).collect();
    slapd.modify(&format!("dn: uid=u1,{PEOPLE}\nchangetype: modify\nadd: description\n{values}"));
    let connector = opened(&slapd, &[("maximumValues", "10")]).await;
    let swept = sweep(&*connector, request(people(), Reads::All, 10)).await.unwrap();
    let bad: Vec<_> =
        swept.0.iter().filter(|it| matches!(it, Entry::Bad(bad) if bad.uid.is_some())).collect();
    assert_eq!((bad.len(), swept.0.len()), (1, 2), "{swept:?}");
}
