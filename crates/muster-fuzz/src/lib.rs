//! What hostile input meets: one target for each reader of texts that strangers write. A target panics where the
//! reader does, and where a law of the reader is broken.
//!
//! `cargo xtask fuzz` looks for such input, from the corpus in `fuzz/corpus`; the tests of this crate go through
//! that corpus. Never part of a server.

mod target {
    pub(crate) mod condition;
    pub(crate) mod cron;
    pub(crate) mod csv;
    pub(crate) mod dataset;
    pub(crate) mod expression;
    pub(crate) mod json;
}

/// A reader and its laws.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What its corpus and its dictionary are called.
    pub name: &'static str,
    /// Reads the octets. Panics when a law is broken.
    pub run: fn(&[u8]),
}

/// All targets, by name.
pub const TARGETS: [Target; 6] = [
    Target { name: "condition", run: target::condition::run },
    Target { name: "cron", run: target::cron::run },
    Target { name: "csv", run: target::csv::run },
    Target { name: "dataset", run: target::dataset::run },
    Target { name: "expression", run: target::expression::run },
    Target { name: "json", run: target::json::run },
];

/// The octets as a text, as far as they are one: what is no text is refused before these readers see it.
fn text(octets: &[u8]) -> &str {
    match std::str::from_utf8(octets) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&octets[..error.valid_up_to()]).unwrap_or_default(),
    }
}
