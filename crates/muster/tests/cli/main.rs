//! The program as its users call it: arguments in, words and exit codes out, on real data directories.
#![allow(clippy::unwrap_used)]

mod audit;
mod dataset;
mod demo;
mod guard;
mod people;
mod run;
mod schedules;
mod secrets;
mod server;
mod source;
mod world;
