//! The floors of the house: a crate sees only lower ones, and what walls off stays walled off.

use std::collections::BTreeMap;
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

use crate::{expect_none, files, top};

/// The floor of each crate, as drawn in `ARCHITECTURE.md`. Connectors all stand on floor 3.
const FLOORS: [(&str, u8); 15] = [
    ("muster-model", 0),
    ("muster-plan", 1),
    ("muster-connector", 1),
    ("muster-dataset", 1),
    ("muster-egress", 1),
    ("muster-http", 2),
    ("muster-store", 3),
    ("muster-engine", 4),
    ("muster-api", 5),
    ("muster-user-sync", 5),
    ("muster", 6),
    // Aside: nobody's dependency but in tests, and the task runner's.
    ("muster-testkit", ASIDE),
    ("muster-bench", 8),
    ("muster-fuzz", 8),
    ("xtask", 9),
];
/// From here on nothing is part of a server, and no wall stands: a floor of a benchmark has to do without ours.
const ASIDE: u8 = 7;
const CONNECTORS: &str = "muster-connector-";

/// Outside crates, each with the crates of ours that may name it: one alone, but for what both ends of a wire need.
const WALLS: [(&str, &[&str]); 10] = [
    ("actix-web", &["muster-api"]),
    ("ldap3", &["muster-connector-ldap"]),
    ("metrics-exporter-prometheus", &["muster"]),
    ("rustls", &["muster-api", "muster-egress"]),
    ("webpki-roots", &["muster-egress"]),
    ("sea-orm", &["muster-store"]),
    ("sqlx", &["muster-store", "muster-connector-sql"]),
    ("rhai", &["muster-plan"]),
    ("quick-xml", &["muster-dataset"]),
    ("ureq", &["muster-egress", "muster"]),
];

/// The crates without input, output, clock, chance and environment.
const PURE: [&str; 3] = ["muster-model", "muster-plan", "muster-dataset"];

/// What they must not depend on.
const IMPURE: [&str; 6] = ["tokio", "async-trait", "rand", "getrandom", "reqwest", "tempfile"];

/// What they must not say.
const FORBIDDEN: [&str; 14] = [
    "Utc::now",
    "Local::now",
    "SystemTime",
    "Instant::now",
    "rand::",
    "std::env",
    "env::var",
    "Uuid::new_v4",
    "now_v7",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "async fn",
];

/// One dependency of one crate of ours.
struct Dependency {
    of: String,
    on: String,
    in_tests_only: bool,
}

fn dependencies() -> Vec<Dependency> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(top())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        for dependency in package["dependencies"].as_array().unwrap() {
            found.push(Dependency {
                of: package["name"].as_str().unwrap().to_owned(),
                on: dependency["name"].as_str().unwrap().to_owned(),
                in_tests_only: dependency["kind"] == "dev",
            });
        }
    }
    found
}

fn floor(name: &str) -> Option<u8> {
    let known: BTreeMap<_, _> = FLOORS.into_iter().collect();
    known.get(name).copied().or_else(|| name.starts_with(CONNECTORS).then_some(3))
}

fn is_ours(name: &str) -> bool {
    name == "xtask" || name == "muster" || name.starts_with("muster-")
}

/// What one dependency breaks, if anything.
fn broken_rule(dependency: &Dependency) -> Option<String> {
    let Dependency { of, on, in_tests_only } = dependency;
    let Some(own) = floor(of) else { return Some(format!("`{of}` has no floor: give it one")) };
    if !is_ours(on) {
        let wall = WALLS.iter().find(|(outside, keepers)| outside == on && !keepers.contains(&of.as_str()));
        let pure = PURE.contains(&of.as_str());
        return match wall {
            Some((_, keepers)) if !in_tests_only && own < ASIDE => {
                Some(format!("`{of}` names `{on}`, which only `{}` may", keepers.join("` and `")))
            }
            _ if pure && !in_tests_only && IMPURE.contains(&on.as_str()) => {
                Some(format!("`{of}` decides only and may not name `{on}`"))
            }
            _ => None,
        };
    }
    if *in_tests_only && on == "muster-testkit" {
        return None;
    }
    if floor(on).is_none_or(|floor| floor >= own) {
        return Some(format!("`{of}` may not see `{on}`, which stands no lower"));
    }
    if of == "muster-plan" && on != "muster-model" {
        return Some(format!("`muster-plan` sees `muster-model` alone, not `{on}`"));
    }
    if on == "muster-http" && !of.starts_with(CONNECTORS) && own < ASIDE {
        return Some(format!("`{of}` names `{on}`, which only connectors may"));
    }
    if on.starts_with(CONNECTORS) && of != "muster" && !in_tests_only && own < ASIDE {
        return Some(format!("`{of}` names the connector `{on}`, which only `muster` may"));
    }
    None
}

#[test]
fn crates_keep_to_their_floors() {
    let dependencies = dependencies();
    assert!(dependencies.iter().any(|dependency| dependency.of == "muster-model"));
    let broken: Vec<_> = dependencies.iter().filter_map(broken_rule).collect();
    expect_none(&broken, "crates see only lower floors");
}

#[test]
fn what_a_floor_forbids_is_seen() {
    let cases = [
        ("muster-engine", "muster-store", false, true),
        ("muster-engine", "muster-connector-csv", false, false),
        ("muster-engine", "muster-connector-csv", true, true),
        ("muster-engine", "muster-api", false, false),
        ("muster-store", "muster-connector-csv", false, false),
        ("muster-plan", "muster-connector", false, false),
        ("muster-plan", "muster-testkit", true, true),
        ("muster-plan", "muster-testkit", false, false),
        ("muster-plan", "rand", false, false),
        ("muster-dataset", "rand", false, false),
        ("muster-dataset", "muster-store", false, false),
        ("muster-dataset", "quick-xml", false, true),
        ("muster-api", "quick-xml", false, false),
        ("muster-api", "actix-web", false, true),
        ("muster-engine", "actix-web", false, false),
        ("muster-engine", "metrics-exporter-prometheus", false, false),
        ("muster-engine", "metrics", false, true),
        ("muster-api", "sea-orm", false, false),
        ("muster-api", "rustls", false, true),
        ("muster-egress", "rustls", false, true),
        ("muster-engine", "rustls", false, false),
        ("muster-bench", "sqlx", false, true),
        ("muster-bench", "muster-testkit", false, true),
        ("muster-connector-rest", "muster-http", false, true),
        ("muster-connector-rest", "muster-connector-scim", false, false),
        ("muster-http", "muster-connector-rest", false, false),
        ("muster-connector-rest", "muster-store", false, false),
        ("muster-store", "muster-http", false, false),
        ("muster-engine", "muster-http", false, false),
        ("muster-fuzz", "muster-connector-csv", false, true),
        ("muster", "muster-fuzz", true, false),
        ("muster", "muster-bench", false, false),
        ("muster", "muster-connector-csv", false, true),
        ("muster-unknown", "serde", false, false),
    ];
    for (of, on, in_tests_only, allowed) in cases {
        let dependency = Dependency { of: of.to_owned(), on: on.to_owned(), in_tests_only };
        assert_eq!(
            broken_rule(&dependency).is_none(),
            allowed,
            "`{of}` on `{on}`, tests only: {in_tests_only}"
        );
    }
}

/// The text of a source up to its tests, which may measure.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

/// Whether a line says a word, and not one that ends with it: `errand::` is not `rand::`.
fn says(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| !code[..at].ends_with(|before: char| before.is_alphanumeric()))
}

#[test]
fn deciding_crates_ask_neither_clock_nor_chance_nor_machine() {
    let mut found = Vec::new();
    for name in PURE {
        let sources = files(&top().join("crates").join(name).join("src"), "rs");
        assert!(!sources.is_empty(), "no sources of {name}");
        for path in
            sources.iter().filter(|path| !path.iter().any(|part| part == "tests" || part == "tests.rs"))
        {
            let text = fs::read_to_string(path).unwrap();
            for (line, text) in without_tests(&text).lines().enumerate() {
                let code = text.split("//").next().unwrap_or_default();
                let said = FORBIDDEN.iter().filter(|word| says(code, word));
                found.extend(said.map(|word| format!("{}:{}: `{word}`", path.display(), line + 1)));
            }
        }
    }
    expect_none(&found, "time, chance and the machine are arguments here");
}
