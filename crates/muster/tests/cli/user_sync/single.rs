//! The single sync as scripts call it.

use serde_json::Value;

use crate::script::Script;

/// Somebody of the example, and what the example knows her by.
const NUMBER: &str = "E0002967";
const EMAIL: &str = "Layla.Alsayyid.2967@example.com";

impl Script {
    fn single(&self, command: &str, user: &str, status: u16) -> Value {
        let command = command.replace("<user-indentifier>", user).replace("<username>", user);
        self.run(&command).expect(status).json()
    }
}

/// "POST - initiate a Single User Update (User Sync 2.x)", "… with the Option Sync With Username As Primary Attribute", and
/// "… (User Sync 1.9)".
#[test]
fn a_single_user_is_synchronized() {
    let script = Script::start("configurator");
    script.world.deliver(include_bytes!("../../../../../examples/hr/day1.csv"));
    // With the quotes that a shell knows.
    let asked = "curl -X POST \"https://<base-url>/rest/samlsso-admin/1.0/usersync/connector/<connectorID>/syncsingle\" \
        -H 'Content-Type: application/json; charset=utf-8' -u 'username:password' ";
    let by_key = format!("{asked} -d '{{\"identifier\": \"<user-indentifier>\"}}'");
    let by_name = format!(
        "{asked} -d '{{\"identifier\": \"<user-indentifier>\", \"overridePrimaryAttributeWithUsername\": true}}'"
    );
    let added = script.single(&by_key, NUMBER, 200);
    assert_eq!((&added["operation"], &added["identifier"]), (&"ADDED".into(), &NUMBER.into()));
    assert_eq!((&added["inputUser"], &added["message"]), (&Value::Null, &Value::Null));
    assert_eq!(added["resultingUser"]["employeeNumber"], NUMBER);
    assert_eq!(script.single(&by_key, EMAIL, 200)["operation"], "NOT_MODIFIED");
    assert_eq!(script.single(&by_name, EMAIL, 200)["operation"], "NOT_MODIFIED");
    let older = "curl -u username:password -X POST \
        https://<base-url>/rest/samlsso-admin/1.0/usersync/connector/<connectorID>/syncsingle/<username>";
    assert_eq!(script.single(older, EMAIL, 200)["operation"], "NOT_MODIFIED");
    assert_eq!(script.single(&format!("{older} -d 'x=y'"), EMAIL, 200)["operation"], "NOT_MODIFIED");
    let unknown = script.single(&by_key, "nobody", 200);
    assert_eq!((&unknown["operation"], &unknown["identifier"]), (&"FAILED".into(), &"nobody".into()));
    assert!(unknown["message"].as_str().unwrap().contains("`nobody`"), "{unknown}");
    script.served.stop();
}

#[test]
fn what_cannot_be_done_is_told() {
    let script = Script::start("configurator");
    let path = "https://<base-url>/rest/samlsso-admin/1.0/usersync/connector";
    let post = "curl -u username:password -X POST";
    let json = "-H 'Content-Type: application/json'";
    let one = "<connectorID>/syncsingle";
    let other = "7df9fd3f-793f-4595-b415-b839b76b0019/syncsingle";
    let ann = r#"-d '{"identifier": "ann"}'"#;
    for (command, status, label) in [
        (format!("{post} {path}/{other} {json} {ann}"), 404, "CONNECTOR_NOT_FOUND"),
        (format!("{post} {path}/{other}/ann"), 404, "CONNECTOR_NOT_FOUND"),
        (format!("{post} {path}/{one} {ann}"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (format!("{post} {path}/{one} {json} -d '{{}}'"), 400, "VALIDATION_FAILED"),
        (format!("{post} {path}/{one} {json} -d '{{'"), 400, "MALFORMED"),
    ] {
        assert_eq!(script.run(&command).expect(status).json()["label"], label, "{command}");
    }
    // Nobody has put the HR file there.
    let unavailable = format!("{post} {path}/{one} {json} {ann}");
    assert_eq!(script.run(&unavailable).expect(503).json()["label"], "CONNECTOR_NOT_AVAILABLE");
    script.served.stop();
}
