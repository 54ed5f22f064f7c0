//! The audit log at the command line: what people do there stands in it, and tampering with it is told.

use serde_json::{Value, json};

use crate::world::{Called, World};

const OF: [&str; 2] = ["--tenant", "acme"];

fn audit(world: &World, arguments: &[&str]) -> Called {
    world.call(&[&["audit"], arguments, &OF].concat())
}

/// A tenant that people at the command line have worked with, and the head of its log.
fn worked_with() -> (World, String) {
    let world = World::empty();
    world.call(&["tenant", "create", "acme"]).expect(0);
    world.call(&["user", "create", "--tenant", "acme", "--role", "viewer", "ann"]).expect(0);
    world.call(&["token", "create", "--tenant", "acme", "--role", "operator", "--name", "night"]).expect(0);
    world.call(&["user", "delete", "--tenant", "acme", "ann"]).expect(0);
    let head = audit(&world, &["verify"]).expect(0).out.trim().to_owned();
    (world, head)
}

fn execute(world: &World, sql: &str) {
    let database = rusqlite::Connection::open(world.directory.path().join("muster.db")).unwrap();
    assert!(database.execute(sql, []).unwrap() > 0, "{sql}");
}

#[test]
fn what_is_done_at_the_command_line_is_noted() {
    let (world, _) = worked_with();
    let log = audit(&world, &["list", "--output", "json"]).expect(0).json();
    let acts: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| format!("{} {}", entry["act"].as_str().unwrap(), entry["subject"].as_str().unwrap()))
        .collect();
    assert_eq!(acts, ["DELETE users/ann", "CREATE tokens/night", "CREATE users/ann", "CREATE tenants/acme"]);
    for entry in log.as_array().unwrap() {
        assert_eq!(entry["actor"]["kind"], "COMMAND_LINE", "{entry}");
        assert!(!entry["actor"]["name"].as_str().unwrap().is_empty(), "{entry}");
        assert!(entry["origin"].as_str().unwrap().starts_with("process "), "{entry}");
    }
    let text = audit(&world, &["list", "--subject", "users/ann", "--act", "CREATE"]).expect(0).out;
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("CREATE") && text.contains("roles=viewer"), "{text}");
    let page = audit(&world, &["list", "--limit", "1", "--after", "3", "--output", "json"]).expect(0).json();
    assert_eq!((page[0]["seq"].as_u64(), page.as_array().unwrap().len()), (Some(2), 1));
    for wrong in [["--act", "create"], ["--subject", "ann"], ["--since", "now"], ["--run", "1"]] {
        audit(&world, &[&["list"][..], &wrong].concat()).expect(2);
    }
}

#[test]
fn a_run_of_ones_own_is_noted_with_its_end() {
    let world = World::example();
    world.deliver(&crate::world::people(20, muster_testkit::people::BadLines::None));
    world.call(&["run", "sync", "hr-reconciliation", "--tenant", "acme"]).expect(0);
    let log = audit(&world, &["list", "--limit", "2", "--output", "json"]).expect(0).json();
    let (ended, launched) = (&log[0], &log[1]);
    assert_eq!((&launched["act"], &launched["actor"]["kind"]), (&json!("LAUNCH"), &json!("COMMAND_LINE")));
    assert_eq!((&ended["act"], &ended["actor"]["kind"]), (&json!("END"), &json!("SYSTEM")));
    assert_eq!((&ended["outcome"], &ended["details"]["created"]), (&json!("SUCCESS"), &json!("20")));
    assert_eq!(ended["instanceId"], launched["instanceId"]);
}

#[test]
fn a_whole_log_tells_its_head_and_holds_those_of_before() {
    let (world, head) = worked_with();
    assert!(head.starts_with("4:") && head.len() == 2 + 64, "{head}");
    let again = audit(&world, &["verify", "--head", &head]).expect(0);
    assert_eq!(again.out.trim(), head);
    assert!(again.err.contains("is whole: 4 entries"), "{}", again.err);
    world.call(&["user", "create", "--tenant", "acme", "--role", "viewer", "ben"]).expect(0);
    let later = audit(&world, &["verify", "--head", &head, "--output", "json"]).expect(0).json();
    assert_eq!((&later["valid"], &later["entries"]), (&json!(true), &json!(5)));
    assert!(audit(&world, &["verify", "--head", "4:abc"]).expect(2).err.contains("64 hexadecimal digits"));
    let lines = audit(&world, &["export"]).expect(0).out;
    let exported: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        exported.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5]
    );
    assert_eq!(format!("4:{}", exported[3]["hash"].as_str().unwrap()), head);
}

#[test]
fn a_log_that_was_tampered_with_is_told_with_its_place() {
    for (sql, place) in [
        ("UPDATE audit SET details = '{\"roles\":\"admin\"}' WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 3", 3),
        ("UPDATE audit SET act = 'NOTHING' WHERE seq = 4", 4),
    ] {
        let (world, head) = worked_with();
        execute(&world, sql);
        for arguments in [&["verify"][..], &["verify", "--head", &head]] {
            let told = audit(&world, arguments).expect(1);
            let said = format!("error: the audit log of `acme` is broken at entry {place}: ");
            assert!(told.err.contains(&said) && told.err.contains("hint: "), "{}", told.err);
            assert_eq!(told.out, "", "no head to note");
        }
        let told = audit(&world, &["verify", "--output", "json"]).expect(1).json();
        assert_eq!((&told["valid"], &told["brokenAt"]), (&json!(false), &json!(place)));
    }
}

#[test]
fn an_older_copy_of_the_database_is_told_by_a_head_that_was_noted() {
    let (world, _) = worked_with();
    let copy = |from: &str, to: &str| {
        let path = |name: &str| world.directory.path().join(name);
        let _ = std::fs::remove_file(path(to));
        let database = rusqlite::Connection::open(path(from)).unwrap();
        database.execute("VACUUM INTO ?1", [path(to).to_str().unwrap()]).unwrap();
    };
    copy("muster.db", "older.db");
    world.call(&["token", "delete", "--tenant", "acme", "--name", "night"]).expect(0);
    let head = audit(&world, &["verify"]).expect(0).out.trim().to_owned();
    for file in ["muster.db-wal", "muster.db-shm"] {
        let _ = std::fs::remove_file(world.directory.path().join(file));
    }
    copy("older.db", "muster.db");
    audit(&world, &["verify"]).expect(0);
    let told = audit(&world, &["verify", "--head", &head]).expect(1);
    assert!(told.err.contains("is broken at entry 5: the entry is missing at the end"), "{}", told.err);
}
