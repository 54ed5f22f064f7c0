//! Dates in the forms that people write them in. Knows no clock and no time zone but UTC.

use std::fmt::Write as _;

use chrono::format::{Item, Parsed, StrftimeItems, parse};
use chrono::{DateTime, SecondsFormat, Utc};
use muster_model::attribute::parse_date_time;

/// How a date is written.
#[derive(Debug, Clone)]
pub(crate) enum DateForm {
    /// RFC 3339 in UTC; a date alone is read too.
    Rfc3339,
    /// In `strftime` letters.
    Letters(Vec<Item<'static>>),
}

impl DateForm {
    /// `None` is RFC 3339.
    pub(crate) fn compile(letters: Option<&str>) -> Result<Self, String> {
        let Some(letters) = letters else { return Ok(Self::Rfc3339) };
        if letters.is_empty() {
            return Err("the form of the date is empty".to_owned());
        }
        StrftimeItems::new(letters)
            .parse_to_owned()
            .map(Self::Letters)
            .map_err(|_| format!("`{letters}` is not a form of dates: write `%Y-%m-%d`, for example"))
    }

    /// What names no offset is UTC, what names no time is the first instant of its day.
    pub(crate) fn read(&self, text: &str) -> Option<DateTime<Utc>> {
        let items = match self {
            Self::Rfc3339 => return parse_date_time(text),
            Self::Letters(items) => items,
        };
        let mut parsed = Parsed::new();
        parse(&mut parsed, text, items.iter()).ok()?;
        if let Ok(instant) = parsed.to_datetime() {
            return Some(instant.to_utc());
        }
        if let Ok(local) = parsed.to_naive_datetime_with_offset(0) {
            return Some(local.and_utc());
        }
        let names_time = parsed.hour_mod_12().is_some() || parsed.minute().is_some();
        let day = parsed.to_naive_date().ok().filter(|_| !names_time)?;
        day.and_hms_opt(0, 0, 0).map(|local| local.and_utc())
    }

    pub(crate) fn write(&self, instant: DateTime<Utc>) -> Option<String> {
        match self {
            Self::Rfc3339 => Some(instant.to_rfc3339_opts(SecondsFormat::Millis, true)),
            Self::Letters(items) => {
                let mut text = String::new();
                write!(text, "{}", instant.format_with_items(items.iter())).ok()?;
                Some(text)
            }
        }
    }
}
