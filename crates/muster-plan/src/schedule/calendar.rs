//! The local times that a cron expression means, without any time zone.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use muster_model::cron::{Cron, Days};

/// The first time at or after `from` that the expression means, to the second; `None` when there is none left.
pub(super) fn first(cron: &Cron, from: NaiveDateTime) -> Option<NaiveDateTime> {
    let today = from.date();
    if means(cron, today)
        && let Some(time) = time_from(cron, from.time())
    {
        return Some(today.and_time(time));
    }
    let day = first_day(cron, today.succ_opt()?)?;
    Some(day.and_time(time_from(cron, NaiveTime::MIN)?))
}

fn means(cron: &Cron, day: NaiveDate) -> bool {
    let in_year = u16::try_from(day.year()).is_ok_and(|year| cron.years.contains(&year));
    in_year && cron.months.contains(&small(day.month())) && is_among(&cron.days, day)
}

fn is_among(days: &Days, day: NaiveDate) -> bool {
    match days {
        Days::OfMonth(days) => days.contains(&small(day.day())),
        Days::OfWeek(days) => days.contains(&small(day.weekday().number_from_sunday())),
    }
}

/// The first day at or after `from`. Of every year and month that is meant at most 31 days are looked at.
fn first_day(cron: &Cron, from: NaiveDate) -> Option<NaiveDate> {
    let this_year = u16::try_from(from.year()).unwrap_or(0);
    for year in cron.years.range(this_year..) {
        let first_month = if *year == this_year { small(from.month()) } else { 1 };
        for month in cron.months.range(first_month..) {
            let first = NaiveDate::from_ymd_opt((*year).into(), (*month).into(), 1)?.max(from);
            let in_month = first.iter_days().take_while(|day| day.month() == u32::from(*month));
            if let Some(day) = in_month.into_iter().find(|day| is_among(&cron.days, *day)) {
                return Some(day);
            }
        }
    }
    None
}

/// The first time of day at or after `from`, to the second.
fn time_from(cron: &Cron, from: NaiveTime) -> Option<NaiveTime> {
    let (hour, minute, second) = (small(from.hour()), small(from.minute()), small(from.second()));
    let at = |hour: &u16, minute: &u16, second: &u16| {
        NaiveTime::from_hms_opt((*hour).into(), (*minute).into(), (*second).into())
    };
    let (first_minute, first_second) = (cron.minutes.first()?, cron.seconds.first()?);
    if cron.hours.contains(&hour) {
        if cron.minutes.contains(&minute)
            && let Some(second) = cron.seconds.range(second..).next()
        {
            return at(&hour, &minute, second);
        }
        if let Some(minute) = cron.minutes.range(minute + 1..).next() {
            return at(&hour, minute, first_second);
        }
    }
    let hour = cron.hours.range(hour + 1..).next()?;
    at(hour, first_minute, first_second)
}

fn small(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
