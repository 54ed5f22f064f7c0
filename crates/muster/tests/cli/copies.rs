//! Backups, and the way from SQLite to PostgreSQL: what was copied is worked on as if nothing had happened.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use muster_testkit::people::BadLines;
use muster_testkit::world::on_each_database;
use serde_json::Value;

use crate::server::Served;
use crate::world::{Called, World, bare, finish, finish_with, people};

const RUN: [&str; 7] = ["run", "sync", "hr-reconciliation", "--tenant", "acme", "--output", "json"];

/// The tenant of the example after a run, and a file in a directory of its own.
fn lived_in() -> World {
    let world = World::example();
    world.deliver(&people(40, BadLines::None));
    world.call(&RUN).expect(0);
    let put = ["secret", "put", "badge-password", "--tenant", "acme"];
    finish_with(&mut world.command(&put), "correct horse").expect(0);
    let files = world.directory.path().join("files/acme");
    fs::create_dir_all(files.join("some/where")).unwrap();
    fs::write(files.join("some/where/empty"), b"").unwrap();
    fs::write(files.join("large.bin"), vec![7; 2_500_000]).unwrap();
    world
}

fn backup(world: &World, file: &Path) -> Called {
    world.call(&["backup", &file.display().to_string()])
}

fn restore(file: &Path, to: &Path) -> Called {
    let (file, to) = (file.display().to_string(), to.display().to_string());
    finish(&mut bare(&["restore", &file, "--data-dir", &to]))
}

/// What the next run of the synchronization finds to do.
fn next_run(command: &mut Command) -> Value {
    let figures = finish(command).expect(0).json();
    figures["counters"]["actions"].clone()
}

fn assert_nothing_to_do(actions: &Value) {
    for (name, count) in actions.as_object().unwrap() {
        let expected = if name == "UNCHANGED" || name == "unchanged" { 40 } else { 0 };
        assert_eq!(count, expected, "{name}: {actions}");
    }
}

#[test]
fn a_backup_of_a_server_at_work_is_restored_and_gone_on_with() {
    let world = lived_in();
    let served = Served::start(&world);
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("acme.backup");
    let outside = elsewhere.path().join("outside");
    fs::write(&outside, b"not the tenant's").unwrap();
    symlink(&outside, world.directory.path().join("files/acme/link")).unwrap();
    let made = backup(&world, &file).expect(0);
    assert!(made.err.contains("3 files") && made.err.contains("the master key is not in it"), "{}", made.err);
    assert!(made.err.contains("left out") && made.err.contains("files/acme/link"), "{}", made.err);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = backup(&world, &file).expect(1);
    assert!(again.err.contains("File exists"), "{}", again.err);
    served.stop();
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 2, "nothing else is left beside it");

    let data = elsewhere.path().join("restored");
    restore(&file, &data).expect(0);
    let files = data.join("files/acme");
    assert_eq!(fs::read(files.join("large.bin")).unwrap(), vec![7; 2_500_000]);
    assert_eq!(fs::read(files.join("some/where/empty")).unwrap(), b"");
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(!data.join(".restoring.db").exists());
    let directory = data.display().to_string();
    let locked = finish(bare(&RUN).args(["--data-dir", &directory])).expect(1);
    assert!(locked.err.contains("the master key") && locked.err.contains("is missing"), "{}", locked.err);
    fs::copy(world.directory.path().join("master.key"), data.join("master.key")).unwrap();
    assert_nothing_to_do(&next_run(bare(&RUN).args(["--data-dir", &directory])));
    let verified = finish(bare(&["audit", "verify", "--tenant", "acme"]).args(["--data-dir", &directory]));
    verified.expect(0);
    let taken = restore(&file, &data).expect(1);
    assert!(taken.err.contains("exists already") && taken.err.contains("hint: "), "{}", taken.err);
}

#[test]
fn what_is_no_backup_or_one_of_a_newer_program_is_refused_and_leaves_nothing_behind() {
    let world = lived_in();
    let elsewhere = tempfile::tempdir().unwrap();
    let (data, file) = (elsewhere.path().join("restored"), elsewhere.path().join("acme.backup"));
    backup(&world, &file).expect(0);
    let change = |sql: &str| rusqlite::Connection::open(&file).unwrap().execute_batch(sql).unwrap();
    let refused = |file: &Path, expected: &str| {
        let called = restore(file, &data).expect(1);
        assert!(called.err.contains(expected), "{expected} in {}", called.err);
        assert_eq!(fs::read_dir(&data).unwrap().count(), 0, "{expected}");
    };
    refused(&world.people_file(), "file");
    refused(&world.directory.path().join("muster.db"), "not made by `muster backup`");
    change("UPDATE file_part SET path = '../' || path WHERE path LIKE '%large.bin'");
    refused(&file, "leads elsewhere");
    change("INSERT INTO schema_version (version) VALUES (999)");
    refused(&file, "999");
    assert!(!elsewhere.path().join("acme").exists(), "nothing was put beside the directory");
}

#[test]
fn a_backup_of_an_older_program_is_brought_up_to_date() {
    let world = lived_in();
    let elsewhere = tempfile::tempdir().unwrap();
    let (data, file) = (elsewhere.path().join("restored"), elsewhere.path().join("acme.backup"));
    backup(&world, &file).expect(0);
    let connection = rusqlite::Connection::open(&file).unwrap();
    // As it was before the last step of the schema.
    let undo = "DROP INDEX shadow_granted; ALTER TABLE change DROP COLUMN terms; ALTER TABLE shadow DROP COLUMN terms; \
        ALTER TABLE shadow DROP COLUMN owner_version; \
        DELETE FROM schema_version WHERE version = (SELECT max(version) FROM schema_version)";
    connection.execute_batch(undo).unwrap();
    drop(connection);
    fs::create_dir(&data).unwrap();
    // Where the key is put back first it is no hindrance.
    fs::copy(world.directory.path().join("master.key"), data.join("master.key")).unwrap();
    let restored = restore(&file, &data).expect(0);
    assert!(!restored.err.contains("hint: "), "{}", restored.err);
    assert_nothing_to_do(&next_run(bare(&RUN).arg("--data-dir").arg(&data)));
}

#[test]
fn a_copy_to_postgres_holds_the_same_and_is_gone_on_with() {
    on_each_database(async |database| {
        let Some(url) = database.url().map(str::to_owned) else { return };
        // The tests' own key; a database of somebody else has none yet.
        database.execute("DELETE FROM master_key").await;
        tokio::task::spawn_blocking(move || copy_and_go_on(&url)).await.unwrap();
    });
}

fn copy_and_go_on(url: &str) {
    let world = lived_in();
    let from = world.directory.path().display().to_string();
    let copy = ["copy", "--from", &from, "--to", url, "--output", "json"];
    let copied = finish(&mut bare(&copy)).expect(0).json();
    let rows = |name: &str| {
        let table = copied.as_array().unwrap().iter().find(|table| table["table"] == name).unwrap();
        table["rows"].as_u64().unwrap()
    };
    assert_eq!((rows("tenant"), rows("run"), rows("change")), (1, 1, 40));
    assert!(rows("audit") > 1 && rows("object") >= 40, "{copied}");
    let key = format!("{from}/master.key");
    let here = ["--data-dir", &from, "--database-url", url, "--master-key-file", &key];
    assert_nothing_to_do(&next_run(bare(&RUN).args(here)));
    finish(bare(&["audit", "verify", "--tenant", "acme"]).args(here)).expect(0);
    finish(bare(&["tenant", "create", "beta"]).args(here)).expect(0);
    let again = finish(&mut bare(&copy)).expect(1);
    assert!(
        again.err.contains("exists already") && again.err.contains("hint: name an empty"),
        "{}",
        again.err
    );
}

#[test]
fn there_has_to_be_something_to_copy() {
    let world = World::empty();
    let directory = world.directory.path().display().to_string();
    let file = format!("{directory}/backup");
    for called in [
        world.call(&["backup", &file]),
        finish(&mut bare(&["copy", "--from", &directory, "--to", "postgres://127.0.0.1:1/nothing"])),
    ] {
        let called = called.expect(2);
        assert!(
            called.err.contains("there is no database in") && called.err.contains("hint: "),
            "{}",
            called.err
        );
    }
    let postgres = ["backup", &file, "--database-url", "postgres://127.0.0.1:1/nothing"];
    assert!(finish(&mut bare(&postgres)).expect(2).err.contains("pg_dump"));
    assert_eq!(fs::read_dir(world.directory.path()).unwrap().count(), 0);
}
