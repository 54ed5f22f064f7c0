//! What most tests begin with: a server, the tenant `acme`, its admin, and a configuration that works.

use muster_api::ApiSettings;
use muster_connector::memory::MemoryAccount;
use muster_model::{Attributes, Field};
use muster_testkit::http::{Answer, Client};
use muster_testkit::server::{Staff, TestServer};
use serde_json::{Value, json};

/// The class of accounts in the system in memory.
pub(crate) const PEOPLE: &str = "people";

pub(crate) fn server(staff: Staff) -> (TestServer, Client) {
    let server = TestServer::start(staff, ApiSettings::default());
    server.make_tenant("acme");
    let admin = server.make_token("acme", "admin");
    (server, admin)
}

/// A server with a configured synchronization of `people`, and a provisioning of them.
pub(crate) fn configured(staff: Staff) -> (TestServer, Client) {
    let (server, admin) = server(staff);
    configure(&admin, "acme");
    (server, admin)
}

pub(crate) fn conf(tenant: &str, kind: &str) -> String {
    format!("/{tenant}/api/sync/conf/{kind}")
}

pub(crate) fn configure(admin: &Client, tenant: &str) {
    for (kind, body) in [
        ("connector-definitions", connector_definition("memory")),
        ("applications", application("hr")),
        ("sync-task-definitions", synchronization_task("hr-import")),
    ] {
        let _ = admin.post(&conf(tenant, kind), &body).expect(201);
    }
}

pub(crate) fn connector_definition(id: &str) -> Value {
    json!({"id": id, "name": "Memory", "type": "memory"})
}

/// The connector definition `memory` under another name.
pub(crate) fn connector_named(name: &str) -> Value {
    let mut body = connector_definition("memory");
    body["name"] = name.into();
    body
}

pub(crate) fn application(id: &str) -> Value {
    json!({
        "id": id,
        "name": "HR",
        "connectorDefinitionId": "memory",
        "objectClasses": [{"id": "person", "remoteName": PEOPLE, "uidAttribute": "no"}],
        "objectTypes": [{
            "objectKind": "IDENTITY",
            "objectClassId": "person",
            "direction": "INBOUND",
            "correlation": [{"items": [{"objectAttribute": "employeeNumber", "accountAttribute": "no"}]}],
            "attributeMappings": [
                {"attribute": "employeeNumber", "direction": "INBOUND", "strategy": "SIMPLE", "source": "no"},
                {"attribute": "name", "direction": "INBOUND", "strategy": "SIMPLE", "source": "name"},
            ],
        }],
    })
}

pub(crate) fn synchronization_task(id: &str) -> Value {
    json!({
        "id": id,
        "name": "HR",
        "taskType": "RECONCILIATION",
        "applicationId": "hr",
        "objectClassId": "person",
    })
}

pub(crate) fn provisioning_task(id: &str) -> Value {
    json!({"id": id, "name": "Accounts", "scope": "kind eq \"IDENTITY\"", "applicationIds": ["payroll"]})
}

/// An application that is provisioned: a second class of the same system.
pub(crate) fn target(id: &str) -> Value {
    json!({
        "id": id,
        "name": "Payroll",
        "connectorDefinitionId": "memory",
        "objectClasses": [{"id": "person", "remoteName": "payroll", "uidAttribute": "no"}],
        "objectTypes": [{
            "objectKind": "IDENTITY",
            "objectClassId": "person",
            "direction": "OUTBOUND",
            "attributeMappings": [
                {
                    "attribute": "no",
                    "direction": "OUTBOUND",
                    "strategy": "SIMPLE",
                    "source": "employeeNumber",
                },
                {"attribute": "holder", "direction": "OUTBOUND", "strategy": "SIMPLE", "source": "name"},
            ],
        }],
    })
}

/// Who gets an account of [`target`]: everybody.
pub(crate) fn profile(id: &str, application: &str) -> Value {
    json!({"id": id, "name": "All", "applicationId": application, "objectKind": "IDENTITY"})
}

/// Puts people into the system in memory.
pub(crate) fn put_people(server: &TestServer, names: &[(&str, &str)]) {
    for (no, name) in names {
        let attributes: Attributes =
            [("no", Field::text(*no)), ("name", Field::text(*name))].into_iter().collect();
        server.system().put(PEOPLE, no, MemoryAccount { enabled: true, attributes });
    }
}

/// Checks that an answer is an error with this status and label, in the one form, and answers its JSON.
pub(crate) fn expect_error(answer: Answer, status: u16, label: &str) -> Value {
    let answer = answer.expect(status);
    assert_eq!(answer.header("content-type"), "application/json");
    let error = answer.json();
    let fields: Vec<_> = error.as_object().unwrap().keys().cloned().collect();
    let expected = [
        "@class",
        "errorId",
        "label",
        "description",
        "properties",
        "fix",
        "appId",
        "timestamp",
        "logTrackingId",
    ];
    assert_eq!(fields, expected, "{error}");
    assert_eq!(error["label"], label, "{error}");
    assert_eq!(error["@class"], "com.memority.toolkit.core.error.SimpleErrorRepresentation");
    assert!(error["errorId"].as_str().unwrap().starts_with("MUS-C"), "{error}");
    assert!(!error["fix"].as_str().unwrap().is_empty(), "{error}");
    error
}

/// The places that a refusal for broken rules names.
pub(crate) fn places(answer: Answer) -> Vec<String> {
    let error = expect_error(answer, 400, "VALIDATION_FAILED");
    error["properties"].as_object().unwrap().keys().cloned().collect()
}
