//! What a job costs this process: time, processor time, memory. Linux tells them in `/proc`.

use std::time::Instant;
use std::{fs, io};

/// Processor time is counted in hundredths of a second, on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a job cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Usage {
    /// By the clock.
    pub(crate) seconds: f64,
    /// Of all processors together.
    pub(crate) cpu_seconds: f64,
    /// The most memory the process ever held, in MiB.
    pub(crate) peak_rss_mib: f64,
}

/// Does the job and measures it.
///
/// # Errors
/// When the machine does not tell.
pub(crate) fn measure<T>(job: impl FnOnce() -> T) -> io::Result<(T, Usage)> {
    let cpu_before = cpu_seconds(&fs::read_to_string("/proc/self/stat")?)?;
    let start = Instant::now();
    let result = job();
    let seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = cpu_seconds(&fs::read_to_string("/proc/self/stat")?)? - cpu_before;
    let peak_rss_mib = peak_rss_mib(&fs::read_to_string("/proc/self/status")?)?;
    Ok((result, Usage { seconds, cpu_seconds, peak_rss_mib }))
}

/// Time in user and kernel mode, fields 14 and 15 of the line.
fn cpu_seconds(stat: &str) -> io::Result<f64> {
    // The second field is the program's name in brackets and may hold anything, brackets too.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().skip(11).take(2));
    let ticks = fields.and_then(|fields| fields.map(|field| field.parse::<f64>().ok()).sum::<Option<f64>>());
    ticks.map(|ticks| ticks / TICKS_PER_SECOND).ok_or_else(|| io::Error::other("no times in `stat`"))
}

fn peak_rss_mib(status: &str) -> io::Result<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kibibytes.map(|kibibytes| kibibytes / 1024.0).ok_or_else(|| io::Error::other("no `VmHWM` in `status`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_their_fields() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 50 11 12";
        assert_eq!(cpu_seconds(stat).unwrap(), 3.0);
        assert!(cpu_seconds("7 (a").is_err());
        assert_eq!(peak_rss_mib("VmPeak:\t 9 kB\nVmHWM:\t    2048 kB\n").unwrap(), 2.0);
        assert!(peak_rss_mib("VmPeak: 9 kB").is_err());
    }
}
