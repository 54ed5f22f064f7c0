//! `cargo xtask test`: the tests of the workspace, with a PostgreSQL that lives as long as they do, then the requests
//! made from the description of the API, then a few kills of real servers.

use std::env;

use crate::api;
use crate::chaos;
use crate::debian::{Installed, provide, provide_for};
use crate::error::Error;
use crate::postgres::{Durability, Server};
use crate::program::{Interruptions, cargo, run_until_interrupted};

/// Where tests find the server. A set one is used as it is, and nothing is started.
const POSTGRES: &str = "MUSTER_TEST_POSTGRES";

/// Says that `xmllint` is there, so that no test goes without it.
const XMLLINT: &str = "MUSTER_TEST_XMLLINT";

/// What tests of connectors start or call, by a call that goes well where it is there, with the packages that bring it. A
/// test that lacks one fails and says so.
const SERVERS: [(&[&str], &[&str]); 6] = [
    (&["/usr/sbin/slapd", "-VV"], &["slapd"]),
    (&["ldapsearch", "-VV"], &["ldap-utils"]),
    (&["curl", "--version"], &["curl"]),
    (&["jq", "--version"], &["jq"]),
    (&["python3", "-c", "import ensurepip, venv"], &["python3", "python3-venv"]),
    (&["npm", "--version"], &["nodejs", "npm"]),
];

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// Arguments of `cargo test` instead of `--workspace`, as in `cargo xtask test -p muster-store`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    cargo: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Error> {
    let interruptions = Interruptions::catch()?;
    let tested = run_tests(arguments, &interruptions);
    // Who tests a part has no need of the whole.
    if !arguments.cargo.is_empty() || matches!(tested, Err(Error::Interrupted)) {
        return tested;
    }
    let asked = match api::ask_built(&interruptions) {
        Err(error @ (Error::NoPython | Error::NoSchemathesis)) => {
            eprintln!("warning: no requests were made from the description of the API: {error}");
            Ok(())
        }
        asked => asked,
    };
    // On a PostgreSQL of its own: it is killed as well.
    tested.and(asked).and_then(|()| chaos::disturb_a_little())
}

fn run_tests(arguments: &Arguments, interruptions: &Interruptions) -> Result<(), Error> {
    let mut tests = cargo();
    // One failure hides no other.
    tests.args(["test", "--no-fail-fast"]);
    if arguments.cargo.is_empty() {
        tests.arg("--workspace");
    } else {
        tests.args(&arguments.cargo);
    }
    if provide("xmllint", "libxml2-utils")? == Installed::Yes {
        tests.env(XMLLINT, "there");
    }
    for (call, packages) in SERVERS {
        provide_for(call, packages)?;
    }
    if env::var_os(POSTGRES).is_some() {
        return run_until_interrupted(&mut tests, interruptions);
    }
    // The server is stopped when it goes out of scope, however the tests end.
    let server = Server::start(Durability::None)?;
    run_until_interrupted(tests.env(POSTGRES, server.url()), interruptions)
}
