//! When schedules fire: known days of several zones, missed times, and what outlasts a change of the plan.

use muster_model::cron::Cron;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_utc()
}

fn cron(expression: &str, zone: &str) -> ExecutionPlan {
    let cron: Cron = expression.parse().unwrap_or_else(|error| panic!("{expression}: {error}"));
    ExecutionPlan::Cron { cron, time_zone: Some(zone.parse().unwrap()) }
}

/// The next times after an instant, as that zone's clocks show them.
fn shown(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let plan = cron(expression, zone);
    let zone: chrono_tz::Tz = zone.parse().unwrap();
    let schedule = Schedule { plan: &plan, anchor: at(after) };
    let times = schedule.following(at(after)).take(count);
    times.map(|time| time.with_timezone(&zone).format("%m-%dT%H:%M:%S%:z").to_string()).collect()
}

fn check(expression: &str, zone: &str, after: &str, expected: &[&str]) {
    assert_eq!(shown(expression, zone, after, expected.len()), expected, "{expression} in {zone}");
}

#[test]
fn a_skipped_time_fires_once_at_the_first_instant_after_it() {
    let berlin = "2026-03-27T12:00:00Z";
    let half_past_two = ["03-28T02:30:00+01:00", "03-29T03:00:00+02:00", "03-30T02:30:00+02:00"];
    check("0 30 2 * * ?", "Europe/Berlin", berlin, &half_past_two);
    // However many times of the gap are meant.
    let often = "0 0/20 2 * * ?";
    let after_gap = ["03-29T03:00:00+02:00", "03-30T02:00:00+02:00", "03-30T02:20:00+02:00"];
    check(often, "Europe/Berlin", "2026-03-28T12:00:00Z", &after_gap);
    // What is meant at the end of the gap anyway is the same time.
    let both = ["03-29T03:00:00+02:00", "03-30T02:30:00+02:00", "03-30T03:00:00+02:00"];
    check("0 0,30 2,3 * * ?", "Europe/Berlin", "2026-03-29T00:59:59Z", &["03-29T03:00:00+02:00"]);
    check("0 30 2 * * ?", "Europe/Berlin", "2026-03-29T00:59:59.999Z", &both[..2]);
    check("0 30 2 * * ?", "Europe/Berlin", "2026-03-29T01:00:00Z", &["03-30T02:30:00+02:00"]);
    check(
        "0 30 2 * * ?",
        "America/New_York",
        "2027-03-13T12:00:00Z",
        &["03-14T03:00:00-04:00", "03-15T02:30:00-04:00"],
    );
    // Clocks go forward by half an hour.
    check(
        "0 15 2 * * ?",
        "Australia/Lord_Howe",
        "2026-10-03T00:00:00Z",
        &["10-04T02:30:00+11:00", "10-05T02:15:00+11:00"],
    );
    check("0 45 2 * * ?", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", &["10-04T02:45:00+11:00"]);
}

#[test]
fn a_day_that_was_lost_fires_once_after_it() {
    let expected = ["12-29T12:00:00-10:00", "12-31T00:00:00+14:00", "12-31T12:00:00+14:00"];
    check("0 0 12 * * ?", "Pacific/Apia", "2011-12-29T00:00:00Z", &expected);
    let yearly = ["12-31T00:00:00+14:00", "12-30T00:00:00+14:00"];
    check("0 0 0 30 12 ?", "Pacific/Apia", "2011-12-29T00:00:00Z", &yearly);
}

#[test]
fn a_time_that_comes_twice_fires_the_first_time() {
    let expected = ["10-24T02:30:00+02:00", "10-25T02:30:00+02:00", "10-26T02:30:00+01:00"];
    check("0 30 2 * * ?", "Europe/Berlin", "2026-10-23T12:00:00Z", &expected);
    // Asked within the second pass, and between the two.
    for after in ["2026-10-25T01:10:00Z", "2026-10-25T01:00:00Z", "2026-10-25T00:30:00Z"] {
        check("0 30 2 * * ?", "Europe/Berlin", after, &expected[2..]);
    }
    let often = ["10-25T02:40:00+02:00", "10-26T02:00:00+01:00"];
    check("0 0/20 2 * * ?", "Europe/Berlin", "2026-10-25T00:20:00Z", &often);
    check(
        "0 30 1 * * ?",
        "America/New_York",
        "2026-10-31T12:00:00Z",
        &["11-01T01:30:00-04:00", "11-02T01:30:00-05:00"],
    );
    check(
        "0 45 1 * * ?",
        "Australia/Lord_Howe",
        "2026-04-04T00:00:00Z",
        &["04-05T01:45:00+11:00", "04-06T01:45:00+10:30"],
    );
}

#[test]
fn an_expression_for_every_hour_knows_no_pause() {
    let twice = [
        "10-25T01:30:00+02:00",
        "10-25T02:00:00+02:00",
        "10-25T02:30:00+02:00",
        "10-25T02:00:00+01:00",
        "10-25T02:30:00+01:00",
        "10-25T03:00:00+01:00",
    ];
    check("0 0/30 * * * ?", "Europe/Berlin", "2026-10-24T23:00:00Z", &twice);
    let half_past = ["03-29T01:30:00+01:00", "03-29T03:30:00+02:00"];
    check("0 30 * * * ?", "Europe/Berlin", "2026-03-29T00:00:00Z", &half_past);
    // The repeated half hour, and none of it where no minute of it is meant.
    let half = ["04-05T01:50:00+11:00", "04-05T01:50:00+10:30", "04-05T02:50:00+10:30"];
    check("0 50 * * * ?", "Australia/Lord_Howe", "2026-04-04T14:30:00Z", &half);
    let other = ["04-05T01:10:00+11:00", "04-05T02:10:00+10:30"];
    check("0 10 * * * ?", "Australia/Lord_Howe", "2026-04-04T14:00:00Z", &other);
    // The day ends in the first pass of its last hour; the second pass is still the same day.
    let last_hour = ["04-03T23:00:00-03:00", "04-03T23:00:00-04:00", "04-03T00:00:00-04:00"];
    check("0 0 * 3 4 ? 2027-2028", "America/Santiago", "2027-04-04T01:30:00Z", &last_hour);
}

#[test]
fn sparse_expressions_are_found_at_once_and_end() {
    let leap = Schedule { plan: &cron("0 0 0 29 2 ?", "UTC"), anchor: at("2026-11-01T00:00:00Z") };
    let years: Vec<_> = leap.following(leap.anchor).map(|time| time.format("%Y").to_string()).collect();
    let every_fourth: Vec<_> = (2028..2100).step_by(4).map(|year| year.to_string()).collect();
    assert_eq!(years, every_fourth);
    check("59 59 23 31 12 ? 2099", "UTC", "1970-01-01T00:00:00Z", &["12-31T23:59:59+00:00"]);
    assert!(shown("0 0 0 1 1 ? 2026", "UTC", "2026-01-01T00:00:00Z", 1).is_empty());
    // Friday the 1st of January comes first in 2027; Quartz counts the days of the week from Sunday.
    check("0 0 9 ? * 6", "UTC", "2026-11-01T00:00:00Z", &["11-06T09:00:00+00:00", "11-13T09:00:00+00:00"]);
    check("0 0 9 ? * SUN", "UTC", "2026-11-01T09:00:00Z", &["11-08T09:00:00+00:00"]);
}

#[test]
fn intervals_are_counted_from_their_first_time() {
    let saved = at("2026-11-01T08:00:00.250Z");
    for (interval, unit, first, after, expected) in [
        (90, IntervalUnit::Seconds, None, saved, Some("2026-11-01T08:01:30.250Z")),
        (1, IntervalUnit::Weeks, None, at("2026-11-20T00:00:00Z"), Some("2026-11-22T08:00:00.250Z")),
        (2, IntervalUnit::Hours, Some("2026-11-01T09:00:00Z"), saved, Some("2026-11-01T09:00:00Z")),
        (2, IntervalUnit::Hours, Some("2026-10-01T09:00:00Z"), saved, Some("2026-11-01T09:00:00Z")),
        // The interval is of real time: clocks that are put back change nothing.
        (
            1,
            IntervalUnit::Days,
            Some("2026-10-24T00:00:00Z"),
            at("2026-10-25T00:00:00Z"),
            Some("2026-10-26T00:00:00Z"),
        ),
        (u32::MAX, IntervalUnit::Weeks, None, saved, None),
        (u32::MAX, IntervalUnit::Weeks, Some("2026-10-01T09:00:00Z"), saved, None),
    ] {
        let plan = ExecutionPlan::Interval { interval, unit, fire_time: first.map(at) };
        let next = Schedule { plan: &plan, anchor: saved }.next(after);
        assert_eq!(next, expected.map(at), "{plan:?} after {after}");
    }
}

#[test]
fn what_was_missed_is_made_up_for_once() {
    let anchor = at("2026-11-01T08:00:00Z");
    let every =
        |seconds| ExecutionPlan::Interval { interval: seconds, unit: IntervalUnit::Seconds, fire_time: None };
    let once = ExecutionPlan::Once { fire_time: at("2026-11-01T08:01:00Z") };
    for (plan, due, now, missed, next) in [
        (every(60), "2026-11-01T08:01:00Z", "2026-11-01T08:01:00Z", 0, Some("2026-11-01T08:02:00Z")),
        (every(60), "2026-11-01T08:01:00Z", "2026-11-01T08:01:59.999Z", 0, Some("2026-11-01T08:02:00Z")),
        (every(60), "2026-11-01T08:01:00Z", "2026-11-01T08:02:00Z", 1, Some("2026-11-01T08:03:00Z")),
        (every(1), "2026-11-01T08:00:01Z", "2027-11-01T08:00:00Z", MOST_MISSED, Some("2027-11-01T08:00:01Z")),
        (
            cron("0 0 * * * ?", "UTC"),
            "2026-11-01T09:00:00Z",
            "2026-11-02T09:30:00Z",
            24,
            Some("2026-11-02T10:00:00Z"),
        ),
        (once.clone(), "2026-11-01T08:01:00Z", "2026-11-05T00:00:00Z", 0, None),
        // A clock that was put back does not make the same time due again.
        (every(60), "2026-11-01T08:01:00Z", "2026-11-01T07:00:00Z", 0, Some("2026-11-01T08:02:00Z")),
    ] {
        let found = Schedule { plan: &plan, anchor }.afterwards(at(due), at(now));
        assert_eq!(found, Afterwards { missed, next_due: next.map(at) }, "{plan:?} at {now}");
    }
}

#[test]
fn a_pause_outlasts_another_plan_but_not_none() {
    let (saved, later) = (at("2026-11-01T08:00:00Z"), at("2026-11-02T08:30:00Z"));
    let (hourly, daily) = (cron("0 0 * * * ?", "UTC"), cron("0 0 9 * * ?", "UTC"));
    let first = Standing::saved(None, &hourly, saved);
    assert_eq!((first.anchor, first.next_due), (saved, Some(at("2026-11-01T09:00:00Z"))));
    assert_eq!(Standing::saved(Some(first), &hourly, later), first, "the same plan changes nothing");
    let paused = first.paused();
    assert_eq!((paused.paused, paused.next_due), (true, None));
    let other = Standing::saved(Some(paused), &daily, later);
    assert_eq!((other.paused, other.next_due, other.anchor), (true, None, later));
    let resumed = other.resumed(&daily, later);
    assert_eq!((resumed.paused, resumed.next_due), (false, Some(at("2026-11-02T09:00:00Z"))));
    let none = Standing::saved(Some(other), &ExecutionPlan::Manual, later);
    assert_eq!((none.paused, none.next_due), (false, None));
    let past = ExecutionPlan::Once { fire_time: saved };
    assert_eq!(Standing::saved(None, &past, saved).next_due, None, "what is past when saved never fires");
}

#[test]
fn the_state_tells_what_matters_most() {
    use FireOutcome::{Blocked, Error, Launched};
    use Occupation::{Free, Taken};
    let hourly = cron("0 0 * * * ?", "UTC");
    let due = Standing::saved(None, &hourly, at("2026-11-01T08:00:00Z"));
    let over = Standing { next_due: None, ..due };
    for (standing, last, task, expected) in [
        (due, None, Free, ScheduleState::Normal),
        (due, Some(Launched), Taken, ScheduleState::Blocked),
        (due, Some(Blocked), Taken, ScheduleState::Blocked),
        (due, Some(Blocked), Free, ScheduleState::Normal),
        (due, Some(Error), Free, ScheduleState::Error),
        (over, Some(Launched), Taken, ScheduleState::Complete),
        (over, Some(Error), Free, ScheduleState::Error),
        (due.paused(), Some(Error), Taken, ScheduleState::Paused),
    ] {
        assert_eq!(state(&hourly, &standing, last, task), expected, "{standing:?} {last:?} {task:?}");
    }
    assert_eq!(state(&ExecutionPlan::Manual, &over, Some(Error), Taken), ScheduleState::None);
}

#[test]
fn the_line_that_is_hashed_never_changes() {
    let first = Some(at("2026-11-01T08:00:00Z"));
    for (plan, line) in [
        (ExecutionPlan::Manual, "MANUAL"),
        (ExecutionPlan::Once { fire_time: at("2026-11-01T08:00:00.5Z") }, "ONCE 1793520000500"),
        (cron("0 0  2 * * ?", "Europe/Berlin"), "CRON Europe/Berlin 0 0  2 * * ?"),
        (
            ExecutionPlan::Interval { interval: 2, unit: IntervalUnit::Minutes, fire_time: None },
            "INTERVAL 120 ",
        ),
        (
            ExecutionPlan::Interval { interval: 1, unit: IntervalUnit::Weeks, fire_time: first },
            "INTERVAL 604800 1793520000000",
        ),
    ] {
        assert_eq!(canonical(&plan), line);
    }
    let (cron, zone) = ("0 0 2 * * ?".parse::<Cron>().unwrap(), Some(chrono_tz::UTC));
    let said = ExecutionPlan::Cron { cron: cron.clone(), time_zone: zone };
    assert_eq!(plan_hash(&said), plan_hash(&ExecutionPlan::Cron { cron, time_zone: None }));
}
