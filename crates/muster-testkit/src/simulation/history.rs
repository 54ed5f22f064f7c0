//! What happens in a simulated world: people come, change and go, somebody asks for runs and decides about them. A
//! history is made from its seed before anything of it happens, so that a calm world can live through the same.

use std::fmt;

use muster_model::run::Mode;

use super::template::DEPROVISIONING;
use crate::people::Dice;
use crate::world::World;

/// People have numbers up to this, and a contact each at most: with both there are at most 20 entries.
pub(super) const PEOPLE: u64 = 12;

const DEPARTMENTS: [&str; 3] = ["IT", "FIN", "HR"];

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// Somebody changes a system by hand.
    Edit(usize, Edit),
    /// Somebody asks for a run.
    Launch(usize, Asked),
    /// Somebody asks for what failed last to be tried again.
    Retry(usize),
    /// Somebody asks for the last run of people to be undone.
    Undo(usize),
    /// Somebody decides about a plan that is held, if one is.
    Decide(usize, Decision),
    /// Somebody cancels a run, if one is to be cancelled.
    Cancel(usize),
    /// Somebody pauses a run, if one is at work.
    Pause(usize),
    /// Somebody resumes a run, if one is paused.
    Resume(usize),
}

/// A run that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) task: &'static str,
    pub(super) mode: Mode,
    /// The numbers of the only people that are to be looked at.
    pub(super) people: Option<Vec<u64>>,
}

/// What is decided about a held plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Approve,
    Reject,
}

/// A change of a system by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Edit {
    /// A person is there, new or changed.
    Person { number: u64, name: u64, department: usize, manager: u64 },
    /// A person is gone.
    Dismiss { number: u64 },
    /// A person can be read no more.
    Spoil { number: u64 },
    /// The contact of a person is there, new or changed.
    Contact { number: u64, phone: u64 },
    /// Somebody changes an account of the target.
    Tamper { number: u64 },
    /// Somebody deletes an account of the target.
    Lose { number: u64 },
}

/// What happens between two comparisons.
pub(super) type Day = Vec<Command>;

/// The history of a seed. In a day nothing is changed twice, so that it does not matter when a run reads it.
pub(super) fn history(dice: &mut Dice) -> Vec<Day> {
    let days = if dice.roll(3) == 0 { 2 } else { 1 };
    (0..days).map(|_| day(dice)).collect()
}

fn day(dice: &mut Dice) -> Day {
    let mut commands = Vec::new();
    for (tenant, deprovisioning) in DEPROVISIONING.into_iter().enumerate() {
        let mut numbers: Vec<u64> = (1..=PEOPLE).collect();
        // Where accounts are deleted with their owners: one that was disabled stays nobody's when its owner is made again
        // and is not to have any.
        let undoes = deprovisioning == "DELETE" && dice.roll(4) == 0;
        for _ in 0..dice.roll(6) {
            let number = numbers.swap_remove(dice.roll(numbers.len() as u64) as usize);
            let edited = edit(dice, number);
            // Whom an undo takes away comes back as long as somebody can read the person.
            let is_gone = matches!(edited, Edit::Dismiss { .. } | Edit::Spoil { .. });
            let edited = if undoes && is_gone { Edit::Contact { number, phone: 0 } } else { edited };
            commands.push(Command::Edit(tenant, edited));
        }
        if undoes {
            commands.extend([Command::Undo(tenant), Command::Decide(tenant, Decision::Approve)]);
        }
        for _ in 0..2 + dice.roll(5) {
            let task = *dice.pick(&["hr", "hr", "crm", "ad", "ad"]);
            let mode = if dice.roll(6) == 0 { Mode::Simulate } else { Mode::Apply };
            let people = (dice.roll(4) == 0).then(|| {
                let count = 1 + dice.roll(3);
                (0..count).map(|_| 1 + dice.roll(PEOPLE)).collect()
            });
            commands.push(Command::Launch(tenant, Asked { task, mode, people }));
        }
        for _ in 0..dice.roll(3) {
            let decision = *dice.pick(&[Decision::Approve, Decision::Approve, Decision::Reject]);
            commands.push(Command::Decide(tenant, decision));
        }
        // A run that is paused is resumed by somebody who does not wait for it: perhaps too early, perhaps in the night.
        let rare = [(4, Command::Cancel(tenant)), (3, Command::Retry(tenant))];
        let paused = [(3, Command::Pause(tenant)), (4, Command::Pause(tenant)), (3, Command::Resume(tenant))];
        for (seldom, command) in rare.into_iter().chain(paused) {
            if dice.roll(seldom) == 0 {
                commands.push(command);
            }
        }
    }
    // In any order.
    for place in (1..commands.len()).rev() {
        commands.swap(place, dice.roll(place as u64 + 1) as usize);
    }
    commands
}

fn edit(dice: &mut Dice, number: u64) -> Edit {
    match dice.roll(12) {
        0..5 => Edit::Person {
            number,
            name: dice.roll(3),
            department: dice.roll(3) as usize,
            manager: dice.roll(PEOPLE + 1),
        },
        5..8 => Edit::Dismiss { number },
        8 => Edit::Spoil { number },
        9 => Edit::Contact { number, phone: dice.roll(3) },
        10 => Edit::Tamper { number },
        _ => Edit::Lose { number },
    }
}

impl Edit {
    /// Whom it concerns.
    pub(super) fn number(&self) -> u64 {
        match *self {
            Self::Person { number, .. }
            | Self::Dismiss { number }
            | Self::Spoil { number }
            | Self::Contact { number, .. }
            | Self::Tamper { number }
            | Self::Lose { number } => number,
        }
    }

    /// Changes a system. Everything that a tenant holds names the tenant.
    pub(super) fn make(&self, world: &World, tenant: usize) {
        match *self {
            Self::Person { number, name, department, manager } => {
                let number = number.to_string();
                let manager = if manager == 0 { String::new() } else { manager.to_string() };
                let (email, name) = (format!("{number}@{tenant}"), format!("Name {name} of {tenant}"));
                let fields = [
                    ("number", &*number),
                    ("email", &*email),
                    ("name", &*name),
                    ("department", DEPARTMENTS[department]),
                    ("manager", &*manager),
                ];
                world.put("hr", "person", &number, &fields);
            }
            Self::Dismiss { number } => world.dismiss(&number.to_string()),
            Self::Spoil { number } => {
                let number = number.to_string();
                if world.system("hr").accounts("person").contains_key(&number) {
                    world.system("hr").put_bad("person", &number, Some(number.clone()));
                }
            }
            Self::Contact { number, phone } => {
                world.contact(
                    &format!("c{number}"),
                    &format!("{number}@{tenant}"),
                    &format!("{phone} of {tenant}"),
                );
            }
            Self::Tamper { number } => {
                let uid = number.to_string();
                if world.system("ad").accounts("account").contains_key(&uid) {
                    let cn = format!("By Hand of {tenant}");
                    world.put("ad", "account", &uid, &[("uid", &*uid), ("cn", &*cn)]);
                }
            }
            Self::Lose { number } => world.system("ad").take("account", &number.to_string()),
        }
    }
}

impl Command {
    /// Whose world it is about.
    pub(super) fn tenant(&self) -> usize {
        match self {
            Self::Edit(tenant, _)
            | Self::Launch(tenant, _)
            | Self::Retry(tenant)
            | Self::Undo(tenant)
            | Self::Decide(tenant, _)
            | Self::Cancel(tenant)
            | Self::Pause(tenant)
            | Self::Resume(tenant) => *tenant,
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edit(tenant, edit) => write!(f, "tenant {tenant}: {edit:?}"),
            Self::Launch(tenant, Asked { task, mode, people }) => {
                write!(f, "tenant {tenant}: launch {task}, {}", mode.as_str())?;
                people.iter().try_for_each(|people| write!(f, ", of {people:?} alone"))
            }
            Self::Retry(tenant) => write!(f, "tenant {tenant}: try again what failed last"),
            Self::Undo(tenant) => write!(f, "tenant {tenant}: undo the last run of people"),
            Self::Pause(tenant) => write!(f, "tenant {tenant}: pause a run"),
            Self::Resume(tenant) => write!(f, "tenant {tenant}: resume a run"),
            Self::Decide(tenant, decision) => write!(f, "tenant {tenant}: {decision:?} what is held"),
            Self::Cancel(tenant) => write!(f, "tenant {tenant}: cancel a run"),
        }
    }
}
