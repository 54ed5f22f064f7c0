//! What is sent to a server, counted by the server's own log, and what becomes of writes when things go wrong.

use muster_connector::{AttributeWrite, ConnectorError, Operation, RemoteAttribute, RemoteClass};
use muster_model::{Field, Value};
use muster_testkit::servers::slapd::{Slapd, SlapdSettings};

use crate::support::{
    PEOPLE, all, create, crowd, one, opened, people, people_by_uid, replace, update, values, write,
};

fn logged() -> SlapdSettings {
    SlapdSettings { log: true, ..SlapdSettings::default() }
}

/// What the server wrote down of an entry, without what it adds of its own.
fn mods(slapd: &Slapd, from: usize) -> Vec<String> {
    let own = ["entryCSN", "modifiersName", "modifyTimestamp"];
    let entries = slapd.logged().into_iter().skip(from);
    let lines = |entry: String| {
        let kept = entry.lines().filter(|line| !line.starts_with("dn: "));
        let kept = kept.filter(|line| !own.iter().any(|name| line.contains(&format!(" {name}:"))));
        kept.map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    entries.map(lines).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_writes_what_changes_and_nothing_else() {
    let slapd = Slapd::start(&logged(), &crowd(3));
    let connector = opened(&slapd, &[]).await;
    let uid = one(&*connector, &people(), "u1").await.uid;
    let change = update(
        &uid,
        Some("u1"),
        vec![
            ("displayName", replace("new")),
            ("description", values(&["a"], &[])),
            ("employeeNumber", AttributeWrite::Replace(Field::Null)),
        ],
    );
    assert!(write(&*connector, &people(), vec![change]).await[0].is_ok());
    let expected = format!(
        "reqType: modify\nreqDN: uid=u1,{PEOPLE}\nreqMod: displayName:= new\nreqMod: employeeNumber:=\nreqMod: description:+ a"
    );
    let found = mods(&slapd, 0);
    assert_eq!(found.len(), 1, "{found:?}");
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&found[0]), sorted(&expected));

    // What is there already is not written again, and costs no modification.
    let again = update(&uid, Some("u1"), vec![("description", values(&["a"], &["never"]))]);
    assert!(write(&*connector, &people(), vec![again]).await[0].is_ok());
    assert_eq!(mods(&slapd, 1), [""; 0]);
    // Where a part is needed, that part is sent.
    let part = update(&uid, Some("u1"), vec![("description", values(&["a", "b"], &["never"]))]);
    assert!(write(&*connector, &people(), vec![part]).await[0].is_ok());
    let found = mods(&slapd, 1);
    assert!(
        found.len() == 1 && found[0].contains("description:+ b") && !found[0].contains("+ a"),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_found_by_its_key_under_any_name() {
    let slapd = Slapd::start(&logged(), &crowd(4));
    let connector = opened(&slapd, &[]).await;
    let uid = one(&*connector, &people(), "u1").await.uid;
    // Renamed and moved behind our back, and another has taken the name.
    slapd.modify(&format!(
        "dn: uid=u1,{PEOPLE}\nchangetype: modrdn\nnewrdn: uid=moved\ndeleteoldrdn: 1\nnewsuperior: dc=example,dc=org\n\n\
         dn: uid=u2,{PEOPLE}\nchangetype: modrdn\nnewrdn: uid=u1\ndeleteoldrdn: 1\n"
    ));
    let change = update(&uid, Some("u1"), vec![("displayName", replace("found"))]);
    assert!(write(&*connector, &people(), vec![change]).await[0].is_ok());
    let account = one(&*connector, &people(), "moved").await;
    assert_eq!(account.record.get("displayName"), &Field::text("found"));
    assert_eq!(one(&*connector, &people(), "u1").await.record.get("displayName"), &Field::text("text 2"));

    let delete = Operation::Delete { uid: uid.clone(), name: Some("u1".to_owned()) };
    assert!(write(&*connector, &people(), vec![delete]).await[0].is_ok());
    let left: Vec<_> = all(&*connector, people()).await.into_iter().map(|account| account.uid).collect();
    assert!(left.len() == 3 && !left.contains(&uid));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_values_and_any_text_may_stand_in_them() {
    let slapd = Slapd::start(&logged(), &crowd(1));
    let connector = opened(&slapd, &[]).await;
    for name in ["a,b=c+d", " #x ", "a\\b\"<>;", "Zoë *)(uid=*", "日本"] {
        let made = write(&*connector, &people(), vec![create(name)]).await.remove(0).unwrap();
        let account = one(&*connector, &people(), name).await;
        assert_eq!(Some(account.uid.clone()), made.given_uid);
        assert_eq!(account.record.get("uid"), &Field::text(name));
        let dn = account.record.get("dn").first().unwrap().to_text().into_owned();
        let class = RemoteClass { name_attribute: Some("dn".into()), ..people() };
        assert_eq!(one(&*connector, &class, &dn).await.uid, account.uid, "{dn}");
        let moved = format!("uid=moved {}+cn=Person,dc=example,dc=org", account.uid);
        let change = update(&account.uid, Some(&dn), vec![("dn", replace(&moved))]);
        let result = write(&*connector, &class, vec![change]).await.remove(0);
        assert!(result.is_ok(), "{name}: {result:?}");
        assert_eq!(one(&*connector, &class, &moved).await.uid, account.uid);
    }
    let outside =
        update("00000000-0000-0000-0000-000000000000", None, vec![("dn", replace("uid=a,dc=elsewhere"))]);
    let result = write(&*connector, &people(), vec![outside]).await.remove(0);
    assert!(matches!(result, Err(ConnectorError::Missing { .. })), "{result:?}");
    let uid = one(&*connector, &people(), "u0").await.uid;
    let outside = update(&uid, None, vec![("dn", replace("uid=a,dc=elsewhere"))]);
    let result = write(&*connector, &people(), vec![outside]).await.remove(0);
    assert!(matches!(result, Err(ConnectorError::Rejected { .. })), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn octets_come_and_go_as_base64() {
    let slapd = Slapd::start(&logged(), &crowd(1));
    let connector = opened(&slapd, &[]).await;
    let class = RemoteClass {
        attributes: [
            people().attributes,
            vec![RemoteAttribute { name: "jpegPhoto".into(), multi_valued: false }],
        ]
        .concat(),
        ..people()
    };
    let uid = one(&*connector, &class, "u0").await.uid;
    // The beginning and end of a picture are all that the schema wants.
    let picture = vec![0xff, 0xd8, 0xff, 0xe0, 0, 0x10, b'J', b'F', b'I', b'F', 0, 1, 0xff, 0xd9];
    let write_picture = AttributeWrite::Replace(Field::One(Value::Binary(picture.clone())));
    assert!(
        write(&*connector, &class, vec![update(&uid, None, vec![("jpegPhoto", write_picture)])]).await[0]
            .is_ok()
    );
    let read = one(&*connector, &class, "u0").await.record.get("jpegPhoto").clone();
    assert_eq!(read, Field::text(muster_model::attribute::encode_base64(&picture)));
    let no_base64 = update(&uid, None, vec![("jpegPhoto", replace("no base64!"))]);
    let result = write(&*connector, &class, vec![no_base64]).await.remove(0);
    assert!(matches!(result, Err(ConnectorError::Rejected { .. })), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_one_accounts_wherever_it_stands() {
    let slapd = Slapd::start(&SlapdSettings::default(), &crowd(2));
    slapd.modify(&format!(
        "dn: uid=u1,{PEOPLE}\nchangetype: modrdn\nnewrdn: uid=u1\ndeleteoldrdn: 1\nnewsuperior: dc=example,dc=org\n"
    ));
    for class in [people(), people_by_uid()] {
        let connector = opened(&slapd, &[]).await;
        let result = write(&*connector, &class, vec![create("u1")]).await.remove(0);
        assert!(matches!(result, Err(ConnectorError::Conflict { .. })), "{result:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_schema_refuses_is_rejected_alone() {
    let slapd = Slapd::start(&SlapdSettings::default(), &crowd(1));
    let connector = opened(&slapd, &[]).await;
    let unnamed = Operation::Create {
        uid: "x".to_owned(),
        attributes: vec![("uid".into(), Field::text("x"))],
        enabled: true,
    };
    let results = write(&*connector, &people(), vec![create("a"), unnamed, create("b")]).await;
    assert!(results[0].is_ok() && results[2].is_ok(), "{results:?}");
    assert!(matches!(results[1], Err(ConnectorError::Rejected { .. })), "{results:?}");
    let nowhere = opened(&slapd, &[("container", "ou=none,dc=example,dc=org")]).await;
    let result = write(&*nowhere, &people(), vec![create("c")]).await.remove(0);
    assert!(
        matches!(&result, Err(ConnectorError::Unusable { message }) if message.contains("container")),
        "{result:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_in_mid_write_makes_no_account_twice() {
    let mut slapd = Slapd::start(&SlapdSettings::default(), &crowd(1));
    let connector = opened(&slapd, &[]).await;
    let wanted: Vec<Operation> = (0..3000).map(|number| create(&format!("n{number}"))).collect();
    let mut writer = connector.writer(&people()).await.unwrap();
    let operations = wanted.clone();
    let writing = tokio::spawn(async move { writer.write(operations).await });
    // It dies once some are there.
    while !slapd.search(PEOPLE, "(uid=n20)", &["1.1"]).contains("dn:") {
        tokio::task::yield_now().await;
    }
    slapd.kill();
    let first = writing.await.unwrap();
    slapd.restart();
    let lost = first.iter().filter(|result| matches!(result, Err(ConnectorError::Transient { .. }))).count();
    assert!(lost > 0 && first.iter().all(|it| matches!(it, Ok(_) | Err(ConnectorError::Transient { .. }))));
    let made = first.len() - lost;
    assert!(all(&*connector, people()).await.len() > made, "what was promised is there");

    // Again, over a new connection: what was made without an answer is met as a conflict, and nothing is made twice.
    let second = write(&*connector, &people(), wanted).await;
    assert!(second.iter().all(|it| matches!(it, Ok(_) | Err(ConnectorError::Conflict { .. }))));
    assert!(
        first.iter().zip(&second).all(|(first, second)| first.is_ok() != second.is_ok() || first.is_err())
    );
    assert_eq!(all(&*connector, people()).await.len(), 3001);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_loses_nothing_that_was_promised() {
    let slapd =
        Slapd::start(&SlapdSettings { largest: Some(400 * 1024), ..SlapdSettings::default() }, &crowd(1));
    let connector = opened(&slapd, &[]).await;
    let wanted: Vec<Operation> = (0..2000).map(|number| create(&format!("n{number}"))).collect();
    let results = write(&*connector, &people(), wanted).await;
    let made = results.iter().filter(|result| result.is_ok()).count();
    assert!(made > 0 && made < results.len(), "{made} were made");
    let refused = results.iter().filter_map(|result| result.as_ref().err());
    assert!(refused.into_iter().all(|error| matches!(error, ConnectorError::Transient { .. })));
    assert_eq!(all(&*connector, people()).await.len(), made + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_too_long_for_the_server_is_refused() {
    let slapd = Slapd::start(&SlapdSettings::default(), &crowd(1));
    let connector = opened(&slapd, &[]).await;
    let uid = one(&*connector, &people(), "u0").await.uid;
    let rename = |letters| update(&uid, Some("u0"), vec![("uid", replace(&"x".repeat(letters)))]);
    for operation in [create(&"x".repeat(300)), create(&"x".repeat(2_000)), rename(400)] {
        let refused = write(&*connector, &people(), vec![operation]).await.remove(0);
        assert!(
            matches!(&refused, Err(ConnectorError::Rejected { message }) if message.contains("octets")),
            "{refused:?}"
        );
    }
    let fits = write(&*connector, &people(), vec![create(&"x".repeat(200)), rename(210)]).await;
    assert!(fits.iter().all(Result::is_ok), "{fits:?}");
}
