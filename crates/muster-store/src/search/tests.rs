//! A search finds exactly what the condition holds for, whatever the database makes of it.

use chrono::{DateTime, Utc};
use muster_model::attribute::parse_date_time;
use muster_model::condition::Condition;
use muster_model::{
    AttributeName, Attributes, DirectoryId, DisabledReason, Field, ImObject, ObjectId, ObjectKind,
    Provenance, Reference, TenantSlug, Value,
};
use muster_plan::by_hand;
use muster_plan::key::{KeySpec, KeySpecs};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use uuid::Uuid;

use super::*;
use crate::query_plans::on_each_database;
use crate::{HandWrite, Store};

/// Texts that databases, JSON and folding of case might see otherwise than we do.
const TEXTS: [&str; 24] = [
    "",
    "a",
    "A",
    "it",
    "IT",
    "Items",
    "Ärzte",
    "äRZTE",
    "k",
    "\u{212a}",
    "İ",
    "ΣΑΣ",
    "σας",
    "ß",
    "42",
    "true",
    "null",
    "AQID",
    "2026-03-01",
    "2026-03-01T09:30:00.5Z",
    "9999-12-31T23:59:59-01:00",
    "a\"b\\c'd%_",
    "a\u{0}b\n",
    "😀",
];
const NAMES: [&str; 8] = ["a", "b", "c.d", "ä", "t", "r", "type", "q\"uote"];
/// Names that a condition can say; the last have no value anywhere, or are facts of the object.
const ASKED: [&str; 14] = [
    "a",
    "b",
    "c.d",
    "ä",
    "t",
    "r",
    "type",
    "none",
    "id",
    "kind",
    "directory",
    "enabled",
    "disabledReason",
    "$x",
];

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_793_520_000_000).unwrap()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![6 => prop::sample::select(TEXTS.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

fn number() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![i64::MIN, -1, 0, 1, 42, i64::MAX])
}

fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    let texts = [
        "2026-03-01",
        "2026-03-01T09:30:00Z",
        "2026-03-01T09:30:00.5Z",
        "2026-03-01T09:30:01Z",
        "2016-12-31T23:59:60Z",
        "0000-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ];
    prop::sample::select(texts.to_vec()).prop_map(|text| parse_date_time(text).unwrap())
}

fn one() -> impl Strategy<Value = Value> {
    let reference = |key| Value::Reference(Reference { kind: ObjectKind::Role, by: "no".into(), key });
    prop_oneof![
        4 => text().prop_map(Value::String),
        1 => number().prop_map(Value::Integer),
        1 => any::<bool>().prop_map(Value::Boolean),
        1 => instant().prop_map(Value::DateTime),
        1 => prop::sample::select(vec![vec![], vec![1, 2, 3]]).prop_map(Value::Binary),
        1 => text().prop_map(reference),
    ]
}

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![
        1 => Just(Field::Absent),
        1 => Just(Field::Null),
        5 => one().prop_map(Field::One),
        2 => prop::collection::vec(one(), 0..3).prop_map(Field::Many),
    ]
}

fn object() -> impl Strategy<Value = ImObject> {
    let disabled = prop::option::of(prop::sample::select(DisabledReason::ALL.to_vec()));
    // PostgreSQL has no U+0000 in its texts; those of attributes stand as escapes.
    let object_type = prop::option::of(text().prop_map(|text| text.replace('\u{0}', "")));
    let fields = prop::collection::vec(field(), NAMES.len());
    (any::<u128>(), disabled, object_type, fields, any::<bool>()).prop_map(
        |(id, disabled, object_type, fields, elsewhere)| ImObject {
            id: ObjectId(Uuid::from_u128(id.max(1))),
            kind: ObjectKind::Identity,
            directory: if elsewhere { "Else".parse().unwrap() } else { DirectoryId::main() },
            object_type,
            disabled,
            version: 1,
            attributes: NAMES.into_iter().map(AttributeName::from).zip(fields).collect(),
            provenance: Provenance::default(),
        },
    )
}

fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => text().prop_map(|text| serde_json::to_string(&text).unwrap()),
        1 => number().prop_map(|number| number.to_string()),
        1 => prop::sample::select(vec!["true", "false", "null"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["\"IDENTITY\"", "\"main\"", "\"else\"", "\"MISSING\"", "\"ident\""])
            .prop_map(str::to_owned),
    ]
}

/// A condition as text; one that is none is left out by the caller.
fn condition() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(ASKED.to_vec());
    let operator = prop::sample::select(vec!["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]);
    let test = prop_oneof![
        8 => (name(), operator, literal()).prop_map(|(name, op, literal)| format!("{name} {op} {literal}")),
        1 => name().prop_map(|name| format!("{name} pr")),
    ];
    test.prop_recursive(3, 6, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|part| format!("not ({part})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} and {other})")),
            (inner.clone(), inner).prop_map(|(one, other)| format!("({one} or {other})")),
        ]
    })
}

async fn tenant(store: &Store) -> TenantStore {
    store.create_tenant(&TenantSlug::new("acme").unwrap(), now()).await.unwrap()
}

async fn make(tenant: &TenantStore, object: &ImObject, keys: &KeySpecs) {
    let write = HandWrite {
        change: &by_hand::create(object.clone(), keys),
        checked: tenant.configuration_version().await.unwrap(),
        dropped_keys: &[],
        referrers: &[],
        now: now(),
    };
    tenant.write_by_hand(&write).await.unwrap();
}

fn everything(condition: Option<&Condition>) -> ObjectSearch<'_> {
    let kind = ObjectKind::Identity;
    ObjectSearch { kind, directory: None, condition, keys: None, after: None, limit: 1000 }
}

fn ids<'a>(objects: impl IntoIterator<Item = &'a ImObject>) -> Vec<ObjectId> {
    objects.into_iter().map(|object| object.id).collect()
}

#[test]
fn a_search_finds_what_its_condition_holds_for() {
    on_each_database(async |store| {
        let tenant = tenant(&store).await;
        let mut runner =
            TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
        let people = prop::collection::vec(object(), 120).new_tree(&mut runner).unwrap().current();
        for person in &people {
            make(&tenant, person, &KeySpecs::default()).await;
        }
        let mut people = people;
        people.sort_by_key(|person| person.id);
        let answers = runner.run(&condition(), |text| {
            let Ok(condition) = Condition::parse(&text) else { return Ok(()) };
            let expected = ids(people.iter().filter(|person| condition.holds(*person)));
            let search = everything(Some(&condition));
            let found = tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(tenant.search_objects(&search))
            });
            prop_assert_eq!(ids(&found.unwrap()), expected);
            Ok(())
        });
        answers.unwrap_or_else(|failure| panic!("{failure}"));
    });
}

fn person(number: u128, fields: &[(&str, Field)]) -> ImObject {
    ImObject {
        id: ObjectId(Uuid::from_u128(number)),
        kind: ObjectKind::Identity,
        directory: DirectoryId::main(),
        object_type: None,
        disabled: None,
        version: 1,
        attributes: fields.iter().map(|(name, field)| (*name, field.clone())).collect::<Attributes>(),
        provenance: Provenance::default(),
    }
}

/// People whose attributes are what most people's are.
fn ordinary() -> Vec<ImObject> {
    let manager = |key: &str| {
        Field::One(Value::Reference(Reference {
            kind: ObjectKind::Identity,
            by: "no".into(),
            key: key.to_owned(),
        }))
    };
    (1..=20_u8)
        .map(|number| {
            let start = parse_date_time(&format!("2026-01-{number:02}")).unwrap();
            person(
                number.into(),
                &[
                    ("no", Field::text(number.to_string())),
                    ("department", Field::text(if number % 2 == 0 { "IT" } else { "Sales" })),
                    ("age", Field::One(Value::Integer(20 + i64::from(number)))),
                    ("active", Field::One(Value::Boolean(number % 3 == 0))),
                    ("start", Field::One(Value::DateTime(start))),
                    ("manager", if number == 1 { Field::Absent } else { manager("1") }),
                    ("mail", Field::Many(vec![Value::String(format!("p{number}@example.org"))])),
                ],
            )
        })
        .collect()
}

#[test]
fn the_database_leaves_out_what_is_not_meant() {
    on_each_database(async |store| {
        let tenant = tenant(&store).await;
        let people = ordinary();
        for person in &people {
            make(&tenant, person, &KeySpecs::default()).await;
        }
        for (text, expected) in [
            (r#"department eq "it""#, 10),
            (r#"not (department eq "it")"#, 10),
            (r#"department ne "IT" and age gt 35"#, 2),
            (r#"mail ew "2@EXAMPLE.org""#, 2),
            (r#"mail sw "p1""#, 11),
            (r#"mail co "20""#, 1),
            ("active eq true", 6),
            ("not (active eq true or age le 30)", 7),
            ("manager pr", 19),
            ("manager eq null", 1),
            (r#"manager eq "1""#, 19),
            (r#"start ge "2026-01-11T00:00:01Z""#, 9),
            (r#"not (start lt "2026-01-11T00:00:01Z")"#, 9),
            (r#"start eq "2026-01-11""#, 1),
            (r#"no eq "7" or no eq "9""#, 2),
            (r#"id eq "00000000-0000-0000-0000-000000000003""#, 1),
            (r#"kind eq "role""#, 0),
            (r#"directory eq "MAIN" and enabled eq true"#, 20),
            (r#"disabledReason eq "MISSING""#, 0),
            ("type pr", 0),
        ] {
            let condition = Condition::parse(text).unwrap();
            let found = tenant.search_objects(&everything(Some(&condition))).await.unwrap();
            assert_eq!(found.len(), expected, "{text}");
            let may_hold = approximation::of(&condition, tenant.dialect());
            let mut tests = Part::default();
            tests.and(&may_hold.text, may_hold.values);
            let whole = Slice { after: Uuid::nil(), end: None, limit: 100 };
            let mut looked_at = Vec::new();
            tenant.search_slice((all_source(), &tests), whole, &|_| true, &mut looked_at).await.unwrap();
            assert_eq!(looked_at.len(), expected, "{text}: what the database answers");
        }
    });
}

#[test]
fn pages_follow_each_other() {
    on_each_database(async |store| {
        let tenant = tenant(&store).await;
        let people = ordinary();
        for person in &people {
            make(&tenant, person, &KeySpecs::default()).await;
        }
        let condition = Condition::parse(r#"department eq "IT" or no eq "19""#).unwrap();
        let expected = ids(people.iter().filter(|person| condition.holds(*person)));
        for limit in 1..=12 {
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let search = ObjectSearch { after, limit, ..everything(Some(&condition)) };
                let page = tenant.search_objects(&search).await.unwrap();
                assert!(page.len() <= limit as usize);
                after = page.last().map(|last| last.id);
                found.extend(ids(&page));
                if page.is_empty() {
                    break;
                }
            }
            assert_eq!(found, expected, "pages of {limit}");
        }
    });
}

#[test]
fn kinds_and_directories_are_kept_apart() {
    on_each_database(async |store| {
        let tenant = tenant(&store).await;
        let role = ImObject { kind: ObjectKind::Role, ..person(1, &[]) };
        let elsewhere = ImObject { directory: "else".parse().unwrap(), ..person(2, &[]) };
        for object in [&role, &elsewhere, &person(3, &[])] {
            make(&tenant, object, &KeySpecs::default()).await;
        }
        let main = DirectoryId::main();
        let search = everything(None);
        let found = async |search: ObjectSearch<'_>| ids(&tenant.search_objects(&search).await.unwrap());
        assert_eq!(found(search).await, [elsewhere.id, person(3, &[]).id]);
        assert_eq!(found(ObjectSearch { directory: Some(&main), ..search }).await, [person(3, &[]).id]);
        assert_eq!(found(ObjectSearch { kind: ObjectKind::Role, ..search }).await, [role.id]);
    });
}

#[test]
fn keys_answer_in_one_statement() {
    on_each_database(async |store| {
        let tenant = tenant(&store).await;
        let mut keys = KeySpecs::default();
        keys.add_reference(ObjectKind::Identity, &"no".into());
        keys.add(KeySpec::of_attribute(ObjectKind::Identity, &"mail".into()));
        let people = ordinary();
        for person in &people {
            make(&tenant, person, &keys).await;
        }
        let condition = Condition::parse(r#"no eq "7" or no eq "8""#).unwrap();
        let hashes: Vec<KeyHash> = people[6..8]
            .iter()
            .flat_map(|person| keys.of_object(person.kind, &person.directory, &person.attributes))
            .collect();
        assert_eq!(hashes.len(), 4, "two keys find each of them");
        let counting = tenant.counting_its_own();
        let search = ObjectSearch { keys: Some(&hashes), ..everything(Some(&condition)) };
        assert_eq!(ids(&counting.search_objects(&search).await.unwrap()), ids(&people[6..8]));
        let after = ObjectSearch { after: Some(people[6].id), ..search };
        assert_eq!(ids(&counting.search_objects(&after).await.unwrap()), ids(&people[7..8]));
        assert_eq!(counting.statements(), 2);
        let whole = ObjectSearch { limit: 3, ..everything(None) };
        assert_eq!(counting.search_objects(&whole).await.unwrap().len(), 3);
        assert_eq!(counting.statements(), 4, "a page that is full at once takes two");
    });
}

#[test]
fn who_refers_is_found() {
    on_each_database(async |store| {
        let tenant = tenant(&store).await;
        let people = ordinary();
        for person in &people {
            make(&tenant, person, &KeySpecs::default()).await;
        }
        let main = DirectoryId::main();
        let by = AttributeName::from("no");
        let counts = async |kind, by: &AttributeName| {
            let looked_at = std::cell::Cell::new(0);
            let refers = |object: &ImObject| {
                looked_at.set(looked_at.get() + 1);
                object.id != people[5].id
            };
            let found = tenant.referring_objects(&main, (kind, &[by]), refers).await.unwrap();
            (looked_at.get(), found.len())
        };
        assert_eq!(counts(ObjectKind::Identity, &by).await, (19, 18));
        assert_eq!(counts(ObjectKind::Role, &by).await, (0, 0));
        assert_eq!(counts(ObjectKind::Identity, &"mail".into()).await, (0, 0));
    });
}
