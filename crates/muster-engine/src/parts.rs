//! Parts of the key space: what has one key is in one part, so that a plan of any size is looked at in bounded memory.

use muster_plan::key::Position;
use muster_store::{Lists, StagedPage};

use crate::error::EngineError;
use crate::worker::Work;

/// Pages that are read at a time.
const PAGES_AT_ONCE: u32 = 100;

/// One of equally large parts of all places that keys have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    no: u64,
    of: u64,
}

impl Part {
    /// All parts in the order of their places, as many as it takes to hold so many things in pieces of that size.
    pub(crate) fn all(things: u64, at_once: u64) -> impl Iterator<Item = Self> + use<> {
        let of = (things / at_once.max(1) + 1).next_power_of_two();
        (0..of).map(move |no| Self { no, of })
    }

    pub(crate) fn holds(self, position: Position) -> bool {
        in_part(position.0, self.no, self.of)
    }
}

pub(crate) fn in_part(position: u64, part: u64, parts: u64) -> bool {
    parts == 1 || position >> (64 - parts.trailing_zeros()) == part
}

impl Work {
    /// The parts in which a bucket's changes are looked at when each of them comes with so many things.
    pub(crate) fn parts_of(&self, index: usize, things_each: u64) -> impl Iterator<Item = Part> + use<> {
        let things = u64::from(self.buckets[index].next_change).saturating_mul(things_each);
        Part::all(things, self.engine.settings.ordered_at_once)
    }

    /// The pages that a bucket has staged, behind this one, at most a hundred.
    pub(crate) async fn pages(&self, index: usize, after: u32) -> Result<Vec<StagedPage>, EngineError> {
        let bucket = &self.buckets[index];
        if after >= bucket.page {
            return Ok(Vec::new());
        }
        let read = || self.store.pages(&self.run, bucket.no, after, PAGES_AT_ONCE);
        // The one page of a brief run is looked at again and again, and changes no more.
        match self.run.is_brief() {
            true => Ok(self.only_page.get_or_try_init(read).await?.clone()),
            false => Ok(read().await?),
        }
    }

    /// Goes through the lists of all pages that a bucket has staged, in their order.
    pub(crate) async fn each_lists(
        &self,
        index: usize,
        mut visit: impl FnMut(Lists),
    ) -> Result<(), EngineError> {
        let mut after = 0;
        loop {
            let pages = self.pages(index, after).await?;
            let Some(last) = pages.last() else { return Ok(()) };
            after = last.page;
            pages.into_iter().for_each(|page| visit(page.lists));
        }
    }
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

    #[test]
    fn parts_are_as_many_as_it_takes_and_come_in_the_order_of_places() {
        for (things, at_once, expected) in
            [(0, 10, 1), (9, 10, 1), (10, 10, 2), (39, 10, 4), (40, 10, 8), (5, 0, 8)]
        {
            let parts: Vec<Part> = Part::all(things, at_once).collect();
            assert_eq!(parts.len(), expected, "{things} by {at_once}");
            assert!(expected as u64 * at_once.max(1) >= things, "none holds more than it should");
            let places = (0..64u64).map(|place| Position(place << 58));
            let holding: Vec<usize> = places
                .map(|place| parts.iter().position(|part| part.holds(place)).expect("a part"))
                .collect();
            assert!(holding.is_sorted() && holding.last() == Some(&(expected - 1)));
        }
    }
}
