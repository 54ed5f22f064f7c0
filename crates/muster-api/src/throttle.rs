//! Failed logins: whoever fails again and again waits longer and longer, by user and by where the request comes from.
//! Knows neither users nor passwords, so it cannot tell whether there is such a user.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How failed logins are slowed down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedLogins {
    /// How many of one user name cost nothing.
    pub free_of_user: u32,
    /// How many from one address cost nothing: many people may share it.
    pub free_of_address: u32,
    /// The wait after the next one; it doubles each time.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
}

impl Default for FailedLogins {
    fn default() -> Self {
        Self {
            free_of_user: 5,
            free_of_address: 50,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(5 * 60),
        }
    }
}

/// Without a failure for so long, all are forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(15 * 60);
/// Of how many users and addresses failures are remembered at most.
const REMEMBERED_AT_ONCE: usize = 20_000;

/// Who has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Whose {
    /// Somebody with this name in this tenant, whether there is one or not, as a hash.
    User(blake3::Hash),
    /// Somebody at this address.
    Address(IpAddr),
}

impl Whose {
    /// An address as it is counted: who has one of IPv6 usually has the network of 64 bits that it lies in.
    pub(crate) fn address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// Remembers who has failed.
pub(crate) struct Throttle {
    settings: FailedLogins,
    failures: Mutex<HashMap<Whose, Failures>>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
    until: Instant,
}

impl Throttle {
    pub(crate) fn new(settings: FailedLogins) -> Self {
        Self { settings, failures: Mutex::default() }
    }

    /// How long it takes until all of them may try again; `None` when they may.
    pub(crate) fn wait(&self, whose: &[Whose], now: Instant) -> Option<Duration> {
        let failures = self.lock();
        let until = whose.iter().filter_map(|one| failures.get(one)).map(|failures| failures.until).max()?;
        until.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }

    /// Remembers a failure.
    pub(crate) fn note(&self, whose: &[Whose], now: Instant) {
        let mut failures = self.lock();
        for one in whose {
            if failures.len() >= REMEMBERED_AT_ONCE && !failures.contains_key(one) {
                make_room(&mut failures, now);
            }
            let known = failures.get(one).filter(|known| !known.is_over(now));
            let count = known.map_or(0, |known| known.count).saturating_add(1);
            let until = now + self.wait_after(*one, count);
            failures.insert(*one, Failures { count, last: now, until });
        }
    }

    /// Forgets the failures of somebody who got in.
    pub(crate) fn forget(&self, one: Whose) {
        self.lock().remove(&one);
    }

    fn wait_after(&self, whose: Whose, count: u32) -> Duration {
        let free = match whose {
            Whose::User(_) => self.settings.free_of_user,
            Whose::Address(_) => self.settings.free_of_address,
        };
        match count.checked_sub(free) {
            None | Some(0) => Duration::ZERO,
            Some(beyond) => {
                let factor = 1_u32.checked_shl(beyond - 1).unwrap_or(u32::MAX);
                self.settings.first_wait.saturating_mul(factor).min(self.settings.longest_wait)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Whose, Failures>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failures {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) > FORGOTTEN_AFTER
    }
}

/// Forgets what is over, and where nothing is, the failure that is the longest ago.
fn make_room(failures: &mut HashMap<Whose, Failures>, now: Instant) {
    failures.retain(|_, known| !known.is_over(now));
    if failures.len() < REMEMBERED_AT_ONCE {
        return;
    }
    let oldest = failures.iter().min_by_key(|(_, known)| known.last).map(|(one, _)| *one);
    oldest.map(|one| failures.remove(&one));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> Whose {
        Whose::User(blake3::hash(name.as_bytes()))
    }

    fn throttle() -> Throttle {
        let second = Duration::from_secs(1);
        Throttle::new(FailedLogins {
            free_of_user: 2,
            free_of_address: 4,
            first_wait: second,
            longest_wait: 5 * second,
        })
    }

    #[test]
    fn each_failure_costs_more_than_the_one_before() {
        let (throttle, now) = (throttle(), Instant::now());
        let waits = (0..7).map(|_| {
            throttle.note(&[user("ann")], now);
            throttle.wait(&[user("ann")], now).map_or(0, |wait| wait.as_secs())
        });
        assert_eq!(waits.collect::<Vec<_>>(), [0, 0, 1, 2, 4, 5, 5]);
        assert_eq!(throttle.wait(&[user("bob")], now), None);
        assert_eq!(throttle.wait(&[user("ann")], now + Duration::from_secs(5)), None);
        throttle.forget(user("ann"));
        throttle.note(&[user("ann")], now);
        assert_eq!(throttle.wait(&[user("ann")], now), None, "who gets in begins anew");
    }

    #[test]
    fn failures_are_forgotten_in_time() {
        let (throttle, now) = (throttle(), Instant::now());
        (0..9).for_each(|_| throttle.note(&[user("ann")], now));
        let later = now + FORGOTTEN_AFTER + Duration::from_secs(1);
        throttle.note(&[user("ann")], later);
        assert_eq!(throttle.wait(&[user("ann")], later), None);
    }

    #[test]
    fn an_address_is_slowed_down_whatever_names_it_tries() {
        let (throttle, now) = (throttle(), Instant::now());
        let address = Whose::address("192.0.2.1".parse().unwrap());
        for name in ["a", "b", "c", "d", "e"] {
            throttle.note(&[user(name), address], now);
        }
        assert!(throttle.wait(&[user("f"), address], now).is_some());
        assert_eq!(throttle.wait(&[user("f"), Whose::address("192.0.2.2".parse().unwrap())], now), None);
    }

    #[test]
    fn addresses_are_counted_as_they_are_given_out() {
        let address = |text: &str| Whose::address(text.parse().unwrap());
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:ffff:ffff:ffff"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
    }

    #[test]
    fn memory_has_an_end_and_the_oldest_goes_first() {
        let (throttle, now) = (throttle(), Instant::now());
        (0..3).for_each(|_| throttle.note(&[user("first")], now));
        (0..3).for_each(|_| throttle.note(&[user("second")], now + Duration::from_millis(1)));
        let later = now + Duration::from_millis(2);
        for number in 2..=REMEMBERED_AT_ONCE {
            throttle.note(&[user(&number.to_string())], later);
        }
        assert_eq!(throttle.lock().len(), REMEMBERED_AT_ONCE);
        assert_eq!(throttle.wait(&[user("first")], later), None);
        assert!(throttle.wait(&[user("second")], later).is_some());
    }
}
