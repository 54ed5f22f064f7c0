//! Laws that hold for any file: pages and resumption change nothing, sound files read as the `csv` crate reads
//! them, and what is written is read back.

use std::collections::BTreeMap;

use muster_connector::{Account, AttributeWrite, Entry, Operation, SweepRequest};
use muster_model::{Field, Value};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::place::{Files, Swept, class, request, sweep, write};

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Texts made of what makes trouble.
fn text() -> impl Strategy<Value = String> {
    let pieces =
        ["a", "b ", "é", "李", "😀", ",", ";", "|", "\"", "'", "\\", "\n", "\r", "\r\n", "\\N", "\u{feff}"];
    vec(proptest::sample::select(pieces.to_vec()), 0..5).prop_map(|pieces| pieces.concat())
}

/// Lines as they might stand in a file that somebody damaged.
fn rough_file() -> impl Strategy<Value = String> {
    let pieces = ["1", "22", ",", ",", ",", "\n", "\n", "\n", "\r\n", "\r", "\"", "\"\"", "é", " ", "\0"];
    vec(proptest::sample::select(pieces.to_vec()), 0..60)
        .prop_map(|pieces| format!("id,name,mail\n1,a,b\n{}", pieces.concat()))
}

async fn in_pages(files: &Files, page_size: usize, resume: Option<muster_connector::Cursor>) -> Swept {
    let asked = SweepRequest { page_size: page_size.into(), resume, ..request(&class(&[])) };
    sweep(&*files.open(&[]).await, asked).await
}

proptest! {
    #[test]
    fn pages_and_resumption_change_nothing(content in rough_file(), page_size in 1usize..5) {
        run(async {
            let files = Files::with(&content);
            let whole = in_pages(&files, 1000, None).await;
            let paged = in_pages(&files, page_size, None).await;
            assert_eq!(paged.entries(), whole.entries());
            assert_eq!(paged.end, whole.end);
            let mut read = 0;
            for page in &paged.pages {
                read += page.entries.len();
                let rest = in_pages(&files, page_size, Some(page.cursor.clone())).await;
                assert_eq!(rest.entries(), whole.entries()[read..]);
                assert_eq!(rest.end, whole.end);
            }
        });
    }

    #[test]
    fn a_place_is_the_line_where_a_record_begins(content in rough_file()) {
        let swept = run(in_pages(&Files::with(&content), 1000, None));
        let unified = content.replace("\r\n", "\n").replace('\r', "\n");
        let lines: Vec<&str> = unified.split('\n').collect();
        let mut last = 0;
        for entry in swept.entries() {
            let (place, uid) = match &entry {
                Entry::Account(account) => (account.place.0, Some(&account.uid)),
                Entry::Bad(bad) => (bad.place.0, bad.uid.as_ref()),
                Entry::Gone(gone) => (gone.place.0, Some(&gone.uid)),
            };
            assert!(place > last, "places rise");
            last = place;
            let line = lines[usize::try_from(place - 1).unwrap()];
            let begins = |uid: &String| line.trim_start_matches('"').starts_with(uid.split('\n').next().unwrap());
            assert!(!line.is_empty());
            assert!(uid.is_none_or(|uid| uid.contains(['"', '\r']) || begins(uid)), "{uid:?} at `{line}`");
        }
    }

    #[test]
    fn sound_files_read_as_the_csv_crate_reads_them(
        rows in vec((text(), text()), 0..8),
        style in 0usize..3,
        terminator in 0usize..3,
    ) {
        let styles = [csv::QuoteStyle::Necessary, csv::QuoteStyle::Always, csv::QuoteStyle::NonNumeric];
        let terminators = [csv::Terminator::CRLF, csv::Terminator::Any(b'\n'), csv::Terminator::Any(b'\r')];
        let mut writer = csv::WriterBuilder::new()
            .quote_style(styles[style])
            .terminator(terminators[terminator])
            .from_writer(Vec::new());
        writer.write_record(["id", "one", "two"]).unwrap();
        for (number, (one, two)) in rows.iter().enumerate() {
            writer.write_record([&number.to_string(), one, two]).unwrap();
        }
        let content = writer.into_inner().unwrap();
        let expected: Vec<Vec<String>> = csv::Reader::from_reader(content.as_slice())
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect();

        let files = Files::with(&content);
        let swept = run(async { sweep(&*files.open(&[("emptyCell", "EMPTY")]).await, request(&class(&[]))).await });
        let read: Vec<Vec<String>> = swept.accounts().iter().map(|account| {
            account.record.fields.iter().map(|field| field.first().unwrap().to_text().into_owned()).collect()
        }).collect();
        assert_eq!(read, expected);
    }
}

/// One thing that a session can do with one of a few keys.
#[derive(Debug, Clone)]
enum Act {
    Create(Field, Field),
    Replace(Field),
    Values(Vec<String>, Vec<String>),
    Delete,
}

fn one() -> impl Strategy<Value = Field> {
    prop_oneof![Just(Field::Absent), Just(Field::Null), text().prop_map(Field::text)]
}

/// Values without the separator of values, and no single empty one.
fn values() -> impl Strategy<Value = Vec<String>> {
    vec(text().prop_map(|text| text.replace('|', "/") + "x"), 0..3)
}

fn several() -> impl Strategy<Value = Field> {
    let many = values().prop_map(|texts| Field::Many(texts.into_iter().map(Value::String).collect()));
    prop_oneof![Just(Field::Absent), Just(Field::Null), many]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (one(), several()).prop_map(|(one, several)| Act::Create(one, several)),
        one().prop_map(Act::Replace),
        (values(), values()).prop_map(|(add, remove)| Act::Values(add, remove)),
        Just(Act::Delete),
    ]
}

const KEYS: [&str; 4] = ["k", "a,\"b\"", "\\N", "two\nlines"];

fn operation(uid: &str, act: Act) -> Operation {
    let texts = |texts: Vec<String>| texts.into_iter().map(Value::String).collect();
    let update = |name: &str, write| Operation::Update {
        uid: uid.to_owned(),
        name: None,
        writes: vec![(name.into(), write)],
        enabled: None,
    };
    match act {
        Act::Create(one, several) => crate::place::create(uid, &[("name", one), ("groups", several)]),
        Act::Replace(field) => update("name", AttributeWrite::Replace(field)),
        Act::Values(add, remove) => {
            update("groups", AttributeWrite::Values { add: texts(add), remove: texts(remove) })
        }
        Act::Delete => crate::place::delete(uid),
    }
}

/// What a system of unlimited expression would hold.
fn imagine(held: &mut BTreeMap<String, (Field, Field)>, uid: &str, act: Act) -> bool {
    match act {
        Act::Create(..) if held.contains_key(uid) => return false,
        Act::Create(one, several) => {
            held.insert(uid.to_owned(), (one, several));
        }
        Act::Delete => {
            held.remove(uid);
        }
        Act::Replace(field) => match held.get_mut(uid) {
            Some(account) => account.0 = field,
            None => return false,
        },
        Act::Values(add, remove) => {
            let Some(account) = held.get_mut(uid) else { return false };
            let before: Vec<String> =
                account.1.values().iter().map(|value| value.to_text().into_owned()).collect();
            let mut texts = before.clone();
            texts.retain(|text| !remove.contains(text));
            for text in add {
                if !texts.contains(&text) {
                    texts.push(text);
                }
            }
            if texts != before {
                account.1 = Field::Many(texts.into_iter().map(Value::String).collect());
            }
        }
    }
    true
}

const EXPRESSIVE: &[(&str, &str)] =
    &[("multiValueSeparator", "|"), ("nullToken", "\\N"), ("quotedEmptyCell", "EMPTY")];

async fn writes_are_read_back(sessions: Vec<Vec<(usize, Act)>>, dialect: &[(&str, &str)]) {
    let given: Vec<_> = EXPRESSIVE.iter().chain(dialect).copied().collect();
    let files = Files::new();
    let connector = files.open(&given).await;
    let class = class(&["id", "name", "groups*"]);
    let mut held = BTreeMap::new();
    for session in sessions {
        let operations = session.iter().map(|(key, act)| operation(KEYS[*key], act.clone())).collect();
        let outcomes = write(&*connector, &class, operations).await;
        for ((key, act), outcome) in session.into_iter().zip(outcomes) {
            assert_eq!(outcome.is_ok(), imagine(&mut held, KEYS[key], act), "{outcome:?}");
        }
        if files.names().is_empty() {
            assert!(held.is_empty(), "a file is made with its first account");
            continue;
        }
        let accounts = sweep(&*connector, request(&class)).await.accounts();
        let read: BTreeMap<String, (Field, Field)> = accounts
            .into_iter()
            .map(|Account { uid, record, .. }| {
                assert_eq!(record.get("id"), &Field::text(&uid));
                (uid, (record.get("name").clone(), record.get("groups").clone()))
            })
            .collect();
        assert_eq!(read, held);
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        sessions in vec(vec((0..KEYS.len(), act()), 0..6), 1..4),
        dialect in 0usize..4,
    ) {
        let dialects: [&[(&str, &str)]; 4] = [
            &[],
            &[("separator", ";"), ("quote", "'"), ("escape", "\\")],
            &[("encoding", "UTF-16")],
            &[("header", "false"), ("columns", "groups,name,id"), ("trailer", "#"), ("trailerCountColumn", "2")],
        ];
        run(writes_are_read_back(sessions, dialects[dialect]));
    }
}
