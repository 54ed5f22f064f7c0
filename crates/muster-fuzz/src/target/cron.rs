//! Cron expressions: what is taken means due times that come one after the other; what is refused is told with a
//! place within the text.

use chrono::{DateTime, TimeDelta, Utc};
use muster_model::configuration::task::ExecutionPlan;
use muster_model::cron::{Cron, CronError};
use muster_plan::schedule::Schedule;

use crate::text;

/// Due times that are looked at.
const SOME: usize = 20;
/// 2026-03-28, the day before clocks in Europe go forward, in seconds.
const BEFORE_A_GAP: i64 = 1_774_656_000;

pub(crate) fn run(octets: &[u8]) {
    let text = text(octets);
    match text.parse::<Cron>() {
        Ok(cron) => check(&cron, text),
        Err(CronError::Malformed { position, .. }) => assert!(position <= text.chars().count()),
        Err(CronError::Fields(_) | CronError::Never) => {}
    }
}

fn check(cron: &Cron, text: &str) {
    assert_eq!(cron.to_string(), text);
    for zone in [chrono_tz::UTC, chrono_tz::Europe::Berlin, chrono_tz::Australia::Lord_Howe] {
        let plan = ExecutionPlan::Cron { cron: cron.clone(), time_zone: Some(zone) };
        let start = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(BEFORE_A_GAP);
        let schedule = Schedule { plan: &plan, anchor: start };
        let mut last = start;
        for due in schedule.following(start).take(SOME) {
            assert!(due > last, "{due} comes after {last}");
            last = due;
        }
    }
}
