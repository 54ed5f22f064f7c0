//! `cargo xtask api`: requests made from our own description of the API, by schemathesis, to a real server that holds
//! the example's tenant. Finds what the server fails at and what the description does not say.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debian::{Installed, install};
use crate::error::Error;
use crate::program::{Interruptions, cargo, output_until_interrupted, run, run_until_interrupted};
use crate::server::{Errors, Server};

/// The environment of Python, made where it is missing.
const ENVIRONMENT: &str = "target/schemathesis";
/// What is installed in it, each file by its hash.
const REQUIREMENTS: &str = "xtask/schemathesis/requirements.txt";
const CONFIGURATION: &str = "xtask/schemathesis/schemathesis.toml";
const MUSTER: &str = "target/debug/muster";
const TENANT: &str = "acme";

pub(crate) fn run_all(interruptions: &Interruptions) -> Result<(), Error> {
    run_until_interrupted(cargo().args(["build", "--package", "muster"]), interruptions)?;
    ask_built(interruptions)
}

/// Makes the requests to the program that the tests have built.
///
/// # Errors
/// [`Error::NoPython`] and [`Error::NoSchemathesis`] where there is nothing to make them with; when something is found.
pub(crate) fn ask_built(interruptions: &Interruptions) -> Result<(), Error> {
    provide_schemathesis()?;
    let data =
        tempfile::Builder::new().prefix("muster-api-").tempdir().map_err(Error::io("make a directory"))?;
    let token = make_tenant(data.path(), interruptions)?;
    let mut serve = Command::new(MUSTER);
    serve.args(["serve", "--data-dir"]).arg(data.path()).env("MUSTER_LIMITS_REQUESTS_PER_SECOND", "0");
    // A group of its own: Ctrl-C goes to who asks first, and the server is stopped after it.
    let server = Server::start(serve.process_group(0), Errors::Shown)?;
    let mut import = Command::new(MUSTER);
    import.args(["dataset", "import", "examples/dataset.xml", "--tenant", TENANT, "--server", server.url()]);
    run_until_interrupted(import.env("MUSTER_TOKEN", &token), interruptions)?;
    let mut requests = Command::new(program("schemathesis"));
    requests.args(["--config-file", CONFIGURATION, "run", "--continue-on-failure"]);
    requests.arg(format!("{}/api-docs/openapi.json", server.url()));
    // The token is worth nothing once the server is gone.
    requests.args(["--header", &format!("Authorization: Bearer {token}")]);
    run_until_interrupted(&mut requests, interruptions)
}

fn program(name: &str) -> PathBuf {
    Path::new(ENVIRONMENT).join("bin").join(name)
}

/// Makes the environment of Python, or brings it up to date.
fn provide_schemathesis() -> Result<(), Error> {
    if !program("pip").is_file() {
        let make = || run(Command::new("python3").args(["-m", "venv", ENVIRONMENT]));
        if make().is_err() && (install("python3-venv")? == Installed::No || make().is_err()) {
            return Err(Error::NoPython);
        }
    }
    let mut pip = Command::new(program("pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
    match run(pip.args(["--requirement", REQUIREMENTS])) {
        Err(Error::Failed { .. }) => Err(Error::NoSchemathesis),
        installed => installed,
    }
}

/// Makes the tenant with the example's people, and answers a token of its admin.
fn make_tenant(data: &Path, interruptions: &Interruptions) -> Result<String, Error> {
    let muster = |arguments: &[&str]| {
        let mut muster = Command::new(MUSTER);
        muster.args(arguments).arg("--data-dir").arg(data);
        muster
    };
    run_until_interrupted(&mut muster(&["tenant", "create", TENANT]), interruptions)?;
    let files = data.join("files").join(TENANT).join("hr");
    let action = || "put the example's people in place";
    fs::create_dir_all(&files).map_err(Error::io(action()))?;
    fs::copy("examples/hr/day1.csv", files.join("people.csv")).map_err(Error::io(action()))?;
    let mut token = muster(&["token", "create", "--tenant", TENANT, "--role", "admin", "--name", "requests"]);
    let printed = output_until_interrupted(&mut token, interruptions)?;
    Ok(String::from_utf8_lossy(&printed).trim().to_owned())
}
