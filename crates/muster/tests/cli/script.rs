//! Scripts that call the User Sync API: the commands of its documentation as they stand there, carried out by a shell with
//! curl and jq.

use std::fs;
use std::process::{Command, Stdio};

use muster_model::configuration::ConfigurationKind;
use serde_json::Value;
use tempfile::TempDir;

use crate::server::Served;
use crate::world::{World, finish_with};

/// The connector of the example.
pub(crate) const CONNECTOR: &str = "7df9fd3f-793f-4595-b415-b839b76b0018";
const PASSWORD: &str = "a-long-password";

/// A tenant with the example, a server, and somebody with a shell.
pub(crate) struct Script {
    pub(crate) world: World,
    pub(crate) served: Served,
    /// Where the shell is.
    directory: TempDir,
}

/// What a command of curl came to.
pub(crate) struct Answered {
    status: u16,
    pub(crate) out: String,
}

impl Script {
    /// Somebody who has this role.
    pub(crate) fn start(role: &str) -> Self {
        let world = World::adapted(|kind, document| {
            if kind == ConfigurationKind::SynchronizationTaskDefinition {
                document["uniqueId"] = CONNECTOR.into();
            }
        });
        let create = ["user", "create", "--tenant", "acme", "--role", role, "username"];
        let _ = finish_with(&mut world.command(&create), &format!("{PASSWORD}\n")).expect(0);
        let directory = TempDir::new().unwrap();
        // The status beside the body, without a word of it in the commands.
        let settings = "silent\nshow-error\nwrite-out = \"%{stderr}%{http_code}\"\n";
        fs::write(directory.path().join(".curlrc"), settings).unwrap();
        Self { served: Served::start(&world), world, directory }
    }

    /// Carries out a command of the documentation, with our names for what stands in angle brackets, and the quotes that a
    /// shell knows.
    pub(crate) fn run(&self, command: &str) -> Answered {
        let base = format!("http://{}/acme", self.served.address);
        let user = format!("username:{PASSWORD}");
        let named = [
            ("https://<base-url>", base.as_str()),
            ("http://<base-url>", &base),
            ("<connectorID>", CONNECTOR),
            ("<directoryID>", "main"),
            ("username:password", &user),
            ("user:password", &user),
            ("admin:<pw>", &user),
        ];
        let command = named.iter().fold(command.to_owned(), |text, (name, value)| text.replace(name, value));
        let command = command.replace(['‘', '’'], "'");
        assert!(!command.contains('<'), "{command}");
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", &command]).current_dir(self.directory.path());
        let output = shell.env("CURL_HOME", self.directory.path()).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let status = said.parse().unwrap_or_else(|_| panic!("{command}: {said}"));
        Answered { status, out: String::from_utf8(output.stdout).unwrap() }
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).unwrap();
    }
}

impl Answered {
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.out);
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}
