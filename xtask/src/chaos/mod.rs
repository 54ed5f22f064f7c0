//! `cargo xtask chaos`: real servers, killed and stopped in the middle of runs, and the database under them as well.
//! What they come to in the end has to be what servers come to that nobody disturbs.
//!
//! What is done when follows from the seed; what it hits does not, since machines are not equally fast.

mod disturber;
mod place;
mod story;

use std::collections::BTreeSet;
use std::time::Instant;

use clap::ValueEnum;

use crate::error::Error;
use crate::postgres::{Durability, Server};
use crate::program::{Interruptions, cargo, run_until_interrupted};
use disturber::{Disturber, Done};
use place::Place;
use story::Story;

/// So many lines that differ are shown.
const SHOWN: usize = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many servers are killed, on all stores together
    #[arg(long, default_value_t = 20)]
    kills: u32,
    /// Which stores
    #[arg(long, value_enum, default_value = "both")]
    store: Stores,
    /// What follows when
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program as it lies in target/debug, without building it
    #[arg(long)]
    built: bool,
    /// People in the source
    #[arg(long, default_value_t = 3000)]
    entries: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stores {
    Sqlite,
    Postgres,
    Both,
}

/// What came of one store.
struct Row {
    store: &'static str,
    rounds: u32,
    done: Done,
    seconds: f64,
    differences: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    if !arguments.built {
        let interruptions = Interruptions::catch()?;
        run_until_interrupted(cargo().args(["build", "--package", "muster"]), &interruptions)?;
    }
    disturb(arguments)
}

/// The same with the program that the tests have built, and few kills.
pub(crate) fn disturb_a_little() -> Result<(), Error> {
    disturb(&Arguments { kills: 20, store: Stores::Both, seed: 1, built: true, entries: 3000 })
}

fn disturb(arguments: &Arguments) -> Result<(), Error> {
    let stores: &[&'static str] = match arguments.store {
        Stores::Sqlite => &["sqlite"],
        Stores::Postgres => &["postgres"],
        Stores::Both => &["sqlite", "postgres"],
    };
    let kills = arguments.kills.div_ceil(stores.len() as u32);
    let mut rows = Vec::new();
    for store in stores {
        rows.push(disturb_store(store, kills, arguments)?);
    }
    print(&rows);
    let differing: Vec<&str> =
        rows.iter().filter(|row| !row.differences.is_empty()).map(|row| row.store).collect();
    if differing.is_empty() {
        Ok(())
    } else {
        Err(Error::Chaos { stores: differing.join(" and "), seed: arguments.seed })
    }
}

/// Disturbs one store until so many servers were killed, and compares its end with a calm one.
fn disturb_store(store: &'static str, kills: u32, arguments: &Arguments) -> Result<Row, Error> {
    // What was committed has to outlive a crash.
    let database = if store == "postgres" { Some(Server::start(Durability::Full)?) } else { None };
    let begun = Instant::now();
    let place = Place::make(database)?;
    let disturber = Disturber::new(arguments.seed, kills);
    let mut story = Story::begin(place, disturber, arguments.entries)?;
    while story.disturber.has_kills_left() || story.rounds() < 2 {
        story.round()?;
    }
    let (rounds, done) = (story.rounds(), story.disturber.done());
    let (found, place) = story.end()?;
    let seconds = begun.elapsed().as_secs_f64();
    let calm = place.another()?;
    let mut story = Story::begin(calm, Disturber::new(arguments.seed, 0), arguments.entries)?;
    // Both files have been read by the second round; afterwards what comes of a file is always the same.
    while story.rounds() < 2 + rounds % 2 {
        story.round()?;
    }
    let (expected, _place) = story.end()?;
    Ok(Row { store, rounds, done, seconds, differences: differences(&expected, &found) })
}

fn differences(expected: &BTreeSet<String>, found: &BTreeSet<String>) -> Vec<String> {
    let lacking = expected.difference(found).map(|line| format!("- {line}"));
    lacking.chain(found.difference(expected).map(|line| format!("+ {line}"))).collect()
}

fn print(rows: &[Row]) {
    for row in rows {
        for line in row.differences.iter().take(SHOWN) {
            println!("{}: {line}", row.store);
        }
    }
    println!("store     kills  stops  database  in a run  rounds  again  seconds  a kill  differences");
    for row in rows {
        let Done { kills, hits, stops, crashes, again } = row.done;
        println!(
            "{:<9} {kills:>5}  {stops:>5}  {crashes:>8}  {hits:>8}  {:>6}  {again:>5}  {:>7.1}  {:>6.2}  {:>11}",
            row.store,
            row.rounds,
            row.seconds,
            row.seconds / f64::from(kills.max(1)),
            row.differences.len()
        );
    }
}
