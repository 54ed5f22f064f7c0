//! Classes of applications as their connectors want them.

use muster_connector::{RemoteAttribute, RemoteClass, RemoteMembership};
use muster_model::AttributeName;
use muster_model::configuration::application::{Application, MembershipHolder, ObjectClass};

/// A class of an application as its connector wants it.
pub(crate) fn remote_class(application: &Application, class: &ObjectClass) -> RemoteClass {
    remote_class_among(&application.object_classes, class)
}

/// One of these classes as its connector wants it.
pub(crate) fn remote_class_among(classes: &[ObjectClass], class: &ObjectClass) -> RemoteClass {
    let mut attributes: Vec<RemoteAttribute> = class
        .attributes
        .iter()
        .map(|attribute| RemoteAttribute {
            name: attribute.name.clone(),
            multi_valued: attribute.multi_valued,
        })
        .collect();
    let name = class.name_attribute.as_ref().filter(|_| !attributes.is_empty());
    if let Some(name) = name.filter(|name| attributes.iter().all(|known| known.name != **name)) {
        attributes.push(RemoteAttribute { name: name.clone(), multi_valued: false });
    }
    let mut entitlements = classes.iter().filter(|other| other.id != class.id);
    RemoteClass {
        remote_name: class.remote_name.clone(),
        uid_attribute: class.uid_attribute.clone(),
        name_attribute: class.name_attribute.clone(),
        attributes,
        membership: entitlements.find_map(remote_membership),
    }
}

/// The entitlements of a class, if they and not the accounts hold who is a member.
fn remote_membership(entitlements: &ObjectClass) -> Option<RemoteMembership> {
    let membership = entitlements.membership.as_ref()?;
    (membership.held_by == MembershipHolder::Entitlement).then(|| RemoteMembership {
        attribute: entitlements_attribute(entitlements),
        remote_name: entitlements.remote_name.clone(),
        uid_attribute: entitlements.uid_attribute.clone(),
        member_attribute: membership.attribute.clone(),
    })
}

/// The attribute that accounts seem to have where their entitlements hold who is a member: the id of their class.
pub(crate) fn entitlements_attribute(entitlements: &ObjectClass) -> AttributeName {
    AttributeName::from(entitlements.id.as_str())
}
