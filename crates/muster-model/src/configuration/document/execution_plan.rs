//! The documents of execution plans and error policies, which both kinds of tasks share, and what they mean.

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::configuration::document::check::{Choice, check_choice};
use crate::configuration::document::macros::document;
use crate::configuration::document::value::{Parse, Word};
use crate::configuration::document::words::ScheduleWord;
use crate::configuration::problems::Trail;
use crate::configuration::task::{ErrorPolicy, ExecutionPlan, IntervalUnit};
use crate::cron::CronError;

const FROM_ONE: RangeInclusive<i64> = 1..=u32::MAX as i64;

document! {
    /// When a task runs. Which fields it has depends on its `scheduleType`.
    ExecutionPlanDocument named "ExecutionPlan" {
        /// ONCE at an instant, by a CRON expression, at an INTERVAL, or MANUAL: only when somebody launches
        /// it.
        required schedule_type: ScheduleWord = "scheduleType";
        /// ONCE: when; a time that is past when it is saved never fires. INTERVAL: the first time; absent, one
        /// interval after it is saved.
        optional fire_time: DateTime<Utc> = "fireTime";
        /// CRON: the expression in Quartz form: seconds first, 6 or 7 fields, 1 is Sunday; `L`, `W` and `#` are
        /// refused. Where clocks are changed, hours that are named fire once: when they are skipped at the end of
        /// the gap, when they come twice the first time. With `*` for hours it goes on in real time.
        optional cron: String = "cron";
        /// INTERVAL: how many units.
        optional interval: u32 = "interval" in FROM_ONE;
        /// INTERVAL: of what.
        optional interval_unit: IntervalUnit = "intervalUnit";
        /// CRON: the IANA time zone it is read in; absent, UTC.
        optional time_zone: String = "timeZone";
    }
}

document! {
    /// What failed entries do to a run.
    ErrorPolicyDocument named "ErrorPolicy" {
        /// So many failed entries end the run before anything is applied; absent, none do.
        optional maximum_errors: u64 = "maximumErrors";
    }
}

impl ExecutionPlanDocument {
    fn check(&self, trail: &mut Trail) {
        let (needed, admitted): (&[&str], &[&str]) = match self.schedule_type {
            ScheduleWord::Once => (&["fireTime"], &[]),
            ScheduleWord::Cron => (&["cron"], &["timeZone"]),
            ScheduleWord::Interval => (&["interval", "intervalUnit"], &["fireTime"]),
            ScheduleWord::Manual => (&[], &[]),
        };
        let name = format!("`scheduleType` {}", self.schedule_type.word());
        let governed = &["fireTime", "cron", "interval", "intervalUnit", "timeZone"];
        check_choice(self, &Choice { name, needed, admitted, governed }, trail);
    }

    /// What fires by cron, if it is in order.
    fn cron(&self, trail: &mut Trail) -> Option<ExecutionPlan> {
        let cron = self.cron.as_ref().and_then(|text| match text.parse() {
            Ok(cron) => Some(cron),
            Err(error) => {
                let error: CronError = error;
                trail.problem_in("cron", error.to_string());
                None
            }
        });
        let time_zone = self.time_zone.as_ref().map(|name| name.parse::<Tz>());
        if let Some(Err(_)) = time_zone {
            let message = "is not the IANA name of a time zone such as `Europe/Paris`, case counts";
            trail.problem_in("timeZone", message);
        }
        Some(ExecutionPlan::Cron { cron: cron?, time_zone: time_zone.transpose().ok()? })
    }
}

impl Parse for ExecutionPlanDocument {
    type Domain = ExecutionPlan;

    fn parse(&self, trail: &mut Trail) -> Option<ExecutionPlan> {
        self.check(trail);
        // What does not belong to the schedule may be wrong as well.
        let cron = self.cron(trail);
        Some(match self.schedule_type {
            ScheduleWord::Once => ExecutionPlan::Once { fire_time: self.fire_time? },
            ScheduleWord::Cron => cron?,
            ScheduleWord::Interval => ExecutionPlan::Interval {
                interval: self.interval?,
                unit: self.interval_unit?,
                fire_time: self.fire_time,
            },
            ScheduleWord::Manual => ExecutionPlan::Manual,
        })
    }
}

impl ExecutionPlanDocument {
    /// The document of an execution plan; none for a manual one.
    pub(super) fn of(plan: &ExecutionPlan) -> Option<Self> {
        let bare = |schedule_type| Self {
            schedule_type,
            fire_time: None,
            cron: None,
            interval: None,
            interval_unit: None,
            time_zone: None,
        };
        match plan {
            ExecutionPlan::Manual => None,
            ExecutionPlan::Once { fire_time } => {
                Some(Self { fire_time: Some(*fire_time), ..bare(ScheduleWord::Once) })
            }
            ExecutionPlan::Cron { cron, time_zone } => Some(Self {
                cron: Some(cron.to_string()),
                time_zone: time_zone.map(|zone| zone.name().to_owned()),
                ..bare(ScheduleWord::Cron)
            }),
            ExecutionPlan::Interval { interval, unit, fire_time } => Some(Self {
                interval: Some(*interval),
                interval_unit: Some(*unit),
                fire_time: *fire_time,
                ..bare(ScheduleWord::Interval)
            }),
        }
    }
}

impl Parse for ErrorPolicyDocument {
    type Domain = ErrorPolicy;

    fn parse(&self, _: &mut Trail) -> Option<ErrorPolicy> {
        Some(ErrorPolicy { maximum_errors: self.maximum_errors })
    }
}

impl ErrorPolicyDocument {
    /// The document of an error policy; none when it says nothing.
    pub(super) fn of(policy: ErrorPolicy) -> Option<Self> {
        (policy != ErrorPolicy::default()).then_some(Self { maximum_errors: policy.maximum_errors })
    }
}
