//! Hostile datasets: refused before they cost anything, which the number of events looked at tells.

use muster_dataset::{Dataset, limits};

use crate::told;

/// Few enough to take a few milliseconds.
const FEW: usize = 5_000;

fn check(what: &str, text: Vec<u8>, most_events: usize, expected: &str) {
    let dataset = Dataset::read(text);
    assert!(!dataset.is_sound(), "{what}");
    assert!(dataset.events() <= most_events, "{what}: {} events", dataset.events());
    let found = told(&dataset);
    assert!(found.len() <= limits::PROBLEMS, "{what}: {} problems", found.len());
    assert!(found.iter().any(|line| line.contains(expected)), "{what}: {:?}", &found[..found.len().min(3)]);
}

fn within(inside: &str) -> Vec<u8> {
    format!("<dataset>{inside}</dataset>").into_bytes()
}

#[test]
fn entities_of_ones_own_are_refused_at_once() {
    let bomb = "<?xml version=\"1.0\"?>\n<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol1 \"&lol;&lol;&lol;&lol;\">\
        <!ENTITY lol2 \"&lol1;&lol1;&lol1;&lol1;\">]>\n<dataset><Application id=\"a\"><name>&lol2;</name></Application></dataset>";
    check("a bomb", bomb.into(), 3, "2:1: there is a document type declaration");
    let external = "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><dataset/>";
    check("an external DTD", external.into(), 1, "there is a document type declaration");
    check("unknown entities", within(&"&lol;".repeat(100_000)), 2 * FEW, "`&lol;` is unknown");
}

#[test]
fn depth_is_refused_where_it_begins_to_be_one() {
    let deep = "<a>".repeat(900_000);
    check("unknown elements", within(&deep), limits::DEPTH + 3, "deeper than 32 elements");
    let deep = format!("<Application id='a'>{}", "<objectType>".repeat(100_000));
    check("known elements", within(&deep), FEW, "deeper than 32 elements");
}

#[test]
fn width_is_refused_before_anything_is_read() {
    let much = |piece: &str| within(&piece.repeat(limits::MARKUP + 1));
    check("elements", much("<a/>"), 0, "more than 1000000 elements and comments");
    check("comments", much("<!---->"), 0, "more than 1000000 elements and comments");
    check("sections", much("<![CDATA[]]>"), 0, "more than 1000000 elements and comments");
    check("unknown elements", within(&"<a/>".repeat(500_000)), FEW, "unknown element `<a>`");
    let resource = format!("<Application id='a'>{}</Application>", "<objectClass/>".repeat(400_000));
    check("items that lack all", within(&resource), FEW, "more than 1000 elements lack something required");
    let group = "<group>g</group>".repeat(limits::RESOURCE_ELEMENTS + 1);
    let resource = format!("<SynchronizationTaskDefinition id='a'>{group}</SynchronizationTaskDefinition>");
    check(
        "items",
        within(&resource),
        3 * limits::RESOURCE_ELEMENTS + FEW,
        "the resource has more than 300000 elements",
    );
    check("resources without id", within(&"<Application/>".repeat(500_000)), FEW, "is required");
}

#[test]
fn huge_texts_are_refused() {
    let huge = "x".repeat(limits::TEXT + 1);
    let name = |text: &str| within(&format!("<Application id='a'><name>{text}</name></Application>"));
    check("a text", name(&huge), 9, "longer than 1048576 octets");
    check("a section", name(&format!("<![CDATA[{huge}]]>")), 9, "longer than 1048576 octets");
    check(
        "pieces",
        name(&format!("{0}<!-- -->{0}", &huge[..limits::TEXT / 2 + 1])),
        9,
        "longer than 1048576 octets",
    );
    check("references", name(&"&#97;".repeat(1_000_000)), limits::TEXT / 5 + 9, "longer than 1048576 octets");
    check("an attribute", within(&format!("<Application id='{huge}'/>")), 2, "longer than 1048576 octets");
    check("a name", within(&format!("<{huge}/>")), 9, "unknown element `<xxx");
    let large = vec![b' '; limits::OCTETS + 1];
    check("a dataset", large, 0, "larger than 33554432 octets");
}

#[test]
fn many_attributes_are_refused() {
    let attributes = |count: usize| (0..count).map(|index| format!(" a{index}='x'")).collect::<String>();
    let resource = |count| within(&format!("<Application{}/>", attributes(count)));
    check("attributes", resource(100_000), 2, "more than 16 attributes");
    let declarations: String = (0..100_000).map(|index| format!(" xmlns:a{index}='urn:x'")).collect();
    check("declarations", within(&format!("<Application{declarations}/>")), 2, "more than 16 attributes");
    let found = told(&Dataset::read(resource(limits::ATTRIBUTES)));
    assert!(!found.iter().any(|line| line.contains("more than")), "{found:?}");
}

#[test]
fn as_many_problems_are_told_as_anybody_reads() {
    let one = "<ConnectorDefinition id='a'><x/></ConnectorDefinition>".repeat(FEW);
    let dataset = Dataset::read(within(&one));
    let found = told(&dataset);
    assert_eq!(found.len(), limits::PROBLEMS);
    assert!(dataset.events() < 4 * FEW && !dataset.is_whole());
    assert!(found.iter().any(|line| line.contains("more than 1000 problems")));
}
