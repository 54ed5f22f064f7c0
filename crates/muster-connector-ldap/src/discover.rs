//! What a server offers: its structural classes with their attributes, as its schema has them.

use std::collections::BTreeSet;

use muster_connector::{OfferedAttribute, OfferedClass, RemoteClass};
use muster_model::AttributeName;

use crate::layout::DN;
use crate::schema::Schema;

/// What every entry has besides, as far as the server knows it: keys that it gives, and times.
const OPERATIONAL: [&str; 6] =
    ["entryUUID", "nsUniqueId", "objectGUID", "createTimestamp", "modifyTimestamp", "memberOf"];

/// The structural classes of a schema, and those that are asked for.
pub(crate) fn offered(schema: &Schema, classes: &[RemoteClass]) -> Vec<OfferedClass> {
    let mut names: BTreeSet<String> = schema.structural();
    for class in classes {
        // As it is spelt in the configuration.
        names.retain(|name| !name.eq_ignore_ascii_case(&class.remote_name));
        if schema.class(&class.remote_name).is_some() {
            names.insert(class.remote_name.clone());
        }
    }
    names.iter().map(|name| offered_class(schema, name, classes)).collect()
}

fn offered_class(schema: &Schema, name: &str, classes: &[RemoteClass]) -> OfferedClass {
    let mut attributes: Vec<OfferedAttribute> = schema
        .attributes_of(name)
        .into_iter()
        .map(|(attribute, required)| OfferedAttribute { required, ..described(schema, &attribute) })
        .collect();
    let has = |attributes: &[OfferedAttribute], name: &str| {
        attributes.iter().any(|known| known.name.as_str().eq_ignore_ascii_case(name))
    };
    for operational in OPERATIONAL.iter().filter(|name| schema.attribute(name).is_some()) {
        if !has(&attributes, operational) {
            let is_key = !operational.contains("Timestamp") && *operational != "memberOf";
            attributes.push(OfferedAttribute {
                writable: false,
                unique: is_key,
                ..described(schema, operational)
            });
        }
    }
    attributes.push(OfferedAttribute {
        remote_type: Some("distinguished name of the entry".to_owned()),
        unique: true,
        ..OfferedAttribute::new(DN)
    });
    let asked = classes.iter().find(|class| class.remote_name == name);
    let memberships = asked.and_then(|class| class.membership.as_ref()).into_iter();
    attributes.extend(memberships.map(|membership| OfferedAttribute {
        remote_type: Some(format!("keys of {}", membership.remote_name)),
        multi_valued: true,
        ..OfferedAttribute::new(membership.attribute.as_str())
    }));
    attributes.sort_by(|one, other| one.name.cmp(&other.name));
    let description = schema.class(name).and_then(|class| class.description.clone());
    OfferedClass { remote_name: name.to_owned(), description, attributes }
}

fn described(schema: &Schema, name: &str) -> OfferedAttribute {
    let known = schema.attribute(name).unwrap_or_default();
    OfferedAttribute {
        remote_type: known.syntax,
        multi_valued: !known.single,
        writable: !known.read_only,
        ..OfferedAttribute::new(AttributeName::from(name))
    }
}
