//! Changes since a token, beyond what the suite asks: what makes a token outdated, and who is told.

use muster_connector::{
    ChangeFeed, ChangeToken, Connector, ConnectorError, Entry, Operation, Reads, RemoteClass, SweepEnd,
};
use muster_testkit::servers::slapd::{Slapd, SlapdSettings};

use crate::support::{
    PEOPLE, all, crowd, membership, one, opened, people, replace, request, sweep, update, write,
};

async fn token(connector: &dyn Connector, class: RemoteClass) -> Option<ChangeToken> {
    match sweep(connector, request(class, Reads::All, 100)).await.unwrap().1 {
        SweepEnd::Complete { token } => token,
        end @ SweepEnd::CutShort { .. } => panic!("{end:?}"),
    }
}

async fn since(
    connector: &dyn Connector,
    token: ChangeToken,
) -> Result<(Vec<Entry>, SweepEnd), ConnectorError> {
    sweep(connector, request(people(), Reads::Changes { since: token }, 3)).await
}

fn is_outdated(result: Result<(Vec<Entry>, SweepEnd), ConnectorError>) {
    assert!(matches!(result, Err(ConnectorError::Outdated { .. })), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn renames_and_moves_are_told_as_changes_and_deletions_by_key() {
    let slapd = Slapd::start(&SlapdSettings { sync: Some(100), ..SlapdSettings::default() }, &crowd(10));
    let connector = opened(&slapd, &[]).await;
    assert_eq!(connector.capabilities().changes, ChangeFeed::WithDeletes);
    let begun = token(&*connector, people()).await.unwrap();
    let (told, end) = since(&*connector, begun.clone()).await.unwrap();
    assert_eq!(told, []);
    assert!(matches!(end, SweepEnd::Complete { token: Some(_) }), "{end:?}");

    let gone = one(&*connector, &people(), "u3").await.uid;
    let renamed = one(&*connector, &people(), "u4").await.uid;
    slapd.modify(&format!(
        "dn: uid=u3,{PEOPLE}\nchangetype: delete\n\ndn: uid=u4,{PEOPLE}\nchangetype: modrdn\nnewrdn: uid=new\ndeleteoldrdn: 1\n"
    ));
    let (told, _) = since(&*connector, begun.clone()).await.unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|entry| matches!(entry, Entry::Gone(entry) if entry.uid == gone)));
    assert!(told.iter().any(|entry| matches!(entry, Entry::Account(account) if account.uid == renamed)));

    // With another filter the same token says nothing.
    let narrower = opened(&slapd, &[("filter", "(sn=1)")]).await;
    is_outdated(since(&*narrower, begun.clone()).await);
    let by_stamps = opened(&slapd, &[("changes", "MODIFY_TIMESTAMP")]).await;
    is_outdated(since(&*by_stamps, begun).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forgot_who_is_gone_has_everything_read() {
    let mut slapd = Slapd::start(&SlapdSettings { sync: Some(100), ..SlapdSettings::default() }, &crowd(10));
    let connector = opened(&slapd, &[]).await;
    let begun = token(&*connector, people()).await.unwrap();
    slapd.modify(&format!("dn: uid=u3,{PEOPLE}\nchangetype: delete\n"));
    // The log of deletions is in memory.
    slapd.restart();
    slapd.modify(&format!("dn: uid=u5,{PEOPLE}\nchangetype: modify\nreplace: sn\nsn: new\n"));
    is_outdated(since(&*connector, begun).await);

    let without_log = Slapd::start(&SlapdSettings { sync: Some(0), ..SlapdSettings::default() }, &crowd(10));
    let connector = opened(&without_log, &[]).await;
    let begun = token(&*connector, people()).await.unwrap();
    without_log.modify(&format!("dn: uid=u3,{PEOPLE}\nchangetype: delete\n"));
    is_outdated(since(&*connector, begun).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_promised_only_where_they_can_be_told() {
    let slapd = Slapd::start(&SlapdSettings { sync: Some(100), ..SlapdSettings::default() }, &crowd(3));
    let connector = opened(&slapd, &[]).await;
    let grouped = RemoteClass { membership: Some(membership("groupOfNames", "member")), ..people() };
    assert_eq!(token(&*connector, grouped).await, None, "groups change without their members");
    let by_uid = RemoteClass { uid_attribute: "uid".into(), name_attribute: None, ..people() };
    assert_eq!(token(&*connector, by_uid).await, None, "who is gone is told by `entryUUID` alone");
    let plain = Slapd::start(&SlapdSettings::default(), &crowd(3));
    let connector = opened(&plain, &[("changes", "SYNCREPL")]).await;
    assert_eq!(connector.capabilities().changes, ChangeFeed::None);
    let connector = opened(&plain, &[]).await;
    assert_eq!(connector.capabilities().changes, ChangeFeed::WithoutDeletes);
}

#[tokio::test(flavor = "multi_thread")]
async fn stamps_lose_no_change_that_is_made_while_a_sweep_reads() {
    let slapd = Slapd::start(&SlapdSettings::default(), &crowd(30));
    let connector = opened(&slapd, &[]).await;
    let mut sweep = connector.sweep(request(people(), Reads::All, 10)).await.unwrap();
    let mut first = None;
    let token = loop {
        match sweep.next().await.unwrap() {
            muster_connector::Step::Page(page) if first.is_none() => {
                let Entry::Account(account) = page.entries[0].clone() else { panic!("{page:?}") };
                // It was read already, and changes now.
                let change = update(&account.uid, None, vec![("displayName", replace("later"))]);
                assert!(write(&*connector, &people(), vec![change]).await[0].is_ok());
                first = Some(account.uid);
            }
            muster_connector::Step::Page(_) => {}
            muster_connector::Step::End(SweepEnd::Complete { token: end }) => {
                break end;
            }
            muster_connector::Step::End(end) => panic!("{end:?}"),
        }
    };
    let (told, _) = since(&*connector, token.unwrap()).await.unwrap();
    let first = first.unwrap();
    assert!(told.iter().any(|entry| matches!(entry, Entry::Account(account) if account.uid == first)));
    assert!(told.iter().all(|entry| matches!(entry, Entry::Account(_))), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_is_taken_up_only_on_the_same_state() {
    let slapd = Slapd::start(&SlapdSettings { sync: Some(100), ..SlapdSettings::default() }, &crowd(10));
    let connector = opened(&slapd, &[]).await;
    let before = connector.sweep(request(people(), Reads::All, 3)).await.unwrap().snapshot();
    assert!(before.is_some());
    let delete = Operation::Delete { uid: one(&*connector, &people(), "u1").await.uid, name: None };
    assert!(write(&*connector, &people(), vec![delete]).await[0].is_ok());
    assert_ne!(connector.sweep(request(people(), Reads::All, 3)).await.unwrap().snapshot(), before);
    let elsewhere = muster_connector::Cursor("3:00".to_owned());
    let request =
        muster_connector::SweepRequest { resume: Some(elsewhere), ..request(people(), Reads::All, 3) };
    assert!(matches!(connector.sweep(request).await.map(|_| ()), Err(ConnectorError::Transient { .. })));
    assert_eq!(all(&*connector, people()).await.len(), 9);
}
