//! Objects written by hand: what the next runs make of it, and what runs that are under way do.

use muster_connector::faulty::{CallKind, no_faults};
use muster_engine::{Engine, LiveAccount};
use muster_model::audit::{Actor, ActorKind};
use muster_model::condition::Condition;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, Outcome, OutcomeStatus};
use muster_model::{
    AttributeName, Attributes, DirectoryId, DisabledReason, Field, ImObject, ObjectId, ObjectKind, Provenance,
};
use muster_plan::by_hand::{HandChange, Wanted};
use muster_plan::change::Action;
use muster_store::{Acting, ObjectSearch, TenantStore};
use muster_testkit::world::configuration::{correlation, hr, naming};
use muster_testkit::world::{Barrier, World, on_each_database, synchronization};
use serde_json::json;

/// Carries out what `change` makes of the object of a number.
async fn write(world: &World, number: &str, change: impl Fn(ImObject, &mut Wanted)) {
    let object = world.object(number).await;
    let mut wanted = Wanted {
        object_type: object.object_type.clone(),
        disabled: object.disabled,
        attributes: object.attributes.clone(),
    };
    change(object.clone(), &mut wanted);
    let (engine, basis) = basis(world).await;
    let change = basis.replace(object, wanted).expect("a change");
    engine.write_by_hand(&by_ann(world), &basis, &change).await.expect("written");
}

/// The tenant's data, as Ann writes it.
fn by_ann(world: &World) -> TenantStore {
    let actor = Actor::new(ActorKind::User, "ann");
    world.store().acting(Acting { actor, origin: "here".to_owned(), at: None })
}

async fn basis(world: &World) -> (Engine, muster_engine::HandBasis) {
    let engine = world.engine();
    let basis = engine.hand_basis(world.store()).await.expect("a basis");
    (engine, basis)
}

async fn set(world: &World, number: &str, attribute: &str, text: &str) {
    let name = AttributeName::from(attribute);
    write(world, number, |_, wanted| wanted.attributes.set(name.clone(), Field::text(text))).await;
}

pub(crate) async fn delete(world: &World, number: &str) {
    let (engine, basis) = basis(world).await;
    let change = basis.delete(world.object(number).await);
    engine.write_by_hand(&by_ann(world), &basis, &change).await.expect("deleted");
}

async fn make(world: &World, fields: &[(&str, &str)]) -> ImObject {
    let object = ImObject {
        id: ObjectId(world.engine().surroundings().new_id()),
        kind: ObjectKind::Identity,
        directory: DirectoryId::main(),
        object_type: None,
        disabled: None,
        version: 1,
        attributes: fields.iter().map(|(name, text)| (*name, Field::text(*text))).collect::<Attributes>(),
        provenance: Provenance::default(),
    };
    let (engine, basis) = basis(world).await;
    let change: HandChange = basis.create(object.clone());
    engine.write_by_hand(&by_ann(world), &basis, &change).await.expect("made");
    object
}

#[test]
fn what_a_source_leads_it_sets_right_again_and_leaves_the_rest() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.synchronize("hr").await;
        world.provision("ad").await;
        set(&world, "1", "name", "Anna").await;
        set(&world, "1", "nickname", "Annie").await;
        assert!(!world.has_promise("1").await, "whoever changes an object takes its promises back");
        let run = world.provision("ad").await;
        assert_eq!(run.counters.outcome(Outcome::Updated), 1, "the target hears of it");
        assert_eq!(world.system("ad").accounts("account")["1"].attributes.get("cn"), &Field::text("Anna"));
        let run = world.synchronize("hr").await;
        assert_eq!(run.counters.outcome(Outcome::Updated), 1);
        let object = world.object("1").await;
        assert_eq!(object.attributes.get("name"), &Field::text("Ann"));
        assert_eq!(object.attributes.get("nickname"), &Field::text("Annie"));
        let run = world.synchronize("hr").await;
        assert_eq!(run.counters.outcome(Outcome::Unchanged), 1);
        let history =
            world.store().object_history((object.kind, object.id), None, 10).await.expect("a history");
        let told: Vec<_> = history
            .iter()
            .map(|one| {
                (
                    one.replaced,
                    one.actor.as_ref().map(|actor| actor.name.as_str()),
                    one.run.as_ref().map(|run| run.2.to_string()),
                )
            })
            .collect();
        assert_eq!(told, [(3, None, Some("hr".to_owned())), (2, Some("ann"), None), (1, Some("ann"), None)]);
        assert_eq!(history[2].before, [("name".into(), Field::text("Ann"))]);
        assert_eq!(history[1].before, [("nickname".into(), Field::Absent)]);
        let page =
            world.store().object_history((object.kind, object.id), Some(2), 10).await.expect("a history");
        assert_eq!(page, history[2..]);
    });
}

#[test]
fn who_is_disabled_by_hand_stays_so() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.synchronize("hr").await;
        world.provision("ad").await;
        write(&world, "1", |_, wanted| wanted.disabled = Some(DisabledReason::ByHand)).await;
        world.synchronize("hr").await;
        assert_eq!(world.object("1").await.disabled, Some(DisabledReason::ByHand));
        world.provision("ad").await;
        assert!(!world.system("ad").accounts("account")["1"].enabled);
        let id = world.object("1").await.id;
        let history =
            world.store().object_history((ObjectKind::Identity, id), None, 1).await.expect("a history");
        assert_eq!((history[0].action, history[0].disabled), (Action::Disable, None));
    });
}

#[test]
fn the_accounts_of_who_is_deleted_are_left_to_the_next_provisioning() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.hire("2", "bob@x", "Bob", "IT");
        world.synchronize("hr").await;
        world.provision("ad").await;
        let id = world.object("1").await.id;
        delete(&world, "1").await;
        assert_eq!(world.objects().await.len(), 1);
        let accounts = world.store().accounts_of(id, None).await.expect("the database");
        assert_eq!(accounts.len(), 2, "their shadows stay");
        let run = world.provision("ad").await;
        assert_eq!(run.counters.outcome(Outcome::Disabled), 1, "{:?}", run.counters);
        assert!(!world.system("ad").accounts("account")["1"].enabled);
        assert!(world.system("ad").accounts("account")["2"].enabled);
        // The source still has the person: for it somebody new.
        let run = world.synchronize("hr").await;
        assert_eq!((run.counters.outcome(Outcome::Created), world.objects().await.len()), (1, 2));
        assert_ne!(world.object("1").await.id, id);
        let history =
            world.store().object_history((ObjectKind::Identity, id), None, 10).await.expect("a history");
        assert_eq!((history.len(), history[0].action, history[0].before.len()), (1, Action::Delete, 4));
        let as_role = world.store().object_history((ObjectKind::Role, id), None, 10).await;
        assert_eq!(as_role.expect("a history"), []);
    });
}

#[test]
fn who_is_made_by_hand_is_found_by_the_source() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.synchronize("hr").await;
        let bob = make(&world, &[("email", "BOB@x"), ("name", "Bob")]).await;
        set(&world, "1", "email", "ann@y").await;
        world.hire("2", "bob@X", "Robert", "IT");
        let run = world.synchronize("hr").await;
        assert_eq!(run.counters.outcome(Outcome::Created), 0, "{:?}", run.counters);
        assert_eq!((world.object("2").await.id, world.objects().await.len()), (bob.id, 2));
        // The keys of values that are gone find nobody, those of new ones do.
        world.contact("c1", "ann@x", "1");
        world.synchronize("crm").await;
        assert_eq!(world.object("1").await.attributes.get("phone"), &Field::text("1"));
    });
}

#[test]
fn who_is_made_by_hand_under_a_run_is_not_made_twice() {
    on_each_database(async |database| {
        let mut world = World::usual(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.synchronize("hr").await;
        world.hire("2", "bob@x", "Bob", "IT");
        world.hire("3", "cid@x", "Cid", "IT");
        world.hire("4", "dan@x", "Dan", "IT");
        let (barrier, plan) = Barrier::at(CallKind::Page, 2);
        world.disturb("hr", plan);
        let run = world.admit(synchronization("hr", Mode::Apply)).await;
        let (engine, store) = (world.engine(), world.store().clone());
        let working = tokio::spawn(async move { engine.execute(&store, run).await });
        barrier.reached().await;
        // The next page is asked for while the first is looked up, and nothing tells when that is done.
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        // One is made by hand, another gets the address by which a third is looked for.
        make(&world, &[("email", "bob@x")]).await;
        set(&world, "1", "email", "cid@x").await;
        barrier.open();
        let run = working.await.expect("no panic").expect("a run");
        assert_eq!(run.counters.outcome(Outcome::Stale), 2, "{:?}", run.counters);
        assert_eq!(world.objects().await.len(), 3, "{:?}", world.picture().await);
        world.disturb("hr", no_faults());
        // The address goes back to whom the source gives it; then the other one is free to be made.
        world.synchronize("hr").await;
        let run = world.synchronize("hr").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
        assert_eq!(world.objects().await.len(), 4, "{:?}", world.picture().await);
    });
}

#[test]
fn who_referred_by_a_key_that_is_lost_is_looked_at_again() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        world.save(ConfigurationKind::Application, naming("REMOTE_NAME")).await;
        world.hire("7", "boss@x", "Boss", "IT");
        for (number, manager) in [("1", "7"), ("2", "")] {
            let email = format!("p{number}@x");
            let fields = [("number", number), ("email", &email), ("name", number), ("manager", manager)];
            world.put("hr", "person", number, &fields);
        }
        world.synchronize("hr").await;
        let promises = async || {
            let mut held = Vec::new();
            for number in ["1", "2", "7"] {
                held.push(world.has_promise(number).await);
            }
            held
        };
        assert_eq!(promises().await, [true, true, true]);
        set(&world, "7", "name", "The Boss").await;
        assert_eq!(promises().await, [true, true, false], "nobody refers by a name");
        world.synchronize("hr").await;
        set(&world, "7", "number", "8").await;
        assert_eq!(promises().await, [false, true, false]);
        world.synchronize("hr").await;
        delete(&world, "7").await;
        assert_eq!(promises().await, [false, true, false]);
    });
}

#[test]
fn keys_that_no_rule_needs_any_more_are_not_relied_on() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.synchronize("hr").await;
        let of_main = async || world.store().key_specs(&DirectoryId::main()).await.expect("keys").len();
        assert_eq!(of_main().await, 2);
        let mut renamed = hr();
        renamed["objectTypes"][0]["attributeMappings"].as_array_mut().expect("mappings").pop();
        world.save(ConfigurationKind::Application, renamed).await;
        make(&world, &[("number", "2"), ("email", "bob@x")]).await;
        assert_eq!(of_main().await, 1, "nobody refers by number now");
        // The rule comes back, and so do its keys, for whoever was written meanwhile.
        world.save(ConfigurationKind::Application, hr()).await;
        let fields = [("number", "3"), ("email", "cid@x"), ("name", "Cid"), ("manager", "2")];
        world.put("hr", "person", "3", &fields);
        let run = world.synchronize("hr").await;
        assert_eq!(run.counters.open_references, 0);
    });
}

#[test]
fn a_write_that_was_decided_on_something_else_is_not_made() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        let ann = make(&world, &[("email", "ann@x")]).await;
        let (engine, basis) = basis(&world).await;
        let change = basis.delete(ann.clone());
        set(&world, "ann@x", "name", "Ann").await;
        let before = world.picture().await;
        let moved = engine.write_by_hand(world.store(), &basis, &change).await;
        assert!(moved.is_err_and(|error| error.to_string() == "the store failed"));
        let change = basis.delete(ImObject { version: 2, ..ann });
        world.save(ConfigurationKind::Application, hr()).await;
        assert!(engine.write_by_hand(world.store(), &basis, &change).await.is_err());
        assert_eq!(world.picture().await, before);
    });
}

#[test]
fn a_write_takes_one_statement_for_each_kind_of_row() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        for number in 1..=9 {
            let number = number.to_string();
            world.hire(&number, &format!("p{number}@x"), "Somebody", "IT");
        }
        world.synchronize("hr").await;
        let (engine, counting) = (world.engine(), world.store().counting_its_own());
        let before = counting.statements();
        let basis = engine.hand_basis(&counting).await.expect("a basis");
        assert_eq!(counting.statements() - before, 3, "version, configuration, keys");
        let object = world.object("1").await;
        let named = |name: &str, text: &str| {
            let mut attributes = object.attributes.clone();
            attributes.set(name.into(), Field::text(text));
            Wanted { object_type: None, disabled: None, attributes }
        };
        // Tenant, object, history, promises and two for the audit log; then keys removed and added; then who
        // referred by the number, in two statements a slice.
        for (change, expected) in [
            (basis.replace(object.clone(), named("nick", "Ann")), 6),
            (basis.replace(ImObject { version: 2, ..object.clone() }, named("email", "ann@x")), 8),
            (basis.replace(ImObject { version: 3, ..object.clone() }, named("number", "10")), 10),
            (Some(basis.delete(ImObject { version: 4, ..object.clone() })), 9),
        ] {
            let change = change.expect("a change");
            let before = counting.statements();
            engine.write_by_hand(&counting, &basis, &change).await.expect("written");
            assert_eq!(counting.statements() - before, expected, "{change:?}");
        }
    });
}

#[test]
fn keys_answer_a_search_and_find_the_same() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        for number in 1..=9 {
            let number = number.to_string();
            world.hire(&number, &format!("P{number}@x"), "Somebody", "IT");
        }
        world.synchronize("hr").await;
        let (engine, counting) = (world.engine(), world.store().counting_its_own());
        for (text, found, statements) in [
            (r#"email eq "p3@X""#, 1, 3),
            (r#"email eq "p3@x" and name eq "nobody""#, 0, 3),
            (r#"number eq "3" or number eq "4""#, 2, 3),
            // A key that keeps case, a condition that does not regard it.
            (r#"name eq "somebody""#, 9, 4),
            (r#"email sw "p3""#, 1, 2),
        ] {
            let condition = Condition::parse(text).expect("a condition");
            let search = ObjectSearch {
                kind: ObjectKind::Identity,
                directory: None,
                condition: Some(&condition),
                keys: None,
                after: None,
                limit: 100,
            };
            let before = counting.statements();
            let answer = engine.search(&counting, search).await.expect("an answer");
            assert_eq!((answer.len(), counting.statements() - before), (found, statements), "{text}");
        }
    });
}

#[test]
fn accounts_are_read_as_they_are_now() {
    on_each_database(async |database| {
        let mut world = World::usual(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        world.synchronize("hr").await;
        world.provision("ad").await;
        let id = world.object("1").await.id;
        let accounts = world.store().accounts_of(id, None).await.expect("the database");
        let said: Vec<_> = accounts.iter().map(|account| account.application.as_str()).collect();
        assert_eq!(said, ["ad", "hr"]);
        world.dismiss("1");
        world.put("ad", "account", "1", &[("uid", "1"), ("cn", "Changed")]);
        let (engine, basis) = basis(&world).await;
        let live = engine.read_live(world.store(), &basis.resources, &accounts).await;
        let LiveAccount::Found { enabled: Some(true), attributes } = &live[0] else { panic!("{live:?}") };
        assert_eq!(attributes.get("cn"), &Field::text("Changed"));
        assert_eq!(live[1], LiveAccount::NotFound);
        // What one does not say keeps nobody from hearing the other.
        let (_barrier, plan) = Barrier::at(CallKind::Read, 1);
        world.disturb("ad", plan);
        let mut slow = muster_testkit::world::configuration::connector("ad", "ad");
        slow["limits"] = json!({ "operationTimeoutMillis": 1 });
        world.save(ConfigurationKind::ConnectorDefinition, slow).await;
        let (engine, basis) = self::basis(&world).await;
        let live = engine.read_live(world.store(), &basis.resources, &accounts).await;
        let reason = "application `ad` did not answer within 1 ms".to_owned();
        assert_eq!(live, [LiveAccount::Unknown { reason }, LiveAccount::NotFound]);
    });
}

#[test]
fn who_is_made_by_hand_is_found_by_several_attributes_together() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        let mut application = hr();
        let mut rule = correlation("name", "name");
        let item = correlation("department", "department")["items"][0].clone();
        rule["items"].as_array_mut().expect("items").push(item);
        application["objectTypes"][0]["correlation"] = json!([rule]);
        world.save(ConfigurationKind::Application, application).await;
        let ann = make(&world, &[("name", "Ann"), ("department", "it")]).await;
        world.hire("1", "ann@x", "ANN", "IT");
        world.synchronize("hr").await;
        assert_eq!((world.object("1").await.id, world.objects().await.len()), (ann.id, 1));
    });
}
