//! Sound files: dialects, encodings, the meaning of cells, places.

use std::os::unix::fs::symlink;

use muster_connector::{ConnectorError, ConnectorKind, Entry, SweepEnd, SweepRequest};
use muster_connector_csv::{CsvKind, PROPERTIES};
use muster_model::Field;

use crate::place::{Files, class, many, properties, read, request, sweep, try_sweep};

fn fields(account: &muster_connector::Account) -> Vec<Field> {
    account.record.fields.clone()
}

#[tokio::test]
async fn a_file_is_read_in_its_order_with_exact_lines() {
    let content = "id,name\r\n1,Ann\n\n\r\n2,\"two\r\nlines\rand\na third\"\r3,Bob\n";
    let swept = read(content, &[], &[]).await;
    let accounts = swept.accounts();
    let places: Vec<_> = accounts.iter().map(|account| (account.uid.as_str(), account.place.0)).collect();
    assert_eq!(places, [("1", 2), ("2", 5), ("3", 9)]);
    assert_eq!(fields(&accounts[1]), [Field::text("2"), Field::text("two\r\nlines\rand\na third")]);
    assert_eq!((accounts[0].enabled, &swept.end), (None, &SweepEnd::Complete { token: None }));
    assert_eq!(swept.pages[0].estimated_total, Some(3));
}

#[tokio::test]
async fn every_encoding_gives_the_same() {
    let content = "id,name\n1,Zoë\n2,\"a,€\"\n";
    let expected = read(content, &[], &[]).await.entries();
    let utf16 =
        |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(bytes).collect() };
    let marked = format!("\u{feff}{content}");
    let (le, be) = (u16::to_le_bytes, u16::to_be_bytes);
    let windows = b"id,name\n1,Zo\xeb\n2,\"a,\x80\"\n".to_vec();
    for (encoding, bytes) in [
        ("UTF-8", content.as_bytes().to_vec()),
        ("UTF-8", marked.as_bytes().to_vec()),
        ("utf-8", content.trim_end().as_bytes().to_vec()),
        ("windows-1252", windows.clone()),
        ("ISO-8859-1", windows),
        ("UTF-16LE", utf16(content, le)),
        ("UTF-16LE", utf16(&marked, le)),
        ("UTF-16BE", utf16(content, be)),
        ("UTF-16", utf16(&marked, le)),
        ("UTF-16", utf16(&marked, be)),
    ] {
        let files = Files::with(bytes);
        let connector = files.open(&[("encoding", encoding)]).await;
        let swept = sweep(&*connector, SweepRequest { page_size: 1.into(), ..request(&class(&[])) }).await;
        assert_eq!(swept.entries(), expected, "{encoding}");
        let resume = Some(swept.pages[0].cursor.clone());
        let rest = sweep(&*connector, SweepRequest { resume, ..request(&class(&[])) }).await;
        assert_eq!(rest.entries(), expected[1..], "{encoding}");
    }
}

#[tokio::test]
async fn dialects_are_followed() {
    for (given, content) in [
        (&[("separator", ";")][..], "id;name\n1;a,b\n"),
        (&[("separator", "\\t")], "id\tname\n1\ta,b\n"),
        (&[("quote", "'")], "id,name\n1,'a,b'\n"),
        (&[("escape", "\\")], "id,name\n1,\"a\\,b\"\n"),
        (&[("header", "false"), ("columns", "id, name")], "1,\"a,b\"\n"),
        (&[("columns", "name")], "id,name\n1,\"a,b\""),
    ] {
        let accounts = read(content, given, &[]).await.accounts();
        assert_eq!(accounts.len(), 1, "{content}");
        assert_eq!(fields(&accounts[0]), [Field::text("1"), Field::text("a,b")], "{content}");
    }
}

#[tokio::test]
async fn absent_empty_and_null_are_told_apart() {
    let content = "id,name\n1,\n2,\"\"\n3,\\N\n4,\"\\N\"\n";
    let one = Field::text;
    for (given, expected) in [
        (&[][..], [Field::Absent, Field::Absent, one("\\N"), one("\\N")]),
        (&[("emptyCell", "EMPTY")], [one(""), one(""), one("\\N"), one("\\N")]),
        (&[("emptyCell", "NULL")], [Field::Null, Field::Null, one("\\N"), one("\\N")]),
        (&[("nullToken", "\\N")], [Field::Absent, Field::Absent, Field::Null, one("\\N")]),
        (
            &[("nullToken", "\\N"), ("quotedEmptyCell", "EMPTY")],
            [Field::Absent, one(""), Field::Null, one("\\N")],
        ),
    ] {
        let accounts = read(content, given, &["name"]).await.accounts();
        let read: Vec<Field> = accounts.iter().flat_map(fields).collect();
        assert_eq!(read, expected, "{given:?}");
    }
}

#[tokio::test]
async fn only_attributes_that_are_multi_valued_are_split() {
    let content = "id,groups,note\n1,a|b,c|d\n2,,\n";
    let accounts = read(content, &[("multiValueSeparator", "|")], &["groups*", "note"]).await.accounts();
    assert_eq!(fields(&accounts[0]), [many(&["a", "b"]), Field::text("c|d")]);
    assert_eq!(fields(&accounts[1]), [Field::Absent, Field::Absent]);
    let accounts = read(content, &[], &["groups*"]).await.accounts();
    assert_eq!(fields(&accounts[0]), [Field::text("a|b")]);
}

#[tokio::test]
async fn attributes_are_given_as_they_are_asked_for() {
    let content = "id,name,,active\n1,Ann,x,TRUE\n2,Bob,y,0\n";
    let given = [("enabledColumn", "active"), ("disabledValue", "0")];
    let all = read(content, &given, &[]).await.accounts();
    let names: Vec<_> = all[0].record.names.as_slice().iter().map(|name| name.as_str()).collect();
    assert_eq!(names, ["id", "name"]);
    assert_eq!([all[0].enabled, all[1].enabled], [Some(true), Some(false)]);

    let some = read(content, &given, &["name", "none", "active"]).await.accounts();
    assert_eq!(fields(&some[0]), [Field::text("Ann"), Field::Absent, Field::text("TRUE")]);
    assert_eq!(some[0].uid, "1");
}

#[tokio::test]
async fn a_file_whose_columns_are_not_clear_is_not_read() {
    for (content, given, says) in [
        ("name,mail\n1,x\n", &[][..], "line 1: there is no column `id`"),
        ("\n\nid,mail,mail\n", &[], "line 3: the column `mail` stands there twice"),
        ("id,name\n", &[("columns", "id,mail")], "line 1: there is no column `mail`"),
        ("id,name\n", &[("enabledColumn", "active")], "line 1: there is no column `active`"),
        ("id,\"name\n1,x\n", &[], "line 1: the header has a quote without its partner"),
        ("id,n\0me\n", &[], "line 1: the header holds zero bytes"),
        ("1,x\n", &[("header", "false"), ("columns", "key,name")], "there is no column `id`"),
    ] {
        let files = Files::with(content);
        let connector = files.open(given).await;
        let error = try_sweep(&*connector, request(&class(&[]))).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Unusable { .. }), "{error:?}");
        assert!(error.to_string().starts_with("`people.csv`") && error.to_string().contains(says), "{error}");
        assert_eq!(connector.probe(&class(&[])).await, Err(error));
    }
}

#[tokio::test]
async fn a_wrong_encoding_is_said() {
    for (content, given) in [
        (&b"\xff\xfei\0d\0"[..], &[][..]),
        (b"\xef\xbb\xbfid\n", &[("encoding", "ISO-8859-1")]),
        (b"i\0d\0", &[("encoding", "UTF-16")]),
        (b"\xffid,name\n", &[]),
    ] {
        let files = Files::with(content);
        let error = try_sweep(&*files.open(given).await, request(&class(&[]))).await.unwrap_err();
        assert!(error.to_string().contains("`encoding`"), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_says_what_to_do() {
    let files = Files::new();
    let outside = files.own.parent().unwrap().join("outside.csv");
    std::fs::write(&outside, "id\n1\n").unwrap();
    std::fs::create_dir(files.own.join("people")).unwrap();
    symlink(&outside, files.own.join("link.csv")).unwrap();
    let connector = files.open(&[]).await;
    for (path, says) in [
        ("people.csv", "does not exist; put the file there"),
        ("people", "is a directory"),
        ("../outside.csv", "`..`"),
        ("link.csv", "leads out"),
        (outside.to_str().unwrap(), "none of the directories"),
    ] {
        let class = muster_connector::RemoteClass { remote_name: path.to_owned(), ..class(&[]) };
        let error = try_sweep(&*connector, request(&class)).await.unwrap_err();
        match path {
            "people.csv" => assert!(matches!(error, ConnectorError::Missing { .. }), "{error:?}"),
            _ => assert!(matches!(error, ConnectorError::Unusable { .. }), "{error:?}"),
        }
        assert!(error.to_string().contains(says), "{error}");
        assert!(connector.read(&class, &["1".to_owned()]).await.is_err());
        if path != "people.csv" {
            assert!(connector.writer(&class).await.is_err(), "{path}");
        }
    }
}

#[tokio::test]
async fn keys_are_read_from_a_sound_file_only() {
    let uids = ["2".to_owned(), "9".to_owned()];
    let files = Files::with("id,name\n1,Ann\n2,Bob\n2,Bob's double\n");
    let connector = files.open(&[]).await;
    let found = connector.read(&class(&[]), &uids).await.unwrap();
    let [Entry::Account(bob)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((bob.place.0, bob.record.get("name")), (3, &Field::text("Bob")));

    files.put("id,name\n2,Bob\n1,\"Ann\n3,Cid\n");
    let error = connector.read(&class(&[]), &uids).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Transient { .. }), "nobody knows whether 9 is there: {error}");
    assert_eq!(connector.read(&class(&[]), &uids[..1]).await.unwrap().len(), 1, "2 was met before");

    files.put("id,name\n2,Bob\nx\n");
    let found = connector.read(&class(&[]), &uids).await.unwrap();
    assert!(matches!(&found[1], Entry::Bad(bad) if bad.uid.is_none()), "9 may stand there: {found:?}");
}

#[tokio::test]
async fn capabilities_follow_the_properties() {
    for (given, write, enable) in [
        (&[][..], true, false),
        (&[("enabledColumn", "active")], true, true),
        (&[("writable", "false")], false, false),
    ] {
        let before = CsvKind.capabilities(&properties(given));
        let files = Files::with("id,active\n");
        let connector = files.open(given).await;
        assert_eq!(before, connector.capabilities());
        assert_eq!((before.write, before.enable), (write, enable), "{given:?}");
        assert_eq!(connector.writer(&class(&[])).await.is_ok(), write);
    }
}

#[tokio::test]
async fn every_property_is_documented_and_its_default_is_valid() {
    for property in PROPERTIES {
        assert!(property.description.ends_with('.'), "{}", property.name);
        let Some(default) = property.default else { continue };
        let mut given = vec![(property.name, default)];
        if matches!(property.name, "enabledValue" | "disabledValue") {
            given.push(("enabledColumn", "active"));
        }
        assert_eq!(CsvKind.check(&properties(&given)), [], "{}", property.name);
    }
    let problems = CsvKind.check(&properties(&[("seperator", ";"), ("header", "no")]));
    let names: Vec<_> = problems.iter().map(|problem| problem.name.as_str()).collect();
    assert_eq!(names, ["seperator", "header"]);
    assert!(problems[0].message.contains("`separator`"), "{}", problems[0].message);
}

#[tokio::test]
async fn nothing_happens_where_one_piece_of_a_file_ends_and_the_next_begins() {
    const PIECE: usize = 256 * 1024;
    let tail = "2,\"a\"\"b\r\nc\"\r\n\r\n3,'d\\'e'\r\n4,f\r5,g\r\n";
    for shift in 0..tail.len() + 2 {
        let head = "id,name\r\n1,";
        let content = format!("{head}{}\r\n{tail}", "x".repeat(PIECE - head.len() - shift));
        let accounts = read(&content, &[], &["name"]).await.accounts();
        let places: Vec<_> = accounts.iter().map(|account| account.place.0).collect();
        assert_eq!(places, [2, 3, 6, 7, 8], "{shift}");
        assert_eq!(fields(&accounts[1]), [Field::text("a\"b\r\nc")], "{shift}");

        let (head, tail) = ("id,name\r1,", "2,'a\\'b\\\\'\r3,'c'\r");
        let content = format!("{head}{}\r{tail}", "x".repeat(PIECE - head.len() - shift.min(tail.len())));
        let accounts = read(&content, &[("quote", "'"), ("escape", "\\")], &["name"]).await.accounts();
        let names: Vec<_> = accounts[1..].iter().flat_map(fields).collect();
        assert_eq!(names, [Field::text("a'b\\"), Field::text("c")], "{shift}");
    }
}
