//! Files that are missing, empty or cut short: the run fails, says where and what to do, and takes nobody for gone.

use muster_model::configuration::ConfigurationKind;
use muster_testkit::people::BadLines;
use serde_json::json;

use crate::world::{World, bare, finish, people};

const RUN: [&str; 5] = ["run", "sync", "hr-reconciliation", "--tenant", "acme"];

fn fails(world: &World, parts: &[&str]) {
    let called = world.call(&RUN).expect(1);
    assert!(called.out.contains(": failed"), "{}", called.out);
    assert!(called.err.starts_with("error: run ") && called.err.contains("hint: "), "{}", called.err);
    for part in parts {
        assert!(called.err.contains(part), "{part} in {}", called.err);
    }
}

#[test]
fn a_missing_file_is_named() {
    let world = World::example();
    fails(&world, &["`hr/people.csv` does not exist", "put the file there"]);
    world.deliver(&people(40, BadLines::None));
    assert!(world.call(&RUN).expect(0).out.contains("created     40"));
}

#[test]
fn an_empty_file_is_no_file_without_people() {
    let world = World::example();
    world.deliver(&people(40, BadLines::None));
    world.call(&RUN).expect(0);
    world.deliver(b"");
    let called = world.call(&RUN);
    assert_ne!(called.code, 0, "{}", called.out);
    let told = format!("{}{}", called.out, called.err);
    assert!(told.contains("`hr/people.csv` is empty"), "{told}");
    let ending = "done, but the source was cut short, so nobody was taken for gone\n";
    assert!(told.contains(ending) && !told.contains("failed"), "{told}");
    let shown = world.call(&[&RUN[..], &["--output", "json"]].concat()).expect(3).json();
    let detail = &shown["errorDetails"][0];
    assert_eq!((&shown["numberOfErrors"], &detail["label"]), (&0.into(), &"SOURCE_CUT_SHORT".into()));
    assert!(detail["fix"].as_str().unwrap().starts_with("deliver the whole source"), "{detail}");
    assert!(!called.out.contains("disabled"), "nobody is taken for gone: {}", called.out);
}

#[test]
fn a_file_that_was_cut_is_recognised() {
    let world = World::adapted(|kind, document| {
        if kind == ConfigurationKind::ConnectorDefinition && document["id"] == "hr-csv" {
            let properties = document["connectorProperties"].as_array_mut().unwrap();
            properties.push(json!({"name": "minimumShare", "value": "90"}));
        }
    });
    let whole = people(100, BadLines::None);
    world.deliver(&whole);
    world.call(&RUN).expect(0);
    world.deliver(&whole[..whole.len() / 2]);
    let called = world.call(&RUN);
    assert_ne!(called.code, 0, "{}", called.out);
    let told = format!("{}{}", called.out, called.err);
    assert!(told.contains("fewer than 90 percent of the 100 last time"), "{told}");
    assert!(told.contains("the source was cut short, so nobody was taken for gone"), "{told}");
    assert!(!called.out.contains("disabled"), "nobody is taken for gone: {}", called.out);
}

#[test]
fn entries_that_may_be_anybody_are_one_note_of_its_own() {
    let world = World::example();
    let mut with_a_blank = people(40, BadLines::None);
    with_a_blank.extend_from_slice(b" \n");
    world.deliver(&with_a_blank);
    let shown = world.call(&[&RUN[..], &["--output", "json"]].concat()).expect(3).json();
    let details = shown["errorDetails"].as_array().unwrap();
    let labels: Vec<_> = details.iter().map(|detail| &detail["label"]).collect();
    assert_eq!(labels, ["ENTRY_UNREADABLE", "ENTRY_UNIDENTIFIED"]);
    assert_eq!(shown["numberOfErrors"], 1);
    assert!(details[0]["description"].as_str().unwrap().contains("it has 1 cell instead"), "{shown}");
    assert!(details[1]["description"].as_str().unwrap().starts_with("1 bad entry has no"), "{shown}");
    assert_ne!(details[0]["fix"], details[1]["fix"], "what is to be done about them differs");
}

#[test]
fn a_file_of_something_else_is_told_so() {
    let world = World::example();
    world.deliver(b"id;name\n1;Ann\n");
    fails(&world, &["`hr/people.csv` line 1", "no column `employeeNumber`"]);
}

/// What people do to files before they deliver them, how a run ends then, and what it says.
type Feared = (&'static str, fn(&str) -> Vec<u8>, i32, &'static str);

const COUNT: u64 = 130;

/// Each line but the first, its cells changed.
fn cells(text: &str, change: impl Fn(usize, &mut Vec<String>)) -> Vec<u8> {
    let mut lines = text.lines();
    let mut changed = vec![lines.next().unwrap().to_owned()];
    for (index, line) in lines.enumerate() {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        change(index, &mut cells);
        changed.push(cells.join(","));
    }
    (changed.join("\n") + "\n").into_bytes()
}

/// The first lines, with the header.
fn first(text: &str, count: usize) -> Vec<u8> {
    text.split_inclusive('\n').take(count + 1).collect::<String>().into_bytes()
}

const FEARED: [Feared; 19] = [
    (
        "half of the lines",
        |text| first(text, 64),
        3,
        "64 records, fewer than 50 percent of the 130 last time",
    ),
    ("a little more than half", |text| first(text, 66), 4, "disable: 64 of 130"),
    ("cut within a line", |text| text.as_bytes()[..text.len() / 4 * 3].to_vec(), 4, "disable: "),
    (
        "keys with a zero before them",
        |text| text.replace("\nE", "\n0E").into_bytes(),
        4,
        "disable: 130 of 130",
    ),
    (
        "keys made one by a spreadsheet",
        |text| cells(text, |_, cells| cells[0] = "1E+06".into()),
        1,
        "129 of 130 entries failed",
    ),
    (
        "keys of an eighth made one",
        |text| {
            cells(text, |index, cells| {
                if index < 16 {
                    cells[0] = "1E+06".into()
                }
            })
        },
        3,
        "15 of 130 entries repeat a key",
    ),
    (
        "columns swapped",
        |text| text.replacen("givenName,surname", "surname,givenName", 1).into_bytes(),
        4,
        "update: 1",
    ),
    (
        "key and department swapped",
        |text| cells(text, |_, cells| cells.swap(0, 4)),
        1,
        "of 130 entries failed, which is more than half",
    ),
    (
        "the key renamed",
        |text| text.replacen("employeeNumber", "number", 1).into_bytes(),
        1,
        "no column `employeeNumber` among `number | givenName",
    ),
    ("no header", |text| text.split_once('\n').unwrap().1.into(), 1, "no column `employeeNumber` among `E"),
    ("another separator", |text| text.replace(',', ";").into_bytes(), 1, "among `employeeNumber;givenName"),
    ("a page of a proxy", |_| b"<html>\n<body>502 Bad Gateway</body>\n".to_vec(), 1, "among `<html>`"),
    (
        "UTF-16",
        |text| [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect(),
        1,
        "the byte order mark of UTF-16; set the property `encoding`",
    ),
    (
        "zero bytes",
        |text| cells(text, |_, cells| cells[2].push('\0')),
        1,
        "130 of 130 entries failed, which is more than half",
    ),
    (
        "dates in another form",
        |text| cells(text, |_, cells| cells[9] = cells[9].replace('-', "/")),
        1,
        "of 130 entries failed, which is more than half",
    ),
    (
        "some dates in another form, somebody gone",
        |text| {
            let some = cells(text, |index, cells| {
                if index < 26 {
                    cells[9] = cells[9].replace('-', "/")
                }
            });
            first(&String::from_utf8(some).unwrap(), 129)
        },
        3,
        "the source was cut short, so nobody was taken for gone",
    ),
    (
        "a quote in the middle",
        |text| {
            cells(text, |index, cells| {
                if index == 65 {
                    cells[1].insert(0, '"')
                }
            })
        },
        3,
        "nobody is concluded to be gone",
    ),
    (
        "everybody twice",
        |text| [text, text.split_once('\n').unwrap().1].concat().into_bytes(),
        3,
        "the source was cut short, so nobody was taken for gone",
    ),
    ("one manager for all", |text| cells(text, |_, cells| cells[8] = "E0000001".into()), 4, "update: 1"),
];

#[test]
fn whatever_was_done_to_a_file_takes_nothing_from_anybody_and_is_told_in_a_sentence() {
    let world = World::example();
    let whole = String::from_utf8(people(COUNT, BadLines::None)).unwrap();
    world.deliver(whole.as_bytes());
    world.call(&RUN).expect(0);
    for (what, change, code, says) in FEARED {
        world.deliver(&change(&whole));
        let called = world.call(&RUN);
        let told = format!("{}{}", called.out, called.err);
        assert!(called.code == code && told.contains(says), "{what}: {}\n{told}", called.code);
        if code == 4 {
            let rejects =
                told.lines().find_map(|line| line.strip_prefix("to drop it:       muster ")).unwrap();
            finish(&mut bare(&rejects.split(' ').collect::<Vec<_>>())).expect(0);
        } else {
            assert!(!told.contains("disabled"), "{what}: {told}");
        }
    }
    let file = world.people_file();
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    fails(&world, &["`hr/people.csv`"]);
    std::fs::remove_dir(&file).unwrap();
    world.deliver(&[b"\xef\xbb\xbf", whole.as_bytes()].concat());
    let called = world.call(&RUN).expect(0);
    assert!(called.out.contains("unchanged   130"), "everybody is as before: {}", called.out);
}
