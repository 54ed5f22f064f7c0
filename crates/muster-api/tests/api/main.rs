//! The API as clients meet it: a real server, a real database, real connections.

// The settings of clippy know tests by their attribute only, not what they call.
#![allow(clippy::unwrap_used)]

mod access;
mod accounts;
mod administration;
mod applications;
mod audit;
mod configuration;
mod connector_exchange;
mod connector_patches;
mod connectors;
mod dataset;
mod description;
mod disputes;
mod evaluate;
mod events;
mod failures;
mod files;
mod form;
mod history;
mod objects;
mod patches;
mod pausing;
mod plans;
mod preceding;
mod preconditions;
mod processes;
mod rights;
mod schedules;
mod secrets;
mod syncs;
mod tasks;
mod world;
mod zero;
