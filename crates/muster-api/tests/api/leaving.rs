//! The four things that can become of people who are gone from a file, from the file to what is answered about them.

use std::sync::Arc;

use muster_api::ApiSettings;
use muster_connector_csv::CsvKind;
use muster_testkit::http::Client;
use muster_testkit::server::{Staff, TestServer};
use serde_json::{Value, json};

use crate::tasks::wait_for_end;
use crate::world::{application, conf, synchronization_task};

const TASK: &str = "/acme/api/sync/sync-tasks/hr-import/instances";

/// A server that reads people from a file, with this reaction to those who are gone.
fn reading(missing: &str) -> (TestServer, Client) {
    let connectors = [("csv", Arc::new(CsvKind) as Arc<_>)].into();
    let server = TestServer::start_with(Staff::Working, ApiSettings::default(), connectors);
    server.make_tenant("acme");
    let admin = server.make_token("acme", "admin");
    let mut hr = application("hr");
    hr["objectClasses"][0]["remoteName"] = "hr.csv".into();
    hr["objectClasses"][0]["nameAttribute"] = "name".into();
    hr["objectTypes"][0]["reactions"] = json!({ "MISSING": missing });
    let mail = json!({"attribute": "mail", "direction": "INBOUND", "strategy": "SIMPLE", "source": "mail"});
    hr["objectTypes"][0]["attributeMappings"].as_array_mut().unwrap().push(mail);
    for (kind, body) in [
        ("connector-definitions", json!({"id": "memory", "name": "Files", "type": "csv"})),
        ("applications", hr),
        ("sync-task-definitions", synchronization_task("hr-import")),
    ] {
        let _ = admin.post(&conf("acme", kind), &body).expect(201);
    }
    (server, admin)
}

/// Delivers a file, reads it, and answers the people by their numbers.
fn deliver(admin: &Client, people: &[&str]) -> Vec<Value> {
    let file = format!("no,name,mail\n{}\n", people.join("\n"));
    let status = admin.send("PUT", "/acme/api/sync/files/hr.csv", &[], file.as_bytes()).status;
    assert!([201, 204].contains(&status));
    let id = admin.post_nothing(TASK).expect(200).text().to_owned();
    let ended = wait_for_end(admin, &format!("{TASK}/{id}"));
    assert_eq!(ended["outcomeStatus"], "SUCCESS", "{ended}");
    let mut found = admin.get("/acme/api/im/IDENTITY").expect(200).json().as_array().unwrap().clone();
    found.sort_by_key(|one| one["attributes"]["employeeNumber"].to_string());
    found
}

const ALL: [&str; 3] = ["1,Ann,ann@x", "2,Bob,bob@x", "3,Cay,cay@x"];

#[test]
fn disabled_deleted_anonymized_or_kept_and_back_again() {
    for missing in ["DISABLE", "DELETE", "ANONYMIZE", "IGNORE"] {
        let (_server, admin) = reading(missing);
        let before = deliver(&admin, &ALL);
        let after = deliver(&admin, &ALL[..2]);
        if missing == "DELETE" {
            assert_eq!(after.len(), 2);
        } else {
            let (enabled, reason) = match missing {
                "IGNORE" => (json!(true), Value::Null),
                _ => (json!(false), json!("MISSING")),
            };
            assert_eq!((&after[2]["enabled"], &after[2]["disabledReason"]), (&enabled, &reason), "{missing}");
            let (name, mail) = (&after[2]["attributes"]["name"], &after[2]["attributes"]["mail"]);
            let is_anonymous = name.as_str().unwrap().starts_with("user-") && mail.is_null();
            assert_eq!(is_anonymous, missing == "ANONYMIZE", "{after:?}");
        }
        assert_eq!(after[..2], before[..2], "{missing}");
        let back = deliver(&admin, &ALL);
        assert_eq!((back.len(), &back[2]["enabled"]), (3, &json!(true)), "{missing}");
        assert_eq!(back[2]["attributes"], before[2]["attributes"], "{missing}");
        assert_eq!(back[2]["id"] == before[2]["id"], missing != "DELETE", "who was deleted is somebody new");
    }
}
