//! Successors: accounts of a source that go on under new keys, told from those whose predecessor is still there.

use std::collections::HashMap;

use muster_model::run::{Outcome, OwnerBy};
use muster_plan::lifecycle::Absence;
use muster_store::{ChangeRow, Makes};
use roaring::RoaringBitmap;

use crate::error::EngineError;
use crate::findings::ROWS_AT_ONCE;
use crate::worker::{Task, Work};

/// What became of the accounts whose place others would take.
#[derive(Debug, Default)]
pub(crate) struct Successions {
    /// The shadows that go on under another key: their accounts are not missing.
    pub(crate) taken_over: RoaringBitmap,
    /// The changes that do not take anybody's place after all.
    pub(crate) rivalled: RoaringBitmap,
}

/// A change that would take a shadow over, and where the key of its account stands: the shadow first.
type Taker = (u32, u64, u32);

impl Work {
    /// Who takes whose place in a bucket: one account alone, of one that a complete sweep did not meet.
    pub(crate) async fn successions(&self, index: usize) -> Result<Successions, EngineError> {
        // Who is asked for by a user name was held against the source already.
        if self.run.owner_by == OwnerBy::UserName {
            return Ok(Successions::default());
        }
        // They are counted so.
        if self.buckets[index].counters.outcome(Outcome::Updated) == 0 {
            return Ok(Successions::default());
        }
        let mut takers: Vec<(u32, u64)> = Vec::new();
        self.each_lists(index, |lists| {
            let slots = lists.slots.iter().filter(|slot| slot.makes == Makes::NewKey);
            takers.extend(slots.map(|slot| (slot.change, slot.position.0)));
        })
        .await?;
        if takers.is_empty() {
            return Ok(Successions::default());
        }
        if !self.concludes_absence(index) {
            let rivalled = takers.into_iter().map(|(change, _)| change).collect();
            return Ok(Successions { rivalled, ..Successions::default() });
        }
        let mut by_shadow: Vec<Taker> = Vec::with_capacity(takers.len());
        for takers in takers.chunks(ROWS_AT_ONCE) {
            let changes: Vec<u32> = takers.iter().map(|(change, _)| *change).collect();
            let rows = self.rows(&changes).await?;
            let shadow = |change: &u32| rows.get(change).and_then(|row| row.shadow);
            by_shadow.extend(takers.iter().filter_map(|(change, at)| Some((shadow(change)?, *at, *change))));
        }
        Ok(settled(by_shadow, &self.unmet(index).await?))
    }

    /// Whether somebody whom the sweep of the bucket did not meet is gone.
    fn concludes_absence(&self, index: usize) -> bool {
        let bucket = &self.buckets[index];
        let complete = bucket.sweep_end.as_deref() == Some("") && bucket.counters.unidentified == 0;
        complete && self.run.state.absence == Absence::Concluded
    }

    /// The keys of the accounts whose place these changes do not take, by the numbers of their shadows.
    pub(crate) async fn predecessors(
        &self,
        index: usize,
        rows: &[&ChangeRow],
    ) -> Result<HashMap<u32, String>, EngineError> {
        let (Task::Inbound(task), false) = (&self.task, rows.is_empty()) else { return Ok(HashMap::new()) };
        let shadows: Vec<u32> = rows.iter().filter_map(|row| row.shadow).collect();
        let application = &self.buckets[index].application;
        let live = self.store.missing_shadows(application, task.class.id.as_str(), &shadows, &[]).await?;
        Ok(live.into_iter().map(|(linked, _)| (linked.shadow.base.no.0, linked.shadow.uid)).collect())
    }
}

fn settled(mut takers: Vec<Taker>, unmet: &RoaringBitmap) -> Successions {
    takers.sort_unstable();
    let mut successions = Successions::default();
    for takers in takers.chunk_by(|a, b| a.0 == b.0) {
        let (shadow, position, _) = takers[0];
        // An account that is read twice is one; CHECK lets the first count.
        if unmet.contains(shadow) && takers.iter().all(|(_, at, _)| *at == position) {
            successions.taken_over.insert(shadow);
        } else {
            successions.rivalled.extend(takers.iter().map(|(_, _, change)| *change));
        }
    }
    successions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_account_takes_the_place_of_one_that_is_gone() {
        let unmet = RoaringBitmap::from_iter([1, 2, 3]);
        for (takers, taken_over, rivalled) in [
            (vec![], vec![], vec![]),
            (vec![(1, 7, 10)], vec![1], vec![]),
            (vec![(9, 7, 10)], vec![], vec![10]),
            (vec![(1, 7, 10), (1, 8, 11)], vec![], vec![10, 11]),
            (vec![(1, 7, 10), (2, 6, 12), (1, 7, 11)], vec![1, 2], vec![]),
            (vec![(2, 6, 12), (9, 6, 13), (1, 7, 10), (1, 6, 11)], vec![2], vec![10, 11, 13]),
        ] {
            let found = settled(takers.clone(), &unmet);
            assert_eq!(found.taken_over.iter().collect::<Vec<_>>(), taken_over, "{takers:?}");
            assert_eq!(found.rivalled.iter().collect::<Vec<_>>(), rivalled, "{takers:?}");
        }
    }
}
