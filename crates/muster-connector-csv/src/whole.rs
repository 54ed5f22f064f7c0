//! Whether a file was read whole. Nothing may be concluded from absence in a file that was not.

use crate::scan::RawRecord;
use crate::settings::{Settings, WholeRules};

/// How the records of a file ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// After the last record.
    Records,
    /// With the trailer.
    Trailer { bytes: Vec<u8>, record: RawRecord },
    /// In a quoted cell that began in the record at this line.
    Unclosed { line: u64 },
    /// In the middle of a character.
    Torn,
}

/// What was read of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadThrough<'a> {
    pub(crate) shown: &'a str,
    /// Records, bad ones included.
    pub(crate) count: u64,
    pub(crate) ending: &'a Ending,
}

impl ReadThrough<'_> {
    /// Checks that the file ended where it should and counts what it says.
    ///
    /// # Errors
    /// With what was seen and what to do.
    pub(crate) fn check_ending(&self, settings: &Settings) -> Result<(), String> {
        let shown = self.shown;
        match (self.ending, &settings.whole.trailer) {
            (Ending::Torn, _) => {
                Err(format!("`{shown}` ends in the middle of a character; deliver the whole file again"))
            }
            (Ending::Unclosed { line }, _) => Err(format!(
                "`{shown}` line {line}: a quote is never closed, so that the rest of the file is unreadable; \
                 close it or deliver the whole file again"
            )),
            (Ending::Trailer { bytes, .. }, Some(rule)) => rule
                .check_count(settings.cells.dialect, bytes, self.count)
                .map_err(|problem| format!("`{shown}`: {problem}; deliver the whole file again")),
            (Ending::Records, Some(rule)) => Err(format!(
                "`{shown}` does not end with a record that begins with `{}`; deliver the whole file again",
                rule.prefix
            )),
            (Ending::Records | Ending::Trailer { .. }, None) => Ok(()),
        }
    }

    /// Checks that there are as many records as can be expected.
    ///
    /// # Errors
    /// With what was seen and what to do.
    pub(crate) fn check_count(&self, rules: &WholeRules, last_count: Option<u64>) -> Result<(), String> {
        let (shown, count) = (self.shown, self.count);
        let last = last_count.unwrap_or(0);
        if count == 0 && last > 0 {
            return Err(format!(
                "`{shown}` holds no records, {last} last time; deliver the whole file again"
            ));
        }
        if let Some(minimum) = rules.minimum_rows
            && count < minimum
        {
            return Err(format!(
                "`{shown}` holds {count} records, fewer than {minimum}; deliver the whole file again or lower \
                 `minimumRows`"
            ));
        }
        let share = rules.minimum_share;
        if u128::from(count) * 100 < u128::from(last) * u128::from(share) {
            return Err(format!(
                "`{shown}` holds {count} records, fewer than {share} percent of the {last} last time; deliver \
                 the whole file again or lower `minimumShare`"
            ));
        }
        Ok(())
    }
}
