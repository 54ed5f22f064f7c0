//! The machine: its clock, its chance, its memory.

use chrono::{DateTime, SubsecRound, Utc};
use muster_engine::Surroundings;
use uuid::Uuid;

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
