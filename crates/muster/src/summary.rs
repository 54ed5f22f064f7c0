//! The closing summary of a run, in numbers: lines for people, one JSON object for programs.

use std::fmt::Write as _;

use muster_model::error::ErrorCode;
use muster_model::run::{OutcomeStatus, ProgressStatus};
use serde_json::Value;

use crate::print::{Number, count};
use crate::progress::{Problem, Progress};

/// How many problems are shown to people.
const SHOWN_PROBLEMS: usize = 5;

/// Who reads what a command says: people a text, programs JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Text,
    Json,
}

/// A run as it stands when a command ends.
pub(crate) struct Summary<'a> {
    pub(crate) progress: &'a Progress,
    /// The same as the API shows it.
    pub(crate) view: &'a Value,
    /// What the run cost, as far as it is known.
    pub(crate) cost: Cost,
    /// How a plan is decided about from here; the words `approve` or `reject` fill the gap.
    pub(crate) decision: &'a dyn Fn(&str) -> String,
    /// How its changes are looked at from here.
    pub(crate) changes: &'a str,
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

    /// One object for programs: what the API shows of the run, and what was measured here.
    pub(crate) fn json(&self) -> Value {
        let mut object = self.view.clone();
        for (name, measured) in [
            ("seconds", Some(self.cost.seconds)),
            ("entriesPerSecond", self.entries_per_second()),
            ("cpuSeconds", self.cost.cpu_seconds),
        ] {
            object[name] = measured.into();
        }
        object
    }

    /// Lines for people.
    pub(crate) fn text(&self) -> String {
        let progress = self.progress;
        let mut text = format!("run {} of `{}`: {}\n\n", progress.id, progress.task, self.standing());
        for (name, value) in self.figures() {
            let _ = writeln!(text, "  {name:<11} {value}");
        }
        // Why the run itself failed is said by whoever shows the summary.
        let problems = progress.error_details.iter().filter(|p| p.label != ErrorCode::RunFailed.label());
        text.push_str(&problem_lines(&problems.collect::<Vec<_>>(), progress.number_of_errors));
        text.push_str(&self.decision_lines());
        text.truncate(text.trim_end().len());
        text
    }

    fn standing(&self) -> String {
        let progress = self.progress;
        match (progress.progress_status, progress.outcome_status) {
            (ProgressStatus::Finished, Some(OutcomeStatus::Success | OutcomeStatus::Partial)) => {
                self.ending()
            }
            (ProgressStatus::Finished, Some(OutcomeStatus::Failure)) => "failed".to_owned(),
            (ProgressStatus::Finished, Some(OutcomeStatus::Aborted) | None) => self.why_aborted().to_owned(),
            (ProgressStatus::Held, _) => "held, nothing was written".to_owned(),
            (ProgressStatus::Paused, _) => "paused".to_owned(),
            (ProgressStatus::Pending | ProgressStatus::Running, _) => "still at work".to_owned(),
        }
    }

    fn why_aborted(&self) -> &'static str {
        let noted = |code: ErrorCode| self.progress.error_details.iter().any(|p| p.label == code.label());
        if noted(ErrorCode::PlanRejected) {
            "rejected, nothing was written"
        } else if noted(ErrorCode::PlanOutdated) {
            "the approved plan is no longer the plan, nothing was written"
        } else {
            "cancelled"
        }
    }

    /// How a run ended that came to its end, and everything that was not as it should be.
    fn ending(&self) -> String {
        let progress = self.progress;
        let done = if progress.is_simulation() { "simulated, nothing was written" } else { "done" };
        let left_out = match progress.left_out.as_slice() {
            [one] => format!("application `{one}` was left out"),
            several => format!("applications `{}` were left out", several.join("`, `")),
        };
        let flaws = [
            (progress.would_be_held(), "the plan would be held"),
            (progress.has_failed_entries(), "some entries failed"),
            (!progress.left_out.is_empty(), left_out.as_str()),
            (progress.is_cut_short(), "the source was cut short, so nobody was taken for gone"),
        ];
        let flaws: Vec<_> = flaws.into_iter().filter_map(|(is_so, words)| is_so.then_some(words)).collect();
        match flaws.as_slice() {
            [] => done.to_owned(),
            some => format!("{done}, but {}", some.join("; ")),
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

    /// The limits that a plan is beyond, and what a plan that waits for a decision is decided about with.
    fn decision_lines(&self) -> String {
        let progress = self.progress;
        let held = progress.progress_status == ProgressStatus::Held;
        let simulated = progress.is_simulation() && progress.progress_status == ProgressStatus::Finished;
        let mut lines = String::from("\n");
        if let Some(limits) = &progress.held_by {
            lines.push_str(match (held, simulated) {
                (true, _) => "held by\n",
                (false, true) => "would be held by\n",
                (false, false) => "was held by\n",
            });
            for limit in limits.lines() {
                let _ = writeln!(lines, "  {limit}");
            }
        }
        let Some(hash) = progress.plan_hash.as_ref().filter(|_| held || simulated) else { return lines };
        let _ = writeln!(lines, "plan {hash}");
        let _ = writeln!(lines, "to see it:        {}", self.changes);
        let _ = writeln!(lines, "to carry it out:  {}", (self.decision)("approve"));
        if held {
            let _ = writeln!(lines, "to drop it:       {}", (self.decision)("reject"));
        }
        if let Some(end) = progress.expires_at.as_ref().filter(|_| held) {
            let _ = writeln!(lines, "not approved by {end} it is dropped");
        }
        lines
    }
}

/// The first problems with their places.
fn problem_lines(problems: &[&Problem], failed: u64) -> String {
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
    use serde_json::json;

    use super::*;

    fn view(status: &str, outcome: Option<&str>, mode: &str) -> Value {
        json!({
            "id": "r1", "synchronizationTaskId": "hr", "progressStatus": status, "outcomeStatus": outcome,
            "startDate": "1970-01-01T00:00:00.000Z", "endDate": null,
            "processingTimeMillis": 2000, "numberOfEntriesToProcess": 3006, "numberOfProcessedEntries": 3006,
            "numberOfErrors": 1, "phase": "FINISH", "mode": mode,
            "counters": {
                "read": 3006, "lacking": 0, "actions": {"created": 3005, "updated": 0, "failed": 1},
                "situations": {}, "openReferences": 0, "unidentified": 0,
            },
            "planHash": "ab", "heldBy": "create: 3005 of 3005, the limit is 10", "failure": null,
            "expiresAt": "1970-01-04T00:00:00.000Z",
            "peakMemoryBytes": 10 << 20, "statements": 42,
            "errorDetails": [{
                "label": "ENTRY_UNREADABLE", "description": "`hr.csv` line 7: bad",
                "properties": {"accountKey": "X1"},
            }],
        })
    }

    /// The view without guards that tripped and without entries that failed.
    fn well(mut view: Value) -> Value {
        (view["heldBy"], view["numberOfErrors"]) = (Value::Null, 0.into());
        (view["counters"]["actions"]["failed"], view["errorDetails"]) = (0.into(), json!([]));
        view
    }

    fn summed_up<T>(view: &Value, cost: Cost, tell: impl FnOnce(Summary<'_>) -> T) -> T {
        let progress = serde_json::from_value(view.clone()).unwrap();
        let decision = |word: &str| format!("muster run {word} r1");
        let changes = "muster run changes r1";
        tell(Summary { progress: &progress, view, cost, decision: &decision, changes })
    }

    fn text(view: &Value) -> String {
        summed_up(view, cost(), |summary| summary.text())
    }

    fn cost() -> Cost {
        Cost { seconds: 2.0, span: Span::Whole, cpu_seconds: Some(1.5) }
    }

    #[test]
    fn people_read_what_happened_and_where_it_went_wrong() {
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
        let mut view = view("FINISHED", Some("PARTIAL"), "APPLY");
        view["heldBy"] = Value::Null;
        assert_eq!(text(&view), expected);
    }

    #[test]
    fn who_may_decide_is_told_how_and_what_speaks_against_it() {
        for (status, outcome, mode, approve, reject, limits) in [
            ("HELD", None, "APPLY", true, true, "\nheld by\n"),
            ("FINISHED", Some("SUCCESS"), "SIMULATE", true, false, "\nwould be held by\n"),
            ("FINISHED", Some("SUCCESS"), "APPLY", false, false, "\nwas held by\n"),
            ("FINISHED", Some("ABORTED"), "APPLY", false, false, "\nwas held by\n"),
        ] {
            let view = view(status, outcome, mode);
            let told = text(&view);
            assert_eq!(told.contains("muster run approve r1"), approve, "{told}");
            assert_eq!(told.contains("muster run reject r1"), reject, "{told}");
            assert_eq!(told.contains("muster run changes r1"), approve, "{told}");
            assert_eq!(told.contains("1970-01-04T00:00:00.000Z"), reject, "{told}");
            assert!(told.contains(&format!("{limits}  create: 3005 of 3005")), "{told}");
            let told = text(&well(view));
            assert!(!told.contains("held by"), "{told}");
        }
    }

    #[test]
    fn a_run_that_ended_says_what_was_not_as_it_should_be() {
        let finished = |outcome, mode| view("FINISHED", Some(outcome), mode);
        let cut_short = |mut view: Value| {
            view["errorDetails"].as_array_mut().unwrap().push(json!({
                "label": "SOURCE_CUT_SHORT", "description": "it ends early",
            }));
            view
        };
        let left_out = |mut view: Value, applications: &[&str]| {
            view["leftOutApplicationIds"] = json!(applications);
            view
        };
        let gone = "the source was cut short, so nobody was taken for gone";
        for (view, expected) in [
            (well(finished("SUCCESS", "APPLY")), "done".to_owned()),
            (well(finished("SUCCESS", "SIMULATE")), "simulated, nothing was written".to_owned()),
            (finished("PARTIAL", "APPLY"), "done, but some entries failed".to_owned()),
            (well(finished("PARTIAL", "APPLY")), format!("done, but {gone}")),
            (cut_short(well(finished("PARTIAL", "APPLY"))), format!("done, but {gone}")),
            (
                left_out(well(finished("PARTIAL", "APPLY")), &["ad"]),
                "done, but application `ad` was left out".to_owned(),
            ),
            (
                left_out(cut_short(finished("PARTIAL", "APPLY")), &["ad", "wiki"]),
                format!("done, but some entries failed; applications `ad`, `wiki` were left out; {gone}"),
            ),
            (
                cut_short(finished("PARTIAL", "SIMULATE")),
                format!(
                    "simulated, nothing was written, but the plan would be held; some entries failed; {gone}"
                ),
            ),
        ] {
            assert_eq!(text(&view).lines().next(), Some(format!("run r1 of `hr`: {expected}").as_str()));
        }
    }

    #[test]
    fn an_aborted_run_says_what_ended_it() {
        for (label, expected) in [
            ("PLAN_REJECTED", "rejected, nothing was written"),
            ("PLAN_OUTDATED", "the approved plan is no longer the plan, nothing was written"),
            ("RUN_CANCELLED", "cancelled"),
        ] {
            let mut view = well(view("FINISHED", Some("ABORTED"), "APPLY"));
            view["errorDetails"] = json!([{"label": label, "description": "so it was"}]);
            let first = text(&view).lines().next().map(str::to_owned);
            assert_eq!(first, Some(format!("run r1 of `hr`: {expected}")));
        }
    }

    #[test]
    fn why_a_run_failed_is_no_problem_of_an_entry() {
        let mut view = well(view("FINISHED", Some("FAILURE"), "APPLY"));
        view["errorDetails"] = json!([{"label": "RUN_FAILED", "description": "no such file"}]);
        let told = text(&view);
        assert!(told.starts_with("run r1 of `hr`: failed\n") && !told.contains("no such file"), "{told}");
    }

    #[test]
    fn programs_read_what_the_api_shows_and_what_was_measured() {
        let view = view("FINISHED", Some("PARTIAL"), "APPLY");
        let mut object = summed_up(&view, cost(), |summary| summary.json());
        for (measured, expected) in [("seconds", 2.0), ("entriesPerSecond", 1503.0), ("cpuSeconds", 1.5)] {
            assert_eq!(object.as_object_mut().unwrap().remove(measured), Some(expected.into()));
        }
        assert_eq!(object, view, "all else is the API's");
        let rest = Cost { span: Span::Rest, ..cost() };
        let object = summed_up(&view, rest, |summary| summary.json());
        assert_eq!(object["entriesPerSecond"], Value::Null, "only a part was measured");
    }
}
