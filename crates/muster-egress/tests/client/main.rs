//! A client against servers on this machine that keep to HTTP, and against some that do not.
#![allow(clippy::unwrap_used)]

mod certificates;
mod keeping;
mod limits;
mod rules;
mod server;
mod tokens;

use std::time::Duration;

use muster_egress::{
    ClientSettings, Egress, EgressError, HttpClient, Limits, Method, Request, Response, Rule,
};
use muster_model::TenantSlug;
use server::Server;

/// Where the servers are: an address of this machine at which nobody else looks for one of his own.
const HOST: [u8; 4] = [127, 77, 0, 1];
const HOST_NAME: &str = "127.77.0.1";
/// Where none is.
const NOBODY: (&str, u16) = ("127.77.0.2", 9);
/// All of this machine.
const LOOPBACK: &str = "acme 127.0.0.0/8:*";

fn acme() -> TenantSlug {
    TenantSlug::new("acme").unwrap()
}

fn egress(rules: &[&str]) -> Egress {
    let rules = rules.iter().map(|rule| rule.parse::<Rule>().unwrap()).collect();
    Egress::new(rules, Limits::default())
}

fn settings(server: &Server) -> ClientSettings {
    // Long enough for a machine that has much else to do.
    ClientSettings { time: Duration::from_secs(120), ..ClientSettings::new(server.url("")) }
}

fn client(server: &Server) -> HttpClient {
    egress(&[LOOPBACK]).client(&acme(), settings(server)).unwrap()
}

async fn get(client: &HttpClient, target: &str) -> Result<Response, EgressError> {
    client.send(Request::new(Method::Get, target)).await
}

/// An error with all of its causes.
fn told(error: &EgressError) -> String {
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        told.push_str(&format!(": {error}"));
        cause = error.source();
    }
    told
}
