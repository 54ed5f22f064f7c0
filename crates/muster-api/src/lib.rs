//! The REST API of a tenant: configuration, tasks, files and IM objects over HTTP.
//!
//! The only crate that serves HTTP. It decides nothing about accounts and knows no table: what it is asked
//! for goes to the engine and to `TenantStore`. All routes stand in one table, [`routes`], from which the server
//! and its OpenAPI description are made.

mod access;
mod accounts;
mod administration;
mod applications;
mod audit;
mod body;
mod call;
pub mod changes;
mod configuration;
mod connections;
mod dataset;
mod disputes;
mod error;
mod evaluate;
mod fields;
mod figures;
mod file;
mod hand_link;
mod health;
mod members;
mod object;
mod openapi;
mod origin;
mod pace;
mod parked;
mod patch;
pub mod principal;
mod query;
pub mod rights;
pub mod routes;
mod server;
mod state;
#[cfg(test)]
mod state_tests;
mod table;
mod task;
mod throttle;
mod tls;
mod turns;
mod user_sync;
pub mod view;

pub use figures::{describe_figures, serve_figures};
pub use openapi::openapi;
pub use server::{configure, serve_until};
pub use state::{ApiSettings, ApiState};
pub use task::LEFT_OUT;
pub use throttle::FailedLogins;
pub use tls::{Certificate, CertificateError};
