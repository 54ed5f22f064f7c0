//! The figures of one job, as JSON and as a line of the table.

use std::io;

use serde::{Deserialize, Serialize};

use super::usage::Usage;

/// The figures of one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The job.
    pub(crate) job: String,
    /// The store it worked on; `none` where it has none.
    pub(crate) store: String,
    /// Entries it worked on.
    pub(crate) entries: u64,
    /// Time by the clock.
    pub(crate) seconds: f64,
    /// Entries a second.
    pub(crate) entries_per_second: f64,
    /// Processor time.
    pub(crate) cpu_seconds: f64,
    /// The most memory the process held, in MiB.
    pub(crate) peak_rss_mib: f64,
    /// Statements sent to the store.
    pub(crate) statements: u64,
    /// What the floor did on this machine in this run; `None` where there is none.
    pub(crate) floor_entries_per_second: Option<f64>,
    /// Ours to the floor.
    pub(crate) ratio: Option<f64>,
}

impl Row {
    /// The figures of a job that sent no statement and has no floor yet.
    pub(crate) fn new(job: &str, store: &str, entries: u64, usage: Usage) -> Self {
        Self {
            job: job.to_owned(),
            store: store.to_owned(),
            entries,
            seconds: usage.seconds,
            entries_per_second: entries as f64 / usage.seconds,
            cpu_seconds: usage.cpu_seconds,
            peak_rss_mib: usage.peak_rss_mib,
            statements: 0,
            floor_entries_per_second: None,
            ratio: None,
        }
    }

    /// Beside the floor of the same run, in entries a second.
    pub(crate) fn with_floor(mut self, floor: f64) -> Self {
        self.floor_entries_per_second = Some(floor);
        self.ratio = Some(self.entries_per_second / floor);
        self
    }

    fn cells(&self) -> [String; 10] {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        [
            self.job.clone(),
            self.store.clone(),
            self.entries.to_string(),
            format!("{:.3}", self.seconds),
            format!("{:.0}", self.entries_per_second),
            format!("{:.2}", self.cpu_seconds),
            format!("{:.1}", self.peak_rss_mib),
            self.statements.to_string(),
            or_dash(self.floor_entries_per_second.map(|floor| format!("{floor:.0}"))),
            or_dash(self.ratio.map(|ratio| format!("{ratio:.3}"))),
        ]
    }
}

const TITLES: [&str; 10] = [
    "job",
    "store",
    "entries",
    "seconds",
    "entries/s",
    "cpu s",
    "peak MiB",
    "statements",
    "floor entries/s",
    "ratio",
];
/// Columns of words; the others hold numbers and stand to the right.
const WORDS: usize = 2;

/// Writes the table, two spaces between its columns.
///
/// # Errors
/// When the writer fails.
pub(crate) fn write_table(rows: &[Row], mut out: impl io::Write) -> io::Result<()> {
    let lines: Vec<_> =
        std::iter::once(TITLES.map(str::to_owned)).chain(rows.iter().map(Row::cells)).collect();
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            let width = lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
            let gap = if column == 0 { "" } else { "  " };
            if column < WORDS {
                write!(out, "{gap}{cell:<width$}")?;
            } else {
                write!(out, "{gap}{cell:>width$}")?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let usage = Usage { seconds: 2.0, cpu_seconds: 1.5, peak_rss_mib: 12.25 };
        Row::new("csv-first", "sqlite", 10_000, usage)
    }

    #[test]
    fn a_row_is_one_object_with_all_keys_in_order() {
        let text = serde_json::to_string(&row().with_floor(20_000.0)).unwrap();
        assert_eq!(
            text,
            r#"{"job":"csv-first","store":"sqlite","entries":10000,"seconds":2.0,"entries_per_second":5000.0,"cpu_seconds":1.5,"peak_rss_mib":12.25,"statements":0,"floor_entries_per_second":20000.0,"ratio":0.25}"#
        );
        assert_eq!(serde_json::from_str::<Row>(&text).unwrap(), row().with_floor(20_000.0));
    }

    #[test]
    fn numbers_stand_under_each_other() {
        let mut table = Vec::new();
        write_table(&[row(), row().with_floor(1e6)], &mut table).unwrap();
        let expected = "\
job        store   entries  seconds  entries/s  cpu s  peak MiB  statements  floor entries/s  ratio
csv-first  sqlite    10000    2.000       5000   1.50      12.2           0                -      -
csv-first  sqlite    10000    2.000       5000   1.50      12.2           0          1000000  0.005
";
        assert_eq!(String::from_utf8(table).unwrap(), expected);
    }
}
