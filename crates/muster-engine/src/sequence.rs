//! The order in which the changes of a bucket are written, and whom each of them names when. Computed from the
//! frozen plan alone, so that whoever takes a run up after a crash goes on in the same order.
//!
//! Where a target refuses names of accounts that do not exist, accounts are made level by level, and those that
//! name each other are made without the names and get them in the next wave. What is deleted goes the other way.

use std::collections::{HashMap, HashSet};

use muster_model::run::Wave;
use muster_plan::change::Action;
use muster_plan::key::{KeyHash, Position};
use muster_plan::order::{Edge, order};
use muster_store::{PageOrder, Slot};

use crate::apply_inbound::Exceptions;
use crate::error::EngineError;
use crate::naming::{Makers, Staged};
use crate::outbound::OutboundRun;
use crate::worker::Work;

/// A change in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// Written once all lower levels are.
    pub(crate) level: u32,
    /// The change.
    pub(crate) slot: Slot,
}

impl Step {
    pub(crate) fn place(&self) -> PageOrder {
        PageOrder::of(self.slot, self.level)
    }
}

/// When an account is named by a change, the latest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Named {
    /// As the change says.
    Now,
    /// Once everybody has been made.
    Later,
    /// By another run: it will not be there in this one.
    NotYet,
}

/// The changes of a bucket for a wave in their order.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    pub(crate) steps: Vec<Step>,
    /// Whom changes name.
    names: HashMap<u32, Vec<KeyHash>>,
    /// Whom changes name once everybody has been made.
    later: HashMap<u32, Vec<KeyHash>>,
    /// Accounts that the plan was found not to make.
    unmade: HashSet<KeyHash>,
    /// Who makes the accounts that have to exist.
    makers: Makers,
    /// Changes that ended otherwise than planned.
    failed: HashSet<u32>,
}

impl Sequence {
    /// When the change names this account.
    pub(crate) fn named(&self, change: u32, account: KeyHash, wave: Wave) -> Named {
        let has_failed = || self.makers.of(account).iter().any(|maker| self.failed.contains(&maker.change));
        if self.unmade.contains(&account) {
            return Named::NotYet;
        }
        match wave {
            Wave::Build if self.names_later(change, account) => Named::Later,
            Wave::Build | Wave::Connect | Wave::Withdraw if has_failed() => Named::NotYet,
            Wave::Build | Wave::Connect | Wave::Withdraw => Named::Now,
        }
    }

    /// Whether the change names this account at all, and not another one that is called the same.
    pub(crate) fn names(&self, change: u32, account: KeyHash) -> bool {
        self.names.get(&change).is_some_and(|names| names.contains(&account))
    }

    /// Whether the change waits for others with this name.
    pub(crate) fn names_later(&self, change: u32, account: KeyHash) -> bool {
        self.later.get(&change).is_some_and(|later| later.contains(&account))
    }

    /// Notes that a change has not been carried out.
    pub(crate) fn fail(&mut self, change: u32) {
        self.failed.insert(change);
    }
}

impl Work {
    /// What is still to be written of a wave.
    pub(crate) async fn sequence(
        &self,
        index: usize,
        task: &OutboundRun,
        wave: Wave,
        exceptions: &Exceptions,
    ) -> Result<Sequence, EngineError> {
        let class = &task.classes[index];
        let mut sequence = match (class.names_any(), class.references_must_exist, wave) {
            (true, true, Wave::Build) => self.build(index).await?,
            (true, true, Wave::Connect) => self.connect(index).await?,
            (true, true, Wave::Withdraw) => {
                let staged = self.staged(index, wave).await?;
                let (levels, _) = withdrawn(&staged);
                Sequence { steps: steps(&staged.slots, &levels), ..Sequence::default() }
            }
            (false, ..) | (_, false, _) => {
                let Staged { slots, names } = self.staged(index, wave).await?;
                Sequence { steps: steps(&slots, &HashMap::new()), names, ..Sequence::default() }
            }
        };
        if class.names_any() {
            sequence.unmade = self.unmade_of(index, exceptions).await?;
        }
        let ended = exceptions.iter().filter(|(_, outcome)| outcome.is_some());
        sequence.failed = ended.map(|(change, _)| *change).collect();
        let done = self.buckets[index].cursor.as_deref().and_then(PageOrder::read);
        let Sequence { steps, failed, .. } = &mut sequence;
        steps.retain(|step| !failed.contains(&step.slot.change) && Some(step.place()) > done);
        steps.sort_unstable_by_key(Step::place);
        Ok(sequence)
    }

    /// Stores in which levels the changes of a bucket are written, so that it can be told of each whether it has been.
    pub(crate) async fn store_levels(&self, index: usize, task: &OutboundRun) -> Result<(), EngineError> {
        let class = &task.classes[index];
        if !(class.names_any() && class.references_must_exist) {
            return Ok(());
        }
        let staged = self.staged(index, Wave::Withdraw).await?;
        let (levels, _) = withdrawn(&staged);
        let withdrawing = steps(&staged.slots, &levels);
        let steps = self.build(index).await?.steps.into_iter().chain(withdrawing);
        let levels: Vec<(u32, u32)> =
            steps.filter(|step| step.level > 0).map(|step| (step.slot.change, step.level)).collect();
        if levels.is_empty() {
            return Ok(());
        }
        Ok(self.store.set_levels(&self.run, &self.buckets[index], &levels).await?)
    }

    /// Of the accounts that are named by changes with a warning of CHECK those that it was about.
    async fn unmade_of(
        &self,
        index: usize,
        exceptions: &Exceptions,
    ) -> Result<HashSet<KeyHash>, EngineError> {
        let warned: HashSet<u32> =
            exceptions.iter().filter(|(_, outcome)| outcome.is_none()).map(|(change, _)| *change).collect();
        if warned.is_empty() {
            return Ok(HashSet::new());
        }
        let application = &self.buckets[index].application;
        let names = self.staged(index, Wave::Build).await?.names.into_iter();
        let named = names.filter(|(change, _)| warned.contains(change)).flat_map(|(_, named)| named);
        let named: Vec<KeyHash> = named.collect();
        let makers = self.makers(application).await?;
        self.unmade(application, &makers, named).await
    }

    async fn build(&self, index: usize) -> Result<Sequence, EngineError> {
        let staged = self.staged(index, Wave::Build).await?;
        let makers = self.makers(&self.buckets[index].application).await?;
        let (levels, later) = built(index, &staged, &makers);
        let steps = steps(&staged.slots, &levels);
        Ok(Sequence { steps, names: staged.names, later, makers, ..Sequence::default() })
    }

    /// What is left for the time when everybody has been made: accounts that get the names they were made without,
    /// and those that are about to be deleted and still name each other.
    async fn connect(&self, index: usize) -> Result<Sequence, EngineError> {
        let mut building = self.build(index).await?;
        building.steps.retain(|step| building.later.contains_key(&step.slot.change));
        let staged = self.staged(index, Wave::Withdraw).await?;
        let (_, entangled) = withdrawn(&staged);
        let slots: Vec<Slot> =
            staged.slots.into_iter().filter(|slot| entangled.contains(&slot.change)).collect();
        building.steps.extend(steps(&slots, &HashMap::new()));
        building.steps.iter_mut().for_each(|step| step.level = 0);
        Ok(building)
    }
}

fn steps(slots: &[Slot], levels: &HashMap<u32, u32>) -> Vec<Step> {
    let level = |slot: &Slot| levels.get(&slot.change).copied().unwrap_or(0);
    slots.iter().map(|slot| Step { level: level(slot), slot: *slot }).collect()
}

/// The levels in which accounts are made and changed, and whom they name later: members of their own cycle, and
/// accounts that a later bucket makes.
fn built(index: usize, staged: &Staged, makers: &Makers) -> (HashMap<u32, u32>, HashMap<u32, Vec<KeyHash>>) {
    let mut later: HashMap<u32, Vec<KeyHash>> = HashMap::new();
    let mut pairs = Vec::new();
    let mut keys = Vec::new();
    for (change, named) in &staged.names {
        for key in named {
            for maker in makers.of(*key) {
                match maker.index.cmp(&index) {
                    std::cmp::Ordering::Less => {}
                    std::cmp::Ordering::Equal => {
                        pairs.push((*change, maker.change));
                        keys.push(*key);
                    }
                    std::cmp::Ordering::Greater => later.entry(*change).or_default().push(*key),
                }
            }
        }
    }
    let (levels, deferred) = arrange(&pairs);
    for place in deferred {
        later.entry(pairs[place].0).or_default().push(keys[place]);
    }
    (levels, later)
}

/// The levels in which accounts are deleted, those who name others first, and the deletes of accounts that name
/// each other.
fn withdrawn(staged: &Staged) -> (HashMap<u32, u32>, HashSet<u32>) {
    let deletes = || staged.slots.iter().filter(|slot| slot.action == Action::Delete);
    let mut of_place: Vec<(Position, u32)> = deletes().map(|slot| (slot.position, slot.change)).collect();
    of_place.sort_unstable();
    let mut pairs = Vec::new();
    for slot in deletes() {
        for key in staged.names.get(&slot.change).into_iter().flatten() {
            let first = of_place.partition_point(|(position, _)| *position < key.position());
            let named = of_place[first..].iter().take_while(|(position, _)| *position == key.position());
            // An account that names itself is in nobody's way.
            let others = named.filter(|(_, change)| *change != slot.change);
            pairs.extend(others.map(|(_, change)| (*change, slot.change)));
        }
    }
    let (levels, deferred) = arrange(&pairs);
    (levels, deferred.into_iter().map(|place| pairs[place].1).collect())
}

/// Orders changes by who waits for whom; answers the level of each that is named, and the places of the pairs
/// that belong to cycles.
fn arrange(pairs: &[(u32, u32)]) -> (HashMap<u32, u32>, Vec<usize>) {
    let mut nodes: Vec<u32> = pairs.iter().flat_map(|(from, to)| [*from, *to]).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let node = |change: u32| {
        let place = nodes.partition_point(|known| *known < change);
        u32::try_from(place).unwrap_or(u32::MAX)
    };
    let edges: Vec<Edge> = pairs.iter().map(|(from, to)| Edge { from: node(*from), to: node(*to) }).collect();
    let order = order(nodes.len(), &edges);
    (nodes.into_iter().zip(order.levels).collect(), order.deferred)
}
