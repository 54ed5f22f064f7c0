//! The usual configuration of a world, as documents that a test may change before it saves them.
//!
//! `hr` leads people (class `person`), `crm` adds telephone numbers to them (class `contact`), `ad` gets
//! accounts for those in the departments `IT` and `FIN`. Each has one task of its own name.

use muster_model::configuration::ConfigurationKind;
use serde_json::{Value, json};

/// Everything, in an order in which it can be saved.
#[must_use]
pub fn usual() -> Vec<(ConfigurationKind, Value)> {
    vec![
        (ConfigurationKind::ConnectorDefinition, connector("hr", "hr")),
        (ConfigurationKind::ConnectorDefinition, connector("crm", "crm")),
        (ConfigurationKind::ConnectorDefinition, connector("ad", "ad")),
        (ConfigurationKind::Application, hr()),
        (ConfigurationKind::Application, crm()),
        (ConfigurationKind::Application, ad()),
        (ConfigurationKind::ApplicationProfile, staff()),
        (ConfigurationKind::SynchronizationTaskDefinition, reconciliation("hr", "person")),
        (ConfigurationKind::SynchronizationTaskDefinition, reconciliation("crm", "contact")),
        (ConfigurationKind::ProvisioningTaskDefinition, provisioning()),
    ]
}

/// A connector definition.
#[must_use]
pub fn connector(id: &str, connector_type: &str) -> Value {
    json!({ "id": id, "name": id, "type": connector_type })
}

/// The leading source. Persons who are gone are disabled.
#[must_use]
pub fn hr() -> Value {
    json!({
        "id": "hr",
        "name": "Human resources",
        "connectorDefinitionId": "hr",
        "objectClasses": [{ "id": "person", "remoteName": "person", "uidAttribute": "number" }],
        "objectTypes": [{
            "objectKind": "IDENTITY",
            "objectClassId": "person",
            "direction": "INBOUND",
            "correlation": [correlation("email", "email")],
            "attributeMappings": [
                inbound("number", "number", 10),
                cleared(inbound("email", "email", 10)),
                cleared(inbound("name", "name", 10)),
                cleared(inbound("department", "department", 10)),
                manager(),
            ],
            "reactions": { "MISSING": "DISABLE" },
        }],
    })
}

/// The second source. It finds people by their e-mail addresses.
#[must_use]
pub fn crm() -> Value {
    json!({
        "id": "crm",
        "name": "Customers and contacts",
        "connectorDefinitionId": "crm",
        "objectClasses": [{ "id": "contact", "remoteName": "contact", "uidAttribute": "id" }],
        "objectTypes": [{
            "objectKind": "IDENTITY",
            "objectClassId": "contact",
            "direction": "INBOUND",
            "correlation": [correlation("email", "email")],
            "attributeMappings": [inbound("email", "email", 1), cleared(inbound("phone", "phone", 1))],
            "reactions": { "MISSING": "DISABLE" },
        }],
    })
}

/// The target.
#[must_use]
pub fn ad() -> Value {
    json!({
        "id": "ad",
        "name": "Accounts",
        "connectorDefinitionId": "ad",
        "objectClasses": [
            {
                "id": "account",
                "remoteName": "account",
                "uidAttribute": "uid",
                "attributes": [
                    { "name": "uid" },
                    { "name": "mail" },
                    { "name": "cn" },
                    { "name": "groups", "multiValued": true },
                ],
            },
            {
                "id": "group",
                "remoteName": "group",
                "uidAttribute": "name",
                "membership": { "heldBy": "ACCOUNT", "attribute": "groups" },
            },
        ],
        "objectTypes": [{
            "objectKind": "IDENTITY",
            "objectClassId": "account",
            "direction": "OUTBOUND",
            "correlation": [correlation("mail", "email")],
            "attributeMappings": [
                outbound("uid", "number"),
                cleared(outbound("mail", "email")),
                cleared(outbound("cn", "name")),
            ],
        }],
    })
}

/// The target, where accounts are called by e-mail addresses and hold what is taken of their owners' managers.
///
/// # Panics
/// Never: the target has attributes and mappings.
#[must_use]
pub fn naming(take: &str) -> Value {
    let mut application = ad();
    let attributes = application["objectClasses"][0]["attributes"].as_array_mut().expect("attributes");
    attributes.push(json!({ "name": "manager" }));
    let mappings = application["objectTypes"][0]["attributeMappings"].as_array_mut().expect("mappings");
    mappings[0] = outbound("uid", "email");
    let mut manager = cleared(outbound("manager", "manager"));
    manager["take"] = json!(take);
    mappings.push(manager);
    application
}

/// A target like that one, whose accounts have a login as their name, the owner's e-mail address, and a key that only
/// the target knows.
///
/// # Panics
/// When it has no attributes or no mappings.
#[must_use]
pub fn giving_keys(mut application: Value) -> Value {
    let class = &mut application["objectClasses"][0];
    class["uidAttribute"] = "id".into();
    class["nameAttribute"] = "login".into();
    let attributes = class["attributes"].as_array_mut().expect("attributes");
    attributes.extend([json!({ "name": "id" }), json!({ "name": "login" })]);
    application["objectTypes"][0]["attributeMappings"][0] = outbound("login", "email");
    application
}

/// Who gets an account, and which groups.
#[must_use]
pub fn staff() -> Value {
    json!({
        "id": "staff",
        "name": "Staff",
        "applicationId": "ad",
        "objectKind": "IDENTITY",
        "objectMatchingCondition": "department eq \"IT\" or department eq \"FIN\"",
        "entitlementAssignments": [
            { "objectClassId": "group", "entitlement": "all" },
            { "objectClassId": "group", "entitlement": "admins", "condition": "department eq \"IT\"" },
        ],
    })
}

/// A reconciliation of an application, under the application's own id.
#[must_use]
pub fn reconciliation(application: &str, class: &str) -> Value {
    json!({
        "id": application,
        "name": application,
        "taskType": "RECONCILIATION",
        "applicationId": application,
        "objectClassId": class,
    })
}

/// Provisioning of all identities.
#[must_use]
pub fn provisioning() -> Value {
    json!({ "id": "ad", "name": "Accounts", "scope": "kind eq \"IDENTITY\"" })
}

/// A correlation rule that compares in lower case.
#[must_use]
pub fn correlation(account: &str, object: &str) -> Value {
    let item = json!({
        "accountAttribute": account,
        "objectAttribute": object,
        "normalizations": [{ "type": "LOWER" }],
    });
    json!({ "items": [item] })
}

/// A simple mapping into the repository.
#[must_use]
pub fn inbound(attribute: &str, source: &str, authority: i32) -> Value {
    json!({
        "attribute": attribute,
        "direction": "INBOUND",
        "strategy": "SIMPLE",
        "source": source,
        "authority": authority,
    })
}

/// A simple mapping into an application.
#[must_use]
pub fn outbound(attribute: &str, source: &str) -> Value {
    json!({ "attribute": attribute, "direction": "OUTBOUND", "strategy": "SIMPLE", "source": source })
}

/// The same mapping, where an absent source value clears.
#[must_use]
pub fn cleared(mut mapping: Value) -> Value {
    mapping["onNoMatch"] = json!("CLEAR");
    mapping
}

fn manager() -> Value {
    let mut mapping = cleared(inbound("manager", "manager", 10));
    mapping["type"] = json!("REFERENCE");
    mapping["reference"] = json!({ "objectKind": "IDENTITY", "byAttribute": "number" });
    mapping
}
