//! Tests of the checks between resources and of the effective configuration.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Configuration;
use crate::configuration::document::Document;
use crate::configuration::document::reader::Leniency;
use crate::configuration::effective::{self, Origin};
use crate::configuration::guard::{Guarded, Guards, Limit};
use crate::configuration::kind::ConfigurationKind;
use crate::configuration::resource::Resource;
use crate::ids::{ApplicationId, ConfigurationId};

fn resource(kind: ConfigurationKind, value: &Value) -> Resource {
    let document = Document::read(kind, value, Leniency::Strict);
    document.and_then(|document| document.parse()).unwrap_or_else(|problems| panic!("{kind}: {problems}"))
}

fn id(text: &str) -> ConfigurationId {
    ConfigurationId::new(text).expect("it is an id")
}

fn application(name: &str, object_types: Value) -> Resource {
    let value = json!({
        "id": name, "name": name, "connectorDefinitionId": "d",
        "objectClasses": [
            { "id": "person", "remoteName": "p", "uidAttribute": "id" },
            { "id": "group", "remoteName": "g", "uidAttribute": "id",
              "membership": { "heldBy": "ACCOUNT", "attribute": "groups" } },
        ],
        "objectTypes": object_types,
    });
    resource(ConfigurationKind::Application, &value)
}

fn mapped(direction: &str, mapping: Value) -> Value {
    let mut complete =
        json!({ "attribute": "mail", "direction": direction, "strategy": "SIMPLE", "source": "m" });
    let (Some(fields), Value::Object(more)) = (complete.as_object_mut(), mapping) else {
        panic!("both are objects")
    };
    fields.extend(more);
    json!([{
        "objectKind": "IDENTITY", "objectClassId": "person", "direction": direction,
        "attributeMappings": [complete],
    }])
}

/// A source, a target, a profile, one task each way and what comes after them.
fn tenant() -> Configuration {
    [
        resource(ConfigurationKind::ConnectorDefinition, &json!({ "id": "d", "name": "D", "type": "csv" })),
        application("hr", mapped("INBOUND", json!({}))),
        application("ldap", mapped("OUTBOUND", json!({}))),
        resource(
            ConfigurationKind::ApplicationProfile,
            &json!({
                "id": "staff", "name": "Staff", "applicationId": "ldap", "objectKind": "IDENTITY",
                "entitlementAssignments": [{ "objectClassId": "group", "entitlement": "all" }],
            }),
        ),
        task("load", &json!({ "postProcessingId": "after" })),
        resource(
            ConfigurationKind::SynchronizationTaskPostProcessingDefinition,
            &json!({ "id": "after", "launch": [{ "taskDefinitionId": "out", "outcomes": ["SUCCESS"] }] }),
        ),
        resource(
            ConfigurationKind::ProvisioningTaskDefinition,
            &json!({ "id": "out", "name": "Out", "scope": "kind pr", "applicationIds": ["ldap"] }),
        ),
    ]
    .into_iter()
    .collect()
}

fn task(name: &str, more: &Value) -> Resource {
    let mut value = json!({
        "id": name, "name": name, "taskType": "IMPORT", "applicationId": "hr", "objectClassId": "person",
    });
    for (field, said) in more.as_object().expect("it is an object") {
        value[field] = said.clone();
    }
    resource(ConfigurationKind::SynchronizationTaskDefinition, &value)
}

fn check(configuration: &Configuration, expected: &[&str]) {
    let found = configuration.check().to_string();
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_tenant_in_order_has_no_problems() {
    check(&tenant(), &[]);
    assert_eq!(tenant().applications().count(), 2);
    let ldap = ApplicationId::new("ldap").expect("it is an id");
    assert_eq!(tenant().application(&ldap).map(|application| application.name.as_str()), Some("ldap"));
    assert!(tenant().connector_definition(&id("ldap")).is_none());
    let kinds: Vec<_> = tenant().iter().map(Resource::kind).collect();
    assert!(kinds.is_sorted());
}

#[test]
fn references_that_lead_nowhere_are_told_where_they_stand() {
    use ConfigurationKind as Kind;
    for (kind, name, expected) in [
        (
            Kind::ConnectorDefinition,
            "d",
            &[
                "/applications/hr/connectorDefinitionId: there is no ConnectorDefinition `d`",
                "/applications/ldap/connectorDefinitionId: there is no ConnectorDefinition `d`",
            ] as &[&str],
        ),
        (
            Kind::Application,
            "ldap",
            &[
                "/application-profiles/staff/applicationId: there is no Application `ldap`",
                "/prov-task-definitions/out/applicationIds/0: there is no Application `ldap`",
            ],
        ),
        (
            Kind::SynchronizationTaskPostProcessingDefinition,
            "after",
            &["/sync-task-definitions/load/postProcessingId: \
               there is no SynchronizationTaskPostProcessingDefinition `after`"],
        ),
        (
            Kind::ProvisioningTaskDefinition,
            "out",
            &["/sync-task-post-processing-definitions/after/launch/0/taskDefinitionId: \
               there is no SynchronizationTaskDefinition or ProvisioningTaskDefinition `out`"],
        ),
    ] {
        let places: BTreeSet<_> = expected.iter().filter_map(|line| line.split(": ").next()).collect();
        let tenant = tenant();
        let referrers = tenant.referrers(kind, &id(name));
        assert_eq!(referrers.iter().map(|(_, pointer)| pointer.as_str()).collect::<BTreeSet<_>>(), places);
        check(&tenant.without(kind, &id(name)), expected);
    }
}

#[test]
fn a_launched_id_means_the_synchronization_task_first() {
    let tenant = tenant().with(task("out", &json!({})));
    let synchronization = ConfigurationKind::SynchronizationTaskDefinition;
    assert_eq!(tenant.referrers(synchronization, &id("out")).len(), 1);
    assert!(tenant.referrers(ConfigurationKind::ProvisioningTaskDefinition, &id("out")).is_empty());
}

#[test]
fn tasks_and_profiles_find_what_they_need_in_their_application() {
    for (resource, expected) in [
        (
            task("t", &json!({ "objectClassId": "car" })),
            "/sync-task-definitions/t/objectClassId: application `hr` has no object class `car`",
        ),
        (
            task("t", &json!({ "objectClassId": "group" })),
            "/sync-task-definitions/t/objectClassId: \
             application `hr` has no inbound object type for object class `group`",
        ),
        (
            task("t", &json!({ "applicationId": "ldap" })),
            "/sync-task-definitions/t/objectClassId: \
             application `ldap` has no inbound object type for object class `person`",
        ),
        (
            profile(&json!({ "objectKind": "ROLE" })),
            "/application-profiles/p/objectKind: application `ldap` has no outbound object type for ROLE",
        ),
        (
            profile(&json!({ "entitlementAssignments": [{ "objectClassId": "x", "entitlement": "e" }] })),
            "/application-profiles/p/entitlementAssignments/0/objectClassId: \
             application `ldap` has no object class `x`",
        ),
        (
            profile(
                &json!({ "entitlementAssignments": [{ "objectClassId": "person", "entitlement": "e" }] }),
            ),
            "/application-profiles/p/entitlementAssignments/0/objectClassId: \
             object class `person` of application `ldap` has no `membership`",
        ),
    ] {
        check(&tenant().with(resource), &[expected]);
    }
}

fn profile(more: &Value) -> Resource {
    let mut value = json!({ "id": "p", "name": "P", "applicationId": "ldap", "objectKind": "IDENTITY" });
    for (field, said) in more.as_object().expect("it is an object") {
        value[field] = said.clone();
    }
    resource(ConfigurationKind::ApplicationProfile, &value)
}

#[test]
fn tasks_do_not_wait_for_each_other_in_a_circle() {
    let wait = |name, before| task(name, &json!({ "preSynchronization": before }));
    let circle = tenant().with(wait("a", "b")).with(wait("b", "c")).with(wait("c", "b"));
    check(
        &circle,
        &[
            "/sync-task-definitions/b/preSynchronization: leads back to this task in a circle",
            "/sync-task-definitions/c/preSynchronization: leads back to this task in a circle",
        ],
    );
    let line = tenant().with(wait("a", "b")).with(wait("b", "load"));
    check(&line, &[]);
    for (configuration, task, preceding) in [
        (&line, "load", &[][..]),
        (&line, "b", &["load"]),
        (&line, "a", &["b", "load"]),
        (&line, "unknown", &[]),
        (&circle, "a", &["b", "c"]),
        (&circle, "b", &["c", "b"]),
    ] {
        let found = configuration.preceding_tasks(&ConfigurationId::new(task).expect("an id"));
        assert_eq!(found.iter().map(|id| id.as_str()).collect::<Vec<_>>(), preceding, "{task}");
    }
}

#[test]
fn two_applications_share_an_attribute_by_authority_and_type() {
    let hr = "/applications/hr/objectTypes/0/attributeMappings/0";
    let other = "/applications/other/objectTypes/0/attributeMappings/0";
    let tie = "maps `mail` of IDENTITY with authority 0 too; one has to be higher";
    let with = |mapping| tenant().with(application("other", mapped("INBOUND", mapping)));
    check(
        &with(json!({})),
        &[
            &format!("{hr}/authority: application `other` {tie}"),
            &format!("{other}/authority: application `hr` {tie}"),
        ],
    );
    check(&with(json!({ "authority": 1 })), &[]);
    check(&with(json!({ "attribute": "phone" })), &[]);
    let one = "single-valued STRING";
    let several = "multi-valued STRING";
    check(
        &with(json!({ "authority": 1, "multiValued": true })),
        &[
            &format!("{hr}/type: `mail` of IDENTITY is {one} here, but {several} in application `other`"),
            &format!("{other}/type: `mail` of IDENTITY is {several} here, but {one} in application `hr`"),
        ],
    );
    let problems = with(json!({})).check();
    assert_eq!(problems.below("/applications/hr").iter().count(), 1);
}

#[test]
fn of_many_that_contradict_each_other_each_is_told_once() {
    let many = |index: usize| application(&format!("a{index:03}"), mapped("INBOUND", json!({})));
    let problems = (0..300).map(many).fold(tenant(), Configuration::with).check();
    let told: usize = problems.iter().map(|(_, messages)| messages.len()).sum();
    assert_eq!((problems.iter().count(), told), (301, 301));
    let (place, messages) = problems.iter().next().unwrap();
    assert!(place.starts_with("/applications/a000/") && messages[0].contains("`a001`"), "{messages:?}");
}

#[test]
fn inbound_mappings_say_of_what_type_the_attributes_of_a_kind_are() {
    let reference = json!({ "objectKind": "ORGANIZATION", "byAttribute": "code" });
    let unit = mapped("INBOUND", json!({ "type": "REFERENCE", "reference": reference, "multiValued": true }));
    let hr = application("hr", unit);
    let configuration = tenant().with(hr).with(application("ldap", mapped("OUTBOUND", json!({}))));
    let types = configuration.attribute_types(crate::ObjectKind::Identity);
    let said: Vec<_> = types.iter().map(|(name, said)| format!("{name}: {said}")).collect();
    assert_eq!(said, ["mail: multi-valued REFERENCE to ORGANIZATION by `code`"]);
    assert!(configuration.attribute_types(crate::ObjectKind::Role).is_empty());
}

#[test]
fn what_is_taken_of_an_object_is_taken_of_one_that_a_reference_names() {
    let hr = |kind: &str| {
        let reference = json!({ "objectKind": kind, "byAttribute": "mail" });
        application("hr", mapped("INBOUND", json!({ "type": "REFERENCE", "reference": reference })))
    };
    let at = "/applications/ldap/objectTypes/0/attributeMappings/0/source";
    let no_reference =
        format!("{at}: `name` of IDENTITY is no reference: no inbound mapping gives it the `type` REFERENCE");
    let no_accounts = format!("{at}: refers to ROLE, for which this application has no outbound object type");
    for (target, source, take, expected) in [
        ("IDENTITY", "mail", "REMOTE_NAME", &[] as &[&str]),
        ("IDENTITY", "mail", "ID", &[]),
        ("ROLE", "mail", "ID", &[]),
        ("ROLE", "mail", "REMOTE_NAME", &[&no_accounts]),
        ("IDENTITY", "name", "ID", &[&no_reference]),
        ("IDENTITY", "name", "REMOTE_NAME", &[&no_reference]),
        ("IDENTITY", "name", "KEY", &[]),
    ] {
        let ldap = mapped("OUTBOUND", json!({ "source": source, "take": take }));
        check(&tenant().with(hr(target)).with(application("ldap", ldap)), expected);
    }
}

#[test]
fn the_effective_configuration_shows_every_cell() {
    let object_types = json!([{
        "objectKind": "IDENTITY", "objectClassId": "person",
        "reactions": { "inbound": { "MISSING": "DISABLE" } },
        "guards": { "delete": { "count": 1 }, "disable": { "count": 2 } },
    }]);
    let Resource::Application(application) = application("a", object_types) else { panic!("it is one") };
    let object_type = &application.object_types[0];

    let cells = effective::reactions(object_type);
    assert_eq!(cells.len(), 5 + 7);
    let set: Vec<_> = cells.iter().filter(|cell| cell.origin == Origin::Application).collect();
    assert_eq!(set.len(), 1);
    assert_eq!((set[0].situation.as_str(), set[0].reaction.as_str()), ("MISSING", "DISABLE"));

    let ten = Limit { count: Some(10), percent: None, minimum: 0, window_hours: None };
    let task = Guards(vec![(Guarded::Delete, ten)]);
    let cells = effective::limits(&object_type.guards, Some(&task));
    let said: Vec<_> = cells.iter().map(|cell| (cell.origin, cell.limit.and_then(|l| l.count))).collect();
    let unsaid = (Origin::Default, None);
    assert_eq!(
        said,
        [
            unsaid,
            unsaid,
            (Origin::Application, Some(2)),
            (Origin::Task, Some(10)),
            unsaid,
            unsaid,
            unsaid,
            unsaid,
        ]
    );
    assert_eq!(cells[0].limit, None);
    assert_eq!(cells[1].limit, Guarded::Update.default_limit());
}

#[test]
fn connectors_are_known_by_their_unique_ids_and_by_their_tasks() {
    let (unique, other) = ("7c9e6679-7425-40de-944b-e07fc1f90ae7", "7c9e6679-7425-40de-944b-e07fc1f90ae8");
    let task = |id: &str, unique_id: Option<&str>| {
        let mut task = json!({
            "id": id, "name": id, "taskType": "RECONCILIATION", "applicationId": "hr", "objectClassId": "person",
        });
        if let Some(unique_id) = unique_id {
            task["uniqueId"] = unique_id.into();
        }
        resource(ConfigurationKind::SynchronizationTaskDefinition, &task)
    };
    let tasks = [task("people", Some(unique)), task(other, None), task("old", None)];
    let configuration: Configuration = tasks.into_iter().collect();
    for (known_by, expected) in [
        (unique, Some("people")),
        ("7C9E6679742540DE944BE07FC1F90AE7", Some("people")),
        ("people", Some("people")),
        ("old", Some("old")),
        // Whatever may be a unique id is nothing else.
        (other, None),
        ("nobody", None),
    ] {
        let found = configuration.connector(known_by).map(|task| task.id.as_str());
        assert_eq!(found, expected, "{known_by}");
    }
}
