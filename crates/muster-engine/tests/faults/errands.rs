//! What is to be done after a run, by processes that die at it: all of it is done in the end, and nothing twice that
//! would show.

use std::fs;
use std::sync::Arc;

use chrono::TimeDelta;
use muster_connector_csv::CsvKind;
use muster_egress::{Egress, Limits};
use muster_model::configuration::ConfigurationKind;
use muster_model::errand::ErrandState;
use muster_model::run::{OutcomeStatus, TaskKind};
use muster_store::RunFilter;
use muster_testkit::receiver::{Receiver, Reply};
use muster_testkit::world::configuration::{connector, hr, reconciliation};
use muster_testkit::world::{TestDatabase, World, on_each_database};
use serde_json::json;

const PEOPLE: &str = "number,email,name,department\n1,ann@x,Ann,IT\n";

async fn world(database: &TestDatabase, receiver: &Receiver, data: &tempfile::TempDir) -> World {
    let world = World::usual(database)
        .await
        .with_page_size(50)
        .with_data_dir(data.path().to_path_buf())
        .with_connector(Arc::new(CsvKind))
        .with_settings(|settings| {
            settings.egress =
                Egress::new(vec!["* 127.0.0.0/8:*".parse().expect("a rule")], Limits::default());
        });
    world.save(ConfigurationKind::ConnectorDefinition, connector("hr", "csv")).await;
    let mut application = hr();
    application["objectClasses"][0]["remoteName"] = json!("people.csv");
    world.save(ConfigurationKind::Application, application).await;
    let after = json!({
        "id": "after",
        "reportDefinition": {
            "errorPublicationDefinition": { "reportRelativeFilePath": "errors.csv" },
            "reportPublicationDefinition": { "reportRelativeFilePath": "summary.csv" },
        },
        "fileArchivingDefinition": { "relativeDirectoryPath": "archive" },
        "launch": [{ "taskDefinitionId": "crm", "outcomes": ["SUCCESS"] }],
        "webhooks": [{ "url": format!("http://{}/", receiver.address()) }],
    });
    world.save(ConfigurationKind::SynchronizationTaskPostProcessingDefinition, after).await;
    let mut task = reconciliation("hr", "person");
    task["postProcessingId"] = json!("after");
    world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
    let own = world.settings().tenant_files(world.store().slug());
    fs::create_dir_all(&own).expect("a directory");
    fs::write(own.join("people.csv"), PEOPLE).expect("a file");
    world
}

#[test]
fn all_is_done_in_the_end_wherever_a_process_dies() {
    on_each_database(async |database| {
        let mut blown = 0;
        for point in 0.. {
            let receiver = Receiver::start(|_| Reply::Status(200, ""));
            let data = tempfile::tempdir().expect("a directory");
            let world = world(database, &receiver, &data).await;
            let run = world.synchronize("hr").await;
            assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
            let (engine, door, fuse) = world.mortal_process(point).await;
            let _ = engine.carry_out_errands().await;
            drop((engine, door));
            world.clock().pass(TimeDelta::minutes(1));
            world.engine().carry_out_errands().await.expect("the database");

            let errands = world.store().errands_of(std::slice::from_ref(&run)).await.expect("the database");
            let errands = &errands[&run.seq];
            assert_eq!(errands.len(), 5, "{point}");
            assert!(errands.iter().all(|errand| errand.state == ErrandState::Done), "{point}: {errands:?}");
            let own = world.settings().tenant_files(world.store().slug());
            let mut names: Vec<_> = fs::read_dir(&own)
                .expect("a directory")
                .map(|entry| entry.expect("a file").file_name())
                .collect();
            names.sort();
            assert_eq!(names, ["archive", "errors.csv", "summary.csv"], "{point}");
            assert_eq!(fs::read_to_string(own.join("archive/people.csv")).expect("a file"), PEOPLE);
            let filter = RunFilter { task: Some("crm".parse().expect("an id")), ..RunFilter::default() };
            let launched =
                world.store().runs(TaskKind::Synchronization, &filter).await.expect("the database");
            assert_eq!(launched.len(), 1, "{point}");
            let received = receiver.received();
            assert!((1..=2).contains(&received.len()), "{point}: told {} times", received.len());
            assert!(received.iter().all(|one| one.body == received[0].body), "{point}");
            if !fuse.is_blown() {
                break;
            }
            blown += 1;
        }
        // Each errand is claimed and settled at the least: a statement, and both sides of a commit.
        assert!(blown >= 5 * 6, "{blown} points");
    });
}

#[test]
fn a_run_that_ends_leaves_all_of_it_or_has_not_ended() {
    on_each_database(async |database| {
        for point in (0..).step_by(3) {
            let receiver = Receiver::start(|_| Reply::Status(200, ""));
            let data = tempfile::tempdir().expect("a directory");
            let world = world(database, &receiver, &data).await;
            let run = world
                .admit(muster_testkit::world::synchronization("hr", muster_model::run::Mode::Apply))
                .await;
            let (engine, door, fuse) = world.mortal_process(point).await;
            let _ = engine.execute(&door, run.clone()).await;
            drop((engine, door));
            world.resume().await;
            let run = world.store().run(run.id).await.expect("the database").expect("a run");
            let errands = world.store().errands_of(std::slice::from_ref(&run)).await.expect("the database");
            assert_eq!(
                (run.state.outcome, errands[&run.seq].len()),
                (Some(OutcomeStatus::Success), 5),
                "{point}"
            );
            if !fuse.is_blown() {
                break;
            }
        }
    });
}
