//! The User Sync API as scripts call it: the commands of its documentation as they stand there, carried out by a shell
//! with curl and jq.

use serde_json::json;

use crate::script::{CONNECTOR, Script};

mod single;

/// "GET – show all connectors", "GET - connector ID", "GET - show a connector".
#[test]
fn connectors_are_listed_and_shown() {
    let script = Script::start("configurator");
    let all =
        "curl -u username:password -X GET https://<base-url>/rest/samlsso-admin/1.0/usersync/connector/";
    let list = script.run(all).expect(200).json();
    assert_eq!(list.as_array().unwrap().len(), 1);
    let one = "curl -u username:password -X GET \
        https://<base-url>/rest/samlsso-admin/1.0/usersync/connector/<connectorID>";
    let connector = script.run(one).expect(200).json();
    assert_eq!(connector, list[0]);
    assert_eq!(
        [&connector["uniqueId"], &connector["name"], &connector["directoryId"]],
        [CONNECTOR, "HR reconciliation", "main"].map(|text| json!(text)).each_ref()
    );
    let all = "curl -u user:password -X GET https://<base-url>/rest/samlsso-admin/1.0/usersync/connector/";
    let quoted = script.run(&format!("{all} | jq '.[].uniqueId'")).expect(200);
    assert_eq!(quoted.out, format!("\"{CONNECTOR}\"\n"));
    let raw = script.run(&format!("{all} | jq -r '.[].uniqueId'")).expect(200);
    assert_eq!(raw.out, format!("{CONNECTOR}\n"));
    script.served.stop();
}

/// "PATCH - update connector configuration".
#[test]
fn a_connector_is_patched_in_both_ways() {
    let script = Script::start("configurator");
    let patch = "curl -u username:password -X PATCH \
        https://<base-url>/rest/samlsso-admin/1.0/usersync/connector/<connectorID> -d @patched_json.json --header ";
    let [operations, merge] =
        ["json-patch", "merge-patch"].map(|form| format!("{patch}\"Content-Type: application/{form}+json\""));
    let operation = "[{\n\"op\": \"replace\",\n\"path\": \"/name\",\n\"value\": \"Changed name\"\n}]";
    script.write("patched_json.json", operation);
    let patched = script.run(&operations).expect(200).json();
    assert_eq!(
        (&patched["name"], &patched["configuration"]["name"]),
        (&json!("Changed name"), &patched["name"])
    );
    script.write("patched_json.json", "{\n\"name\" : \"Changed Name\"\n}");
    let patched = script.run(&merge).expect(200).json();
    assert_eq!(patched["name"], "Changed Name");
    // A list is no merge patch of a configuration, and an object no list of operations.
    assert_eq!(script.run(&operations).expect(400).json()["label"], "VALIDATION_FAILED");
    script.write("patched_json.json", operation);
    assert_eq!(script.run(&merge).expect(400).json()["label"], "VALIDATION_FAILED");
    let form = script.run(patch.trim_end_matches("--header ")).expect(415).json();
    assert_eq!(form["label"], "UNSUPPORTED_MEDIA_TYPE");
    script.served.stop();
}

/// The commands of the guide, which edits with jq what was shown, and saves it.
#[test]
fn a_connector_is_edited_saved_and_carried_elsewhere() {
    let script = Script::start("configurator");
    let one = "https://<base-url>/rest/samlsso-admin/1.0/usersync/connector/<connectorID>";
    let get = format!(
        "curl -u username:password {one} | jq '.configuration | .name = \"Everybody\"' > edited.json"
    );
    let _ = script.run(&get).expect(200);
    let put = format!(
        "curl -u username:password -X PUT {one} -d @edited.json --header \"Content-Type: application/json\""
    );
    assert_eq!(script.run(&put).expect(200).json()["name"], "Everybody");
    let all = "https://<base-url>/rest/samlsso-admin/1.0/usersync/connector";
    let _ = script.run(&format!("curl -u username:password -o connectors.json {all}/~export")).expect(200);
    let import = format!(
        "curl -u username:password {all}/~import -d @connectors.json --header \"Content-Type: application/json\""
    );
    assert_eq!(script.run(&import).expect(200).json()[0]["name"], "Everybody");
    script.served.stop();
}
