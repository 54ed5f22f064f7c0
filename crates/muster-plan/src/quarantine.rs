//! When an application that fails again and again is left alone, and when it is tried again.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// From so many failures in a row on an application is in quarantine.
pub const QUARANTINED_FROM: u32 = 3;

/// Minutes until the first attempt after that; each further failure doubles them.
const FIRST_MINUTES: i64 = 5;

/// The most minutes between two attempts, unless the system asks for more.
const MOST_MINUTES: i64 = 6 * 60;

/// When an application is to be tried again that has failed so many times in a row, the last time at this instant;
/// `None` where it is not left alone. What its system asks for counts where that is longer.
#[must_use]
pub fn next_attempt(
    failures: u32,
    at: DateTime<Utc>,
    retry_after: Option<Duration>,
) -> Option<DateTime<Utc>> {
    let further = failures.checked_sub(QUARANTINED_FROM)?;
    let doubled = 1_i64.checked_shl(further).and_then(|times| FIRST_MINUTES.checked_mul(times));
    let minutes = doubled.filter(|minutes| (0..MOST_MINUTES).contains(minutes)).unwrap_or(MOST_MINUTES);
    let own = TimeDelta::minutes(minutes);
    let asked = retry_after.map_or(own, |asked| TimeDelta::from_std(asked).unwrap_or(TimeDelta::MAX));
    Some(at.checked_add_signed(own.max(asked)).unwrap_or(DateTime::<Utc>::MAX_UTC))
}

/// Whether an application that is to be tried again at that instant is left alone now.
#[must_use]
pub fn is_left_alone(next_attempt: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    next_attempt.is_some_and(|next| now < next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
    }

    #[test]
    fn the_third_failure_begins_a_quarantine_and_each_further_one_doubles_it() {
        let asked = |minutes: u64| Some(Duration::from_secs(minutes * 60));
        for (failures, retry_after, expected) in [
            (0, None, None),
            (1, asked(600), None),
            (2, None, None),
            (3, None, Some(5)),
            (4, None, Some(10)),
            (5, None, Some(20)),
            (8, None, Some(160)),
            (9, None, Some(320)),
            (10, None, Some(360)),
            (64, None, Some(360)),
            (66, None, Some(360)),
            (67, None, Some(360)),
            (u32::MAX, None, Some(360)),
            (3, asked(1), Some(5)),
            (3, asked(7), Some(7)),
            (20, asked(1000), Some(1000)),
        ] {
            let expected = expected.map(|minutes| at() + TimeDelta::minutes(minutes));
            assert_eq!(next_attempt(failures, at(), retry_after), expected, "{failures} {retry_after:?}");
        }
        assert_eq!(next_attempt(3, at(), Some(Duration::MAX)), Some(DateTime::<Utc>::MAX_UTC));
    }

    #[test]
    fn an_application_is_left_alone_until_its_next_attempt() {
        let next = next_attempt(3, at(), None);
        for (minutes, expected) in [(0, true), (4, true), (5, false), (6, false)] {
            assert_eq!(is_left_alone(next, at() + TimeDelta::minutes(minutes)), expected, "{minutes}");
        }
        assert!(!is_left_alone(None, at()));
    }

    proptest! {
        #[test]
        fn more_failures_never_bring_the_next_attempt_closer(failures: u32, seconds in 0_u64..1_000_000) {
            for asked in [None, Some(Duration::from_secs(seconds))] {
                let (now, later) = (
                    next_attempt(failures, at(), asked),
                    next_attempt(failures.saturating_add(1), at(), asked),
                );
                prop_assert!(now <= later);
                let Some(next) = now else { continue };
                prop_assert!(next >= at() + TimeDelta::minutes(FIRST_MINUTES));
                let most = TimeDelta::minutes(MOST_MINUTES)
                    .max(asked.map_or(TimeDelta::zero(), |asked| TimeDelta::from_std(asked).unwrap()));
                prop_assert!(next <= at() + most);
                prop_assert!(is_left_alone(now, at()) && !is_left_alone(now, next));
            }
        }
    }
}
