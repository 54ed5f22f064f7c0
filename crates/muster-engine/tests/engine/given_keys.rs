//! Targets that give accounts their keys: accounts are made under names, known by keys from then on, and made once
//! whatever happens.

use std::sync::Arc;

use muster_connector::faulty::{CallKind, Fault, FaultPlan, Moment, no_faults};
use muster_connector::memory::{CAPABLE, MemoryKind, MemorySystem};
use muster_connector::{
    Capabilities, ClassProblem, Connector, ConnectorError, ConnectorKind, Durable, Entry, FileRoots, Host,
    OfferedClass, Operation, Place, Properties, PropertyProblem, RemoteClass, Sweep, SweepRequest,
    WriteResult, Writer, Written,
};
use muster_model::configuration::ConfigurationKind;
use muster_model::run::{Mode, Outcome, OutcomeStatus};
use muster_store::{ChangeQuery, ChangeState, PageOrder, RunRecord};
use muster_testkit::world::configuration::{ad, cleared, giving_keys, naming, outbound};
use muster_testkit::world::{TestDatabase, World, on_each_database, on_sqlite, provisioning};
use serde_json::json;

use crate::by_hand;

fn target(capabilities: Capabilities) -> MemorySystem {
    MemorySystem::new(capabilities).with_given_keys()
}

/// Ann and Bob, who are to have accounts.
async fn staffed(database: &TestDatabase, capabilities: Capabilities) -> World {
    let world = World::usual(database).await.with_system("ad", target(capabilities));
    world.save(ConfigurationKind::Application, giving_keys(ad())).await;
    world.hire("1", "ann@x", "Ann", "IT");
    world.hire("2", "bob@x", "Bob", "FIN");
    world.synchronize("hr").await;
    world
}

/// The accounts as logins, each with its key and its common name.
fn accounts(world: &World) -> Vec<String> {
    let text = |account: &muster_connector::memory::MemoryAccount, name: &str| {
        account.attributes.get(name).first().map(|value| value.to_text().into_owned()).unwrap_or_default()
    };
    let held = world.system("ad").accounts("account");
    let mut shown: Vec<String> = held
        .iter()
        .map(|(uid, account)| format!("{} {uid} {}", text(account, "login"), text(account, "cn")))
        .collect();
    shown.sort();
    shown
}

/// The shadows of the target: keys, and whether anything is promised.
async fn shadows(world: &World) -> Vec<String> {
    let sql = "SELECT uid || CASE WHEN digest IS NULL THEN ' open' ELSE '' END FROM shadow \
        WHERE application = 'ad' AND state = 0 ORDER BY uid";
    world.database().texts(sql).await
}

#[test]
fn accounts_are_made_under_names_and_known_by_keys() {
    for durable in [Durable::EachCall, Durable::AtClose] {
        on_each_database(async |database| {
            let mut world = staffed(database, Capabilities { durable, ..CAPABLE }).await;
            let run = world.provision("ad").await;
            assert_eq!((run.state.outcome, run.failure), (Some(OutcomeStatus::Success), None));
            assert_eq!(accounts(&world), ["ann@x id-1 Ann", "bob@x id-2 Bob"]);
            assert_eq!(shadows(&world).await, ["id-1", "id-2"]);
            let watch = world.disturb("ad", no_faults());
            let run = world.provision("ad").await;
            assert_eq!(run.counters.outcome(Outcome::Unchanged), 2);
            assert_eq!((watch.calls_of(CallKind::Operation), world.changes(&run).await), (0, vec![]));
        });
    }
}

#[test]
fn whoever_is_made_again_gets_the_account_that_the_deleted_owner_left() {
    for is_withdrawn in [false, true] {
        on_each_database(async |database| {
            let world = staffed(database, CAPABLE).await;
            world.provision("ad").await;
            by_hand::delete(&world, "1").await;
            if is_withdrawn {
                world.provision("ad").await;
            }
            world.synchronize("hr").await;
            let run = world.provision("ad").await;
            let problems = world.problems(&run).await;
            assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{is_withdrawn}: {problems:?}");
            assert_eq!(accounts(&world), ["ann@x id-1 Ann", "bob@x id-2 Bob"]);
            assert_eq!(world.changes(&world.provision("ad").await).await, [""; 0]);
        });
    }
}

#[test]
fn an_account_that_is_renamed_keeps_its_key() {
    on_each_database(async |database| {
        let world = staffed(database, CAPABLE).await;
        world.provision("ad").await;
        world.hire("1", "anna@x", "Anna", "IT");
        world.synchronize("hr").await;
        let run = world.provision("ad").await;
        assert_eq!(
            (run.state.outcome, run.counters.outcome(Outcome::Updated)),
            (Some(OutcomeStatus::Success), 1)
        );
        assert_eq!(accounts(&world), ["anna@x id-1 Anna", "bob@x id-2 Bob"]);
        assert_eq!(world.provision("ad").await.counters.outcome(Outcome::Unchanged), 2);
    });
}

#[test]
fn a_target_without_renaming_keeps_the_name() {
    on_sqlite(async |database| {
        let world = staffed(database, Capabilities { rename: false, ..CAPABLE }).await;
        world.provision("ad").await;
        world.hire("1", "anna@x", "Anna", "IT");
        world.synchronize("hr").await;
        world.provision("ad").await;
        assert_eq!(accounts(&world), ["ann@x id-1 Anna", "bob@x id-2 Bob"]);
        assert_eq!(world.provision("ad").await.counters.outcome(Outcome::Unchanged), 2);
    });
}

/// Who is stopped before the second account is made, once the first is stored.
async fn half_made(database: &TestDatabase) -> (World, RunRecord) {
    let mut world = staffed(database, CAPABLE).await.with_page_size(1);
    world.hire("3", "cat@x", "Cat", "IT");
    world.hire("4", "dan@x", "Dan", "IT");
    world.synchronize("hr").await;
    let stopped = world.run_up_to(provisioning("ad", Mode::Apply), "ad", (CallKind::Operation, 2)).await;
    while shadows(&world).await.is_empty() {
        tokio::task::yield_now().await;
    }
    (world, stopped.run)
}

#[test]
fn while_accounts_are_made_it_is_told_which_have_been() {
    on_each_database(async |database| {
        let (world, run) = half_made(database).await;
        for (state, expected) in
            [(ChangeState::Applied, &["id-1"][..]), (ChangeState::Planned, &["bob@x", "cat@x", "dan@x"])]
        {
            let query = ChangeQuery { state: Some(state), limit: 10, ..ChangeQuery::default() };
            let page = world.store().change_page(&run, &query).await.expect("the database");
            let uids: Vec<&str> = page.changes.iter().map(|change| change.uid.as_str()).collect();
            assert_eq!(uids, expected, "{state:?}");
        }
    });
}

/// As a program leaves it that knew no other order.
#[test]
fn a_wave_that_was_begun_by_keys_goes_on_by_keys() {
    on_sqlite(async |database| {
        let (world, run) = half_made(database).await;
        let position = world.database().texts("SELECT CAST(position AS TEXT) FROM change WHERE uid = 'id-1'");
        let position = position.await[0].parse().expect("a number");
        let cursor = PageOrder { level: 0, position: Some(position), number: 1 }.cursor();
        world.database().execute(&format!("UPDATE bucket SET cursor = '{cursor}' WHERE step = 3")).await;
        world.resume().await;
        let run = world.store().run(run.id).await.expect("the database").expect("a run");
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success));
        let made = ["ann@x id-1 Ann", "cat@x id-2 Cat", "dan@x id-3 Dan"];
        assert_eq!(accounts(&world), made, "Bob's place is before Ann's, so he counts as made");
        world.provision("ad").await;
        assert_eq!(accounts(&world)[1], "bob@x id-4 Bob");
    });
}

fn lost(kind: CallKind, moment: Moment) -> FaultPlan {
    Arc::new(move |call| {
        let message = "the line went dead".to_owned();
        (call.kind == kind && call.number == 1)
            .then(|| Fault::Fail(moment, ConnectorError::Transient { message, retry_after: None }))
    })
}

#[test]
fn a_lost_answer_makes_no_second_account() {
    for moment in [Moment::Before, Moment::After] {
        on_each_database(async |database| {
            let mut world = staffed(database, CAPABLE).await;
            let _ = world.disturb("ad", lost(CallKind::Operation, moment));
            let run = world.provision("ad").await;
            assert_eq!(
                (run.state.outcome, run.counters.outcome(Outcome::Failed)),
                (Some(OutcomeStatus::Partial), 1)
            );
            let _ = world.disturb("ad", no_faults());
            world.clock().pass(chrono::TimeDelta::hours(1));
            let run = world.provision("ad").await;
            assert_eq!(
                run.state.outcome,
                Some(OutcomeStatus::Success),
                "{moment:?}: {:?}",
                world.problems(&run).await
            );
            let logins: Vec<_> = accounts(&world).into_iter().map(|line| line[..3].to_owned()).collect();
            assert_eq!(logins, ["ann", "bob"], "{moment:?}");
            assert_eq!(world.provision("ad").await.counters.outcome(Outcome::Unchanged), 2, "{moment:?}");
        });
    }
}

#[test]
fn a_name_that_somebody_has_already_is_a_refusal() {
    on_each_database(async |database| {
        let world = staffed(database, CAPABLE).await;
        let stranger = [("id", "old-7"), ("login", "ann@x"), ("cn", "Somebody"), ("mail", "some@x")];
        world.put("ad", "account", "old-7", &stranger);
        let run = world.provision("ad").await;
        assert_eq!(
            (run.state.outcome, run.counters.outcome(Outcome::Failed)),
            (Some(OutcomeStatus::Partial), 1)
        );
        assert_eq!(accounts(&world), ["ann@x old-7 Somebody", "bob@x id-1 Bob"]);
        assert_eq!(shadows(&world).await, ["id-1"]);
    });
}

#[test]
fn an_account_without_a_link_is_found_by_the_rules_and_taken_by_its_key() {
    on_each_database(async |database| {
        let world = staffed(database, CAPABLE).await;
        let own = [("id", "old-7"), ("login", "ann@x"), ("cn", "A."), ("mail", "ann@x")];
        world.put("ad", "account", "old-7", &own);
        assert_eq!(world.provision("ad").await.state.outcome, Some(OutcomeStatus::Success));
        assert_eq!(accounts(&world), ["ann@x old-7 Ann", "bob@x id-1 Bob"]);
        assert_eq!(shadows(&world).await, ["id-1", "old-7"]);
    });
}

#[test]
fn an_account_that_is_gone_is_made_again_under_another_key() {
    on_each_database(async |database| {
        let world = staffed(database, CAPABLE).await;
        world.provision("ad").await;
        world.system("ad").take("account", "id-1");
        assert_eq!(world.provision("ad").await.counters.outcome(Outcome::Created), 1);
        assert_eq!(accounts(&world), ["ann@x id-3 Ann", "bob@x id-2 Bob"]);
        assert_eq!(shadows(&world).await, ["id-2", "id-3"]);
        assert_eq!(world.provision("ad").await.counters.outcome(Outcome::Unchanged), 2);
    });
}

#[test]
fn who_is_referred_to_is_named_by_the_name() {
    on_each_database(async |database| {
        let world = World::usual(database).await.with_system("ad", target(CAPABLE));
        world.save(ConfigurationKind::Application, giving_keys(naming("REMOTE_NAME"))).await;
        let fields =
            [("number", "1"), ("email", "ann@x"), ("name", "Ann"), ("department", "IT"), ("manager", "2")];
        world.put("hr", "person", "1", &fields);
        world.hire("2", "bob@x", "Bob", "FIN");
        world.synchronize("hr").await;
        let run = world.provision("ad").await;
        assert_eq!(run.state.outcome, Some(OutcomeStatus::Success), "{:?}", world.problems(&run).await);
        let manager = || {
            let held = world.system("ad").accounts("account");
            held.values().find_map(|account| account.attributes.get("manager").first().cloned())
        };
        assert_eq!(manager().map(|value| value.to_text().into_owned()).as_deref(), Some("bob@x"));
        assert_eq!(world.provision("ad").await.counters.outcome(Outcome::Unchanged), 2);
        // Bob has another name: so is he called from the next run on that knows it.
        world.hire("2", "bobby@x", "Bob", "FIN");
        world.synchronize("hr").await;
        world.provision("ad").await;
        world.provision("ad").await;
        assert_eq!(manager().map(|value| value.to_text().into_owned()).as_deref(), Some("bobby@x"));
        assert_eq!(world.provision("ad").await.counters.outcome(Outcome::Unchanged), 2);
    });
}

#[test]
fn of_several_values_only_those_are_written_that_come_and_go() {
    on_each_database(async |database| {
        let world = World::usual(database).await;
        let mut hr = muster_testkit::world::configuration::hr();
        let mappings = hr["objectTypes"][0]["attributeMappings"].as_array_mut().unwrap();
        let mut phones = cleared(muster_testkit::world::configuration::inbound("phones", "phones", 10));
        phones["multiValued"] = true.into();
        mappings.push(phones);
        hr["objectClasses"][0]["attributes"] = json!([
            { "name": "number" }, { "name": "email" }, { "name": "name" }, { "name": "department" },
            { "name": "manager" }, { "name": "phones", "multiValued": true }
        ]);
        world.save(ConfigurationKind::Application, hr).await;
        let mut target = ad();
        target["objectClasses"][0]["attributes"].as_array_mut().unwrap().push(json!({
            "name": "phones", "multiValued": true
        }));
        let mut phones = outbound("phones", "phones");
        phones["multiValued"] = true.into();
        target["objectTypes"][0]["attributeMappings"].as_array_mut().unwrap().push(phones);
        world.save(ConfigurationKind::Application, target).await;
        person_with(&world, &["1", "2"]);
        world.synchronize("hr").await;
        world.provision("ad").await;
        assert_eq!(phones_of(&world), ["1", "2"]);
        person_with(&world, &["2", "3"]);
        world.synchronize("hr").await;
        let run = world.provision("ad").await;
        assert_eq!(run.counters.outcome(Outcome::Updated), 1);
        assert_eq!(phones_of(&world), ["2", "3"]);
        person_with(&world, &[]);
        world.synchronize("hr").await;
        world.provision("ad").await;
        assert_eq!(world.provision("ad").await.counters.outcome(Outcome::Unchanged), 1);
    });
}

fn person_with(world: &World, phones: &[&str]) {
    use muster_connector::memory::MemoryAccount;
    use muster_model::Field;
    let texts = [("number", "1"), ("email", "ann@x"), ("name", "Ann"), ("department", "IT")];
    let mut attributes: muster_model::Attributes =
        texts.into_iter().map(|(name, text)| (name, Field::text(text))).collect();
    attributes.set("phones".into(), Field::Many(phones.iter().map(|phone| (*phone).into()).collect()));
    world.system("hr").put("person", "1", MemoryAccount { enabled: true, attributes });
}

fn phones_of(world: &World) -> Vec<String> {
    let held = world.system("ad").accounts("account");
    let values = held.values().flat_map(|account| account.attributes.get("phones").values().to_vec());
    let mut phones: Vec<String> = values.map(|value| value.to_text().into_owned()).collect();
    phones.sort();
    phones
}

/// A target that gives everybody the same key.
struct SameKey(MemoryKind);

#[async_trait::async_trait]
impl ConnectorKind for SameKey {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn check(&self, properties: &Properties) -> Vec<PropertyProblem> {
        self.0.check(properties)
    }

    fn check_class(
        &self,
        properties: &Properties,
        class: &RemoteClass,
        files: &FileRoots,
    ) -> Vec<ClassProblem> {
        self.0.check_class(properties, class, files)
    }

    fn place(&self, class: &RemoteClass, place: Place) -> String {
        self.0.place(class, place)
    }

    fn capabilities(&self, properties: &Properties) -> Capabilities {
        self.0.capabilities(properties)
    }

    fn gives_keys(&self, properties: &Properties, class: &RemoteClass) -> bool {
        self.0.gives_keys(properties, class)
    }

    async fn open(&self, properties: &Properties, host: &Host) -> Result<Box<dyn Connector>, ConnectorError> {
        self.0
            .open(properties, host)
            .await
            .map(|inner| Box::new(SameKeyConnector(inner)) as Box<dyn Connector>)
    }
}

struct SameKeyConnector(Box<dyn Connector>);

#[async_trait::async_trait]
impl Connector for SameKeyConnector {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn probe(&self, class: &RemoteClass) -> Result<(), ConnectorError> {
        self.0.probe(class).await
    }

    async fn discover(&self, classes: &[RemoteClass]) -> Result<Vec<OfferedClass>, ConnectorError> {
        self.0.discover(classes).await
    }

    async fn sweep(&self, request: SweepRequest) -> Result<Box<dyn Sweep>, ConnectorError> {
        self.0.sweep(request).await
    }

    async fn read(&self, class: &RemoteClass, uids: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        self.0.read(class, uids).await
    }

    async fn writer(&self, class: &RemoteClass) -> Result<Box<dyn Writer>, ConnectorError> {
        Ok(Box::new(SameKeyWriter(self.0.writer(class).await?)))
    }
}

struct SameKeyWriter(Box<dyn Writer>);

#[async_trait::async_trait]
impl Writer for SameKeyWriter {
    async fn write(&mut self, operations: Vec<Operation>) -> Vec<WriteResult> {
        let outcomes = self.0.write(operations).await.into_iter();
        outcomes.map(|outcome| outcome.map(|_| Written { given_uid: Some("1".to_owned()) })).collect()
    }

    async fn close(self: Box<Self>) -> Result<(), ConnectorError> {
        self.0.close().await
    }
}

#[test]
fn a_key_that_is_given_twice_costs_one_entry() {
    on_each_database(async |database| {
        let world = staffed(database, CAPABLE).await;
        let kind = MemoryKind { name: "ad", system: world.system("ad").clone() };
        let world = world.with_connector(Arc::new(SameKey(kind)));
        let run = world.provision("ad").await;
        assert_eq!(run.failure, None);
        assert_eq!((run.counters.outcome(Outcome::Created), run.counters.outcome(Outcome::Failed)), (1, 1));
        let said = world.problems(&run).await;
        assert!(said[0].contains("given the key `1` to two new accounts"), "{said:?}");
    });
}
