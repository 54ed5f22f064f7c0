//! The machine: its clock, its chance, its memory.

use std::os::unix::fs::MetadataExt as _;

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

    /// The user as whom this process runs: by name, or by number where there is none. The environment is not
    /// asked, since anybody can set it.
    #[must_use]
    pub fn user(self) -> String {
        let Ok(process) = std::fs::metadata("/proc/self") else { return "unknown".to_owned() };
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        user_name(&users, process.uid()).unwrap_or_else(|| process.uid().to_string())
    }

    /// This process and its machine, for whoever looks for it later.
    #[must_use]
    pub fn process(self) -> String {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = if host.trim().is_empty() { "unknown" } else { host.trim() };
        format!("process {} on {host}", std::process::id())
    }

    /// The processor time of this process so far, user and system, of all its threads. Linux tells it;
    /// elsewhere nobody knows.
    #[must_use]
    pub fn cpu_seconds(self) -> Option<f64> {
        cpu_seconds(&std::fs::read_to_string("/proc/self/stat").ok()?)
    }
}

/// The name of a user in lines such as `ann:x:1000:…`.
fn user_name(users: &str, number: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, found) = (fields.next()?, fields.nth(1)?);
        (found.parse() == Ok(number)).then(|| name.to_owned())
    })
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
    fn users_are_found_by_their_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\n# nobody\nann:x:1000:7:Ann:/home/ann:/bin/sh\n";
        for (number, name) in [(0, Some("root")), (1000, Some("ann")), (7, None)] {
            assert_eq!(user_name(users, number).as_deref(), name, "{number}");
        }
        assert!(!Machine::new().user().is_empty());
        assert!(Machine::new().process().starts_with(&format!("process {} on ", std::process::id())));
    }

    #[test]
    fn processor_time_is_read_from_its_fields() {
        assert_eq!(cpu_seconds("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 50 11 12"), Some(3.0));
        assert_eq!(cpu_seconds("7 (a"), None);
    }
}
