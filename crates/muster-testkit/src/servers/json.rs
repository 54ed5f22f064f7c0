//! `json-server` of npm: a small JSON API over any data, which other people wrote. Brought once, at a fixed version, into a
//! directory below `target`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Process, free_port};

const PACKAGE: &str = r#"{"private": true, "dependencies": {"json-server": "0.17.4"}}"#;

/// A JSON API on this machine, until it is dropped.
#[derive(Debug)]
pub struct JsonServer {
    _process: Process,
    port: u16,
    _directory: tempfile::TempDir,
}

impl JsonServer {
    /// A server of this data, a JSON object with one list for each path: `{"users": []}`.
    ///
    /// # Panics
    /// When it cannot be brought or started.
    #[must_use]
    pub fn start(data: &str) -> Self {
        let home = brought();
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("data.json");
        fs::write(&file, data).expect("a file for the server");
        let port = free_port().expect("a free port");
        let mut command = Command::new("node");
        command
            .arg(home.join("node_modules/json-server/lib/cli/bin.js"))
            .args(["--quiet", "--host", "127.0.0.1", "--port", &port.to_string()])
            .arg(&file)
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = Process::serving(&mut command, port);
        Self { _process: process, port, _directory: directory }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// The directory that the server was brought to, by whichever process came first.
fn brought() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")), PathBuf::from);
    let servers = target.join("servers");
    fs::create_dir_all(&servers).expect("a directory for servers");
    let lock = File::create(servers.join("json.lock")).expect("a file to lock");
    lock.lock().expect("a lock");
    let home = servers.join("json");
    let filled = home.join("filled.txt");
    if !fs::read_to_string(&filled).is_ok_and(|known| known == PACKAGE) {
        bring(&home);
        fs::write(&filled, PACKAGE).expect("a note that all is there");
    }
    home
}

fn bring(home: &Path) {
    if home.exists() {
        fs::remove_dir_all(home).expect("an old server can be removed");
    }
    fs::create_dir_all(home).expect("a directory for npm");
    fs::write(home.join("package.json"), PACKAGE).expect("a file for npm");
    let needed = "this test needs node and npm (apt-get install nodejs npm) and the registry of npm";
    let npm = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"];
    let output = Command::new("npm").args(npm).current_dir(home).output();
    let output = output.unwrap_or_else(|error| panic!("{needed}: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{needed}; npm ended with {}: {told}", output.status);
}
