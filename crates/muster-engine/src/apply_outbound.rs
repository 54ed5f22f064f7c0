//! Carrying a plan out at a target: staged changes become operations, and what became of them is stored.

use std::collections::{HashMap, HashSet, VecDeque};

use muster_connector::{
    Account, Connector, ConnectorError, Durable, Operation, RemoteClass, WriteResult, Writer,
};
use muster_model::ApplicationId;
use muster_model::error::ErrorCode;
use muster_model::run::Wave;
use muster_plan::change::Action;
use muster_plan::key::{KeyHash, Position};
use muster_store::{ChangeRow, GivenKey, ProblemRow, ProblemStep, Slot, step_of};
use tracing::Instrument as _;

use crate::answers::{Answered, Unstored};
use crate::apply_inbound::Exceptions;
use crate::batches::{BatchSize, Batches};
use crate::error::EngineError;
use crate::lease::Lease;
use crate::naming::makes_account;
use crate::operation::{Asked, asked_of};
use crate::outbound::OutboundRun;
use crate::parking::{Ask, Refusal};
use crate::read_back::{Found, is_there};
use crate::remote::remote_class;
use crate::sequence::{Sequence, Step};
use crate::worker::{Spawned, Work};

/// What a batch writes, read ahead while the one before it is written: the changes are those of the frozen plan.
#[derive(Default)]
struct Planned {
    rows: HashMap<u32, ChangeRow>,
    /// What accounts were called when they were last brought up to date, by the numbers of their changes.
    names: HashMap<u32, String>,
}

/// How far the changes of a wave have been written.
#[derive(Default)]
struct Writing<'a> {
    way: Option<Way<'a>>,
    /// The last batch, where what is answered counts at once.
    unstored: Vec<Unstored>,
    /// What came of all batches, where it counts at the end alone.
    promised: VecDeque<Answered>,
}

/// One wave of one bucket.
#[derive(Clone, Copy)]
pub(crate) struct BucketWave<'a> {
    pub(crate) index: usize,
    pub(crate) task: &'a OutboundRun,
    pub(crate) wave: Wave,
}

/// The way of its changes to the target.
pub(crate) struct Way<'a> {
    pub(crate) of: BucketWave<'a>,
    pub(crate) remote: RemoteClass,
    pub(crate) connector: Box<dyn Connector>,
    writer: Option<Box<dyn Writer>>,
    batch_size: BatchSize,
    /// Whether the system was left alone as a whole when the last batch had been written.
    is_left_alone: bool,
    /// Whether any of its accounts was parked when the wave began.
    any_parked: bool,
    /// Where accounts of nobody stand that belong to whom they are made for, whatever they hold.
    pub(crate) adopted: HashSet<Position>,
}

impl Way<'_> {
    fn application(&self) -> &ApplicationId {
        &self.of.task.classes[self.of.index].application.id
    }

    fn gives_keys(&self) -> bool {
        self.of.task.classes[self.of.index].gives_keys()
    }

    /// That the target has given an account a key of its own.
    fn given(&self, row: &ChangeRow, uid: String) -> GivenKey {
        let key = self.of.task.classes[self.of.index].decisions.account_key(&uid);
        GivenKey { change: row.number, uid, key }
    }

    /// Sends operations, if the run may still write by then: reading what to send and opening the writer take time.
    async fn write(
        &mut self,
        operations: Vec<Operation>,
        lease: &Lease,
    ) -> Result<Vec<WriteResult>, EngineError> {
        if operations.is_empty() {
            return Ok(Vec::new());
        }
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                let opened = self.connector.writer(&self.remote).await;
                opened.map_err(Work::connector_error(self.application()))?
            }
        };
        lease.may_write().await?;
        // On a task of its own: the target waits for nothing that is read or stored beside it.
        let write = async move { (writer.write(operations).await, writer) };
        let mut writing = Spawned(tokio::spawn(write.in_current_span()));
        let (results, writer) = (&mut writing.0).await?;
        self.writer = Some(writer);
        Ok(results)
    }
}

impl Work {
    pub(crate) async fn carry_out_wave(
        &mut self,
        index: usize,
        task: &OutboundRun,
        wave: Wave,
        exceptions: &Exceptions,
    ) -> Result<(), EngineError> {
        let step = step_of(wave);
        if self.buckets[index].step == step {
            let sequence = self.sequence(index, task, wave, exceptions).await?;
            self.write_changes(BucketWave { index, task, wave }, sequence, exceptions).await?;
        }
        let now = self.now();
        let bucket = &mut self.buckets[index];
        (bucket.step, bucket.cursor) = (step + 1, None);
        Ok(self.store.checkpoint(&self.run, bucket, now).await?)
    }

    async fn write_changes(
        &mut self,
        of: BucketWave<'_>,
        mut sequence: Sequence,
        exceptions: &Exceptions,
    ) -> Result<(), EngineError> {
        let mut state = Writing::default();
        let written = Box::pin(self.write_windows(of, (&mut sequence, exceptions), &mut state)).await;
        // Whatever has ended it: what has been answered is stored.
        self.store_answers(of, state.unstored).await?;
        written?;
        let Some(mut way) = state.way else { return Ok(()) };
        if let Some(writer) = way.writer.take() {
            // A session that counts at its end must not end for a worker that has lost the run.
            self.store.checkpoint(&self.run, &self.buckets[of.index], self.now()).await?;
            writer.close().await.map_err(Self::connector_error(way.application()))?;
            self.written.insert(way.application().clone());
        }
        // Only what went otherwise than planned has been kept until now; the changes are read again.
        for window in 0..sequence.windows() {
            if state.promised.is_empty() {
                return Ok(());
            }
            let steps = self.steps(&mut sequence, window).await?;
            let mut batches = Batches::of(&steps);
            while !batches.is_empty() {
                let steps = batches.next(self.engine.settings.batch_size);
                let unstored = self.unstored(of, steps, state.promised.pop_front().unwrap_or_default());
                self.store_answers(of, unstored).await?;
            }
        }
        Ok(())
    }

    /// Writes batch after batch. While the target answers one, what it answered to the one before is stored: a crash
    /// leaves up to two of which nothing is stored, and both are met again.
    async fn write_windows<'a>(
        &mut self,
        of: BucketWave<'a>,
        (sequence, exceptions): (&mut Sequence, &Exceptions),
        state: &mut Writing<'a>,
    ) -> Result<(), EngineError> {
        for window in 0..sequence.windows() {
            let steps = self.steps(sequence, window).await?;
            if steps.is_empty() {
                continue;
            }
            let way = match &mut state.way {
                Some(way) => way,
                None => state.way.insert(self.way(of, exceptions).await?),
            };
            let durable = way.connector.capabilities().durable;
            let mut batches = Batches::of(&steps);
            let mut steps = batches.next(way.batch_size.now());
            let mut planned = self.planned(of, steps).await?;
            while !steps.is_empty() {
                self.may_go_on()?;
                if !state.unstored.is_empty() {
                    // Storing would tell whether the run was cancelled meanwhile, but not before more is written.
                    self.store.expect_held(&self.run).await?;
                }
                let following = batches.next(way.batch_size.now());
                let (batch, stored, ahead) = tokio::join!(
                    self.write_batch(way, (steps, planned), sequence, exceptions),
                    self.store_answers(of, std::mem::take(&mut state.unstored)),
                    self.planned(of, following)
                );
                stored?;
                let batch = batch?;
                let ended = batch.ended();
                let failed = steps.iter().filter(|step| ended.contains(&step.slot.change));
                failed.for_each(|step| sequence.fail(&step.slot));
                match durable {
                    Durable::EachCall => state.unstored = self.unstored(of, steps, batch),
                    Durable::AtClose => state.promised.push_back(batch),
                }
                (steps, planned) = (following, ahead?);
            }
        }
        Ok(())
    }

    /// What a batch writes, as it was planned.
    async fn planned(&self, of: BucketWave<'_>, steps: &[Step]) -> Result<Planned, EngineError> {
        if steps.is_empty() {
            return Ok(Planned::default());
        }
        let numbers: Vec<u32> = steps.iter().map(|step| step.slot.change).collect();
        let rows = self.store.changes_of(&self.run, &numbers).await?;
        let class = &of.task.classes[of.index];
        let known = steps.iter().filter(|step| !makes_account(&step.slot)).map(|step| step.slot.change);
        let known: Vec<u32> = known.collect();
        let names = match &class.decisions.abilities.name {
            Some(name) => self.store.remembered_names(&self.run, &class.application.id, &known, name).await?,
            None => HashMap::new(),
        };
        Ok(Planned { rows: rows.into_iter().map(|row| (row.number, row)).collect(), names })
    }

    async fn way<'a>(&self, of: BucketWave<'a>, exceptions: &Exceptions) -> Result<Way<'a>, EngineError> {
        let class = &of.task.classes[of.index];
        let configuration = &self.configuration.resources;
        let opened = self.engine.open_connector(&self.store, configuration, &class.application).await;
        let connector = opened.map_err(Self::connector_error(&class.application.id))?;
        let remote = remote_class(&class.application, &class.class);
        let adopted = self.adopted_by(of, exceptions).await?;
        let any_parked = self.store.any_parked(&class.application.id).await?;
        let most = self.engine.settings.batch_size;
        let batch_size = match connector.capabilities().durable {
            Durable::EachCall => BatchSize::first(most),
            // They are gone through once more, in the same batches.
            Durable::AtClose => BatchSize::fixed(most),
        };
        Ok(Way { of, remote, connector, writer: None, batch_size, is_left_alone: false, any_parked, adopted })
    }

    /// Where CHECK has left out to withdraw accounts, since they are made for somebody.
    async fn adopted_by(
        &self,
        of: BucketWave<'_>,
        exceptions: &Exceptions,
    ) -> Result<HashSet<Position>, EngineError> {
        let is_left_out = |slot: &Slot| exceptions.get(&slot.change).is_some_and(Option::is_some);
        let mut adopted = HashSet::new();
        if of.wave != Wave::Build || exceptions.is_empty() {
            return Ok(adopted);
        }
        self.each_lists(of.index, |lists| {
            let withdrawn =
                lists.slots.iter().filter(|slot| slot.wave == Wave::Withdraw && is_left_out(slot));
            adopted.extend(withdrawn.map(|slot| slot.position));
        })
        .await?;
        Ok(adopted)
    }

    async fn write_batch(
        &self,
        way: &mut Way<'_>,
        (steps, planned): (&[Step], Planned),
        sequence: &Sequence,
        exceptions: &Exceptions,
    ) -> Result<Answered, EngineError> {
        let Planned { mut rows, mut names } = planned;
        let numbers: Vec<u32> = steps.iter().map(|step| step.slot.change).collect();
        let stale = match way.of.wave {
            Wave::Build | Wave::Withdraw => self.store.stale(&self.run, &numbers).await?,
            // These have been carried out in part; what is left of them belongs to it.
            Wave::Connect => Vec::new(),
        };
        let decisions = &way.of.task.classes[way.of.index].decisions;
        let mut answered = Answered::default();
        answered.problems.extend(stale.iter().map(|number| ProblemRow::stale(*number)));
        let mut asks = Vec::new();
        let mut operations = Vec::new();
        let live = numbers.iter().filter(|number| !stale.contains(number));
        for row in live.filter_map(|number| rows.remove(number)) {
            let Asked { row, operation, waits, lacks } =
                asked_of(row, (way.of.task, way.of.index), sequence, way.of.wave);
            if waits || lacks {
                answered.unsettled.insert(row.number);
            }
            // What CHECK has warned of needs no second warning.
            if lacks && !exceptions.contains_key(&row.number) {
                answered.problems.push(open_problem(&row));
            }
            if let Some(operation) = operation {
                let operation = operation.known_as(names.remove(&row.number));
                let key = decisions.account_key(&row.uid);
                asks.push(Ask::new(row, key, (&self.run.rules, way.of.wave, &operation)));
                operations.push(operation);
            }
        }
        if way.any_parked {
            (asks, operations) = self.without_parked((asks, operations), &mut answered.problems).await?;
        }
        let (written, begun) = (operations.len(), self.now());
        let outcomes = way.write(operations, &self.lease).await?;
        way.batch_size.learn(written, self.now() - begun);
        let definition = &way.of.task.classes[way.of.index].application.connector_definition_id;
        way.is_left_alone = self.engine.paces.is_left_alone(self.store.slug(), definition);
        let read = way.read_back(&asks, &outcomes).await;
        for (ask, outcome) in asks.iter().zip(outcomes) {
            self.note_answer(way, (ask, outcome), &read, &mut answered);
        }
        Ok(answered)
    }

    /// Leaves out what a target has refused before and what there is no point yet in asking again. Who asks for single
    /// accounts wants to know how they are.
    async fn without_parked(
        &self,
        (mut asks, operations): (Vec<Ask>, Vec<Operation>),
        problems: &mut Vec<ProblemRow>,
    ) -> Result<(Vec<Ask>, Vec<Operation>), EngineError> {
        let keys: Vec<KeyHash> = asks.iter().map(|ask| ask.key).collect();
        let mut parked = self.store.parked_of(&keys).await?;
        asks.iter_mut().for_each(|ask| ask.parked = parked.remove(&ask.key));
        if self.run.keys.is_some() || asks.iter().all(|ask| ask.parked.is_none()) {
            return Ok((asks, operations));
        }
        let now = self.now();
        let is_asked = |(ask, _): &(Ask, Operation)| match ask.left_alone(now) {
            Some(problem) => {
                problems.push(problem);
                false
            }
            None => true,
        };
        Ok(asks.into_iter().zip(operations).filter(is_asked).unzip())
    }

    /// Notes what a target has answered.
    fn note_answer(
        &self,
        way: &Way<'_>,
        (ask, outcome): (&Ask, WriteResult),
        read: &Result<HashMap<String, Account>, ConnectorError>,
        answered: &mut Answered,
    ) {
        let refusal = match outcome {
            Err(_) if may_be_refused(way.of.wave, &ask.row) => return,
            Ok(written) => answered.give(written.given_uid.map(|uid| way.given(&ask.row, uid))),
            Err(error) => match way.found((&ask.row, &error), read) {
                found @ (Found::Whole | Found::Unfinished) => {
                    let account = read.as_ref().ok().and_then(|accounts| accounts.get(&ask.row.uid));
                    let given = account.filter(|account| account.uid != ask.row.uid);
                    let refusal =
                        answered.give(given.map(|account| way.given(&ask.row, account.uid.clone())));
                    if refusal.is_none() && found == Found::Unfinished {
                        answered.unsettled.insert(ask.row.number);
                        return;
                    }
                    refusal
                }
                Found::Other => {
                    // The sweep has not met the account that it had, and the name is somebody else's: the next run
                    // may link that one.
                    let is_renewed =
                        way.gives_keys() && ask.row.shadow.is_some() && is_there(&ask.row, &error);
                    answered.gone.extend(is_renewed.then_some(ask.row.number));
                    Some(Refusal::of(&error))
                }
                Found::Unread(unread) => Some(Refusal::unread(&error, &unread)),
            },
        };
        match refusal {
            Some(refusal) => {
                answered.problems.push(refusal.problem(&ask.row));
                if !(way.is_left_alone && refusal.may_pass()) {
                    let parked = ask.refused(&refusal, self.now());
                    answered.parked.extend(parked.map(|parked| (ask.row.number, parked)));
                }
            }
            // What waits for a later wave may be refused there.
            None if ask.parked.is_some() && !answered.unsettled.contains(&ask.row.number) => {
                answered.released.push((ask.row.number, ask.key));
            }
            None => {}
        }
    }
}

/// Whether it is the delete after it that tells of a refusal.
fn may_be_refused(wave: Wave, row: &ChangeRow) -> bool {
    wave == Wave::Connect && row.action == Action::Delete
}

fn open_problem(row: &ChangeRow) -> ProblemRow {
    ProblemRow {
        change: Some(row.number),
        outcome: None,
        step: ProblemStep::Apply,
        code: ErrorCode::ReferenceOpen,
        uid: Some(row.uid.clone()),
        place: row.place,
        message: "it refers to an account that could not be made; the reference stays pending".to_owned(),
        class: None,
    }
}
