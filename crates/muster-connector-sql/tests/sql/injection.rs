//! Names and values that would be statements, were they ever put into one.

use muster_connector::{AttributeWrite, ConnectorError, Entry, Operation, RemoteClass, RemoteMembership};
use muster_model::Field;

use crate::systems::{create, each, sweep, uids, write};

const NASTY: [&str; 14] = [
    "'; DROP TABLE people; --",
    "\"; DROP TABLE people; --",
    "people\"; DROP TABLE people; --",
    "people; DROP TABLE people",
    "' OR '1'='1",
    "1 OR 1=1",
    "*/ DROP TABLE people /*",
    "$1",
    "?1",
    "$$; DROP TABLE people; $$",
    "\\'; DROP TABLE people; --",
    "\u{2019}; DROP TABLE people; --",
    "\u{202e}elpoep",
    "NULL",
];

const PEOPLE: &str = "CREATE TABLE people (id text PRIMARY KEY, name text, active boolean DEFAULT true);
    CREATE TABLE mails (person text, mail text); INSERT INTO people VALUES ('a', 'Ann', true), ('b', 'Bob', true)";

#[tokio::test]
async fn no_name_gets_into_a_statement() {
    for system in each().await {
        system.run(PEOPLE).await;
        let connector = system.open(&[("writable", "false")]).await;
        for name in NASTY.iter().copied().chain(["a\0b", "", "pg_catalog.pg_authid\"", "people."]) {
            for class in [
                RemoteClass::new(name, "id"),
                RemoteClass::new("people", name),
                RemoteClass { name_attribute: Some(name.into()), ..RemoteClass::new("people", name) },
                RemoteClass {
                    membership: Some(RemoteMembership {
                        attribute: "groups".into(),
                        remote_name: name.to_owned(),
                        uid_attribute: name.into(),
                        member_attribute: name.into(),
                    }),
                    ..RemoteClass::new("people", "id")
                },
            ] {
                let error = connector.probe(&class).await.unwrap_err();
                assert!(matches!(error, ConnectorError::Unusable { .. }), "{class:?}: {error}");
                assert!(sweep(&*connector, &class, 10).await.is_err(), "{class:?}");
            }
            for property in ["enabledColumn", "changeColumn", "multiValues.people.mail"] {
                let value = if property.starts_with("multi") {
                    format!("{name}({name}, {name})")
                } else {
                    name.to_owned()
                };
                if let Ok(other) = system.try_open(&[(property, &value)]).await
                    && let Err(error) = other.probe(&RemoteClass::new("people", "id")).await
                {
                    assert!(matches!(error, ConnectorError::Unusable { .. }), "{property} {name}: {error}");
                }
            }
        }
        assert_eq!(system.count("SELECT count(*) FROM people").await, 2);
    }
}

#[tokio::test]
async fn tables_with_such_names_are_used_as_they_are() {
    for system in each().await {
        for (number, name) in NASTY.iter().enumerate() {
            let quoted = format!("\"{}\"", name.replace('"', "\"\""));
            let sql = format!(
                "CREATE TABLE {quoted} ({quoted} text PRIMARY KEY, other text); INSERT INTO {quoted} VALUES ('k{number}', 'x')"
            );
            system.run(sql).await;
            let connector = system.open(&[]).await;
            let class = RemoteClass::new(*name, *name);
            connector.probe(&class).await.unwrap();
            let made =
                write(&*connector, &class, vec![create("new", &[(name, "new"), ("other", name)])]).await;
            assert!(made[0].is_ok(), "{name}: {made:?}");
            let (entries, _) = sweep(&*connector, &class, 1).await.unwrap();
            assert_eq!(uids(&entries), [format!("k{number}"), "new".to_owned()], "{name}");
        }
    }
}

#[tokio::test]
async fn values_stay_values() {
    for system in each().await {
        system.run(PEOPLE).await;
        let connector = system
            .open(&[("multiValues.people.mail", "mails(person, mail)"), ("enabledColumn", "active")])
            .await;
        let class = RemoteClass::new("people", "id");
        let texts: Vec<String> = NASTY.iter().map(|text| (*text).to_owned()).collect();
        let made = NASTY.iter().map(|text| create(text, &[("name", text), ("mail", text)])).collect();
        let outcomes = write(&*connector, &class, made).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        let (entries, _) = sweep(&*connector, &class, 3).await.unwrap();
        assert_eq!(entries.len(), NASTY.len() + 2);
        for entry in connector.read(&class, &texts).await.unwrap() {
            let Entry::Account(account) = entry else { panic!("{entry:?}") };
            assert_eq!(account.record.get("name"), &Field::text(&account.uid));
            assert_eq!(account.record.get("mail"), &Field::Many(vec![account.uid.as_str().into()]));
        }
        let update = |uid: &String| Operation::Update {
            uid: uid.clone(),
            name: None,
            writes: vec![(
                "mail".into(),
                AttributeWrite::Values { add: vec!["x".into()], remove: vec![uid.as_str().into()] },
            )],
            enabled: Some(false),
        };
        let outcomes = write(&*connector, &class, texts.iter().map(update).collect()).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        let deletes = texts.iter().map(|uid| Operation::Delete { uid: uid.clone(), name: None }).collect();
        assert!(write(&*connector, &class, deletes).await.iter().all(Result::is_ok));
        let (entries, _) = sweep(&*connector, &class, 3).await.unwrap();
        assert_eq!(uids(&entries), ["a", "b"], "and nobody else was deleted");
    }
}

#[tokio::test]
async fn a_zero_octet_is_refused_alone() {
    for system in each().await {
        system.run(PEOPLE).await;
        let connector = system.open(&[]).await;
        let class = RemoteClass::new("people", "id");
        let operations =
            vec![create("c", &[("name", "x")]), create("d", &[("name", "a\0b")]), create("e", &[])];
        let outcomes = write(&*connector, &class, operations).await;
        assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
        if system.is_postgres() {
            assert!(matches!(outcomes[1], Err(ConnectorError::Rejected { .. })), "{outcomes:?}");
        }
        assert_eq!(connector.read(&class, &["a\0b".to_owned()]).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_query_can_neither_write_nor_be_two() {
    for system in each().await {
        system.run(PEOPLE).await;
        for query in [
            "WITH gone AS (DELETE FROM people RETURNING id) SELECT id FROM gone",
            "SELECT 1 AS id) AS q WHERE 1 = 1 UNION SELECT id FROM people --",
            "SELECT id FROM people) AS q, (DELETE FROM people",
        ] {
            if let Ok(connector) = system.try_open(&[("query.q", query)]).await {
                assert!(connector.probe(&RemoteClass::new("q", "id")).await.is_err(), "{query}");
            }
        }
        for query in ["SELECT id FROM people; DELETE FROM people", "DELETE FROM people", "ATTACH 'x' AS y"] {
            assert!(system.try_open(&[("query.q", query)]).await.is_err(), "{query}");
        }
        if system.is_postgres() {
            system
                .run("CREATE FUNCTION harm() RETURNS text LANGUAGE sql AS 'DELETE FROM people RETURNING id'")
                .await;
            let connector = system.open(&[("query.q", "SELECT harm() AS id")]).await;
            let error = connector.probe(&RemoteClass::new("q", "id")).await.unwrap_err();
            assert!(matches!(error, ConnectorError::Unusable { .. }), "{error}");
        }
        assert_eq!(system.count("SELECT count(*) FROM people").await, 2);
    }
}
