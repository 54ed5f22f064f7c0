//! The door for faults: a fuse on the way to the database, so that tests can end a process at any point.
//!
//! A blown fuse lets nothing through any more, as if the process had died at that very point.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::error::StoreError;

/// Burns down by one with every statement that may write, and by two with every `COMMIT`: one before and one after it,
/// so that a process can also die of a commit whose answer it never saw. Who dies while it reads leaves what it left
/// when it last wrote, so reading burns nothing. Clones burn together.
#[derive(Debug, Clone, Default)]
pub struct Fuse(Option<Arc<AtomicI64>>);

impl Fuse {
    /// A fuse that lets so many points pass and blows at the next.
    #[must_use]
    pub fn after(points: u32) -> Self {
        Self(Some(Arc::new(AtomicI64::new(i64::from(points)))))
    }

    /// Whether something was cut off.
    #[must_use]
    pub fn is_blown(&self) -> bool {
        self.0.as_ref().is_some_and(|left| left.load(Ordering::SeqCst) < 0)
    }

    /// Lets a reader through, unless something was cut off.
    pub(crate) fn pass(&self) -> Result<(), StoreError> {
        if self.is_blown() { Err(StoreError::Unplugged) } else { Ok(()) }
    }

    pub(crate) fn burn(&self) -> Result<(), StoreError> {
        match &self.0 {
            Some(left) if left.fetch_sub(1, Ordering::SeqCst) <= 0 => Err(StoreError::Unplugged),
            Some(_) | None => Ok(()),
        }
    }
}
