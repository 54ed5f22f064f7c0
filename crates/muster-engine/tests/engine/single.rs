//! One user synchronized while somebody waits: what becomes of it, why it cannot be, and what else runs meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use expect_test::{Expect, expect};
use muster_connector::faulty::{Call, CallKind, Fault, FaultyKind, Moment, Watch, no_faults};
use muster_connector::memory::MemoryKind;
use muster_connector::{
    Capabilities, ClassProblem, Connector, ConnectorError, ConnectorKind, FileRoots, Host, Place, Properties,
    PropertyProblem, RemoteClass,
};
use muster_engine::{Engine, SingleUser};
use muster_model::Attributes;
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{OutcomeStatus, OwnerBy};
use muster_model::user_sync::{UserOperation, UserResult};
use muster_testkit::world::configuration::{connector, hr, reconciliation};
use muster_testkit::world::{TestDatabase, World, on_each_database, on_sqlite};
use secrecy::SecretString;
use serde_json::{Value, json};

pub(crate) const CONNECTOR: &str = "7df9fd3f-793f-4595-b415-b839b76b0018";

/// The source, where people are known by their e-mail addresses.
pub(crate) fn source() -> Value {
    let mut application = hr();
    application["objectClasses"][0]["nameAttribute"] = json!("email");
    application["objectTypes"][0]["protected"] = json!("department eq \"ADMIN\"");
    application
}

pub(crate) fn task() -> Value {
    let mut task = reconciliation("hr", "person");
    task["uniqueId"] = json!(CONNECTOR);
    task["filter"] = json!("not (department eq \"OUT\")");
    task
}

pub(crate) async fn world(database: &TestDatabase) -> World {
    let world = World::usual(database).await;
    world.save(ConfigurationKind::Application, source()).await;
    world.save(ConfigurationKind::SynchronizationTaskDefinition, task()).await;
    world
}

pub(crate) async fn sync_on(engine: &Engine, world: &World, user: SingleUser<'_>) -> UserResult {
    engine.sync_single_user(world.store(), CONNECTOR, user).await.expect("a result")
}

pub(crate) async fn sync(world: &World, identifier: &str) -> UserResult {
    sync_on(&world.engine(), world, SingleUser { identifier, owner_by: OwnerBy::Key }).await
}

async fn sync_by_name(world: &World, identifier: &str) -> UserResult {
    sync_on(&world.engine(), world, SingleUser { identifier, owner_by: OwnerBy::UserName }).await
}

pub(crate) async fn names(world: &World) -> String {
    let picture = world.picture().await;
    let people = picture.lines().filter(|line| line.contains("name="));
    let name = |line: &str| {
        let name = line.split("name=").nth(1).and_then(|rest| rest.split(' ').next());
        let state = if line.contains("disabled") { " disabled" } else { "" };
        format!("{}{state}", name.unwrap_or_default())
    };
    people.map(name).collect::<Vec<_>>().join(", ")
}

fn told(result: &UserResult) -> String {
    let user = |user: &Option<Attributes>| {
        let user = user.iter().flat_map(Attributes::iter);
        let fields = user.map(|(name, field)| {
            let values: Vec<_> = field.values().iter().map(|value| value.to_text().into_owned()).collect();
            format!("{name}={}", values.join(","))
        });
        fields.collect::<Vec<_>>().join(" ")
    };
    let mut told = format!("{} {}", result.operation, result.identifier);
    for (what, text) in [("was", user(&result.input_user)), ("is", user(&result.resulting_user))] {
        if !text.is_empty() {
            told.push_str(&format!("\n{what} {text}"));
        }
    }
    if let Some(message) = &result.message {
        told.push_str(&format!("\n{}", crate::shown::without_ids(message)));
    }
    told
}

fn check(result: &UserResult, expected: &Expect) {
    expected.assert_eq(&told(result));
}

#[test]
fn what_becomes_of_a_user() {
    on_each_database(async |database| {
        let world = world(database).await;
        check(
            &sync(&world, "1").await,
            &expect![[r#"
            FAILED 1
            no account has the key `1`; nobody is concluded to be gone"#]],
        );
        world.hire("1", "ann@x", "Ann", "IT");
        check(
            &sync(&world, "1").await,
            &expect![[r#"
            ADDED 1
            is department=IT email=ann@x name=Ann number=1"#]],
        );
        check(&sync(&world, "1").await, &expect!["NOT_MODIFIED 1"]);
        world.hire("1", "ann@x", "Anna", "IT");
        check(
            &sync(&world, "ann@x").await,
            &expect![[r#"
            UPDATED 1
            was department=IT email=ann@x name=Ann number=1
            is department=IT email=ann@x name=Anna number=1"#]],
        );
        world.hire("2", "out@x", "Otto", "OUT");
        check(&sync(&world, "2").await, &expect!["FILTERED 2"]);
        world.system("hr").put_bad("person", "3", Some("3".to_owned()));
        check(
            &sync(&world, "3").await,
            &expect![[r#"
            FAILED 3
            entry 3 cannot be read; repair it"#]],
        );
        for (number, name) in [("4", "Cid"), ("5", "Dan")] {
            world.hire(number, "same@x", name, "IT");
        }
        check(
            &sync(&world, "same@x").await,
            &expect![[r#"
            FAILED same@x
            several accounts have the user name `same@x`; ask for one by its key"#]],
        );
    });
}

/// How many users may fail is said of runs that read many.
#[test]
fn the_error_policy_does_not_stop_the_sync_of_one_user() {
    on_sqlite(async |database| {
        let world = world(database).await;
        let mut strict = task();
        strict["errorPolicy"] = json!({ "maximumErrors": 0 });
        world.save(ConfigurationKind::SynchronizationTaskDefinition, strict).await;
        world.system("hr").put_bad("person", "3", Some("3".to_owned()));
        check(
            &sync(&world, "3").await,
            &expect![[r#"
            FAILED 3
            entry 1 cannot be read; repair it"#]],
        );
    });
}

/// Each gets a number among the syncs, and the last full sync stays what it is.
#[test]
fn every_single_sync_has_a_number_of_its_own() {
    on_sqlite(async |database| {
        let world = world(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        let full = world.synchronize("hr").await;
        let number =
            async |id| world.store().sync_of(id).await.expect("the database").expect("a sync").number;
        let first = number(full.id).await;
        sync(&world, "1").await;
        sync(&world, "2").await;
        let full = world.synchronize("hr").await;
        assert_eq!(number(full.id).await, first + 3);
    });
}

/// Nobody is concluded to be gone, and a user who is gone at the source stays as it is.
#[test]
fn nothing_is_concluded_from_absence() {
    on_sqlite(async |database| {
        let world = world(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        sync(&world, "1").await;
        world.dismiss("1");
        let before = world.picture().await;
        assert_eq!(sync(&world, "1").await.operation, UserOperation::Failed);
        assert_eq!(world.picture().await, before);
    });
}

#[test]
fn a_run_of_one_user_is_held_by_guards_and_undone_like_any_other() {
    on_sqlite(async |database| {
        let world = world(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        sync(&world, "1").await;
        world.hire("1", "ann@x", "Anna", "IT");
        let mut held = task();
        held["guards"] = json!({ "update": { "count": 0 } });
        world.save(ConfigurationKind::SynchronizationTaskDefinition, held).await;
        check(
            &sync(&world, "1").await,
            &expect![[r#"
            FAILED 1
            was department=IT email=ann@x name=Ann number=1
            the plan of the sync waits for an approval"#]],
        );
        world.save(ConfigurationKind::SynchronizationTaskDefinition, task()).await;
        assert_eq!(sync(&world, "1").await.operation, UserOperation::Updated);
        let last =
            &world.store().runs(muster_model::run::TaskKind::Synchronization, &Default::default()).await;
        let last = last.as_ref().expect("the database")[0].clone();
        let undo = world.engine().undo(world.store(), last.id).await.expect("an inverse");
        let undo = world.engine().execute(world.store(), undo).await.expect("a plan");
        world
            .engine()
            .approve(world.store(), undo.id, undo.plan_hash.expect("a plan"))
            .await
            .expect("approved");
        let undo = world.store().run(undo.id).await.expect("the database").expect("a run");
        let undo = world.engine().execute(world.store(), undo).await.expect("a run");
        assert_eq!(undo.state.outcome, Some(OutcomeStatus::Success));
        assert_eq!(names(&world).await, "Ann");
    });
}

/// Whoever was re-created at the source under another key, and is asked for by the user name.
#[test]
fn a_user_who_was_created_again_at_the_source_keeps_the_object() {
    on_each_database(async |database| {
        let world = world(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        sync(&world, "1").await;
        world.dismiss("1");
        world.hire("7", "ann@x", "Anna", "IT");
        check(
            &sync(&world, "7").await,
            &expect![[r#"
            NOT_MODIFIED 7
            account `7` fits object …, which belongs to account `1`"#]],
        );
        check(
            &sync_by_name(&world, "ann@x").await,
            &expect![[r#"
            UPDATED 7
            was department=IT email=ann@x name=Ann number=1
            is department=IT email=ann@x name=Anna number=7
            the object has its user name"#]],
        );
        assert_eq!(names(&world).await, "Anna");
        assert!(world.picture().await.contains("shadow hr/7 live"), "{}", world.picture().await);
        assert_eq!(sync(&world, "7").await.operation, UserOperation::NotModified);
        assert_eq!(sync_by_name(&world, "7").await.operation, UserOperation::NotModified);
        assert_eq!(world.synchronize("hr").await.state.outcome, Some(OutcomeStatus::Success));
        assert_eq!(names(&world).await, "Anna");
    });
}

#[test]
fn a_user_name_gives_nobody_away() {
    on_each_database(async |database| {
        let world = world(database).await;
        for (number, email, department) in
            [("1", "ann@x", "IT"), ("2", "root@x", "ADMIN"), ("3", "cid@x", "IT")]
        {
            world.hire(number, email, email, department);
            sync(&world, number).await;
        }
        // Nobody of that name: made like any other.
        world.hire("4", "dan@x", "Dan", "IT");
        assert_eq!(sync_by_name(&world, "4").await.operation, UserOperation::Added);
        // Her account is there still.
        world.hire("7", "ann@x", "Another", "IT");
        check(
            &sync_by_name(&world, "7").await,
            &expect![[r#"
            FAILED 7
            account `7` is not given to the user of its name: object … belongs to account `1`, which is there still"#]],
        );
        // Protected.
        world.dismiss("2");
        world.hire("8", "root@x", "Root", "ADMIN");
        check(
            &sync_by_name(&world, "8").await,
            &expect![[r#"
            FAILED 8
            account `8` is not given to the user of its name: object … is protected"#]],
        );
        // An account of somebody else took the name.
        world.dismiss("1");
        world.dismiss("7");
        world.hire("3", "ann@x", "Cid", "IT");
        let before = names(&world).await;
        check(
            &sync_by_name(&world, "3").await,
            &expect![[r#"
            FAILED 3
            account `3` is not given to the user of its name: it belongs to object …"#]],
        );
        assert_eq!(names(&world).await, before);
    });
}

#[test]
fn a_user_of_another_source_is_not_taken_from_it() {
    on_sqlite(async |database| {
        let world = world(database).await;
        let mut application = muster_testkit::world::configuration::crm();
        application["objectTypes"][0]["reactions"] = json!({ "UNMATCHED": "CREATE", "MISSING": "DISABLE" });
        world.save(ConfigurationKind::Application, application).await;
        world.contact("c1", "ann@x", "11");
        world.synchronize("crm").await;
        world.hire("1", "ann@x", "Ann", "IT");
        check(
            &sync_by_name(&world, "1").await,
            &expect![[r#"
            FAILED 1
            account `1` is not given to the user of its name: object … is linked elsewhere, in application `crm`"#]],
        );
    });
}

/// The kinds of connectors of a world, one of them counting how often it is opened, and one that fails at will.
struct Counting {
    inner: FaultyKind,
    opened: Arc<AtomicU64>,
}

#[async_trait]
impl ConnectorKind for Counting {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn check(&self, properties: &Properties) -> Vec<PropertyProblem> {
        self.inner.check(properties)
    }

    fn check_class(
        &self,
        properties: &Properties,
        class: &RemoteClass,
        files: &FileRoots,
    ) -> Vec<ClassProblem> {
        self.inner.check_class(properties, class, files)
    }

    fn place(&self, class: &RemoteClass, place: Place) -> String {
        self.inner.place(class, place)
    }

    fn capabilities(&self, properties: &Properties) -> Capabilities {
        self.inner.capabilities(properties)
    }

    async fn open(&self, properties: &Properties, host: &Host) -> Result<Box<dyn Connector>, ConnectorError> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        self.inner.open(properties, host).await
    }
}

/// A connector is kept open from one single sync to the next, and opened once more where it is broken or configured anew.
#[test]
fn a_connector_is_kept_open() {
    on_sqlite(async |database| {
        let world = world(database).await;
        let opened = Arc::new(AtomicU64::new(0));
        let memory = MemoryKind { name: "hr", system: world.system("hr").clone() };
        // The third read fails, as when the server was started again.
        let plan = |call: &Call| {
            let lost = ConnectorError::Transient { message: "lost".to_owned(), retry_after: None };
            let is_lost = call.kind == CallKind::Read && call.number == 3;
            is_lost.then(|| Fault::Fail(Moment::Before, lost))
        };
        let inner = FaultyKind::new(Box::new(memory), Watch::new(Arc::new(plan)));
        let world = world.with_connector(Arc::new(Counting { inner, opened: Arc::clone(&opened) }));
        world.hire("1", "ann@x", "Ann", "IT");
        world.synchronize("hr").await;
        opened.store(0, Ordering::SeqCst);
        let engine = world.engine();
        let user = SingleUser { identifier: "1", owner_by: OwnerBy::Key };
        for expected in [1, 1, 2, 2] {
            assert_eq!(sync_on(&engine, &world, user).await.operation, UserOperation::NotModified);
            assert_eq!(opened.load(Ordering::SeqCst), expected);
        }
        let mut renamed = connector("hr", "hr");
        renamed["name"] = json!("Another name");
        world.save(ConfigurationKind::ConnectorDefinition, renamed).await;
        assert_eq!(sync_on(&engine, &world, user).await.operation, UserOperation::NotModified);
        assert_eq!(opened.load(Ordering::SeqCst), 3);
    });
}

/// What a single sync asks the store, whatever the number of users there are.
#[test]
fn a_single_sync_costs_few_statements() {
    on_sqlite(async |database| {
        // No sign of life in between, however slow the machine.
        let world = world(database).await.with_lease(Duration::from_secs(3600));
        world.synchronize("hr").await;
        let engine = world.engine();
        let user = SingleUser { identifier: "1", owner_by: OwnerBy::Key };
        // What is read once is read.
        sync_on(&engine, &world, user).await;
        let mut counted = Vec::new();
        for name in ["Ann", "Ann", "Anna"] {
            world.hire("1", "ann@x", name, "IT");
            let before = engine.store().statements();
            let operation = sync_on(&engine, &world, user).await.operation;
            counted.push(format!("{operation}: {}", engine.store().statements() - before));
        }
        expect![[r#"
            ADDED: 27
            NOT_MODIFIED: 16
            UPDATED: 26"#]]
        .assert_eq(&counted.join("\n"));
    });
}

#[test]
fn there_are_four_errors() {
    on_each_database(async |database| {
        let mut world = world(database).await;
        world.hire("1", "ann@x", "Ann", "IT");
        let error = async |world: &World, connector: &str| {
            let user = SingleUser { identifier: "1", owner_by: OwnerBy::Key };
            let result = world.engine().sync_single_user(world.store(), connector, user).await;
            result.expect_err("an error").to_string()
        };
        let unknown = "7df9fd3f-793f-4595-b415-b839b76b0019";
        assert_eq!(error(&world, unknown).await, format!("there is no connector `{unknown}`"));
        // The source does not answer.
        let down = |_: &Call| {
            let refused = ConnectorError::Transient { message: "refused".to_owned(), retry_after: None };
            Some(Fault::Fail(Moment::Before, refused))
        };
        world.disturb("hr", Arc::new(down));
        assert_eq!(error(&world, CONNECTOR).await, "the connector is not available: refused");
        world.disturb("hr", no_faults());
        let mut definition = connector("hr", "hr");
        definition["maintenance"] = json!(true);
        world.save(ConfigurationKind::ConnectorDefinition, definition).await;
        let maintained = "the connector is not available: connector definition `hr` is in maintenance";
        assert_eq!(error(&world, CONNECTOR).await, maintained);
        // A type that is not built in.
        world.save(ConfigurationKind::ConnectorDefinition, connector("hr", "sap")).await;
        let lacking = "the connector cannot be made: connector type `sap` is not built in";
        assert_eq!(error(&world, CONNECTOR).await, lacking);
        world.save(ConfigurationKind::ConnectorDefinition, connector("hr", "hr")).await;
        // A clean-up reads no users.
        let cleanup = json!({
            "id": "clean", "name": "Clean", "taskType": "CLEANUP", "directoryId": "main", "inactiveDays": 90,
            "action": "DISABLE",
        });
        world.save(ConfigurationKind::SynchronizationTaskDefinition, cleanup).await;
        let misconfigured = error(&world, "clean").await;
        assert!(
            misconfigured.starts_with("the configuration of the connector cannot be used: "),
            "{misconfigured}"
        );
        // A directory that was deleted.
        let directory = muster_model::DirectoryId::main();
        world.engine().delete_directory(world.store(), &directory).await.expect("deleted");
        let deleted = error(&world, CONNECTOR).await;
        assert!(deleted.contains("Directory main does not exists"), "{deleted}");
    });
}

/// A secret that is entered anew opens connectors anew, whoever keeps them.
#[test]
fn a_secret_that_is_entered_anew_counts_at_once() {
    on_each_database(async |database| {
        let world = world(database).await;
        let version = async || world.store().configuration_version().await.expect("the database");
        let before = version().await;
        let (name, value) = ("hr".parse().expect("a name"), SecretString::from("s3cret"));
        world.engine().put_secret(world.store(), &name, &value).await.expect("kept");
        assert_ne!(version().await, before, "what is kept open is kept for one version");
    });
}
