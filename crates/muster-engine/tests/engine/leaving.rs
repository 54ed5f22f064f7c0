//! People whose accounts are gone: disabled, deleted, anonymized or kept, what becomes of their groups, and how they
//! come back.

use expect_test::{Expect, expect};
use muster_connector::memory::MemoryAccount;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Outcome, OutcomeStatus};
use muster_model::{DisabledReason, Field, ImObject, Value as Datum};
use muster_plan::inbound::name_of;
use muster_testkit::world::configuration::{cleared, correlation, hr, inbound};
use muster_testkit::world::{TestDatabase, World, on_each_database};
use serde_json::{Value, json};

use crate::shown;

/// HR, whose people have logins and groups, with this reaction to those who are gone.
fn people(missing: &str, groups: &Value) -> Value {
    let mut application = hr();
    application["objectClasses"][0]["nameAttribute"] = "login".into();
    let object_type = &mut application["objectTypes"][0];
    object_type["correlation"] = json!([correlation("number", "number")]);
    object_type["reactions"] = json!({ "MISSING": missing });
    if !groups.is_null() {
        object_type["groups"] = groups.clone();
    }
    let mut login = inbound("userName", "login", 10);
    login["strength"] = "NORMAL".into();
    let mut given = cleared(inbound("groups", "groups", 10));
    given["multiValued"] = true.into();
    let mappings = object_type["attributeMappings"].as_array_mut().unwrap();
    mappings.retain(|mapping| mapping["attribute"] == "number" || mapping["attribute"] == "email");
    mappings.extend([login, given]);
    application
}

fn person(world: &World, number: &str, login: &str, groups: &[&str]) {
    let email = format!("{login}@x");
    let mut attributes: muster_model::Attributes = [("number", number), ("login", login), ("email", &email)]
        .map(|(n, text)| (n, Field::text(text)))
        .into_iter()
        .collect();
    attributes.set("groups".into(), Field::Many(groups.iter().map(|group| Datum::from(*group)).collect()));
    world.system("hr").put("person", number, MemoryAccount { enabled: true, attributes });
}

/// Ann and Bob.
async fn staffed(database: &TestDatabase, missing: &str, groups: &Value) -> World {
    let world = World::usual(database).await;
    world.save(ConfigurationKind::Application, people(missing, groups)).await;
    person(&world, "1", "ann", &["staff", "local-x"]);
    person(&world, "2", "bob", &["staff"]);
    world.synchronize("hr").await;
    world
}

/// Ann leaves.
async fn check(world: &World, expected: &Expect) {
    let id = world.object("1").await.id;
    world.dismiss("1");
    let before = world.picture().await;
    let run = world.synchronize("hr").await;
    let found = shown::done(world, &before, &run).await.replace(&name_of(id), "user-…");
    expected.assert_eq(&found);
}

#[test]
fn each_of_the_four_behaviours() {
    on_each_database(async |database| {
        let none = Value::Null;
        let world = staffed(database, "DISABLE", &none).await;
        check(
            &world,
            &expect![[r#"
            SUCCESS: 1 read, 1 lacking, 1 unchanged, 1 disabled
            * DISABLE 1
            - object 1 v1: email=ann@x groups=staff,local-x userName=ann
            - shadow hr/1 live, of 1
            + object 1 v2 MISSING: email=ann@x groups=staff,local-x userName=ann
            + shadow hr/1 gone, of 1
            + history of 1 v1 until DISABLE: "#]],
        )
        .await;
        let world = staffed(database, "DELETE", &none).await;
        check(&world, &expect![[r#"
            SUCCESS: 1 read, 1 lacking, 1 unchanged, 1 deleted
            * DELETE 1
            - object 1 v1: email=ann@x groups=staff,local-x userName=ann
            - shadow hr/1 live, of 1
            + history of a deleted object v1 until DELETE: {"email":"ann@x","groups":["staff","local-x"],"number":"1","userName":"ann"}"#]]).await;
        let world = staffed(database, "ANONYMIZE", &none).await;
        check(&world, &expect![[r#"
            SUCCESS: 1 read, 1 lacking, 1 unchanged, 1 disabled
            * DISABLE 1
            - object 1 v1: email=ann@x groups=staff,local-x userName=ann
            - shadow hr/1 live, of 1
            + object 1 v2 MISSING: userName=user-…
            + shadow hr/1 gone, of 1
            + history of 1 v1 until DISABLE: {"email":"ann@x","groups":["staff","local-x"],"userName":"ann"}"#]]).await;
        let world = staffed(database, "REPORT", &none).await;
        check(
            &world,
            &expect![[r#"
            SUCCESS: 1 read, 1 lacking, 1 unchanged, 1 reported
            ! account `1` is gone from the source"#]],
        )
        .await;
    });
}

fn told(object: &ImObject) -> (Option<DisabledReason>, String) {
    let groups: Vec<_> = object.attributes.get("groups").values().iter().map(Datum::to_text).collect();
    (object.disabled, groups.join(","))
}

#[test]
fn groups_are_removed_but_for_exceptions_and_come_back() {
    on_each_database(async |database| {
        let block =
            json!({ "attribute": "groups", "removeFromMissing": true, "keptForMissing": ["/^local-/"] });
        for missing in ["DISABLE", "ANONYMIZE"] {
            let world = staffed(database, missing, &block).await;
            world.dismiss("1");
            world.synchronize("hr").await;
            let left = (Some(DisabledReason::Missing), "local-x".to_owned());
            assert_eq!(told(&world.object("1").await), left, "{missing}");
            person(&world, "1", "ann", &["staff", "local-x"]);
            world.synchronize("hr").await;
            assert_eq!(told(&world.object("1").await), (None, "staff,local-x".to_owned()), "{missing}");
        }
    });
}

#[test]
fn who_comes_back_has_the_name_and_all_values_again() {
    on_each_database(async |database| {
        let world = staffed(database, "ANONYMIZE", &Value::Null).await;
        let before = world.object("1").await;
        world.dismiss("1");
        world.synchronize("hr").await;
        let anonymous = world.object("1").await;
        assert_eq!(anonymous.attributes.get("userName"), &Field::text(name_of(before.id)));
        // The same account, as it was: nothing has changed but that it is there.
        person(&world, "1", "ann", &["staff", "local-x"]);
        let run = world.synchronize("hr").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
        let back = world.object("1").await;
        assert_eq!((back.id, back.disabled, &back.attributes), (before.id, None, &before.attributes));
        let again = world.synchronize("hr").await;
        assert_eq!(world.changes(&again).await, Vec::<String>::new());
    });
}

#[test]
fn who_comes_back_under_a_new_key_is_found_by_the_primary_key() {
    on_each_database(async |database| {
        let world = staffed(database, "ANONYMIZE", &Value::Null).await;
        let mut application = people("ANONYMIZE", &Value::Null);
        application["objectClasses"][0]["uidAttribute"] = "number".into();
        application["objectTypes"][0]["correlation"] = json!([correlation("former", "number")]);
        world.save(ConfigurationKind::Application, application).await;
        let id = world.object("1").await.id;
        world.dismiss("1");
        world.synchronize("hr").await;
        let fields = [("number", "11"), ("former", "1"), ("login", "ann"), ("email", "ann@x")];
        world.put("hr", "person", "11", &fields);
        world.synchronize("hr").await;
        let back = world.object("11").await;
        assert_eq!((back.id, back.disabled), (id, None));
        assert_eq!(back.attributes.get("userName"), &Field::text("ann"));
    });
}

#[test]
fn anonymizing_is_limited_as_disabling_is() {
    on_each_database(async |database| {
        let world = staffed(database, "ANONYMIZE", &Value::Null).await;
        for number in 3..33 {
            person(&world, &number.to_string(), &format!("p{number}"), &[]);
        }
        world.synchronize("hr").await;
        for number in 3..33 {
            world.dismiss(&number.to_string());
        }
        let run =
            world.attempt(muster_testkit::world::synchronization("hr", muster_model::run::Mode::Apply)).await;
        assert_eq!(run.held_by.as_deref(), Some("disable: 30 of 32, the limit is 10 % and at least 20"));
        assert_eq!(run.counters.outcome(Outcome::Disabled), 30);
        assert_eq!(world.object("3").await.disabled, None);
    });
}
