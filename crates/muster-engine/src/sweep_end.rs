//! The end of a sweep: whether it was complete, and what speaks against it. What was not read to the end is never
//! concluded to be gone.

use muster_connector::SweepEnd;
use muster_model::configuration::application::Situation;
use muster_model::error::ErrorCode;
use muster_model::run::Outcome;
use muster_store::{ProblemRow, ProblemStep};

use crate::check::FEW_FAILED;
use crate::error::EngineError;
use crate::sweep::Before;
use crate::worker::{Task, Work};

/// Where more than one in so many entries repeats a key, somebody else may not have been read at all.
const REPEATED_SHARE: u64 = 100;

/// Where more than one in so many entries failed, this may not be the source that it should be.
const FAILED_SHARE: u64 = 10;

impl Work {
    pub(crate) async fn end_sweep(&mut self, index: usize, end: SweepEnd) -> Result<(), EngineError> {
        let read = self.buckets[index].counters.read;
        let mut reason = match end {
            SweepEnd::Complete { token } => {
                self.buckets[index].token = token.map(|token| token.0);
                String::new()
            }
            SweepEnd::CutShort { reason } => reason,
        };
        // Of a part of the source nothing can be said by its size.
        let known = match self.reads_changes(index) {
            true => 0,
            false => Before::of(&self.buckets[index]).accounts,
        };
        let is_inbound = matches!(self.task, Task::Inbound(_));
        // An empty target holds the plan by which it would be filled.
        if reason.is_empty() && is_inbound && read == 0 && known > 0 && self.run.keys.is_none() {
            reason = match known {
                1 => "the source is empty, but 1 account is known".to_owned(),
                many => format!("the source is empty, but {many} accounts are known"),
            };
        }
        if reason.is_empty() && known > 0 && self.run.keys.is_none() {
            let repeated = self.repeated_keys(index).await?;
            if repeated * REPEATED_SHARE > read {
                reason = format!("{repeated} of {read} entries repeat a key, as when a page comes twice");
            }
        }
        let failed = self.buckets[index].counters.outcome(Outcome::Failed);
        let is_read = is_inbound && self.run.keys.is_none();
        if reason.is_empty() && is_read && failed > FEW_FAILED && failed * FAILED_SHARE > read {
            reason =
                format!("{failed} of {read} entries failed; look at why, correct it and run the task again");
        }
        let mut problems = Vec::new();
        if !reason.is_empty() {
            let of = match is_inbound {
                true => String::new(),
                false => format!("application `{}`: ", self.buckets[index].application),
            };
            let message = format!("{of}{reason}; nobody is concluded to be gone");
            problems.push(warning(ErrorCode::SourceCutShort, message));
        }
        let unidentified = self.buckets[index].counters.unidentified;
        if unidentified > 0 {
            let entries = match unidentified {
                1 => "1 bad entry has".to_owned(),
                many => format!("{many} bad entries have"),
            };
            let message =
                format!("{entries} no readable key and may be anybody; nobody is concluded to be gone");
            problems.push(warning(ErrorCode::EntryUnidentified, message));
        }
        self.buckets[index].sweep_end = Some(reason);
        let now = self.engine.surroundings.now();
        self.store.checkpoint_noting(&self.run, &self.buckets[index], &problems, now).await?;
        Ok(())
    }

    /// How many entries of a sweep have a key that another has: those whose accounts were known, which have failed,
    /// and those that nobody knows, which only their changes show.
    async fn repeated_keys(&self, index: usize) -> Result<u64, EngineError> {
        let (counters, no) = (&self.buckets[index].counters, self.buckets[index].no);
        let mut repeated = 0;
        if counters.outcome(Outcome::Failed) > 0 {
            repeated += self.store.count_problems(&self.run, no, ErrorCode::EntryRepeated).await?;
        }
        let new = [Situation::Unmatched, Situation::Unlinked].map(|situation| counters.situation(situation));
        if new.iter().sum::<u64>() > 1 && matches!(self.task, Task::Inbound(_)) {
            repeated += self.repeated_changes(index).await?;
        }
        Ok(repeated)
    }
}

fn warning(code: ErrorCode, message: String) -> ProblemRow {
    ProblemRow {
        change: None,
        outcome: None,
        step: ProblemStep::Read,
        code,
        uid: None,
        place: None,
        message,
        class: None,
    }
}
