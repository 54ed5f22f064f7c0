//! The progress bar of a run, on a terminal only.

use std::fmt;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::print::Number;
use crate::progress::Progress;

/// How often the bar looks at the run.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(400);

/// A bar on standard error; nothing where that is no terminal.
pub(super) struct Bar(ProgressBar);

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
        Self(bar)
    }

    /// Whether anybody sees it.
    pub(super) fn is_seen(&self) -> bool {
        !self.0.is_hidden()
    }

    pub(super) fn show(&self, progress: &Progress) {
        self.0.set_message(doing(&progress.phase));
        self.0.set_length(progress.number_of_entries_to_process);
        self.0.set_position(progress.number_of_processed_entries);
    }

    /// A line above the bar.
    pub(super) fn note(&self, line: &str) {
        if self.is_seen() {
            self.0.println(line);
        } else {
            crate::print::complain(line);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
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
