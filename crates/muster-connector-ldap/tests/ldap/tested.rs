//! What the test of a connection finds out about what properties name.

use muster_connector::{RemoteClass, TestStep};
use muster_testkit::servers::slapd::{Slapd, SlapdSettings};

use crate::support::{GROUPS, crowd, membership, opened, people, properties, tested, with};

fn classes() -> [RemoteClass; 2] {
    let person = RemoteClass { membership: Some(membership("groupOfNames", "member")), ..people() };
    [
        person,
        RemoteClass { name_attribute: Some("cn".into()), ..RemoteClass::new("groupOfNames", "entryUUID") },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_property_that_names_something_wrong_is_told() {
    let slapd = Slapd::start(&SlapdSettings { ppolicy: true, ..SlapdSettings::default() }, &crowd(1));
    let sound = with(
        &properties(&slapd),
        &[
            ("groupBaseDn", GROUPS),
            ("groupFilter", "(!(cn=hidden*))"),
            ("filter", "(&(mail=*)(2.5.4.3=*))"),
            ("filter.groupOfNames", "(cn:dn:caseIgnoreMatch:=a)"),
            ("disabledAttribute", "pwdAccountLockedTime"),
        ],
    );
    let all = tested(&sound, &classes()).await;
    assert!(all.iter().all(|step| step.result.is_ok()), "{all:?}");
    let looked: Vec<&TestStep> = all.iter().map(|step| &step.step).skip(4).collect();
    let property = |name: &str| TestStep::Property(name.to_owned());
    let class = |name: &str| TestStep::Class(name.to_owned());
    let expected = [
        property("container"),
        property("container.groupOfNames"),
        property("disabledAttribute"),
        property("filter"),
        property("filter.groupOfNames"),
        property("groupBaseDn"),
        property("groupFilter"),
        property("placeholderMember"),
        class("inetOrgPerson"),
        class("groupOfNames"),
    ];
    assert_eq!(looked, expected.iter().collect::<Vec<_>>());
    for (name, wrong, says) in [
        ("container", "ou=nowhere,dc=example,dc=org", "set `container` to an entry that is there"),
        ("container.groupOfNames", "ou=nowhere,dc=example,dc=org", "set `container.groupOfNames`"),
        ("container", "nonsense=x,dc=example,dc=org", "correct `container`"),
        ("disabledAttribute", "pwdAcountLockedTime", "no attribute `pwdAcountLockedTime`"),
        ("filter", "(&(mail=*)(emploeeType=test))", "no attribute `emploeeType`: correct `filter`"),
        ("filter.groupOfNames", "(!(nonsense>=1))", "correct `filter.groupOfNames`"),
        ("groupBaseDn", "ou=nowhere,dc=example,dc=org", "set `groupBaseDn`"),
        ("groupFilter", "(nonsense=x)", "correct `groupFilter`"),
        ("placeholderMember", "cn=nobdy,dc=example,dc=org", "set `placeholderMember`"),
    ] {
        let wrong_steps = tested(&with(&sound, &[(name, wrong)]), &classes()).await;
        let mut failed = wrong_steps.iter().filter(|step| step.result.is_err());
        let step = failed.next().unwrap();
        assert_eq!(step.step, property(name), "{wrong_steps:?}");
        let message = step.result.as_ref().unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
        assert!(failed.all(|step| step.step == property("groupFilter")), "{wrong_steps:?}");
    }
    let slips =
        [("container", "ou=a,dc=example,dc=org"), ("placeholderMember", "cn=b"), ("filter", "(nonsense=d)")];
    let several = tested(&with(&sound, &slips), &classes()).await;
    assert_eq!(several.iter().filter(|step| step.result.is_err()).count(), slips.len());
    assert_eq!(several.len(), all.len(), "all of them are looked at");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_fails_names_the_property_that_led_there() {
    let slapd = Slapd::start(&SlapdSettings::default(), &crowd(1));
    let connector = opened(&slapd, &[("groupBaseDn", "ou=nowhere,dc=example,dc=org")]).await;
    let [person, _] = classes();
    let refused = connector.find(&person, &["u0".to_owned()]).await.unwrap_err().to_string();
    assert!(refused.contains("set `groupBaseDn` to an entry"), "{refused}");
}
