//! The closing summary of a run, in numbers: lines for people, one JSON object for programs.

use std::fmt::Write as _;

use clap::ValueEnum;
use muster_model::run::{OutcomeStatus, ProgressStatus};
use serde_json::{Map, Value, json};

use crate::print::{Number, count};
use crate::progress::{Problem, Progress};

/// How many problems are shown to people.
const SHOWN_PROBLEMS: usize = 5;

/// Who reads what a command says: people a text, programs JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Text,
    Json,
}

/// A run as it stands when a command ends.
pub(crate) struct Summary<'a> {
    pub(crate) progress: &'a Progress,
    /// What the run cost, as far as it is known.
    pub(crate) cost: Cost,
    /// How a plan is decided about from here; the words `approve` or `reject` fill the gap.
    pub(crate) decision: &'a dyn Fn(&str) -> String,
}

/// What a run cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    /// By the clock.
    pub(crate) seconds: f64,
    /// Whether that is the whole run, and not the end of one that another process began.
    pub(crate) span: Span,
    /// Of all processors together; unknown for a run on a server.
    pub(crate) cpu_seconds: Option<f64>,
}

/// Which part of a run was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// All of it.
    Whole,
    /// What was left of it.
    Rest,
}

impl Summary<'_> {
    fn entries_per_second(&self) -> Option<f64> {
        let entries = self.progress.counters.entries() as f64;
        (self.cost.span == Span::Whole && self.cost.seconds > 0.0).then(|| entries / self.cost.seconds)
    }

    /// One object for programs.
    pub(crate) fn json(&self) -> Value {
        let progress = self.progress;
        let counters = &progress.counters;
        let mut counted: Map<String, Value> =
            counters.actions().map(|(name, number)| (name.to_owned(), number.into())).collect();
        for (name, number) in [
            ("read", counters.read),
            ("lacking", counters.lacking),
            ("openReferences", counters.open_references),
            ("unidentified", counters.unidentified),
        ] {
            counted.insert(name.to_owned(), number.into());
        }
        let problems: Vec<_> = progress
            .error_details
            .iter()
            .map(|problem| json!({"accountKey": problem.properties.account_key, "message": problem.message}))
            .collect();
        json!({
            "run": progress.id,
            "task": progress.task,
            "mode": progress.mode,
            "status": progress.progress_status.as_str(),
            "outcome": progress.outcome_status.map(OutcomeStatus::as_str),
            "entries": counters.entries(),
            "seconds": self.cost.seconds,
            "entries_per_second": self.entries_per_second(),
            "cpu_seconds": self.cost.cpu_seconds,
            "peak_rss_mib": mebibytes(progress.peak_memory_bytes),
            "statements": progress.statements,
            "counters": counted,
            "planHash": progress.plan_hash,
            "heldBy": progress.held_by,
            "failure": progress.failure,
            "problems": problems,
        })
    }

    /// Lines for people.
    pub(crate) fn text(&self) -> String {
        let progress = self.progress;
        let mut text = format!("run {} of `{}`: {}\n\n", progress.id, progress.task, self.standing());
        for (name, value) in self.figures() {
            let _ = writeln!(text, "  {name:<11} {value}");
        }
        text.push_str(&problem_lines(&progress.error_details, progress.number_of_errors));
        text.push_str(&self.decision_lines());
        text.truncate(text.trim_end().len());
        text
    }

    fn standing(&self) -> &'static str {
        let simulated = self.progress.is_simulation();
        match (self.progress.progress_status, self.progress.outcome_status) {
            (ProgressStatus::Finished, Some(OutcomeStatus::Success)) if simulated => {
                "simulated, nothing was written"
            }
            (ProgressStatus::Finished, Some(OutcomeStatus::Partial)) if simulated => {
                "simulated, nothing was written; some entries failed"
            }
            (ProgressStatus::Finished, Some(OutcomeStatus::Success)) => "done",
            (ProgressStatus::Finished, Some(OutcomeStatus::Partial)) => "done, but some entries failed",
            (ProgressStatus::Finished, Some(OutcomeStatus::Failure)) => "failed",
            (ProgressStatus::Finished, Some(OutcomeStatus::Aborted) | None) => "cancelled",
            (ProgressStatus::Held, _) => "held, nothing was written",
            (ProgressStatus::Paused, _) => "paused",
            (ProgressStatus::Pending | ProgressStatus::Running, _) => "still at work",
        }
    }

    fn figures(&self) -> Vec<(String, String)> {
        let (progress, cost) = (self.progress, self.cost);
        let counters = &progress.counters;
        let mut figures: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, value: String| figures.push((name.to_owned(), value));
        let lacking = match counters.lacking {
            0 => String::new(),
            lacking => format!(", {} lacking", Number(lacking)),
        };
        add("entries", format!("{} read{lacking}", Number(counters.read)));
        for (name, number) in counters.actions().filter(|(_, number)| *number > 0) {
            add(name, Number(number).to_string());
        }
        if counters.open_references > 0 {
            add("references", format!("{} open", Number(counters.open_references)));
        }
        if counters.unidentified > 0 {
            let told =
                format!("{} without a key, so nobody is taken for gone", Number(counters.unidentified));
            add("entries", told);
        }
        let rate = self.entries_per_second().filter(|_| counters.entries() > 0);
        let rate = rate.map_or(String::new(), |rate| format!(", {} entries/s", Number(rate as u64)));
        add("time", format!("{:.2} s{rate}", cost.seconds));
        if let Some(seconds) = cost.cpu_seconds {
            add("processor", format!("{seconds:.2} s"));
        }
        add("memory", format!("{:.0} MiB at most", mebibytes(progress.peak_memory_bytes)));
        add("statements", Number(progress.statements).to_string());
        figures
    }

    /// What waits for a decision, and how it is made.
    fn decision_lines(&self) -> String {
        let progress = self.progress;
        let Some(hash) = &progress.plan_hash else { return String::new() };
        let held = progress.progress_status == ProgressStatus::Held;
        let simulated = progress.is_simulation() && progress.progress_status == ProgressStatus::Finished;
        if !held && !simulated {
            return String::new();
        }
        let mut lines = String::from("\n");
        if held {
            lines.push_str("held by\n");
            for limit in progress.held_by.as_deref().unwrap_or_default().lines() {
                let _ = writeln!(lines, "  {limit}");
            }
        }
        let _ = writeln!(lines, "plan {hash}");
        let _ = writeln!(lines, "to carry it out:  {}", (self.decision)("approve"));
        if held {
            let _ = writeln!(lines, "to drop it:       {}", (self.decision)("reject"));
        }
        lines
    }
}

/// The first problems with their places.
fn problem_lines(problems: &[Problem], failed: u64) -> String {
    if problems.is_empty() {
        return String::new();
    }
    let shown = problems.len().min(SHOWN_PROBLEMS);
    let mut lines = format!("\nproblems, the first {shown}");
    if failed > 0 {
        let _ = write!(lines, " ({} failed)", count(failed, "entry", "entries"));
    }
    lines.push('\n');
    for problem in problems.iter().take(SHOWN_PROBLEMS) {
        let key = problem.properties.account_key.as_ref().map_or(String::new(), |key| format!("{key}: "));
        let _ = writeln!(lines, "  {key}{}", problem.message);
    }
    lines
}

fn mebibytes(octets: u64) -> f64 {
    octets as f64 / 1024.0 / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(status: &str, outcome: Option<&str>, mode: &str) -> Progress {
        serde_json::from_value(json!({
            "id": "r1", "synchronizationTaskId": "hr", "progressStatus": status, "outcomeStatus": outcome,
            "processingTimeMillis": 2000, "numberOfEntriesToProcess": 3006, "numberOfProcessedEntries": 3006,
            "numberOfErrors": 1, "phase": "FINISH", "mode": mode,
            "counters": {
                "read": 3006, "lacking": 0, "actions": {"created": 3005, "updated": 0, "failed": 1},
                "situations": {}, "openReferences": 0, "unidentified": 0,
            },
            "planHash": "ab", "heldBy": "create: 3005 of 3005, the limit is 10", "failure": null,
            "peakMemoryBytes": 10 << 20, "statements": 42,
            "errorDetails": [{
                "description": "`hr.csv` line 7: bad", "properties": {"accountKey": "X1", "outcome": "failed"},
            }],
        }))
        .unwrap()
    }

    fn cost() -> Cost {
        Cost { seconds: 2.0, span: Span::Whole, cpu_seconds: Some(1.5) }
    }

    fn decision(word: &str) -> String {
        format!("muster run {word} r1")
    }

    #[test]
    fn people_read_what_happened_and_where_it_went_wrong() {
        let progress = progress("FINISHED", Some("PARTIAL"), "APPLY");
        let text = Summary { progress: &progress, cost: cost(), decision: &decision }.text();
        let expected = "\
run r1 of `hr`: done, but some entries failed

  entries     3,006 read
  created     3,005
  failed      1
  time        2.00 s, 1,503 entries/s
  processor   1.50 s
  memory      10 MiB at most
  statements  42

problems, the first 1 (1 entry failed)
  X1: `hr.csv` line 7: bad";
        assert_eq!(text, expected);
    }

    #[test]
    fn who_may_decide_is_told_how() {
        for (progress, approve, reject) in [
            (progress("HELD", None, "APPLY"), true, true),
            (progress("FINISHED", Some("SUCCESS"), "SIMULATE"), true, false),
            (progress("FINISHED", Some("SUCCESS"), "APPLY"), false, false),
        ] {
            let text = Summary { progress: &progress, cost: cost(), decision: &decision }.text();
            assert_eq!(text.contains("muster run approve r1"), approve, "{text}");
            assert_eq!(text.contains("muster run reject r1"), reject, "{text}");
            assert_eq!(text.contains("create: 3005 of 3005"), reject, "{text}");
        }
    }

    #[test]
    fn programs_read_figures() {
        let progress = progress("FINISHED", Some("PARTIAL"), "APPLY");
        let summary = Summary { progress: &progress, cost: cost(), decision: &decision };
        let object = summary.json();
        assert_eq!(object["entries_per_second"], 1503.0);
        assert_eq!(object["peak_rss_mib"], 10.0);
        assert_eq!(
            (&object["counters"]["created"], &object["counters"]["read"]),
            (&json!(3005), &json!(3006))
        );
        let rest = Cost { span: Span::Rest, ..cost() };
        let object = Summary { cost: rest, ..summary }.json();
        assert_eq!(object["entries_per_second"], Value::Null, "only a part was measured");
    }
}
