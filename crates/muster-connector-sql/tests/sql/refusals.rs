//! Rows that are refused with the codes of what concerns everything, and rights that are lacking.

use muster_connector::{AttributeWrite, ConnectorError, Operation, RemoteClass, WriteResult};
use muster_model::Field;

use crate::systems::{Role, System, create, sweep, uids, write};

fn replace(uid: &str, name: &str, text: &str) -> Operation {
    let writes = vec![(name.into(), AttributeWrite::Replace(Field::text(text)))];
    Operation::Update { uid: uid.to_owned(), name: None, writes, enabled: None }
}

/// What became of each: `ok`, or its fault by its first letter; a message holds what it has to say.
fn told(outcomes: &[WriteResult], says: &str) -> String {
    let letter = |outcome: &WriteResult| match outcome {
        Ok(_) => "+",
        Err(ConnectorError::Rejected { message }) if message.contains(says) => "R",
        Err(ConnectorError::Unusable { message }) if message.contains(says) => "U",
        Err(other) => panic!("{other:?}"),
    };
    outcomes.iter().map(letter).collect()
}

#[tokio::test]
async fn a_row_against_a_policy_is_refused_alone() {
    let system = System::postgres().await;
    let role = Role::new(&system).await;
    system
        .run(format!(
            "CREATE TABLE people (id text PRIMARY KEY, team text); ALTER TABLE people ENABLE ROW LEVEL SECURITY;
             CREATE POLICY of_team ON people USING (team = 'ours') WITH CHECK (team = 'ours');
             GRANT SELECT, INSERT, UPDATE, DELETE ON people TO {}",
            role.0
        ))
        .await;
    let connector = system.open(&[("user", &role.0)]).await;
    let class = RemoteClass::new("people", "id");
    let of = |uid: &str, team: &str| create(uid, &[("team", team)]);
    let says = "row-level security";
    for (operations, expected) in [
        (vec![of("a", "theirs")], "R"),
        (vec![of("a", "ours"), of("b", "theirs"), of("c", "ours"), of("d", "ours")], "+R++"),
        (vec![of("e", "ours"), replace("c", "team", "theirs"), replace("d", "team", "ours")], "+R+"),
        (vec![of("f", "theirs"), of("g", "theirs")], "RR"),
    ] {
        assert_eq!(told(&write(&*connector, &class, operations).await, says), expected);
    }
    let (entries, _) = sweep(&*connector, &class, 10).await.unwrap();
    assert_eq!(uids(&entries), ["a", "c", "d", "e"]);
    drop(connector);
    role.drop_from(&system).await;
}

#[tokio::test]
async fn a_row_at_which_a_trigger_fails_is_refused_alone() {
    let system = System::postgres().await;
    system
        .run(
            "CREATE TABLE people (id text PRIMARY KEY, name text);
             CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               IF NEW.name = 'raised' THEN RAISE EXCEPTION 'not so' USING ERRCODE = '42804'; END IF;
               IF NEW.name = 'forbidden' THEN RAISE EXCEPTION 'not so' USING ERRCODE = '42501'; END IF;
               IF NEW.name = 'lost' THEN PERFORM 1 FROM not_so; END IF;
               RETURN NEW; END $$;
             CREATE TRIGGER looked BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION look()",
        )
        .await;
    let connector = system.open(&[]).await;
    let class = RemoteClass::new("people", "id");
    let named = |names: &[&str]| -> Vec<Operation> {
        names.iter().enumerate().map(|(at, name)| create(&at.to_string(), &[("name", name)])).collect()
    };
    for (names, expected) in [
        (&["raised"][..], "R"),
        (&["forbidden", "raised"], "RR"),
        // Nothing says that any row would be taken.
        (&["lost"], "U"),
        (&["lost", "lost", "raised"], "UUR"),
        (&["x", "raised", "lost", "y", "forbidden"], "+RR+R"),
    ] {
        system.run("DELETE FROM people").await;
        let outcomes = write(&*connector, &class, named(names)).await;
        let told: String = outcomes.iter().map(|one| told(std::slice::from_ref(one), "not")).collect();
        assert_eq!(told, expected, "{names:?}");
        let went = expected.matches('+').count();
        assert_eq!(system.count("SELECT count(*) FROM people").await, i64::try_from(went).unwrap());
    }
}

#[tokio::test]
async fn a_trigger_that_fails_at_the_end_of_a_transaction_refuses_its_row_alone() {
    let system = System::postgres().await;
    system
        .run(
            "CREATE TABLE people (id text PRIMARY KEY, name text);
             CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               IF NEW.name = 'lost' THEN PERFORM 1 FROM not_so; END IF; RETURN NEW; END $$;
             CREATE CONSTRAINT TRIGGER looked AFTER INSERT ON people DEFERRABLE INITIALLY DEFERRED
               FOR EACH ROW EXECUTE FUNCTION look()",
        )
        .await;
    let connector = system.open(&[]).await;
    let operations = ["x", "lost", "y"].map(|name| create(name, &[("name", name)])).to_vec();
    let outcomes = write(&*connector, &RemoteClass::new("people", "id"), operations).await;
    assert_eq!(told(&outcomes, "not_so"), "+R+");
}

#[tokio::test]
async fn a_value_with_which_a_function_of_sqlite_cannot_do_is_refused_alone() {
    let system = System::sqlite().await;
    system
        .run("CREATE TABLE people (id text PRIMARY KEY, more text CHECK (json_extract(more, '$.age') > 17))")
        .await;
    let connector = system.open(&[]).await;
    let class = RemoteClass::new("people", "id");
    let of = |uid: &str, more: &str| create(uid, &[("more", more)]);
    let operations = vec![of("a", "{\"age\": 18}"), of("b", "no json"), of("c", "{\"age\": 19}")];
    assert_eq!(told(&write(&*connector, &class, operations).await, "malformed JSON"), "+R+");
    system.run("ALTER TABLE people RENAME TO others").await;
    let outcomes = write(&*connector, &class, vec![of("d", "{\"age\": 18}"), of("e", "{\"age\": 18}")]).await;
    assert_eq!(told(&outcomes, "no such table"), "UU");
}

#[tokio::test]
async fn a_right_that_is_lacking_is_none_of_the_rows_fault() {
    let system = System::postgres().await;
    let role = Role::new(&system).await;
    system
        .run(format!(
            "CREATE TABLE people (id text PRIMARY KEY, name text);
             CREATE TABLE given (id serial PRIMARY KEY, login text UNIQUE NOT NULL);
             GRANT SELECT, INSERT, UPDATE, DELETE ON people, given TO {}",
            role.0
        ))
        .await;
    let connector = system.open(&[("user", &role.0), ("keysGivenBy", "DATABASE")]).await;
    let class = RemoteClass::new("people", "id");
    let twice = || vec![create("a", &[("name", "x")]), create("b", &[("name", "y")])];
    assert_eq!(told(&write(&*connector, &class, twice()).await, ""), "++");
    let says = "permission denied";

    // It cannot be told of which of them the sequence is in want.
    let given = RemoteClass { name_attribute: Some("login".into()), ..RemoteClass::new("given", "id") };
    let three = ["x", "y", "z"].map(|login| create(login, &[("login", login)])).to_vec();
    assert_eq!(told(&write(&*connector, &given, three).await, says), "UUU");

    system.run(format!("DELETE FROM people; REVOKE INSERT ON people FROM {}", role.0)).await;
    for operations in [
        vec![create("a", &[])],
        twice(),
        // A row that is refused leads into the halves, and the right is lacking there.
        [vec![Operation::Delete { uid: "none".to_owned(), name: None }], twice()].concat(),
    ] {
        let count = operations.len();
        let outcomes = write(&*connector, &class, operations).await;
        assert_eq!(told(&outcomes, says), "U".repeat(count));
    }
    drop(connector);
    role.drop_from(&system).await;
}
