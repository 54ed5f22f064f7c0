//! What is read, and what is told about the rest.

use muster_dataset::Dataset;
use muster_model::configuration::{ConfigurationKind, Problems};
use serde_json::{Value, json};

use crate::{dataset, documents, told};

const KIND: ConfigurationKind = ConfigurationKind::ConnectorDefinition;

/// A connector definition with further fields.
fn definition(fields: &str) -> String {
    format!("<ConnectorDefinition id=\"d\"><name>D</name><type>ldap</type>{fields}</ConnectorDefinition>")
}

fn check(elements: &str, expected: &[&str]) {
    assert_eq!(told(&dataset(elements)), expected, "{elements}");
}

fn check_field(fields: &str, name: &str, expected: Value) {
    let found = documents(&dataset(&definition(fields)));
    assert_eq!(found[0].1[name], expected, "{fields}");
}

#[test]
fn fields_come_in_any_order_and_comments_do_not_disturb() {
    let text = "\u{feff}<?xml version='1.0' encoding='utf-8'?>\r\n<!-- ours -->\r\n<dataset>\r\n\
        <ConnectorDefinition id='d'>\r\n<!-- the type first --><type>ldap</type>\r\n\
        <connectorProperty><value>x<!-- half -->y</value><name>host</name></connectorProperty>\r\n\
        <name><![CDATA[a <b> & c]]> d&#x26;&lt;</name>\r\n\
        <connectorProperty><name>port</name></connectorProperty><maintenance> 1 </maintenance>\r\n\
        <limits><requestsPerSecond>\r\n 7 </requestsPerSecond></limits>\
        </ConnectorDefinition></dataset>\r\n<!-- end -->";
    let expected = json!({
        "id": "d", "name": "a <b> & c d&<", "type": "ldap",
        "connectorProperties": [{ "name": "host", "value": "xy" }, { "name": "port" }],
        "limits": { "requestsPerSecond": 7 }, "maintenance": true,
    });
    assert_eq!(documents(&Dataset::read(text.as_bytes().to_vec())), [(KIND, expected)]);
}

#[test]
fn any_prefix_is_taken_and_none() {
    for (open, close) in [
        (
            "<dataset><x:ConnectorDefinition xmlns:x='urn:muster:dataset:1' id='d'>",
            "</x:ConnectorDefinition></dataset>",
        ),
        (
            "<m:dataset xmlns:m='urn:muster:dataset:1' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' \
             xsi:schemaLocation='urn:muster:dataset:1 x.xsd'><ConnectorDefinition id='d'>",
            "</ConnectorDefinition></m:dataset>",
        ),
    ] {
        let text = format!("{open}<name>D</name><type>ldap</type>{close}");
        assert_eq!(documents(&Dataset::read(text.into_bytes())).len(), 1, "{open}");
    }
    let fields = "<x:name xmlns:x='urn:x'>D</x:name><name>D</name><y:type>t</y:type><type>ldap</type>";
    check(
        &format!("<ConnectorDefinition id=\"d\">{fields}</ConnectorDefinition>"),
        &[
            "2:29: `<name>` is of the foreign namespace `urn:x`; elements are of `urn:muster:dataset:1`, or of none",
            "2:77: `<type>` has the prefix `y`, which is not declared; elements are of `urn:muster:dataset:1`, or of none",
        ],
    );
    let include = "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='file:///etc/passwd'/>";
    assert!(told(&dataset(include))[0].contains("foreign namespace `http://www.w3.org/2001/XInclude`"));
}

#[test]
fn absent_empty_and_null_are_three() {
    let nil = "xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:nil='true'";
    check_field("", "description", Value::Null);
    check_field("<description/>", "description", json!(""));
    check_field("<description></description>", "description", json!(""));
    check_field("<description> </description>", "description", json!(" "));
    // Documents take null for absent.
    check_field(&format!("<description {nil}/>"), "description", Value::Null);
    check_field(
        "<description xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:nil='0'/>",
        "description",
        json!(""),
    );
    check_field("<limits/>", "limits", json!({}));
    check(
        &format!("<ConnectorDefinition id='d'><name {nil}/><type {nil}>x</type></ConnectorDefinition>"),
        &[
            "2:29: `<name>`: is required",
            "2:105: `<type>` says to be null and is not empty",
            "2:105: `<type>`: is required",
        ],
    );
}

#[test]
fn texts_are_taken_as_they_stand() {
    check_field("<description>  a\t\n b </description>", "description", json!("  a\t\n b "));
    check_field("<description>a\r\nb\rc&#13;&#10;d</description>", "description", json!("a\nb\nc\r\nd"));
    check_field(
        "<description escaped='true'>\\\\n\\u0001&lt;</description>",
        "description",
        json!("\\n\u{1}<"),
    );
    check_field("<description escaped='false'>\\n</description>", "description", json!("\\n"));
    for (fields, expected) in [
        (
            "<description escaped='true'>\\n</description>",
            "2:60: `<description>` has a backslash that begins nothing; write `\\\\` for a backslash and `\\u0001` for a character",
        ),
        (
            "<description>&#1;</description>",
            "2:73: `&#1;` is unknown; known are `&amp;`, `&lt;`, `&gt;`, `&apos;`, `&quot;` and \
             numbers of characters",
        ),
        (
            "<description>a\u{1}</description>",
            "2:73: the text has a control character, which XML cannot hold; write the text with escaped=\"true\" and it as \
             `\\u` and four digits",
        ),
        (
            "<maintenance escaped='true'>true</maintenance>",
            "2:60: unknown attribute `escaped` of `<maintenance>`; fields are elements",
        ),
    ] {
        check(&definition(fields), &[expected]);
    }
}

#[test]
fn everything_wrong_is_told_at_once_at_its_line_and_column() {
    check(
        "<ConectorDefinition id='a'/>\n\
         <ConnectorDefinition ID='a'>\n  <nmae>A</nmae>\n  <connectorProperties/>\n  <colour/>\n  <type>ldap</type>\n\
         </ConnectorDefinition>\n\
         <Application id='-'>\n  <id>x</id>text\n  <name><b/></name>\n  <name/>\n  <objectType>\n    \
         <objectKind>IDENTITTY</objectKind><objectClassId>c</objectClassId>\n    <guards><delete><count>ten</count></delete></guards>\n  \
         </objectType>\n</Application>\nstray\n<Secret/>",
        &[
            "2:1: unknown element `<ConectorDefinition>`; did you mean `<ConnectorDefinition>`?",
            "3:1: `<name>`: is required",
            "3:1: `id`: is required",
            "3:1: unknown attribute `ID` of `<ConnectorDefinition>`; did you mean `id`?",
            "4:3: unknown element `<nmae>`; did you mean `<name>`?",
            "5:3: unknown element `<connectorProperties>`; write one `<connectorProperty>` for each item of the list",
            "6:3: unknown element `<colour>`; known are `<name>`, `<description>`, `<type>`, `<connectorProperty>`, \
             `<limits>`, `<maintenance>`",
            "9:1: `<Application>` has text between its elements; what it says belongs into the elements of its fields",
            "9:1: `<connectorDefinitionId>`: is required",
            "9:1: `id`: `-` is not an application id: 1 to 128 characters of A-Z, a-z, 0-9, `.`, `_` and `-`, \
             beginning with a letter or digit",
            "10:3: `<id>` is an attribute, no element; write it as the attribute of `<Application>`",
            "11:9: `<b>` stands in `<name>`, which holds a text alone",
            "12:3: `<name>` stands here once more, and once is the most",
            "14:5: `<objectKind>`: is none of `IDENTITY`, `ORGANIZATION`, `RESOURCE`, `ROLE`, `ROLE_PUBLICATION`; \
             did you mean `IDENTITY`?",
            "15:21: `<count>`: is not a whole number",
            "17:15: there is text where only elements stand",
            "19:1: unknown element `<Secret>`; known are `<ConnectorDefinition>`, `<Application>`, \
             `<ApplicationProfile>`, `<SynchronizationTaskDefinition>`, \
             `<SynchronizationTaskPostProcessingDefinition>`, `<ProvisioningTaskDefinition>`, \
             `<ProvisioningTaskPostProcessingDefinition>`",
        ],
    );
}

#[test]
fn a_resource_stands_once() {
    let twice = format!("{}\n{}\n<Application id='d'/>", definition(""), definition(""));
    let found = told(&dataset(&twice));
    assert_eq!(found[0], "3:1: ConnectorDefinition `d` stands above already");
    // An application of the same id is another thing.
    assert!(
        found[1..].iter().all(|line| line.starts_with("4:1: `<") && line.ends_with("is required")),
        "{found:?}"
    );
}

#[test]
fn what_is_no_dataset_is_told_so() {
    for (text, expected) in [
        ("", "1:1: there is no `<dataset>`; the dataset is empty"),
        (" \n", "2:1: there is no `<dataset>`; the dataset is empty"),
        (
            "<datasets/>",
            "1:1: `<datasets>` is no dataset; the root is `<dataset xmlns=\"urn:muster:dataset:1\">`",
        ),
        (
            "<dataset>\n<Application id='a'>",
            "2:1: `<Application>` is not closed; the dataset may be cut short",
        ),
        ("<dataset>\n</datasets>", "2:1: the text is no XML from here on: expected `</dataset>`, but"),
        (
            "<dataset>\n <a",
            "2:2: the text is no XML from here on: tag not closed: `>` not found before end of input",
        ),
        ("<dataset/><dataset/>", "1:11: `<dataset>` stands behind the end of the dataset; put it before"),
        (
            "<dataset/>\n<ConnectorDefinition id='x'><name>X</name><type>csv</type></ConnectorDefinition>",
            "2:1: `<ConnectorDefinition>` stands behind the end of the dataset; put it before `</dataset>`",
        ),
        ("<?xml version='1.1'?><dataset/>", "1:1: the version of XML is another than 1.0"),
        (
            "<?xml version='1.0' encoding='latin1'?><dataset/>",
            "1:1: the encoding is said to be `latin1`, but the text is UTF-8",
        ),
        (
            " <?xml version='1.0'?><dataset/>",
            "1:2: the XML declaration stands at the very beginning, or not at all; remove it",
        ),
        ("<dataset><?php x?></dataset>", "1:10: there is a processing instruction; remove it"),
        ("<dataset version='1'/>", "1:1: unknown attribute `version`"),
        ("<dataset>&nbsp;</dataset>", "1:10: `&nbsp;` is unknown"),
        (
            "<!-- a -- b --><dataset/>",
            "1:8: the text is no XML from here on: forbidden string `--` was found in a comment",
        ),
    ] {
        let found = told(&Dataset::read(text.as_bytes().to_vec()));
        assert!(found.first().is_some_and(|line| line.starts_with(expected)), "{text}: {found:?}");
    }
    let found = told(&Dataset::read(b"<dataset>\n\xc3\xa9\xff</dataset>".to_vec()));
    assert_eq!(found, ["2:2: the text is no UTF-8 from here on; save it as UTF-8"]);
    let found = told(&Dataset::read(b"\xff\xfe<\0d\0".to_vec()));
    assert_eq!(found, ["1:1: the text is no UTF-8 from here on; save it as UTF-8"]);
}

#[test]
fn an_empty_dataset_is_one() {
    for text in ["<dataset/>", "<dataset xmlns='urn:muster:dataset:1'>\n</dataset>\n<!-- of July -->\n"] {
        let dataset = Dataset::read(text.as_bytes().to_vec());
        assert!(dataset.is_sound() && dataset.entries().is_empty());
        assert!(dataset.problems(&Problems::new()).is_empty());
    }
}
