//! Worlds on all cores that the process may use, one world on each at a time. A thread keeps to its core, with what the
//! database starts for it: so whoever is answered need not be woken elsewhere, which is a third of all the time.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Threads that have been given a core so far.
static GIVEN: AtomicUsize = AtomicUsize::new(0);

/// Does something for each of so many seeds from this one on, on all cores.
///
/// # Panics
/// When that does.
pub fn on_all_cores(from: u64, count: u64, each: impl Fn(u64) + Sync) {
    let (next, each) = (AtomicU64::new(0), &each);
    let one_by_one = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            each(from + number);
        }
    };
    std::thread::scope(|scope| {
        for core in cores() {
            let one_by_one = &one_by_one;
            scope.spawn(move || {
                keep_to(core);
                one_by_one();
            });
        }
    });
}

/// Does something on one core, another one each time.
///
/// # Panics
/// When that does.
pub fn on_one_core(job: impl FnOnce() + Send) {
    let cores = cores();
    let core = cores[GIVEN.fetch_add(1, Ordering::Relaxed) % cores.len()];
    std::thread::scope(|scope| {
        let done = scope.spawn(move || {
            keep_to(core);
            job();
        });
        if let Err(panic) = done.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Processor time of this process so far, of all its threads, its own and what the system did for it.
#[must_use]
pub fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}

/// The cores that this thread may use.
fn cores() -> Vec<usize> {
    let allowed = sched_getaffinity(None).expect("the cores");
    (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect()
}

fn keep_to(core: usize) {
    let mut only = CpuSet::new();
    only.set(core);
    // Where that may not be, it takes longer and comes to the same.
    let _ = sched_setaffinity(None, &only);
}
