//! A clock that stands still until it is told to move, and ids that follow from how many there were.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use muster_engine::Surroundings;
use uuid::Uuid;

/// Sunday, 1 November 2026, 08:00 UTC.
const START: i64 = 1_793_520_000_000;

/// Clock and chance of a world.
#[derive(Debug)]
pub struct StoppedClock {
    millis: AtomicI64,
    ids: AtomicU64,
}

impl Default for StoppedClock {
    fn default() -> Self {
        Self { millis: AtomicI64::new(START), ids: AtomicU64::new(1) }
    }
}

impl StoppedClock {
    /// Moves the clock.
    pub fn pass(&self, time: TimeDelta) {
        self.millis.fetch_add(time.num_milliseconds(), Ordering::SeqCst);
    }

    /// The instant at which it stands.
    ///
    /// # Panics
    /// When it was moved beyond all calendars.
    #[must_use]
    pub fn instant(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.millis.load(Ordering::SeqCst)).expect("an instant")
    }

    pub(crate) fn copy(&self) -> Self {
        let (millis, ids) = (self.millis.load(Ordering::SeqCst), self.ids.load(Ordering::SeqCst));
        Self { millis: AtomicI64::new(millis), ids: AtomicU64::new(ids) }
    }

    pub(crate) fn next_id(&self) -> Uuid {
        let number = u128::from(self.ids.fetch_add(1, Ordering::SeqCst));
        let millis = u128::from(self.millis.load(Ordering::SeqCst).unsigned_abs());
        Uuid::from_u128((millis << 80) | (0x7 << 76) | (0b10 << 62) | number)
    }
}

impl Surroundings for StoppedClock {
    fn now(&self) -> DateTime<Utc> {
        self.instant()
    }

    fn new_id(&self) -> Uuid {
        self.next_id()
    }

    fn peak_memory(&self) -> u64 {
        0
    }
}
