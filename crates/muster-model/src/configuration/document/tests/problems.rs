//! Problems: all at once, each at its place.

use serde_json::{Value, json};

use super::examples::rich_object_type;
use super::parse;
use crate::configuration::kind::ConfigurationKind;

fn check(kind: ConfigurationKind, value: &Value, expected: &[&str]) {
    let found = parse(kind, value).map_or_else(|problems| problems.to_string(), |_| String::new());
    let found: Vec<_> = found.lines().collect();
    assert_eq!(found, expected, "{value}");
}

fn check_object_type(changes: Value, expected: &[&str]) {
    let mut object_type = json!({ "objectKind": "IDENTITY", "objectClassId": "c" });
    merge(&mut object_type, changes);
    let application = json!({
        "id": "a", "name": "A", "connectorDefinitionId": "d",
        "objectClasses": [{ "id": "c", "remoteName": "C", "uidAttribute": "id" }],
        "objectTypes": [object_type],
    });
    check(ConfigurationKind::Application, &application, expected);
}

fn check_task(changes: Value, expected: &[&str]) {
    let mut task = json!({
        "id": "t", "name": "T", "taskType": "IMPORT", "applicationId": "a", "objectClassId": "c",
    });
    merge(&mut task, changes);
    check(ConfigurationKind::SynchronizationTaskDefinition, &task, expected);
}

fn merge(value: &mut Value, changes: Value) {
    let object = value.as_object_mut().expect("it is an object");
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    object.extend(changes);
}

fn mapping(changes: Value) -> Value {
    let mut mapping =
        json!({ "attribute": "x", "direction": "INBOUND", "strategy": "SIMPLE", "source": "y" });
    merge(&mut mapping, changes);
    json!({ "attributeMappings": [mapping] })
}

#[test]
fn form_and_meaning_are_told_together() {
    let value = json!({
        "id": "-a", "nam": "A", "colour": 1, "connectorDefinitionId": 7,
        "objectClasses": [{ "id": "c", "remoteName": " ", "uidAttribute": "" }, "person"],
        "objectTypes": [{
            "objectKind": "PERSON", "objectClassId": "c", "direction": "INBOUNDS",
            "attributeMappings": [
                { "attribute": "x", "direction": "INBOUND", "strategy": "CUSTOM", "source": "y" },
                { "attribute": "x", "direction": "INBOUND", "strategy": "SIMPLE", "source": "y",
                  "multiValued": 1 },
            ],
            "guards": { "delete": {}, "create": { "count": -1 }, "update": { "count": 1.5 } },
        }],
    });
    check(
        ConfigurationKind::Application,
        &value,
        &[
            "/colour: unknown field; known are `id`, `name`, `description`, `connectorDefinitionId`, \
             `objectClasses`, `objectTypes`",
            "/connectorDefinitionId: is a number where a text is expected",
            "/id: `-a` is not an application id: 1 to 128 characters of A-Z, a-z, 0-9, `.`, `_` and `-`, \
             beginning with a letter or digit",
            "/nam: unknown field; did you mean `name`?",
            "/name: is required",
            "/objectClasses/0/uidAttribute: is empty where the name of an attribute is expected",
            "/objectClasses/1: is a text where an object is expected",
            "/objectTypes/0/attributeMappings/0/rule: is required for `strategy` CUSTOM",
            "/objectTypes/0/attributeMappings/0/source: does not belong to `strategy` CUSTOM",
            "/objectTypes/0/attributeMappings/1/multiValued: is a number where a boolean is expected",
            "/objectTypes/0/direction: is none of `INBOUND`, `OUTBOUND`; did you mean `INBOUND`?",
            "/objectTypes/0/guards/create/count: is too small or too large a number",
            "/objectTypes/0/guards/delete: has neither `count` nor `percent`",
            "/objectTypes/0/guards/update/count: is not a whole number",
            "/objectTypes/0/objectKind: is none of `IDENTITY`, `ORGANIZATION`, `RESOURCE`, `ROLE`, \
             `ROLE_PUBLICATION`",
        ],
    );
    check(ConfigurationKind::Application, &json!([]), &["document: is a list where an object is expected"]);
}

#[test]
fn mappings_fit_their_strategy_and_type() {
    let at = "/objectTypes/0/attributeMappings/0";
    for (changes, expected) in [
        (json!({ "source": null }), "/source: is required for `strategy` SIMPLE"),
        (json!({ "rule": "1" }), "/rule: does not belong to `strategy` SIMPLE"),
        (
            json!({ "strategy": "CUSTOM", "source": null, "rule": "" }),
            "/rule: is empty; leave it out instead",
        ),
        (json!({ "type": "REFERENCE" }), "/reference: is required for `type` REFERENCE"),
        (
            json!({ "reference": { "objectKind": "ROLE", "byAttribute": "key" } }),
            "/reference: does not belong to `type` STRING",
        ),
        (
            json!({ "transformations": [{ "type": "TRIM", "pattern": "a" }] }),
            "/transformations/0/pattern: does not belong to transformation TRIM",
        ),
        (
            json!({ "transformations": [{ "type": "REGEX_REPLACE" }] }),
            "/transformations/0/pattern: is required for transformation REGEX_REPLACE",
        ),
        (
            json!({ "transformations": [{ "type": "LOOKUP", "table": [{ "from": "a" }, { "from": "a" }] }] }),
            "/transformations/0/table/1: repeats `a`, which stands at position 0 already",
        ),
        (json!({ "take": "ID" }), "/take: is ID, which only OUTBOUND mappings can take"),
        (
            json!({ "direction": "OUTBOUND", "strategy": "CUSTOM", "source": null, "rule": "1",
                    "take": "REMOTE_NAME" }),
            "/take: is REMOTE_NAME, which does not belong to `strategy` CUSTOM",
        ),
        (
            json!({ "direction": "OUTBOUND", "attribute": "id", "take": "REMOTE_NAME" }),
            "/take: is REMOTE_NAME, but `id` is the key of an account, which cannot depend on another object",
        ),
        (
            json!({ "direction": "OUTBOUND", "attribute": "id", "take": "ID" }),
            "/take: is ID, but `id` is the key of an account, which cannot depend on another object",
        ),
        (
            json!({ "direction": "OUTBOUND", "take": "REMOTE_NAME", "transformations": [{ "type": "TRIM" }] }),
            "/transformations: does not belong to `take` REMOTE_NAME, which is taken as it is",
        ),
        (
            json!({ "direction": "OUTBOUND", "take": "REMOTE_NAME", "type": "INTEGER" }),
            "/type: is INTEGER, but `take` REMOTE_NAME gives a STRING",
        ),
        (json!({ "direction": "OUTBOUND", "take": "NAME" }), "/take: is none of `KEY`, `ID`, `REMOTE_NAME`"),
    ] {
        check_object_type(mapping(changes), &[&format!("{at}{expected}")]);
    }
}

#[test]
fn object_types_agree_with_themselves() {
    let both = json!({ "attribute": "x", "direction": "OUTBOUND", "strategy": "SIMPLE", "source": "y" });
    for (changes, expected) in [
        (
            json!({ "direction": "INBOUND", "attributeMappings": [both, both] }),
            &[
                "/objectTypes/0/attributeMappings/0/direction: is OUTBOUND, but its object type is INBOUND",
                "/objectTypes/0/attributeMappings/1: repeats `OUTBOUND x`, which stands at position 0 already",
                "/objectTypes/0/attributeMappings/1/direction: is OUTBOUND, but its object type is INBOUND",
            ] as &[&str],
        ),
        (
            json!({ "correlation": [{ "items": [] }, {}] }),
            &[
                "/objectTypes/0/correlation/0/items: is empty where one at least is needed",
                "/objectTypes/0/correlation/1/items: is required, one at least",
            ],
        ),
        (
            json!({ "objectType": "", "objectClassId": "d", "protected": "oops" }),
            &[
                "/objectTypes/0/objectClassId: there is no object class `d` in `objectClasses`",
                "/objectTypes/0/objectType: is empty; leave it out instead",
                "/objectTypes/0/protected: expected an operator, found the end at position 4; the operators are \
                 eq, ne, co, sw, ew, gt, ge, lt, le and pr",
            ],
        ),
        (
            json!({ "guards": { "disable": { "percent": 101 } } }),
            &["/objectTypes/0/guards/disable/percent: is 101, but goes from 0 to 100"],
        ),
    ] {
        check_object_type(changes, expected);
    }
}

#[test]
fn reactions_are_those_that_the_direction_admits() {
    for (changes, expected) in [
        (
            json!({ "direction": "INBOUND", "reactions": { "MISSING": "CREATE", "ABSENT": "CREATE" } }),
            &[
                "/objectTypes/0/reactions/ABSENT: is no situation of INBOUND",
                "/objectTypes/0/reactions/MISSING: is `CREATE`, but admits `DISABLE`, `DELETE`, \
               `ANONYMIZE`, `UNLINK`, `IGNORE`, `REPORT` only",
            ] as &[&str],
        ),
        (
            json!({ "reactions": { "MISSING": "IGNORE", "outbound": { "DISPUTED": "LINK" } } }),
            &[
                "/objectTypes/0/reactions/MISSING: belongs into `inbound` or `outbound`, as the object type \
               serves both",
                "/objectTypes/0/reactions/outbound/DISPUTED: is `LINK`, but admits `IGNORE`, `REPORT` only",
            ],
        ),
        (
            json!({ "direction": "OUTBOUND", "reactions": { "outbound": {} } }),
            &["/objectTypes/0/reactions/outbound: is for object types without `direction`; write the \
               situations themselves"],
        ),
    ] {
        check_object_type(changes, expected);
    }
}

#[test]
fn applications_have_one_default_and_one_type_an_attribute() {
    let mut application = json!({
        "id": "a", "name": "A", "connectorDefinitionId": "d",
        "objectClasses": [
            { "id": "person", "remoteName": "C", "uidAttribute": "id" },
            { "id": "person", "remoteName": "D", "uidAttribute": "id",
              "attributes": [{ "name": "a" }, { "name": "a" }] },
        ],
        "objectTypes": [
            rich_object_type(),
            { "objectKind": "IDENTITY", "objectClassId": "person" },
            { "objectKind": "IDENTITY", "objectClassId": "person", "direction": "OUTBOUND",
              "attributeMappings": [
                  { "attribute": "phones", "direction": "OUTBOUND", "strategy": "SIMPLE", "source": "p" },
              ] },
        ],
    });
    let contradiction = "/objectTypes/2/attributeMappings/0/type: `phones` of person is single-valued STRING \
                         here, but multi-valued INTEGER in an earlier mapping";
    let second_default = "/objectTypes/2/objectType: IDENTITY has a default object type for OUTBOUND already";
    check(
        ConfigurationKind::Application,
        &application,
        &[
            "/objectClasses/1: repeats `person`, which stands at position 0 already",
            "/objectClasses/1/attributes/1: repeats `a`, which stands at position 0 already",
            contradiction,
            second_default,
        ],
    );
    application["objectClasses"].as_array_mut().expect("it is a list").truncate(1);
    application["objectTypes"][2]["direction"] = json!("INBOUND");
    application["objectTypes"][2]["attributeMappings"] = json!([]);
    application["objectTypes"][1]["direction"] = json!("OUTBOUND");
    check(ConfigurationKind::Application, &application, &[]);
}

#[test]
fn tasks_have_the_fields_of_their_type() {
    for (changes, expected) in [
        (
            json!({ "taskType": "CLEANUP", "sweep": "FULL" }),
            &[
                "/action: is required for `taskType` CLEANUP",
                "/applicationId: does not belong to `taskType` CLEANUP",
                "/directoryId: is required for `taskType` CLEANUP",
                "/objectClassId: does not belong to `taskType` CLEANUP",
                "/sweep: does not belong to `taskType` CLEANUP",
            ] as &[&str],
        ),
        (
            json!({ "applicationId": null, "action": "KEEP", "inactiveDays": 0 }),
            &[
                "/action: does not belong to `taskType` IMPORT",
                "/applicationId: is required for `taskType` IMPORT",
                "/inactiveDays: does not belong to `taskType` IMPORT",
                "/inactiveDays: is 0, but goes from 1 to 36500",
            ],
        ),
        (json!({ "preSynchronization": "t" }), &["/preSynchronization: is the task itself"]),
        (json!({ "uniqueId": "7" }), &["/uniqueId: is not a UUID"]),
    ] {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        let mut task = json!({
            "id": "t", "name": "T", "taskType": "IMPORT", "applicationId": "a", "objectClassId": "c",
        });
        merge(&mut task, changes);
        let kind = ConfigurationKind::SynchronizationTaskDefinition;
        let problems = parse(kind, &task).expect_err("it is wrong").to_string();
        let mut found: Vec<_> = problems.lines().collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{task}");
    }
}

#[test]
fn execution_plans_have_the_fields_of_their_schedule() {
    for (plan, expected) in [
        (json!({}), &["/executionPlan/scheduleType: is required"] as &[&str]),
        (
            json!({ "scheduleType": "ONCE", "cron": "0 0 2 * * ?" }),
            &[
                "/executionPlan/cron: does not belong to `scheduleType` ONCE",
                "/executionPlan/fireTime: is required for `scheduleType` ONCE",
            ],
        ),
        (
            json!({ "scheduleType": "CRON", "cron": "0 2 * * *", "timeZone": "Europe Paris" }),
            &[
                "/executionPlan/cron: has 5 fields, but a cron expression has 6 or 7, seconds first",
                "/executionPlan/timeZone: is not the IANA name of a time zone such as `Europe/Paris`, case counts",
            ],
        ),
        (
            json!({ "scheduleType": "CRON", "cron": "0 0 99 * * ?", "timeZone": "X/Y" }),
            &[
                "/executionPlan/cron: hour 99 does not exist, they go from 0 to 23, at position 4",
                "/executionPlan/timeZone: is not the IANA name of a time zone such as `Europe/Paris`, case counts",
            ],
        ),
        (
            json!({ "scheduleType": "CRON", "cron": "0 0 2 ? * MON-FRI", "timeZone": "America/Argentina/Ushuaia" }),
            &[],
        ),
        (
            json!({ "scheduleType": "INTERVAL", "interval": 0, "fireTime": "tomorrow" }),
            &["/executionPlan/fireTime: is not an instant such as `2026-11-30T08:00:00Z` (RFC 3339)"],
        ),
        (
            json!({ "scheduleType": "INTERVAL", "interval": 0 }),
            &[
                "/executionPlan/interval: is 0, but goes from 1 to 4294967295",
                "/executionPlan/intervalUnit: is required for `scheduleType` INTERVAL",
            ],
        ),
        (
            json!({ "scheduleType": "MANUAL", "interval": 5 }),
            &["/executionPlan/interval: does not belong to `scheduleType` MANUAL"],
        ),
    ] {
        check_task(json!({ "executionPlan": plan }), expected);
    }
}

#[test]
fn an_empty_list_is_not_taken_for_all() {
    let empty = "is empty; leave it out if all are meant";
    let class = json!({ "id": "c", "remoteName": "c.csv", "uidAttribute": "id", "attributes": [] });
    let application =
        json!({ "id": "a", "name": "A", "connectorDefinitionId": "d", "objectClasses": [class] });
    let provisioning =
        |ids: Value| json!({ "id": "p", "name": "P", "scope": "kind pr", "applicationIds": ids });
    let cleanup = json!({ "id": "c", "name": "C", "taskType": "CLEANUP", "directoryId": "main",
                          "action": "KEEP", "groups": [] });
    let report =
        json!({ "id": "x", "reportDefinition": { "errorPublicationDefinition": { "errorDetails": [] } } });
    for (kind, value, place) in [
        (ConfigurationKind::ProvisioningTaskDefinition, provisioning(json!([])), Some("/applicationIds")),
        (ConfigurationKind::ProvisioningTaskDefinition, provisioning(Value::Null), None),
        (ConfigurationKind::SynchronizationTaskDefinition, cleanup, Some("/groups")),
        (ConfigurationKind::Application, application, Some("/objectClasses/0/attributes")),
        (
            ConfigurationKind::ProvisioningTaskPostProcessingDefinition,
            report,
            Some("/reportDefinition/errorPublicationDefinition/errorDetails"),
        ),
    ] {
        let expected: Vec<_> = place.map(|place| format!("{place}: {empty}")).into_iter().collect();
        check(kind, &value, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn provisioning_tasks_sort_by_one_attribute() {
    for (sort, fits) in [
        ("createdAt,ASC", true),
        ("createdAt,asc", false),
        ("createdAt", false),
        (",ASC", false),
        ("a,b,ASC", false),
    ] {
        let task = json!({ "id": "p", "name": "P", "scope": "kind pr", "sortExpression": sort });
        let expected =
            "/sortExpression: is not an attribute, a comma and `ASC` or `DESC`, as in `createdAt,ASC`";
        let expected = if fits { Vec::new() } else { vec![expected] };
        check(ConfigurationKind::ProvisioningTaskDefinition, &task, &expected);
    }
}

#[test]
fn reports_stay_in_the_tenants_directory() {
    let absolute = "is absolute; paths are relative to the tenant's directory";
    let outside = "leads out of the tenant's directory with `..`";
    for (path, problem) in [
        ("reports/a..b.csv", None),
        ("/etc/passwd", Some(absolute)),
        ("\\\\host\\share", Some(absolute)),
        ("C:\\x", Some(absolute)),
        ("a/../../b", Some(outside)),
        ("a\\..\\b", Some(outside)),
        ("", Some("is empty")),
        ("a\0b", Some("contains a control character")),
    ] {
        let report = json!({ "errorPublicationDefinition": { "reportRelativeFilePath": path } });
        let value = json!({ "id": "x", "reportDefinition": report });
        let at = "/reportDefinition/errorPublicationDefinition/reportRelativeFilePath";
        let expected = problem.map(|problem| format!("{at}: {problem}"));
        let expected: Vec<_> = expected.iter().map(String::as_str).collect();
        check(ConfigurationKind::ProvisioningTaskPostProcessingDefinition, &value, &expected);
    }
}

#[test]
fn webhooks_hold_no_secrets() {
    for (webhook, expected) in [
        (
            json!({ "url": "https://example.org", "secret": "hush" }),
            "/webhooks/0/secret: is not a reference to a secret such as `${secret:webhook-key}`",
        ),
        (
            json!({ "url": "https://me:hush@example.org/" }),
            "/webhooks/0/url: holds a user name or password; configurations hold no secrets",
        ),
        (json!({ "url": "ftp://example.org" }), "/webhooks/0/url: is not an `https` or `http` URL"),
        (json!({ "url": "https:///path" }), "/webhooks/0/url: is not an `https` or `http` URL"),
    ] {
        let value = json!({ "id": "x", "webhooks": [webhook] });
        check(ConfigurationKind::ProvisioningTaskPostProcessingDefinition, &value, &[expected]);
    }
}
