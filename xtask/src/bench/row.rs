//! The figures of one job, as JSON and as a line of the table.

use std::io;

use serde::Serialize;

use super::api::Latencies;
use super::directory::Applied;
use super::directory_writes::Operations;
use super::idle::Idle;
use super::plan::Pages;
use super::program::{Figures, PART, Pace};
use super::single::Singles;

/// The figures of one job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    /// The job.
    pub(crate) job: &'static str,
    /// The store it worked on; `none` where it has none.
    pub(crate) store: &'static str,
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
    /// What else was seen, a line under the table.
    #[serde(flatten)]
    pub(crate) extra: Option<Extra>,
}

/// What is seen of some jobs alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Extra {
    /// How fast the first and the last entries went.
    Pace(Pace),
    /// How long single requests took.
    Latencies(Latencies),
    /// How soon a server answers, and how late it fires.
    Idle(Idle),
    /// How long the pages of a list took.
    Pages(Pages),
    /// How fast what was planned was carried out.
    Applied(Applied),
    /// What a directory was asked to do.
    Operations(Operations),
    /// How long single syncs took.
    Singles(Singles),
}

impl Row {
    /// The figures of a job without a floor.
    pub(crate) fn new(job: &'static str, store: &'static str, figures: &Figures) -> Self {
        Self {
            job,
            store,
            entries: figures.entries,
            seconds: figures.seconds,
            entries_per_second: figures.entries_per_second(),
            cpu_seconds: figures.cpu_seconds,
            peak_rss_mib: figures.peak_rss_mib,
            statements: figures.statements,
            floor_entries_per_second: None,
            ratio: None,
            extra: None,
        }
    }

    /// Beside the floor of the same run.
    pub(crate) fn with_floor(mut self, floor: &Figures) -> Self {
        let floor = floor.entries_per_second();
        self.floor_entries_per_second = Some(floor);
        self.ratio = Some(self.entries_per_second / floor);
        self
    }

    fn cells(&self) -> [String; 10] {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        [
            self.job.to_owned(),
            self.store.to_owned(),
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
    rows.iter().filter_map(|row| Some((row, row.extra?))).try_for_each(|(row, extra)| {
        let (job, store, told) = (row.job, row.store, extra.told());
        told.map_or(Ok(()), |told| writeln!(out, "{job} on {store}: {told}"))
    })
}

impl Extra {
    fn told(self) -> Option<String> {
        match self {
            Self::Pace(Pace { first_entries_per_second, last_entries_per_second }) => {
                let (first, last) = (first_entries_per_second?, last_entries_per_second?);
                let share = 100.0 * last / first;
                Some(format!(
                    "{first:.0} entries/s over the first {PART}, {last:.0} over the last ({share:.0} %)"
                ))
            }
            Self::Latencies(Latencies { read_p50_ms, read_p99_ms, write_p50_ms, write_p99_ms, .. }) => {
                Some(format!(
                    "a read p50 {read_p50_ms:.2} ms, p99 {read_p99_ms:.2} ms; \
                     a write p50 {write_p50_ms:.2} ms, p99 {write_p99_ms:.2} ms"
                ))
            }
            Self::Singles(Singles {
                one_p50_ms,
                one_p99_ms,
                one_per_second,
                two_p50_ms,
                two_p99_ms,
                two_per_second,
                many_p50_ms,
                many_p99_ms,
                many_per_second,
                ..
            }) => Some(format!(
                "one caller p50 {one_p50_ms:.2} ms, p99 {one_p99_ms:.2} ms, {one_per_second:.0} a second; \
                 two p50 {two_p50_ms:.2} ms, p99 {two_p99_ms:.2} ms, {two_per_second:.0} a second; \
                 several p50 {many_p50_ms:.2} ms, p99 {many_p99_ms:.2} ms, {many_per_second:.0} a second"
            )),
            Self::Idle(Idle { start_seconds, late_p50_ms, late_p99_ms }) => Some(format!(
                "reachable after {start_seconds:.2} s; a schedule fires p50 {late_p50_ms:.0} ms, \
                 p99 {late_p99_ms:.0} ms late"
            )),
            Self::Pages(Pages { page_p50_ms, page_p99_ms }) => {
                Some(format!("a page p50 {page_p50_ms:.2} ms, p99 {page_p99_ms:.2} ms"))
            }
            Self::Applied(Applied { apply_seconds, apply_entries_per_second, apply_ratio }) => Some(format!(
                "{apply_seconds:.3} s of it within APPLY: {apply_entries_per_second:.0} entries/s, {apply_ratio:.3} \
                 of the floor"
            )),
            Self::Operations(Operations { added, modified, groups, values }) => Some(format!(
                "{added} accounts added, {modified} modified, {groups} modifications of groups; {values} values \
                 besides those of new accounts, none of them needless"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(seconds: f64) -> Figures {
        Figures { entries: 10_000, seconds, cpu_seconds: 1.5, peak_rss_mib: 12.25, statements: 7 }
    }

    fn row() -> Row {
        Row::new("csv-first", "sqlite", &figures(2.0))
    }

    #[test]
    fn a_row_is_one_object_with_all_keys_in_order() {
        let text = serde_json::to_string(&row().with_floor(&figures(0.5))).unwrap();
        assert_eq!(
            text,
            r#"{"job":"csv-first","store":"sqlite","entries":10000,"seconds":2.0,"entries_per_second":5000.0,"cpu_seconds":1.5,"peak_rss_mib":12.25,"statements":7,"floor_entries_per_second":20000.0,"ratio":0.25}"#
        );
        let pace = Pace { first_entries_per_second: Some(5_000.0), last_entries_per_second: None };
        let text = serde_json::to_string(&Row { extra: Some(Extra::Pace(pace)), ..row() }).unwrap();
        let end = r#""ratio":null,"first_entries_per_second":5000.0,"last_entries_per_second":null}"#;
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn numbers_stand_under_each_other() {
        let mut table = Vec::new();
        let pace = Pace { first_entries_per_second: Some(5_000.0), last_entries_per_second: Some(4_000.0) };
        let watched = Row { extra: Some(Extra::Pace(pace)), ..row() };
        write_table(&[watched, row().with_floor(&figures(0.01))], &mut table).unwrap();
        let expected = "\
job        store   entries  seconds  entries/s  cpu s  peak MiB  statements  floor entries/s  ratio
csv-first  sqlite    10000    2.000       5000   1.50      12.2           7                -      -
csv-first  sqlite    10000    2.000       5000   1.50      12.2           7          1000000  0.005
csv-first on sqlite: 5000 entries/s over the first 100000, 4000 over the last (80 %)
";
        assert_eq!(String::from_utf8(table).unwrap(), expected);
    }
}
