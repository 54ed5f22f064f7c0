//! Writes of which some are refused, and constraints of every sort.

use muster_connector::{AttributeWrite, ConnectorError, Operation, RemoteClass, Written};
use muster_model::{AttributeName, Field};

use crate::systems::{System, create, each, sweep, uids, write};

const PEOPLE: &str = "CREATE TABLE people (id text PRIMARY KEY, mail text UNIQUE, age integer CONSTRAINT grown CHECK (age > 17),
    name varchar(10) NOT NULL, boss text REFERENCES people(id) DEFERRABLE INITIALLY IMMEDIATE)";

fn replace(uid: &str, name: &str, field: Field) -> Operation {
    let writes = vec![(AttributeName::from(name), AttributeWrite::Replace(field))];
    Operation::Update { uid: uid.to_owned(), name: None, writes, enabled: None }
}

#[tokio::test]
async fn each_refused_operation_has_its_own_error_and_the_others_go_through() {
    for system in each().await {
        system.run(PEOPLE).await;
        let connector = system.open(&[]).await;
        let class = RemoteClass::new("people", "id");
        assert!(connector.capabilities().references_must_exist, "a foreign key leads back to the table");
        let operations = vec![
            create("boss", &[("name", "Boss"), ("mail", "b@x")]),
            create("minion", &[("name", "Min"), ("boss", "boss")]),
            create("child", &[("name", "Kid"), ("age", "7")]),
            create("nameless", &[("age", "40")]),
            create("twin", &[("name", "Twin"), ("mail", "b@x")]),
            create("boss", &[("name", "Boss again")]),
            create("orphan", &[("name", "Oliver"), ("boss", "nobody")]),
            create("fine", &[("name", "Fine"), ("age", "18")]),
            replace("fine", "name", Field::text("Finer")),
            replace("nobody", "name", Field::text("x")),
            replace("fine", "no such column", Field::text("x")),
            replace("fine", "name", Field::Many(vec!["a".into(), "b".into()])),
            Operation::Delete { uid: "boss".to_owned(), name: None },
            Operation::Delete { uid: "never".to_owned(), name: None },
        ];
        let outcomes = write(&*connector, &class, operations).await;
        let rejected = |index: usize, says: &str| match &outcomes[index] {
            Err(ConnectorError::Rejected { message }) => {
                assert!(message.contains(says), "{index}: {message}")
            }
            other => panic!("{index}: {other:?}"),
        };
        for fine in [0, 1, 7, 8, 13] {
            assert_eq!(outcomes[fine], Ok(Written::default()), "{fine}");
        }
        rejected(2, "grown");
        rejected(3, "name");
        rejected(4, "mail");
        rejected(6, if system.is_postgres() { "people_boss_fkey" } else { "FOREIGN KEY" });
        rejected(10, "no such column");
        rejected(11, "one value");
        rejected(12, if system.is_postgres() { "people_boss_fkey" } else { "FOREIGN KEY" });
        assert!(matches!(outcomes[5], Err(ConnectorError::Conflict { .. })), "{:?}", outcomes[5]);
        assert!(matches!(outcomes[9], Err(ConnectorError::Missing { .. })), "{:?}", outcomes[9]);
        let (entries, _) = sweep(&*connector, &class, 10).await.unwrap();
        assert_eq!(uids(&entries), ["boss", "fine", "minion"]);
        assert_eq!(system.count("SELECT count(*) FROM people WHERE name = 'Finer'").await, 1);
    }
}

#[tokio::test]
async fn types_are_those_of_the_columns() {
    let system = System::postgres().await;
    system.run("CREATE TYPE mood AS ENUM ('fine', 'sad'); CREATE DOMAIN short AS varchar(3);
                CREATE TABLE things (id uuid PRIMARY KEY, n integer, r double precision, b boolean, d date, t timestamptz,
                  o bytea, m mood, s short, c char(4), j jsonb, v varchar(3))").await;
    let connector = system.open(&[]).await;
    let class = RemoteClass::new("things", "id");
    let id = "7b0e2f8a-0000-4000-8000-00000000000f";
    let values = [
        ("n", "42"),
        ("r", "1.5"),
        ("b", "true"),
        ("d", "2026-11-05"),
        ("t", "2026-11-05T01:02:03.000Z"),
        ("o", "AP8="),
        ("m", "fine"),
        ("s", "abc"),
        ("c", "ab"),
        ("j", "{\"a\": 1}"),
        ("v", "xyz"),
    ];
    let outcomes = write(&*connector, &class, vec![create(id, &values)]).await;
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
    let read = connector.read(&class, &[id.to_owned()]).await.unwrap();
    let muster_connector::Entry::Account(account) = &read[0] else { panic!("{read:?}") };
    for (name, text) in values {
        let held = account.record.get(name).first().map(|value| value.to_text().into_owned());
        assert_eq!(held.as_deref(), Some(text), "`{name}` is read as it was written");
    }
    for (name, text) in [
        ("n", "x"),
        ("n", "99999999999"),
        ("m", "angry"),
        ("s", "abcd"),
        ("v", "abcd"),
        ("d", "no date"),
        ("j", "{"),
    ] {
        let refused = write(&*connector, &class, vec![replace(id, name, Field::text(text))]).await;
        assert!(matches!(refused[0], Err(ConnectorError::Rejected { .. })), "{name} {text}: {refused:?}");
    }
    let missing = write(&*connector, &class, vec![replace("no uuid", "n", Field::text("1"))]).await;
    assert!(matches!(missing[0], Err(ConnectorError::Missing { .. })), "{missing:?}");
    assert_eq!(connector.read(&class, &["no uuid".to_owned()]).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_checked_at_the_end_is_told_of_the_one_it_is_about() {
    let system = System::postgres().await;
    system.run("CREATE TABLE people (id text PRIMARY KEY, boss text REFERENCES people(id) DEFERRABLE INITIALLY DEFERRED)").await;
    let connector = system.open(&[]).await;
    let class = RemoteClass::new("people", "id");
    let operations =
        vec![create("a", &[]), create("b", &[("boss", "nobody")]), create("c", &[("boss", "a")])];
    let outcomes = write(&*connector, &class, operations).await;
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    assert!(matches!(outcomes[1], Err(ConnectorError::Rejected { .. })), "{outcomes:?}");
}

#[tokio::test]
async fn somebody_else_who_writes_is_waited_for_and_then_told() {
    let system = System::sqlite().await;
    system.run("CREATE TABLE people (id text PRIMARY KEY, name text)").await;
    let mut host = system.host();
    host.call_limit = std::time::Duration::from_millis(200);
    let properties = system.properties(&[]);
    let connector =
        muster_connector::ConnectorKind::open(&crate::systems::kind(), &properties, &host).await.unwrap();
    let class = RemoteClass::new("people", "id");
    let mut other = system.sqlite_connection().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let outcomes = write(&*connector, &class, vec![create("a", &[])]).await;
    assert!(matches!(outcomes[0], Err(ConnectorError::Transient { .. })), "{outcomes:?}");
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    let outcomes = write(&*connector, &class, vec![create("a", &[])]).await;
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
}
