//! Chance that is none: the same seed gives the same rolls and the same order, on every machine.

/// Mixes all bits of a number into all bits of the result: the finalizer of `SplitMix64`.
const fn mix(number: u64) -> u64 {
    let a = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let b = (a ^ (a >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    b ^ (b >> 31)
}

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// An endless row of rolls that depends on its seed and number alone.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The rolls of a seed and a number.
    #[must_use]
    pub fn new(seed: u64, number: u64) -> Self {
        Self(mix(seed.wrapping_add(STEP)) ^ mix(number.wrapping_mul(STEP)))
    }

    /// A number below `sides`, which is at least 1.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        // The high half of the product: no bias worth naming while `sides` is far below 2^64.
        ((u128::from(mix(self.0)) * u128::from(sides)) >> 64) as u64
    }

    /// One of the options.
    pub fn pick<'a, T>(&mut self, options: &'a [T]) -> &'a T {
        &options[self.roll(options.len() as u64) as usize]
    }
}

/// A shuffled order of `0..size` in constant memory: a Feistel network over the next even number of bits,
/// walked until the result lies in the range.
///
/// Invariant: `place` is a bijection of `0..size`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shuffle {
    size: u64,
    half_bits: u32,
    key: u64,
}

impl Shuffle {
    pub(super) fn new(size: u64, key: u64) -> Self {
        let bits = u64::BITS - size.saturating_sub(1).leading_zeros();
        Self { size, half_bits: bits.div_ceil(2).max(1), key: mix(key.wrapping_add(STEP)) }
    }

    /// Where the number `from`, which is below `size`, stands in the shuffled order.
    pub(super) fn place(&self, from: u64) -> u64 {
        debug_assert!(from < self.size);
        let mut at = self.network(from);
        while at >= self.size {
            at = self.network(at);
        }
        at
    }

    fn network(&self, number: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (number >> self.half_bits, number & mask);
        for round in 0..4u64 {
            let scrambled = mix(right ^ self.key.wrapping_add(round.wrapping_mul(STEP))) & mask;
            (left, right) = (right, left ^ scrambled);
        }
        (left << self.half_bits) | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_meets_every_place_once() {
        for size in [1, 2, 3, 4, 5, 16, 17, 100, 1_000, 4_097] {
            for key in 0..3 {
                let shuffle = Shuffle::new(size, key);
                let mut places: Vec<u64> = (0..size).map(|number| shuffle.place(number)).collect();
                assert!(size < 16 || !places.is_sorted(), "{size} numbers under key {key} keep their order");
                places.sort_unstable();
                assert_eq!(places, (0..size).collect::<Vec<_>>(), "{size} numbers under key {key}");
            }
        }
    }

    #[test]
    fn rolls_stay_below_their_sides_and_reach_all() {
        let mut dice = Dice::new(7, 1);
        let mut met = [0u32; 6];
        for _ in 0..6_000 {
            met[dice.roll(6) as usize] += 1;
        }
        assert!(met.iter().all(|count| (800..1_200).contains(count)), "{met:?}");
    }
}
