//! Clock, chance and memory: what the engine would otherwise have to ask the machine for.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The machine, as far as the engine needs it.
pub trait Surroundings: Send + Sync {
    /// The instant, to the millisecond.
    fn now(&self) -> DateTime<Utc>;

    /// A new id that no one else has, sorted after those made earlier (`UUIDv7`).
    fn new_id(&self) -> Uuid;

    /// The most memory the process has held so far, in octets; 0 where it cannot be told.
    fn peak_memory(&self) -> u64;
}
