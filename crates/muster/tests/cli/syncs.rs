//! Syncs and directories over the User Sync API, as scripts call it: the commands of its documentation as they stand
//! there, carried out by a shell with curl.

use std::fs;
use std::process::{Command, Stdio};

use muster_model::configuration::ConfigurationKind;
use muster_testkit::people::BadLines;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::Served;
use crate::world::{World, finish_with, people, wait_until};

/// The connector of the example.
const CONNECTOR: &str = "7df9fd3f-793f-4595-b415-b839b76b0018";
const PASSWORD: &str = "a-long-password";

/// A tenant with the example and its people, a server, and an admin with a shell.
struct Shell {
    _world: World,
    served: Served,
    directory: TempDir,
}

impl Shell {
    fn start() -> Self {
        let world = World::adapted(|kind, document| {
            if kind == ConfigurationKind::SynchronizationTaskDefinition {
                document["uniqueId"] = CONNECTOR.into();
            }
        });
        world.deliver(&people(40, BadLines::Some));
        let create = ["user", "create", "--tenant", "acme", "--role", "admin", "username"];
        let _ = finish_with(&mut world.command(&create), &format!("{PASSWORD}\n")).expect(0);
        let directory = TempDir::new().unwrap();
        // The status beside the body, without a word of it in the commands.
        let settings = "silent\nshow-error\nwrite-out = \"%{stderr}%{http_code}\"\n";
        fs::write(directory.path().join(".curlrc"), settings).unwrap();
        Self { served: Served::start(&world), _world: world, directory }
    }

    /// Carries out a command of the documentation, with our names for what stands in angle brackets, and the quotes that a
    /// shell knows. Answers what was written, if it is this status.
    fn expect(&self, status: u16, command: &str) -> String {
        let base = format!("http://{}/acme", self.served.address);
        let named = [
            ("https://<base-url>", base.as_str()),
            ("http://<base-url>", &base),
            ("<connectorID>", CONNECTOR),
            ("<directoryID>", "main"),
            ("username:password", &format!("username:{PASSWORD}")),
            ("admin:<pw>", &format!("username:{PASSWORD}")),
        ];
        let command = named.iter().fold(command.to_owned(), |text, (name, value)| text.replace(name, value));
        let command = command.replace(['‘', '’'], "'");
        assert!(!command.contains('<'), "{command}");
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", &command]).current_dir(self.directory.path());
        let output = shell.env("CURL_HOME", self.directory.path()).stdin(Stdio::null()).output().unwrap();
        let (out, said) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(said, status.to_string(), "{command}: {out}");
        out
    }

    fn json(&self, command: &str) -> Value {
        serde_json::from_str(&self.expect(200, command)).unwrap()
    }

    /// Waits until the last sync of the connector is done.
    fn done(&self) -> Value {
        wait_until(|| Some(self.json(LAST)).filter(|status| status["status"] == "DONE"))
    }
}

/// "GET – status from last sync".
const LAST: &str = "curl -u username:password -X GET \
    https://<base-url>/rest/samlsso-admin/1.0/usersync/connector/<connectorID>/syncstatus";

/// "POST - initiate a Sync (User Sync 2.x)", "RUN_LOCALLY", "POST - initiate a sync (User Sync 1.9)".
const SYNCS: [&str; 3] = [
    "curl -X POST \"https://<base-url>/rest/samlsso-admin/1.0/usersync/connector/<connectorID>/sync\" \\\n\
     -H 'Content-Type: application/json; charset=utf-8' \\\n-u ‘username:password’",
    "curl -d \"\" -A \"curl\" -H \"X-Atlassian-Token:nocheck\" --user admin:<pw> \
     http://<base-url>/rest/samlsso-admin/1.0/usersync/connector/<connectorID>/sync?local=true",
    "curl -u username:password -X POST \
     https://<base-url>/rest/samlsso-admin/1.0/usersync/connector/<connectorID>/sync",
];

/// With "GET – status from a specific sync" and "GET – results from a sync".
#[test]
fn syncs_are_started_and_watched_by_the_commands_of_the_documentation() {
    let shell = Shell::start();
    let numbered =
        "curl -u username:password -X GET https://<base-url>/rest/samlsso-admin/1.0/usersync/syncstatus/";
    shell.expect(404, LAST);
    for (number, command) in (1..).zip(SYNCS) {
        let started = shell.json(command);
        assert_eq!(started["id"], number);
        let done = shell.done();
        assert_eq!(shell.json(&format!("{numbered}{number}")), done);
        assert_eq!(done["messages"][0], started["messages"][0]);
    }
    let first = shell.json(&format!("{numbered}1"));
    assert_eq!([&first["addedCount"], &first["syncStatusResult"]], [&json!(40), &json!("PARTIALLY_FAILED")]);
    let count = |command: &str| shell.json(command).as_array().unwrap().len();
    assert_eq!(count(&format!("{numbered}1/results")), 10);
    let all = count(&format!("{numbered}1/results?count=-1"));
    assert_eq!(json!(all), first["resultCount"]);
    shell.expect(400, &format!("{numbered}1/results?count=all"));
    shell.served.stop();
}

/// "DELETE - delete a directory", and what its chapter says of the sync after it.
#[test]
fn a_directory_is_deleted_by_the_command_of_the_documentation() {
    let shell = Shell::start();
    shell.expect(200, SYNCS[2]);
    shell.done();
    let delete = "curl -u username:password -X DELETE https://<base-url>/rest/samlsso-admin/1.0/directory/<directoryID>";
    assert_eq!(shell.expect(204, delete), "");
    shell.expect(404, delete);
    shell.expect(200, SYNCS[0]);
    let status = shell.done();
    let messages = status["messages"].as_array().unwrap();
    let scheduled = messages[0].as_str().unwrap();
    let job = scheduled.strip_prefix("Scheduled with jobid ").unwrap();
    assert_eq!(job.len(), "d8dc7879-1b15-4dcd-98b6-64eb5c30e2f1".len());
    assert_eq!(messages[1..], [json!("Directory main does not exists")]);
    assert_eq!(status["syncStatusResult"], "FAILED");
    shell.served.stop();
}
