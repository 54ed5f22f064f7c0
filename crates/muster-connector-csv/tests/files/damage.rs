//! Bad records: each is one entry, and says its key only when that is certain.

use muster_connector::{BadEntry, Entry, SweepEnd};
use muster_model::Field;

use crate::place::read;

/// The bad entries of a file with a sound record before and after the damage.
async fn bad(damage: &[u8], given: &[(&str, &str)]) -> Vec<BadEntry> {
    let content = [b"id,name,mail\n1,Ann,a@x\n", damage, b"\n9,Zoe,z@x\n"].concat();
    let swept = read(&content, given, &[]).await;
    assert_eq!(swept.end, SweepEnd::Complete { token: None }, "{}", String::from_utf8_lossy(damage));
    let (mut bad, mut sound) = (Vec::new(), Vec::new());
    for entry in swept.entries() {
        match entry {
            Entry::Account(account) => sound.push(account.uid),
            Entry::Bad(entry) => bad.push(entry),
            Entry::Gone(gone) => panic!("{} is gone", gone.uid),
        }
    }
    assert_eq!(sound, ["1", "9"], "{}", String::from_utf8_lossy(damage));
    bad
}

#[tokio::test]
async fn a_bad_record_is_one_entry_that_names_its_line() {
    for (damage, uid, says) in [
        (&b"2,Bob"[..], Some("2"), "2 cells instead of 3"),
        (b"2,Bob,b@x,more", Some("2"), "4 cells instead of 3"),
        (b"\"2,5\",Bob", Some("2,5"), "2 cells instead of 3"),
        (b"2", None, "1 cell instead of 3"),
        (b" ", None, "1 cell instead of 3"),
        (b"2,B\xffb,b@x", Some("2"), "cannot be decoded"),
        (b"2\xff,Bob,b@x", None, "cannot be decoded"),
        (b"2,Bob,b\0@x", Some("2"), "zero byte"),
        (b"2\0,Bob,b@x", None, "zero byte"),
        (b",Bob,b@x", None, "the key `id` is missing"),
        (b"\"\",Bob,b@x", None, "the key `id` is missing"),
        (b"2,\"Bo\"b,b@x", None, "text stands behind a closing quote"),
        (b"2,Bo\"b", None, "2 cells instead of 3"),
        (b"2,\"Bob\nx\"", None, "2 cells instead of 3"),
        (b"2,\"Bob\n\xff\",b@x", None, "cannot be decoded"),
        (b"2,\"Bob,b@x\n3,\"Cid\",c@x", None, "text stands behind a closing quote"),
    ] {
        let shown = String::from_utf8_lossy(damage).into_owned();
        let bad = bad(damage, &[]).await;
        assert_eq!(bad.len(), 1, "{shown}");
        assert_eq!(bad[0].uid.as_deref(), uid, "{shown}");
        assert_eq!(bad[0].place.0, 3, "{shown}");
        assert!(bad[0].message.starts_with("`people.csv` line 3: "), "{}", bad[0].message);
        assert!(bad[0].message.contains(says), "{shown}: {}", bad[0].message);
    }
}

#[tokio::test]
async fn a_key_that_may_be_shifted_is_not_certain() {
    let content = "name,id\nDoe, John,17\nAnn\nBob,2\n";
    let swept = read(content, &[], &[]).await;
    let uids: Vec<_> = swept
        .entries()
        .into_iter()
        .map(|entry| match entry {
            Entry::Account(account) => Ok(account.uid),
            Entry::Bad(bad) => Err(bad.uid),
            Entry::Gone(gone) => panic!("{} is gone", gone.uid),
        })
        .collect();
    assert_eq!(uids, [Err(None), Err(None), Ok("2".to_owned())]);
}

#[tokio::test]
async fn a_quote_within_an_unquoted_cell_is_part_of_it() {
    let swept = read("id,name\n1,5\" pipe\n2,Jo \"J\" Doe\n", &[], &["name"]).await;
    let names: Vec<_> =
        swept.accounts().iter().map(|account| account.record.get("name").first().cloned()).collect();
    assert_eq!(names, [Some("5\" pipe".into()), Some("Jo \"J\" Doe".into())]);
}

#[tokio::test]
async fn a_state_that_is_neither_is_bad() {
    let given = [("enabledColumn", "mail"), ("enabledValue", "a@x"), ("disabledValue", "z@x")];
    let bad = bad(b"2,Bob,perhaps", &given).await;
    assert_eq!(bad[0].uid.as_deref(), Some("2"));
    assert!(bad[0].message.contains("`mail` holds `perhaps`, neither `a@x` nor `z@x`"), "{}", bad[0].message);
}

#[tokio::test]
async fn a_cell_that_is_too_large_is_bad() {
    let given = [("maximumCellBytes", "5")];
    let sound = read("id,name\n2,\"12\"\"45\"\n", &given, &["name"]).await.accounts();
    assert_eq!(sound[0].record.fields, [Field::text("12\"45")], "five bytes of text");
    let large = bad(b"2,123456,x", &given).await;
    assert_eq!(large[0].uid.as_deref(), Some("2"));
    assert!(large[0].message.contains("the cell of `name` is larger than 5 bytes"), "{}", large[0].message);
    assert_eq!(bad(b"234567,x,x", &given).await[0].uid, None);
}

#[tokio::test]
async fn lone_surrogates_are_bad_and_places_stay_exact() {
    let text = "id,name\n1,a\n2,x\n3,c\n";
    let mut units: Vec<u16> = text.encode_utf16().collect();
    let at = units.iter().position(|unit| *unit == u16::from(b'x')).unwrap();
    units[at] = 0xd800;
    let bytes: Vec<u8> = units.into_iter().flat_map(u16::to_be_bytes).collect();
    let swept = read(bytes, &[("encoding", "UTF-16BE")], &[]).await;
    let Entry::Bad(bad) = &swept.entries()[1] else { panic!("{swept:?}") };
    assert_eq!((bad.place.0, bad.uid.as_deref()), (3, Some("2")));
    assert_eq!(swept.cursors()[0].0, format!("{}:5:3", text.len() * 2));
}

#[tokio::test]
async fn a_record_larger_than_any_is_bad_and_the_next_one_sound() {
    let mut content = b"id,name\n1,\"".to_vec();
    content.extend(std::iter::repeat_n(b"line\r\n".as_slice(), 6 * 1024 * 1024).flatten());
    content.extend(b"\"\n2,Bob\n");
    let swept = read(content, &[], &[]).await;
    let entries = swept.entries();
    let [Entry::Bad(bad), Entry::Account(bob)] = entries.as_slice() else { panic!("two entries") };
    assert_eq!((bad.place.0, &bad.uid), (2, &None));
    assert!(bad.message.contains("larger than 32 MiB"), "{}", bad.message);
    assert_eq!((bob.uid.as_str(), bob.place.0), ("2", 3 + 6 * 1024 * 1024));
}
