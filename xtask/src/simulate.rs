//! `cargo xtask simulate`: many simulated worlds, or one again with all of its steps.

use crate::error::Error;
use crate::program::{Interruptions, cargo, run_until_interrupted};

/// The test that lives through worlds.
const TEST: &str = "the_laws_hold_in_every_world";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// This one seed, with every step
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// So many seeds
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// As released: takes long to build, and pays off for many seeds
    #[arg(long)]
    release: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let (from, count) = match arguments.seed {
        Some(seed) => (seed, 1),
        None => (arguments.from, arguments.seeds),
    };
    let mut test = cargo();
    test.args(["test", "--workspace", "--test", "simulation"]);
    if arguments.release {
        test.arg("--release");
    }
    test.args(["--", "--exact", TEST, "--nocapture"]);
    test.env("MUSTER_SIMULATE_FROM", from.to_string()).env("MUSTER_SIMULATE_SEEDS", count.to_string());
    if arguments.seed.is_some() {
        test.env("MUSTER_SIMULATE_SHOW", "every step");
    }
    run_until_interrupted(&mut test, &Interruptions::catch()?)
}
