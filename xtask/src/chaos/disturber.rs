//! Kills and stops: when, and which.

use std::thread;
use std::time::{Duration, Instant};

use muster_testkit::people::Dice;

use super::place::{LEASE, Place};
use crate::error::Error;
use crate::program::signal;

/// Longer than the lease: whoever was stopped so long has lost its runs, where somebody is there to take them.
const STOPPED: Duration = LEASE.saturating_add(Duration::from_millis(1500));

/// Disturbs a place at moments that follow from a seed.
#[derive(Debug)]
pub(crate) struct Disturber {
    dice: Dice,
    left: u32,
    next: Instant,
    /// How often the run was disturbed already.
    of_run: u64,
    done: Done,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Done {
    /// Servers that were killed.
    pub(crate) kills: u32,
    /// Of all disturbances those that found a run at work.
    pub(crate) hits: u32,
    /// Servers that were stopped for longer than their leases.
    pub(crate) stops: u32,
    /// Times the database was killed.
    pub(crate) crashes: u32,
    /// Runs that were launched again, since they had not ended well.
    pub(crate) again: u32,
}

impl Disturber {
    /// Nobody is disturbed when there are no kills.
    pub(crate) fn new(seed: u64, kills: u32) -> Self {
        let mut disturber = Self {
            dice: Dice::new(seed, 0),
            left: kills,
            next: Instant::now(),
            of_run: 0,
            done: Done::default(),
        };
        disturber.wait();
        disturber
    }

    pub(crate) fn has_kills_left(&self) -> bool {
        self.left > 0
    }

    pub(crate) fn done(&self) -> Done {
        self.done
    }

    pub(crate) fn launched_again(&mut self) {
        self.done.again += 1;
    }

    /// Another run begins.
    pub(crate) fn begin_run(&mut self) {
        self.of_run = 0;
    }

    /// Chooses the next moment: the later, the more often the run was disturbed. A slow machine would never come to its
    /// end otherwise, since what a target takes over at once or not at all begins anew after each kill.
    fn wait(&mut self) {
        let millis = 50 + self.dice.roll(1500);
        self.next = Instant::now() + Duration::from_millis(millis * (10 + self.of_run) / 10);
        self.of_run += 1;
    }

    /// Disturbs the place if the moment has come. `at_work` says whether a run is.
    ///
    /// # Errors
    /// When what was ended does not start again.
    pub(crate) fn disturb(&mut self, place: &mut Place, at_work: bool) -> Result<(), Error> {
        if self.left == 0 || Instant::now() < self.next {
            return Ok(());
        }
        self.done.hits += u32::from(at_work);
        let which = self.dice.roll(place.servers() as u64) as usize;
        match self.dice.roll(10) {
            0..2 => {
                self.done.stops += 1;
                let id = place.server(which).id();
                signal("STOP", id)?;
                thread::sleep(STOPPED);
                signal("CONT", id)?;
            }
            2..4 if place.crash_database()? => self.done.crashes += 1,
            _ => {
                self.done.kills += 1;
                self.left -= 1;
                place.kill(which)?;
                thread::sleep(Duration::from_millis(self.dice.roll(300)));
                place.start(which)?;
            }
        }
        self.wait();
        Ok(())
    }
}
