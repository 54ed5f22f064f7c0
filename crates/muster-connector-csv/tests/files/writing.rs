//! Sessions of writes: what they change, what they leave, and what stops them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use muster_connector::{ConnectorError, ConnectorKind, Host, Operation};
use muster_connector_csv::CsvKind;
use muster_model::Field;

use crate::place::{
    Files, class, create, delete, many, properties, replace, request, sweep, values, write, written,
};

fn name(text: &str) -> [(&'static str, Field); 1] {
    [("name", Field::text(text))]
}

#[tokio::test]
async fn what_no_operation_concerns_keeps_its_bytes() {
    let set = |uid: &str, text: &str| replace(uid, "name", Field::text(text));
    for (before, operations, after) in [
        // Quotes, columns of others, blank lines and line ends stay.
        (
            "id,name,x\r\n1,\"Ann\",\"y\"\r\n\r\n2,Bob,z\r\n",
            vec![set("2", "Rob")],
            "id,name,x\r\n1,\"Ann\",\"y\"\r\n\r\n2,Rob,z\r\n",
        ),
        ("id,name,x\n1,Ann,\"y\"\n", vec![set("1", "A,n")], "id,name,x\n1,\"A,n\",\"y\"\n"),
        ("id,name,x\n1,Ann,y\n", vec![create("2", &name("Bob"))], "id,name,x\n1,Ann,y\n2,Bob,\n"),
        ("id,name\n1,Ann", vec![create("2", &name("Bob"))], "id,name\n1,Ann\n2,Bob\n"),
        ("id,name", vec![create("2", &name("Bob"))], "id,name\n2,Bob\n"),
        ("id,name\r1,Ann\r", vec![create("2", &name("B\"b"))], "id,name\r1,Ann\r2,\"B\"\"b\"\r"),
        ("id,name\n1,Ann\n2,Bob", vec![set("2", "Rob")], "id,name\n1,Ann\n2,Rob"),
        ("id,name\n1,Ann\n2,Bob", vec![delete("2"), create("3", &[])], "id,name\n1,Ann\n3,\n"),
        ("id,name\n1,Ann\n2,Bob", vec![set("2", "Rob"), create("3", &[])], "id,name\n1,Ann\n2,Rob\n3,\n"),
        ("id,name\n1,Ann\n2,Bob\n3,Cid\n", vec![delete("1"), delete("3")], "id,name\n2,Bob\n"),
        ("\u{feff}id,name\n1,Ann\n\n", vec![create("2", &[])], "\u{feff}id,name\n1,Ann\n\n2,\n"),
        // Bad records stay, whatever they are.
        ("id,name\n1,Ann\n7,a,b,c\n2,Bob\n", vec![delete("1")], "id,name\n7,a,b,c\n2,Bob\n"),
        // Of a doubled key the first record counts, and deleting takes all.
        ("id,name\n1,Ann\n1,Bob\n", vec![set("1", "Cid")], "id,name\n1,Cid\n1,Bob\n"),
        ("id,name\n1,Ann\n2,x\n1,Bob\n", vec![delete("1")], "id,name\n2,x\n"),
        // Deleted and made again it is a new record in its old place.
        (
            "id,name,x\n1,Ann,y\n2,Bob,z\n",
            vec![delete("1"), create("1", &name("Eve"))],
            "id,name,x\n1,Eve,\n2,Bob,z\n",
        ),
        (
            "id,name\n1,Ann\n",
            vec![create("2", &name("Bob")), set("2", "Rob"), delete("1")],
            "id,name\n2,Rob\n",
        ),
    ] {
        let files = Files::with(before);
        let outcomes = write(&*files.open(&[]).await, &class(&[]), operations).await;
        assert!(outcomes.iter().all(Result::is_ok), "{before:?}: {outcomes:?}");
        assert_eq!(files.text(), after, "{before:?}");
        assert_eq!(files.names(), ["people.csv"], "nothing is left behind");
    }
}

#[tokio::test]
async fn bytes_that_cannot_be_decoded_survive() {
    let before = b"id,name\n1,A\xffn\n2,Bob\n".to_vec();
    let files = Files::with(&before);
    write(&*files.open(&[]).await, &class(&[]), vec![replace("2", "name", Field::text("Rob"))]).await;
    assert_eq!(files.bytes(), b"id,name\n1,A\xffn\n2,Rob\n");

    let mut units: Vec<u16> = "id,name\n1,x\n2,Bob\n".encode_utf16().collect();
    units[10] = 0xdfff;
    let bytes = |units: &[u16]| units.iter().flat_map(|unit| unit.to_be_bytes()).collect::<Vec<u8>>();
    let files = Files::with(bytes(&units));
    write(&*files.open(&[("encoding", "UTF-16BE")]).await, &class(&[]), vec![delete("2")]).await;
    assert_eq!(files.bytes(), bytes(&units[..12]));
}

#[tokio::test]
async fn a_session_without_effect_does_not_touch_the_file() {
    for operations in [
        vec![],
        vec![delete("9")],
        vec![replace("1", "name", Field::text("Ann"))],
        vec![create("2", &[]), delete("2")],
        vec![values("1", "groups", &["a"], &["z"])],
        vec![replace("1", "name", Field::text("Eve")), replace("1", "name", Field::text("Ann"))],
    ] {
        let files = Files::with("id,name,groups\n1,Ann,a|b\n");
        let state =
            || fs::metadata(files.own.join("people.csv")).map(|file| (file.ino(), file.modified().unwrap()));
        let before = state().unwrap();
        let connector = files.open(&[("multiValueSeparator", "|")]).await;
        let outcomes = write(&*connector, &class(&["id", "name", "groups*"]), operations.clone()).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(state().unwrap(), before, "{operations:?}");
        assert_eq!(files.names(), ["people.csv"]);
    }
}

#[tokio::test]
async fn operations_are_judged_at_once() {
    let files = Files::with("id,name,mail\n1,Ann,a\n2,Bob\n");
    let connector = files.open(&[]).await;
    let mut writer = connector.writer(&class(&[])).await.unwrap();
    let text = Field::text;
    let outcomes = writer
        .write(vec![
            create("1", &[]),
            create("2", &[]),
            replace("2", "name", text("x")),
            delete("2"),
            replace("9", "name", text("x")),
            create("3", &[("none", text("x"))]),
            create("3", &[("none", Field::Null)]),
            create("3", &[]),
            create("", &[]),
            replace("1", "id", text("4")),
            replace("1", "id", text("1")),
            replace("1", "name", text("a\0b")),
            replace("1", "name", many(&["a", "b"])),
            values("1", "name", &["a"], &[]),
            Operation::Update { uid: "1".to_owned(), name: None, writes: vec![], enabled: Some(false) },
            Operation::Create { uid: "5".to_owned(), attributes: vec![], enabled: false },
        ])
        .await;
    let found: String = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(_) => 'o',
            Err(ConnectorError::Conflict { .. }) => 'c',
            Err(ConnectorError::Missing { .. }) => 'm',
            Err(ConnectorError::Rejected { .. }) => 'r',
            Err(_) => '?',
        })
        .collect();
    assert_eq!(found, "crrrmrocrrorrrrr");
    writer.close().await.unwrap();
    assert_eq!(files.text(), "id,name,mail\n1,Ann,a\n2,Bob\n3,,\n");
}

#[tokio::test]
async fn a_record_that_may_hide_a_key_stops_what_depends_on_it() {
    let files = Files::with("id,name\n1,Ann\n\"2\"x,Bob\n");
    let connector = files.open(&[]).await;
    let operations = vec![create("3", &[]), delete("3"), replace("3", "name", Field::Null), delete("1")];
    let outcomes = write(&*connector, &class(&[]), operations).await;
    for outcome in &outcomes[..3] {
        let Err(ConnectorError::Rejected { message }) = outcome else { panic!("{outcome:?}") };
        assert!(message.contains("line 3"), "{message}");
    }
    assert_eq!(outcomes[3], Ok(()));
    assert_eq!(files.text(), "id,name\n\"2\"x,Bob\n");
}

#[tokio::test]
async fn a_file_of_which_no_record_can_be_read_is_not_written() {
    for (before, given, says) in [
        (
            "id;name\n1;Ann\n2;Bob\n",
            vec![("header", "false"), ("columns", "id,name")],
            "none of its 3 records can be read: `people.csv` line 1: it has 1 cell instead of 2",
        ),
        (
            "id,name\n1,Ann,x\n2\n",
            vec![],
            "none of its 2 records can be read: `people.csv` line 2: it has 3 cells",
        ),
        ("id,name\n\n1\n", vec![], "its one record cannot be read: `people.csv` line 3: it has 1 cell"),
        (
            "id,name\n1,Ann\n2,Bob\n",
            vec![("enabledColumn", "name"), ("enabledValue", "yes"), ("disabledValue", "no")],
            "none of its 2 records can be read: `people.csv` line 2: `name` holds `Ann`, neither `yes` nor `no`",
        ),
    ] {
        let files = Files::with(before);
        let refused = files.open(&given).await.writer(&class(&[])).await.map(|_| ()).unwrap_err();
        let ConnectorError::Unusable { message } = &refused else { panic!("{refused:?}") };
        assert!(message.contains(says), "{message}");
        assert!(message.ends_with("as the file has them, or repair the file"), "{message}");
        assert_eq!((files.text().as_str(), files.names()), (before, vec!["people.csv".to_owned()]));
    }
}

#[tokio::test]
async fn one_sound_record_is_enough_to_write_beside_those_that_are_bad() {
    let before = "id,name\n1\n2,a,b\n3,Cid\n\"4\n";
    let files = Files::with(format!("{before}\",x\n"));
    let outcomes =
        write(&*files.open(&[]).await, &class(&[]), vec![replace("3", "name", Field::text("Sid"))]).await;
    assert_eq!(outcomes, [Ok(())]);
    assert_eq!(files.text(), format!("{}\",x\n", before.replace("Cid", "Sid")));
}

#[tokio::test]
async fn a_damaged_file_is_not_written() {
    for (content, given, says) in [
        ("id,name\n1,\"Ann\n", &[][..], "never closed"),
        ("id,name\n1,Ann\n", &[("trailer", "#")], "does not end"),
        ("id,name\n1,Ann\n#,2\n", &[("trailer", "#"), ("trailerCountColumn", "2")], "counts 2"),
        ("name\nAnn\n", &[], "no column `id`"),
    ] {
        let files = Files::with(content);
        let Err(error) = files.open(given).await.writer(&class(&[])).await else { panic!("{content}") };
        assert!(matches!(error, ConnectorError::Unusable { .. }), "{error:?}");
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(files.names(), ["people.csv"]);
    }
}

#[tokio::test]
async fn a_new_file_gets_the_columns_that_are_known() {
    let utf16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    for (given, attributes, expected) in [
        (&[][..], &["name", "mail"][..], b"id,name,mail\n1,Ann,\n".to_vec()),
        (&[("columns", "name,id")], &["mail"], b"name,id\nAnn,1\n".to_vec()),
        (&[("enabledColumn", "on")], &["name", "id"], b"name,id,on\nAnn,1,true\n".to_vec()),
        (&[("header", "false"), ("columns", "id,name")], &[], b"1,Ann\n".to_vec()),
        (
            &[("trailer", "#END"), ("trailerCountColumn", "3")],
            &["name"],
            b"id,name\n1,Ann\n#END,,1\n".to_vec(),
        ),
        (&[("encoding", "UTF-16")], &["name"], utf16("\u{feff}id,name\n1,Ann\n")),
        (&[("encoding", "UTF-16LE")], &["name"], utf16("id,name\n1,Ann\n")),
    ] {
        for beginning in [None, Some("")] {
            let files = Files::new();
            if let Some(content) = beginning {
                files.put(content);
            }
            let connector = files.open(given).await;
            assert_eq!(
                write(&*connector, &class(attributes), vec![create("1", &name("Ann"))]).await,
                [Ok(())]
            );
            assert_eq!(files.bytes(), expected, "{given:?}");
        }
    }
    let files = Files::new();
    assert!(files.open(&[]).await.writer(&class(&[])).await.is_err(), "nothing says the columns");
    write(&*files.open(&[]).await, &class(&["name"]), vec![]).await;
    assert_eq!(files.names(), [""; 0], "no account, no file");
}

#[tokio::test]
async fn a_trailer_stays_last_and_counts_anew() {
    let given = [("trailer", "#END"), ("trailerCountColumn", "2")];
    for (operations, after) in [
        (vec![create("3", &[])], "id,name\n1,Ann\nbad\n3,\n#END,3,\"x\"\n\n"),
        (vec![delete("1")], "id,name\nbad\n#END,1,\"x\"\n\n"),
        (vec![replace("1", "name", Field::text("Eve"))], "id,name\n1,Eve\nbad\n#END,2,\"x\"\n\n"),
    ] {
        let files = Files::with("id,name\n1,Ann\nbad\n#END,2,\"x\"\n\n");
        // The record without a certain key would stop a create: this one says its key.
        files.put(files.text().replace("bad\n", "7,b,c\n"));
        let outcomes = write(&*files.open(&given).await, &class(&[]), operations).await;
        assert_eq!(outcomes, [Ok(())]);
        assert_eq!(files.text(), after.replace("bad\n", "7,b,c\n"));
    }
}

#[tokio::test]
async fn accounts_are_enabled_in_their_column() {
    let given = [("enabledColumn", "active"), ("enabledValue", "Y"), ("disabledValue", "N")];
    let files = Files::with("id,active\n1,y\n2,N\n");
    let state =
        |uid: &str, enabled| Operation::Update { uid: uid.to_owned(), name: None, writes: vec![], enabled };
    let made = Operation::Create { uid: "3".to_owned(), attributes: vec![], enabled: false };
    let operations = vec![state("1", Some(false)), state("2", Some(true)), made];
    let outcomes = write(&*files.open(&given).await, &class(&[]), operations).await;
    assert_eq!(outcomes, [Ok(()), Ok(()), Ok(())]);
    assert_eq!(files.text(), "id,active\n1,N\n2,Y\n3,N\n");
}

#[tokio::test]
async fn characters_that_the_encoding_lacks_are_refused() {
    let files = Files::with(b"id,name\n1,Zo\xeb\n");
    let connector = files.open(&[("encoding", "windows-1252")]).await;
    let operations =
        vec![replace("1", "name", Field::text("李")), create("李", &[]), create("2", &name("€ é"))];
    let outcomes = write(&*connector, &class(&[]), operations).await;
    assert!(matches!(outcomes[0], Err(ConnectorError::Rejected { .. })));
    assert!(matches!(outcomes[1], Err(ConnectorError::Rejected { .. })));
    assert_eq!(files.bytes(), b"id,name\n1,Zo\xeb\n2,\x80 \xe9\n");
}

#[tokio::test]
async fn two_writers_never_overlap() {
    let files = Files::with("id,name\n1,Ann\n");
    symlink(files.own.join("people.csv"), files.own.join("alias.csv")).unwrap();
    let connector = files.open(&[]).await;
    let alias = muster_connector::RemoteClass { remote_name: "alias.csv".to_owned(), ..class(&[]) };
    let first = connector.writer(&class(&[])).await.unwrap();
    for class in [&class(&[]), &alias] {
        let Err(error) = connector.writer(class).await else { panic!("two writers") };
        assert!(matches!(error, ConnectorError::Transient { retry_after: Some(_), .. }), "{error:?}");
    }
    first.close().await.unwrap();
    let mut second = connector.writer(&alias).await.unwrap();
    assert_eq!(written(&mut *second, vec![delete("1")]).await, [Ok(())]);
    drop(second);
    assert_eq!(files.text(), "id,name\n1,Ann\n", "a session that is dropped changes nothing");
    assert_eq!(write(&*connector, &alias, vec![delete("1")]).await, [Ok(())]);
    assert_eq!(files.text(), "id,name\n");
    assert_eq!(files.names(), ["alias.csv", "people.csv"], "the link stays a link to the file");
    assert!(fs::symlink_metadata(files.own.join("alias.csv")).unwrap().is_symlink());
}

#[tokio::test]
async fn what_killed_writers_left_is_removed() {
    let files = Files::with("id,name\n1,Ann\n");
    let (ours, others) = (".people.csv.a1B2c3.muster-tmp", ".people.csv.x.a1B2c3.muster-tmp");
    for leftover in [ours, others, ".people.csv.lock"] {
        fs::write(files.own.join(leftover), "left").unwrap();
    }
    write(&*files.open(&[]).await, &class(&[]), vec![]).await;
    assert_eq!(files.names(), [others, "people.csv"]);
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_is_not_overwritten() {
    let append = "id,name\n1,Ann\n2,Bob\n";
    for (before, meanwhile) in [(Some("id,name\n1,Ann\n"), append), (None, append)] {
        let files = Files::new();
        if let Some(before) = before {
            files.put(before);
        }
        let connector = files.open(&[]).await;
        let mut writer = connector.writer(&class(&["name"])).await.unwrap();
        assert_eq!(written(&mut *writer, vec![create("3", &[])]).await, [Ok(())]);
        files.put(meanwhile);
        let error = writer.close().await.unwrap_err();
        assert!(matches!(error, ConnectorError::Transient { .. }), "{error:?}");
        assert_eq!(files.text(), meanwhile);
        assert_eq!(files.names(), ["people.csv"]);
    }
}

#[tokio::test]
async fn a_value_that_grows_too_large_breaks_the_session() {
    let files = Files::with("id,groups\n1,aaaa\n");
    let given = [("multiValueSeparator", "|"), ("maximumCellBytes", "8")];
    let connector = files.open(&given).await;
    let mut writer = connector.writer(&class(&["groups*"])).await.unwrap();
    assert_eq!(written(&mut *writer, vec![values("1", "groups", &["bbbb"], &[])]).await, [Ok(())]);
    let error = writer.close().await.unwrap_err();
    assert!(
        matches!(error, ConnectorError::Rejected { .. }) && error.to_string().contains("`1`"),
        "{error:?}"
    );
    assert_eq!(files.text(), "id,groups\n1,aaaa\n");
}

#[tokio::test]
async fn the_rights_of_a_file_stay() {
    let files = Files::with("id,name\n1,Ann\n");
    let path = files.own.join("people.csv");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    write(&*files.open(&[]).await, &class(&[]), vec![delete("1")]).await;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o604);
}

#[tokio::test]
async fn many_records_pass_through_a_session() {
    let records: String = (0..5000).map(|number| format!("{number},\"name {number}\"\n")).collect();
    let files = Files::with(format!("id,name\n{records}"));
    let connector = files.open(&[]).await;
    let mut operations: Vec<_> = (0..5000).step_by(7).map(|number| delete(&number.to_string())).collect();
    operations.extend((5000..6000).map(|number| create(&number.to_string(), &name("new"))));
    let outcomes = write(&*connector, &class(&[]), operations).await;
    assert!(outcomes.iter().all(Result::is_ok));
    let accounts = sweep(&*connector, request(&class(&[]))).await.accounts();
    let expected = (0..6000).filter(|number| *number >= 5000 || number % 7 != 0);
    let uids: Vec<String> = accounts.into_iter().map(|account| account.uid).collect();
    assert_eq!(uids, expected.map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn wrong_properties_are_all_said_when_a_connector_is_opened() {
    let files = Files::new();
    let given = properties(&[("quot", "'"), ("header", "no")]);
    let Err(error) = CsvKind.open(&given, &Host::new("acme".parse().unwrap(), files.roots.clone())).await
    else {
        panic!("opened")
    };
    assert!(matches!(error, ConnectorError::Unusable { .. }), "{error:?}");
    assert!(error.to_string().contains("`quot`") && error.to_string().contains("`header`"), "{error}");
}

#[tokio::test]
async fn a_key_that_begins_like_a_byte_order_mark_is_kept() {
    let files = Files::new();
    let connector = files.open(&[("header", "false"), ("columns", "id,name")]).await;
    assert_eq!(write(&*connector, &class(&[]), vec![create("\u{feff}1", &name("Ann"))]).await, [Ok(())]);
    let accounts = sweep(&*connector, request(&class(&[]))).await.accounts();
    assert_eq!(accounts[0].uid, "\u{feff}1");
}
