//! Simulated worlds: tenants, workers and systems that live through a history and its faults, all made from one
//! number, the seed. The same seed gives the same steps in the same order.
//!
//! The store is the real one, on SQLite. Everything runs on one thread; whoever is about to ask the database, or has
//! just committed, or calls a system, stands still until the dice say who goes on ([`board`]). Timers run when the dice
//! say that time passes, and never by themselves. What SQLite's own threads do is waited for, so nothing overlaps that
//! the order of statements does not say.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

mod asking;
mod board;
mod cores;
mod history;
mod launched;
mod laws;
mod mend;
mod planted;
mod process;
mod rates;
mod scene;
mod systems;
mod template;

pub use cores::{on_all_cores, on_one_core, processor_time};
pub use planted::Planted;
pub use template::Template;

/// How long a silent worker keeps its run.
const LEASE: Duration = Duration::from_secs(10);

/// How often a process looks for work.
const LOOK_EVERY: Duration = Duration::from_secs(4);

/// A world that takes so long waits for something that never comes. A hundred times as long as the longest take.
const STANDSTILL: Duration = Duration::from_secs(60);

/// What a world came to.
#[derive(Debug)]
pub struct Simulated {
    /// Every step, one a line.
    pub trace: Vec<String>,
    /// Runs that were worked on while things went wrong.
    pub disturbed_runs: u64,
    /// Runs that nothing disturbed: what mended, and what was compared with.
    pub calm_runs: u64,
    /// The law that was broken, and how.
    pub broken: Option<String>,
}

/// Lives through the history of a seed, and holds the laws against it.
///
/// # Panics
/// When there can be no runtime.
#[must_use]
pub fn simulate(template: &Template, seed: u64, planted: Option<Planted>) -> Simulated {
    let trace = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&trace);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let lived = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            // While a blocking task runs, a clock that is stopped does not go on by itself.
            let (end, ended) = std::sync::mpsc::channel::<()>();
            let mut stopped = tokio::task::spawn_blocking(move || ended.recv_timeout(STANDSTILL));
            tokio::time::pause();
            let lived = tokio::select! {
                lived = scene::live(template, (seed, planted), noted) => lived,
                _ = &mut stopped => return scene::Lived::stands_still(),
            };
            drop(end);
            let _ = stopped.await;
            lived
        })
    }));
    runtime.shutdown_background();
    let trace = trace.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match lived {
        Ok(lived) => Simulated {
            trace,
            disturbed_runs: lived.disturbed_runs,
            calm_runs: lived.calm_runs,
            broken: lived.broken,
        },
        Err(panic) => {
            let told = panic.downcast_ref::<String>().cloned();
            let told = told.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            let broken = Some(format!("a panic: {}", told.unwrap_or_default()));
            Simulated { trace, disturbed_runs: 0, calm_runs: 0, broken }
        }
    }
}
