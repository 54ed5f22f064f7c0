//! Secrets on the command line, and the master key that they are sealed with.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::world::{Called, World, bare, finish, finish_with};

const VALUE: &str = "correct horse battery staple";

fn put(world: &World, name: &str, input: &str) -> Called {
    finish_with(&mut world.command(&["secret", "put", "--tenant", "acme", name]), input)
}

fn with_tenant() -> (World, Called) {
    let world = World::empty();
    let created = world.call(&["tenant", "create", "acme"]).expect(0);
    (world, created)
}

#[test]
fn a_secret_is_written_and_never_shown() {
    let (world, _) = with_tenant();
    let told = put(&world, "hr", &format!("{VALUE}\n")).expect(0);
    assert!(told.err.contains("created secret `hr` of `acme`") && told.out.is_empty(), "{}", told.err);
    assert!(put(&world, "hr", "line one\nline two\r\n").expect(0).err.contains("replaced secret `hr`"));
    let value = world.with_tenant(async |store| {
        let names = ["hr".parse().unwrap()];
        let opened = store.open_secrets(&names, &"any".parse().unwrap()).await;
        use secrecy::ExposeSecret as _;
        opened.map(|opened| opened[&names[0]].value.expose_secret().to_owned())
    });
    assert_eq!(value.unwrap(), "line one\nline two", "without the line break at its end alone");
    let list = ["secret", "list", "--tenant", "acme"];
    let shown = world.call(&[&list[..], &["--output", "json"]].concat()).expect(0);
    assert_eq!(
        (&shown.json()[0]["name"], &shown.json()[0]["usedBy"]),
        (&"hr".into(), &serde_json::json!([]))
    );
    assert!(!shown.out.contains("line one") && !world.call(&list).expect(0).out.contains("line one"));
    assert!(put(&world, "hr", "\n").expect(2).err.contains("the value is empty"));
    assert!(put(&world, "a b", "x").expect(2).err.starts_with("error: "));
    world.call(&["secret", "delete", "--tenant", "acme", "hr"]).expect(0);
    let gone = world.call(&["secret", "delete", "--tenant", "acme", "hr"]).expect(1);
    assert!(gone.err.contains("no secret `hr`"), "{}", gone.err);
}

#[test]
fn the_first_start_makes_the_key_and_says_so() {
    let (world, created) = with_tenant();
    let key = world.directory.path().join("master.key");
    assert!(created.err.contains(&format!("made the master key {}", key.display())), "{}", created.err);
    let made = fs::read(&key).unwrap();
    assert_eq!((made.len(), fs::metadata(&key).unwrap().permissions().mode() & 0o777), (32, 0o600));
    assert!(!world.call(&["tenant", "list"]).expect(0).err.contains("master key"), "only once");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let open = world.call(&["tenant", "list"]).expect(1);
    assert!(
        open.err.contains("all users of this machine can read") && open.err.contains("hint: `chmod 600`")
    );
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    // Where nothing is sealed nothing is lost.
    fs::remove_file(&key).unwrap();
    world.call(&["tenant", "list"]).expect(0);
    assert_ne!(fs::read(&key).unwrap(), made);
    put(&world, "hr", VALUE).expect(0);
    let right = fs::read(&key).unwrap();
    for (octets, told) in [
        (&[7; 32][..], "is not the one that the secrets of this database were sealed with"),
        (&[7; 5], "has 5 octets instead of 32"),
    ] {
        fs::write(&key, octets).unwrap();
        let refused = world.call(&["tenant", "list"]).expect(1);
        assert!(refused.err.contains(told) && refused.err.contains("hint: "), "{}", refused.err);
    }
    fs::remove_file(&key).unwrap();
    let lost = world.call(&["tenant", "list"]).expect(1);
    assert!(lost.err.contains("is missing, and the database holds secrets"), "{}", lost.err);
    let kept = world.directory.path().join("kept");
    fs::write(&kept, right).unwrap();
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o400)).unwrap();
    let named = ["secret", "list", "--tenant", "acme", "--master-key-file", kept.to_str().unwrap()];
    assert!(world.call(&named).expect(0).out.contains("hr"));
}

#[test]
fn a_server_on_postgres_wants_to_be_given_its_key() {
    let refused =
        finish(&mut bare(&["serve", "--database-url", "postgres://nowhere.invalid/muster"])).expect(2);
    assert!(refused.err.contains("there is no master key") && refused.err.contains("MUSTER_MASTER_KEY_FILE"));
}
