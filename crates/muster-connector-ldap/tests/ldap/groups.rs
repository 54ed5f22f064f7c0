//! Memberships that groups hold, and what changes of them cost.

use std::fmt::Write as _;

use muster_connector::{ConnectorError, Operation, RemoteClass};
use muster_model::Field;
use muster_testkit::servers::slapd::{SUFFIX, Slapd, SlapdSettings};

use crate::support::{GROUPS, NOBODY, PEOPLE, crowd, membership, one, opened, people, update, values, write};

fn grouped() -> RemoteClass {
    RemoteClass { membership: Some(membership("groupOfNames", "member")), ..people() }
}

fn group(name: &str, members: impl Iterator<Item = String>) -> String {
    let mut ldif = format!("dn: cn={name},{GROUPS}\nobjectClass: groupOfNames\ncn: {name}\n");
    members.for_each(|member| {
        let _ = writeln!(ldif, "member: {member}");
    });
    ldif + "\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_members_gain_three_and_lose_two_by_one_modification() {
    let everybody = (0..50_000).map(|number| format!("uid=m{number},{PEOPLE}"));
    let members = everybody.chain([0, 1].map(|number| format!("uid=u{number},{PEOPLE}")));
    let ldif = crowd(10) + &*group("large", members);
    let settings = SlapdSettings { log: true, no_sync: true, ..SlapdSettings::default() };
    let slapd = Slapd::start(&settings, &ldif);
    let connector = opened(&slapd, &[]).await;
    let mut operations = Vec::new();
    for (number, add, remove) in [
        (0, vec![], vec!["large"]),
        (1, vec![], vec!["large"]),
        (2, vec!["large"], vec![]),
        (3, vec!["large"], vec![]),
        (4, vec!["large"], vec![]),
    ] {
        let uid = one(&*connector, &people(), &format!("u{number}")).await.uid;
        operations.push(update(&uid, None, vec![("groups", values(&add, &remove))]));
    }
    let results = write(&*connector, &grouped(), operations).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let logged = slapd.logged();
    assert_eq!(logged.len(), 1, "one modification: {logged:?}");
    let count =
        |sign: &str| logged[0].lines().filter(|line| line.contains(&format!("member:{sign} "))).count();
    assert_eq!((count("+"), count("-")), (3, 2), "{logged:?}");
    let (swept, _) = crate::support::sweep(
        &*connector,
        crate::support::request(grouped(), muster_connector::Reads::All, 100),
    )
    .await
    .unwrap();
    let holds = |name: &str| {
        swept.iter().any(|entry| match entry {
            muster_connector::Entry::Account(account) => {
                account.record.get("uid") == &Field::text(name)
                    && !account.record.get("groups").has_no_value()
            }
            muster_connector::Entry::Bad(_) | muster_connector::Entry::Gone(_) => false,
        })
    };
    assert_eq!(
        (0..6).map(|number| holds(&format!("u{number}"))).collect::<Vec<_>>(),
        [false, false, true, true, true, false]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_follow_who_is_renamed_and_forget_who_is_deleted() {
    let member = |number: usize| format!("uid=u{number},{PEOPLE}");
    for refint in [false, true] {
        let ldif = crowd(3)
            + &*group("staff", [member(0), member(1)].into_iter())
            + &*group("guests", [member(0)].into_iter());
        let slapd = Slapd::start(&SlapdSettings { refint, ..SlapdSettings::default() }, &ldif);
        let connector = opened(&slapd, &[]).await;
        let uid = one(&*connector, &grouped(), "u0").await.uid;
        let rename = update(&uid, None, vec![("uid", crate::support::replace("new"))]);
        let result = write(&*connector, &grouped(), vec![rename]).await.remove(0);
        assert!(result.is_ok(), "{result:?}");
        let held = one(&*connector, &grouped(), "new").await.record.get("groups").clone();
        assert_eq!(held, Field::Many(vec!["guests".into(), "staff".into()]), "refint: {refint}");
        let delete = Operation::Delete { uid, name: None };
        let result = write(&*connector, &grouped(), vec![delete]).await.remove(0);
        assert!(result.is_ok(), "{result:?}");
        assert!(!slapd.search(GROUPS, "(objectClass=groupOfNames)", &["member"]).contains("uid=new,"));
        assert!(
            slapd.search(GROUPS, "(cn=guests)", &["member"]).contains(NOBODY),
            "nobody keeps it from being empty"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_member_stays_until_somebody_says_what_to_do() {
    let slapd = Slapd::start(
        &SlapdSettings::default(),
        &(crowd(2) + &*group("staff", [format!("uid=u0,{PEOPLE}")].into_iter())),
    );
    let connector = opened(&slapd, &[("placeholderMember", "")]).await;
    let uid = one(&*connector, &people(), "u0").await.uid;
    for operation in [
        update(&uid, None, vec![("groups", values(&[], &["staff"]))]),
        Operation::Delete { uid: uid.clone(), name: None },
    ] {
        let result = write(&*connector, &grouped(), vec![operation]).await.remove(0);
        assert!(
            matches!(&result, Err(ConnectorError::Rejected { message }) if message.contains("placeholderMember")),
            "{result:?}"
        );
    }
    assert_eq!(one(&*connector, &grouped(), "u0").await.uid, uid, "who could not leave is still there");
    let unknown = update(&uid, None, vec![("groups", values(&["none"], &["never"]))]);
    let result = write(&*connector, &grouped(), vec![unknown]).await.remove(0);
    assert!(
        matches!(&result, Err(ConnectorError::Rejected { message }) if message.contains("none")),
        "{result:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_accounts_of_a_class_of_their_own() {
    let slapd = Slapd::start(&SlapdSettings::default(), &crowd(2));
    let connector = opened(&slapd, &[("baseDn.groupOfNames", GROUPS)]).await;
    let class =
        RemoteClass { name_attribute: Some("cn".into()), ..RemoteClass::new("groupOfNames", "entryUUID") };
    let attributes = vec![("cn".into(), Field::text("new"))];
    let create = Operation::Create { uid: "new".to_owned(), attributes, enabled: true };
    let made = write(&*connector, &class, vec![create]).await.remove(0).unwrap();
    let group = one(&*connector, &class, "new").await;
    assert_eq!(Some(group.uid), made.given_uid);
    assert_eq!(group.record.get("member"), &Field::Many(vec![NOBODY.into()]));
}

/// What the groups hold, in LDIF.
fn members(slapd: &Slapd) -> String {
    slapd.search(GROUPS, "(objectClass=groupOfNames)", &["member"])
}

fn move_to(slapd: &Slapd, dn: &str, rdn: &str, parent: &str) {
    slapd.modify(&format!(
        "dn: {dn}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 1\nnewsuperior: {parent}\n"
    ));
}

/// As after the death of a server that had renamed the entry and not yet the members of its groups.
#[tokio::test(flavor = "multi_thread")]
async fn a_rename_that_was_broken_off_is_finished_by_who_tries_again() {
    let slapd = Slapd::start(
        &SlapdSettings::default(),
        &(crowd(3)
            + &*group("staff", (0..2).map(|number| format!("uid=u{number},{PEOPLE}")))
            + &*group(
                "others",
                [format!("uid=u0,{PEOPLE}"), "cn=gone,dc=example,dc=org".to_owned()].into_iter(),
            )),
    );
    let connector = opened(&slapd, &[]).await;
    let uid = one(&*connector, &grouped(), "u0").await.uid;
    move_to(&slapd, &format!("uid=u0,{PEOPLE}"), "uid=new", PEOPLE);
    let again = || update(&uid, Some("u0"), vec![("uid", crate::support::replace("new"))]);
    for _ in 0..2 {
        let result = write(&*connector, &grouped(), vec![again()]).await.remove(0);
        assert!(result.is_ok(), "{result:?}");
        let held = members(&slapd);
        assert!(!held.contains("uid=u0,"), "{held}");
        assert_eq!(held.matches("uid=new,").count(), 2, "{held}");
        assert!(held.contains("uid=u1,") && held.contains("cn=gone,"), "others are left alone: {held}");
    }
    // Who is called so by now is not taken out.
    let make = crate::support::create("u0");
    let made = write(&*connector, &grouped(), vec![make]).await.remove(0).unwrap().given_uid.unwrap();
    let join = update(&made, Some("u0"), vec![("groups", values(&["staff"], &[]))]);
    for operation in [join, again()] {
        let result = write(&*connector, &grouped(), vec![operation]).await.remove(0);
        assert!(result.is_ok(), "{result:?}");
    }
    assert!(members(&slapd).contains("uid=u0,"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_moved_or_deleted_by_hand_is_not_held_under_the_old_name() {
    let elsewhere = format!("ou=elsewhere,{SUFFIX}");
    let slapd = Slapd::start(
        &SlapdSettings::default(),
        &(crowd(4)
            + &*format!("dn: {elsewhere}\nobjectClass: organizationalUnit\nou: elsewhere\n\n")
            + &*group("staff", (0..4).map(|number| format!("uid=u{number},{PEOPLE}")))
            + &*group("admins", (0..1).map(|number| format!("uid=u{number},{PEOPLE}")))),
    );
    let connector = opened(&slapd, &[]).await;
    let mut uids = Vec::new();
    for number in 0..3 {
        uids.push(one(&*connector, &grouped(), &format!("u{number}")).await.uid);
    }
    move_to(&slapd, &format!("uid=u0,{PEOPLE}"), "uid=u0", &elsewhere);
    slapd.modify(&format!(
        "dn: uid=u1,{PEOPLE}\nchangetype: delete\n\ndn: uid=u3,{PEOPLE}\nchangetype: delete\n"
    ));
    let result = write(
        &*connector,
        &grouped(),
        vec![
            update(&uids[0], Some("u0"), vec![("groups", values(&["staff"], &[]))]),
            Operation::Delete { uid: uids[1].clone(), name: Some("u1".to_owned()) },
            Operation::Delete { uid: uids[2].clone(), name: Some("u2".to_owned()) },
        ],
    )
    .await;
    assert!(result.iter().all(Result::is_ok), "{result:?}");
    let held = members(&slapd);
    for gone in [0, 1, 2] {
        assert!(!held.contains(&format!("uid=u{gone},{PEOPLE}")), "{held}");
    }
    assert_eq!(
        held.matches(&format!("uid=u0,{elsewhere}")).count(),
        1,
        "nobody gets what was not theirs: {held}"
    );
    assert!(held.contains(&format!("uid=u3,{PEOPLE}")), "nobody has said that this one was ours: {held}");
    // By its whole name it is known where it stood.
    let named = RemoteClass { name_attribute: Some("dn".into()), ..grouped() };
    let (from, to) = (format!("uid=u0,{elsewhere}"), format!("uid=u0,{PEOPLE}"));
    move_to(&slapd, &from, "uid=u0", PEOPLE);
    let change = update(&uids[0], Some(&from), vec![("displayName", crate::support::replace("x"))]);
    let result = write(&*connector, &named, vec![change]).await.remove(0);
    assert!(result.is_ok(), "{result:?}");
    let held = members(&slapd);
    assert!(held.contains(&to) && !held.contains(&from), "{held}");
}
