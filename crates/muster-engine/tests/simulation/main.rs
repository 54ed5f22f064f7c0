//! Simulated worlds: laws that hold whatever goes wrong, the same steps for the same seed, and laws that can fail.
//!
//! `cargo xtask simulate` runs as many seeds as one likes, or shows one of them.

use std::time::Instant;

use muster_testkit::simulation::{Planted, Simulated, Template, simulate};

/// Seeds of a normal test run.
const SEEDS: u64 = 60;

/// The first seed, and how many: for `cargo xtask simulate`.
const FROM: &str = "MUSTER_SIMULATE_FROM";
const COUNT: &str = "MUSTER_SIMULATE_SEEDS";
/// Whether every step is shown.
const SHOW: &str = "MUSTER_SIMULATE_SHOW";

/// So many steps of a broken world are shown unless all are asked for.
const LAST: usize = 60;

fn template() -> Template {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(Template::make())
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// What is to be known of a world whose laws were broken.
fn told(seed: u64, world: &Simulated) -> String {
    let broken = world.broken.as_deref().unwrap_or("no law was broken");
    let steps = if std::env::var_os(SHOW).is_some() { world.trace.len() } else { LAST };
    let from = world.trace.len().saturating_sub(steps);
    let steps = world.trace[from..].join("\n");
    format!(
        "seed {seed}: {broken}\n{steps}\nseed {seed}: {broken}\nagain: cargo xtask simulate --seed {seed}"
    )
}

#[test]
fn the_laws_hold_in_every_world() {
    let template = template();
    let (from, count) = (number(FROM).unwrap_or(0), number(COUNT).unwrap_or(SEEDS));
    let begun = Instant::now();
    let (mut disturbed, mut calm, mut steps, mut broken) = (0, 0, 0, Vec::new());
    for seed in from..from + count {
        let world = simulate(&template, seed, None);
        disturbed += world.disturbed_runs;
        calm += world.calm_runs;
        steps += world.trace.len();
        if world.broken.is_some() {
            broken.push(told(seed, &world));
        } else if std::env::var_os(SHOW).is_some() {
            println!("{}", told(seed, &world));
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{count} seeds, {steps} steps, {disturbed} disturbed runs, {calm} calm runs, {} broken, {seconds:.1} s: \
         {:.1} runs a second",
        broken.len(),
        (disturbed + calm) as f64 / seconds
    );
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
    assert!(number(COUNT).is_some() || disturbed > count, "too little happened: {disturbed} runs");
}

#[test]
fn the_same_seed_gives_the_same_steps() {
    let template = template();
    for seed in 0..6 {
        let (one, other) = (simulate(&template, seed, None), simulate(&template, seed, None));
        let differs = one.trace.iter().zip(&other.trace).position(|(one, other)| one != other);
        let at = |world: &Simulated| differs.map(|at| world.trace[at.saturating_sub(5)..=at].join("\n"));
        assert_eq!(at(&one), at(&other), "seed {seed}");
        assert_eq!(one.trace.len(), other.trace.len(), "seed {seed}");
    }
    let (one, other) = (simulate(&template, 1, None), simulate(&template, 2, None));
    assert_ne!(one.trace, other.trace, "another seed is another world");
}

/// Plants a fault, and looks for a world in which a law notices it, in these words.
fn is_noticed(planted: Planted, words: &str) {
    let template = template();
    let mut noticed = Vec::new();
    for seed in 0..100 {
        let Some(broken) = simulate(&template, seed, Some(planted)).broken else { continue };
        if broken.contains(words) {
            println!("{planted:?}, seed {seed}: {broken}");
            return;
        }
        noticed.push(broken);
    }
    panic!("nobody noticed {planted:?} as `{words}`: {noticed:?}");
}

#[test]
fn an_account_that_is_made_twice_is_noticed() {
    is_noticed(Planted::CreatesTwice, "-again");
}

#[test]
fn people_of_another_tenant_are_noticed() {
    is_noticed(Planted::MixedTenants, "holds what is of tenant 0");
}

#[test]
fn a_plan_that_nobody_checked_is_noticed() {
    is_noticed(Planted::NoGuards, "further than its guards let it");
}

#[test]
fn half_a_source_that_is_taken_for_all_is_noticed() {
    is_noticed(Planted::HalfIsAll, "was there all day");
}

#[test]
fn a_fence_that_is_not_asked_is_noticed() {
    is_noticed(Planted::NoFence, "its run is another's");
}
