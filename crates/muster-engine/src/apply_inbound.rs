//! Applying: staged changes in the order of their account keys, wave by wave, each batch checkpointed.

use std::collections::{HashMap, HashSet};

use muster_model::run::{Outcome, Wave};
use muster_plan::key::KeySpecs;
use muster_plan::lifecycle::Event;
use muster_store::{Batch, KeyEntry, Lists, Makes, Mention, PageOrder, Slot, Sorting, Target, step_of};

use crate::error::EngineError;
use crate::parts::in_part;
use crate::worker::{Done, Task, Work};

/// How a change ends otherwise than planned.
pub(crate) type Exceptions = HashMap<u32, Option<Outcome>>;

impl Work {
    pub(crate) async fn apply(&mut self, wave: Wave) -> Result<Done, EngineError> {
        if self.run.is_brief()
            && wave.next().is_some()
            && (0..self.buckets.len()).all(|index| self.is_empty(index, wave))
        {
            return Ok(Event::WaveApplied.into());
        }
        let exceptions: Exceptions = self.exceptions().await?.into_iter().collect();
        if wave == Wave::Build {
            let is_reported = |outcome: &Option<Outcome>| *outcome == Some(Outcome::Reported);
            let any_checked = exceptions.values().any(is_reported);
            for index in 0..self.buckets.len() {
                self.write_disputes(index).await?;
                if any_checked {
                    self.write_checked_disputes(index).await?;
                }
            }
        }
        for index in 0..self.buckets.len() {
            // Where it stands tells what has been carried out.
            if self.buckets[index].left_out.is_some() {
                continue;
            }
            let step = step_of(wave);
            match self.buckets[index].step {
                at if at < step => (self.buckets[index].step, self.buckets[index].cursor) = (step, None),
                _ => {}
            }
            match self.task.clone() {
                Task::Inbound(task) => {
                    let writes = (&task.target, &*task.decisions.keys);
                    self.apply_wave(index, writes, wave, &exceptions).await?;
                }
                Task::Cleanup(task) => {
                    let writes = (&task.target, &task.task.decisions.keys);
                    self.apply_wave(index, writes, wave, &exceptions).await?;
                }
                Task::Outbound(task) => {
                    if let Err(error) = self.carry_out_wave(index, &task, wave, &exceptions).await {
                        self.go_on_without(error).await?;
                    }
                }
            }
        }
        if wave.next().is_none() {
            for index in 0..self.buckets.len() {
                self.drop_disputes(index).await?;
                self.drop_parked(index).await?;
            }
        }
        Ok(Event::WaveApplied.into())
    }

    async fn apply_wave(
        &mut self,
        index: usize,
        writes: (&Target, &KeySpecs),
        wave: Wave,
        exceptions: &Exceptions,
    ) -> Result<(), EngineError> {
        let step = step_of(wave);
        if self.buckets[index].step == step && !self.is_empty(index, wave) {
            // Keys come before their objects and go after them: a key that points at nothing finds nobody, but
            // an object without its keys would be made twice, should the run end here.
            if self.buckets[index].cursor.is_none() {
                self.add_keys(index, wave, exceptions).await?;
            }
            let mut left = exceptions.clone();
            for part in 0..self.parts(index) {
                let slots = self.slots(index, wave, part).await?;
                let mut looked_for = None;
                let mut slots = &slots[..];
                while let Some(slots) = self.next_batch(&mut slots) {
                    self.may_go_on()?;
                    let makes = |slot: &Slot| slot.makes == Makes::ShadowAndObject;
                    if looked_for.is_none()
                        && slots.iter().any(makes)
                        && self.store.has_rivals(&self.run).await?
                    {
                        looked_for = Some(self.looked_for(index, part).await?);
                    }
                    let looked_for = looked_for.as_deref().unwrap_or_default();
                    let stale = self.apply_batch(index, writes, (slots, looked_for), exceptions).await?;
                    self.except(&stale);
                    left.extend(stale.into_iter().map(|change| (change, Some(Outcome::Stale))));
                }
            }
            self.remove_keys(index, wave, &left).await?;
        }
        let (now, is_brief) = (self.now(), self.run.is_brief());
        let bucket = &mut self.buckets[index];
        (bucket.step, bucket.cursor) = (step + 1, None);
        // How far the one change of a brief run has come stands with it.
        if is_brief {
            return Ok(());
        }
        Ok(self.store.checkpoint(&self.run, bucket, now).await?)
    }

    async fn apply_batch(
        &mut self,
        index: usize,
        (target, keys): (&Target, &KeySpecs),
        (slots, looked_for): (&[Slot], &[Mention]),
        exceptions: &Exceptions,
    ) -> Result<Vec<u32>, EngineError> {
        let mut batch = Batch::default();
        for slot in slots {
            match exceptions.get(&slot.change) {
                Some(Some(_)) => continue,
                Some(None) => batch.undigested.push(slot.change),
                None => {}
            }
            if slot.makes != Makes::ShadowAndObject && !batch.actions.contains(&slot.action) {
                batch.actions.push(slot.action);
            }
            match slot.makes {
                Makes::ShadowAndObject => batch.creates.push(slot.change),
                Makes::Shadow => batch.links.push(slot.change),
                Makes::Object => batch.objects.push(slot.change),
                Makes::Nothing => batch.others.push(slot.change),
                Makes::NewKey => {
                    batch.others.push(slot.change);
                    batch.rekeyed.push(slot.change);
                }
            }
        }
        batch.contested = mentioned(looked_for, &batch.creates);
        let bucket = &mut self.buckets[index];
        bucket.cursor = slots.last().map(|slot| PageOrder::of(*slot, 0, Sorting::ByKey).cursor());
        let now = self.engine.surroundings.now();
        Ok(self.store.apply_inbound(&self.run, bucket, target, (&batch, keys), now).await?)
    }

    async fn add_keys(
        &mut self,
        index: usize,
        wave: Wave,
        exceptions: &Exceptions,
    ) -> Result<(), EngineError> {
        for part in 0..self.parts(index) {
            let due =
                |slot: &Slot| slot.wave == wave && !matches!(exceptions.get(&slot.change), Some(Some(_)));
            let added = self.keys(index, part, |lists| &lists.keys_added, due).await?;
            self.write_keys(index, &[], &added).await?;
        }
        Ok(())
    }

    async fn remove_keys(
        &mut self,
        index: usize,
        wave: Wave,
        exceptions: &Exceptions,
    ) -> Result<(), EngineError> {
        let stale = |slot: &Slot| {
            slot.wave == wave
                && slot.makes == Makes::ShadowAndObject
                && exceptions.get(&slot.change) == Some(&Some(Outcome::Stale))
        };
        let any_stale = exceptions.values().any(|outcome| *outcome == Some(Outcome::Stale));
        for part in 0..self.parts(index) {
            let due =
                |slot: &Slot| slot.wave == wave && !matches!(exceptions.get(&slot.change), Some(Some(_)));
            let mut removed = self.keys(index, part, |lists| &lists.keys_removed, due).await?;
            if any_stale {
                // An object that was not made needs no keys.
                removed.extend(self.keys(index, part, |lists| &lists.keys_added, stale).await?);
                removed.sort_unstable();
            }
            self.write_keys(index, &removed, &[]).await?;
        }
        Ok(())
    }

    /// Keys of one part of all places of the changes that are due, in their own order: in the order of accounts
    /// they would hit the index at random.
    async fn keys(
        &self,
        index: usize,
        part: u64,
        of: fn(&Lists) -> &[KeyEntry],
        due: impl Fn(&Slot) -> bool,
    ) -> Result<Vec<KeyEntry>, EngineError> {
        let parts = self.parts(index);
        let mut keys = Vec::new();
        let mut changes: HashSet<u32> = HashSet::new();
        let mut after = 0;
        loop {
            let pages = self.pages(index, after).await?;
            let Some(last) = pages.last() else { break };
            after = last.page;
            for lists in pages.into_iter().map(|page| page.lists).filter(|lists| !of(lists).is_empty()) {
                changes.clear();
                changes.extend(lists.slots.iter().filter(|slot| due(slot)).map(|slot| slot.change));
                let wanted = |key: &&KeyEntry| {
                    in_part(key.hash.position().0, part, parts) && changes.contains(&key.change)
                };
                keys.extend(of(&lists).iter().filter(wanted).copied());
            }
        }
        keys.sort_unstable();
        Ok(keys)
    }

    /// The keys that the owners of the creates of a part were looked for with, in the order of the changes.
    async fn looked_for(&self, index: usize, part: u64) -> Result<Vec<Mention>, EngineError> {
        let parts = self.parts(index);
        let mut looked_for = Vec::new();
        let mut after = 0;
        loop {
            let pages = self.pages(index, after).await?;
            let Some(last) = pages.last() else { break };
            after = last.page;
            for lists in pages.into_iter().map(|page| page.lists) {
                let creates: HashSet<u32> = lists
                    .slots
                    .iter()
                    .filter(|slot| slot.makes == Makes::ShadowAndObject)
                    .filter(|slot| in_part(slot.position.0, part, parts))
                    .map(|slot| slot.change)
                    .collect();
                looked_for.extend(lists.correlation.into_iter().filter(|m| creates.contains(&m.change)));
            }
        }
        looked_for.sort_unstable_by_key(|mention| mention.change);
        Ok(looked_for)
    }

    async fn write_keys(
        &mut self,
        index: usize,
        removed: &[KeyEntry],
        added: &[KeyEntry],
    ) -> Result<(), EngineError> {
        let (mut removed, mut added) = (removed, added);
        while let Some(keys) = self.next_batch(&mut removed) {
            self.may_go_on()?;
            self.store.apply_keys(&self.run, &self.buckets[index], (keys, &[]), self.now()).await?;
        }
        while let Some(keys) = self.next_batch(&mut added) {
            self.may_go_on()?;
            self.store.apply_keys(&self.run, &self.buckets[index], (&[], keys), self.now()).await?;
        }
        Ok(())
    }

    /// Takes off what the next transaction is to apply; `None` when nothing is left.
    fn next_batch<'a, T>(&self, left: &mut &'a [T]) -> Option<&'a [T]> {
        let size = self.store.at_once(self.engine.settings.apply_size).max(1);
        let (batch, rest) = left.split_at(size.min(left.len()));
        *left = rest;
        (!batch.is_empty()).then_some(batch)
    }

    pub(crate) fn parts(&self, index: usize) -> u64 {
        let at_once = self.engine.settings.ordered_at_once.max(1);
        (u64::from(self.buckets[index].next_change) / at_once + 1).next_power_of_two()
    }

    /// The changes of a wave that are still to be applied, of one part of all places, in their order.
    async fn slots(&mut self, index: usize, wave: Wave, part: u64) -> Result<Vec<Slot>, EngineError> {
        let parts = self.parts(index);
        let done = self.buckets[index].cursor.as_deref().and_then(PageOrder::read);
        let mut waves = [false; Wave::ALL.len()];
        let mut slots = Vec::new();
        let mut after = 0;
        loop {
            let pages = self.pages(index, after).await?;
            let Some(last) = pages.last() else { break };
            after = last.page;
            for slot in pages.into_iter().flat_map(|page| page.lists.slots) {
                waves[slot.wave as usize] = true;
                let left = done.is_none_or(|done| PageOrder::of(slot, 0, Sorting::ByKey) > done);
                if slot.wave == wave && in_part(slot.position.0, part, parts) && left {
                    slots.push(slot);
                }
            }
        }
        self.waves[index] = Some(waves);
        slots.sort_unstable();
        Ok(slots)
    }

    /// Whether it is known that a wave has no change.
    fn is_empty(&self, index: usize, wave: Wave) -> bool {
        self.waves[index].is_some_and(|waves| !waves[wave as usize])
    }
}

/// The keys of these changes, of all in the order of the changes.
fn mentioned(looked_for: &[Mention], changes: &[u32]) -> Vec<Mention> {
    let mut mentioned = Vec::new();
    for change in changes {
        let first = looked_for.partition_point(|mention| mention.change < *change);
        let end = first + looked_for[first..].partition_point(|mention| mention.change == *change);
        mentioned.extend_from_slice(&looked_for[first..end]);
    }
    mentioned
}
