//! The system in memory passes the suite in all its shapes, bare and behind a plan without faults; and faults
//! do what they say.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use async_trait::async_trait;
use muster_connector::conformance::{Fixture, Sample, conforms};
use muster_connector::faulty::{
    Call, CallKind, Fault, FaultPlan, Faulty, FaultyKind, Moment, Watch, no_faults,
};
use muster_connector::memory::{CAPABLE, MemoryAccount, MemoryKind, MemorySystem};
use muster_connector::{
    Capabilities, ChangeFeed, ClassProblem, Connector, ConnectorError, ConnectorKind, Durable, FileRoots,
    Host, Operation, Place, Properties, PropertyProblem, Reads, RemoteAttribute, RemoteClass, Step, SweepEnd,
    SweepRequest, TestStep, TestSteps, TestedStep, test_classes, tested,
};
use muster_model::{AttributeName, Attributes, Field};

struct InMemory {
    capabilities: Capabilities,
    gives_keys: bool,
}

fn class() -> RemoteClass {
    let attribute = |name: &str, multi_valued| RemoteAttribute { name: name.into(), multi_valued };
    RemoteClass {
        attributes: vec![
            attribute("id", false),
            attribute("name", false),
            attribute("login", false),
            attribute("manager", false),
            attribute("groups", true),
        ],
        ..RemoteClass::new("people", "id")
    }
}

fn system(capabilities: Capabilities, accounts: &[Sample]) -> MemorySystem {
    let system = MemorySystem::new(capabilities).with_references(vec!["manager".into()]);
    for sample in accounts {
        let attributes = sample.attributes.iter().cloned().collect();
        system.put("people", &sample.uid, MemoryAccount { enabled: sample.enabled, attributes });
    }
    system
}

/// A system that has given the accounts keys that nobody could know.
fn with_given_keys(capabilities: Capabilities, accounts: &[Sample]) -> MemorySystem {
    let system = MemorySystem::new(capabilities).with_given_keys();
    for (number, sample) in accounts.iter().enumerate() {
        let (uid, mut attributes) =
            (format!("first-{number}"), Attributes::from_iter(sample.attributes.clone()));
        attributes.set("id".into(), Field::text(&uid));
        system.put("people", &uid, MemoryAccount { enabled: sample.enabled, attributes });
    }
    system
}

#[async_trait]
impl Fixture for InMemory {
    async fn system(&self, accounts: &[Sample]) -> Box<dyn Connector> {
        let held = match self.gives_keys {
            false => system(self.capabilities, accounts),
            true => with_given_keys(self.capabilities, accounts),
        };
        Box::new(Faulty::new(Box::new(held), Watch::new(no_faults())))
    }

    fn class(&self) -> RemoteClass {
        RemoteClass { name_attribute: self.gives_keys.then(|| "login".into()), ..class() }
    }

    fn text_attribute(&self) -> AttributeName {
        "name".into()
    }

    fn several_attribute(&self) -> Option<AttributeName> {
        Some("groups".into())
    }

    fn reference_attribute(&self) -> Option<AttributeName> {
        (!self.gives_keys).then(|| "manager".into())
    }
}

#[tokio::test]
async fn the_system_in_memory_conforms_in_all_shapes() {
    for durable in [Durable::EachCall, Durable::AtClose] {
        for references_must_exist in [false, true] {
            for enable in [false, true] {
                for write in [true, false] {
                    let capabilities =
                        Capabilities { durable, references_must_exist, enable, write, ..CAPABLE };
                    conforms(&InMemory { capabilities, gives_keys: false }).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn the_system_in_memory_conforms_when_it_gives_keys_and_tells_less_of_changes() {
    for changes in [ChangeFeed::None, ChangeFeed::WithoutDeletes, ChangeFeed::WithDeletes] {
        for (gives_keys, durable) in
            [(true, Durable::EachCall), (true, Durable::AtClose), (false, Durable::EachCall)]
        {
            let capabilities = Capabilities { changes, durable, ..CAPABLE };
            conforms(&InMemory { capabilities, gives_keys }).await;
        }
    }
}

fn create(uid: &str) -> Operation {
    let attributes = vec![("id".into(), Field::text(uid))];
    Operation::Create { uid: uid.to_owned(), attributes, enabled: true }
}

fn lost() -> ConnectorError {
    ConnectorError::Transient { message: "the line went dead".to_owned(), retry_after: None }
}

fn failing(kind: CallKind, number: u64, moment: Moment) -> FaultPlan {
    Arc::new(move |call: &Call| {
        (call.kind == kind && call.number == number).then(|| Fault::Fail(moment, lost()))
    })
}

/// Creates `a`, `b` and `c` in one write; answers the outcomes, and who exists then.
async fn three_creates(durable: Durable, plan: FaultPlan) -> (Vec<bool>, bool, Vec<String>) {
    let memory = system(Capabilities { durable, ..CAPABLE }, &[]);
    let connector = Faulty::new(Box::new(memory.clone()), Watch::new(plan));
    let mut writer = connector.writer(&class()).await.unwrap();
    let outcomes = writer.write(vec![create("a"), create("b"), create("c")]).await;
    let closed = writer.close().await.is_ok();
    let outcomes = outcomes.iter().map(Result::is_ok).collect();
    (outcomes, closed, memory.accounts("people").into_keys().collect())
}

#[tokio::test]
async fn faults_strike_before_or_after_the_effect() {
    use CallKind::{Close, Operation, Write};
    use Durable::{AtClose, EachCall};
    use Moment::{After, Before};
    for (durable, kind, number, moment, outcomes, closed, exist) in [
        (EachCall, Operation, 2, Before, [true, false, true], true, "ac"),
        (EachCall, Operation, 2, After, [true, false, true], true, "abc"),
        (EachCall, Write, 1, Before, [false, false, false], true, ""),
        (EachCall, Write, 1, After, [false, false, false], true, "abc"),
        (AtClose, Close, 1, Before, [true, true, true], false, ""),
        (AtClose, Close, 1, After, [true, true, true], false, "abc"),
        (AtClose, Operation, 9, Before, [true, true, true], true, "abc"),
    ] {
        let answer = three_creates(durable, failing(kind, number, moment)).await;
        let exist: Vec<String> = exist.chars().map(String::from).collect();
        assert_eq!(answer, (outcomes.to_vec(), closed, exist), "{kind:?} {number} {moment:?}");
    }
}

#[tokio::test]
async fn calls_are_counted_and_a_sweep_can_be_cut_short() {
    let memory = system(CAPABLE, &[]);
    for uid in ["a", "b", "c"] {
        memory.put("people", uid, MemoryAccount { enabled: true, attributes: Default::default() });
    }
    let plan: FaultPlan = Arc::new(|call| {
        (call.kind == CallKind::Page && call.number == 3)
            .then(|| Fault::CutShort { reason: "the server hung up".to_owned() })
    });
    let watch = Watch::new(plan);
    let connector = Faulty::new(Box::new(memory), watch.clone());
    let (class, reads) = (class(), Reads::All);
    let request = SweepRequest { class, reads, page_size: 1.into(), resume: None, last_count: None };
    let mut sweep = connector.sweep(request).await.unwrap();
    let mut read = 0;
    let end = loop {
        match sweep.next().await.unwrap() {
            Step::Page(page) => read += page.entries.len(),
            Step::End(end) => break end,
        }
    };
    assert_eq!((read, &end), (2, &SweepEnd::CutShort { reason: "the server hung up".to_owned() }));
    assert_eq!(sweep.next().await, Ok(Step::End(end)));
    assert_eq!((watch.calls(), watch.calls_of(CallKind::Page)), (4, 3));
}

#[tokio::test]
async fn a_call_can_be_stopped_for_ever_after_its_effect() {
    let plan: FaultPlan = Arc::new(|call| {
        (call.uid.as_deref() == Some("b"))
            .then(|| Fault::Stop(Moment::After, Box::pin(std::future::pending())))
    });
    let memory = system(CAPABLE, &[]);
    let connector = Faulty::new(Box::new(memory.clone()), Watch::new(plan));
    let mut writer = connector.writer(&class()).await.unwrap();
    let mut write = Box::pin(writer.write(vec![create("a"), create("b"), create("c")]));
    let waker = std::task::Waker::noop();
    let polled = write.as_mut().poll(&mut std::task::Context::from_waker(waker));
    assert!(polled.is_pending(), "the write waits");
    drop(write);
    assert_eq!(memory.accounts("people").into_keys().collect::<Vec<_>>(), ["a", "b"]);
}

/// A kind that tells the steps of its test from each other.
struct StepByStep(MemoryKind);

#[async_trait]
impl ConnectorKind for StepByStep {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn check(&self, properties: &Properties) -> Vec<PropertyProblem> {
        self.0.check(properties)
    }

    fn check_class(&self, given: &Properties, class: &RemoteClass, files: &FileRoots) -> Vec<ClassProblem> {
        self.0.check_class(given, class, files)
    }

    fn place(&self, class: &RemoteClass, place: Place) -> String {
        self.0.place(class, place)
    }

    fn capabilities(&self, properties: &Properties) -> Capabilities {
        self.0.capabilities(properties)
    }

    async fn open(&self, given: &Properties, host: &Host) -> Result<Box<dyn Connector>, ConnectorError> {
        self.0.open(given, host).await
    }

    async fn test(&self, given: &Properties, host: &Host, classes: &[RemoteClass], steps: &mut TestSteps) {
        steps.put(TestedStep::passed(TestStep::Address, "127.0.0.1 answers"));
        match self.open(given, host).await {
            Ok(connector) => test_classes(&*connector, classes, steps).await,
            Err(error) => steps.put(TestedStep { step: TestStep::Credentials, result: Err(error) }),
        }
    }
}

#[tokio::test]
async fn a_kind_that_fails_by_plan_tests_as_the_kind_does_that_it_is_around() {
    let files = FileRoots { own: "/nonexistent".into(), further: Vec::new() };
    let host = Host::new("acme".parse().unwrap(), files);
    let classes = [class(), RemoteClass::new("groups", "id")];
    for (plan, second) in [
        (no_faults(), Ok("can be read".to_owned())),
        (failing(CallKind::Probe, 2, Moment::After), Err(lost())),
    ] {
        let memory = MemoryKind { name: "memory", system: system(CAPABLE, &[]) };
        let watch = Watch::new(plan);
        let kind = FaultyKind::new(Box::new(StepByStep(memory)), watch.clone());
        let steps = tested(&kind, &Properties::new(), &host, &classes).await;
        let looked = |name: &str, result| TestedStep { step: TestStep::Class(name.to_owned()), result };
        let expected = [
            TestedStep::passed(TestStep::Address, "127.0.0.1 answers"),
            looked("people", Ok("can be read".to_owned())),
            looked("groups", second),
        ];
        assert_eq!(steps, expected);
        assert_eq!(watch.calls_of(CallKind::Probe), 2);
    }
}
