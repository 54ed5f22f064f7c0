//! Changes by a column: whom they make out, and when they cannot be told.

use muster_connector::{
    ChangeToken, Connector, ConnectorError, Reads, RemoteAttribute, RemoteClass, SweepEnd,
};

use crate::systems::{each, sweep, sweep_from, uids};

fn people() -> RemoteClass {
    let id = RemoteAttribute { name: "id".into(), multi_valued: false };
    RemoteClass { attributes: vec![id], ..RemoteClass::new("people", "id") }
}

async fn token(connector: &dyn Connector) -> ChangeToken {
    let (_, end) = sweep(connector, &people(), 10).await.unwrap();
    let SweepEnd::Complete { token: Some(token) } = end else { panic!("{end:?}") };
    token
}

async fn changes(
    connector: &dyn Connector,
    since: &ChangeToken,
    size: usize,
) -> Result<Vec<String>, ConnectorError> {
    let reads = Reads::Changes { since: since.clone() };
    Ok(uids(&sweep_from(connector, &people(), size, reads, None).await?.0))
}

#[tokio::test]
async fn a_second_row_of_a_known_key_is_a_bad_entry_among_changes_too() {
    for system in each().await {
        system
            .run(
                "CREATE TABLE people (id text, changed bigint, gone boolean);
                 INSERT INTO people VALUES ('a', 100, false), ('b', 100, false), ('c', 100, false), ('d', 500, false)",
            )
            .await;
        for marks in [
            &[("changeColumn", "changed"), ("writable", "false")][..],
            &[("changeColumn", "changed"), ("writable", "false"), ("deletedColumn", "gone")],
        ] {
            system.run("DELETE FROM people WHERE changed > 500").await;
            let connector = system.open(marks).await;
            let since = token(&*connector).await;
            system
                .run("INSERT INTO people VALUES ('b', 600, false), ('e', 600, false), ('e', 600, false)")
                .await;
            for size in [1, 2, 10] {
                let told = changes(&*connector, &since, size).await.unwrap();
                assert!(told.contains(&"!b".to_owned()) && told.contains(&"!e".to_owned()), "{told:?}");
                assert!(!told.contains(&"b".to_owned()) && !told.contains(&"e".to_owned()), "{told:?}");
            }
        }
        // Marked rows leave their key to the one that is not.
        let marks = [("changeColumn", "changed"), ("writable", "false"), ("deletedColumn", "gone")];
        system.run("DELETE FROM people WHERE changed > 500").await;
        let connector = system.open(&marks).await;
        let since = token(&*connector).await;
        let marked =
            "('b', 600, true), ('e', 601, true), ('e', 602, true), ('e', 603, true), ('f', 600, true)";
        system.run(format!("INSERT INTO people VALUES {marked}, ('e', 604, false)")).await;
        for size in [1, 2, 10] {
            let told = changes(&*connector, &since, size).await.unwrap();
            assert_eq!(told, ["b", "d", "e", "-f"], "pages of {size}");
        }
    }
}

#[tokio::test]
async fn a_value_that_is_later_than_all_others_ends_no_changes_silently() {
    for system in each().await {
        let (kind, values, endless) = match system.is_postgres() {
            true => {
                ("timestamp with time zone", ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"], "infinity")
            }
            false => ("integer", ["100", "200"], "soon"),
        };
        system.run(format!("CREATE TABLE people (id integer PRIMARY KEY, changed {kind})")).await;
        system.run(format!("INSERT INTO people VALUES (1, '{}')", values[0])).await;
        let connector = system.open(&[("changeColumn", "changed")]).await;
        let since = token(&*connector).await;
        system.run(format!("INSERT INTO people VALUES (2, '{endless}'), (3, '{}')", values[1])).await;
        let refused = changes(&*connector, &since, 10).await.unwrap_err();
        assert!(matches!(refused, ConnectorError::Outdated { .. }), "{refused:?}");
        assert!(refused.to_string().contains("`changed` of `people`"), "{refused}");
        // Nor does the token of the full read that follows, as long as the value stands there.
        let since = token(&*connector).await;
        let refused = changes(&*connector, &since, 10).await.unwrap_err();
        assert!(matches!(refused, ConnectorError::Outdated { .. }), "{refused:?}");
        system.run(format!("UPDATE people SET changed = '{}' WHERE id = 2", values[1])).await;
        assert_eq!(
            changes(&*connector, &since, 10).await.unwrap(),
            ["1", "2", "3"],
            "nobody knows since when"
        );
    }
}
