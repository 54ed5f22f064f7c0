//! What is told of each user of a sync: every entry of its run once, whatever became of it.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use muster_engine::{UserResults, counts_of};
use muster_model::Attributes;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, ProgressStatus};
use muster_model::user_sync::{UserOperation, UserResult};
use muster_store::RunRecord;
use muster_testkit::world::configuration::{crm, hr, reconciliation};
use muster_testkit::world::{TestDatabase, World, on_each_database, synchronization};
use serde_json::{Value, json};

/// All results of a sync, which are as many of each operation as its status says.
async fn results(world: &World, run: &RunRecord) -> Vec<UserResult> {
    let mut left = UserResults::of(world.store().clone(), run.clone());
    let mut results = Vec::new();
    loop {
        let page = left.next_page().await.expect("the database");
        assert!(page.len() <= 500, "{} results are in memory at once", page.len());
        if page.is_empty() {
            break;
        }
        results.extend(page);
    }
    let mut counts: BTreeMap<UserOperation, u64> = UserOperation::ALL.map(|operation| (operation, 0)).into();
    for result in &results {
        *counts.entry(result.operation).or_default() += 1;
    }
    assert_eq!(counts, counts_of(world.store(), run).await.expect("the database"), "{results:?}");
    assert_eq!(results.len() as u64, run.counters.entries(), "{results:?}");
    results
}

async fn check(world: &World, run: &RunRecord, expected: &Expect) {
    let lines: Vec<String> = results(world, run).await.iter().map(line).collect();
    expected.assert_eq(&lines.join("\n"));
}

fn line(result: &UserResult) -> String {
    let user = |user: &Option<Attributes>| {
        let fields = user.iter().flat_map(Attributes::iter);
        let texts = fields.filter_map(|(name, field)| Some(format!("{name}={}", field.first()?.to_text())));
        texts.collect::<Vec<_>>().join(" ")
    };
    let users = format!("{} -> {}", user(&result.input_user), user(&result.resulting_user));
    let users = if users == " -> " { String::new() } else { format!(": {users}") };
    let message = result.message.as_ref().map(|message| format!(" ({message})")).unwrap_or_default();
    format!("{} {}{users}{message}", result.operation, result.identifier)
}

async fn task(world: &World, change: impl FnOnce(&mut Value)) {
    let mut task = reconciliation("hr", "person");
    change(&mut task);
    world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
}

async fn react(world: &World, situation: &str, reaction: &str) {
    let mut application = hr();
    application["objectTypes"][0]["reactions"] = json!({ situation: reaction });
    world.save(ConfigurationKind::Application, application).await;
}

/// Ann and Bob, somebody who is left out, and somebody who cannot be read.
async fn loaded(database: &TestDatabase) -> (World, RunRecord) {
    let world = World::usual(database).await;
    task(&world, |task| task["filter"] = "not (department eq \"EXT\")".into()).await;
    world.hire("1", "ann@x", "Ann", "IT");
    world.hire("2", "bob@x", "Bob", "FIN");
    world.hire("3", "eve@x", "Eve", "EXT");
    world.system("hr").put_bad("person", "7", Some("7".to_owned()));
    let run = world.synchronize("hr").await;
    (world, run)
}

#[test]
fn each_user_is_told_once_with_what_became_of_it() {
    on_each_database(async |database| {
        let (world, run) = loaded(database).await;
        let expected = expect![[r#"
            ADDED 1:  -> department=IT email=ann@x name=Ann number=1
            ADDED 2:  -> department=FIN email=bob@x name=Bob number=2
            FAILED 7 (entry 4 cannot be read; repair it)
            FILTERED 3"#]];
        check(&world, &run, &expected).await;

        world.hire("1", "ann@x", "Anna", "IT");
        world.hire("4", "dan@x", "Dan", "IT");
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            UPDATED 1: department=IT email=ann@x name=Ann number=1 -> department=IT email=ann@x name=Anna number=1
            ADDED 4:  -> department=IT email=dan@x name=Dan number=4
            FAILED 7 (entry 5 cannot be read; repair it)
            NOT_MODIFIED 2
            FILTERED 3"#]];
        check(&world, &run, &expected).await;

        world.dismiss("2");
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            UPDATED 2: enabled=true -> enabled=false (no source has it any more)
            FAILED 7 (entry 4 cannot be read; repair it)
            NOT_MODIFIED 1
            NOT_MODIFIED 4
            FILTERED 3"#]];
        check(&world, &run, &expected).await;

        react(&world, "MISSING", "DELETE").await;
        world.dismiss("4");
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            NOT_MODIFIED 1: department=IT email=ann@x name=Anna number=1 -> department=IT email=ann@x name=Anna number=1
            DELETED 4: department=IT email=dan@x name=Dan number=4 -> 
            FAILED 7 (entry 3 cannot be read; repair it)
            FILTERED 3"#]];
        check(&world, &run, &expected).await;

        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            FAILED 7 (entry 3 cannot be read; repair it)
            NOT_MODIFIED 1
            FILTERED 3"#]];
        check(&world, &run, &expected).await;
    });
}

#[test]
fn who_is_left_alone_is_told_whatever_the_situation() {
    for (situation, reaction) in [
        ("LINKED", "IGNORE"),
        ("LINKED", "REPORT"),
        ("LINKED", "UNLINK"),
        ("UNMATCHED", "IGNORE"),
        ("UNMATCHED", "REPORT"),
        ("MISSING", "IGNORE"),
        ("MISSING", "REPORT"),
        ("MISSING", "UNLINK"),
        ("MISSING", "DISABLE"),
        ("MISSING", "DELETE"),
    ] {
        on_each_database(async |database| {
            let (world, _) = loaded(database).await;
            world.contact("c1", "bob@x", "7");
            world.synchronize("crm").await;
            react(&world, situation, reaction).await;
            world.hire("5", "new@x", "New", "IT");
            world.hire("1", "ann@x", "Anna", "IT");
            world.dismiss("2");
            for _ in 0..2 {
                let run = world.synchronize("hr").await;
                let results = results(&world, &run).await;
                let told: Vec<&str> = results.iter().map(|result| result.identifier.as_str()).collect();
                assert!(told.contains(&"1") && told.contains(&"5"), "{situation} {reaction}: {results:?}");
            }
        });
    }
}

#[test]
fn twins_and_repeated_keys_fail_or_are_left_alone_once_each() {
    on_each_database(async |database| {
        let (world, _) = loaded(database).await;
        world.hire("5", "twin@x", "Ann", "IT");
        world.hire("6", "TWIN@x", "Anna", "IT");
        let run = world.synchronize("hr").await;
        let expected = expect![[r#"
            NOT_MODIFIED 5 (account `5` shares a correlation key with another change of this run)
            NOT_MODIFIED 6 (account `6` shares a correlation key with another change of this run)
            FAILED 7 (entry 6 cannot be read; repair it)
            NOT_MODIFIED 1
            NOT_MODIFIED 2
            FILTERED 3"#]];
        check(&world, &run, &expected).await;
        let mut application = crm();
        application["objectTypes"][0]["reactions"] = json!({ "UNLINKED": "REPORT" });
        world.save(ConfigurationKind::Application, application).await;
        world.contact("c1", "bob@x", "7");
        let run = world.synchronize("crm").await;
        let expected = expect!["NOT_MODIFIED c1 (account `c1` was found UNLINKED)"];
        check(&world, &run, &expected).await;
    });
}

#[test]
fn a_plan_that_waits_has_synchronized_nobody_and_one_that_is_rejected_neither() {
    on_each_database(async |database| {
        let (world, _) = loaded(database).await;
        task(&world, |task| task["guards"] = json!({ "create": { "count": 0 } })).await;
        world.hire("4", "dan@x", "Dan", "IT");
        let held = world.attempt(synchronization("hr", Mode::Apply)).await;
        assert_eq!(held.state.status, ProgressStatus::Held);
        let expected = expect![[r#"
            NOT_MODIFIED 1: department=IT email=ann@x name=Ann number=1 -> department=IT email=ann@x name=Ann number=1
            NOT_MODIFIED 2: department=FIN email=bob@x name=Bob number=2 -> department=FIN email=bob@x name=Bob number=2
            FAILED 3 (the plan of the sync waits for an approval)
            FAILED 4 (the plan of the sync waits for an approval)
            FAILED 7 (entry 5 cannot be read; repair it)"#]];
        check(&world, &held, &expected).await;
        let (engine, store) = (world.engine(), world.store());
        engine.reject(store, held.id, held.plan_hash.expect("a plan")).await.expect("rejected");
        let rejected = store.run(held.id).await.expect("the database").expect("the run");
        let expected = expect![[r#"
            NOT_MODIFIED 1: department=IT email=ann@x name=Ann number=1 -> department=IT email=ann@x name=Ann number=1
            NOT_MODIFIED 2: department=FIN email=bob@x name=Bob number=2 -> department=FIN email=bob@x name=Bob number=2
            FAILED 3 (the sync ended before its turn came)
            FAILED 4 (the sync ended before its turn came)
            FAILED 7 (entry 5 cannot be read; repair it)"#]];
        check(&world, &rejected, &expected).await;
    });
}

/// Two pages of each sort, and more.
#[test]
fn results_come_page_by_page() {
    on_each_database(async |database| {
        let world = World::usual(database).await.with_page_size(400);
        for number in 1..=1300 {
            world.hire(&number.to_string(), &format!("{number}@x"), "Somebody", "IT");
        }
        let run = world.synchronize("hr").await;
        assert_eq!(results(&world, &run).await.len(), 1300);
        for number in 1..=600 {
            world.hire(&number.to_string(), &format!("{number}@x"), "Somebody else", "IT");
        }
        for number in 2000..2600 {
            world.system("hr").put_bad("person", &number.to_string(), Some(number.to_string()));
        }
        let run = world.synchronize("hr").await;
        let told = results(&world, &run).await;
        assert_eq!(told.len(), 1900);
        let first = |operation| told.iter().position(|result| result.operation == operation);
        let sorts = [UserOperation::Updated, UserOperation::Failed, UserOperation::NotModified].map(first);
        assert_eq!(sorts, [Some(0), Some(600), Some(1200)]);
    });
}
