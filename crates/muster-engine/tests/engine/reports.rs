//! Reports go when they have been kept long enough, and no other file goes with them.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use muster_engine::{Channel, Dropped, Retention};
use muster_store::{Fuse, RunRecord};
use muster_testkit::world::{TestDatabase, on_each_database};
use serde_json::json;

use crate::afterwards::Files;

const KEPT: Retention =
    Retention { runs: None, changes: None, history: None, reports: Some(TimeDelta::days(90)) };

const NOTHING: Dropped = Dropped { runs: 0, changes_of_runs: 0, history: 0, reports: 0 };

/// A world where each run leaves `reports/errors.csv` and `last.csv`, and puts its input away.
async fn files(database: &TestDatabase, retention: Retention) -> Files {
    let after = json!({
        "reportDefinition": {
            "errorPublicationDefinition": { "reportRelativeFilePath": "reports/errors.csv" },
            "reportPublicationDefinition": { "reportRelativeFilePath": "last.csv" },
        },
        "fileArchivingDefinition": { "relativeDirectoryPath": "archive/{timestamp}" },
    });
    let mut files = Files::new(database, after).await;
    files.world = files.world.with_retention(retention);
    files
}

/// A run whose files were written when it ended, as the clock of the world says.
async fn run(files: &Files) -> RunRecord {
    let run = files.run().await;
    for path in ["reports/errors.csv", "last.csv"] {
        written(files, path, run.ended_at.unwrap());
    }
    run
}

fn written(files: &Files, path: &str, at: DateTime<Utc>) {
    File::options().write(true).open(files.own.join(path)).unwrap().set_modified(at.into()).unwrap();
}

async fn drop_old(files: &Files) -> Dropped {
    files.world.engine().drop_old().await.unwrap()
}

fn reports(reports: u64) -> Dropped {
    Dropped { reports, ..NOTHING }
}

const ARCHIVED: &str = "ARCHIVE DONE archive/20261101T080100000Z/people.csv";
const BOTH: &str = "ERROR_REPORT DONE reports/errors.csv\nSUMMARY_REPORT DONE last.csv\n";
const NONE: &str = "ERROR_REPORT DONE \nSUMMARY_REPORT DONE \n";

#[test]
fn reports_go_after_their_time_and_archives_stay() {
    on_each_database(async |database| {
        let files = files(database, KEPT).await;
        let run = run(&files).await;
        files.world.clock().pass(TimeDelta::days(89));
        assert_eq!(drop_old(&files).await, NOTHING);
        assert_eq!(files.came(&run).await, format!("{BOTH}{ARCHIVED}"));

        files.world.clock().pass(TimeDelta::days(2));
        assert_eq!(drop_old(&files).await, reports(2));
        assert_eq!(files.came(&run).await, format!("{NONE}{ARCHIVED}"));
        assert_eq!((files.read("reports/errors.csv"), files.read("last.csv")), (None, None));
        assert!(files.own.join("reports").is_dir());
        assert!(files.read("archive/20261101T080100000Z/people.csv").is_some());
        assert_eq!(drop_old(&files).await, NOTHING, "once is enough");
    });
}

#[test]
fn what_was_written_anew_stays_until_it_is_old_itself() {
    on_each_database(async |database| {
        let files = files(database, KEPT).await;
        let first = run(&files).await;
        files.world.clock().pass(TimeDelta::days(60));
        files.write("in/people.csv", "number,email,name,department\n1,ann@x,Ann,IT\n2,bob@x,Bob,FIN\n");
        let second = run(&files).await;
        files.world.clock().pass(TimeDelta::days(60));
        // Somebody put another file to where the one was; the other is of the second run.
        written(&files, "last.csv", files.world.clock().instant() - TimeDelta::days(1));
        assert_eq!(drop_old(&files).await, NOTHING);
        assert_eq!(files.came(&first).await, format!("{BOTH}{ARCHIVED}"));
        assert!(files.read("reports/errors.csv").is_some() && files.read("last.csv").is_some());

        // The second run's is old now, and the first has none any more either.
        files.world.clock().pass(TimeDelta::days(31));
        assert_eq!(drop_old(&files).await, reports(1));
        let of_last = "ERROR_REPORT DONE \nSUMMARY_REPORT DONE last.csv\n";
        assert_eq!(files.came(&first).await, format!("{of_last}{ARCHIVED}"));
        assert!(files.came(&second).await.starts_with(of_last));
        assert!(files.read("last.csv").is_some());
    });
}

#[test]
fn what_cannot_be_a_report_stays_and_stops_no_other() {
    on_each_database(async |database| {
        let files = files(database, KEPT).await;
        let run = run(&files).await;
        let ended = run.ended_at.unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("errors.csv"), "theirs").unwrap();
        fs::write(files.own.join("mine.csv"), "mine").unwrap();
        fs::write(files.own.join("../errors.csv"), "above").unwrap();
        let old = |place: std::path::PathBuf| {
            File::options().write(true).open(place).unwrap().set_modified(ended.into()).unwrap();
        };
        for place in
            [outside.path().join("errors.csv"), files.own.join("mine.csv"), files.own.join("../errors.csv")]
        {
            old(place);
        }
        symlink(outside.path(), files.own.join("door")).unwrap();
        symlink(outside.path().join("errors.csv"), files.own.join("out.csv")).unwrap();
        symlink(files.own.join("mine.csv"), files.own.join("alias.csv")).unwrap();
        files.world.clock().pass(TimeDelta::days(91));
        let absolute = outside.path().join("errors.csv");
        for path in [
            "../errors.csv",
            "door/errors.csv",
            "out.csv",
            "alias.csv",
            "reports",
            "mine.csv/below",
            "",
            absolute.to_str().unwrap(),
        ] {
            // The one report is somewhere else, the other is there each time.
            files.write("last.csv", "again");
            written(&files, "last.csv", ended);
            let names = format!(
                "UPDATE outbox SET path = CASE kind WHEN 0 THEN '{path}' ELSE 'last.csv' END WHERE kind < 2"
            );
            database.execute(&names).await;
            assert_eq!(drop_old(&files).await, reports(1), "{path}");
            let expected = format!("ERROR_REPORT DONE {path}\nSUMMARY_REPORT DONE \n{ARCHIVED}");
            assert_eq!(files.came(&run).await, expected);
        }
        for (place, text) in [
            (outside.path().join("errors.csv"), "theirs"),
            (files.own.join("mine.csv"), "mine"),
            (files.own.join("../errors.csv"), "above"),
        ] {
            assert_eq!(fs::read_to_string(place).unwrap(), text);
        }
        assert!(fs::symlink_metadata(files.own.join("alias.csv")).unwrap().is_symlink());
    });
}

#[test]
fn what_is_gone_is_done() {
    on_each_database(async |database| {
        let files = files(database, KEPT).await;
        let run = run(&files).await;
        fs::remove_dir_all(files.own.join("reports")).unwrap();
        files.world.clock().pass(TimeDelta::days(91));
        assert_eq!(drop_old(&files).await, reports(1));
        assert_eq!(files.came(&run).await, format!("{NONE}{ARCHIVED}"));
    });
}

#[test]
fn reports_go_with_their_run_unless_they_are_kept_for_ever() {
    on_each_database(async |database| {
        for (kept, goes) in [(KEPT.reports, true), (None, false)] {
            let runs = Some(TimeDelta::days(30));
            let files = files(database, Retention { runs, reports: kept, ..KEPT }).await;
            let first = files.run().await;
            // Written late, as after a standstill, and nevertheless the run's own.
            let settled = first.ended_at.unwrap();
            files.world.clock().pass(TimeDelta::days(31));
            written(&files, "reports/errors.csv", settled);
            written(&files, "last.csv", files.world.clock().instant());
            assert_eq!(drop_old(&files).await, NOTHING, "the last run stays, and so do its reports");
            files.world.synchronize("hr").await;
            let dropped = Dropped { runs: 1, reports: u64::from(goes), ..NOTHING };
            assert_eq!(drop_old(&files).await, dropped);
            assert_eq!(files.read("reports/errors.csv").is_some(), !goes);
            assert!(files.read("last.csv").is_some(), "that of somebody else");
            assert_eq!(files.world.store().run(first.id).await.unwrap(), None);
            database.execute("UPDATE run SET ended_at = NULL").await;
        }
    });
}

#[test]
fn a_report_settled_later_than_the_border_goes_with_its_run() {
    on_each_database(async |database| {
        let runs = Some(TimeDelta::days(30));
        let files = files(database, Retention { runs, ..KEPT }).await;
        let run = files.world.synchronize("hr").await;
        files.world.clock().pass(TimeDelta::days(29));
        files.world.engine().carry_out_errands().await.unwrap();
        for path in ["reports/errors.csv", "last.csv"] {
            written(&files, path, files.world.clock().instant());
        }
        files.world.synchronize("hr").await;
        files.world.clock().pass(TimeDelta::days(2));
        assert_eq!(drop_old(&files).await, Dropped { runs: 1, ..reports(2) });
        assert_eq!(files.world.store().run(run.id).await.unwrap(), None);
        assert_eq!((files.read("reports/errors.csv"), files.read("last.csv")), (None, None));
    });
}

#[test]
fn a_store_that_fails_leaves_what_the_next_round_finishes() {
    on_each_database(async |database| {
        let files = files(database, KEPT).await;
        let run = run(&files).await;
        files.world.clock().pass(TimeDelta::days(91));
        let store = database.store().clone().with_fuse(Fuse::after(0));
        let engine = files.world.engine_with(store, Arc::new(Channel::default()));
        assert_eq!(engine.drop_old().await.unwrap(), reports(2), "it is told, and stops nothing");
        assert_eq!(files.came(&run).await, format!("{BOTH}{ARCHIVED}"));
        assert_eq!(files.read("last.csv"), None);
        assert_eq!(drop_old(&files).await, NOTHING);
        assert_eq!(files.came(&run).await, format!("{NONE}{ARCHIVED}"));
    });
}
