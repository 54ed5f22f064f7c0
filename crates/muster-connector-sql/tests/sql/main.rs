//! Tests of the SQL connector on real databases: SQLite files, and a PostgreSQL server that the environment names.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bad_input;
mod changes;
mod conformance;
mod hostile;
mod injection;
mod pages;
mod refusals;
mod systems;
mod tls;
mod writes;
