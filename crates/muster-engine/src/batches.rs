//! In which batches the changes of a wave are written, and how many are in one.

use std::time::Duration;

use chrono::TimeDelta;

use crate::sequence::Step;

/// The first batch to a target of which nothing is known has at most so many.
const FIRST: usize = 250;
/// What came of a batch is stored about as often as this.
const STORED_EVERY: Duration = Duration::from_secs(1);

/// Changes in their order, given out batch by batch: those of a level are answered before the next begins.
pub(crate) struct Batches<'a>(&'a [Step]);

impl<'a> Batches<'a> {
    /// All of these.
    pub(crate) fn of(steps: &'a [Step]) -> Self {
        Self(steps)
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next ones, at most so many.
    pub(crate) fn next(&mut self, most: usize) -> &'a [Step] {
        let level = self.0.chunk_by(|a, b| a.place.level == b.place.level).next().unwrap_or_default();
        let (batch, left) = self.0.split_at(level.len().min(most));
        self.0 = left;
        batch
    }
}

/// How many changes are sent to a target before what came of them is stored: about as many as it takes in a second, so
/// that a quick one is not held up and a slow one is seen to get on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchSize {
    now: usize,
    least: usize,
    most: usize,
}

impl BatchSize {
    /// That of the first batch, where none may be larger than this.
    pub(crate) fn first(most: usize) -> Self {
        Self { now: FIRST.min(most), least: 1, most }
    }

    /// One that stays.
    pub(crate) fn fixed(size: usize) -> Self {
        Self { now: size, least: size, most: size }
    }

    /// How many the next batch has.
    pub(crate) fn now(self) -> usize {
        self.now
    }

    /// Learns from a batch of so many, which took so long.
    pub(crate) fn learn(&mut self, written: usize, took: TimeDelta) {
        if written == 0 {
            return;
        }
        let took = took.num_milliseconds().max(1).unsigned_abs();
        let fitting = written as u128 * STORED_EVERY.as_millis() / u128::from(took);
        let fitting = usize::try_from(fitting).unwrap_or(usize::MAX);
        self.now = fitting.clamp(self.now.div_ceil(2), self.now * 2).clamp(self.least, self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_grows_and_shrinks_with_what_the_target_takes_in_a_second() {
        let mut size = BatchSize::first(2000);
        let mut after = |millis| {
            size.learn(size.now(), TimeDelta::milliseconds(millis));
            size.now()
        };
        assert_eq!([after(100), after(100), after(100), after(500)], [500, 1000, 2000, 2000]);
        assert_eq!([after(1250), after(60_000), after(60_000)], [1600, 800, 400]);
        for _ in 0..20 {
            after(60_000);
        }
        assert_eq!(after(60_000), 1, "and never less than one");
        assert_eq!(after(0), 2, "a clock that stands still, or goes back");
        assert_eq!(after(-5), 4);
    }

    #[test]
    fn no_batch_is_larger_than_the_operator_allows() {
        let mut size = BatchSize::first(3);
        assert_eq!(size.now(), 3);
        size.learn(3, TimeDelta::milliseconds(1));
        assert_eq!(size.now(), 3);
        size.learn(0, TimeDelta::seconds(5));
        assert_eq!(size.now(), 3, "a batch of nothing says nothing");
        let mut fixed = BatchSize::fixed(7);
        fixed.learn(7, TimeDelta::minutes(5));
        assert_eq!(fixed.now(), 7);
    }
}
