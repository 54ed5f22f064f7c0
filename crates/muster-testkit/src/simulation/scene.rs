//! A world that lives: whoever stands somewhere goes on when the dice say so, processes die and start, time passes,
//! people do things. At the end of each day all faults stop, and the world has to come to where a calm one is.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use muster_engine::Ticket;
use muster_model::run::ProgressStatus;

use super::asking::{ask, live_runs};
use super::board::{Board, Failure};
use super::history::{Command, Day, history};
use super::laws::Laws;
use super::mend::mend;
use super::planted::{Fences, forget, forget_guards, lift_guards};
use super::process::{Mail, PLACES, Process, Surroundings};
use super::rates::Rates;
use super::systems::{Ledger, taken};
use super::template::{Beginning, Template};
use super::{LEASE, LOOK_EVERY, Planted};
use crate::people::Dice;

/// More steps than most days take; whoever has not come to its end by then is left, and mended.
const LONGEST_DAY: u32 = 2500;

/// How often time passes in a day while nobody has anything else to do.
const IDLE: u32 = 12;

/// What a world came to.
#[derive(Debug, Default)]
pub(super) struct Lived {
    pub(super) disturbed_runs: u64,
    pub(super) calm_runs: u64,
    pub(super) broken: Option<String>,
}

impl Lived {
    /// Of a world in which everybody waits.
    pub(super) fn stands_still() -> Self {
        Self {
            broken: Some("everybody waits, and nobody for anything that comes".to_owned()),
            ..Self::default()
        }
    }
}

/// A world with its processes.
pub(super) struct Scene {
    of: Surroundings,
    pub(super) beginning: Beginning,
    processes: [Option<Process>; PLACES],
    started: u32,
    laws: Laws,
    fences: Fences,
}

/// Lives through the history of a seed.
pub(super) async fn live(
    template: &Template,
    (seed, planted): (u64, Option<Planted>),
    trace: Arc<Mutex<Vec<String>>>,
) -> Lived {
    let mut dice = Dice::new(seed, 0);
    let rates = Rates::of(&mut dice);
    let days = history(&mut dice);
    let beginning = template.copy().await;
    let board = Arc::new(Board::new(seed, trace));
    board.note(format_args!("{rates:?}"));
    let of = Surroundings {
        board,
        store: beginning.database.store().clone(),
        clock: beginning.clock.clone(),
        ledger: Ledger::default(),
        mail: Mail::default(),
        rates,
        planted,
    };
    let laws = Laws::new();
    let mut scene = Scene {
        of,
        beginning,
        processes: [const { None }; PLACES],
        started: 0,
        laws,
        fences: Fences::default(),
    };
    let mut lived = Lived::default();
    lived.broken = scene.live_days(&days, &mut lived).await.err();
    lived
}

impl Scene {
    async fn live_days(&mut self, days: &[Day], lived: &mut Lived) -> Result<(), String> {
        if self.of.planted == Some(Planted::NoGuards) {
            for (tenant, world) in self.beginning.disturbed.iter().enumerate() {
                lift_guards(world, tenant).await;
            }
            forget_guards(&self.beginning.database).await;
        }
        for (number, day) in days.iter().enumerate() {
            self.of.board.note(format_args!("day {number}"));
            self.laws.begin_day(&self.beginning, day);
            let before = self.runs().await;
            self.live_day(day).await?;
            for place in 0..PLACES {
                if self.processes[place].is_some() {
                    self.kill(place).await?;
                }
            }
            forget(&self.beginning.database, self.of.planted).await;
            self.laws.at_nightfall(&self.beginning).await?;
            lived.disturbed_runs += self.runs().await - before;
            self.of.board.note("all faults stop");
            // No worker of the day has a run any more.
            self.of.clock.pass(TimeDelta::hours(1));
            for (tenant, world) in self.beginning.disturbed.iter().enumerate() {
                let calm = &self.beginning.calm[tenant];
                lived.calm_runs += mend(world).await?;
                for command in day {
                    if let Command::Edit(of, edit) = command
                        && *of == tenant
                    {
                        edit.make(calm, tenant);
                    }
                }
                calm.clock().pass(self.of.clock.instant() - calm.clock().instant());
                lived.calm_runs += mend(calm).await?;
            }
            self.laws.in_the_end(&self.beginning).await?;
        }
        Ok(())
    }

    /// How many runs of the disturbed worlds there have been.
    async fn runs(&self) -> u64 {
        let mut runs = 0;
        for world in &self.beginning.disturbed {
            runs += world.count_rows("run").await.unsigned_abs();
        }
        runs
    }

    /// Lets things go wrong until everything that was asked for was asked for, and nobody has anything left to do.
    async fn live_day(&mut self, day: &[Command]) -> Result<(), String> {
        let mut left = day.iter();
        let mut idle = 0;
        for place in 0..PLACES {
            self.start(place);
        }
        for _ in 0..LONGEST_DAY {
            self.settle().await?;
            let standing = self.of.board.standing();
            let rates = self.of.rates;
            if self.of.board.happens(rates.kill) {
                let place = self.of.board.roll(PLACES as u64) as usize;
                self.kill(place).await?;
            } else if self.of.board.happens(rates.jump) {
                self.jump().await;
            } else if self.of.board.happens(rates.pass) {
                self.pass().await;
            } else if self.deliver() {
            } else if standing > 0 && !self.of.board.happens(rates.command) {
                self.let_go(standing).await?;
            } else if let Some(command) = left.next() {
                self.carry_out(command).await;
            } else if standing > 0 {
                self.let_go(standing).await?;
            } else if idle < IDLE && self.is_at_work().await {
                idle += 1;
                for place in 0..PLACES {
                    self.start(place);
                }
                self.pass().await;
            } else {
                return Ok(());
            }
        }
        // Whoever is with the database is not to be killed there: nobody would say that it has answered.
        self.settle().await?;
        // A calm world lives through all of it too.
        for command in left.filter(|command| matches!(command, Command::Edit(..))) {
            self.carry_out(command).await;
        }
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), String> {
        self.of.board.settle().await;
        let deeds = taken(&self.of.ledger);
        for deed in &deeds {
            self.of.board.note(format_args!("  done: {:?}", deed.operation));
        }
        self.laws.weigh(&self.beginning, deeds).await
    }

    async fn let_go(&mut self, standing: usize) -> Result<(), String> {
        let number = self.of.board.roll(standing as u64) as usize;
        let (board, rates) = (&self.of.board, self.of.rates);
        let fails = if board.happens(rates.statement_fails) {
            Some(Failure::Lost)
        } else {
            board.happens(rates.contended).then_some(Failure::Contended)
        };
        if self.of.planted == Some(Planted::NoFence)
            && let Some(process) = self.of.board.about_to_begin(number)
            && let Some(process) = self.processes.iter().flatten().find(|at| at.number == process)
        {
            let owner = process.engine.settings().owner.clone();
            self.fences.lift(&self.beginning.database, &owner).await;
        }
        let Some(commits) = self.of.board.let_go(number, fails) else { return Ok(()) };
        let owner = self.processes.iter().flatten().find(|process| process.number == commits);
        let owner = owner.map(|process| process.engine.settings().owner.clone());
        self.settle().await?;
        if self.of.planted == Some(Planted::PausedGoesOn) {
            forget(&self.beginning.database, self.of.planted).await;
        }
        self.laws.only_its_worker_moves_a_run(&self.beginning, owner.as_deref()).await
    }

    fn start(&mut self, place: usize) {
        if self.processes[place].is_none() {
            self.started += 1;
            self.of.board.note(format_args!("process {} starts", self.started));
            let process = Process::start(&self.of, (place, self.started), &self.beginning.disturbed);
            self.processes[place] = Some(process);
        }
    }

    /// Ends a process where it stands, or starts one where there is none.
    async fn kill(&mut self, place: usize) -> Result<(), String> {
        match self.processes[place].take() {
            Some(process) => {
                self.of.board.note(format_args!("process {} is killed", process.number));
                drop(process);
                self.settle().await
            }
            None => {
                self.start(place);
                Ok(())
            }
        }
    }

    /// Moves the clock behind the end of all leases, without a beat of any heart. Whoever looks finds all runs left.
    async fn jump(&self) {
        self.of.board.note("the clock jumps");
        self.of.clock.pass(TimeDelta::from_std(LEASE * 2).expect("a time"));
        for world in &self.beginning.disturbed {
            let runs = live_runs(world).await.into_iter();
            for (run, ..) in runs.filter(|(_, status, _)| *status == ProgressStatus::Running) {
                let ticket = Ticket { tenant: world.store().slug().clone(), run };
                let mut mail = self.of.mail.lock().unwrap_or_else(PoisonError::into_inner);
                for message in (0..PLACES).map(|place| (place, ticket.clone())) {
                    // One that is on its way already need not be sent again.
                    if !mail.contains(&message) {
                        mail.push(message);
                    }
                }
            }
        }
    }

    /// Lets time pass for everybody: what was to happen after a while happens.
    async fn pass(&self) {
        self.of.board.note("time passes");
        self.of.clock.pass(TimeDelta::from_std(LOOK_EVERY).expect("a time"));
        tokio::time::advance(LOOK_EVERY).await;
    }

    /// Delivers a message, loses it, or delivers it and keeps it for another time. Whether there was one that moved.
    fn deliver(&self) -> bool {
        let mut mail = self.of.mail.lock().unwrap_or_else(PoisonError::into_inner);
        if mail.is_empty() || self.of.board.happens(5000) {
            return false;
        }
        let number = self.of.board.roll(mail.len() as u64) as usize;
        let (to, ticket) = mail.swap_remove(number);
        if self.of.board.happens(self.of.rates.message_lost) {
            self.of.board.note("a message is lost");
            return true;
        }
        if self.of.board.happens(self.of.rates.message_doubled) {
            mail.push((to, ticket.clone()));
        }
        self.of.board.note(format_args!("a message comes to place {to}"));
        if let Some(process) = &self.processes[to] {
            process.post.put(ticket);
        }
        true
    }

    /// Whether a run waits for a worker, or has one.
    async fn is_at_work(&self) -> bool {
        let sql = "SELECT count(*) || '' FROM run WHERE status IN (0, 1)";
        self.beginning.database.texts(sql).await != ["0"]
    }

    async fn carry_out(&mut self, command: &Command) {
        self.of.board.note(command);
        let tenant = command.tenant();
        let world = &self.beginning.disturbed[tenant];
        if let Command::Edit(_, edit) = command {
            edit.make(world, tenant);
            return;
        }
        let place = self.of.board.roll(PLACES as u64) as usize;
        let Some(process) = &mut self.processes[place] else { return };
        let engine = process.engine.clone();
        let slug = world.store().slug().clone();
        let (command, live) = (command.clone(), live_runs(world).await);
        let board = Arc::clone(&self.of.board);
        process.asked.spawn(async move {
            let store = engine.store().tenant(&slug).await;
            let Ok(Some(store)) = store else { return };
            let came = ask(&engine, &store, &command, &live).await;
            board.note(format_args!("{command}: {came}"));
        });
    }
}
