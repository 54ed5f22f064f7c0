//! Pages: how many statements they cost, where they end, and what becomes of rows that are nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use muster_connector::{
    ConnectorError, ConnectorKind as _, Entry, Reads, RemoteAttribute, RemoteClass, RemoteMembership,
    SweepEnd,
};
use muster_model::{Field, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::systems::{Role, System, each, kind, sweep, sweep_from, uids};

/// Somebody between us and the server, who counts what is asked: the messages `E`, each of which executes a statement.
struct Counter {
    port: u16,
    executed: Arc<AtomicU64>,
}

impl Counter {
    async fn before(host: String, port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let executed = Arc::new(AtomicU64::new(0));
        let counted = executed.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect((host.as_str(), port)).await.unwrap();
                tokio::spawn(pass(near, far, counted.clone()));
            }
        });
        Self { port: own, executed }
    }

    fn taken(&self) -> u64 {
        self.executed.swap(0, Ordering::SeqCst)
    }
}

async fn pass(near: TcpStream, far: TcpStream, executed: Arc<AtomicU64>) {
    let (mut near_reader, mut near_writer) = near.into_split();
    let (mut far_reader, mut far_writer) = far.into_split();
    let answers = tokio::spawn(async move { tokio::io::copy(&mut far_reader, &mut near_writer).await });
    // The first message has no letter.
    let length = near_reader.read_u32().await.unwrap();
    let mut body = vec![0; length as usize - 4];
    near_reader.read_exact(&mut body).await.unwrap();
    far_writer.write_u32(length).await.unwrap();
    far_writer.write_all(&body).await.unwrap();
    while let Ok(letter) = near_reader.read_u8().await {
        let length = near_reader.read_u32().await.unwrap();
        let mut body = vec![0; length as usize - 4];
        near_reader.read_exact(&mut body).await.unwrap();
        executed.fetch_add(u64::from(letter == b'E'), Ordering::SeqCst);
        far_writer.write_u8(letter).await.unwrap();
        far_writer.write_u32(length).await.unwrap();
        far_writer.write_all(&body).await.unwrap();
    }
    answers.abort();
}

const PEOPLE: &str = "CREATE TABLE people (id integer PRIMARY KEY, name text);
    CREATE TABLE mails (person integer, mail text); CREATE TABLE phones (person integer, phone text);
    CREATE TABLE members (grp text, person integer, PRIMARY KEY (grp, person));
    CREATE INDEX mails_of ON mails (person); CREATE INDEX phones_of ON phones (person);";

const BESIDE: [(&str, &str); 3] = [
    ("multiValues.people.mail", "mails(person, mail)"),
    ("multiValues.people.phone", "phones(person, phone)"),
    ("multiValues.groups.member", "members(grp, person)"),
];

fn people() -> RemoteClass {
    RemoteClass {
        membership: Some(RemoteMembership {
            attribute: "groups".into(),
            remote_name: "groups".to_owned(),
            uid_attribute: "id".into(),
            member_attribute: "member".into(),
        }),
        ..RemoteClass::new("people", "id")
    }
}

/// Numbers from 1 on, in each dialect.
fn series(count: usize) -> String {
    format!("WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count})")
}

#[tokio::test]
async fn a_page_is_four_statements_however_many_accounts_it_holds() {
    let system = System::postgres().await;
    system.run(PEOPLE).await;
    let series = series(3_000);
    system
        .run(format!(
            "INSERT INTO people {series} SELECT n, 'name ' || n FROM n; INSERT INTO mails {series} SELECT n, n || '@x' FROM n;
             INSERT INTO phones {series} SELECT n, '+' || n FROM n; INSERT INTO members {series} SELECT 'staff', n FROM n"
        ))
        .await;
    let mut properties = system.properties(&BESIDE);
    let counter = Counter::before(properties["host"].clone(), properties["port"].parse().unwrap()).await;
    properties.insert("port".to_owned(), counter.port.to_string());
    let connector = kind().open(&properties, &system.host()).await.unwrap();
    connector.probe(&people()).await.unwrap();

    counter.taken();
    let (entries, _) = sweep(&*connector, &people(), 1_000).await.unwrap();
    assert_eq!(entries.len(), 3_000);
    assert_eq!(
        counter.taken(),
        12,
        "three pages of one statement for the accounts, and one for each table beside"
    );
    let Entry::Account(account) = &entries[41] else { panic!("{:?}", entries[41]) };
    assert_eq!(account.record.get("mail"), &Field::Many(vec!["42@x".into()]));
    assert_eq!(account.record.get("groups"), &Field::Many(vec!["staff".into()]));

    let keys: Vec<String> = (1..=2_000).map(|number| number.to_string()).collect();
    assert_eq!(connector.read(&people(), &keys).await.unwrap().len(), 2_000);
    assert_eq!(counter.taken(), 4, "keys are read by as many statements as a page");
}

#[tokio::test]
async fn a_batch_is_as_many_statements_as_it_has_shapes() {
    let system = System::postgres().await;
    system.run(PEOPLE).await;
    let mut properties = system.properties(&BESIDE);
    let counter = Counter::before(properties["host"].clone(), properties["port"].parse().unwrap()).await;
    properties.insert("port".to_owned(), counter.port.to_string());
    let connector = kind().open(&properties, &system.host()).await.unwrap();
    connector.probe(&people()).await.unwrap();
    let creates = || {
        (1..=500)
            .map(|number: i32| crate::systems::create(&number.to_string(), &[("name", "x")]))
            .collect::<Vec<_>>()
    };
    counter.taken();
    let outcomes = crate::systems::write(&*connector, &people(), creates()).await;
    assert!(outcomes.iter().all(Result::is_ok), "{:?}", outcomes[0]);
    assert_eq!(counter.taken(), 3, "the beginning, the rows, the end");

    // One that is refused costs statements by the logarithm.
    system.run("DELETE FROM people WHERE id <> 77").await;
    let outcomes = crate::systems::write(&*connector, &people(), creates()).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 1);
    assert!(
        matches!(outcomes[76], Err(muster_connector::ConnectorError::Conflict { .. })),
        "{:?}",
        outcomes[76]
    );
    let statements = counter.taken();
    assert!(statements < 80, "{statements} statements find the one that is refused among 500");
    assert_eq!(system.count("SELECT count(*) FROM people").await, 500);
}

#[tokio::test]
async fn a_right_that_is_lacking_is_found_by_one_statement_more() {
    let system = System::postgres().await;
    let role = Role::new(&system).await;
    let rights = "SELECT, INSERT, UPDATE, DELETE";
    system.run(format!("{PEOPLE} GRANT {rights} ON people TO {}", role.0)).await;
    let mut properties = system.properties(&[("user", &role.0)]);
    let counter = Counter::before(properties["host"].clone(), properties["port"].parse().unwrap()).await;
    properties.insert("port".to_owned(), counter.port.to_string());
    let connector = kind().open(&properties, &system.host()).await.unwrap();
    let class = RemoteClass::new("people", "id");
    connector.probe(&class).await.unwrap();
    system.run(format!("REVOKE INSERT ON people FROM {}", role.0)).await;
    counter.taken();
    let creates = (1..=500).map(|number: i32| crate::systems::create(&number.to_string(), &[])).collect();
    let outcomes = crate::systems::write(&*connector, &class, creates).await;
    for outcome in outcomes {
        assert!(matches!(outcome, Err(ConnectorError::Unusable { .. })), "{outcome:?}");
    }
    assert_eq!(counter.taken(), 4, "the beginning, the rows, the end, and the rows explained");
    drop(connector);
    role.drop_from(&system).await;
}

#[tokio::test]
async fn keys_of_any_sort_are_paged_in_their_order() {
    for system in each().await {
        system.run("CREATE TABLE texts (k text PRIMARY KEY, v text); CREATE TABLE numbers (k bigint PRIMARY KEY, v text);
                    CREATE TABLE amounts (k numeric(10,2) PRIMARY KEY, v text);").await;
        let keys = [
            "Zoe",
            "zoe",
            "Ärger",
            "arger",
            "a b",
            "a'b",
            "a\"b",
            "\u{1f600}",
            "10",
            "9",
            "%",
            "_",
            "a\\b",
            "ﬃ",
        ];
        for key in keys {
            system.run(format!("INSERT INTO texts VALUES ('{}', 'x')", key.replace('\'', "''"))).await;
        }
        for key in ["-9223372036854775808", "-1", "0", "9", "10", "9223372036854775807"] {
            system.run(format!("INSERT INTO numbers VALUES ({key}, 'x')")).await;
        }
        system.run("INSERT INTO amounts VALUES (1), (2), (10), (9)".replace(")", ", 'x')")).await;
        let connector = system.open(&[]).await;
        for (table, count) in [("texts", keys.len()), ("numbers", 6), ("amounts", 4)] {
            let class = RemoteClass::new(table, "k");
            let (whole, end) = sweep(&*connector, &class, 100).await.unwrap();
            assert_eq!(whole.len(), count, "{table}");
            assert_eq!(end, SweepEnd::Complete { token: None });
            for size in [1, 2, 3, count, count + 1] {
                let (paged, _) = sweep(&*connector, &class, size).await.unwrap();
                assert_eq!(uids(&paged), uids(&whole), "{table} in pages of {size}");
            }
            let read = connector.read(&class, &uids(&whole)).await.unwrap();
            assert_eq!(read.len(), count, "{table} is read by its keys");
        }
    }
}

#[tokio::test]
async fn rows_that_are_nobody_are_bad_entries() {
    for system in each().await {
        system
            .run("CREATE TABLE raw (k text, v text); INSERT INTO raw VALUES ('a', '1'), ('b', '1'), ('b', '2'), ('b', '3'),
                  ('c', '1'), ('', '1'), (NULL, '1'), (NULL, '2'), ('d', '1')")
            .await;
        let connector = system.open(&[("writable", "false")]).await;
        let class = RemoteClass::new("raw", "k");
        connector.probe(&class).await.unwrap();
        for size in 1..=10 {
            let (entries, end) = sweep(&*connector, &class, size).await.unwrap();
            assert_eq!(uids(&entries), ["!", "a", "!b", "c", "d", "!", "!"], "pages of {size}");
            assert!(matches!(end, SweepEnd::Complete { .. }));
        }
        let read = connector.read(&class, &["b".to_owned(), "a".to_owned()]).await.unwrap();
        assert_eq!(uids(&read), ["a", "!b"]);
        let error = system.open(&[]).await.probe(&class).await.unwrap_err().to_string();
        assert!(error.contains("no unique constraint"), "{error}");
    }
}

/// Every table of up to three rows each of four keys, of which one is none.
#[tokio::test]
async fn pages_of_any_size_give_the_same_entries_each_once() {
    const KEYS: [&str; 4] = ["", "a", "b", "c"];
    let class = RemoteClass::new("raw", "k");
    for system in each().await {
        system.run("CREATE TABLE raw (k text, v text)").await;
        let connector = system.open(&[("writable", "false")]).await;
        for table in 1..4_usize.pow(4) {
            let counts = [table / 64, table / 16 % 4, table / 4 % 4, table % 4];
            let held = KEYS.iter().zip(counts);
            let rows: Vec<String> = held
                .clone()
                .flat_map(|(key, count)| (0..count).map(move |number| format!("('{key}', '{number}')")))
                .collect();
            system.run(format!("DELETE FROM raw; INSERT INTO raw VALUES {}", rows.join(", "))).await;
            let expected: Vec<String> = held
                .filter(|(_, count)| *count > 0)
                .map(
                    |(key, count)| {
                        if key.is_empty() || count > 1 { format!("!{key}") } else { key.to_string() }
                    },
                )
                .collect();
            let (whole, _) = sweep(&*connector, &class, 100).await.unwrap();
            assert_eq!(uids(&whole), expected, "{rows:?}");
            for size in 1..=5 {
                let (paged, end) = sweep(&*connector, &class, size).await.unwrap();
                assert_eq!(paged, whole, "{rows:?} in pages of {size}");
                assert_eq!(end, SweepEnd::Complete { token: None }, "{rows:?} in pages of {size}");
            }
        }
    }
}

#[tokio::test]
async fn large_values_are_bad_entries_and_large_rows_make_small_pages() {
    for system in each().await {
        system
            .run(
                "CREATE TABLE big (k integer PRIMARY KEY, v text, o bytea)"
                    .replace("bytea", if system.is_postgres() { "bytea" } else { "blob" }),
            )
            .await;
        for number in 1..=40 {
            let value = "x".repeat(if number == 7 { 1_000_001 } else { 999_999 });
            let octets = if system.is_postgres() { "'\\x00ff'" } else { "x'00ff'" };
            system.run(format!("INSERT INTO big VALUES ({number}, '{value}', {octets})")).await;
        }
        let connector = system.open(&[("maximumValueBytes", "1000000")]).await;
        let class = RemoteClass::new("big", "k");
        let (entries, _) = sweep(&*connector, &class, 1_000).await.unwrap();
        let expected: Vec<String> =
            (1..=40).map(|number| if number == 7 { "!7".to_owned() } else { number.to_string() }).collect();
        assert_eq!(uids(&entries), expected);
        let Entry::Account(account) = &entries[0] else { panic!() };
        assert_eq!(account.record.get("o"), &Field::One(Value::Binary(vec![0, 255])));
        let keys: Vec<String> = (1..=40).map(|number| number.to_string()).collect();
        assert_eq!(connector.read(&class, &keys).await.unwrap().len(), 40);
    }
}

#[tokio::test]
async fn what_cannot_be_decoded_is_one_bad_entry() {
    let system = System::sqlite().await;
    system
        .run(
            "CREATE TABLE people (id text PRIMARY KEY, name text); INSERT INTO people VALUES ('a', 'x'),
                ('b', CAST(x'c328' AS text)), ('c', 'y'), ('d', 1.5), ('e', x'00')",
        )
        .await;
    let connector = system.open(&[]).await;
    let (entries, end) = sweep(&*connector, &RemoteClass::new("people", "id"), 2).await.unwrap();
    assert_eq!(uids(&entries), ["a", "!b", "c", "d", "e"]);
    assert!(matches!(end, SweepEnd::Complete { .. }));
}

#[tokio::test]
async fn views_and_queries_are_read_and_never_written() {
    for system in each().await {
        system
            .run(
                "CREATE TABLE people (id integer PRIMARY KEY, name text, left_at text);
                    INSERT INTO people VALUES (1, 'Ann', NULL), (2, 'Bob', 'then'), (10, 'Cy', NULL);
                    CREATE VIEW staff AS SELECT id, name, 'k' || id AS tag FROM people WHERE left_at IS NULL",
            )
            .await;
        let query = "SELECT id, name, 'q' || id AS tag FROM people -- everybody";
        let connector = system.open(&[("query.everybody", query)]).await;
        for (class, key, expected) in [
            ("staff", "id", &["1", "10"][..]),
            ("staff", "tag", &["k1", "k10"]),
            ("everybody", "id", &["1", "2", "10"]),
            ("everybody", "tag", &["q1", "q10", "q2"]),
        ] {
            let class = RemoteClass::new(class, key);
            connector.probe(&class).await.unwrap();
            for size in [1, 2, 10] {
                let (entries, _) = sweep(&*connector, &class, size).await.unwrap();
                assert_eq!(uids(&entries), expected, "{class:?} in pages of {size}");
            }
            let all: Vec<String> = expected.iter().map(|uid| (*uid).to_owned()).collect();
            assert_eq!(connector.read(&class, &all).await.unwrap().len(), all.len(), "{class:?}");
            assert!(connector.writer(&class).await.is_err(), "{class:?} is only read");
        }
        let offered = connector.discover(&[RemoteClass::new("everybody", "id")]).await.unwrap();
        let names: Vec<&str> = offered.iter().map(|class| class.remote_name.as_str()).collect();
        assert_eq!(names, ["people", "staff", "everybody"]);
        let id = &offered[0].attributes[0];
        assert!(id.unique && id.writable && id.name.as_str() == "id", "{id:?}");
        assert!(offered[1].attributes.iter().all(|attribute| !attribute.writable));
    }
}

#[tokio::test]
async fn a_token_is_outdated_where_changes_were_taken_back() {
    for system in each().await {
        system
            .run(
                "CREATE TABLE people (id integer PRIMARY KEY, changed bigint);
                    INSERT INTO people VALUES (1, 100), (2, 200), (3, NULL)",
            )
            .await;
        let connector = system.open(&[("changeColumn", "changed")]).await;
        let class = RemoteClass {
            attributes: vec![RemoteAttribute { name: "id".into(), multi_valued: false }],
            ..RemoteClass::new("people", "id")
        };
        let (_, end) = sweep(&*connector, &class, 10).await.unwrap();
        let SweepEnd::Complete { token: Some(since) } = end else { panic!("{end:?}") };
        system.run("INSERT INTO people VALUES (4, 300)").await;
        let reads = Reads::Changes { since };
        let (entries, _) = sweep_from(&*connector, &class, 10, reads.clone(), None).await.unwrap();
        assert_eq!(uids(&entries), ["2", "3", "4"], "who never says when is told each time");
        system.run("DELETE FROM people WHERE changed > 100").await;
        let refused = sweep_from(&*connector, &class, 10, reads, None).await.unwrap_err();
        assert!(matches!(refused, muster_connector::ConnectorError::Outdated { .. }), "{refused}");
    }
}
