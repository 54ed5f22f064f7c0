//! From the local times of a cron expression to instants, where clocks are put forward and back.
//!
//! An expression that names hours means times of the day: one that is skipped fires at the first instant after
//! the gap, one that comes twice fires the first time. An expression for every hour means no time of the day: it
//! fires whenever the clock shows its minutes and seconds, so an hour that comes twice is no pause.

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone, Timelike as _, Utc};
use chrono_tz::Tz;
use muster_model::cron::Cron;

use super::calendar::first;

/// No zone is further from UTC than this.
const FARTHEST: TimeDelta = TimeDelta::hours(24);
/// So many hours, and none is named.
const EVERY_HOUR: usize = 24;
const SECOND: TimeDelta = TimeDelta::seconds(1);

/// The first instant after another at which an expression fires in a zone.
pub(super) fn next(cron: &Cron, zone: Tz, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let from = local(zone, after).with_nanosecond(0)?.checked_add_signed(SECOND)?;
    if cron.hours.len() < EVERY_HOUR {
        return next_named(cron, zone, after, from);
    }
    let candidates = [next_of_every_hour(cron, zone, after, from), second_pass(cron, zone, after)];
    candidates.into_iter().flatten().min()
}

/// Of an expression that names hours, from a local time on.
fn next_named(cron: &Cron, zone: Tz, after: DateTime<Utc>, from: NaiveDateTime) -> Option<DateTime<Utc>> {
    let found = first(cron, from)?;
    let Some((earlier, later)) = instants(zone, found) else { return end_of_gap(zone, found) };
    if earlier > after {
        return Some(earlier);
    }
    // The second pass has begun, and all that comes twice has fired in the first.
    let beyond = first(cron, fold(zone, earlier, later).end)?;
    instants(zone, beyond).map_or_else(|| end_of_gap(zone, beyond), |(earlier, _)| Some(earlier))
}

/// Of an expression for every hour, from a local time on: within the pass that `after` is in, or beyond.
fn next_of_every_hour(
    cron: &Cron,
    zone: Tz,
    after: DateTime<Utc>,
    mut from: NaiveDateTime,
) -> Option<DateTime<Utc>> {
    loop {
        let found = first(cron, from)?;
        match instants(zone, found) {
            Some((earlier, later)) => return Some(if earlier > after { earlier } else { later }),
            None => from = local(zone, end_of_gap(zone, found)?),
        }
    }
}

/// When `after` lies in the first pass of times that come twice: the first time of the second pass.
fn second_pass(cron: &Cron, zone: Tz, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let (earlier, later) = instants(zone, local(zone, after))?;
    if after >= later {
        return None;
    }
    let fold = fold(zone, earlier, later);
    let found = first(cron, fold.start).filter(|found| *found < fold.end)?;
    instants(zone, found).map(|(_, later)| later)
}

/// When clocks show a local time, the first and the last time that they do; `None` when they skip it.
fn instants(zone: Tz, local: NaiveDateTime) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let mapped = zone.from_local_datetime(&local);
    let (one, other) = (mapped.earliest()?.to_utc(), mapped.latest()?.to_utc());
    Some((one.min(other), one.max(other)))
}

/// What clocks show in a zone.
fn local(zone: Tz, at: DateTime<Utc>) -> NaiveDateTime {
    at.with_timezone(&zone).naive_local()
}

/// Local times that come twice: from `start` on, before `end`.
struct Fold {
    start: NaiveDateTime,
    end: NaiveDateTime,
}

/// The times around one that comes at both of these instants.
fn fold(zone: Tz, earlier: DateTime<Utc>, later: DateTime<Utc>) -> Fold {
    let offset = |at: DateTime<Utc>| local(zone, at) - at.naive_utc();
    let before = offset(earlier);
    let turn = first_instant(earlier, later, |at| offset(at) != before);
    Fold { start: local(zone, turn), end: turn.naive_utc() + before }
}

/// The first instant at which clocks show more than a time that they skip.
fn end_of_gap(zone: Tz, skipped: NaiveDateTime) -> Option<DateTime<Utc>> {
    let before = skipped.checked_sub_signed(FARTHEST)?.and_utc();
    let after = skipped.checked_add_signed(FARTHEST)?.and_utc();
    Some(first_instant(before, after, |at| local(zone, at) > skipped))
}

/// The first whole second after `before`, and not after `after`, from which on something holds; it holds at `after`.
fn first_instant(
    before: DateTime<Utc>,
    after: DateTime<Utc>,
    holds: impl Fn(DateTime<Utc>) -> bool,
) -> DateTime<Utc> {
    let (mut low, mut high) = (before.timestamp(), after.timestamp());
    let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or(after);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(at(middle)) { high = middle } else { low = middle }
    }
    at(high)
}
