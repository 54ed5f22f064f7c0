//! One field of a cron expression: lists, ranges and steps of the numbers that it admits.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::{CronError, Word};

/// What a field admits.
pub(super) struct Field {
    what: &'static str,
    first: u16,
    last: u16,
    /// The names of the numbers from `first` on.
    names: &'static [&'static str],
    ranges: Ranges,
}

/// Whether a range may begin behind its end and go on from the first number: `22-2`, `NOV-FEB`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ranges {
    Ascending,
    Round,
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Field {
    pub(super) const SECOND: Self = Self::numbers("second", 0, 59);
    pub(super) const MINUTE: Self = Self::numbers("minute", 0, 59);
    pub(super) const HOUR: Self = Self::numbers("hour", 0, 23);
    pub(super) const DAY_OF_MONTH: Self = Self::numbers("day of the month", 1, 31);
    pub(super) const MONTH: Self = Self { names: &MONTHS, ..Self::numbers("month", 1, 12) };
    pub(super) const DAY_OF_WEEK: Self = Self { names: &WEEKDAYS, ..Self::numbers("day of the week", 1, 7) };
    pub(super) const YEAR: Self = Self { ranges: Ranges::Ascending, ..Self::numbers("year", 1970, 2099) };

    const fn numbers(what: &'static str, first: u16, last: u16) -> Self {
        Self { what, first, last, names: &[], ranges: Ranges::Round }
    }

    pub(super) fn range(&self) -> RangeInclusive<u16> {
        self.first..=self.last
    }

    /// A number or a name.
    fn number(&self, part: &Word<'_>) -> Result<u16, CronError> {
        let named =
            self.names.iter().zip(self.first..).find(|(name, _)| name.eq_ignore_ascii_case(part.text));
        if let Some((_, number)) = named {
            return Ok(number);
        }
        let (what, first, last) = (self.what, self.first, self.last);
        match digits(part.text) {
            Some(number) if self.range().contains(&number) => Ok(number),
            Some(number) => {
                part.problem(format!("{what} {number} does not exist, they go from {first} to {last},"))
            }
            None => Err(self.refusal(part)),
        }
    }

    /// Why something is no number: Quartz's own letters are told apart from mistakes.
    fn refusal(&self, part: &Word<'_>) -> CronError {
        let special = part.text.chars().position(|letter| "LW#".contains(letter.to_ascii_uppercase()));
        let rest: String = part.text.chars().filter(|letter| !letter.is_ascii_digit()).collect();
        let is_quartz = ["L", "W", "LW", "#"].iter().any(|known| rest.eq_ignore_ascii_case(known));
        let malformed = |position, message| CronError::Malformed { position, message };
        match special.filter(|_| is_quartz) {
            Some(offset) => malformed(part.position + offset, format!("`{rest}` is not possible")),
            None if part.text == "?" => {
                malformed(part.position, format!("`?` cannot stand for the {}; write `*`", self.what))
            }
            None if part.text.is_empty() => malformed(part.position, format!("the {} is missing", self.what)),
            None => malformed(part.position, format!("`{}` is no {}", part.text, self.what)),
        }
    }
}

/// Reads the numbers of a field.
pub(super) fn read(word: &Word<'_>, field: &Field) -> Result<BTreeSet<u16>, CronError> {
    let mut numbers = BTreeSet::new();
    for item in split(*word, ',') {
        numbers.extend(read_item(&item, field)?);
    }
    Ok(numbers)
}

/// `*`, a number or a range, with or without a step.
fn read_item(item: &Word<'_>, field: &Field) -> Result<Vec<u16>, CronError> {
    let parts = split(*item, '/');
    let (span, step) = match parts.as_slice() {
        [span] => (span, None),
        [span, step] => (span, Some(read_step(step, field)?)),
        _ => return item.problem("has more than one step `/`"),
    };
    let numbers = read_span(span, field, step)?;
    Ok(numbers.into_iter().step_by(step.unwrap_or(1)).collect())
}

fn read_step(part: &Word<'_>, field: &Field) -> Result<usize, CronError> {
    let most = field.last - field.first + 1;
    match digits(part.text).filter(|step| (1..=most).contains(step)) {
        Some(step) => Ok(step.into()),
        None => part.problem(format!("the step `{}` is no whole number from 1 to {most}", part.text)),
    }
}

/// The numbers before a step is taken. A single number with a step begins a range to the last.
fn read_span(span: &Word<'_>, field: &Field, step: Option<usize>) -> Result<Vec<u16>, CronError> {
    if span.text == "*" {
        return Ok(field.range().collect());
    }
    match split(*span, '-').as_slice() {
        [one] => {
            let first = field.number(one)?;
            Ok(step.map_or_else(|| vec![first], |_| (first..=field.last).collect()))
        }
        [from, to] => {
            let (first, last) = (field.number(from)?, field.number(to)?);
            if first <= last {
                return Ok((first..=last).collect());
            }
            match field.ranges {
                Ranges::Round => Ok((first..=field.last).chain(field.first..=last).collect()),
                Ranges::Ascending => span.problem(format!("`{}` ends before it begins", span.text)),
            }
        }
        _ => span.problem(format!("`{}` is no range", span.text)),
    }
}

fn split(word: Word<'_>, separator: char) -> Vec<Word<'_>> {
    let mut position = word.position;
    let parts = word.text.split(separator).map(|text| {
        let part = Word { position, text };
        position += text.chars().count() + 1;
        part
    });
    parts.collect()
}

/// A number without a sign.
fn digits(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
