//! The progress bar of a run, on a terminal only.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::print::Number;
use crate::progress::Progress;

/// How often the bar looks at the run.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(400);

/// A bar on standard error; nothing where that is no terminal.
pub(super) struct Bar {
    bar: ProgressBar,
    /// The lines that were said already.
    said: RefCell<BTreeSet<String>>,
}

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{msg:<22} {bar:30} {human_pos}/{human_len} {rate}") {
            let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
                // Nothing can be done about a bar that cannot be drawn.
                let _ = write!(out, "{}/s", Number(state.per_sec() as u64));
            };
            bar.set_style(style.with_key("rate", rate));
        }
        Self { bar, said: RefCell::default() }
    }

    /// Whether anybody sees it.
    pub(super) fn is_seen(&self) -> bool {
        !self.bar.is_hidden()
    }

    pub(super) fn show(&self, progress: &Progress) {
        self.bar.set_message(match &progress.waits_for_instance_id {
            Some(run) => format!("waiting for run {run}"),
            None => doing(&progress.phase).to_owned(),
        });
        self.bar.set_length(progress.number_of_entries_to_process);
        self.bar.set_position(progress.number_of_processed_entries);
    }

    /// A line above the bar, the first time that it is said.
    pub(super) fn note_once(&self, line: String) {
        if !self.said.borrow().contains(&line) {
            self.note(&line);
            self.said.borrow_mut().insert(line);
        }
    }

    /// A line above the bar.
    pub(super) fn note(&self, line: &str) {
        if self.is_seen() {
            self.bar.println(line);
        } else {
            crate::print::complain(line);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn doing(phase: &str) -> &'static str {
    match phase {
        "START" => "making ready",
        "SWEEP" => "reading and deciding",
        "ABSENCE" => "looking who is gone",
        "CHECK" => "checking the plan",
        "APPLY" => "writing",
        _ => "finishing",
    }
}
