//! Parking: what a target has refused is not asked of it again before that can come to something else.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use muster_model::failure::FailureClass;

/// How long the first wait is; each further one takes twice as long.
const FIRST: TimeDelta = TimeDelta::minutes(1);

/// No wait takes longer, unless the system asks for more.
const LONGEST: TimeDelta = TimeDelta::hours(6);

/// When an account may be tried again for which a target has refused so many times what was asked, the last time at
/// this instant, with this request to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It is not parked: the fault is none of this account's.
    AtOnce,
    /// The next runs leave it alone until then.
    At(DateTime<Utc>),
    /// Not before something else is asked, or somebody releases it.
    WhenReleased,
}

/// What a refusal is due to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueTo {
    /// What was asked.
    Asked,
    /// Something else in the system, which may change without anybody asking for anything else: a name that another
    /// account has, a group that is not there.
    Others,
}

impl Again {
    /// After the last of so many attempts.
    #[must_use]
    pub fn after(
        (class, due_to): (FailureClass, DueTo),
        attempts: u32,
        (asked, now): (Option<Duration>, DateTime<Utc>),
    ) -> Self {
        match (class, due_to) {
            (FailureClass::Unusable, _) => Self::AtOnce,
            (FailureClass::Rejected, DueTo::Asked) => Self::WhenReleased,
            (FailureClass::Rejected, DueTo::Others) | (FailureClass::Transient, _) => {
                let doublings = attempts.saturating_sub(1).min(20);
                let wait = (FIRST * (1 << doublings)).min(LONGEST);
                let asked = asked.and_then(|asked| TimeDelta::from_std(asked).ok());
                let wait = asked.map_or(wait, |asked| wait.max(asked.min(TimeDelta::days(7))));
                Self::At(now + wait)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_six_hours_unless_the_system_asks_for_more() {
        let now = DateTime::UNIX_EPOCH;
        let wait = |attempts, asked: Option<u64>| match Again::after(
            (FailureClass::Transient, DueTo::Asked),
            attempts,
            (asked.map(Duration::from_secs), now),
        ) {
            Again::At(at) => (at - now).num_minutes(),
            other @ (Again::AtOnce | Again::WhenReleased) => panic!("{other:?}"),
        };
        let waits = [1, 2, 3, 9, 10, 400].map(|attempts| wait(attempts, None));
        assert_eq!(waits, [1, 2, 4, 256, 360, 360]);
        assert_eq!([wait(1, Some(600)), wait(10, Some(600))], [10, 360]);
        assert_eq!(wait(1, Some(u64::MAX)), 1, "nobody waits for ever");
        assert_eq!(wait(1, Some(40_000_000)), 7 * 24 * 60);
    }

    #[test]
    fn what_was_rejected_waits_for_a_change_and_what_is_not_the_accounts_fault_does_not_wait() {
        let now = DateTime::UNIX_EPOCH;
        let after = |class, due_to| Again::after((class, due_to), 1, (None, now));
        assert_eq!(after(FailureClass::Rejected, DueTo::Asked), Again::WhenReleased);
        assert_eq!(after(FailureClass::Unusable, DueTo::Others), Again::AtOnce);
        let soon = Again::At(now + FIRST);
        assert_eq!(after(FailureClass::Rejected, DueTo::Others), soon, "the system may have changed by then");
    }
}
