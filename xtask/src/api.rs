//! `cargo xtask api`: requests made from our own description of the API, by schemathesis, to a real server that holds
//! the example's tenant. Finds what the server fails at and what the description does not say.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::{fs, thread};

use tempfile::TempDir;

use crate::debian::{Installed, install};
use crate::error::Error;
use crate::program::{
    Interruptions, cargo, expect_success, output_until_interrupted, run, run_until_interrupted, signal, start,
};

/// The environment of Python, made where it is missing.
const ENVIRONMENT: &str = "target/schemathesis";
/// What is installed in it, each file by its hash.
const REQUIREMENTS: &str = "xtask/schemathesis/requirements.txt";
const CONFIGURATION: &str = "xtask/schemathesis/schemathesis.toml";
const MUSTER: &str = "target/debug/muster";
const TENANT: &str = "acme";
/// What the server says once it can be reached, followed by its address.
const LISTENING: &str = "listening on ";

pub(crate) fn run_all(interruptions: &Interruptions) -> Result<(), Error> {
    provide_schemathesis()?;
    run_until_interrupted(cargo().args(["build", "--package", "muster"]), interruptions)?;
    let data =
        tempfile::Builder::new().prefix("muster-api-").tempdir().map_err(Error::io("make a directory"))?;
    let token = make_tenant(data.path(), interruptions)?;
    let server = Server::start(data)?;
    let mut import = Command::new(MUSTER);
    import.args(["dataset", "import", "examples/dataset.xml", "--tenant", TENANT, "--server", &server.url]);
    run_until_interrupted(import.env("MUSTER_TOKEN", &token), interruptions)?;
    let mut requests = Command::new(program("schemathesis"));
    requests.args(["--config-file", CONFIGURATION, "run", "--continue-on-failure"]);
    requests.arg(format!("{}/api-docs/openapi.json", server.url));
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

/// A running server, gone with all its data when dropped.
struct Server {
    process: Child,
    url: String,
    _data: TempDir,
}

impl Server {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When it does not start.
    fn start(data: TempDir) -> Result<Self, Error> {
        let mut serve = Command::new(MUSTER);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path());
        serve.env("MUSTER_LIMITS_REQUESTS_PER_SECOND", "0").env("MUSTER_LOG", "info");
        // A group of its own: Ctrl-C goes to who asks first, and the server is stopped after it.
        serve.stdin(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        let mut process = start(&mut serve)?;
        match wait_for_address(&mut process) {
            Some(url) => Ok(Self { process, url, _data: data }),
            None => {
                let status = process.wait().map_err(Error::io("wait for the server"))?;
                expect_success(&serve, status)?;
                Err(Error::Ended { program: MUSTER })
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let stopped = signal("TERM", self.process.id())
            .and_then(|()| self.process.wait().map_err(Error::io("wait for the server")));
        if let Err(error) = stopped {
            error.print();
        }
    }
}

/// Reads the server's log until it says its address, and on in the background: what it fails at is shown.
fn wait_for_address(process: &mut Child) -> Option<String> {
    let log = process.stderr.take()?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if line.contains(" ERROR ") || line.starts_with("error:") {
                eprintln!("muster: {line}");
            }
            if let Some((_, rest)) = line.split_once(LISTENING) {
                let url = rest.split(',').next().unwrap_or_default().to_owned();
                // Nobody listens any more once the address is known.
                sender.send(url).unwrap_or(());
            }
        }
    });
    receiver.recv().ok()
}
