//! Keys as hashes of 128 bits, so that a set of millions stays small.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// The first half of a key's BLAKE3 digest. Two keys of one file never share it in practice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key([u8; 16]);

impl Key {
    pub(super) fn of(uid: &str) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&blake3::hash(uid.as_bytes()).as_bytes()[..16]);
        Self(half)
    }

    pub(super) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0[..8]);
        state.write_u64(u64::from_ne_bytes(first));
    }
}

/// Takes a digest as its own hash.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

pub(super) type KeySet = HashSet<Key, BuildHasherDefault<AsItIs>>;
pub(super) type KeyMap<V> = HashMap<Key, V, BuildHasherDefault<AsItIs>>;
