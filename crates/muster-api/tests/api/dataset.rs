//! Datasets: imported whole or not at all, exported as the same octets, refused line by line.

use muster_dataset::limits;
use muster_model::configuration::ConfigurationKind;
use muster_store::{ResourceChanges, ResourceWrite, StoreError, Written};
use muster_testkit::http::{Answer, Client};
use muster_testkit::server::Staff;
use muster_testkit::world::on_each_database;
use serde_json::{Value, json};

use crate::world::{
    application, conf, configured, connector_definition, expect_error, profile, provisioning_task, server,
    synchronization_task, target,
};

const XML: (&str, &str) = ("content-type", "application/xml");

/// A dataset of these documents.
fn dataset(documents: &[(ConfigurationKind, Value)]) -> String {
    muster_dataset::write(documents.iter().map(|(kind, document)| (*kind, document)))
}

/// One resource of each kind.
fn all_kinds() -> Vec<(ConfigurationKind, Value)> {
    let report =
        json!({"id": "report", "launch": [{"taskDefinitionId": "accounts", "outcomes": ["SUCCESS"]}]});
    vec![
        (ConfigurationKind::ConnectorDefinition, connector_definition("memory")),
        (ConfigurationKind::Application, application("hr")),
        (ConfigurationKind::Application, target("payroll")),
        (ConfigurationKind::ApplicationProfile, profile("all", "payroll")),
        (ConfigurationKind::SynchronizationTaskDefinition, synchronization_task("hr-import")),
        (ConfigurationKind::SynchronizationTaskPostProcessingDefinition, report.clone()),
        (ConfigurationKind::ProvisioningTaskDefinition, provisioning_task("accounts")),
        (ConfigurationKind::ProvisioningTaskPostProcessingDefinition, report),
    ]
}

fn import(client: &Client, query: &str, text: &str) -> Answer {
    client.send("POST", &conf("acme", &format!("dataset/import{query}")), &[XML], text.as_bytes())
}

fn export(client: &Client, query: &str) -> String {
    let answer = client.get(&conf("acme", &format!("dataset/export{query}"))).expect(200);
    assert_eq!(answer.header("content-type"), "application/xml");
    answer.text().to_owned()
}

/// What a report says of each resource.
fn results(answer: Answer) -> Vec<String> {
    let report = answer.expect(200).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let resources = report["resources"].as_array().unwrap();
    let told = resources.iter().map(|one| format!("{} {}", text(&one["id"]), text(&one["result"])));
    told.collect()
}

/// The places that a refusal names, with what it says there.
fn told(answer: Answer) -> Vec<String> {
    let error = expect_error(answer, 400, "VALIDATION_FAILED");
    let properties = error["properties"].as_object().unwrap();
    properties.iter().map(|(place, said)| format!("{place} {}", said.as_str().unwrap())).collect()
}

#[test]
fn all_kinds_are_imported_and_exported_as_the_same_octets() {
    let (server, admin) = server(Staff::Absent);
    assert_eq!(export(&admin, "").lines().count(), 3);
    let text = dataset(&all_kinds());
    let report = import(&admin, "", &text).expect(200).json();
    assert_eq!(report["counts"], json!({"created": 8, "updated": 0, "unchanged": 0, "deleted": 0}));
    assert_eq!((&report["dryRun"], &report["mode"]), (&false.into(), &"MERGE".into()));
    assert_eq!(report["types"].as_array().unwrap().len(), 7);
    let first = json!({"kind": "ConnectorDefinition", "id": "memory", "result": "created", "fields": []});
    assert_eq!(report["resources"][0], first);

    // What is made is made as if it had been created one by one.
    for (kind, document) in all_kinds() {
        let path = conf("acme", &format!("{}/{}", kind.path_segment(), document["id"].as_str().unwrap()));
        let mut saved = admin.get(&path).expect(200).json();
        if kind == ConfigurationKind::SynchronizationTaskDefinition {
            assert!(saved["uniqueId"].is_string());
            saved.as_object_mut().unwrap().remove("uniqueId");
        }
        assert_eq!(saved, document);
    }
    let exported = export(&admin, "");
    let again = import(&admin, "?mode=REPLACE", &exported).expect(200).json();
    assert_eq!(again["counts"]["unchanged"], 8);
    assert_eq!(export(&admin, ""), exported);

    // Another tenant that takes it has the same; this one keeps its task's unique id.
    server.make_tenant("other");
    let other = server.make_token("other", "admin");
    let path = "/other/api/sync/conf/dataset";
    let _ = other.send("POST", &format!("{path}/import"), &[XML], exported.as_bytes()).expect(200);
    assert_eq!(other.get(&format!("{path}/export")).text(), exported);
    assert!(results(import(&admin, "", &text)).iter().all(|line| line.ends_with("unchanged")));
}

#[test]
fn fields_that_change_are_told() {
    let (_server, admin) = server(Staff::Absent);
    let _ = import(&admin, "", &dataset(&all_kinds())).expect(200);
    let mut changed = connector_definition("memory");
    changed["name"] = "Other".into();
    changed["description"] = "new".into();
    let text = dataset(&[(ConfigurationKind::ConnectorDefinition, changed)]);
    for query in ["?dryRun=true", "?dryRun=false"] {
        let report = import(&admin, query, &text).expect(200).json();
        assert_eq!(
            report["resources"],
            json!([{"kind": "ConnectorDefinition", "id": "memory", "result": "updated", "fields": [
                {"pointer": "/name", "before": "Memory", "after": "Other"},
                {"pointer": "/description", "after": "new"},
            ]}])
        );
        assert_eq!(report["dryRun"], query.ends_with("true"));
        let saved = admin.get(&conf("acme", "connector-definitions/memory")).json();
        assert_eq!(saved["name"] == "Other", query.ends_with("false"), "{query}");
    }
}

#[test]
fn a_trial_writes_nothing() {
    let (server, admin) = server(Staff::Absent);
    let version = || server.block_on(server.tenant("acme").configuration_version()).unwrap();
    let (empty, before) = (export(&admin, ""), version());
    let mut documents = all_kinds();
    documents[4].1["directoryId"] = "branch".into();
    let text = dataset(&documents);
    assert_eq!(results(import(&admin, "?dryRun=true", &text)).len(), 8);
    let directories = || server.block_on(server.tenant("acme").directories()).unwrap().len();
    assert_eq!((export(&admin, ""), version(), directories()), (empty, before, 1));
    let _ = import(&admin, "", &text).expect(200);
    assert_eq!(directories(), 2);
    // Neither does an import that changes nothing.
    let written = version();
    let _ = import(&admin, "", &text).expect(200);
    assert_eq!(version(), written);
}

#[test]
fn what_a_dataset_lacks_goes_when_it_replaces() {
    let (_server, admin) = server(Staff::Absent);
    let _ = import(&admin, "", &dataset(&all_kinds())).expect(200);
    let kept: Vec<_> = all_kinds().into_iter().take(3).collect();
    let text = dataset(&kept);
    assert_eq!(results(import(&admin, "", &text)), ["memory unchanged", "hr unchanged", "payroll unchanged"]);
    let replaced = results(import(&admin, "?mode=REPLACE&dryRun=true", &text));
    assert_eq!(replaced.iter().filter(|line| line.ends_with("deleted")).count(), 5, "{replaced:?}");
    // Only of the kinds that are meant, of which it may have none.
    let limited = "?mode=REPLACE&types=ApplicationProfile,ConnectorDefinition";
    assert_eq!(results(import(&admin, limited, &text)), ["memory unchanged", "all deleted"]);
    let exported = export(&admin, "?types=ApplicationProfile,Application");
    assert!(exported.contains("<Application id=\"hr\">") && !exported.contains("ConnectorDefinition id"));
    assert!(!exported.contains("ApplicationProfile"));

    // What others still refer to does not go.
    let lone = "?mode=REPLACE&types=ConnectorDefinition";
    let found = told(import(&admin, lone, &dataset(&[])));
    let expected = |id: &str| {
        format!("applications/{id}#/connectorDefinitionId there is no ConnectorDefinition `memory`")
    };
    assert_eq!(found, [expected("hr"), expected("payroll")]);
    assert_eq!(results(import(&admin, "?mode=REPLACE", &dataset(&[]))).len(), 7);
    assert_eq!(export(&admin, "").lines().count(), 3);
}

#[test]
fn what_a_live_run_uses_stays() {
    let (_server, admin) = configured(Staff::Absent);
    let instances = "/acme/api/sync/sync-tasks/hr-import/instances";
    let id = admin.post_nothing(instances).expect(200).text().to_owned();
    for query in ["?mode=REPLACE", "?mode=REPLACE&dryRun=true"] {
        let error = expect_error(import(&admin, query, &dataset(&[])), 409, "CONFLICT");
        assert!(error["properties"].get(&id).is_some(), "{error}");
        let said = error["description"].as_str().unwrap();
        for used in ["ConnectorDefinition `memory`", "Application `hr`", "`hr-import`"] {
            assert!(said.contains(used), "{said}");
        }
    }
    // It may be replaced, as by PUT.
    let mut changed = synchronization_task("hr-import");
    changed["name"] = "Renamed".into();
    let text = dataset(&[(ConfigurationKind::SynchronizationTaskDefinition, changed)]);
    assert_eq!(results(import(&admin, "", &text)), ["hr-import updated"]);
    let _ = admin.post_nothing(&format!("{instances}/{id}/~cancel")).expect(200);
    assert_eq!(results(import(&admin, "?mode=REPLACE", &dataset(&[]))).len(), 3);
}

#[test]
fn everything_wrong_is_told_with_line_and_column_and_nothing_is_written() {
    let (_server, admin) = configured(Staff::Absent);
    let before = export(&admin, "");
    // Of their own, and what they refer to.
    let text = "<dataset>\n<ConnectorDefinition id='new'><nmae>N</nmae><type>memory</type></ConnectorDefinition>\n\
        <Application id='a'><name>A</name><connectorDefinitionId>new</connectorDefinitionId></Application>\n\
        <Application id='b'><name>B</name><connectorDefinitionId>memory</connectorDefinitionId></Application>\n\
        <Application id='c'><name>C</name>\n  <connectorDefinitionId>unknown</connectorDefinitionId></Application>\n\
        </dataset>";
    assert_eq!(
        told(import(&admin, "", text)),
        [
            "2:1 `<name>`: is required",
            "2:31 unknown element `<nmae>`; did you mean `<name>`?",
            "6:3 `<connectorDefinitionId>`: there is no ConnectorDefinition `unknown`",
        ]
    );
    // Between them, with the connector, and what they do to others.
    let mut hr = application("hr");
    hr["objectClasses"][0]["id"] = "badge".into();
    hr["objectTypes"][0]["objectClassId"] = "badge".into();
    hr["objectTypes"][0]["attributeMappings"][1] =
        json!({"attribute": "name", "direction": "INBOUND", "strategy": "CUSTOM", "rule": "upper(name"});
    let mut memory = connector_definition("other");
    memory["connectorProperties"] = json!([{"name": "host", "value": "h"}]);
    let text = dataset(&[
        (ConfigurationKind::ConnectorDefinition, memory),
        (ConfigurationKind::Application, hr),
        (ConfigurationKind::ApplicationProfile, profile("all", "hr")),
    ]);
    let found = told(import(&admin, "", &text));
    let places: Vec<_> = found.iter().map(|line| line.split(' ').next().unwrap()).collect();
    let line =
        |part: &str| text.lines().enumerate().filter(|(_, line)| line.contains(part)).last().unwrap().0 + 1;
    let mut expected = vec![
        format!("{}:5", line("<objectKind>")),
        format!("{}:5", line("<connectorProperty>")),
        format!("{}:9", line("<rule>")),
        "sync-task-definitions/hr-import#/objectClassId".to_owned(),
    ];
    expected.sort();
    let mut places: Vec<_> = places.into_iter().map(str::to_owned).collect();
    places.sort();
    assert_eq!(places, expected, "{found:?}\n{text}");
    assert_eq!(export(&admin, ""), before);
}

#[test]
fn a_unique_id_stays_and_is_one_task_s_alone() {
    let (_server, admin) = configured(Staff::Absent);
    let kind = ConfigurationKind::SynchronizationTaskDefinition;
    let unique_id = admin.get(&conf("acme", "sync-task-definitions/hr-import")).json()["uniqueId"].clone();
    let task = |id: &str, unique_id: Value| {
        let mut task = synchronization_task(id);
        task["uniqueId"] = unique_id;
        (kind, task)
    };
    let other = json!("0192f3a4-1111-7222-8333-444455556666");
    let found = told(import(&admin, "", &dataset(&[task("hr-import", other.clone())])));
    assert!(found[0].starts_with("8:5 `<uniqueId>`: is `0192f3a4"), "{found:?}");
    let twins = dataset(&[task("a", other.clone()), task("b", other), task("c", unique_id)]);
    let found = told(import(&admin, "", &twins));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].ends_with("is that of task `a` already"), "{found:?}");
    assert!(found[1].ends_with("is that of task `hr-import` already"), "{found:?}");
}

#[test]
fn what_is_no_dataset_is_refused() {
    let (_server, admin) = server(Staff::Absent);
    let path = conf("acme", "dataset/import");
    let text = dataset(&all_kinds());
    for headers in [
        vec![],
        vec![("content-type", "application/json")],
        vec![("content-type", "application/xml; charset=iso-8859-1")],
        vec![XML, ("content-encoding", "gzip")],
    ] {
        expect_error(admin.send("POST", &path, &headers, text.as_bytes()), 415, "UNSUPPORTED_MEDIA_TYPE");
    }
    for (text, expected) in [
        ("", "1:1 there is no `<dataset>`; the dataset is empty"),
        (
            "<dataset>\n<Application",
            "2:1 the text is no XML from here on: tag not closed: `>` not found before end of input",
        ),
        (
            "<!DOCTYPE d [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><dataset>&x;</dataset>",
            "1:1 there is a document type declaration; remove it; neither a DTD nor entities of one's own are taken",
        ),
    ] {
        assert_eq!(told(import(&admin, "", text)), [expected]);
    }
    let large = " ".repeat(limits::OCTETS + 1);
    expect_error(import(&admin, "", &large), 413, "TOO_LARGE");
    let query = "?mode=APPEND&dryRun=maybe&types=People";
    expect_error(import(&admin, query, &text), 400, "VALIDATION_FAILED");
    assert_eq!(export(&admin, "").lines().count(), 3);
    let typed = [("content-type", "Text/XML; charset=\"UTF-8\"")];
    assert_eq!(results(admin.send("POST", &path, &typed, text.as_bytes())).len(), 8);
}

#[test]
fn the_schema_is_served() {
    let (_server, admin) = server(Staff::Absent);
    let answer = admin.get(&conf("acme", "dataset/schema")).expect(200);
    assert_eq!(
        (answer.header("content-type"), answer.text()),
        ("application/xml", muster_dataset::schema().as_str())
    );
}

#[test]
fn many_resources_are_written_by_few_statements_or_not_at_all() {
    const MANY: usize = 2_600;
    on_each_database(async |database| {
        let slug = "acme".parse().unwrap();
        let tenant = database.store().create_tenant(&slug, chrono::Utc::now()).await.unwrap();
        let tenant = tenant.counting_its_own();
        let write = |kind: usize, index: usize, written: Written| {
            ResourceWrite::new(u8::try_from(kind).unwrap(), format!("r{index:05}"), written)
        };
        let checked = tenant.configuration_version().await.unwrap();
        let created = |index| write(index % 7, index, Written::Created("{}".to_owned()));
        let directories = vec!["main".parse().unwrap(), "branch".parse().unwrap()];
        let before = tenant.statements();
        let changes =
            ResourceChanges { directories, ..ResourceChanges::of((0..MANY).map(created).collect()) };
        tenant.write_resources(checked, &changes).await.unwrap();
        assert!(tenant.statements() - before < 30, "{}", tenant.statements() - before);
        assert_eq!(tenant.resources().await.unwrap().len(), MANY);
        assert_eq!(tenant.directories().await.unwrap().len(), 2);

        // The version has moved on, so nothing of what was checked against the old one is written.
        let writes = vec![write(0, 0, Written::Updated("[]".to_owned())), write(1, 1, Written::Deleted)];
        let directories = vec!["late".parse().unwrap()];
        let late = ResourceChanges { directories, ..ResourceChanges::of(writes) };
        let refused = tenant.write_resources(checked, &late).await;
        assert!(matches!(refused, Err(StoreError::ConfigurationMoved)), "{refused:?}");
        assert_eq!(tenant.directories().await.unwrap().len(), 2, "what is refused leaves no directory");
        let first =
            |rows: Vec<muster_store::StoredResource>| (rows.len(), rows[0].version, rows[0].body.clone());
        assert_eq!(first(tenant.resources().await.unwrap()), (MANY, 1, "{}".to_owned()));
        let checked = tenant.configuration_version().await.unwrap();
        tenant.write_resources(checked, &late).await.unwrap();
        assert_eq!(first(tenant.resources().await.unwrap()), (MANY - 1, 2, "[]".to_owned()));

        let rows = tenant.resources().await.unwrap().into_iter();
        let delete = rows.map(|row| ResourceWrite::new(row.kind, row.id, Written::Deleted)).collect();
        let checked = tenant.configuration_version().await.unwrap();
        let before = tenant.statements();
        tenant.write_resources(checked, &ResourceChanges::of(delete)).await.unwrap();
        assert!(tenant.statements() - before < 30, "{}", tenant.statements() - before);
        assert_eq!(tenant.resources().await.unwrap(), []);
    });
}
