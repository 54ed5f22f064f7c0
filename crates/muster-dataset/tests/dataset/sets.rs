//! Problems between resources, at their places in the dataset.

use muster_model::configuration::{Configuration, Problems, Resource};

use crate::{dataset, told};

const TWO: &str = "<ConnectorDefinition id='d'>\n<name>D</name><type>csv</type></ConnectorDefinition>\n\
    <Application id='a'>\n<name>A</name><connectorDefinitionId>d</connectorDefinitionId>\n\
    <objectClass><id>c</id><remoteName>c</remoteName><uidAttribute>u</uidAttribute></objectClass>\n\
    <objectClass><id>e</id><remoteName>e</remoteName>\n<uidAttribute>u</uidAttribute></objectClass></Application>\n\
    <ApplicationProfile id='p'><name>P</name><applicationId>b</applicationId>\n\
    <objectKind>ROLE</objectKind></ApplicationProfile>";

#[test]
fn what_others_have_against_a_resource_is_told_at_its_place() {
    let dataset = dataset(TWO);
    assert_eq!(told(&dataset), [""; 0]);
    let mut problems = Problems::new();
    for pointer in [
        "/connector-definitions/d",
        "/connector-definitions/d/connectorProperties/3",
        "/applications/a/objectClasses",
        "/applications/a/objectClasses/1/uidAttribute",
        "/applications/a/id",
        "/applications/b/name",
        "/application-profiles/p/applicationId",
        "/colours/p",
        "",
    ] {
        problems.add(pointer, format!("at {pointer}; did you mean `x`?"));
        assert_eq!(
            dataset.has(pointer),
            pointer.starts_with("/con") || pointer.contains("s/a/") || pointer.contains("s/p/a")
        );
    }
    let found: Vec<_> = dataset.problems(&problems).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "2:1: `<ConnectorDefinition>`: at /connector-definitions/d; did you mean `x`?",
            "2:1: `<connectorProperty>`: at /connector-definitions/d/connectorProperties/3; did you mean `x`?",
            "4:1: `id`: at /applications/a/id; did you mean `x`?",
            "6:1: `<objectClass>`: at /applications/a/objectClasses; did you mean `x`?",
            "8:1: `<uidAttribute>`: at /applications/a/objectClasses/1/uidAttribute; did you mean `x`?",
            "9:42: `<applicationId>`: at /application-profiles/p/applicationId; did you mean `x`?",
        ]
    );
}

#[test]
fn references_lead_into_the_dataset_or_to_what_there_is() {
    let dataset = dataset(&TWO.replace("<name>A</name>", "<name>A</name><colour/>"));
    assert!(dataset.is_whole() && !dataset.is_sound());
    let application = |id: &str| -> Resource {
        let text = format!(
            "<Application id='{id}'><name>B</name><connectorDefinitionId>d</connectorDefinitionId></Application>"
        );
        crate::dataset(&text).entries()[0].sound().unwrap().1.clone()
    };
    let dangling = dataset.dangling(&Configuration::default());
    assert_eq!(dangling.to_string(), "/application-profiles/p/applicationId: there is no Application `b`");
    let others: Configuration = [application("b")].into_iter().collect();
    assert!(dataset.dangling(&others).is_empty());
}
