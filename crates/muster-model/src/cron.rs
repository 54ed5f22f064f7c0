//! Cron expressions in Quartz form: seconds first, 6 or 7 fields, 1 is Sunday. Says which instants they mean, and
//! never computes the next one.
//!
//! Source: the manual of Quartz 2.3, "Cron Trigger". Its `L`, `W` and `#` are refused.

mod field;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;

use field::{Field, read};

/// A cron expression that fires at least once between 1970 and 2099.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    /// 0 to 59.
    pub seconds: BTreeSet<u16>,
    /// 0 to 59.
    pub minutes: BTreeSet<u16>,
    /// 0 to 23.
    pub hours: BTreeSet<u16>,
    /// The days that it means.
    pub days: Days,
    /// 1 to 12.
    pub months: BTreeSet<u16>,
    /// 1970 to 2099.
    pub years: BTreeSet<u16>,
}

/// The days that a cron expression means: Quartz takes them by the month or by the week, never both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Days {
    /// Days of the month, 1 to 31.
    OfMonth(BTreeSet<u16>),
    /// Days of the week, 1 (Sunday) to 7 (Saturday).
    OfWeek(BTreeSet<u16>),
}

/// Why a text is no cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// It has too few fields, or too many.
    #[error("has {0} fields, but a cron expression has 6 or 7, seconds first")]
    Fields(usize),
    /// Something in it is wrong.
    #[error("{message} at position {position}")]
    Malformed {
        /// In characters, from 0.
        position: usize,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// It means days that never come.
    #[error("never fires: there is no such day in any of its months and years")]
    Never,
}

impl fmt::Display for Cron {
    /// As it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let words = words(text);
        let (first, year) = match words.as_slice() {
            [first @ .., year] if words.len() == 7 => (first, Some(year)),
            all => (all, None),
        };
        let [second, minute, hour, of_month, month, of_week] = first else {
            return Err(CronError::Fields(words.len()));
        };
        let cron = Self {
            text: text.to_owned(),
            seconds: read(second, &Field::SECOND)?,
            minutes: read(minute, &Field::MINUTE)?,
            hours: read(hour, &Field::HOUR)?,
            days: days(of_month, of_week)?,
            months: read(month, &Field::MONTH)?,
            years: match year {
                Some(year) => read(year, &Field::YEAR)?,
                None => Field::YEAR.range().collect(),
            },
        };
        if cron.ever_fires() { Ok(cron) } else { Err(CronError::Never) }
    }
}

impl Cron {
    /// Days of the week come in every month; of the others one at least has to exist.
    fn ever_fires(&self) -> bool {
        let Days::OfMonth(days) = &self.days else { return true };
        let exists = |year: u16, month: u16, day: u16| {
            NaiveDate::from_ymd_opt(year.into(), month.into(), day.into()).is_some()
        };
        self.months
            .iter()
            .any(|month| days.iter().any(|day| self.years.iter().any(|year| exists(*year, *month, *day))))
    }
}

/// A field as it stands in its text.
#[derive(Debug, Clone, Copy)]
struct Word<'a> {
    /// In characters, from 0.
    position: usize,
    text: &'a str,
}

impl Word<'_> {
    fn problem<T>(&self, message: impl Into<String>) -> Result<T, CronError> {
        Err(CronError::Malformed { position: self.position, message: message.into() })
    }
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut position = 0;
    let mut words = Vec::new();
    for part in text.split(char::is_whitespace) {
        if !part.is_empty() {
            words.push(Word { position, text: part });
        }
        position += part.chars().count() + 1;
    }
    words
}

fn days(of_month: &Word<'_>, of_week: &Word<'_>) -> Result<Days, CronError> {
    match (of_month.text, of_week.text) {
        ("?", "?") => of_week.problem("is `?` as the day of the month is; one of the two has to name days"),
        (_, "?") => read(of_month, &Field::DAY_OF_MONTH).map(Days::OfMonth),
        ("?", _) => read(of_week, &Field::DAY_OF_WEEK).map(Days::OfWeek),
        _ => of_week.problem(format!(
            "finds `{}` where `?` is expected, since the day of the month is not `?`",
            of_week.text
        )),
    }
}

#[cfg(test)]
mod tests;
