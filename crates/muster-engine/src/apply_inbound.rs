//! Applying: staged changes in the order of their account keys, wave by wave, each batch checkpointed.

use std::collections::HashMap;

use muster_model::run::{Outcome, Wave};
use muster_plan::lifecycle::Event;
use muster_store::{Batch, KeyEntry, Makes, Slot};

use crate::error::EngineError;
use crate::prepare::InboundRun;
use crate::worker::{Done, Task, Work};

/// Changes that are ordered in memory at a time; more are taken in several passes over the lists.
const ORDERED_AT_ONCE: u64 = 4_000_000;

/// The step of a bucket in the first wave; the others follow.
const FIRST_WAVE: u32 = 3;

/// How a change ends otherwise than planned.
pub(crate) type Exceptions = HashMap<u32, Option<Outcome>>;

impl Work {
    pub(crate) async fn apply(&mut self, wave: Wave) -> Result<Done, EngineError> {
        let exceptions: Exceptions = self.store.exceptions(&self.run).await?.into_iter().collect();
        for index in 0..self.buckets.len() {
            let step = FIRST_WAVE + 2 * wave as u32;
            match self.buckets[index].step {
                at if at < step => (self.buckets[index].step, self.buckets[index].cursor) = (step, None),
                _ => {}
            }
            match self.task.clone() {
                Task::Inbound(task) => self.apply_wave(index, &task, wave, &exceptions).await?,
                Task::Outbound(task) => self.carry_out_wave(index, &task, wave, &exceptions).await?,
            }
        }
        Ok(Event::WaveApplied.into())
    }

    async fn apply_wave(
        &mut self,
        index: usize,
        task: &InboundRun,
        wave: Wave,
        exceptions: &Exceptions,
    ) -> Result<(), EngineError> {
        let step = FIRST_WAVE + 2 * wave as u32;
        if self.buckets[index].step == step {
            let mut left = exceptions.clone();
            for part in 0..self.parts(index) {
                let slots = self.slots(index, wave, part).await?;
                let size = self.engine.settings.batch_size;
                for slots in slots.chunks(size) {
                    self.may_go_on()?;
                    let stale = self.apply_batch(index, task, slots, exceptions).await?;
                    left.extend(stale.into_iter().map(|change| (change, Some(Outcome::Stale))));
                }
            }
            self.apply_keys(index, wave, &left).await?;
        }
        let bucket = &mut self.buckets[index];
        (bucket.step, bucket.cursor) = (step + 1, None);
        Ok(self.store.checkpoint(&self.run, bucket).await?)
    }

    async fn apply_batch(
        &mut self,
        index: usize,
        task: &InboundRun,
        slots: &[Slot],
        exceptions: &Exceptions,
    ) -> Result<Vec<u32>, EngineError> {
        let mut batch = Batch::default();
        for slot in slots {
            match exceptions.get(&slot.change) {
                Some(Some(_)) => continue,
                Some(None) => batch.undigested.push(slot.change),
                None => {}
            }
            match slot.makes {
                Makes::ShadowAndObject => batch.creates.push(slot.change),
                Makes::Shadow => batch.links.push(slot.change),
                Makes::Nothing => batch.others.push(slot.change),
            }
        }
        let bucket = &mut self.buckets[index];
        bucket.cursor = slots.last().map(|slot| cursor_of(*slot));
        let now = self.engine.surroundings.now();
        Ok(self.store.apply_inbound(&self.run, bucket, &task.target, &batch, now).await?)
    }

    /// Keys go in by themselves and in their own order; in the order of accounts they would hit the index at
    /// random.
    async fn apply_keys(
        &mut self,
        index: usize,
        wave: Wave,
        exceptions: &Exceptions,
    ) -> Result<(), EngineError> {
        let parts = self.parts(index);
        for part in 0..parts {
            let mut removed = Vec::new();
            let mut added = Vec::new();
            let mut waves: HashMap<u32, Wave> = HashMap::new();
            let mut after = 0;
            loop {
                let pages = self.store.pages(&self.run, self.buckets[index].no, after, 100).await?;
                let Some(last) = pages.last() else { break };
                after = last.page;
                for lists in pages.into_iter().map(|page| page.lists) {
                    waves.clear();
                    waves.extend(lists.slots.iter().map(|slot| (slot.change, slot.wave)));
                    let due = |key: &KeyEntry| {
                        in_part(key.hash.position().0, part, parts)
                            && waves.get(&key.change) == Some(&wave)
                            && !matches!(exceptions.get(&key.change), Some(Some(_)))
                    };
                    removed.extend(lists.keys_removed.iter().copied().filter(due));
                    added.extend(lists.keys_added.iter().copied().filter(due));
                }
            }
            removed.sort_unstable();
            added.sort_unstable();
            self.write_keys(index, &removed, &added).await?;
        }
        Ok(())
    }

    async fn write_keys(
        &mut self,
        index: usize,
        removed: &[KeyEntry],
        added: &[KeyEntry],
    ) -> Result<(), EngineError> {
        let size = 4 * self.engine.settings.batch_size;
        for keys in removed.chunks(size) {
            self.may_go_on()?;
            self.store.apply_keys(&self.run, &self.buckets[index], keys, &[]).await?;
        }
        for keys in added.chunks(size) {
            self.may_go_on()?;
            self.store.apply_keys(&self.run, &self.buckets[index], &[], keys).await?;
        }
        Ok(())
    }

    pub(crate) fn parts(&self, index: usize) -> u64 {
        (u64::from(self.buckets[index].next_change) / ORDERED_AT_ONCE + 1).next_power_of_two()
    }

    /// The changes of a wave that are still to be applied, of one part of all places, in their order.
    pub(crate) async fn slots(&self, index: usize, wave: Wave, part: u64) -> Result<Vec<Slot>, EngineError> {
        let parts = self.parts(index);
        let done = self.buckets[index].cursor.clone().unwrap_or_default();
        let mut slots = Vec::new();
        let mut after = 0;
        loop {
            let pages = self.store.pages(&self.run, self.buckets[index].no, after, 100).await?;
            let Some(last) = pages.last() else { break };
            after = last.page;
            for page in pages {
                slots.extend(page.lists.slots.into_iter().filter(|slot| {
                    slot.wave == wave && in_part(slot.position.0, part, parts) && cursor_of(*slot) > done
                }));
            }
        }
        slots.sort_unstable();
        Ok(slots)
    }
}

/// Cursors sort as their slots do.
pub(crate) fn cursor_of(slot: Slot) -> String {
    format!("{:016x}{:08x}", slot.position.0, slot.change)
}

fn in_part(position: u64, part: u64, parts: u64) -> bool {
    parts == 1 || position >> (64 - parts.trailing_zeros()) == part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_in_exactly_one_part() {
        for parts in [1u64, 2, 8] {
            for position in [0, 1, u64::MAX / 3, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX] {
                let holding = (0..parts).filter(|part| in_part(position, *part, parts)).count();
                assert_eq!(holding, 1, "{position} of {parts}");
            }
        }
    }
}
