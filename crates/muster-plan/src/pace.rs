//! How hard a remote system is worked: how many calls at once, how many a second, when a call that failed is made again,
//! and when the system is left alone for a while. Time is what a clock that only goes forward has counted.

use std::time::Duration;

use muster_model::configuration::connector_definition::{ConnectorLimits, Retry};

/// Calls at the same time where nothing else is set.
const USUAL_AT_ONCE: u32 = 32;

/// Calls at the same time with which a system is begun; it is found out how many more it bears.
const FIRST_AT_ONCE: f64 = 8.0;

/// How a failed call is made again where nothing else is set.
const USUAL_RETRY: Retry = Retry { maximum: 2, initial_delay_millis: 200, maximum_delay_millis: 5_000 };

/// So many calls in a row that may work later, and none that was answered, and the system is left alone.
const FAILURES: u32 = 10;

/// How long a system is left alone the first time in a row; it doubles each time.
const FIRST_REST: Duration = Duration::from_secs(10);

/// The longest that a system is left alone.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// The longest that calls wait because a system has asked for it; whoever asks for more is asked again by then.
const LONGEST_QUIET: Duration = Duration::from_secs(60);

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The system answered, whatever it said.
    Given,
    /// It did not, or not with an answer; it may work later, after so long if the system says so.
    None {
        /// How long the system asks to wait.
        retry_after: Option<Duration>,
    },
}

/// Whether a call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Now. It counts as under way.
    Now,
    /// Not before so long.
    In(Duration),
    /// When one that is under way has been answered.
    Later,
    /// The system is left alone for so long.
    LeftAlone(Duration),
}

/// The pace of one system.
#[derive(Debug, Clone)]
pub struct Pace {
    limits: ConnectorLimits,
    at_once: f64,
    under_way: u32,
    next_at: Duration,
    /// Until then the system wants to hear nothing.
    quiet_until: Duration,
    failures: u32,
    rests: u32,
    rests_until: Option<Duration>,
}

impl Pace {
    /// The pace at which a system is begun.
    #[must_use]
    pub fn new(limits: ConnectorLimits) -> Self {
        let mut pace = Self {
            limits,
            at_once: FIRST_AT_ONCE,
            under_way: 0,
            next_at: Duration::ZERO,
            quiet_until: Duration::ZERO,
            failures: 0,
            rests: 0,
            rests_until: None,
        };
        pace.at_once = pace.at_once.min(pace.most_at_once());
        pace
    }

    /// The limits that it keeps.
    #[must_use]
    pub fn limits(&self) -> ConnectorLimits {
        self.limits
    }

    /// Keeps other limits from here on.
    pub fn set_limits(&mut self, limits: ConnectorLimits) {
        self.limits = limits;
        self.at_once = self.at_once.min(self.most_at_once());
    }

    /// Whether none of the last calls was answered, so that the system is or was left alone, and none has been since.
    #[must_use]
    pub fn is_left_alone(&self) -> bool {
        self.rests_until.is_some()
    }

    /// Whether a call may be made now.
    pub fn admit(&mut self, now: Duration) -> Admission {
        if let Some(until) = self.rests_until {
            // After the rest one call alone finds out whether the system is there again.
            if now < until {
                return Admission::LeftAlone(until - now);
            }
            if self.under_way > 0 {
                return Admission::Later;
            }
        }
        if now < self.quiet_until {
            return Admission::In(self.quiet_until - now);
        }
        if f64::from(self.under_way) >= self.at_once.floor().max(1.0) {
            return Admission::Later;
        }
        if let Some(per_second) = self.limits.requests_per_second {
            if now < self.next_at {
                return Admission::In(self.next_at - now);
            }
            self.next_at = self.next_at.max(now) + Duration::from_secs(1) / per_second.max(1);
        }
        self.under_way += 1;
        Admission::Now
    }

    /// That a call that was under way is not any more.
    pub fn ended(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// What became of a call that was made for the `attempt`th time, from 1. Says how long to wait before it is made
    /// again, `chance` being anything; `None` where it is not.
    pub fn answered(&mut self, now: Duration, attempt: u32, answer: Answer, chance: u32) -> Option<Duration> {
        let retry_after = match answer {
            Answer::Given => {
                (self.failures, self.rests, self.rests_until) = (0, 0, None);
                self.at_once = (self.at_once + 1.0 / self.at_once).min(self.most_at_once());
                return None;
            }
            Answer::None { retry_after } => retry_after,
        };
        self.at_once = (self.at_once / 2.0).max(1.0);
        match retry_after {
            // It is there, and says when it wants to hear of us again: so do all who call it.
            Some(asked) => self.quiet_until = self.quiet_until.max(now + asked.min(LONGEST_QUIET)),
            None => self.failures += 1,
        }
        if self.failures >= FAILURES {
            self.rest(now);
            return None;
        }
        let retry = self.limits.retry.unwrap_or(USUAL_RETRY);
        let longest = Duration::from_millis(retry.maximum_delay_millis.into());
        if attempt > retry.maximum || retry_after.is_some_and(|asked| asked > longest) {
            return None;
        }
        Some(retry_after.unwrap_or_else(|| backoff(retry, attempt, chance)))
    }

    /// Leaves the system alone, twice as long each time in a row.
    fn rest(&mut self, now: Duration) {
        // Of calls that were under way together the first to fail is enough.
        if self.rests_until.is_none_or(|until| until <= now) {
            let rest = FIRST_REST.saturating_mul(1 << self.rests.min(10)).min(LONGEST_REST);
            self.rests = self.rests.saturating_add(1);
            self.rests_until = Some(now + rest);
        }
    }

    fn most_at_once(&self) -> f64 {
        f64::from(self.limits.max_concurrent_operations.unwrap_or(USUAL_AT_ONCE).max(1))
    }
}

/// The wait before a call is made again: doubled each time, between half of it and all by chance, so that many callers
/// do not come back together.
fn backoff(retry: Retry, attempt: u32, chance: u32) -> Duration {
    let doubled = u64::from(retry.initial_delay_millis) << (attempt - 1).min(20);
    let whole = doubled.min(retry.maximum_delay_millis.into());
    Duration::from_millis(whole / 2 + u64::from(chance) * (whole - whole / 2) / u64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOST: Answer = Answer::None { retry_after: None };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn limits(at_once: u32, per_second: Option<u32>) -> ConnectorLimits {
        ConnectorLimits {
            max_concurrent_operations: Some(at_once),
            requests_per_second: per_second,
            ..ConnectorLimits::default()
        }
    }

    /// How many calls are let out at once.
    fn let_out(pace: &mut Pace, now: Duration) -> u32 {
        let mut count = 0;
        while pace.admit(now) == Admission::Now {
            count += 1;
        }
        (0..count).for_each(|_| pace.ended());
        count
    }

    #[test]
    fn a_system_that_answers_is_asked_more_at_once_and_never_more_than_it_may() {
        let mut pace = Pace::new(limits(12, None));
        assert_eq!(let_out(&mut pace, seconds(0)), 8);
        for _ in 0..200 {
            assert_eq!(pace.answered(seconds(0), 1, Answer::Given, 0), None);
        }
        assert_eq!(let_out(&mut pace, seconds(0)), 12);
        assert!(pace.answered(seconds(0), 1, LOST, 0).is_some());
        assert_eq!(let_out(&mut pace, seconds(0)), 6, "what is not answered halves it");
        assert_eq!(let_out(&mut Pace::new(limits(1, None)), seconds(0)), 1);
    }

    #[test]
    fn a_budget_is_kept() {
        let mut pace = Pace::new(limits(100, Some(4)));
        assert_eq!(pace.admit(seconds(5)), Admission::Now);
        assert_eq!(pace.admit(seconds(5)), Admission::In(Duration::from_millis(250)));
        let mut calls = 0;
        for millis in 5_000..6_000 {
            if pace.admit(Duration::from_millis(millis)) == Admission::Now {
                calls += 1;
                pace.ended();
            }
        }
        assert_eq!(calls, 3, "four in the second");
    }

    #[test]
    fn a_failed_call_is_made_again_a_few_times_with_growing_waits() {
        let mut pace = Pace::new(ConnectorLimits::default());
        let whole = |pace: &mut Pace, attempt| pace.answered(seconds(0), attempt, LOST, u32::MAX);
        assert_eq!(whole(&mut pace, 1), Some(Duration::from_millis(200)));
        assert_eq!(whole(&mut pace, 2), Some(Duration::from_millis(400)));
        assert_eq!(whole(&mut pace, 3), None);
        assert_eq!(pace.answered(seconds(0), 1, LOST, 0), Some(Duration::from_millis(100)));
        let asked = |asked| Answer::None { retry_after: Some(asked) };
        assert_eq!(pace.answered(seconds(0), 1, asked(seconds(3)), 0), Some(seconds(3)));
        assert_eq!(pace.answered(seconds(0), 1, asked(seconds(30)), 0), None, "that long no call waits");
        assert_eq!(pace.admit(seconds(10)), Admission::In(seconds(20)), "and none is made before");
        assert_eq!(pace.admit(seconds(30)), Admission::Now);
        for _ in 0..2 * FAILURES {
            assert_eq!(pace.answered(seconds(30), 9, asked(seconds(3600)), 0), None);
        }
        assert_eq!(pace.admit(seconds(30)), Admission::In(LONGEST_QUIET), "who asks to wait is there");
        pace.ended();
        assert_eq!(pace.admit(seconds(90)), Admission::Now);
        let retry = Some(Retry { maximum: 0, initial_delay_millis: 1, maximum_delay_millis: 1 });
        let mut pace = Pace::new(ConnectorLimits { retry, ..ConnectorLimits::default() });
        assert_eq!(pace.answered(seconds(0), 1, LOST, 0), None);
    }

    #[test]
    fn a_system_that_does_not_answer_is_left_alone_for_longer_and_longer() {
        let mut pace = Pace::new(limits(4, None));
        let mut now = seconds(0);
        for rest in [10, 20, 40, 80, 160, 300, 300] {
            while pace.admit(now) == Admission::Now {
                pace.ended();
                let _ = pace.answered(now, 9, LOST, 0);
            }
            assert_eq!(pace.admit(now), Admission::LeftAlone(seconds(rest)));
            assert!(pace.is_left_alone());
            now += seconds(rest);
            assert_eq!(pace.admit(now), Admission::Now, "one call finds out");
            assert_eq!(pace.admit(now), Admission::Later, "one alone");
            pace.ended();
            let _ = pace.answered(now, 9, LOST, 0);
        }
        now += seconds(300);
        assert_eq!(pace.admit(now), Admission::Now);
        pace.ended();
        assert_eq!(pace.answered(now, 1, Answer::Given, 0), None);
        assert!(!pace.is_left_alone());
        assert!(let_out(&mut pace, now) >= 1, "whoever answers is worked again");
        for _ in 0..FAILURES - 1 {
            let _ = pace.answered(now, 9, LOST, 0);
        }
        assert_eq!(pace.admit(now), Admission::Now, "what was counted before is forgotten");
    }
}
