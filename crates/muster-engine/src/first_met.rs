//! Which shadows a sweep has met, and where first, so that the second meeting can name it.

use muster_model::error::ErrorCode;
use muster_model::run::Outcome;
use muster_store::{Met, ProblemRow, ProblemStep};

use crate::sweep::Decided;

/// Where each shadow was first met, so that the second meeting can name the first.
#[derive(Default)]
pub(crate) struct FirstMet(Vec<u32>);

impl FirstMet {
    /// At a place that nobody remembers.
    pub(crate) const SOMEWHERE: u32 = u32::MAX;

    /// Whether a shadow was met.
    pub(crate) fn has_met(&self, shadow: u32) -> bool {
        self.0.get(shadow as usize).is_some_and(|place| *place != 0)
    }

    /// Notes a meeting; answers where the shadow was met before, if it was.
    pub(crate) fn meet(&mut self, shadow: u32, place: u64) -> Option<u32> {
        let index = shadow as usize;
        if index >= self.0.len() {
            self.0.resize(index + 1, 0);
        }
        let before = self.0[index];
        if before == 0 {
            self.0[index] = u32::try_from(place).unwrap_or(Self::SOMEWHERE).max(1);
        }
        (before != 0).then_some(before)
    }
}

/// Merges what the page met; an entry whose account was met before counts as failed, and is not acted on.
pub(crate) fn meet(decided: &mut Decided, first_met: &mut FirstMet, in_words: &dyn Fn(u64) -> String) -> Met {
    let mut met = Met::default();
    decided.gone.iter().for_each(|shadow| met.note_gone(*shadow));
    for shadow in std::mem::take(&mut decided.met) {
        let Some(before) = first_met.meet(shadow.no, shadow.place) else {
            met.note(shadow.no, shadow.outcome);
            continue;
        };
        decided.rows.remove(shadow.change);
        decided.counters.move_outcome(shadow.outcome, Outcome::Failed, 1);
        let first = match before {
            FirstMet::SOMEWHERE => String::new(),
            place => format!(", at {}", in_words(place.into())),
        };
        decided.rows.note(ProblemRow {
            change: None,
            outcome: Some(Outcome::Failed),
            step: ProblemStep::Read,
            code: ErrorCode::EntryRepeated,
            uid: None,
            place: Some(shadow.place),
            message: format!(
                "the key at {} was read before{first}; the first counts, remove the other",
                in_words(shadow.place)
            ),
            class: None,
        });
    }
    met
}
