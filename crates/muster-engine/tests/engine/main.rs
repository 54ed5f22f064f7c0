//! The engine on real databases: what becomes of objects, shadows, accounts and counters.

// The settings of clippy know tests by their attribute only, not what they call.
#![allow(clippy::unwrap_used)]

mod adopting;
mod afterwards;
mod audit;
mod audit_tampered;
mod broken_calls;
mod by_hand;
mod changes;
mod contention;
mod control;
mod cost;
mod delivery;
mod deprovisioned;
mod directories;
mod disabled;
mod disputes;
mod failures;
mod feared;
mod frozen;
mod given_keys;
mod gone;
mod granted;
mod guards;
mod holding;
mod inbound;
mod insisting;
mod keys;
mod launching;
mod laws;
mod lease;
mod left_out;
mod maintenance;
mod outbound;
mod overtaken;
mod parking;
mod pausing;
mod people;
mod preceding;
mod preceding_launched;
mod quarantine;
mod references;
mod reports;
mod retention;
mod schedules;
mod secrets;
mod shown;
mod sources;
mod successors;
mod undone;
mod unread;
mod unread_definitions;
mod user_results;
mod waiting;
