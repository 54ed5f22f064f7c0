//! The program as its users call it: arguments in, words and exit codes out, on real data directories.
#![allow(clippy::unwrap_used)]

mod application;
mod audit;
mod copies;
mod dataset;
mod demo;
mod directory;
mod doctor;
mod failures;
mod guard;
mod operations;
mod parked;
mod pausing;
mod people;
mod plans;
mod preceding;
mod run;
mod schedules;
mod script;
mod secrets;
mod server;
mod source;
mod syncs;
mod user_sync;
mod world;
