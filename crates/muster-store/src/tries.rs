//! Trying a transaction again that another one stood in the way of. Nothing but statements is ever tried again: what a
//! remote system was asked for has been answered before, and is not asked again.

use crate::error::StoreError;
use crate::make::Taken;

/// How often a batch is tried in all.
const TRIES: u32 = 6;

/// The tries of one batch.
#[derive(Debug)]
pub(crate) struct Tries {
    made: u32,
    /// What becomes of accounts that have got a shadow meanwhile. To leave them out costs PostgreSQL as much again
    /// as to insert the others, so it is done only once some were found.
    pub(crate) taken: Taken,
}

impl Tries {
    pub(crate) fn begin() -> Self {
        Self { made: 0, taken: Taken::Refused }
    }

    /// Whether to try again after this error.
    pub(crate) fn again(&mut self, error: &StoreError) -> bool {
        self.made += 1;
        let is_taken = error.is_unique_violation();
        if is_taken {
            self.taken = Taken::LeftOut;
        }
        self.made < TRIES && (is_taken || error.is_contention())
    }
}
