//! The machine: its clock, its chance, its memory.

use chrono::{DateTime, SubsecRound, Utc};
use muster_engine::Surroundings;
use uuid::Uuid;

/// Processor time is counted in hundredths of a second, on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// The machine that Muster runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine;

impl Machine {
    /// This machine.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// A name that no other start of any process has.
    #[must_use]
    pub fn owner(self) -> String {
        format!("{}-{}", std::process::id(), Uuid::new_v4())
    }

    /// The processor time of this process so far, user and system, of all its threads. Linux tells it;
    /// elsewhere nobody knows.
    #[must_use]
    pub fn cpu_seconds(self) -> Option<f64> {
        cpu_seconds(&std::fs::read_to_string("/proc/self/stat").ok()?)
    }
}

/// Time in user and kernel mode, fields 14 and 15 of the line.
fn cpu_seconds(stat: &str) -> Option<f64> {
    // The second field is the program's name in brackets and may hold anything, brackets too.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<f64>().ok());
    ticks.sum::<Option<f64>>().map(|ticks| ticks / TICKS_PER_SECOND)
}

impl Surroundings for Machine {
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(3)
    }

    fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn peak_memory(&self) -> u64 {
        // Linux says so in kibibytes; elsewhere nobody knows.
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kibibytes.unwrap_or(0) * 1024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_from_its_fields() {
        assert_eq!(cpu_seconds("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 50 11 12"), Some(3.0));
        assert_eq!(cpu_seconds("7 (a"), None);
    }
}
