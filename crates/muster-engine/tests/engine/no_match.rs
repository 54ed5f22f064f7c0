//! What becomes of values that no transformation applies to, of attributes with several sources, and of groups by their
//! rules, over whole runs.

use muster_connector::memory::MemoryAccount;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::Outcome;
use muster_model::{Attributes, Field, Value as Datum};
use muster_testkit::world::configuration::{correlation, hr, inbound};
use muster_testkit::world::{TestDatabase, World, on_each_database};
use serde_json::{Value, json};

/// HR with these mappings besides that of the number.
async fn world_of(database: &TestDatabase, mappings: &[Value], groups: &Value) -> World {
    let world = World::usual(database).await;
    configure(&world, mappings, groups).await;
    world
}

async fn configure(world: &World, mappings: &[Value], groups: &Value) {
    let mut application = hr();
    let object_type = &mut application["objectTypes"][0];
    object_type["correlation"] = json!([correlation("number", "number")]);
    let mut all = vec![inbound("number", "number", 10)];
    all.extend(mappings.iter().cloned());
    object_type["attributeMappings"] = all.into();
    if !groups.is_null() {
        object_type["groups"] = groups.clone();
    }
    world.save(ConfigurationKind::Application, application).await;
}

fn person(world: &World, number: &str, fields: &[(&str, Field)]) {
    let mut attributes: Attributes = fields.iter().map(|(name, field)| (*name, field.clone())).collect();
    attributes.set("number".into(), Field::text(number));
    world.system("hr").put("person", number, MemoryAccount { enabled: true, attributes });
}

fn several(names: &str) -> Field {
    Field::Many(names.split_terminator(',').map(Datum::from).collect())
}

/// What an attribute of person 1 holds; `None` when there is no such person.
async fn held(world: &World, attribute: &str) -> Option<String> {
    let object = world.objects().await.remove("1")?;
    let texts: Vec<_> = object.attributes.get(attribute).values().iter().map(Datum::to_text).collect();
    Some(texts.join(","))
}

/// A mapping whose table knows departments by their numbers.
fn looked_up(attribute: &str, choice: &str) -> Value {
    let mut mapping = inbound(attribute, attribute, 10);
    let table = json!([{ "from": "10", "to": "IT" }, { "from": "20", "to": "FIN" }]);
    mapping["transformations"] = json!([{ "type": "LOOKUP", "table": table }]);
    mapping["onNoMatch"] = choice.into();
    mapping
}

#[test]
fn each_choice_for_one_value() {
    on_each_database(async |database| {
        for (choice, new, changed, outcome) in [
            ("RAW", Some("99"), "99", Outcome::Updated),
            ("KEEP", Some(""), "IT", Outcome::Unchanged),
            ("CLEAR", Some(""), "", Outcome::Updated),
            ("FILTER", None, "IT", Outcome::Filtered),
        ] {
            let world = world_of(database, &[looked_up("department", choice)], &Value::Null).await;
            person(&world, "1", &[("department", Field::text("99"))]);
            world.synchronize("hr").await;
            assert_eq!(held(&world, "department").await.as_deref(), new, "{choice}");

            person(&world, "1", &[("department", Field::text("10"))]);
            world.synchronize("hr").await;
            assert_eq!(held(&world, "department").await.as_deref(), Some("IT"), "{choice}");
            person(&world, "1", &[("department", Field::text("99"))]);
            let run = world.synchronize("hr").await;
            assert_eq!(held(&world, "department").await.as_deref(), Some(changed), "{choice}");
            assert_eq!(run.counters.outcome(outcome), 1, "{choice} {:?}", run.counters);
            assert_eq!(run.counters.lacking, 0, "whoever is filtered is there");
        }
    });
}

#[test]
fn each_choice_for_groups_value_by_value() {
    on_each_database(async |database| {
        for (choice, new, changed, unknown) in [
            ("RAW", "IT,99", "FIN,98,IT", Some("97")),
            ("KEEP", "IT", "FIN,IT", Some("FIN,IT")),
            ("CLEAR", "IT", "FIN,IT", Some("")),
            ("FILTER", "IT", "FIN,IT", Some("FIN,IT")),
        ] {
            let mut mapping = looked_up("groups", choice);
            mapping["multiValued"] = true.into();
            let world = world_of(database, &[mapping], &Value::Null).await;
            let mut groups = Vec::new();
            let mut outcome = Outcome::Created;
            for given in ["10,99", "20,98,10", "97"] {
                person(&world, "1", &[("groups", several(given))]);
                let run = world.synchronize("hr").await;
                groups.push(held(&world, "groups").await);
                outcome =
                    if run.counters.outcome(Outcome::Filtered) == 1 { Outcome::Filtered } else { outcome };
            }
            let expected = [Some(new), Some(changed), unknown].map(|groups| groups.map(str::to_owned));
            assert_eq!(groups, expected, "{choice}");
            assert_eq!(outcome == Outcome::Filtered, choice == "FILTER", "none of the groups is known");
        }
    });
}

#[test]
fn a_group_without_a_match_stays_where_the_object_has_it() {
    on_each_database(async |database| {
        let mut mapping = looked_up("groups", "KEEP");
        mapping["multiValued"] = true.into();
        let mut raw = mapping.clone();
        raw["onNoMatch"] = "RAW".into();
        let world = world_of(database, &[raw], &Value::Null).await;
        person(&world, "1", &[("groups", several("10,98"))]);
        world.synchronize("hr").await;
        configure(&world, &[mapping], &Value::Null).await;
        person(&world, "1", &[("groups", several("20,98,99"))]);
        world.synchronize("hr").await;
        assert_eq!(held(&world, "groups").await.as_deref(), Some("FIN,98"));
    });
}

#[test]
fn attributes_with_fallback_and_combined_ones() {
    on_each_database(async |database| {
        let mut mail = inbound("mail", "work", 10);
        mail["transformations"] = json!([{ "type": "FIRST_OF", "attributes": ["private", "other"] }]);
        let mut phones = inbound("phones", "phone", 10);
        phones["transformations"] = json!([{ "type": "JOIN", "separator": " / " }]);
        let display = json!({
            "attribute": "displayName", "direction": "INBOUND", "strategy": "CUSTOM", "authority": 10,
            "rule": "first + \" \" + last",
        });
        let world = world_of(database, &[mail, phones, display], &Value::Null).await;
        let ann = |more: &[(&str, &str)]| {
            let mut fields = vec![("first", Field::text("Ann")), ("phone", several("1,2"))];
            fields.extend(more.iter().map(|(name, text)| (*name, Field::text(*text))));
            person(&world, "1", &fields);
        };
        for (more, mail, display) in [
            (vec![("last", "Lee"), ("other", "o@x")], "o@x", "Ann Lee"),
            (vec![("last", "Lee"), ("other", "o@x"), ("private", "p@x")], "p@x", "Ann Lee"),
            (vec![("last", "Ray"), ("private", "p@x"), ("work", "w@x")], "w@x", "Ann Ray"),
        ] {
            ann(&more);
            world.synchronize("hr").await;
            assert_eq!(held(&world, "mail").await.as_deref(), Some(mail));
            assert_eq!(held(&world, "displayName").await.as_deref(), Some(display));
            assert_eq!(held(&world, "phones").await.as_deref(), Some("1 / 2"));
        }
    });
}

/// Groups as `jira-…`, without that.
fn jira() -> Value {
    let mut mapping = inbound("groups", "groups", 10);
    mapping["transformations"] =
        json!([{ "type": "REGEX_REPLACE", "pattern": "^jira-(.*)$", "replacement": "$1" }]);
    mapping["multiValued"] = true.into();
    mapping["onNoMatch"] = "CLEAR".into();
    mapping
}

#[test]
fn group_rules_hold_after_all_transformations() {
    on_each_database(async |database| {
        let block = json!({
            "attribute": "groups", "required": ["staff", "/^dev/"], "everyone": ["users"], "kept": ["/^local-/"],
        });
        let world = world_of(database, &[jira()], &block).await;
        person(&world, "1", &[("groups", several("jira-dev1,wiki-x"))]);
        person(&world, "2", &[("groups", several("dev1,staff,jira-other"))]);
        let run = world.synchronize("hr").await;
        assert_eq!(held(&world, "groups").await.as_deref(), Some("dev1,users"));
        assert_eq!((run.counters.outcome(Outcome::Created), run.counters.outcome(Outcome::Filtered)), (1, 1));
        let id = world.object("1").await.id;
        world.overwrite(id, "users", "local-x").await;
        world.forget_digests().await;
        person(&world, "1", &[("groups", several("jira-staff"))]);
        world.synchronize("hr").await;
        assert_eq!(held(&world, "groups").await.as_deref(), Some("staff,local-x,users"));
    });
}

#[test]
fn what_everyone_gets_reaches_unchanged_accounts_once() {
    on_each_database(async |database| {
        let mut mapping = jira();
        mapping["strength"] = "NORMAL".into();
        let block = |everyone: &[&str]| json!({ "attribute": "groups", "everyone": everyone });
        let world = world_of(database, &[mapping.clone()], &block(&["users"])).await;
        person(&world, "1", &[("groups", several("jira-staff"))]);
        world.synchronize("hr").await;
        assert_eq!(held(&world, "groups").await.as_deref(), Some("staff,users"));
        configure(&world, &[mapping], &block(&["users", "all"])).await;
        let run = world.synchronize("hr").await;
        assert_eq!(world.changes(&run).await, ["UPDATE 1"]);
        assert_eq!(held(&world, "groups").await.as_deref(), Some("staff,users,all"));
        let again = world.synchronize("hr").await;
        assert_eq!(world.changes(&again).await, Vec::<String>::new());
    });
}
