//! Tenants, users and tokens: made, listed, deleted; secrets are told once and alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::world::{World, bare, finish, finish_with};

#[test]
fn a_tenant_lives_and_goes() {
    let world = World::empty();
    let called = world.call(&["tenant", "create", "acme"]).expect(0);
    assert!(called.err.contains("created tenant `acme`"));
    let again = world.call(&["tenant", "create", "acme"]).expect(1);
    assert!(again.err.contains("error: tenant `acme` exists already\nhint: "), "{}", again.err);
    assert!(world.call(&["tenant", "list"]).expect(0).out.contains("acme"));
    assert_eq!(world.call(&["tenant", "list", "--output", "json"]).expect(0).json()[0]["slug"], "acme");
    world.deliver(b"secret");
    let unsure = world.call(&["tenant", "delete", "acme"]).expect(2);
    assert!(unsure.err.contains("--yes"), "{}", unsure.err);
    assert!(world.people_file().exists());
    world.call(&["tenant", "delete", "acme", "--yes"]).expect(0);
    assert!(!world.people_file().exists(), "a later tenant of that name must not find it");
    assert_eq!(world.call(&["tenant", "list", "--output", "json"]).expect(0).json(), serde_json::json!([]));
    let gone = world.call(&["tenant", "delete", "acme", "--yes"]).expect(1);
    assert!(gone.err.contains("error: there is no tenant `acme`\nhint: "), "{}", gone.err);
}

#[test]
fn a_users_password_is_read_or_made_up() {
    let world = World::empty();
    world.call(&["tenant", "create", "acme"]).expect(0);
    let create = |name: &str, input: &str| {
        let mut command = world.command(&["user", "create", "--tenant", "acme", "--role", "viewer", name]);
        finish_with(&mut command, input)
    };
    assert_eq!(create("ann", "a long password\n").expect(0).out, "", "who gave it knows it");
    let made_up = create("ben", "").expect(0).out;
    assert!(made_up.trim().len() >= 20 && made_up.lines().count() == 1, "{made_up}");
    assert!(create("ann", "another long one\n").expect(1).err.contains("user `ann` exists already"));
    assert!(create("cid", "eleven char\n").expect(2).err.contains("shorter than 12 characters"));
    assert!(create("a:b", "x\n").expect(2).err.contains("is no name of a user"));
    let users = world.call(&["user", "list", "--tenant", "acme", "--output", "json"]).expect(0).json();
    assert_eq!((&users[0]["name"], &users[1]["name"]), (&"ann".into(), &"ben".into()));
    assert_eq!(users[0]["roles"], serde_json::json!(["viewer"]));
    assert!(!users.to_string().contains("argon2"), "no hash leaves");
    let mut command = world.command(&["user", "password", "--tenant", "acme", "ann", "--password-stdin"]);
    finish_with(&mut command, "yet another one\n").expect(0);
    let mut command = world.command(&["user", "password", "--tenant", "acme", "ann", "--password-stdin"]);
    assert!(finish_with(&mut command, "").expect(2).err.contains("holds no password"));
    world.call(&["user", "delete", "--tenant", "acme", "ben"]).expect(0);
    assert!(
        world.call(&["user", "delete", "--tenant", "acme", "ben"]).expect(1).err.contains("no user `ben`")
    );
}

#[test]
fn a_token_is_told_alone_and_never_again() {
    let world = World::empty();
    world.call(&["tenant", "create", "acme"]).expect(0);
    let create = ["token", "create", "--tenant", "acme", "--role", "operator,approver", "--name", "night"];
    let created = world.call(&create).expect(0);
    let token = created.out.trim();
    assert!(token.starts_with("muster_") && created.out.lines().count() == 1, "{}", created.out);
    assert!(world.call(&create).expect(1).err.contains("token `night` exists already"));
    let tokens = world.call(&["token", "list", "--tenant", "acme", "--output", "json"]).expect(0);
    assert!(!tokens.out.contains(token));
    assert_eq!(tokens.json()[0]["roles"], serde_json::json!(["operator", "approver"]));
    world.call(&["token", "delete", "--tenant", "acme", "--name", "night"]).expect(0);
    let gone = world.call(&["token", "delete", "--tenant", "acme", "--name", "night"]).expect(1);
    assert!(gone.err.contains("no token `night`"), "{}", gone.err);
}

#[test]
fn a_token_expires_when_it_is_told_to() {
    let world = World::empty();
    world.call(&["tenant", "create", "acme"]).expect(0);
    let create = |name: &str, when: &str| {
        let command = ["token", "create", "--tenant", "acme", "--role", "viewer", "--name", name];
        world.call(&[&command[..], &["--expires", when]].concat())
    };
    create("days", "90d").expect(0);
    create("instant", "2999-03-31T00:00:00Z").expect(0);
    for when in ["0d", "soon", "90"] {
        assert!(create("x", when).expect(2).err.contains("neither an instant"), "{when}");
    }
    assert!(create("x", "2020-01-01T00:00:00Z").expect(2).err.contains("is over already"));
    let list = ["token", "list", "--tenant", "acme"];
    let tokens = world.call(&[&list[..], &["--output", "json"]].concat()).expect(0).json();
    assert_eq!(tokens[1]["expiresAt"], "2999-03-31T00:00:00.000Z");
    assert!(tokens[0]["expiresAt"].is_string() && tokens[0]["lastUsedAt"].is_null(), "{tokens}");
    assert!(world.call(&list).expect(0).out.contains("LAST USED"));
}

#[test]
fn the_last_admin_is_not_deleted() {
    let world = World::empty();
    world.call(&["tenant", "create", "acme"]).expect(0);
    for name in ["ann", "bob"] {
        world.call(&["user", "create", "--tenant", "acme", "--role", "admin", name]).expect(0);
    }
    world.call(&["user", "delete", "--tenant", "acme", "ann"]).expect(0);
    let refused = world.call(&["user", "delete", "--tenant", "acme", "bob"]).expect(2);
    assert!(refused.err.contains("`bob` is the last admin of `acme`") && refused.err.contains("hint: "));
}

#[test]
fn instants_are_told_as_the_api_tells_them() {
    let world = World::empty();
    world.call(&["tenant", "create", "acme"]).expect(0);
    world.call(&["user", "create", "--tenant", "acme", "--role", "viewer", "ann"]).expect(0);
    world.call(&["token", "create", "--tenant", "acme", "--role", "viewer", "--name", "night"]).expect(0);
    for list in [
        vec!["tenant", "list"],
        vec!["user", "list", "--tenant", "acme"],
        vec!["token", "list", "--tenant", "acme"],
    ] {
        let shown = world.call(&[&list[..], &["--output", "json"]].concat()).expect(0).json();
        let created = shown[0]["createdAt"].as_str().unwrap().to_owned();
        assert!(created.len() == "1970-01-01T00:00:00.000Z".len() && created.ends_with('Z'), "{created}");
        assert!(world.call(&list).expect(0).out.contains(&created), "people read the same");
    }
}

#[test]
fn a_wrong_call_is_told_so() {
    let world = World::empty();
    for arguments in [
        vec!["tenant", "create", "Acme"],
        vec!["token", "create", "--tenant", "acme", "--role", "boss", "--name", "x"],
        vec!["run", "approve", "nonsense", "--tenant", "acme", "--plan", "x"],
        vec!["run", "sync", "hr", "--tenant", "acme", "--keys", "a,,b"],
        vec!["dance"],
    ] {
        let called = world.call(&arguments).expect(2);
        assert!(called.err.starts_with("error: "), "{arguments:?}: {}", called.err);
    }
    let called = world.call(&["user", "list", "--tenant", "nobody"]).expect(1);
    assert!(called.err.contains("there is no tenant `nobody`"), "{}", called.err);
}

#[test]
fn what_is_made_is_for_its_owner_alone() {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let world = World::empty();
    let data = world.directory.path().join("new/data");
    let create = |data: &Path, slug: &str| {
        finish(bare(&["tenant", "create", slug]).arg("--data-dir").arg(data)).expect(0)
    };
    let told = create(&data, "acme").err;
    assert!(!told.contains("WARN"), "{told}");
    assert_eq!(mode(&data), 0o700);
    for file in fs::read_dir(&data).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    // A directory that is there keeps its mode, and people are told what that means.
    let open = world.directory.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    let told = create(&open, "globex").err;
    let warning = format!("all users of this machine may look into {0}; `chmod 700 {0}`", open.display());
    assert!(told.contains(&warning), "{told}");
    assert_eq!((mode(&open), mode(&open.join("muster.db"))), (0o755, 0o600));
}

#[test]
fn variables_that_are_no_settings_are_told_of() {
    let world = World::empty();
    world.call(&["tenant", "list"]).expect(0);
    let mut command = world.command(&["tenant", "list"]);
    command.env("MUSTER_DATA_DIRECTORY", "/data").env("MUSTER_TOKEN", "x").env("MUSTER_TEST_POSTGRES", "x");
    let told = finish(&mut command).expect(0).err;
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains("MUSTER_DATA_DIRECTORY is no setting"), "{told}");
}

#[test]
fn settings_come_from_file_and_environment_and_unknown_ones_are_refused() {
    let world = World::empty();
    let file = world.directory.path().join("settings.toml");
    let data = world.directory.path().join("data");
    fs::write(&file, format!("data-dir = {:?}", data.to_str().unwrap())).unwrap();
    finish(bare(&["tenant", "create", "acme"]).env("MUSTER_CONFIG", &file)).expect(0);
    assert!(data.join("muster.db").exists());
    finish(bare(&["user", "list", "--tenant", "acme"]).env("MUSTER_DATA_DIR", &data)).expect(0);
    fs::write(&file, "data-directory = \"x\"").unwrap();
    let called = finish(bare(&["tenant", "list"]).arg("--config").arg(&file)).expect(2);
    assert!(called.err.contains("data-directory") && called.err.contains("hint: "), "{}", called.err);
}

#[test]
fn a_database_that_cannot_be_used_is_told_of_in_plain_words_with_what_to_do() {
    let world = World::empty();
    fs::write(world.directory.path().join("muster.db"), "Dear Sir or Madam, ".repeat(1000)).unwrap();
    let called = world.call(&["tenant", "list"]).expect(1);
    let path = world.directory.path().join("muster.db").display().to_string();
    let told = format!(
        "error: cannot open the database at {path}: the database file is no SQLite database\n\
         hint: name another data directory, or put a backup of the database file back\n"
    );
    assert_eq!(called.err, told);
}
