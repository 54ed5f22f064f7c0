//! Files end to end: the example that is shipped, with people made from a seed, from the HR export to the files
//! that payroll and badge office fetch.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use expect_test::expect;
use muster_connector::faulty::{CallKind, FaultyKind, Watch};
use muster_connector_csv::CsvKind;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, Outcome, OutcomeStatus};
use muster_testkit::people::{BadLines, Day, Export, Share, Turnover, write_csv};
use muster_testkit::world::{
    Barrier, TestDatabase, World, difference, on_each_database, on_sqlite, synchronization,
};
use serde_json::json;
use tempfile::TempDir;

use crate::shown;

/// A world that reads and writes files below a directory.
async fn with_files(database: &TestDatabase, directory: &TempDir, page_size: usize) -> (World, PathBuf) {
    let world = World::open(database).await;
    let world = world.with_data_dir(directory.path().to_owned()).with_connector(Arc::new(CsvKind));
    let world = world.with_page_size(page_size);
    let files = world.settings().tenant_files(world.store().slug());
    fs::create_dir_all(files.join("hr")).expect("a directory");
    (world, files)
}

/// Saves the configuration of the shipped example, kind by kind.
async fn save_example(world: &World) {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/conf");
    for kind in ConfigurationKind::ALL {
        let Ok(found) = fs::read_dir(examples.join(kind.path_segment())) else { continue };
        for file in found {
            let text = fs::read_to_string(file.expect("a file").path()).expect("a text");
            world.save(kind, serde_json::from_str(&text).expect("JSON")).await;
        }
    }
}

fn write(files: &Path, export: &Export) -> u64 {
    let file = fs::File::create(files.join("hr/people.csv")).expect("a file");
    write_csv(export, file).expect("an export").bad
}

fn share(percent: f64) -> Share {
    Share::from_percent(percent).expect("a share")
}

fn outputs(files: &Path) -> Vec<Vec<u8>> {
    ["out/payroll.csv", "out/badge.csv"].map(|file| fs::read(files.join(file)).expect("a file")).to_vec()
}

#[test]
fn the_example_does_exactly_what_the_files_say() {
    on_each_database(async |database| {
        let directory = tempfile::tempdir().expect("a directory");
        let (world, files) = with_files(database, &directory, 64).await;
        save_example(&world).await;
        let first = Export { count: 200, seed: 7, day: Day::First, bad_lines: BadLines::Some };
        let bad = write(&files, &first);
        let run = world.synchronize("hr-reconciliation").await;
        assert_eq!(
            (run.counters.outcome(Outcome::Created), run.counters.outcome(Outcome::Failed)),
            (200, bad)
        );
        assert_eq!((run.counters.open_references, run.state.outcome), (0, Some(OutcomeStatus::Partial)));
        let run = world.provision("accounts").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{:?}", run.failure);
        let written = outputs(&files);

        let again = world.synchronize("hr-reconciliation").await;
        assert_eq!(world.changes(&again).await, Vec::<String>::new());
        let again = world.provision("accounts").await;
        assert_eq!(again.counters.outcome(Outcome::Created) + again.counters.outcome(Outcome::Updated), 0);
        assert_eq!(outputs(&files), written);

        let turnover = Turnover { joiners: share(5.0), changed: share(6.0), leavers: share(4.0) };
        let second = Export { day: Day::Second(turnover), bad_lines: BadLines::None, ..first };
        write(&files, &second);
        let run = world.synchronize("hr-reconciliation").await;
        let of = |outcome| run.counters.outcome(outcome);
        assert_eq!((of(Outcome::Created), of(Outcome::Updated), of(Outcome::Disabled)), (10, 12, 8));
        assert_eq!((of(Outcome::Unchanged), run.counters.entries()), (200 - 12 - 8, 210));
        let run = world.provision("accounts").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{:?}", run.failure);
        let payroll = fs::read_to_string(files.join("out/payroll.csv")).expect("a text");
        assert_eq!(payroll.lines().filter(|line| line.ends_with(",active")).count(), 202);
        assert_eq!(payroll.lines().filter(|line| line.ends_with(",inactive")).count(), 8);
    });
}

#[test]
fn a_file_that_is_torn_under_the_reader_ends_in_part_and_dismisses_nobody() {
    on_each_database(async |database| {
        let directory = tempfile::tempdir().expect("a directory");
        let (world, files) = with_files(database, &directory, 100).await;
        save_example(&world).await;
        let export = Export { count: 2000, seed: 7, day: Day::First, bad_lines: BadLines::None };
        write(&files, &export);
        world.synchronize("hr-reconciliation").await;
        let before = people(&world).await;
        let sound = fs::read_to_string(files.join("hr/people.csv")).expect("a text");
        // A colleague who is new comes first; then the file loses its second half.
        let changed = sound.replacen('\n', "\nE9999999,Nina,New,nina@x,,,,,,,,active\n", 1);
        fs::write(files.join("hr/people.csv"), &changed).expect("a file");
        let (barrier, plan) = Barrier::at(CallKind::Page, 2);
        let kind = FaultyKind::new(Box::new(CsvKind), Watch::new(plan));
        let world = world.with_connector(Arc::new(kind));
        let run = world.admit(synchronization("hr-reconciliation", Mode::Apply)).await;
        let (engine, store) = (world.engine(), world.store().clone());
        let working = tokio::spawn(async move { engine.execute(&store, run).await });
        barrier.reached().await;
        let file = fs::OpenOptions::new().write(true).open(files.join("hr/people.csv")).expect("a file");
        file.set_len(changed.len() as u64 / 2).expect("a cut");
        barrier.open();
        let run = working.await.expect("no panic").expect("a run");
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Partial), "{:?}", run.failure);
        assert!((100..1000).contains(&run.counters.read), "{:?}", run.counters);
        assert_eq!((run.counters.outcome(Outcome::Disabled), run.counters.lacking), (0, 0));
        let told = world.problems(&run).await;
        let torn = "`hr/people.csv` was changed while it was read; put new files in place by renaming and run again; \
                    nobody is concluded to be gone";
        assert_eq!(told, [torn]);
        // What was decided on the sound part is done, and all others are as they were.
        let counts = [Outcome::Created, Outcome::Updated].map(|outcome| run.counters.outcome(outcome));
        assert_eq!((counts, people(&world).await), ([1, 0], before + 1));
    });
}

/// How many people there are who are enabled.
async fn people(world: &World) -> usize {
    let objects = world.store().objects(None, None, 10_000).await.expect("the database");
    objects.iter().filter(|object| object.disabled.is_none()).count()
}

/// Keys that stand in the file several times: of new people and of known ones, side by side and far apart.
const REPEATED: &str = "employeeNumber,givenName,surname,email,department,state\n\
    1,Ann,A,a@x,IT,active\n1,Ann,Again,a@x,IT,active\n2,Bob,B,b@x,FIN,active\n3,Cid,C,c@x,IT,active\n\
    ,No,Key,n@x,IT,active\n4,Dan,D,d@x,IT\n2,Bob,Last,b@x,FIN,active\n5,Eve,E,e@x,IT,active\n1,Ann,Third,a@x,IT,active\n";

#[test]
fn repeated_keys_come_to_the_same_whatever_the_size_of_pages() {
    on_each_database(async |database| {
        let mut expected: Option<(Vec<String>, String)> = None;
        for size in [1, 2, 7, 1000] {
            let found = repeat_keys(database, size).await;
            let Some(expected) = &expected else {
                let counts: Vec<&str> =
                    found.0.iter().filter(|line| line.contains(" lacking")).map(|s| &**s).collect();
                expect![[r#"
                    9 read, 0 lacking, 4 created, 5 failed
                    9 read, 0 lacking, 1 updated, 3 unchanged, 5 failed
                    9 read, 0 lacking, 1 created, 1 updated, 2 unchanged, 5 failed"#]]
                .assert_eq(&counts.join("\n"));
                let repeated: Vec<&str> =
                    found.0.iter().filter(|line| line.contains("was read before")).map(|s| &**s).collect();
                expect![[r#"
                    key `1` at `hr/people.csv` line 10 was read before, at `hr/people.csv` line 2; the first counts, remove the other
                    key `1` at `hr/people.csv` line 3 was read before, at `hr/people.csv` line 2; the first counts, remove the other
                    key `2` at `hr/people.csv` line 8 was read before, at `hr/people.csv` line 4; the first counts, remove the other
                    the key at `hr/people.csv` line 10 was read before, at `hr/people.csv` line 2; the first counts, remove the other
                    the key at `hr/people.csv` line 3 was read before, at `hr/people.csv` line 2; the first counts, remove the other
                    the key at `hr/people.csv` line 8 was read before, at `hr/people.csv` line 4; the first counts, remove the other
                    the key at `hr/people.csv` line 10 was read before, at `hr/people.csv` line 2; the first counts, remove the other
                    the key at `hr/people.csv` line 3 was read before, at `hr/people.csv` line 2; the first counts, remove the other
                    the key at `hr/people.csv` line 8 was read before, at `hr/people.csv` line 4; the first counts, remove the other"#]]
                .assert_eq(&repeated.join("\n"));
                expected = Some(found);
                continue;
            };
            assert_eq!(expected.0, found.0, "pages of {size}");
            assert!(expected.1 == found.1, "pages of {size}:\n{}", difference(&expected.1, &found.1));
        }
    });
}

/// Three days of such a file: what each run counted, planned and noted, and what is there in the end.
async fn repeat_keys(database: &TestDatabase, size: usize) -> (Vec<String>, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let (world, files) = with_files(database, &directory, size).await;
    save_example(&world).await;
    let mut seen = Vec::new();
    for text in
        [REPEATED.to_owned(), REPEATED.replace("Ann,A,", "Anna,A,"), REPEATED.replace("3,Cid", "6,Fay")]
    {
        fs::write(files.join("hr/people.csv"), text).expect("a file");
        let run = world.synchronize("hr-reconciliation").await;
        seen.push(shown::counted(&run.counters));
        seen.push(format!("{:x?}", run.plan_hash));
        seen.extend(world.changes(&run).await);
        // What is wrong with an entry and what is wrong between entries is noted page by page.
        let mut problems = world.problems(&run).await;
        problems.sort_unstable();
        seen.extend(problems);
    }
    (seen, world.outcome_state().await)
}

#[test]
fn a_file_that_is_lacking_empty_or_no_table_ends_the_run_and_changes_nothing() {
    on_sqlite(async |database| {
        let directory = tempfile::tempdir().expect("a directory");
        let (world, files) = with_files(database, &directory, 64).await;
        save_example(&world).await;
        write(&files, &Export { count: 30, seed: 7, day: Day::First, bad_lines: BadLines::None });
        world.synchronize("hr-reconciliation").await;
        let before = world.outcome_state().await;
        let mut seen = Vec::new();
        for text in [
            None,
            Some(""),
            Some("employeeNumber,givenName,surname,email,department,state\n"),
            Some("a;b\n1;2\n"),
        ] {
            let file = files.join("hr/people.csv");
            match text {
                None => fs::remove_file(&file).expect("gone"),
                Some(text) => fs::write(&file, text).expect("a file"),
            }
            let run = world.synchronize("hr-reconciliation").await;
            let problems = world.problems(&run).await.join("; ");
            let said = run.failure.unwrap_or(problems);
            seen.push(format!("{:?}: {said}", run.state.outcome.expect("an end")));
            assert_eq!(world.outcome_state().await, before);
        }
        let expected = expect![[r#"
            Failure: application `hr`: `hr/people.csv` does not exist; put the file there or correct the path
            Partial: `hr/people.csv` is empty, not even a header is there; deliver the whole file; nobody is concluded to be gone
            Partial: `hr/people.csv` holds no records, 30 last time; deliver the whole file again; nobody is concluded to be gone
            Failure: application `hr`: `hr/people.csv` line 1: there is no column `employeeNumber` among `a;b`, and it holds the key of the accounts; correct the header, the property `separator`, or the configuration that names it"#]];
        expected.assert_eq(&seen.join("\n"));
    });
}

#[test]
fn a_tenants_file_cannot_lead_out_of_its_directory() {
    on_sqlite(async |database| {
        let directory = tempfile::tempdir().expect("a directory");
        let (world, _) = with_files(database, &directory, 64).await;
        save_example(&world).await;
        let text = fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/conf/applications/hr.json"),
        );
        let mut application: serde_json::Value = serde_json::from_str(&text.expect("a text")).expect("JSON");
        application["objectClasses"][0]["remoteName"] = json!("../another/people.csv");
        world.save(ConfigurationKind::Application, application).await;
        let run = world.synchronize("hr-reconciliation").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Failure));
    });
}
