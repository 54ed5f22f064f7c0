//! `muster doctor`: a line for each thing that it looks at, and what to do where something is wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use muster_testkit::people::BadLines;
use muster_testkit::world::on_each_database;
use serde_json::Value;

use crate::world::{Called, World, bare, finish, people};

/// The checks, as programs read them.
fn checks(called: &Called) -> Vec<Value> {
    called.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn status<'a>(checks: &'a [Value], of: &str) -> &'a str {
    let check =
        checks.iter().find(|check| check["check"] == of).unwrap_or_else(|| panic!("{of} in {checks:?}"));
    let (status, hint) = (check["status"].as_str().unwrap(), check["hint"].as_str());
    assert_eq!(hint.is_none(), status == "ok", "{check}");
    status
}

fn ask(world: &World) -> Called {
    world.call(&["doctor", "--output", "json"])
}

#[test]
fn what_is_well_is_told_line_by_line_and_nothing_is_changed() {
    let world = World::example();
    world.deliver(&people(3, BadLines::None));
    let called = ask(&world).expect(0);
    let found = checks(&called);
    for of in ["settings", "data directory", "database", "integrity", "write", "clock", "master key"] {
        assert_eq!(status(&found, of), "ok", "{of}");
    }
    let of_hr =
        found.iter().find(|check| check["check"].as_str().unwrap().contains("application hr,")).unwrap();
    assert_eq!(of_hr["status"], "ok", "{of_hr}");
    let text = world.call(&["doctor"]).expect(0);
    assert_eq!(text.out.lines().count(), found.len());
    assert!(text.out.starts_with("ok       settings: "), "{}", text.out);
    assert!(text.err.is_empty(), "{}", text.err);
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let world = World::example();
    let database = world.directory.path().join("muster.db");
    // The source is a directory.
    fs::create_dir_all(world.people_file()).unwrap();
    let found = checks(&ask(&world).expect(1));
    let problems: Vec<_> = found.iter().filter(|check| check["status"] == "problem").collect();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0]["check"].as_str().unwrap().contains("application hr,"), "{problems:?}");

    fs::remove_dir(world.people_file()).unwrap();
    fs::set_permissions(world.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let older = "DELETE FROM schema_version WHERE version = (SELECT max(version) FROM schema_version)";
    rusqlite::Connection::open(&database).unwrap().execute_batch(older).unwrap();
    let found = checks(&ask(&world).expect(0));
    assert_eq!((status(&found, "data directory"), status(&found, "database")), ("warning", "warning"));

    let newer = "INSERT INTO schema_version (version) VALUES (999)";
    rusqlite::Connection::open(&database).unwrap().execute_batch(newer).unwrap();
    assert_eq!(status(&checks(&ask(&world).expect(1)), "database"), "problem");

    fs::write(&database, b"this is no database at all, and never was one").unwrap();
    for beside in ["muster.db-wal", "muster.db-shm"] {
        let _ = fs::remove_file(world.directory.path().join(beside));
    }
    assert_eq!(status(&checks(&ask(&world).expect(1)), "database"), "problem");
    let text = world.call(&["doctor"]).expect(1);
    assert!(text.out.contains("problem  database: ") && text.out.contains("; hint: "), "{}", text.out);
}

#[test]
fn settings_that_cannot_be_used_are_a_problem_like_others() {
    let world = World::empty();
    let called =
        finish(world.command(&["doctor", "--output", "json"]).env("MUSTER_WORK_WORKERS", "0")).expect(1);
    let found = checks(&called);
    assert_eq!((found.len(), status(&found, "settings")), (1, "problem"));
    assert!(found[0]["message"].as_str().unwrap().contains("`work.workers` is 0"), "{found:?}");
    // Before the first start there is nothing that could be wrong.
    let empty = checks(&ask(&world).expect(0));
    assert_eq!(status(&empty, "database"), "warning");
    assert_eq!(fs::read_dir(world.directory.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn a_postgres_is_looked_at_as_well() {
    on_each_database(async |database| {
        let Some(url) = database.url().map(str::to_owned) else { return };
        // The tests' own key; a database of somebody else has none yet.
        database.execute("DELETE FROM master_key").await;
        let world = World::empty();
        let key = world.directory.path().join("some.key");
        fs::write(&key, [7; 32]).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let asked = tokio::task::spawn_blocking(move || {
            let ask = |further: &[&str]| {
                let mut command = world.command(&["doctor", "--output", "json"]);
                finish(command.args(["--database-url", &url]).args(further))
            };
            let without = checks(&ask(&[]).expect(1));
            assert_eq!(status(&without, "master key"), "problem", "no server starts without one");
            let called = ask(&["--master-key-file", &key.display().to_string()]);
            let away = ["doctor", "--output", "json", "--database-url", "postgres://127.0.0.1:1/nothing"];
            (called, finish(&mut bare(&away)))
        });
        let (called, away) = asked.await.unwrap();
        let found = checks(&called.expect(0));
        for of in ["database", "integrity", "write", "clock", "master key"] {
            assert_eq!(status(&found, of), "ok", "{of}");
        }
        assert_eq!(status(&found, "tenants"), "warning");
        assert_eq!(status(&checks(&away.expect(1)), "database"), "problem");
    });
}
