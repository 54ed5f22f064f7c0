//! Throw-away servers of other people, for tests of connectors: each on a free loopback port, with its data in a
//! directory of its own, and gone when it is dropped. Never touches a server that is here already.

pub mod dirsrv;
pub mod json;
mod process;
pub mod scim;
pub mod slapd;

pub use process::{Process, free_port};
