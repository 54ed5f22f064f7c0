//! Employees as an HR system would export them, made from a seed: the same bytes for the same arguments.
//!
//! Every person follows from the seed and a number, and the shuffled order is a permutation that is
//! computed, not kept: an export of any size is written in constant memory. Never asks for the time.

mod chance;
mod export;
mod names;
mod person;

pub use chance::Dice;
pub use export::{Written, write_csv};
pub use person::{COLUMNS, Person};

use chance::Shuffle;

/// How many people report to one.
const REPORTS: u64 = 8;

/// Parts of a million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// A share given in percent, 0 to 100, kept to four decimals; `None` outside of that.
    #[must_use]
    pub fn from_percent(percent: f64) -> Option<Self> {
        (0.0..=100.0).contains(&percent).then(|| Self((percent * 10_000.0).round() as u32))
    }

    /// The share of a number, rounded to the nearest.
    #[must_use]
    pub fn of(self, number: u64) -> u64 {
        (number * u64::from(self.0) + 500_000) / 1_000_000
    }
}

/// How many people come, change and go from the first day to the second, as shares of the first day's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turnover {
    /// People who are new.
    pub joiners: Share,
    /// People of whom one fact differs.
    pub changed: Share,
    /// People who are gone.
    pub leavers: Share,
}

impl Default for Turnover {
    /// 0.4 % join, 0.4 % change, 0.2 % leave.
    fn default() -> Self {
        Self { joiners: Share(4_000), changed: Share(4_000), leavers: Share(2_000) }
    }
}

/// The day of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// Everybody as they began.
    First,
    /// After some have come, changed and gone.
    Second(Turnover),
}

/// Whether an export has lines that cannot be read, and keys that stand in it twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadLines {
    /// Every line is a person.
    None,
    /// A handful of lines are not; each begins with a key that can be read.
    Some,
}

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Export {
    /// People on the first day.
    pub count: u64,
    /// What everything is derived from.
    pub seed: u64,
    /// Which day.
    pub day: Day,
    /// Whether some lines are bad.
    pub bad_lines: BadLines,
}

/// What becomes of somebody until the second day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Changes,
    Leaves,
}

impl Export {
    /// The people of the export in its order: on both days the same shuffled one, joiners at the end.
    ///
    /// People with reports neither change nor leave, so that on both days every `managerNumber` stands in
    /// the file. Seven of eight people have no reports; larger shares than that are cut to it.
    pub fn people(&self) -> impl Iterator<Item = Person> + use<> {
        let export = *self;
        let order = Shuffle::new(export.count, export.seed);
        let stayed = (0..export.count).filter_map(move |place| export.employee(order.place(place) + 1));
        let joiners = export.joiners();
        let arrival = Shuffle::new(joiners, !export.seed);
        let joined = (0..joiners).map(move |place| export.joiner(export.count + arrival.place(place) + 1));
        stayed.chain(joined)
    }

    /// How many people come until the day of the export.
    #[must_use]
    pub fn joiners(&self) -> u64 {
        self.of_day(|turnover| turnover.joiners.of(self.count))
    }

    /// Of how many people a fact has changed until the day of the export.
    #[must_use]
    pub fn changed(&self) -> u64 {
        let free = self.count - self.managers() - self.leavers();
        self.of_day(|turnover| turnover.changed.of(self.count).min(free))
    }

    /// How many people have gone until the day of the export.
    #[must_use]
    pub fn leavers(&self) -> u64 {
        self.of_day(|turnover| turnover.leavers.of(self.count).min(self.count - self.managers()))
    }

    fn of_day(&self, count: impl Fn(&Turnover) -> u64) -> u64 {
        match &self.day {
            Day::First => 0,
            Day::Second(turnover) => count(turnover),
        }
    }

    /// People are numbered from 1 down a tree, so those with reports come first. The first counts as one,
    /// even alone.
    fn managers(&self) -> u64 {
        self.count.saturating_sub(1).div_ceil(REPORTS).max(self.count.min(1))
    }

    fn fate(&self, number: u64) -> Fate {
        let managers = self.managers();
        if self.day == Day::First || number <= managers {
            return Fate::Stays;
        }
        let rank =
            Shuffle::new(self.count - managers, self.seed.rotate_left(32)).place(number - managers - 1);
        if rank < self.leavers() {
            Fate::Leaves
        } else if rank < self.leavers() + self.changed() {
            Fate::Changes
        } else {
            Fate::Stays
        }
    }

    fn employee(&self, number: u64) -> Option<Person> {
        let manager = (number > 1).then(|| (number - 2) / REPORTS + 1);
        let person = Person::new(self.seed, number, manager);
        match self.fate(number) {
            Fate::Stays => Some(person),
            Fate::Changes => Some(person.changed(self.seed)),
            Fate::Leaves => None,
        }
    }

    fn joiner(&self, number: u64) -> Person {
        let manager = (self.count > 0).then(|| number % self.managers() + 1);
        Person::new(self.seed, number, manager).joined(self.seed)
    }
}

#[cfg(test)]
mod tests;
