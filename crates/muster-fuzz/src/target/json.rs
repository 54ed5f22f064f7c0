//! JSON bodies: read as documents of every kind. What is in order can be written and read again, and stays what it is.

/// The reader of bodies itself. The rest of its crate is a server, too much to be built observed.
#[path = "../../../muster-api/src/members.rs"]
mod members;

use muster_model::configuration::document::reader::Leniency;
use muster_model::configuration::{ConfigurationKind, Document};
use serde::de::DeserializeSeed as _;
use serde_json::Value;

use members::Unambiguous;

pub(crate) fn run(octets: &[u8]) {
    let Ok(value) = read(octets) else { return };
    let written = value.to_string();
    assert_eq!(read(written.as_bytes()).ok().as_ref(), Some(&value));
    for kind in ConfigurationKind::ALL {
        let Ok(document) = Document::read(kind, &value, Leniency::Strict) else { continue };
        let again = Document::read(kind, &document.to_value(), Leniency::Strict);
        assert_eq!(again.as_ref(), Ok(&document), "{kind:?}");
        if let Ok(resource) = document.parse() {
            let of_resource = Document::from(&resource);
            assert_eq!(of_resource.parse().as_ref(), Ok(&resource), "{kind:?}");
        }
    }
}

/// As a body is read.
fn read(octets: &[u8]) -> serde_json::Result<Value> {
    let mut reader = serde_json::Deserializer::from_slice(octets);
    let value = Unambiguous.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}
