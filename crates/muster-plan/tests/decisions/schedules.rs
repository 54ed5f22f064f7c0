//! Cron expressions against another reading of them: croner, wherever both mean the same, and the plainest search
//! of our own where clocks are put forward and back.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use chrono::{DateTime, Days, TimeDelta, TimeZone, Timelike as _, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};
use muster_model::configuration::task::ExecutionPlan;
use muster_plan::schedule::Schedule;
use proptest::prelude::*;

/// Zones that put their clocks forward and back, in the north and in the south, by an hour and by half of one, at
/// night and at midnight; and two that never do.
const ZONES: [&str; 8] = [
    "UTC",
    "Asia/Kolkata",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/Havana",
];
const SEQUENCE: usize = 12;

fn ours(expression: &str, zone: Tz, after: DateTime<Utc>, count: usize) -> Vec<DateTime<Utc>> {
    let cron = expression.parse().unwrap_or_else(|error| panic!("{expression}: {error}"));
    let plan = ExecutionPlan::Cron { cron, time_zone: Some(zone) };
    Schedule { plan: &plan, anchor: after }.following(after).take(count).collect()
}

fn theirs(expression: &str, zone: Tz, after: DateTime<Utc>, count: usize) -> Vec<DateTime<Utc>> {
    let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Optional);
    let parser = parser.alternative_weekdays(true).sloppy_ranges(true).build();
    let cron = parser.parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    let times = cron.iter_after(after.with_timezone(&zone)).take(count);
    times.map(|time| time.to_utc()).collect()
}

/// One field: everything, steps, one number, a range, or a list.
fn field(first: u32, last: u32) -> impl Strategy<Value = String> {
    let number = first..=last;
    prop_oneof![
        Just("*".to_owned()),
        (1..=(last - first)).prop_map(|step| format!("*/{step}")),
        number.clone().prop_map(|one| one.to_string()),
        (number.clone(), number.clone()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        proptest::collection::btree_set(number, 1..4)
            .prop_map(|all: BTreeSet<u32>| { all.iter().map(u32::to_string).collect::<Vec<_>>().join(",") }),
    ]
}

fn days() -> impl Strategy<Value = String> {
    let of_month = (field(1, 28), field(1, 12)).prop_map(|(day, month)| format!("{day} {month} ?"));
    let of_week = (field(1, 7), field(1, 12)).prop_map(|(day, month)| format!("? {month} {day}"));
    prop_oneof![of_month, of_week]
}

/// Hours of which both have the same opinion wherever clocks are put forward or back: all of them, or one time of
/// the day.
fn times_of_one_mind() -> impl Strategy<Value = String> {
    let every = (field(0, 59), field(0, 59)).prop_map(|(second, minute)| format!("{second} {minute} *"));
    let one = (0..60, 0..60, 0..24).prop_map(|(second, minute, hour)| format!("{second} {minute} {hour}"));
    prop_oneof![every, one]
}

fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    (1_790_000_000_i64..2_500_000_000).prop_map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap())
}

/// An instant within two days of one at which a zone puts its clocks forward or back.
fn around_a_turn() -> impl Strategy<Value = (Tz, DateTime<Utc>)> {
    (proptest::sample::select(&ZONES[2..]), 2026..2036, any::<prop::sample::Index>(), -86_400..86_400_i64)
        .prop_map(|(zone, year, which, seconds)| {
            let zone: Tz = zone.parse().unwrap();
            let turns = turns(zone, year);
            (zone, turns[which.index(turns.len())] + TimeDelta::seconds(seconds))
        })
}

/// The hours of a year at whose end the clocks differ.
fn turns(zone: Tz, year: i32) -> Vec<DateTime<Utc>> {
    let begin = Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap();
    let offset = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local() - at.naive_utc();
    let turns = |at: &DateTime<Utc>, within: TimeDelta| offset(*at) != offset(*at + within);
    let days = (0..365).map(|day| begin + TimeDelta::days(day)).filter(|day| turns(day, TimeDelta::days(1)));
    let hours = days.flat_map(|day| (0..24).map(move |hour| day + TimeDelta::hours(hour)));
    hours.filter(|hour| turns(hour, TimeDelta::hours(1))).collect()
}

/// What an expression for whole minutes of named hours means, found minute by minute: each local time once, a
/// skipped one at the first instant after the gap.
fn minute_by_minute(expression: &str, zone: Tz, after: DateTime<Utc>) -> BTreeSet<DateTime<Utc>> {
    let words: Vec<_> = expression.split(' ').collect();
    let means = |field: &str, number: u32| field.split(',').any(|one| one == number.to_string());
    let midnight = after.with_timezone(&zone).date_naive().checked_sub_days(Days::new(1)).unwrap();
    let mut found = BTreeSet::new();
    for minute in 0..5 * 24 * 60 {
        let local = midnight.and_hms_opt(0, 0, 0).unwrap() + TimeDelta::minutes(minute);
        if !means(words[1], local.minute()) || !means(words[2], local.hour()) {
            continue;
        }
        let shown = (0..=240)
            .find_map(|late| zone.from_local_datetime(&(local + TimeDelta::minutes(late))).earliest());
        found.insert(shown.expect("no gap of more than four hours").to_utc());
    }
    found.into_iter().filter(|time| *time > after).take(SEQUENCE).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn where_clocks_are_never_changed_both_mean_the_same(
        (second, minute, hour) in (field(0, 59), field(0, 59), field(0, 23)),
        days in days(),
        zone in proptest::sample::select(&ZONES[..2]),
        after in instant(),
    ) {
        let expression = format!("{second} {minute} {hour} {days}");
        let zone = zone.parse().unwrap();
        prop_assert_eq!(ours(&expression, zone, after, SEQUENCE), theirs(&expression, zone, after, SEQUENCE));
    }

    #[test]
    fn around_a_turn_both_mean_the_same(times in times_of_one_mind(), (zone, after) in around_a_turn()) {
        let expression = format!("{times} * * ?");
        prop_assert_eq!(ours(&expression, zone, after, 60), theirs(&expression, zone, after, 60));
    }

    #[test]
    fn named_hours_fire_once_around_a_turn(
        minutes in proptest::collection::btree_set(0..60_u32, 1..4),
        hours in proptest::collection::btree_set(prop_oneof![0..4_u32, 22..24_u32], 1..4),
        (zone, after) in around_a_turn(),
    ) {
        let list = |set: &BTreeSet<u32>| set.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let expression = format!("0 {} {} * * ?", list(&minutes), list(&hours));
        let expected: Vec<_> = minute_by_minute(&expression, zone, after).into_iter().take(3).collect();
        prop_assert_eq!(ours(&expression, zone, after, expected.len()), expected, "{}", expression);
    }

    #[test]
    fn the_next_time_is_after_the_last_and_nothing_lies_between(
        times in (field(0, 59), field(0, 59), field(0, 23)),
        days in days(),
        (zone, after) in around_a_turn(),
        late in 0..100_000_i64,
    ) {
        let expression = format!("{} {} {} {days}", times.0, times.1, times.2);
        let next = ours(&expression, zone, after, 1)[0];
        prop_assert!(next > after);
        // Asked anywhere before it, the answer is the same.
        let between = (after + TimeDelta::seconds(late)).min(next - TimeDelta::milliseconds(1));
        prop_assert_eq!(ours(&expression, zone, between, 1)[0], next);
    }
}
