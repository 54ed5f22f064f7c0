//! Settings that lead nowhere, each with its own step and message; a database that is not what it should be.

use muster_connector::{ConnectorError, ConnectorKind as _, RemoteClass, TestStep, tested};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

use crate::systems::{System, host, kind, server, sweep, text_pairs};

const PEOPLE: &str = "CREATE TABLE people (id text PRIMARY KEY, name text)";

/// The step that fails, what the message says, and whether it may pass by itself.
async fn fails_at(system: &System, more: &[(&str, &str)]) -> (TestStep, ConnectorError) {
    let classes = [RemoteClass::new("people", "id")];
    let steps = tested(&kind(), &system.properties(more), &system.host(), &classes).await;
    let last = steps.last().unwrap().clone();
    let (passed, error) = (steps.len() - 1, last.result.expect_err("the last step fails"));
    assert!(steps[..passed].iter().all(|step| step.result.is_ok()), "{steps:?}");
    let opened = system.try_open(more).await.map(|_| ());
    if !matches!(last.step, TestStep::Class(_)) {
        assert_eq!(opened, Err(error.clone()), "opening says the same");
    }
    (last.step, error)
}

#[tokio::test]
async fn each_wrong_setting_fails_at_its_step() {
    let system = System::postgres().await;
    system.run(PEOPLE).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    for (more, step, says) in [
        (&[("host", "no-such-host.invalid")][..], TestStep::Address, "cannot be resolved"),
        (&[("host", "10.255.255.1")], TestStep::Address, "egress"),
        (&[("port", closed.as_str())], TestStep::Address, "`host` and `port`"),
        (&[("tls", "VERIFY_FULL")], TestStep::Tls, "TLS"),
        (&[("databaseName", "no_such_database")], TestStep::Credentials, "`databaseName`"),
        (&[("user", "no_such_role")], TestStep::Credentials, "`user`"),
        (&[("schema", "nowhere")], TestStep::Class("people".to_owned()), "no table or view"),
    ] {
        let (failed, error) = fails_at(&system, more).await;
        assert_eq!(failed, step, "{more:?}: {error}");
        assert!(error.to_string().contains(says), "{more:?}: {error}");
        let is_transient = matches!(error, ConnectorError::Transient { .. });
        let may_pass = more[0].0 == "port" || says == "cannot be resolved";
        assert_eq!(is_transient, may_pass, "{more:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_column_that_no_table_has_is_a_slip() {
    for system in crate::systems::each().await {
        system
            .run(format!(
                "{PEOPLE}; CREATE TABLE other (id text PRIMARY KEY, active boolean, changed integer)"
            ))
            .await;
        let class = RemoteClass::new("people", "id");
        let probe = async |more: &[(&str, &str)]| system.open(more).await.probe(&class).await;
        assert_eq!(probe(&[("enabledColumn", "active"), ("changeColumn", "changed")]).await, Ok(()));
        for more in [
            &[("enabledColumn", "actvie")][..],
            &[("changeColumn", "chnaged")],
            &[("changeColumn", "changed"), ("deletedColumn", "gone")],
        ] {
            let error = probe(more).await.unwrap_err().to_string();
            assert!(error.contains("no table has the column"), "{more:?}: {error}");
        }
    }
}

#[tokio::test]
async fn rights_that_are_missing_are_named() {
    let system = System::postgres().await;
    let role = format!("reader_{}", std::process::id());
    system.run(format!("{PEOPLE}; DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN")).await;
    let class = RemoteClass::new("people", "id");
    let probe = async |more: &[(&str, &str)]| {
        let all: Vec<_> = [("user", role.as_str())].iter().chain(more).copied().collect();
        system.open(&all).await.probe(&class).await
    };
    let error = probe(&[]).await.unwrap_err();
    assert!(
        matches!(&error, ConnectorError::Unusable { message } if message.contains("permission denied")),
        "{error}"
    );
    system.run(format!("GRANT SELECT, UPDATE ON people TO {role}")).await;
    assert_eq!(probe(&[("writable", "false")]).await, Ok(()));
    let error = probe(&[]).await.unwrap_err().to_string();
    assert!(error.contains("INSERT, DELETE"), "{error}");
    system.run(format!("GRANT INSERT, DELETE ON people TO {role}")).await;
    assert_eq!(probe(&[]).await, Ok(()));
    system.run(format!("DROP OWNED BY {role}")).await;
    let mut maker = server().connect().await.unwrap();
    maker.execute(AssertSqlSafe(format!("DROP ROLE {role}"))).await.unwrap();
}

#[tokio::test]
async fn what_is_only_read_cannot_be_written() {
    let system = System::postgres().await;
    system.run(PEOPLE).await;
    let connector = system.open(&[("writable", "false")]).await;
    assert!(!connector.capabilities().write);
    assert!(connector.writer(&RemoteClass::new("people", "id")).await.is_err());
}

#[tokio::test]
async fn a_table_that_goes_is_never_an_empty_one() {
    for system in crate::systems::each().await {
        system.run(format!("{PEOPLE}; INSERT INTO people VALUES ('a', 'x')")).await;
        let connector = system.open(&[]).await;
        let class = RemoteClass::new("people", "id");
        assert_eq!(sweep(&*connector, &class, 10).await.unwrap().0.len(), 1);
        system.run("DROP TABLE people").await;
        for connector in [connector, system.open(&[]).await] {
            let swept = sweep(&*connector, &class, 10).await;
            assert!(matches!(swept, Err(ConnectorError::Unusable { .. })), "{swept:?}");
            let read = connector.read(&class, &["a".to_owned()]).await;
            assert!(matches!(read, Err(ConnectorError::Unusable { .. })), "{read:?}");
        }
    }
}

#[tokio::test]
async fn files_that_are_none_are_told() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("text.db"),
        "this is no database, but it is long enough to look like one. ".repeat(20),
    )
    .unwrap();
    std::fs::create_dir(directory.path().join("directory")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", directory.path().join("link.db")).unwrap();
    for (file, says) in [
        ("none.db", "does not exist"),
        ("text.db", "not a database"),
        ("directory", "is a directory"),
        ("link.db", "leads out"),
        ("../other.db", "`..`"),
        ("/etc/passwd", "none of the directories"),
    ] {
        let properties = text_pairs(&[("database", "sqlite"), ("file", file)]);
        let opened = kind().open(&properties, &host(directory.path())).await.err();
        let Some(ConnectorError::Unusable { message }) = opened else { panic!("{file}: {opened:?}") };
        assert!(message.contains(says), "{file}: {message}");
    }
    let names: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "nothing was made: {names:?}");
}

#[tokio::test]
async fn two_columns_that_one_name_may_mean_are_not_mixed_up() {
    let system = System::postgres().await;
    system.run("CREATE TABLE people (\"Id\" text PRIMARY KEY, id text); INSERT INTO people VALUES ('upper', 'lower')").await;
    let connector = system.open(&[("writable", "false")]).await;
    for (key, uid) in [("Id", "upper"), ("id", "lower")] {
        let (entries, _) = sweep(&*connector, &RemoteClass::new("people", key), 10).await.unwrap();
        assert_eq!(crate::systems::uids(&entries), [uid]);
    }
    assert!(connector.probe(&RemoteClass::new("People", "id")).await.is_err(), "names are compared exactly");
    connector.probe(&RemoteClass::new("public.people", "id")).await.unwrap();
}

#[tokio::test]
async fn keys_that_a_database_gives_again_are_refused() {
    for system in crate::systems::each().await {
        let (again, once) = match system.is_postgres() {
            true => ("bigint GENERATED ALWAYS AS IDENTITY (CYCLE)", "bigint GENERATED ALWAYS AS IDENTITY"),
            false => ("integer", "integer"),
        };
        let end = if system.is_postgres() { "" } else { "AUTOINCREMENT" };
        system
            .run(format!(
                "CREATE TABLE again (id {again} PRIMARY KEY, name text UNIQUE);
                 CREATE TABLE once (id {once} PRIMARY KEY {end}, name text UNIQUE)"
            ))
            .await;
        let class = |table: &str| RemoteClass {
            name_attribute: Some("name".into()),
            ..RemoteClass::new(table, "id")
        };
        let given = system.open(&[("keysGivenBy", "DATABASE")]).await;
        assert_eq!(given.probe(&class("once")).await, Ok(()));
        let refused = given.probe(&class("again")).await.unwrap_err();
        assert!(refused.to_string().contains("`keysGivenBy`"), "{refused}");
        assert!(given.writer(&class("again")).await.is_err());
        let ours = system.open(&[]).await;
        assert_eq!(ours.probe(&class("again")).await, Ok(()), "keys that we give are ours to keep apart");
        let only_read = system.open(&[("keysGivenBy", "DATABASE"), ("writable", "false")]).await;
        assert_eq!(only_read.probe(&class("again")).await, Ok(()));
    }
}
