//! `cargo xtask`: everything that is done to the project rather than by it.
//!
//! Stays small, since it is built before anything else can run: no store, no server, no async.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod ci;
mod debian;
mod error;
mod generate;
mod postgres;
mod program;
mod test;

use error::Error;

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
    /// Measure, each job beside the floor of the same run
    Bench(bench::Arguments),
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
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Gen(arguments) => generate::run(&arguments),
    }
}
