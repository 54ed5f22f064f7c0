//! What tests and benchmarks share: people made from a seed, and a server with a client that talks to it.
//!
//! Never part of a server. The crates of the house use it as a dev-dependency alone.

#[cfg(feature = "http")]
pub mod fake;
#[cfg(feature = "http")]
pub mod http;
#[cfg(any(feature = "engine", feature = "server"))]
pub mod locked;
pub mod people;
#[cfg(feature = "http")]
pub mod receiver;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "servers")]
pub mod servers;
#[cfg(feature = "engine")]
pub mod simulation;
#[cfg(feature = "engine")]
pub mod world;
