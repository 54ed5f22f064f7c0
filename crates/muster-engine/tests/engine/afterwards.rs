//! What happens after a run: reports, the archive, next tasks, webhooks.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::TimeDelta;
use expect_test::expect;
use muster_connector_csv::CsvKind;
use muster_egress::{Egress, Limits};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, OutcomeStatus, TaskKind};
use muster_store::{RunFilter, RunRecord};
use muster_testkit::receiver::{Receiver, Reply};
use muster_testkit::world::configuration::{connector, hr, reconciliation};
use muster_testkit::world::{TestDatabase, World, on_each_database, on_sqlite, synchronization};
use serde_json::{Value, json};
use tempfile::TempDir;

const PEOPLE: &str = "number,email,name,department\n1,ann@x,Ann,IT\n2,bob@x,Bob,FIN\n";

/// A world whose people stand in `in/people.csv`, with this after each run of the task `hr`.
pub(crate) struct Files {
    pub(crate) world: World,
    pub(crate) own: PathBuf,
    _directory: TempDir,
}

impl Files {
    pub(crate) async fn new(database: &TestDatabase, after: Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let world = World::usual(database)
            .await
            .with_page_size(50)
            .with_data_dir(directory.path().to_path_buf())
            .with_connector(Arc::new(CsvKind))
            .with_settings(|settings| {
                let rules = vec!["* 127.0.0.0/8:*".parse().unwrap()];
                settings.egress = Egress::new(rules, Limits::default());
            });
        world.save(ConfigurationKind::ConnectorDefinition, connector("hr", "csv")).await;
        let mut application = hr();
        application["objectClasses"][0]["remoteName"] = json!("in/people.csv");
        world.save(ConfigurationKind::Application, application).await;
        let own = world.settings().tenant_files(world.store().slug());
        fs::create_dir_all(own.join("in")).unwrap();
        let files = Self { world, own, _directory: directory };
        files.write("in/people.csv", PEOPLE);
        files.follow(after).await;
        files
    }

    /// Has this follow the runs of `hr`.
    pub(crate) async fn follow(&self, mut after: Value) {
        after["id"] = json!("after");
        self.world.save(ConfigurationKind::SynchronizationTaskPostProcessingDefinition, after).await;
        let mut task = reconciliation("hr", "person");
        task["postProcessingId"] = json!("after");
        self.world.save(ConfigurationKind::SynchronizationTaskDefinition, task).await;
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.own.join(path), text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.own.join(path)).ok()
    }

    /// Runs `hr` and carries out what follows.
    pub(crate) async fn run(&self) -> RunRecord {
        let run = self.world.synchronize("hr").await;
        self.world.engine().carry_out_errands().await.unwrap();
        run
    }

    /// What has become of the errands of a run, a line each.
    pub(crate) async fn came(&self, run: &RunRecord) -> String {
        let errands = self.world.store().errands_of(std::slice::from_ref(run)).await.unwrap();
        let line = |errand: &muster_store::ErrandRecord| {
            let message = errand.message.as_deref().unwrap_or_default();
            let path = errand.path.as_deref().unwrap_or_default();
            format!("{} {} {message}{path}", errand.kind.as_str(), errand.state.as_str())
        };
        let lines: Vec<_> = errands.get(&run.seq).into_iter().flatten().map(line).collect();
        lines.join("\n")
    }

    async fn runs_of(&self, task: &str) -> Vec<RunRecord> {
        let filter = RunFilter { task: Some(task.parse().unwrap()), ..RunFilter::default() };
        self.world.store().runs(TaskKind::Synchronization, &filter).await.unwrap()
    }
}

#[test]
fn reports_say_what_failed_and_what_the_run_came_to() {
    on_each_database(async |database| {
        let after = json!({ "reportDefinition": {
            "errorPublicationDefinition": {},
            "reportPublicationDefinition": { "reportRelativeFilePath": "out/{original_filename}/{timestamp}.csv" },
        } });
        let files = Files::new(database, after).await;
        files.write(
            "in/people.csv",
            "number,email,name,department\n1,ann@x,Ann,IT\n=1+1,eve@x,Eve,IT\n=1+1,eve@x,Eve,IT\n3,broken\n",
        );
        let run = files.run().await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Partial));
        let came = files.came(&run).await;
        let expected = expect![[r#"
            ERROR_REPORT DONE people.csv-errors-20261101T080100000Z
            SUMMARY_REPORT DONE out/people.csv/20261101T080100000Z.csv"#]];
        expected.assert_eq(&came);
        let errors = files.read("people.csv-errors-20261101T080100000Z").unwrap();
        expect![[r#"
            SHADOW_OBJECT_ID,SHADOW_KIND,SHADOW_ID,SHADOW_OBJECT_CLASS,IDM_OBJECT_ID,IDM_OBJECT_KIND,ERROR_STEP,ERROR_CODE,ERROR_LABEL,ERROR_DESCRIPTION
            ,IDENTITY,3,person,,,READ,MUS-C0000102,ENTRY_UNREADABLE,`in/people.csv` line 5: it has 2 cells instead of 4; quote the cells that hold separators or line breaks
            ,IDENTITY,'=1+1,person,01a19620-4660-7316-8cbe-dcacfe30c396,IDENTITY,CHECK,MUS-C0000103,ENTRY_REPEATED,"key `=1+1` at `in/people.csv` line 4 was read before, at `in/people.csv` line 3; the first counts, remove the other"
        "#]]
        .assert_eq(&errors.replace("\r\n", "\n"));
        let summary = files.read("out/people.csv/20261101T080100000Z.csv").unwrap();
        let summary = summary.replace(&run.id.to_string(), "…").replace("\r\n", "\n");
        expect![[r#"
            MEASURE,VALUE
            instanceId,…
            taskId,hr
            outcomeStatus,PARTIAL
            startDate,2026-11-01T08:01:00.000Z
            endDate,2026-11-01T08:01:00.000Z
            failure,
            read,4
            lacking,0
            actions.created,2
            actions.updated,0
            actions.unchanged,0
            actions.filtered,0
            actions.disabled,0
            actions.deleted,0
            actions.unlinked,0
            actions.ignored,0
            actions.reported,0
            actions.failed,2
            actions.stale,0
            actions.notApplied,0
            situations.LINKED,0
            situations.UNLINKED,0
            situations.UNMATCHED,3
            situations.DISPUTED,0
            situations.MISSING,0
            situations.ABSENT,0
            situations.UNASSIGNED,0
            openReferences,0
            unidentified,0
        "#]]
        .assert_eq(&summary);
    });
}

#[test]
fn a_report_of_many_errors_has_the_columns_that_were_asked_for() {
    on_sqlite(async |database| {
        let after = json!({ "reportDefinition": { "errorPublicationDefinition": {
            "errorDetails": ["ERROR_CODE", "SHADOW_ID"], "reportRelativeFilePath": "errors.csv",
        } } });
        let files = Files::new(database, after).await;
        let mut text = "number,email,name,department\n".to_owned();
        for number in 0..2500 {
            text.push_str(&format!("{number},broken\n"));
        }
        files.write("in/people.csv", &text);
        let run = files.run().await;
        let report = files.read("errors.csv").unwrap();
        assert_eq!(report.lines().next(), Some("ERROR_CODE,SHADOW_ID"));
        // Two are about the run itself: the source was cut short, and most of it failed.
        assert_eq!(report.lines().count(), 2503);
        assert_eq!(report.lines().filter(|line| line.starts_with("MUS-")).count(), 2502);
        assert_eq!(files.came(&run).await, "ERROR_REPORT DONE errors.csv");
        // Nothing is left beside it.
        let names = fs::read_dir(&files.own).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.count(), 2);
    });
}

#[test]
fn paths_that_lead_out_are_refused() {
    on_sqlite(async |database| {
        let publication = |path: &str| json!({ "reportRelativeFilePath": path });
        let after = json!({
            "reportDefinition": {
                "errorPublicationDefinition": publication("door/errors.csv"),
                "reportPublicationDefinition": publication("in/people.csv"),
            },
            "fileArchivingDefinition": { "relativeDirectoryPath": "door" },
        });
        let files = Files::new(database, after).await;
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), files.own.join("door")).unwrap();
        let run = files.run().await;
        let expected = expect![[r#"
            ERROR_REPORT FAILED `door/errors.csv` leads out of the tenant's directory; remove the link that leads there
            SUMMARY_REPORT FAILED `in/people.csv` is the file that the run read; give the report another name
            ARCHIVE FAILED `door/people.csv` leads out of the tenant's directory; remove the link that leads there"#]];
        expected.assert_eq(&files.came(&run).await);
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        assert_eq!(files.read("in/people.csv").as_deref(), Some(PEOPLE));
    });
}

fn archiving(overwrites: bool) -> Value {
    json!({
        "fileArchivingDefinition": { "relativeDirectoryPath": "archive/done" },
        "overwriteExistingArchive": overwrites,
    })
}

#[test]
fn a_file_that_was_read_is_put_away() {
    on_each_database(async |database| {
        let files = Files::new(database, archiving(false)).await;
        let run = files.run().await;
        assert_eq!(files.came(&run).await, "ARCHIVE DONE archive/done/people.csv");
        assert_eq!(files.read("archive/done/people.csv").as_deref(), Some(PEOPLE));
        assert_eq!(files.read("in/people.csv"), None);

        // Never over another one, unless that is allowed.
        let newer = PEOPLE.replace("Bob", "Rob");
        files.write("in/people.csv", &newer);
        let run = files.run().await;
        let expected = expect![[
            r#"ARCHIVE FAILED `archive/done/people.csv` is there already and may not be replaced (`overwriteExistingArchive`); `in/people.csv` was left where it is"#
        ]];
        expected.assert_eq(&files.came(&run).await);
        assert_eq!(files.read("archive/done/people.csv").as_deref(), Some(PEOPLE));
        assert_eq!(files.read("in/people.csv").as_ref(), Some(&newer));
        files.follow(archiving(true)).await;
        let run = files.run().await;
        assert_eq!(files.came(&run).await, "ARCHIVE DONE archive/done/people.csv");
        assert_eq!(files.read("archive/done/people.csv"), Some(newer));
        assert_eq!(files.read("in/people.csv"), None);

        // A run that failed leaves nothing to put away.
        let run = files.run().await;
        assert_eq!((run.state.outcome, files.came(&run).await.as_str()), (Some(OutcomeStatus::Failure), ""));
    });
}

#[test]
fn a_file_that_changed_since_it_was_read_is_left_alone() {
    on_sqlite(async |database| {
        let files = Files::new(database, archiving(true)).await;
        let run = files.world.synchronize("hr").await;
        files.write("in/people.csv", "number,email,name,department\n");
        files.world.engine().carry_out_errands().await.unwrap();
        let expected = expect![
            "ARCHIVE FAILED `in/people.csv` has changed since the run read it; it was left where it is"
        ];
        expected.assert_eq(&files.came(&run).await);
        assert_eq!(files.read("in/people.csv").as_deref(), Some("number,email,name,department\n"));
    });
}

#[test]
fn next_tasks_start_on_the_outcomes_that_are_named() {
    on_each_database(async |database| {
        let next = |task, outcomes: &[&str]| json!({ "taskDefinitionId": task, "outcomes": outcomes });
        let after = json!({ "launch": [next("crm", &["SUCCESS"]), next("ad", &["SUCCESS", "FAILURE"])] });
        let files = Files::new(database, after).await;
        let run = files.run().await;
        let launched = files.runs_of("crm").await;
        let chain = launched[0].chain.unwrap();
        assert_eq!((chain.start, chain.launched_by), (run.started_at, run.id));
        let came = files.came(&run).await;
        assert!(came.starts_with(&format!("LAUNCH DONE launched run {}\n", launched[0].id)), "{came}");

        // A task that runs is not waited for.
        let again = files.run().await;
        let came = files.came(&again).await;
        let lines: Vec<_> = came.lines().collect();
        assert!(
            lines[0].starts_with("LAUNCH FAILED task `crm` was not launched: the task is running"),
            "{came}"
        );
        assert!(
            lines[1].starts_with("LAUNCH FAILED task `ad` was not launched: the task is running"),
            "{came}"
        );
        files.world.resume().await;

        fs::remove_file(files.own.join("in/people.csv")).unwrap();
        let failed = files.run().await;
        assert_eq!(failed.state.outcome, Some(OutcomeStatus::Failure));
        assert_eq!(files.came(&failed).await.lines().count(), 1);
        assert_eq!(files.runs_of("crm").await.len(), 1);
    });
}

#[test]
fn a_chain_that_leads_back_to_its_beginning_ends_by_its_limit() {
    on_sqlite(async |database| {
        let itself = json!({ "launch": [{ "taskDefinitionId": "hr", "outcomes": ["SUCCESS"] }] });
        let mut files = Files::new(database, itself).await;
        let limit = std::time::Duration::from_secs(10 * 60);
        files.world = files.world.with_settings(|settings| settings.chain = limit);
        let first = files.run().await;
        for _ in 0..100 {
            // Each run ends some minutes after the one before.
            files.world.resume().await;
            files.world.engine().carry_out_errands().await.unwrap();
        }
        let runs = files.runs_of("hr").await;
        assert!((5..=11).contains(&runs.len()), "{} runs", runs.len());
        assert!(runs.iter().all(|run| run.started_at - first.started_at <= TimeDelta::minutes(10)));
        let came = files.came(&runs[0]).await;
        assert!(came.contains("launched more than 10 minutes ago"), "{came}");
    });
}

fn webhook(receiver: &Receiver) -> Value {
    json!({ "webhooks": [{ "url": format!("http://{}/hook", receiver.address()) }] })
}

#[test]
fn a_receiver_is_told_until_it_has_heard() {
    on_each_database(async |database| {
        let receiver = Receiver::start(|number| Reply::Status(if number < 2 { 503 } else { 204 }, ""));
        let files = Files::new(database, webhook(&receiver)).await;
        let run = files.run().await;
        assert_eq!(files.came(&run).await, "WEBHOOK PENDING the receiver answered 503");
        assert_eq!(receiver.received().len(), 1, "not again before its time");
        let engine = files.world.engine();
        for (minutes, told) in [(1, 2), (1, 3), (60, 3)] {
            files.world.clock().pass(TimeDelta::minutes(minutes));
            engine.carry_out_errands().await.unwrap();
            assert_eq!(receiver.received().len(), told, "{minutes} minutes later");
        }
        assert_eq!(files.came(&run).await, "WEBHOOK DONE the receiver answered 204");
        let received = receiver.received();
        let body: Value = serde_json::from_slice(&received[0].body).unwrap();
        assert_eq!(
            (&body["instanceId"], &body["outcomeStatus"]),
            (&json!(run.id.to_string()), &json!("SUCCESS"))
        );
        assert_eq!(
            (&body["synchronizationTaskId"], &body["counters"]["actions"]["created"]),
            (&json!("hr"), &json!(2))
        );
        let delivery = &received[0].headers["muster-delivery"];
        assert_eq!(body["delivery"], json!(delivery));
        assert!(received.iter().all(|one| one.headers["muster-delivery"] == *delivery));
        assert!(received.iter().all(|one| one.body == received[0].body));
        assert!(!received[0].headers.contains_key("muster-signature"));
    });
}

#[test]
fn what_is_told_is_signed_or_not_told() {
    on_each_database(async |database| {
        let receiver = Receiver::start(|_| Reply::Status(200, ""));
        let mut after = webhook(&receiver);
        after["webhooks"][0]["secret"] = json!("${secret:hook}");
        let files = Files::new(database, after).await;
        let run = files.run().await;
        let expected = expect![[
            r#"WEBHOOK FAILED there is no secret `hook`, so the message could not be signed, and was not sent"#
        ]];
        expected.assert_eq(&files.came(&run).await);
        assert_eq!(receiver.received(), []);

        let (name, value) = ("hook".parse().unwrap(), "a key of ours".to_owned().into());
        files.world.engine().put_secret(files.world.store(), &name, &value).await.unwrap();
        let run = files.run().await;
        assert_eq!(files.came(&run).await, "WEBHOOK DONE the receiver answered 200");
        let signature = receiver.received()[0].headers["muster-signature"].clone();
        let now = files.world.clock().instant().timestamp();
        let digits = signature.strip_prefix(&format!("t={now},v1=")).unwrap();
        assert_eq!(digits.len(), 64, "{signature}");
        assert!(!String::from_utf8_lossy(&receiver.received()[0].body).contains("a key of ours"));
    });
}

#[test]
fn telling_has_an_end() {
    on_sqlite(async |database| {
        let gone = Receiver::start(|_| Reply::Status(410, ""));
        let files = Files::new(database, webhook(&gone)).await;
        let run = files.run().await;
        let expected =
            expect!["WEBHOOK FAILED the receiver answered 410: it does not want to be told any more"];
        expected.assert_eq(&files.came(&run).await);

        let deaf = Receiver::start(|_| Reply::Status(500, ""));
        files.follow(webhook(&deaf)).await;
        let run = files.run().await;
        let engine = files.world.engine();
        for _ in 0..60 {
            files.world.clock().pass(TimeDelta::hours(1));
            engine.carry_out_errands().await.unwrap();
        }
        let tries = deaf.received().len();
        assert!((20..=30).contains(&tries), "{tries} tries in a day");
        let expected = format!("WEBHOOK FAILED the receiver answered 500; given up after {tries} tries");
        assert_eq!(files.came(&run).await, expected);
        assert_eq!(gone.received().len(), 1);
    });
}

#[test]
fn who_may_not_be_called_is_not_called() {
    on_sqlite(async |database| {
        let receiver = Receiver::start(|_| Reply::Status(200, ""));
        let mut files = Files::new(database, webhook(&receiver)).await;
        files.world = files.world.with_settings(|settings| settings.egress = Egress::default());
        let run = files.run().await;
        let came = files.came(&run).await;
        assert!(came.starts_with("WEBHOOK PENDING") && came.contains("`egress.allow`"), "{came}");
        assert_eq!(receiver.received(), []);
    });
}

#[test]
fn nothing_follows_simulations_and_single_keys() {
    on_each_database(async |database| {
        let receiver = Receiver::start(|_| Reply::Status(200, ""));
        let files = Files::new(database, webhook(&receiver)).await;
        let simulated = files.world.run(synchronization("hr", Mode::Simulate)).await;
        let mut single = synchronization("hr", Mode::Apply);
        single.keys = Some(vec!["1".to_owned()]);
        let single = files.world.run(single).await;
        assert_eq!(files.world.engine().carry_out_errands().await.unwrap(), 0);
        assert_eq!((files.came(&simulated).await.as_str(), files.came(&single).await.as_str()), ("", ""));

        // Who cancels a run is told of its end as all others are.
        let run = files.world.admit(synchronization("hr", Mode::Apply)).await;
        files.world.engine().cancel(files.world.store(), run.id).await.unwrap();
        files.world.engine().carry_out_errands().await.unwrap();
        let run = files.world.store().run(run.id).await.unwrap().unwrap();
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Aborted));
        assert_eq!(files.came(&run).await, "WEBHOOK DONE the receiver answered 200");
        let body: Value = serde_json::from_slice(&receiver.received()[0].body).unwrap();
        assert_eq!(body["outcomeStatus"], json!("ABORTED"));
    });
}

#[test]
fn of_two_processes_one_carries_an_errand_out() {
    on_each_database(async |database| {
        let receiver = Receiver::start(|_| Reply::Status(200, ""));
        let files = Files::new(database, webhook(&receiver)).await;
        for _ in 0..5 {
            files.world.synchronize("hr").await;
        }
        let processes = [files.world.engine(), files.world.engine_on(database.another_process().await)];
        let (one, other) = tokio::join!(processes[0].carry_out_errands(), processes[1].carry_out_errands());
        assert_eq!((one.unwrap() + other.unwrap(), receiver.received().len()), (5, 5));
    });
}
