//! A connector that fails by plan, around any other: for tests that fail every step once. It counts the calls
//! that pass through it, since tests assert counts. Not for use outside tests and simulated worlds.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::{
    Capabilities, ClassProblem, Connector, ConnectorError, ConnectorKind, Entry, FileRoots, Host,
    OfferedClass, Operation, Place, Properties, PropertyProblem, RemoteClass, Snapshot, Step, Sweep,
    SweepEnd, SweepRequest, TestStep, TestSteps, TestedStep, WriteResult, Writer, tested,
};

/// The kinds of calls that reach a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallKind {
    /// [`Connector::probe`].
    Probe,
    /// [`Connector::sweep`].
    Sweep,
    /// [`Sweep::next`].
    Page,
    /// [`Connector::discover`].
    Discover,
    /// [`Connector::read`] and [`Connector::find`].
    Read,
    /// [`Connector::writer`].
    Writer,
    /// [`Writer::write`], once for all its operations.
    Write,
    /// One operation of a [`Writer::write`].
    Operation,
    /// [`Writer::close`].
    Close,
}

const KINDS: usize = CallKind::Close as usize + 1;

/// One call, as a plan sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What is called.
    pub kind: CallKind,
    /// Its number among the calls of its kind, from 1.
    pub number: u64,
    /// The key that an [`CallKind::Operation`] concerns.
    pub uid: Option<String>,
}

/// Before or after a call's effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nothing has been done yet.
    Before,
    /// It has been done and nobody knows yet.
    After,
}

/// What goes wrong with one call.
pub enum Fault {
    /// The call fails. After its effect: it was done and its answer is lost.
    Fail(Moment, ConnectorError),
    /// The sweep ends here instead of giving its next page. Means nothing for other calls.
    CutShort {
        /// The reason it gives.
        reason: String,
    },
    /// The call stops until the future is ready. Stopped for ever and dropped is how a process dies.
    Stop(Moment, Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// Says for each call what goes wrong with it. Asked once for each call, in their order.
pub type FaultPlan = Arc<dyn Fn(&Call) -> Option<Fault> + Send + Sync>;

/// A plan by which nothing goes wrong.
#[must_use]
pub fn no_faults() -> FaultPlan {
    Arc::new(|_| None)
}

/// Asks the plan and counts. Clones share the counts.
#[derive(Clone)]
pub struct Watch {
    plan: FaultPlan,
    counts: Arc<Mutex<[u64; KINDS]>>,
}

impl Watch {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(plan: FaultPlan) -> Self {
        Self { plan, counts: Arc::default() }
    }

    /// How many calls there were in all. The operations of a [`CallKind::Write`] count, the write itself does
    /// not.
    #[must_use]
    pub fn calls(&self) -> u64 {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().sum::<u64>() - counts[CallKind::Write as usize]
    }

    /// How many calls of one kind there were.
    #[must_use]
    pub fn calls_of(&self, kind: CallKind) -> u64 {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)[kind as usize]
    }

    fn fault(&self, kind: CallKind, uid: Option<&str>) -> Option<Fault> {
        let number = {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            counts[kind as usize] += 1;
            counts[kind as usize]
        };
        (self.plan)(&Call { kind, number, uid: uid.map(str::to_owned) })
    }

    async fn around<T>(
        &self,
        kind: CallKind,
        act: impl Future<Output = Result<T, ConnectorError>>,
    ) -> Result<T, ConnectorError> {
        suffer(self.fault(kind, None), act).await
    }
}

async fn suffer<T>(
    fault: Option<Fault>,
    act: impl Future<Output = Result<T, ConnectorError>>,
) -> Result<T, ConnectorError> {
    match fault {
        None | Some(Fault::CutShort { .. }) => act.await,
        Some(Fault::Fail(Moment::Before, error)) => Err(error),
        Some(Fault::Fail(Moment::After, error)) => act.await.and(Err(error)),
        Some(Fault::Stop(Moment::Before, until)) => {
            until.await;
            act.await
        }
        Some(Fault::Stop(Moment::After, until)) => {
            let answer = act.await;
            until.await;
            answer
        }
    }
}

/// A connector that fails by plan.
pub struct Faulty {
    inner: Box<dyn Connector>,
    watch: Watch,
}

impl Faulty {
    /// Puts the plan around a connector.
    #[must_use]
    pub fn new(inner: Box<dyn Connector>, watch: Watch) -> Self {
        Self { inner, watch }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Connector for Faulty {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn probe(&self, class: &RemoteClass) -> Result<(), ConnectorError> {
        self.watch.around(CallKind::Probe, self.inner.probe(class)).await
    }

    async fn discover(&self, classes: &[RemoteClass]) -> Result<Vec<OfferedClass>, ConnectorError> {
        self.watch.around(CallKind::Discover, self.inner.discover(classes)).await
    }

    async fn sweep(&self, request: SweepRequest) -> Result<Box<dyn Sweep>, ConnectorError> {
        let inner = self.watch.around(CallKind::Sweep, self.inner.sweep(request)).await?;
        Ok(Box::new(FaultySweep { inner, watch: self.watch.clone(), cut_short: None }))
    }

    async fn read(&self, class: &RemoteClass, uids: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        self.watch.around(CallKind::Read, self.inner.read(class, uids)).await
    }

    async fn find(&self, class: &RemoteClass, names: &[String]) -> Result<Vec<Entry>, ConnectorError> {
        self.watch.around(CallKind::Read, self.inner.find(class, names)).await
    }

    async fn writer(&self, class: &RemoteClass) -> Result<Box<dyn Writer>, ConnectorError> {
        let inner = self.watch.around(CallKind::Writer, self.inner.writer(class)).await?;
        Ok(Box::new(FaultyWriter { inner, watch: self.watch.clone() }))
    }
}

struct FaultySweep {
    inner: Box<dyn Sweep>,
    watch: Watch,
    cut_short: Option<SweepEnd>,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Sweep for FaultySweep {
    fn snapshot(&self) -> Option<Snapshot> {
        self.inner.snapshot()
    }

    async fn next(&mut self) -> Result<Step, ConnectorError> {
        if let Some(end) = &self.cut_short {
            return Ok(Step::End(end.clone()));
        }
        match self.watch.fault(CallKind::Page, None) {
            Some(Fault::CutShort { reason }) => {
                let end = SweepEnd::CutShort { reason };
                self.cut_short = Some(end.clone());
                Ok(Step::End(end))
            }
            fault => suffer(fault, self.inner.next()).await,
        }
    }
}

struct FaultyWriter {
    inner: Box<dyn Writer>,
    watch: Watch,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Writer for FaultyWriter {
    async fn write(&mut self, operations: Vec<Operation>) -> Vec<WriteResult> {
        let count = operations.len();
        let Self { inner, watch } = self;
        let fault = watch.fault(CallKind::Write, None);
        match suffer(fault, async { Ok(write_each(inner.as_mut(), watch, operations).await) }).await {
            Ok(outcomes) => outcomes,
            Err(error) => vec![Err(error); count],
        }
    }

    async fn close(self: Box<Self>) -> Result<(), ConnectorError> {
        self.watch.around(CallKind::Close, self.inner.close()).await
    }
}

/// Operations without a fault go on together, those with one alone.
async fn write_each(inner: &mut dyn Writer, watch: &Watch, operations: Vec<Operation>) -> Vec<WriteResult> {
    let mut outcomes = Vec::with_capacity(operations.len());
    let mut sound = Vec::new();
    for operation in operations {
        match watch.fault(CallKind::Operation, Some(operation.uid())) {
            None => sound.push(operation),
            fault => {
                if !sound.is_empty() {
                    outcomes.extend(inner.write(std::mem::take(&mut sound)).await);
                }
                outcomes.push(suffer(fault, write_one(inner, operation)).await);
            }
        }
    }
    if !sound.is_empty() {
        outcomes.extend(inner.write(sound).await);
    }
    outcomes
}

async fn write_one(inner: &mut dyn Writer, operation: Operation) -> WriteResult {
    let uid = operation.uid().to_owned();
    let lost = || ConnectorError::Transient { message: format!("no outcome for `{uid}`"), retry_after: None };
    inner.write(vec![operation]).await.pop().unwrap_or_else(|| Err(lost()))
}

/// A kind whose connectors all fail by one plan and are counted together.
pub struct FaultyKind {
    inner: Box<dyn ConnectorKind>,
    watch: Watch,
}

impl FaultyKind {
    /// Puts the plan around all connectors that the kind opens.
    #[must_use]
    pub fn new(inner: Box<dyn ConnectorKind>, watch: Watch) -> Self {
        Self { inner, watch }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ConnectorKind for FaultyKind {
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

    fn is_address(&self, property: &str) -> bool {
        self.inner.is_address(property)
    }

    fn place(&self, class: &RemoteClass, place: Place) -> String {
        self.inner.place(class, place)
    }

    fn file<'a>(&self, class: &'a RemoteClass) -> Option<&'a str> {
        self.inner.file(class)
    }

    fn capabilities(&self, properties: &Properties) -> Capabilities {
        self.inner.capabilities(properties)
    }

    fn gives_keys(&self, properties: &Properties, class: &RemoteClass) -> bool {
        self.inner.gives_keys(properties, class)
    }

    async fn open(&self, properties: &Properties, host: &Host) -> Result<Box<dyn Connector>, ConnectorError> {
        let inner = self.inner.open(properties, host).await?;
        Ok(Box::new(Faulty::new(inner, self.watch.clone())))
    }

    /// The steps are those of the kind, which knows how it comes to its system. Looking at a class is a
    /// [`CallKind::Probe`] here too.
    async fn test(
        &self,
        properties: &Properties,
        host: &Host,
        classes: &[RemoteClass],
        steps: &mut TestSteps,
    ) {
        for TestedStep { step, mut result } in tested(&*self.inner, properties, host, classes).await {
            match step {
                TestStep::Class(_) => {
                    result = self.watch.around(CallKind::Probe, async { result }).await;
                }
                TestStep::Open
                | TestStep::Address
                | TestStep::Tls
                | TestStep::Credentials
                | TestStep::Capabilities
                | TestStep::Property(_) => {}
            }
            steps.put(TestedStep { step, result });
        }
    }
}
