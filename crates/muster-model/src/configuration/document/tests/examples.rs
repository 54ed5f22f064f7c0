//! Examples of every kind: one with every field, and one with the required fields alone.

use serde_json::{Value, json};

use crate::configuration::kind::ConfigurationKind;

/// Documents that are in order. Their fields stand in the order in which they are written.
pub(super) fn examples() -> Vec<(ConfigurationKind, Value)> {
    let mut examples = applications();
    examples.extend(tasks());
    examples.extend(post_processings());
    examples.extend([
        (
            ConfigurationKind::ConnectorDefinition,
            json!({
                "id": "hr-files", "name": "HR files", "description": "Nightly export", "type": "csv",
                "connectorProperties": [
                    { "name": "filePath", "value": "in/hr.csv" },
                    { "name": "password", "value": "${secret:hr}" },
                    { "name": "quote" },
                ],
                "limits": {
                    "maxConcurrentOperations": 4, "operationTimeoutMillis": 30000, "requestsPerSecond": 50,
                    "retry": { "maximum": 3, "initialDelayMillis": 200, "maximumDelayMillis": 5000 },
                },
                "maintenance": true,
            }),
        ),
        (ConfigurationKind::ConnectorDefinition, json!({ "id": "d", "name": "D", "type": "ldap" })),
        (
            ConfigurationKind::ApplicationProfile,
            json!({
                "id": "staff", "name": "Staff", "applicationId": "hr", "objectKind": "IDENTITY",
                "objectMatchingCondition": "type eq \"employee\"",
                "entitlementAssignments": [
                    { "objectClassId": "group", "entitlement": "cn=all" },
                    { "objectClassId": "group", "entitlement": "cn=it", "condition": "department eq \"IT\"" },
                ],
                "priority": -5, "deprovisioning": "UNLINK",
            }),
        ),
        (
            ConfigurationKind::ApplicationProfile,
            json!({ "id": "p", "name": "P", "applicationId": "hr", "objectKind": "ROLE_PUBLICATION" }),
        ),
    ]);
    examples
}

/// An object type that serves both directions, with every field.
pub(super) fn rich_object_type() -> Value {
    json!({
        "objectKind": "IDENTITY", "objectType": "employee", "objectClassId": "person",
        "correlation": [
            { "items": [{ "accountAttribute": "number", "objectAttribute": "employeeNumber" }] },
            { "items": [
                { "accountAttribute": "mail", "objectAttribute": "email",
                  "normalizations": [{ "type": "TRIM" }, { "type": "LOWER" }] },
                { "accountAttribute": "born", "objectAttribute": "birthDate" },
            ] },
        ],
        "attributeMappings": [
            { "attribute": "email", "direction": "INBOUND", "strategy": "SIMPLE", "source": "mail",
              "transformations": [
                  { "type": "REGEX_REPLACE", "pattern": "^smtp:", "replacement": "" },
                  { "type": "STRIP_DOMAIN" }, { "type": "UPPER" }, { "type": "SLUG" },
                  { "type": "TRANSLITERATE" }, { "type": "JOIN", "separator": ", " },
                  { "type": "SPLIT", "separator": ";" },
                  { "type": "FIRST_OF", "attributes": ["mail", "alias"] },
                  { "type": "LOOKUP", "table": [{ "from": "a", "to": "b" }, { "from": "", "to": "" }] },
                  { "type": "DATE_FORMAT", "from": "%d.%m.%Y", "to": "%Y-%m-%d" },
              ],
              "strength": "NORMAL", "authority": 10, "onNoMatch": "FILTER" },
            { "attribute": "manager", "direction": "INBOUND", "strategy": "SIMPLE", "source": "boss",
              "type": "REFERENCE",
              "reference": { "objectKind": "IDENTITY", "byAttribute": "employeeNumber" } },
            { "attribute": "boss", "direction": "OUTBOUND", "strategy": "SIMPLE", "source": "manager",
              "take": "REMOTE_NAME" },
            { "attribute": "phones", "direction": "OUTBOUND", "strategy": "CUSTOM",
              "rule": "object.phones.map(|p| p.trim())", "strength": "WEAK", "type": "INTEGER",
              "multiValued": true, "onNoMatch": "CLEAR" },
        ],
        "reactions": {
            "inbound": { "UNMATCHED": "IGNORE", "MISSING": "DISABLE" },
            "outbound": { "MISSING": "UNLINK", "UNASSIGNED": "DELETE" },
        },
        "guards": {
            "create": { "count": 100 },
            "delete": { "count": 5, "percent": 2, "minimum": 3 },
            "clearing": { "percent": 0 },
        },
        "protected": "userName eq \"root\"",
    })
}

fn applications() -> Vec<(ConfigurationKind, Value)> {
    let rich = json!({
        "id": "hr", "name": "HR", "description": "People", "connectorDefinitionId": "hr-files",
        "objectClasses": [
            { "id": "person", "remoteName": "in/hr.csv", "uidAttribute": "number", "nameAttribute": "login",
              "attributes": [{ "name": "number" }, { "name": "phones", "multiValued": true }] },
            { "id": "group", "remoteName": "groupOfNames", "uidAttribute": "dn",
              "membership": { "heldBy": "ENTITLEMENT", "attribute": "member" } },
        ],
        "objectTypes": [
            rich_object_type(),
            { "objectKind": "IDENTITY", "objectClassId": "person", "direction": "INBOUND",
              "reactions": { "MISSING": "DELETE" } },
            { "objectKind": "IDENTITY", "objectClassId": "person", "direction": "OUTBOUND" },
        ],
    });
    let bare = json!({ "id": "a", "name": "A", "connectorDefinitionId": "d" });
    vec![(ConfigurationKind::Application, rich), (ConfigurationKind::Application, bare)]
}

fn tasks() -> Vec<(ConfigurationKind, Value)> {
    let synchronization = ConfigurationKind::SynchronizationTaskDefinition;
    let provisioning = ConfigurationKind::ProvisioningTaskDefinition;
    let import = |plan: Value| {
        json!({
            "id": "i", "name": "I", "taskType": "IMPORT", "applicationId": "hr", "objectClassId": "person",
            "directoryId": "main", "executionPlan": plan,
        })
    };
    vec![
        (
            synchronization,
            json!({
                "id": "hr", "name": "HR", "description": "Nightly", "taskType": "RECONCILIATION",
                "applicationId": "hr", "objectClassId": "person", "directoryId": "staff",
                "uniqueId": "0192f3a4-1111-7222-8333-444455556666", "sweep": "CHANGES",
                "filter": "state ne \"left\"", "guards": { "disable": { "count": 3 } },
                "errorPolicy": { "maximumErrors": 50 }, "preSynchronization": "first",
                "postProcessingId": "after",
                "executionPlan": { "scheduleType": "CRON", "cron": "0 0 2 * * ?", "timeZone": "Europe/Paris" },
            }),
        ),
        (synchronization, import(json!({ "scheduleType": "ONCE", "fireTime": "2026-11-30T08:00:00Z" }))),
        (
            synchronization,
            import(json!({
                "scheduleType": "INTERVAL", "fireTime": "2026-11-30T08:00:00.123Z", "interval": 15,
                "intervalUnit": "MINUTES",
            })),
        ),
        (
            synchronization,
            json!({
                "id": "c", "name": "C", "taskType": "CLEANUP", "directoryId": "main", "inactiveDays": 90,
                "groups": ["staff", "guests"], "includeNeverSeen": true, "action": "ANONYMIZE",
            }),
        ),
        (
            provisioning,
            json!({
                "id": "p", "name": "P", "description": "All", "scope": "kind eq \"IDENTITY\"",
                "sortExpression": "lastName,DESC", "applicationIds": ["hr", "ldap"], "verify": "SHADOW",
                "guards": { "membershipRemoval": { "percent": 5, "minimum": 7 } },
                "errorPolicy": { "maximumErrors": 0 }, "provisioningTaskPostProcessingId": "after",
                "executionPlan": { "scheduleType": "INTERVAL", "interval": 1, "intervalUnit": "WEEKS" },
            }),
        ),
        (provisioning, json!({ "id": "p", "name": "P", "scope": "kind eq \"ROLE\"" })),
    ]
}

fn post_processings() -> Vec<(ConfigurationKind, Value)> {
    let reports = json!({
        "errorPublicationDefinition": {
            "errorDetails": ["SHADOW_ID", "ERROR_CODE"],
            "reportRelativeFilePath": "reports/{original_filename}-errors-{timestamp}.csv",
        },
        "reportPublicationDefinition": { "reportRelativeFilePath": "reports/summary.csv" },
    });
    let launch = json!([{ "taskDefinitionId": "p", "outcomes": ["SUCCESS", "PARTIAL"] }]);
    let webhooks = json!([
        { "url": "https://hooks.example.org/muster", "secret": "${secret:hook}" },
        { "url": "http://[::1]:8080/" },
    ]);
    vec![
        (
            ConfigurationKind::SynchronizationTaskPostProcessingDefinition,
            json!({
                "id": "after", "reportDefinition": reports,
                "fileArchivingDefinition": { "relativeDirectoryPath": "archive" },
                "overwriteExistingArchive": true, "launch": launch, "webhooks": webhooks,
            }),
        ),
        (ConfigurationKind::SynchronizationTaskPostProcessingDefinition, json!({ "id": "s" })),
        (
            ConfigurationKind::ProvisioningTaskPostProcessingDefinition,
            json!({
                "id": "after", "reportDefinition": reports, "launch": launch, "webhooks": webhooks,
            }),
        ),
        (ConfigurationKind::ProvisioningTaskPostProcessingDefinition, json!({ "id": "p" })),
    ]
}
