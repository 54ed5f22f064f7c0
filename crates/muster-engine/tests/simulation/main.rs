//! Simulated worlds: laws that hold whatever goes wrong, the same steps for the same seed, and laws that can fail.
//!
//! `cargo xtask simulate` runs as many seeds as one likes, or shows one of them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::time::Instant;

use muster_testkit::simulation::{
    Planted, Simulated, Template, on_all_cores, on_one_core, processor_time, simulate,
};

/// Seeds of a normal test run: about a minute and a half on two cores.
const SEEDS: u64 = 250;

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

/// What many worlds came to.
#[derive(Default)]
struct Sum {
    steps: usize,
    disturbed: u64,
    calm: u64,
    broken: BTreeMap<u64, String>,
}

/// Lives through worlds on all cores.
fn live_through(from: u64, count: u64) -> Sum {
    let (template, sum, shown) = (template(), Mutex::new(Sum::default()), std::env::var_os(SHOW).is_some());
    on_all_cores(from, count, |seed| {
        let world = simulate(&template, seed, None);
        let mut sum = sum.lock().expect("no thread has panicked");
        sum.disturbed += world.disturbed_runs;
        sum.calm += world.calm_runs;
        sum.steps += world.trace.len();
        if world.broken.is_some() {
            sum.broken.insert(seed, told(seed, &world));
        } else if shown {
            println!("{}", told(seed, &world));
        }
    });
    sum.into_inner().expect("no thread has panicked")
}

#[test]
fn the_laws_hold_in_every_world() {
    let (from, count) = (number(FROM).unwrap_or(0), number(COUNT).unwrap_or(SEEDS));
    let (begun, worked) = (Instant::now(), processor_time());
    let Sum { steps, disturbed, calm, broken } = live_through(from, count);
    let (seconds, worked) = (begun.elapsed().as_secs_f64(), (processor_time() - worked).as_secs_f64());
    let runs = disturbed + calm;
    println!(
        "{count} seeds, {steps} steps, {runs} runs ({disturbed} disturbed, {calm} calm), {} seeds broken, \
         {seconds:.1} s, {worked:.1} s of processor time: {:.1} runs a second of one core",
        broken.len(),
        runs as f64 / worked
    );
    let told: Vec<String> = broken.into_values().collect();
    assert!(told.is_empty(), "{}", told.join("\n\n"));
    assert!(number(COUNT).is_some() || disturbed > count, "too little happened: {disturbed} runs");
}

#[test]
fn the_same_seed_gives_the_same_steps() {
    on_one_core(|| is_the_same_again(0..6));
}

fn is_the_same_again(seeds: Range<u64>) {
    let template = template();
    for seed in seeds {
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
    on_one_core(|| look_for(planted, words));
}

fn look_for(planted: Planted, words: &str) {
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

#[test]
fn a_run_that_goes_on_while_it_is_paused_is_noticed() {
    is_noticed(Planted::PausedGoesOn, "its run is another's: nobody");
}

#[test]
fn a_due_time_that_nobody_knows_of_is_noticed() {
    is_noticed(Planted::ForgottenFire, "is to fire at");
}

#[test]
fn errands_that_nobody_knows_of_are_noticed() {
    is_noticed(Planted::ForgottenErrands, "has no errands");
}
