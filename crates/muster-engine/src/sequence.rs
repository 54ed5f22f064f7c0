//! The order in which the changes of a bucket are written, and whom each of them names when. Computed from the
//! frozen plan alone, so that whoever takes a run up after a crash goes on in the same order.
//!
//! Where a target refuses names of accounts that do not exist, accounts are made level by level, and those that
//! name each other are made without the names and get them in the next wave. What is deleted goes the other way.
//!
//! In memory are the changes of one window at a time; of all others what names of accounts demand of their order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use muster_model::run::Wave;
use muster_plan::key::{KeyHash, Position};
use muster_store::{PageOrder, Slot, Sorting};

use crate::apply_inbound::Exceptions;
use crate::error::EngineError;
use crate::levels::{Levels, Window, windows};
use crate::naming::{NAMES_EACH, makes_account};
use crate::outbound::OutboundRun;
use crate::worker::Work;

/// A change in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// Its place; written once all of lower levels are.
    pub(crate) place: PageOrder,
    /// The change.
    pub(crate) slot: Slot,
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
#[derive(Debug)]
pub(crate) struct Sequence {
    index: usize,
    wave: Wave,
    levels: Levels,
    sorting: Sorting,
    windows: Vec<Window>,
    /// What has been written when the sequence was made.
    done: Option<PageOrder>,
    /// Changes that ended otherwise than planned before the sequence was made.
    ended: HashSet<u32>,
    /// Accounts that the plan was found not to make.
    unmade: HashSet<KeyHash>,
    /// Where accounts were not made; `None` where nobody waits for any.
    failed: Option<HashSet<Position>>,
    /// The window in memory, its changes, and whom they name.
    window: Option<usize>,
    steps: Arc<Vec<Step>>,
    names: HashMap<u32, Vec<KeyHash>>,
}

impl Sequence {
    /// In how many windows its changes come, one after the other.
    pub(crate) fn windows(&self) -> usize {
        self.windows.len()
    }

    /// When a change of the window names this account.
    pub(crate) fn named(&self, change: u32, account: KeyHash, wave: Wave) -> Named {
        let has_failed = || self.failed.as_ref().is_some_and(|failed| failed.contains(&account.position()));
        if self.unmade.contains(&account) {
            return Named::NotYet;
        }
        match wave {
            Wave::Build if self.names_later(change, account) => Named::Later,
            Wave::Build | Wave::Connect | Wave::Withdraw if has_failed() => Named::NotYet,
            Wave::Build | Wave::Connect | Wave::Withdraw => Named::Now,
        }
    }

    /// Whether a change of the window names this account at all, and not another one that is called the same.
    pub(crate) fn names(&self, change: u32, account: KeyHash) -> bool {
        self.names.get(&change).is_some_and(|names| names.contains(&account))
    }

    /// Whether the change waits for others with this name.
    pub(crate) fn names_later(&self, change: u32, account: KeyHash) -> bool {
        self.levels.names_later(change, account)
    }

    /// Notes that a change has not been carried out.
    pub(crate) fn fail(&mut self, slot: &Slot) {
        if let Some(failed) = self.failed.as_mut().filter(|_| makes_account(slot)) {
            failed.insert(slot.position);
        }
    }

    /// The place of a change, if it is one of the wave and is still to be written.
    fn step(&self, slot: Slot) -> Option<Step> {
        let place = PageOrder::of(slot, self.levels.of(slot.change), self.sorting);
        let is_due = match (&self.levels, self.wave) {
            (Levels::Connecting { .. }, _) => self.levels.connects(&slot),
            (Levels::None | Levels::Building { .. } | Levels::Withdrawing { .. }, wave) => slot.wave == wave,
        };
        let is_left = !self.ended.contains(&slot.change) && Some(place) > self.done;
        (is_due && is_left).then_some(Step { place, slot })
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
        let ended = exceptions.iter().filter(|(_, outcome)| outcome.is_some());
        let ended: HashSet<u32> = ended.map(|(change, _)| *change).collect();
        let (levels, failed) = match (class.orders_references(), wave) {
            (false, Wave::Build) if class.hands_names_over() => (self.building(index, class).await?, None),
            (false, _) => (Levels::None, None),
            (true, Wave::Build) => {
                (self.building(index, class).await?, Some(self.not_made(index, &ended).await?))
            }
            (true, Wave::Connect) => {
                (self.connecting(index, class).await?, Some(self.not_made(index, &ended).await?))
            }
            (true, Wave::Withdraw) => (self.withdrawing(index).await?, None),
        };
        let unmade = match class.names_any() {
            true => self.unmade_of(index, exceptions).await?,
            false => HashSet::new(),
        };
        let changes = u64::from(self.buckets[index].next_change);
        let done = self.buckets[index].cursor.as_deref().and_then(PageOrder::read);
        // Who has begun a wave has begun it in an order.
        let usual = if class.gives_keys() { Sorting::ByNumber } else { Sorting::ByKey };
        let sorting = done.map_or(usual, PageOrder::sorting);
        let at_once = self.engine.settings.ordered_at_once;
        Ok(Sequence {
            index,
            wave,
            windows: windows(sorting, &levels.counts(), (changes, at_once)),
            levels,
            sorting,
            done,
            ended,
            unmade,
            failed,
            window: None,
            steps: Arc::default(),
            names: HashMap::new(),
        })
    }

    /// Takes the changes of a window into memory; answers them in their order.
    pub(crate) async fn steps(
        &self,
        sequence: &mut Sequence,
        window: usize,
    ) -> Result<Arc<Vec<Step>>, EngineError> {
        if sequence.window == Some(window) {
            return Ok(sequence.steps.clone());
        }
        let holds = sequence.windows[window].clone();
        let step = |slot: &Slot| sequence.step(*slot).filter(|step| holds.holds(step));
        let staged = self.staged(sequence.index, |slot| step(slot).is_some()).await?;
        let mut steps: Vec<Step> = staged.slots.iter().filter_map(step).collect();
        steps.sort_unstable_by_key(|step| step.place);
        sequence.names = staged.names;
        sequence.names.retain(|change, _| sequence.levels.minds_names_of(*change));
        (sequence.window, sequence.steps) = (Some(window), Arc::new(steps));
        Ok(sequence.steps.clone())
    }

    /// Stores in which levels the changes of a bucket are written, so that it can be told of each whether it has been.
    pub(crate) async fn store_levels(&self, index: usize, task: &OutboundRun) -> Result<(), EngineError> {
        let class = &task.classes[index];
        let mut all = Vec::new();
        if class.orders_references() || class.hands_names_over() {
            all.push(self.building(index, class).await?);
        }
        if class.orders_references() {
            all.push(self.withdrawing(index).await?);
        }
        for levels in all {
            if !levels.above_first().is_empty() {
                self.store
                    .set_levels(&self.run, &self.buckets[index], levels.above_first(), self.now())
                    .await?;
            }
        }
        Ok(())
    }

    /// Of the accounts that are named by changes with a warning of CHECK those that it was about.
    async fn unmade_of(
        &self,
        index: usize,
        exceptions: &Exceptions,
    ) -> Result<HashSet<KeyHash>, EngineError> {
        let warned: HashSet<u32> =
            exceptions.iter().filter(|(_, outcome)| outcome.is_none()).map(|(change, _)| *change).collect();
        let mut unmade = HashSet::new();
        if warned.is_empty() {
            return Ok(unmade);
        }
        let application = &self.buckets[index].application;
        let left_out = self.store.left_out(&self.run).await?;
        let is_warned = |slot: &Slot| slot.wave == Wave::Build && warned.contains(&slot.change);
        for part in self.parts_of(index, NAMES_EACH) {
            let naming = self.naming(index, part, is_warned).await?;
            let named = naming.into_iter().map(|mention| mention.hash).collect();
            unmade.extend(self.unmade(application, part, named, &left_out).await?);
        }
        Ok(unmade)
    }

    /// Where accounts of an application were to be made and were not.
    async fn not_made(&self, index: usize, ended: &HashSet<u32>) -> Result<HashSet<Position>, EngineError> {
        let mut not_made = HashSet::new();
        if ended.is_empty() {
            return Ok(not_made);
        }
        let application = &self.buckets[index].application;
        for other in (0..self.buckets.len()).filter(|other| self.buckets[*other].application == *application)
        {
            self.each_lists(other, |lists| {
                let failed = lists.slots.iter().filter(|slot| makes_account(slot));
                let failed = failed.filter(|slot| ended.contains(&slot.change));
                not_made.extend(failed.map(|slot| slot.position));
            })
            .await?;
        }
        Ok(not_made)
    }
}
