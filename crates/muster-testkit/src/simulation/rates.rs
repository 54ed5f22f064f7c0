//! How often each kind of fault happens in one world: some worlds have many, some have none of a kind.

use crate::people::Dice;

/// How often in ten thousand times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rates {
    /// A statement fails, or the answer to a commit is lost. Of all points.
    pub(super) statement_fails: u64,
    /// A statement is in the way of another transaction. Of all points.
    pub(super) contended: u64,
    /// A process dies. Of all points.
    pub(super) kill: u64,
    /// The clock jumps behind the end of all leases, and no heart has beaten. Of all points.
    pub(super) jump: u64,
    /// A while passes for everybody: hearts beat, all look for work. Of all points.
    pub(super) pass: u64,
    /// Somebody does the next thing while others work. Of all points.
    pub(super) command: u64,
    /// A call stands still.
    pub(super) call_stands: u64,
    /// A call fails, or its answer is lost.
    pub(super) call_fails: u64,
    /// A sweep is cut short.
    pub(super) cut_short: u64,
    /// A message to a worker is lost.
    pub(super) message_lost: u64,
    /// It comes twice.
    pub(super) message_doubled: u64,
}

impl Rates {
    /// The rates of a world.
    pub(super) fn of(dice: &mut Dice) -> Self {
        let mut one_of = |options: &[u64]| *dice.pick(options);
        Self {
            statement_fails: one_of(&[0, 0, 20, 100]),
            contended: one_of(&[0, 0, 50, 200]),
            kill: one_of(&[0, 30, 60, 120]),
            jump: one_of(&[0, 30, 60, 120]),
            pass: one_of(&[0, 50, 150]),
            command: one_of(&[20, 100, 500]),
            call_stands: one_of(&[1000, 4000, 9000]),
            call_fails: one_of(&[0, 0, 100, 500]),
            cut_short: one_of(&[0, 0, 300]),
            message_lost: one_of(&[0, 1000, 5000]),
            message_doubled: one_of(&[0, 1000, 5000]),
        }
    }
}
