//! `cargo xtask`: everything that is done to the project rather than by it.
//!
//! Stays small, since it is built before anything else can run: no store, no server, no async.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod api;
mod bench;
mod chaos;
mod ci;
mod debian;
mod error;
mod fuzz;
mod generate;
mod postgres;
mod program;
mod server;
mod simulate;
mod test;

use error::Error;
use program::Interruptions;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tests, checks, measures and generates")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Format, lints, tests, documents: what has to hold before a change is taken
    Ci,
    /// All tests, with a throw-away PostgreSQL beside them
    Test(test::Arguments),
    /// Requests made from the description of the API, to a real server
    Api,
    /// Measure, each job beside the floor of the same run
    Bench(bench::Arguments),
    /// Look for input that readers break on
    Fuzz(fuzz::Arguments),
    /// Live through simulated worlds in which things go wrong
    Simulate(simulate::Arguments),
    /// Kill and stop real servers in the middle of runs
    Chaos(chaos::Arguments),
    /// Make files from a seed
    #[command(subcommand)]
    Gen(generate::Arguments),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.print();
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Ci => ci::run_all(),
        Command::Test(arguments) => test::run(&arguments),
        Command::Api => api::run_all(&Interruptions::catch()?),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Chaos(arguments) => chaos::run(&arguments),
        Command::Gen(arguments) => generate::run(&arguments),
    }
}
