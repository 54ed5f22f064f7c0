//! Lets libFuzzer loose on the target that `MUSTER_FUZZ_TARGET` names.

#![no_main]

use std::env;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = env::var("MUSTER_FUZZ_TARGET").unwrap_or_default();
    let target = TARGETS.into_iter().find(|target| target.name == name);
    target.unwrap_or_else(|| panic!("MUSTER_FUZZ_TARGET is `{name}`, which is no target"))
});

fuzz_target!(|octets: &[u8]| (TARGET.run)(octets));
