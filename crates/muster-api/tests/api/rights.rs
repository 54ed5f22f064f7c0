//! Roles and routes: `tests/rights.txt` says who may call what. A route that it does not name fails the test,
//! and so does a line without a route.

use std::collections::BTreeMap;

use muster_api::rights::Role;
use muster_api::routes::{Method, Route, routes};
use muster_testkit::http::Client;
use muster_testkit::server::{Staff, TestServer};

use crate::world::server;

const TABLE: &str = include_str!("../rights.txt");

/// The roles that may call a route, as the file names it.
fn table() -> BTreeMap<(&'static str, &'static str), Vec<&'static str>> {
    let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let route = (words.next().unwrap(), words.next().unwrap());
            (route, words.collect())
        })
        .collect()
}

/// A request of a route that changes nothing: what it names does not exist.
fn call(client: &Client, route: &Route, tenant: &str) -> u16 {
    let path = route
        .path
        .replace("{tenant}", tenant)
        .replace("{kind}", "IDENTITY")
        .replace("{instance}", "01900000-0000-7000-8000-000000000000")
        .replace("{definition}", "nothing")
        .replace("{version}", "1")
        .replace("{path}", "no/../such")
        .replace("{name}", "nothing")
        .replace("{id}", "nothing");
    client.send(route.method.as_str(), &path, &[("content-type", "application/json")], b"{}").status
}

/// One client a role.
fn clients(server: &TestServer, admin: &Client) -> [(&'static str, Client); 5] {
    Role::ALL.map(|role| {
        let is_admin = role == Role::Admin;
        let client = if is_admin { admin.clone() } else { server.make_token("acme", role.as_str()) };
        (role.as_str(), client)
    })
}

#[test]
fn every_route_stands_in_the_table_and_every_line_is_a_route() {
    let table = table();
    let named: Vec<_> = table.keys().copied().collect();
    let mut served: Vec<_> =
        routes().iter().map(|route| (route.method.as_str(), route.path.as_str())).collect();
    served.sort_unstable();
    assert_eq!(named, served);
    assert_eq!(TABLE.lines().filter(|line| line.contains('/')).count(), table.len() + 1, "a line is doubled");
}

#[test]
fn a_route_lets_in_whom_the_table_names_and_nobody_else() {
    let (server, admin) = server(Staff::Absent);
    server.make_tenant("beta");
    let stranger = server.make_token("beta", "admin");
    let nobody = server.make_token("acme", "");
    let clients = clients(&server, &admin);
    let table = table();
    for route in routes() {
        let allowed = &table[&(route.method.as_str(), route.path.as_str())];
        let name = format!("{} {}", route.method.as_str(), route.path);
        if *allowed == ["everybody"] {
            assert_eq!(call(server.anybody(), route, "acme"), 200, "{name}");
            continue;
        }
        for (role, client) in &clients {
            let status = call(client, route, "acme");
            assert_eq!(status != 403, allowed.contains(role), "{name} as {role}: {status}");
            assert!(![401, 405, 500].contains(&status), "{name} as {role}: {status}");
        }
        assert_eq!(call(&nobody, route, "acme"), 403, "{name} without a role");
        assert_eq!(call(server.anybody(), route, "acme"), 401, "{name} without credentials");
        assert_eq!(call(server.anybody(), route, "nowhere"), 401, "{name} without credentials");
        assert_eq!(call(&stranger, route, "acme"), 404, "{name} as a stranger");
        assert_eq!(call(&stranger, route, "nowhere"), 404, "{name} of nobody");
    }
}

#[test]
fn other_methods_are_no_way_around() {
    let (server, admin) = server(Staff::Absent);
    for route in routes().iter().filter(|route| route.method == Method::Get) {
        let path = route.path.replace("{tenant}", "acme").replace(['{', '}'], "");
        let served =
            |method: &str| routes().iter().any(|r| r.path == route.path && r.method.as_str() == method);
        for method in ["PATCH", "OPTIONS", "TRACE", "PROPFIND"].into_iter().filter(|method| !served(method)) {
            for client in [server.anybody(), &admin] {
                assert_eq!(client.send(method, &path, &[], b"").status, 405, "{method} {path}");
            }
        }
    }
}
