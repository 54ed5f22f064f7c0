//! What tests and benchmarks share: people made from a seed.
//!
//! Never part of a server. The crates of the house use it as a dev-dependency alone.

pub mod people;
