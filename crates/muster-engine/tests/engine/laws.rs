//! Laws that hold for every small world and every history of it.

use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, Outcome};
use muster_store::{ChangeFilter, RunRecord};
use muster_testkit::world::configuration::{crm, inbound};
use muster_testkit::world::{
    TestDatabase, World, difference, on_each_database, provisioning, synchronization,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

/// What happens to one system between two runs.
#[derive(Debug, Clone)]
enum Edit {
    Hire { number: u8, email: u8, name: u8, department: u8, manager: u8 },
    Dismiss { number: u8 },
    Spoil { number: u8, keeps_key: bool },
    Contact { id: u8, email: u8, phone: u8 },
    Forget { id: u8 },
    Tamper { number: u8, name: u8 },
    LoseAccount { number: u8 },
    Rename { number: u8, name: u8 },
}

/// Some edits, and the task that runs after them.
#[derive(Debug, Clone)]
struct Day {
    edits: Vec<Edit>,
    task: &'static str,
}

const PEOPLE: u8 = 9;

fn edit() -> impl Strategy<Value = Edit> {
    let hire = (1..=PEOPLE, 0..6u8, 0..3u8, 0..3u8, 0..=PEOPLE).prop_map(
        |(number, email, name, department, manager)| Edit::Hire { number, email, name, department, manager },
    );
    prop_oneof![
        8 => hire,
        3 => (1..=PEOPLE).prop_map(|number| Edit::Dismiss { number }),
        1 => (1..=PEOPLE, any::<bool>()).prop_map(|(number, keeps_key)| Edit::Spoil { number, keeps_key }),
        3 => (1..4u8, 0..6u8, 0..3u8).prop_map(|(id, email, phone)| Edit::Contact { id, email, phone }),
        1 => (1..4u8).prop_map(|id| Edit::Forget { id }),
        1 => (1..=PEOPLE, 0..3u8).prop_map(|(number, name)| Edit::Tamper { number, name }),
        1 => (1..=PEOPLE).prop_map(|number| Edit::LoseAccount { number }),
        1 => (1..=PEOPLE, 0..3u8).prop_map(|(number, name)| Edit::Rename { number, name }),
    ]
}

fn history() -> impl Strategy<Value = Vec<Day>> {
    let task = prop_oneof![3 => Just("hr"), 1 => Just("crm"), 1 => Just("ad")];
    let day = (prop::collection::vec(edit(), 1..8), task).prop_map(|(edits, task)| Day { edits, task });
    prop::collection::vec(day, 1..5)
}

/// The usual world, where the CRM also has a nickname to give once and a title to give when it changes.
async fn small_world(database: &TestDatabase) -> World {
    let world = World::usual(database).await;
    let mut application = crm();
    let mappings = application["objectTypes"][0]["attributeMappings"].as_array_mut().expect("mappings");
    for (attribute, strength) in [("nickname", "WEAK"), ("title", "NORMAL")] {
        let mut mapping = inbound(attribute, attribute, 1);
        mapping["strength"] = json!(strength);
        mappings.push(mapping);
    }
    world.save(ConfigurationKind::Application, application).await;
    world
}

async fn make(world: &World, edit: &Edit) {
    let email = |email: u8| if email == 0 { String::new() } else { format!("{email}@x") };
    match edit {
        Edit::Hire { number, email: address, name, department, manager } => {
            let manager = if *manager == 0 { String::new() } else { manager.to_string() };
            let fields = [
                ("number", number.to_string()),
                ("email", email(*address)),
                ("name", format!("Name {name}")),
                ("department", ["IT", "FIN", "HR"][usize::from(*department)].to_owned()),
                ("manager", manager),
            ];
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
            world.put("hr", "person", &number.to_string(), &fields);
        }
        Edit::Dismiss { number } => world.dismiss(&number.to_string()),
        Edit::Spoil { number, keeps_key } => {
            let number = number.to_string();
            world.system("hr").put_bad("person", &number, keeps_key.then(|| number.clone()));
        }
        Edit::Contact { id, email: address, phone } => {
            let (id, email) = (format!("c{id}"), email(*address));
            let (phone, nickname) = (phone.to_string(), format!("Nick {phone}"));
            let fields = [
                ("id", &*id),
                ("email", &*email),
                ("phone", &*phone),
                ("nickname", &*nickname),
                ("title", &*nickname),
            ];
            world.put("crm", "contact", &id, &fields);
        }
        Edit::Forget { id } => world.system("crm").take("contact", &format!("c{id}")),
        Edit::Tamper { number, name } => {
            let (uid, cn) = (number.to_string(), format!("By Hand {name}"));
            if world.system("ad").accounts("account").contains_key(&uid) {
                world.put("ad", "account", &uid, &[("uid", &uid), ("cn", &cn)]);
            }
        }
        Edit::LoseAccount { number } => world.system("ad").take("account", &number.to_string()),
        // Somebody changes an object by hand: HR corrects the name, the CRM leaves the nickname.
        Edit::Rename { number, name } => {
            let objects = world.objects().await;
            if let Some(object) = objects.get(&number.to_string()) {
                world.overwrite(object.id, &format!("Name {name}"), "By Hand").await;
                world.overwrite(object.id, &format!("Nick {name}"), "By Hand").await;
            }
        }
    }
}

async fn run(world: &World, task: &str, mode: Mode) -> RunRecord {
    world.run(if task == "ad" { provisioning(task, mode) } else { synchronization(task, mode) }).await
}

async fn live(world: &World, days: &[Day]) -> Vec<RunRecord> {
    let mut runs = Vec::new();
    for day in days {
        for edit in &day.edits {
            make(world, edit).await;
        }
        runs.push(run(world, day.task, Mode::Apply).await);
    }
    runs
}

/// Holds a law against a number of histories, on each database.
fn for_all(cases: u32, law: impl AsyncFn(TestDatabase, Vec<Day>)) {
    on_each_database(async |database| {
        let cases = if database.is_postgres() { cases.div_ceil(4) } else { cases };
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
        let here = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| {
            let outcome = TestRunner::new(config).run(&history(), |days| {
                here.block_on(law(database.clone(), days));
                Ok(())
            });
            outcome.unwrap_or_else(|error| panic!("{error}"));
        });
    });
}

/// Changes that were staged and could be carried out: not those that are disputed, nor those that are looked at
/// again because a reference is open.
async fn real_changes(world: &World, run: &RunRecord) -> Vec<String> {
    let exceptions = world.store().exceptions(run).await.expect("the database");
    let rows = world.store().changes(run, ChangeFilter { after: 0, limit: 1000 }).await;
    let rows = rows.expect("the database").into_iter();
    let real = rows.filter(|row| !exceptions.iter().any(|(number, _)| *number == row.number));
    real.map(|row| format!("{} {}", row.action.as_str(), row.uid)).collect()
}

#[test]
fn a_second_pass_finds_nothing_to_do() {
    for_all(24, async |database, days| {
        let world = small_world(&database).await;
        live(&world, &days).await;
        for task in ["hr", "crm", "ad"] {
            // Who was disputed or stale once can be decided when the others are done with.
            run(&world, task, Mode::Apply).await;
            run(&world, task, Mode::Apply).await;
            let before = world.outcome_state().await;
            let again = run(&world, task, Mode::Apply).await;
            assert_eq!(real_changes(&world, &again).await, Vec::<String>::new(), "{task}");
            assert_same(&before, &world.outcome_state().await, task);
        }
    });
}

#[test]
fn any_history_ends_the_same_with_and_without_the_shortcut() {
    for_all(24, async |database, days| {
        let trusting = small_world(&database).await;
        let doubting = small_world(&database).await;
        for day in &days {
            live(&trusting, std::slice::from_ref(day)).await;
            doubting.forget_digests().await;
            live(&doubting, std::slice::from_ref(day)).await;
            assert_same(&trusting.outcome_state().await, &doubting.outcome_state().await, "without digests");
        }
    });
}

#[test]
fn the_outcome_does_not_depend_on_the_size_of_pages() {
    for_all(12, async |database, days| {
        let world = small_world(&database).await.with_sizes(1000, 3);
        let runs = live(&world, &days).await;
        let (plans, state) = (plans(&runs), world.whole_state().await);
        for size in [1, 2, 7] {
            let world = small_world(&database).await.with_sizes(size, 3);
            let runs = live(&world, &days).await;
            assert_same(&state, &world.whole_state().await, &format!("pages of {size}"));
            assert_eq!(self::plans(&runs), plans, "pages of {size}");
        }
    });
}

#[test]
fn the_outcome_does_not_depend_on_the_size_of_batches() {
    for_all(12, async |database, days| {
        let world = small_world(&database).await.with_sizes(5, 1000);
        live(&world, &days).await;
        let state = world.outcome_state().await;
        for size in [1, 2] {
            let world = small_world(&database).await.with_sizes(5, size);
            live(&world, &days).await;
            assert_same(&state, &world.outcome_state().await, &format!("batches of {size}"));
        }
    });
}

#[test]
fn the_outcome_does_not_depend_on_how_much_of_a_plan_is_in_memory_at_a_time() {
    for_all(12, async |database, days| {
        let world = small_world(&database).await.with_sizes(5, 2);
        let runs = live(&world, &days).await;
        // A part is applied in batches of its own, and the numbers of shadows follow the batches.
        let (plans, state) = (plans(&runs), world.outcome_state().await);
        for changes in [1, 3] {
            let world = small_world(&database).await.with_sizes(5, 2).with_ordered_at_once(changes);
            let runs = live(&world, &days).await;
            assert_same(&state, &world.outcome_state().await, &format!("{changes} at once"));
            assert_eq!(self::plans(&runs), plans, "{changes} at once");
        }
    });
}

fn plans(runs: &[RunRecord]) -> Vec<Option<[u8; 16]>> {
    runs.iter().map(|run| run.plan_hash).collect()
}

fn assert_same(expected: &str, found: &str, what: &str) {
    assert!(expected == found, "{what}:\n{}", difference(expected, found));
}

#[test]
fn a_simulation_plans_what_the_run_does_and_changes_nothing() {
    for_all(24, async |database, days| {
        let world = small_world(&database).await;
        for day in &days {
            for edit in &day.edits {
                make(&world, edit).await;
            }
            let before = (world.outcome_state().await, world.picture().await);
            let simulated = run(&world, day.task, Mode::Simulate).await;
            assert_eq!((world.outcome_state().await, world.picture().await), before);
            let applied = run(&world, day.task, Mode::Apply).await;
            assert_eq!(simulated.plan_hash, applied.plan_hash);
            // Only what carrying the plan out comes to can make a difference.
            if applied.counters.outcome(Outcome::Stale) == 0 {
                assert_eq!(simulated.counters, applied.counters);
            }
        }
    });
}

/// Statements of a run that finds everybody unchanged.
async fn statements_unchanged(database: &TestDatabase, people: u32, page_size: usize) -> u64 {
    let world = World::usual(database).await.with_page_size(page_size);
    for number in 1..=people {
        world.hire(&number.to_string(), &format!("{number}@x"), "Somebody", "IT");
    }
    world.synchronize("hr").await;
    let before = world.store().statements();
    let run = world.synchronize("hr").await;
    assert_eq!(run.counters.outcome(Outcome::Unchanged), u64::from(people));
    assert_eq!(world.changes(&run).await, Vec::<String>::new());
    world.store().statements() - before
}

#[test]
fn an_unchanged_page_costs_the_same_few_statements_whatever_its_size() {
    on_each_database(async |database| {
        let one_small = statements_unchanged(database, 5, 1000).await;
        let one_large = statements_unchanged(database, 400, 1000).await;
        assert_eq!(one_small, one_large, "a page of 5 and a page of 400");
        let four = statements_unchanged(database, 40, 10).await;
        let ten = statements_unchanged(database, 100, 10).await;
        assert_eq!((four - one_small) % 3, 0);
        let each = (four - one_small) / 3;
        assert_eq!(ten - one_small, 9 * each);
        assert!(each <= 4, "{each} statements for an unchanged page");
    });
}
