//! Syncs and directories over the User Sync API, as scripts call it: the commands of its documentation as they stand
//! there, carried out by a shell with curl.

use muster_testkit::people::BadLines;
use serde_json::{Value, json};

use crate::script::Script;
use crate::world::{people, wait_until};

/// An admin with a shell, and the people of the example.
fn start() -> Script {
    let script = Script::start("admin");
    script.world.deliver(&people(40, BadLines::Some));
    script
}

fn json(script: &Script, command: &str) -> Value {
    script.run(command).expect(200).json()
}

/// Waits until the last sync of the connector is done.
fn done(script: &Script) -> Value {
    wait_until(|| Some(json(script, LAST)).filter(|status| status["status"] == "DONE"))
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
    let script = start();
    let numbered =
        "curl -u username:password -X GET https://<base-url>/rest/samlsso-admin/1.0/usersync/syncstatus/";
    script.run(LAST).expect(404);
    for (number, command) in (1..).zip(SYNCS) {
        let started = json(&script, command);
        assert_eq!(started["id"], number);
        let done = done(&script);
        assert_eq!(json(&script, &format!("{numbered}{number}")), done);
        assert_eq!(done["messages"][0], started["messages"][0]);
    }
    let first = json(&script, &format!("{numbered}1"));
    assert_eq!([&first["addedCount"], &first["syncStatusResult"]], [&json!(40), &json!("PARTIALLY_FAILED")]);
    let count = |command: &str| json(&script, command).as_array().unwrap().len();
    assert_eq!(count(&format!("{numbered}1/results")), 10);
    let all = count(&format!("{numbered}1/results?count=-1"));
    assert_eq!(json!(all), first["resultCount"]);
    script.run(&format!("{numbered}1/results?count=all")).expect(400);
    script.served.stop();
}

/// "DELETE - delete a directory", and what its chapter says of the sync after it.
#[test]
fn a_directory_is_deleted_by_the_command_of_the_documentation() {
    let script = start();
    script.run(SYNCS[2]).expect(200);
    done(&script);
    let delete = "curl -u username:password -X DELETE https://<base-url>/rest/samlsso-admin/1.0/directory/<directoryID>";
    assert_eq!(script.run(delete).expect(204).out, "");
    script.run(delete).expect(404);
    script.run(SYNCS[0]).expect(200);
    let status = done(&script);
    let messages = status["messages"].as_array().unwrap();
    let scheduled = messages[0].as_str().unwrap();
    let job = scheduled.strip_prefix("Scheduled with jobid ").unwrap();
    assert_eq!(job.len(), "d8dc7879-1b15-4dcd-98b6-64eb5c30e2f1".len());
    assert_eq!(messages[1..], [json!("Directory main does not exists")]);
    assert_eq!(status["syncStatusResult"], "FAILED");
    script.served.stop();
}
