//! Services of SCIM that other people wrote: `scim2-server` of PyPI, and `scimmy-routers` of npm. Each is brought once,
//! at fixed versions, into a directory below `target`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Process, free_port};

const REQUIREMENTS: &str = include_str!("scim/requirements.txt");
const PACKAGE: &str = include_str!("scim/package.json");
const SERVER: &str = include_str!("scim/server.mjs");
/// What the services take as token.
pub const TOKEN: &str = "t";

/// A service of SCIM on this machine, until it is dropped.
#[derive(Debug)]
pub struct ScimServer {
    _process: Process,
    port: u16,
    _directory: Option<tempfile::TempDir>,
}

impl ScimServer {
    /// `scim2-server`, which offers what this `ServiceProviderConfig` says, as JSON. What it does not offer it refuses.
    ///
    /// # Panics
    /// When it cannot be brought or started.
    #[must_use]
    pub fn scim2(config: &str) -> Self {
        let home = brought("scim2", REQUIREMENTS, |home| {
            run(
                Command::new("python3").args(["-m", "venv"]).arg(home),
                "python3 with its module venv (apt-get install python3-venv)",
            );
            fs::write(home.join("requirements.txt"), REQUIREMENTS).expect("a file for pip");
            let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "-r", "requirements.txt"];
            run(Command::new(home.join("bin/python3")).args(pip).current_dir(home), "pip and its registry");
        });
        let directory = tempfile::tempdir().expect("a directory");
        let told = directory.path().join("config.json");
        fs::write(&told, config).expect("a file for the server");
        let port = free_port().expect("a free port");
        let mut command = Command::new(home.join("bin/python3"));
        command
            .args(["-m", "scim2_server.testserver.cli", "--dynamic-tenants", "--bearer-token", TOKEN])
            .args(["--port", &port.to_string(), "--service-provider-config"])
            .arg(&told)
            .env_remove("PYTHONDONTWRITEBYTECODE")
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let process = Process::serving(&mut command, port);
        Self { _process: process, port, _directory: Some(directory) }
    }

    /// A service of `scimmy-routers`, with these features as its library takes them, as JSON: `{"patch": true}`.
    ///
    /// # Panics
    /// When it cannot be brought or started.
    #[must_use]
    pub fn scimmy(features: &str) -> Self {
        let home = brought("scimmy", &format!("{PACKAGE}{SERVER}"), |home| {
            fs::create_dir_all(home).expect("a directory for npm");
            fs::write(home.join("package.json"), PACKAGE).expect("a file for npm");
            fs::write(home.join("server.mjs"), SERVER).expect("a program");
            let npm = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"];
            run(
                Command::new("npm").args(npm).current_dir(home),
                "npm and its registry (apt-get install nodejs npm)",
            );
        });
        let port = free_port().expect("a free port");
        let mut command = Command::new("node");
        command.arg("server.mjs").arg(port.to_string()).arg(features).current_dir(home);
        let process = Process::serving(&mut command, port);
        Self { _process: process, port, _directory: None }
    }

    /// Where the service of a tenant is. Each has a population of its own, empty at first.
    #[must_use]
    pub fn url(&self, tenant: &str) -> String {
        format!("http://127.0.0.1:{}/{tenant}/v2", self.port)
    }
}

/// A directory that was filled once for this content, whichever process came first.
fn brought(name: &str, content: &str, fill: impl Fn(&Path)) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")), PathBuf::from);
    let servers = target.join("servers");
    fs::create_dir_all(&servers).expect("a directory for servers");
    let lock = File::create(servers.join(format!("{name}.lock"))).expect("a file to lock");
    lock.lock().expect("a lock");
    let home = servers.join(name);
    let filled = home.join("filled.txt");
    if fs::read_to_string(&filled).is_ok_and(|known| known == content) {
        return home;
    }
    if home.exists() {
        fs::remove_dir_all(&home).expect("an old server can be removed");
    }
    fill(&home);
    fs::write(&filled, content).expect("a note that all is there");
    home
}

fn run(command: &mut Command, needed: &str) {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("this test needs {needed}: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "this test needs {needed}; {command:?} ended with {}: {told}",
        output.status
    );
}
