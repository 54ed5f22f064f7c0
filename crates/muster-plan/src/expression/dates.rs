//! Dates in expressions: texts that are read as instants in UTC, and written as RFC 3339.

use chrono::{DateTime, Datelike, Duration, NaiveTime, Utc};
use muster_model::attribute::parse_date_time;
use rhai::Dynamic;

use crate::transform::DateForm;

/// The longest form of dates, in octets.
const LETTERS: usize = 128;

/// The first instant of the day in UTC. Finer time is not told, so that an answer holds for a day.
pub(super) fn today(now: DateTime<Utc>) -> Result<Dynamic, String> {
    write(now.date_naive().and_time(NaiveTime::MIN).and_utc()).map(Dynamic::from)
}

pub(super) fn date(text: &str) -> Result<Dynamic, String> {
    write(read(text)?).map(Dynamic::from)
}

pub(super) fn year(text: &str) -> Result<Dynamic, String> {
    Ok(Dynamic::from_int(read(text)?.year().into()))
}

pub(super) fn month(text: &str) -> Result<Dynamic, String> {
    Ok(Dynamic::from_int(read(text)?.month().into()))
}

pub(super) fn day(text: &str) -> Result<Dynamic, String> {
    Ok(Dynamic::from_int(read(text)?.day().into()))
}

pub(super) fn add_days(text: &str, days: i64) -> Result<Dynamic, String> {
    let start = read(text)?;
    let moved = Duration::try_days(days).and_then(|days| start.checked_add_signed(days));
    write(moved.ok_or_else(|| format!("{days} days are too many"))?).map(Dynamic::from)
}

pub(super) fn format(text: &str, letters: &str) -> Result<Dynamic, String> {
    if letters.len() > LETTERS {
        return Err(format!("the form of the date is longer than {LETTERS} octets"));
    }
    let form = DateForm::compile(Some(letters))?;
    let written = form.write(read(text)?);
    written.map(Dynamic::from).ok_or_else(|| format!("`{letters}` cannot be written of a date"))
}

fn read(text: &str) -> Result<DateTime<Utc>, String> {
    parse_date_time(text).ok_or_else(|| format!("`{}` is no date", text.chars().take(40).collect::<String>()))
}

/// Only years of four digits are written: others would not compare as texts.
fn write(instant: DateTime<Utc>) -> Result<String, String> {
    if !(0..=9999).contains(&instant.year()) {
        return Err(format!("the year {} has not four digits", instant.year()));
    }
    DateForm::Rfc3339.write(instant).ok_or_else(|| "the date cannot be written".to_owned())
}
